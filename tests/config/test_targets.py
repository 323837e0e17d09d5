import pytest

from esc50.config.targets import build, check_target, locate
from esc50.errors import UserError


class Net:
    """A class such as a user brings."""

    def __init__(self, width: int, n_classes: int, depth: int = 2):
        self.made_of = (width, n_classes, depth)


NET = {"_target_": "tests.config.test_targets.Net", "width": 3}


def test_a_class_a_function_and_a_nested_name_are_found():
    assert locate("data", "esc50.errors.UserError") is UserError
    assert locate("data", "os.path.join")("a", "b") == "a/b"
    assert locate("data", "collections.OrderedDict.fromkeys")("ab")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (None, "data._target_=null is invalid: it takes a class or a function, as package.module."),
        ("Clips", "data._target_=Clips is invalid: it takes a class"),
        (5, "data._target_=5 is invalid: it takes a class"),
        ("nowhere.Clips", "data._target_=nowhere.Clips is invalid: No module named 'nowhere'"),
        ("esc50.errors.Missing", "has no attribute 'Missing'"),
        ("math.tau", "data._target_=math.tau is invalid: it names something else than a class"),
        ("tests.config.broken.Net", "ZeroDivisionError"),
    ],
)
def test_what_names_nothing_callable_is_refused(target, words):
    with pytest.raises(UserError) as caught:
        locate("data", target)
    assert words in str(caught.value)


def test_what_a_section_names_is_built_with_what_the_run_adds():
    assert build("model", NET, {"n_classes": 5, "size": (1, 1)}).made_of == (3, 5, 2)
    later = build("model", {**NET, "_partial_": True})
    assert later(n_classes=7, depth=1).made_of == (3, 7, 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"widht": 4}, "model.widht is not an argument of tests.config.test_targets.Net: did you"),
        ({"zzz": 4}, "model.zzz is not an argument of tests.config.test_targets.Net: it has depth"),
    ],
)
def test_an_argument_that_is_not_one_is_refused(changes, words):
    with pytest.raises(UserError) as caught:
        check_target("model", NET | changes, {"n_classes": 5})
    assert words in str(caught.value)


def test_an_argument_that_is_lacking_is_named():
    with pytest.raises(UserError, match=r"needs n_classes: give it as model\.n_classes="):
        check_target("model", NET, {})
