import sys

import pytest
import torch

from esc50.config.hardware import processor, resolve_precision, visible_gpus


@pytest.mark.skipif(sys.platform != "linux", reason="the processor is looked up in /proc")
def test_bfloat16_is_chosen_where_torch_finds_the_instructions_for_it():
    fast = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    assert resolve_precision({"accelerator": "cpu", "precision": "auto"}) == (
        "bf16-mixed" if fast else "32-true"
    )


def test_a_precision_that_was_chosen_stays_as_it_is():
    assert resolve_precision({"accelerator": "cpu", "precision": "16-mixed"}) == "16-mixed"
    assert resolve_precision({"accelerator": "auto", "precision": 32}) == 32


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


@pytest.mark.parametrize(
    ("capabilities", "visible", "precision"),
    [
        ("0, GPU-a, 9.0\n1, GPU-b, 8.0", "0,1", "bf16-mixed"),
        ("0, GPU-a, 9.0\n1, GPU-b, 7.5", "0,1", "32-true"),
        ("0, GPU-a, 9.0\n1, GPU-b, 7.5", "GPU-a", "bf16-mixed"),
    ],
)
def test_gpus_decide_by_what_they_compute(monkeypatch, tmp_path, capabilities, visible, precision):
    program = tmp_path / "nvidia-smi"  # answers as the driver's own program does
    program.write_text(f"#!/bin/sh\ncat <<EOF\n{capabilities}\nEOF\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    from esc50.config.hardware import _nvidia_gpus

    _nvidia_gpus.cache_clear()
    try:
        assert resolve_precision({"accelerator": "auto", "precision": "auto"}) == precision
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
        assert visible_gpus() == ["0", "1"]
    finally:
        _nvidia_gpus.cache_clear()


def test_the_processor_has_a_name():
    assert processor().strip()
