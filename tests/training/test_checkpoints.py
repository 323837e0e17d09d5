import pytest
import torch

from esc50.training.checkpoints import AtomicCheckpointIO


class Unsaveable:
    def __reduce__(self):
        raise RuntimeError("cut off")


def test_a_failed_save_leaves_the_last_checkpoint_and_nothing_else(tmp_path):
    path = tmp_path / "checkpoints" / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"a": torch.ones(3)}, str(path))
    with pytest.raises(RuntimeError, match="cut off"):
        AtomicCheckpointIO().save_checkpoint({"a": torch.zeros(3), "b": Unsaveable()}, str(path))
    assert torch.load(path, weights_only=True, mmap=True)["a"].tolist() == [1, 1, 1]
    assert [left.name for left in path.parent.iterdir()] == ["last.ckpt"]


def test_what_a_killed_process_left_is_cleared_away(tmp_path):
    (tmp_path / "last.ckpt.part1").write_bytes(b"half")
    AtomicCheckpointIO().save_checkpoint({"a": torch.ones(3)}, str(tmp_path / "last.ckpt"))
    assert [left.name for left in tmp_path.iterdir()] == ["last.ckpt"]
