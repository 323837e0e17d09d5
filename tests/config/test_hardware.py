import sys

import pytest
import torch

from esc50.config.hardware import processor, resolve_precision, visible_gpus


@pytest.mark.skipif(sys.platform != "linux", reason="the processor is looked up in /proc")
def test_bfloat16_is_chosen_where_torch_finds_the_instructions_for_it():
    fast = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    assert resolve_precision("cpu", "auto") == ("bf16-mixed" if fast else "32-true")


def test_a_precision_that_was_chosen_stays_as_it_is():
    assert resolve_precision("cpu", "16-mixed") == "16-mixed"
    assert resolve_precision("auto", 32) == 32


def test_apples_gpus_compute_in_single_precision():
    assert resolve_precision("mps", "auto") == "32-true"


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
        assert resolve_precision("auto", "auto") == precision
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
        assert visible_gpus() == ["0", "1"]
    finally:
        _nvidia_gpus.cache_clear()


def test_the_processor_has_a_name():
    assert processor().strip()
