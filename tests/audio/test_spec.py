import librosa
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
        ("standardise", "mean", "one of clip, fixed, minmax, row"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_what_may(key, wrong, words):
    with pytest.raises(UserError) as caught:
        FeatureSpec.parse("features", {key: wrong})
    shown = "null" if wrong is None else wrong
    assert str(caught.value) == f"features.{key}={shown} is invalid: it takes {words}"


def test_numpys_numbers_are_numbers():
    assert FeatureSpec(n_mels=np.int64(128), seconds=np.float32(5)).n_frames == 431


def test_what_is_likely_not_meant_is_said_as_librosa_does():
    assert not FeatureSpec().remarks and not FeatureSpec(frames=431).remarks
    (cut,) = FeatureSpec(seconds=20.0).remarks
    assert "features.frames=500 shows 29% of the 1723 frames" in cut
    (padded,) = FeatureSpec(seconds=2.0).remarks
    assert "leaves 83 of 128 columns empty" in padded
    crowded = FeatureSpec(n_mels=512, height=128)
    with pytest.warns(UserWarning, match="Empty filters"):
        filters = librosa.filters.mel(sr=44100, n_fft=2048, n_mels=512)
    empty = int((filters.max(axis=1) == 0).sum())
    assert crowded.remarks[0].startswith(f"{empty} of features.n_mels=512 filters are empty")


def test_a_setting_newer_than_the_cache_counts_where_it_is_set():
    before = FeatureSpec().key
    assert "channel" not in before and before == {
        k: v for k, v in FeatureSpec().model_dump().items() if k != "channel"
    }
    assert FeatureSpec(channel=2).key == before | {"channel": 2}


def test_a_kind_of_ones_own_never_has_the_key_of_another():
    own = type("FeatureSpec", (FeatureSpec,), {"__module__": "mine"})
    assert own().key == {"kind": "mine.FeatureSpec"} | FeatureSpec().key
