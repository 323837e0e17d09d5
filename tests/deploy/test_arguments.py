from pathlib import Path

import pytest

from esc50.deploy.arguments import add_device, add_threshold, checkpoint_parser, parse
from esc50.errors import UserError


def test_one_checkpoint_or_several():
    one = checkpoint_parser("About this.").parse_args(["a.ckpt"])
    assert one.checkpoint == Path("a.ckpt") and not one.trust
    many = checkpoint_parser(None, several=True).parse_args(["a", "b", "--trust"])
    assert many.checkpoints == [Path("a"), Path("b")] and many.trust
    with pytest.raises(SystemExit):
        checkpoint_parser("About this.").parse_args(["a.ckpt", "b.ckpt"])


def test_the_threshold_is_the_checkpoints_own_unless_given():
    parser = checkpoint_parser("About this.")
    add_threshold(parser)
    add_device(parser)
    plain, given = (parser.parse_args(["a", *more]) for more in ([], ["--threshold", "0.5"]))
    assert (plain.threshold, given.threshold) == (None, 0.5) and plain.device == "auto"


@pytest.mark.parametrize("several", [False, True])
def test_a_checkpoint_that_is_not_there_is_refused_at_once(tmp_path, several):
    parser = checkpoint_parser(None, several=several)
    assert parse(parser, [str(tmp_path)])
    with pytest.raises(UserError, match=r"none\.ckpt is no file or folder: give a run's folder"):
        parse(parser, [str(tmp_path / "none.ckpt")])


@pytest.mark.parametrize("threshold", ["nan", "5", "-1"])
def test_a_threshold_that_is_no_probability_is_refused(tmp_path, threshold):
    parser = checkpoint_parser(None)
    add_threshold(parser)
    assert parse(parser, [str(tmp_path), "--threshold", "1"]).threshold == 1
    with pytest.raises(UserError, match=f"--threshold {threshold} is invalid: a probability, from"):
        parse(parser, [str(tmp_path), f"--threshold={threshold}"])
