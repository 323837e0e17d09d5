import os
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from esc50.audio.files.read import audio_digest
from esc50.audio.files.read import duration as read_duration
from esc50.data.cache import digests
from esc50.data.cache.digests import clip_digests, clip_lengths
from esc50.errors import UserError


def test_digests_follow_the_bytes_not_the_names(tmp_path):
    clips = [tmp_path / name for name in ("a.wav", "b.wav", "c.wav")]
    for clip, text in zip(clips, ("one", "two", "one"), strict=True):
        clip.write_text(text)
    first = clip_digests(clips, tmp_path / "cache")
    assert first[0] == first[2] != first[1]
    clips[1].write_text("three")
    os.utime(clips[1], (5, 5))
    second = clip_digests(clips, tmp_path / "cache")
    assert second[0] == first[0] and second[1] != first[1]


@pytest.fixture
def reads(monkeypatch):
    """The names of the files that are read."""
    read = []

    def digest(path):
        read.append(Path(path).name)
        return audio_digest(path)

    monkeypatch.setattr(digests, "audio_digest", digest)
    monkeypatch.setattr(digests, "SETTLED", 0.0)  # the files of a test are new
    return read


def overwrite(path, text):
    """Change a file in place, and leave its time of last change, as `rsync -t --inplace` does."""
    times = path.stat()
    with path.open("r+") as file:
        file.write(text)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_files_are_read_once_wherever_the_clock_stands(tmp_path, reads):
    now, day = time.time(), 86_400
    clips = [tmp_path / f"{name}.wav" for name in ("past", "now", "future")]
    for clip, moment in zip(clips, (now - day, now, now + day), strict=True):
        clip.write_text("one")
        os.utime(clip, (moment, moment))
    first = clip_digests(clips, tmp_path / "cache")
    assert sorted(reads) == ["future.wav", "now.wav", "past.wav"]
    assert clip_digests(clips[::-1], tmp_path / "cache") == first and len(reads) == 3
    time.sleep(0.02)  # the system's clock ticks
    os.utime(clips[2], (now - 2 * day,) * 2)  # as by a clock that was set back
    overwrite(clips[0], "two")  # same size, inode and time
    second = clip_digests(clips, tmp_path / "cache")
    assert second[0] != first[0] and second[1:] == first[1:]
    assert sorted(reads[3:]) == ["future.wav", "past.wav"]


def test_what_has_just_changed_is_read_again(tmp_path, reads, monkeypatch):
    monkeypatch.setattr(digests, "SETTLED", 2.0)
    clip = tmp_path / "a.wav"
    for text in ("one", "two", "six"):  # within a tick of the clock: no time tells them apart
        overwrite(clip, text) if clip.exists() else clip.write_text(text)
        assert clip_digests([clip], tmp_path / "cache") == [audio_digest(clip)]
    assert len(reads) == 3


def test_sets_that_share_a_folder_do_not_forget_each_others_clips(tmp_path, reads):
    clips = [tmp_path / f"{number}.wav" for number in range(6)]
    for clip in clips:
        clip.write_text(clip.name)
    clip_digests(clips, tmp_path / "cache")
    clip_digests(clips[:2], tmp_path / "cache")
    clips[5].unlink()
    clips[0].write_text("other")
    clip_digests(clips[:5], tmp_path / "cache")
    assert sorted(reads) == sorted([*(clip.name for clip in clips), "0.wav"])
    (memo,) = tmp_path.glob("cache/digests/*.json")
    assert "4.wav" in memo.read_text() and "5.wav" not in memo.read_text()


def clips_of(root, *classes):
    """Four clips of each class, in a folder of its own."""
    clips = [root / name / f"{name}{number}.wav" for name in classes for number in range(4)]
    for clip in clips:
        clip.parent.mkdir(parents=True, exist_ok=True)
        if not clip.exists():
            clip.write_text(clip.name)
    return clips


def test_a_class_more_or_clips_in_another_order_are_not_all_read_again(tmp_path, reads):
    first = clip_digests(clips_of(tmp_path / "set", "bark", "car"), tmp_path / "cache")
    assert len(reads) == 8
    more = clip_digests(clips_of(tmp_path / "set", "airplane", "car", "bark"), tmp_path / "cache")
    assert len(reads) == 12 and sorted(more[4:]) == sorted(first)


def test_sets_that_are_read_side_by_side_do_not_forget_each_others_clips(
    tmp_path, reads, monkeypatch
):
    one, other = clips_of(tmp_path / "set", "a", "b"), clips_of(tmp_path / "set", "c", "d")

    def digest(path):
        if Path(path).name == "b3.wav":  # another process begins and ends meanwhile
            clip_digests(other, tmp_path / "cache")
        return audio_digest(path)

    with monkeypatch.context() as patch:
        patch.setattr(digests, "audio_digest", digest)
        clip_digests(one, tmp_path / "cache")
    before = len(reads)
    clip_digests([*one, *other], tmp_path / "cache")
    assert len(reads) == before


def test_lengths_are_measured_once(tmp_path, monkeypatch):
    measured = []

    def duration(path):
        measured.append(Path(path).name)
        return read_duration(path)

    monkeypatch.setattr(digests, "duration", duration)
    monkeypatch.setattr(digests, "SETTLED", 0.0)
    clips = [tmp_path / f"{seconds}.wav" for seconds in (1, 2, 3)]
    for clip in clips:
        soundfile.write(clip, np.zeros(100 * int(clip.stem)), 100)
    assert clip_lengths(clips, tmp_path / "cache") == [1.0, 2.0, 3.0]
    soundfile.write(clips[0], np.zeros(150), 100)
    assert clip_lengths(clips, tmp_path / "cache") == [1.5, 2.0, 3.0]
    assert sorted(measured) == ["1.wav", "1.wav", "2.wav", "3.wav"]


def test_a_reading_that_is_cut_off_keeps_what_was_read(tmp_path, reads):
    clips = [tmp_path / f"{number:02}.wav" for number in range(50)]
    for clip in clips:
        clip.write_text(clip.name)
    clips[40].unlink()
    clips[40].mkdir()
    with pytest.raises(UserError, match=r"40\.wav cannot be read"):
        clip_digests(clips, tmp_path / "cache")
    clips[40].rmdir()
    clips[40].write_text("now a file")
    before = len(reads)
    clip_digests(clips, tmp_path / "cache")
    assert reads[before:][0] == "40.wav" and len(reads) - before <= 10


def test_a_clip_that_is_gone_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match=r"gone\.wav cannot be read"):
        clip_digests([tmp_path / "gone.wav"], tmp_path)


@pytest.mark.parametrize(
    "memo", ["[]", "null", '{"a": 1}', '{"a.wav": ["x"]}', "{" * 10**5, "\x00"]
)
def test_a_memo_of_any_other_shape_is_passed_over_and_said(tmp_path, memo, capsys):
    (tmp_path / "a.wav").write_text("one")
    first = clip_digests([tmp_path / "a.wav"], tmp_path)
    (path,) = tmp_path.glob("digests/*.json")
    path.write_text(memo)
    assert clip_digests([tmp_path / "a.wav"], tmp_path) == first
    assert "all clips are read again" in capsys.readouterr().err
    clip_digests([tmp_path / "a.wav"], tmp_path)
    assert not capsys.readouterr().err
