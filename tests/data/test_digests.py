import os

import pytest

from esc50.data.digests import clip_digests
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
