import sys

import pytest
import pytorch_lightning as pl
import torch

from esc50.config.hardware import processor, resolve_precision, visible_gpus


@pytest.mark.skipif(sys.platform != "linux", reason="the processor is looked up in /proc")
def test_bfloat16_is_chosen_where_torch_finds_the_instructions_for_it():
    fast = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    assert resolve_precision({"accelerator": "cpu", "precision": "auto"}) == (
        "bf16-mixed" if fast else "32-true"
    )


@pytest.mark.parametrize(
    ("typed", "on_processor", "on_gpu"),
    [
        ("64-true", "64-true", "64-true"),
        (32, "32-true", "32-true"),
        ("64", "64-true", "64-true"),
        ("bf16", "bf16-mixed", "bf16-mixed"),
        ("16", "bf16-mixed", "16-mixed"),
        ("16-mixed", "bf16-mixed", "16-mixed"),
    ],
)
def test_a_precision_that_was_chosen_is_called_what_lightning_computes_in(
    typed, on_processor, on_gpu
):
    assert resolve_precision({"accelerator": "cpu", "precision": typed}) == on_processor
    assert resolve_precision({"accelerator": "gpu", "precision": typed}) == on_gpu
    trainer = pl.Trainer(accelerator="cpu", precision=typed, logger=False)
    assert trainer.precision == on_processor


@pytest.mark.parametrize(
    ("network", "slower"),
    [
        ("mobilenet_v3_small", True),
        ("tf_efficientnet_b0", True),
        ("efficientnet_v2_s", False),
        ("convnext_tiny", False),
        ("vit_tiny_patch16_224", False),
    ],
)
def test_networks_that_bfloat16_slows_down_are_trained_in_float32(monkeypatch, network, slower):
    monkeypatch.setattr("esc50.config.hardware.instruction_set", lambda: "AMX")
    chosen = resolve_precision({"accelerator": "cpu", "precision": "auto"}, {"name": network})
    assert chosen == ("32-true" if slower else "bf16-mixed")
    kept = resolve_precision({"accelerator": "cpu", "precision": "bf16-mixed"}, {"name": network})
    assert kept == "bf16-mixed"


def test_apples_gpus_compute_in_single_precision():
    assert resolve_precision({"accelerator": "mps", "precision": "auto"}) == "32-true"


@pytest.fixture
def gpus(monkeypatch, tmp_path):
    """A driver that has these GPUs."""
    from esc50.config.hardware import _nvidia_gpus

    def install(capabilities):
        program = tmp_path / "nvidia-smi"  # answers as the driver's own program does
        program.write_text(f"#!/bin/sh\ncat <<EOF\n{capabilities}\nEOF\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        _nvidia_gpus.cache_clear()

    yield install
    _nvidia_gpus.cache_clear()


NEW_AND_OLD = "0, GPU-aaaabbbb-1, 9.0\n1, GPU-aaaacccc-2, 7.5"


@pytest.mark.parametrize(
    ("visible", "precision"),
    [
        ("0,1", "32-true"),
        ("0", "bf16-mixed"),
        (" 1, 0", "32-true"),
        ("0,none,1", "bf16-mixed"),
        ("0,-1,1", "bf16-mixed"),
        ("GPU-aaaabbbb-1", "bf16-mixed"),
        ("GPU-aaaab", "bf16-mixed"),
        ("GPU-aaaac", "32-true"),
        ("MIG-dddd", "bf16-mixed"),
    ],
)
def test_gpus_decide_by_what_they_compute(monkeypatch, gpus, visible, precision):
    other = {"bf16-mixed": None, "32-true": "AMX"}[precision]  # which the processor would not
    monkeypatch.setattr("esc50.config.hardware.instruction_set", lambda: other)
    gpus(NEW_AND_OLD)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert resolve_precision({"accelerator": "auto", "precision": "auto"}) == precision


def test_the_processor_decides_where_no_gpu_is_visible(monkeypatch, gpus):
    monkeypatch.setattr("esc50.config.hardware.instruction_set", lambda: "AMX")
    gpus("1, GPU-a, 7.5")
    for visible in ("", "-1", "-1,1", "none", "GPU-b", "7", "1,1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        chosen = resolve_precision({"accelerator": "auto", "precision": "auto"})
        assert chosen == "bf16-mixed", visible


def test_half_precision_is_bfloat16_where_no_gpu_computes(monkeypatch, gpus):
    gpus(NEW_AND_OLD)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert resolve_precision({"accelerator": "auto", "precision": 16}) == "16-mixed"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert resolve_precision({"accelerator": "auto", "precision": 16}) == "bf16-mixed"


def test_the_visible_gpus_are_those_that_cuda_would_use(monkeypatch, gpus):
    gpus(NEW_AND_OLD)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_gpus() == ["0", "1"]
    for declared, names in {"1, 0": ["1", "0"], "0,-1,1": ["0"], "0,,1": ["0"], "2,2": []}.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", declared)
        assert visible_gpus() == names


def test_the_processor_has_a_name():
    assert processor().strip()
