import numpy as np
import pytest
import torch

from esc50.data.prepared import Prepared

CPU = torch.device("cpu")


@pytest.fixture
def prepared():
    """Three clips and two copies; what datasets are not made of is left out."""
    clips = {"logmel": torch.rand(3, 1, 4, 4), "magnitude": torch.rand(3, 2, 5)}
    clips["peak"] = torch.rand(3)
    return Prepared(None, None, clips, torch.rand(2, 1, 4, 4), torch.arange(5), None)


@pytest.mark.parametrize("spectra", [True, False])
def test_batches_hold_spectra_where_they_are_asked_for(prepared, spectra):
    batch = prepared.dataset(np.array([0, 4]), spectra, CPU).gather([0, 1])
    assert ("magnitude" in batch) == spectra
    assert torch.equal(batch["x"][0], prepared.clips["logmel"][0])
    assert torch.equal(batch["x"][1], prepared.copies[1])
    assert batch["y"].tolist() == [0, 4]


def test_on_a_processor_nothing_is_copied(prepared):
    dataset = prepared.dataset(np.array([1]), True, CPU)
    assert dataset.clips["logmel"].data_ptr() == prepared.clips["logmel"].data_ptr()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize(("room", "device"), [(0.25, "cuda"), (0.0, "cpu")])
def test_features_lie_on_a_gpu_that_has_room(prepared, monkeypatch, room, device):
    monkeypatch.setattr("esc50.data.prepared.RESIDENT_PART", room)
    dataset = prepared.dataset(np.array([0, 4]), True, torch.device("cuda"))
    assert dataset.gather([0, 1])["x"].device.type == device
