import librosa
import numpy as np
import pytest

from esc50.audio.pretrained_kinds import AbsoluteSpec, KaldiSpec, WaveformSpec, WhisperSpec
from esc50.audio.spec import FeatureSpec
from esc50.errors import UserError

PANNS = {"sample_rate": 32000, "n_fft": 1024, "hop_length": 320, "n_mels": 64, "height": 64}
PANNS |= {"fmin": 50.0, "fmax": 14000.0}


def test_kaldis_filters_are_torchaudios():
    from torchaudio.compliance.kaldi import get_mel_banks

    theirs, _ = get_mel_banks(128, 512, 16000.0, 20.0, 0.0, 100.0, -500.0, 1.0)
    ours = KaldiSpec(frames=1024, width=1024).filters()
    assert ours.shape == (128, 257) and not ours[:, -1].any()
    np.testing.assert_allclose(ours[:, :-1], theirs, atol=5e-5)  # of float32


def test_htk_filters_are_librosas():
    spec = AbsoluteSpec(**PANNS, mel_scale="htk")
    theirs = librosa.filters.mel(
        sr=32000, n_fft=1024, n_mels=64, fmin=50, fmax=14000, htk=True, norm=None
    )
    np.testing.assert_allclose(spec.filters(), theirs, atol=1e-5)


@pytest.mark.parametrize(
    "spec",
    [KaldiSpec(), AbsoluteSpec(**PANNS), AbsoluteSpec(**PANNS, mel_scale="htk")],
    ids=["kaldi", "slaney", "htk"],
)
def test_bands_are_finer_than_filters_and_cover_all_bins(spec):
    edges = spec.edges
    assert edges[0] == 0 and edges[-1] == spec.n_fft // 2 + 1 and (np.diff(edges) > 0).all()
    assert spec.n_bands > spec.n_mels


def test_frames_are_those_of_the_sound_that_is_looked_at():
    assert KaldiSpec(seconds=5.0).n_frames == 498  # AST's of five seconds
    assert AbsoluteSpec(**PANNS).n_frames == 501
    clap = AbsoluteSpec(**PANNS | {"sample_rate": 48000, "hop_length": 480}, fill_seconds=10.0)
    assert clap.n_frames == 1001
    assert AbsoluteSpec(**PANNS).key != FeatureSpec(**PANNS).key
    assert KaldiSpec(seconds=10.0).n_frames == 998
    assert not KaldiSpec(frames=1024, width=1024).remarks  # half of the picture empty, as in AST


def test_kaldis_window_and_scale_count_in_the_cache_where_they_are_set():
    before = KaldiSpec().key
    assert not {"window_type", "full_scale"} & before.keys() and before["fmax"] is None
    assert KaldiSpec(window_type="povey").key == before | {"window_type": "povey"}
    assert KaldiSpec(full_scale=32768.0).key == before | {"full_scale": 32768.0}


def test_a_waveform_is_a_row_of_all_its_samples():
    spec = WaveformSpec.parse("features", {"seconds": 2.0, "sample_rate": 8000})
    assert spec.shape == (1, 1, 16000) and not spec.remarks
    assert spec.log_mel.seconds == 2.0 and spec.log_mel.sample_rate == 8000
    with pytest.raises(UserError, match=r"features\.width is not a setting of a waveform"):
        WaveformSpec.parse("features", {"width": 128})
    with pytest.raises(UserError, match=r"features\.seconds=long is invalid: it takes a number"):
        WaveformSpec.parse("features", {"seconds": "long"})


def test_whisper_hears_thirty_seconds_and_no_more():
    sizes = {"sample_rate": 16000, "n_fft": 400, "hop_length": 160, "n_mels": 80, "height": 80}
    spec = WhisperSpec.parse("features", {**sizes, "frames": 3000, "width": 3000})
    assert spec.n_frames == 3000 and spec.repeats == 1 and not spec.remarks
    with pytest.raises(UserError, match=r"features\.seconds=31 is more than the 30 that Whisper"):
        WhisperSpec.parse("features", {**sizes, "seconds": 31.0})


def test_what_does_not_go_together_is_refused():
    with pytest.raises(UserError, match=r"features\.frame_length=600 must be at most"):
        KaldiSpec.parse("features", {"frame_length": 600})
    with pytest.raises(UserError, match=r"cannot be mirrored by features\.n_fft=1024"):
        AbsoluteSpec.parse("features", {**PANNS, "seconds": 0.05, "frames": 64, "width": 5})
    with pytest.raises(UserError, match=r"features\.standardise=clip is invalid: it takes fixed"):
        KaldiSpec.parse("features", {"standardise": "clip"})
