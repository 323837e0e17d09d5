import pytest

from esc50.config.target import find_class
from esc50.errors import UserError


def test_a_class_is_found_by_its_target():
    assert find_class("data", {"_target_": "esc50.errors.UserError", "root": "x"}) is UserError


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (None, "data._target_=null is invalid: it takes a class, as package.module.Class"),
        ("Clips", "data._target_=Clips is invalid: it takes a class"),
        (5, "data._target_=5 is invalid: it takes a class"),
        ("nowhere.Clips", "data._target_=nowhere.Clips is invalid: No module named 'nowhere'"),
        ("esc50.errors.Missing", "has no attribute 'Missing'"),
        ("math.tau", "data._target_=math.tau is invalid: it names something else than a class"),
    ],
)
def test_what_names_no_class_is_refused(target, words):
    with pytest.raises(UserError) as caught:
        find_class("data", {"_target_": target})
    assert words in str(caught.value)


def test_a_section_without_a_target_is_refused():
    with pytest.raises(UserError, match=r"split\._target_=null"):
        find_class("split", {"protocol": "official"})
