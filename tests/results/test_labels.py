from pathlib import Path

import pytest

import esc50
from esc50.results.labels import LEAKY, label, labels, mark, started_from, tag


@pytest.mark.parametrize(
    ("leaky", "synthetic", "words"),
    [
        (False, False, ""),
        (True, False, " (LEAKY)"),
        (False, True, " (synthetic sound)"),
        (True, True, " (LEAKY, synthetic sound)"),
    ],
)
def test_a_label_names_what_must_be_known(leaky, synthetic, words):
    results = {"leaky": leaky, "synthetic": synthetic}
    assert label(results) == words
    assert len(labels(results)) == leaky + synthetic


def test_numbers_and_tags_are_marked_only_when_they_leak():
    assert (mark(True), mark(False)) == (" LEAKY", "")
    assert (tag(True, "test/acc"), tag(False, "test/acc")) == ("LEAKY/test/acc", "test/acc")


def test_the_word_is_spelled_in_one_place():
    """The audit, which is a room of its own, says it in its own sentence."""
    code = Path(esc50.__file__).parent
    spelled = {path.name for path in code.rglob("*.py") if f'"{LEAKY}' in path.read_text()}
    assert spelled <= {"labels.py", "audit.py"}


def test_what_weights_of_others_may_have_heard_is_said():
    assert started_from({"origin": None, "pretrained_on": None}) is None
    assert started_from({"pretrained_on": "ImageNet"}) == "ImageNet"
    both = started_from({"origin": "first-01/seed1/fold1 (ab)", "pretrained_on": "AudioSet"})
    assert both == (
        "first-01/seed1/fold1 (ab), before that AudioSet (ESC-50's own sources may be in it)"
    )
