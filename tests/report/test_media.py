import base64
import io

import numpy as np
import pytest
import soundfile

from esc50.report.media import WHOLE, clip_sound, logmel_uri, quick_sound, sound_uri, waveform_path


def content(uri):
    kind, _, data = uri.partition(",")
    return kind, io.BytesIO(base64.b64decode(data))


def test_sound_is_a_short_opus_of_the_same_tone():
    time = np.arange(2 * 22050) / 22050
    tone = (0.5 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)
    kind, file = content(sound_uri(tone, 22050))
    assert kind == "data:audio/ogg;base64" and len(file.getvalue()) < 20_000
    samples, rate = soundfile.read(file)
    assert len(samples) / rate == pytest.approx(2, abs=0.05)
    spectrum = np.abs(np.fft.rfft(samples[rate // 2 : rate]))
    assert spectrum.argmax() * 2 == pytest.approx(1000, abs=4)


def test_silence_and_samples_beyond_full_scale_can_be_encoded():
    for samples in (np.zeros(4800), np.full(4800, 7.0), np.zeros(0)):
        decoded, _ = soundfile.read(content(sound_uri(samples.astype(np.float32), 48000))[1])
        assert len(decoded) and np.abs(decoded).max() < 1.5


def test_a_clip_is_cut_and_one_that_is_gone_has_no_sound(tiny, tmp_path):
    path = next((tiny / "audio").iterdir())
    samples, rate = soundfile.read(content(clip_sound(path, 0.2))[1])
    assert len(samples) / rate == pytest.approx(0.2, abs=0.02)
    assert clip_sound(tmp_path / "gone.wav", 1) is None


def test_what_is_heard_is_the_channel_of_the_features(tmp_path):
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(22050) / 22050)
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([tone, -tone], 1), 22050)
    for uri in (clip_sound(path, 1), quick_sound(path, WHOLE, 1)):
        assert np.abs(soundfile.read(content(uri)[1])[0]).max(initial=0) < 0.01
    for uri in (clip_sound(path, 1, "loudest"), quick_sound(path, WHOLE, 1, 2)):
        assert np.abs(soundfile.read(content(uri)[1])[0]).max() > 0.4


def test_a_picture_has_low_frequencies_below_and_its_scale():
    from PIL import Image

    logmel = np.zeros((3, 5), np.float32)
    logmel[0, 4] = 10
    kind, file = content(logmel_uri(logmel, low=0, high=20))
    image = Image.open(file)
    assert kind == "data:image/png;base64" and image.size == (5, 3)
    levels = np.asarray(image)
    assert levels[2, 4] == 128 and levels.sum() == 128
    assert np.asarray(image.convert("RGB"))[0, 0].tolist() == [68, 1, 84]  # viridis' first
    content(logmel_uri(np.zeros((2, 2))))


def test_a_waveform_is_drawn_as_the_largest_values_of_its_stretches():
    from PIL import Image

    samples = np.zeros((1, 80_000), np.float32)
    samples[0, -1] = -1
    levels = np.asarray(Image.open(content(logmel_uri(samples))[1]))
    assert levels.shape == (1, 160) and levels[0, -1] == 255 and levels.sum() == 255
    assert Image.open(content(logmel_uri(samples[:, :3]))[1]).size == (3, 1)


def test_a_waveform_is_its_outline():
    path = waveform_path(np.array([0.5, -1, 0, 0], np.float32), columns=2)
    assert path == "M0 0.50L1 1.00L1 1.01L0 2.01Z"
    assert waveform_path(np.array([0.5], np.float32), columns=3).startswith("M0")


def test_a_part_is_heard_and_not_what_its_recording_goes_on_with(tmp_path):
    path, tone = tmp_path / "a.wav", np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)
    soundfile.write(path, np.concatenate([0.1 * tone, 0.8 * tone, 0.1 * tone]), 48000)
    for uri in (clip_sound(path, 2, None, (1.0, 1.5)), quick_sound(path, (1.0, 1.5), 2)):
        samples, rate = soundfile.read(content(uri)[1])
        level = np.abs(samples)
        assert level[: int(0.45 * rate)].max() > 0.6 and level[: int(0.1 * rate)].max() > 0.6
        assert level[int(0.55 * rate) :].max(initial=0) < 0.05
