import numpy as np
import pytest

from esc50.audio.spec import FeatureSpec
from esc50.errors import UserError


@pytest.mark.parametrize(
    "wrong",
    [
        {"fmax": 30000.0},
        {"hop_length": 4096},
        {"width": 600},
        {"fmin": 9000.0, "fmax": 8000.0},
    ],
)
def test_numbers_that_do_not_go_together_are_refused(wrong):
    with pytest.raises(UserError, match="features"):
        FeatureSpec.parse("features", wrong)


@pytest.mark.parametrize(
    ("key", "wrong", "words"),
    [
        ("n_mels", 0, "a whole number from 1 to 4096"),
        ("n_fft", 1024.5, "a whole number from 16 to 131072"),
        ("frames", "many", "a whole number of at least 1"),
        ("height", True, "a whole number of at least 1"),
        ("bands_per_mel", 0, "a whole number of at least 1"),
        ("seconds", float("nan"), "a number from 0.05 to 3600"),
        ("top_db", None, "a number of at least 0.001"),
        ("fmin", -1.0, "a number of at least 0"),
        ("fmax", "high", "a number of at least 0, or null"),
        ("standardise", "mean", "one of clip, fixed, minmax"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_what_may(key, wrong, words):
    with pytest.raises(UserError) as caught:
        FeatureSpec.parse("features", {key: wrong})
    shown = "null" if wrong is None else wrong
    assert str(caught.value) == f"features.{key}={shown} is invalid: it takes {words}"


def test_numpys_numbers_are_numbers():
    assert FeatureSpec(n_mels=np.int64(128), seconds=np.float32(5)).n_frames == 431
