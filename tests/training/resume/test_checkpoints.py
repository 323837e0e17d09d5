import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch
from omegaconf import OmegaConf
from torchvision.models import resnet18

from esc50.config.signature import signature
from esc50.training.fold import run_fold
from esc50.training.resume.checkpoints import AtomicCheckpointIO, Origin, origin
from tests.conftest import NARROW, REPOSITORY


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


def test_weights_that_have_seen_the_tested_clips_make_the_result_leaky(config, tmp_path):
    quick = "trainer.max_epochs=1"
    first = run_fold(
        config(quick), tmp_path / "first"
    )  # tests fold 1, chooses on 2, trains on 3 to 5
    assert first["origin"] is None and first["pretrained_on"] is None
    best = tmp_path / "first" / "checkpoints" / "best.ckpt"
    expected = {3: True, 2: True, 1: False}  # trained on, chosen on, neither
    for fold, leaky in expected.items():
        start = [f"model.weights={best}", NARROW]
        cfg = config(f"split.fold={fold}", *start, "split=literature", quick)
        results = run_fold(cfg, tmp_path / f"fold{fold}")
        assert results["leaky"] is leaky
        assert ("clips seen by the earlier networks: 10" in results["audit"]) is leaky
        assert first["signature"] in results["origin"]
    # What a network has seen is handed down: fold 1 was trained on by the run just made.
    second = tmp_path / "fold3" / "checkpoints" / "last.ckpt"
    start = [f"model.weights={second}", NARROW]
    cfg = config("split.fold=1", *start, "split=literature", quick)
    assert run_fold(cfg, tmp_path / "third")["leaky"]
    assert signature(config(f"model.weights={best}")) != signature(
        config(f"model.weights={second}")
    )
    assert signature(config(f"model.weights={best}")) != signature(config())


def test_what_the_config_says_of_weights_goes_before_their_name():
    plain = {"model": {"weights": "imagenet"}, "ckpt_path": None}
    assert origin(plain).pretrained_on == "ImageNet"
    plain["model"]["pretrained_on"] = "LAION-2B and ImageNet-12k"
    assert origin(plain).pretrained_on == "LAION-2B and ImageNet-12k"


@pytest.mark.parametrize("model", ["ast", "clap", "beats", "panns_cnn14"])
def test_what_is_said_of_published_weights_is_said_of_no_others(config, model, tmp_path):
    own = tmp_path / "weights.pt"
    torch.save({"weight": torch.zeros(1)}, own)

    def started(*overrides):
        return origin(OmegaConf.to_container(config(f"model={model}", *overrides), resolve=True))

    as_published, others = started(), started(f"model.weights={own}")
    assert "AudioSet" in as_published.pretrained_on and as_published.licence
    assert others.pretrained_on.startswith("unknown: weights.pt") and others.licence is None
    said = started(f"model.weights={own}", "model.pretrained_on=AudioSet", "model.licence=MIT")
    assert (said.pretrained_on, said.licence) == ("AudioSet", "MIT")
    assert started("model.weights=null") == Origin()


def test_weights_of_unknown_origin_are_named(config, tmp_path):
    torch.save(resnet18(num_classes=7).state_dict(), tmp_path / "found.pth")
    results = run_fold(config(f"model.weights={tmp_path / 'found.pth'}"), tmp_path / "run")
    assert results["pretrained_on"].startswith("unknown: found.pth")
    assert results["origin"] is None


@pytest.mark.slow
def test_a_full_disk_is_named_and_the_last_checkpoint_stays(tmp_path):
    """In a process whose files may have a million bytes, which is what a full disk looks like."""
    save = (
        "import resource, signal, sys, torch; from esc50.errors import exit_on_error\n"
        "from esc50.training.resume.checkpoints import AtomicCheckpointIO\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "AtomicCheckpointIO().save_checkpoint({'a': torch.ones(3)}, sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))\n"
        "with exit_on_error():\n"
        "    AtomicCheckpointIO().save_checkpoint({'a': torch.ones(10**6)}, sys.argv[1])\n"
    )
    command = [sys.executable, "-c", save, str(tmp_path / "last.ckpt")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "last.ckpt cannot be written (File too large): set output_dir" in done.stderr
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["a"].tolist() == [1, 1, 1]
    assert [left.name for left in tmp_path.iterdir()] == ["last.ckpt"]


def test_weights_of_other_clips_and_classes_start_any_network(config, tiny, tmp_path):
    """Pretrained on five classes; then three of other recordings, one clip of which it knew."""
    cnn14 = ["model=panns_cnn14", "model.width=2", "model.weights=null", "model.front_end=null"]
    first = run_fold(config(*cnn14, "trainer.max_epochs=1"), tmp_path / "first")
    assert first["pretrained_on"] is None
    best = tmp_path / "first" / "checkpoints" / "best.ckpt"
    root = make_other(tiny, tmp_path / "other")
    own = [*cnn14[:2], f"model.weights={best}", f"data.root={root}", "split=literature"]
    results = run_fold(config(*own, "trainer.max_epochs=1"), tmp_path / "second")
    assert (results["n_classes"], results["leaky"]) == (3, True)
    assert "clips seen by the earlier networks: 1;" in results["audit"]
    assert first["signature"] in results["origin"] and results["pretrained_on"] is None


def make_other(tiny, root):
    """Three classes of new sounds; the first tested clip is one that `tiny` trains on."""
    rng, known = np.random.default_rng(9), "3-300-A-0.wav"
    (root / "audio").mkdir(parents=True)
    (root / "meta").mkdir()
    rows = ["filename,fold,target,category"]
    for fold in range(1, 6):
        for target in range(3):
            name = f"{fold}-9{fold}{target}-A-{target}.wav"
            soundfile.write(root / "audio" / name, 0.1 * rng.standard_normal(4000), 8000)
            rows.append(f"{name},{fold},{target},noise{target}")
    shutil.copy(tiny / "audio" / known, root / "audio" / "1-910-A-0.wav")
    (root / "meta" / "esc50.csv").write_text("\n".join(rows) + "\n")
    return root
