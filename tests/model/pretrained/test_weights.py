import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from esc50.errors import UserError
from esc50.model.pretrained.weights import (
    Weights,
    check_there,
    load_weights,
    match_channels,
    own_checkpoint,
    read_weights,
)

STATE = {"0.weight": torch.arange(6.0).reshape(2, 3), "0.bias": torch.ones(2)}


@pytest.mark.parametrize(
    "held",
    [
        STATE,
        {"state_dict": STATE, "epoch": 3},
        {"model": STATE, "iteration": 5},
        {"state_dict_ema": STATE, "state_dict": {"0.weight": torch.zeros(2, 3)}},
        {f"module.{key}": value for key, value in STATE.items()},
    ],
    ids=["plain", "state_dict", "model", "averaged", "of several processes"],
)
def test_a_state_dict_is_found_wherever_it_is_kept(tmp_path, held):
    torch.save(held, tmp_path / "weights.pth")
    read = read_weights(str(tmp_path / "weights.pth"))
    assert read.state.keys() == STATE.keys() and read.specification is None
    assert torch.equal(read.state["0.weight"], STATE["0.weight"])


def test_safetensors_are_read(tmp_path):
    save_file(STATE, tmp_path / "a.safetensors")
    read = read_weights(str(tmp_path / "a.safetensors"))
    assert torch.equal(read.state["0.bias"], STATE["0.bias"])
    (tmp_path / "b.safetensors").write_bytes(b"\xff" * 40)
    with pytest.raises(UserError, match=r"b\.safetensors is not a PyTorch state dict, nor"):
        read_weights(str(tmp_path / "b.safetensors"))


def test_a_checkpoint_of_this_package_says_so(tmp_path):
    held = {
        "esc50": {"experiment": "best"},
        "state_dict": {f"network.{k}": STATE[k] for k in STATE},
    }
    torch.save({**held, "optimizer_states": []}, tmp_path / "best.ckpt")
    torch.save(STATE, tmp_path / "weights.pth")
    read = own_checkpoint(str(tmp_path / "best.ckpt"))
    assert read.specification == {"experiment": "best"} and read.state.keys() == STATE.keys()
    for other in (None, "imagenet", str(tmp_path), str(tmp_path / "weights.pth")):
        assert own_checkpoint(other) is None


def test_what_a_file_says_of_its_network_is_read_with_it(tmp_path):
    torch.save({"cfg": {"encoder_layers": 12}, "model": STATE}, tmp_path / "said.pt")
    torch.save({"cfg": [12], "model": STATE}, tmp_path / "other.pt")
    assert read_weights(str(tmp_path / "said.pt")).cfg == {"encoder_layers": 12}
    assert read_weights(str(tmp_path / "other.pt")).cfg is None


def test_a_file_that_is_not_there_is_said_to_be_none_and_where_it_is_to_be_had(tmp_path):
    torch.save(STATE, tmp_path / "weights.pth")
    for there in (None, "imagenet", str(tmp_path / "weights.pth")):
        check_there(there, "imagenet")
    with pytest.raises(
        UserError, match=r"^model\.weights=no/a\.safetensors is no file: give a PyT"
    ):
        check_there("no/a.safetensors")
    with pytest.raises(UserError, match=r"=imagnet is no file: give imagenet \(the published ones"):
        check_there("imagnet", "imagenet")
    said = (
        r"no/BEATs_iter3\.pt is no file: fetch BEATs_iter3\.pt from https://github\.com/microsoft"
    )
    with pytest.raises(UserError, match=said):
        check_there("no/BEATs_iter3.pt")


def test_a_folder_of_the_hubs_kind_is_read_by_its_file(tmp_path):
    with pytest.raises(UserError, match=r"is a folder without model\.safetensors or pytorch_model"):
        read_weights(str(tmp_path))
    torch.save(STATE, tmp_path / "pytorch_model.bin")
    assert read_weights(str(tmp_path)).state.keys() == STATE.keys()
    save_file({"one": torch.ones(1)}, tmp_path / "model.safetensors")
    assert read_weights(str(tmp_path)).state.keys() == {"one"}


def test_what_holds_no_weights_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"epoch": 3}, tmp_path / "none.pth")
    with pytest.raises(UserError, match=r"list\.pth holds list, not a state dict"):
        read_weights(str(tmp_path / "list.pth"))
    with pytest.raises(UserError, match=r"none\.pth holds no weights: give a PyTorch state dict"):
        read_weights(str(tmp_path / "none.pth"))


def test_all_but_the_last_layer_is_laid_in():
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 5))
    before = network[1].weight.clone()
    given = {**STATE, "1.weight": torch.zeros(9, 2), "1.bias": torch.zeros(9)}
    load_weights(network, Weights("a.pth", given), "this network")
    assert torch.equal(network[0].weight, STATE["0.weight"])
    assert torch.equal(network[1].weight, before)


@pytest.mark.parametrize(
    "change",
    [{"0.bias": torch.ones(3)}, {"0.extra": torch.ones(1)}, {"0.bias": None}],
    ids=["another shape", "unknown", "missing"],
)
def test_weights_of_another_network_are_refused_by_the_first_that_differs(change):
    given = {k: v for k, v in {**STATE, **change}.items() if v is not None}
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 5))
    with pytest.raises(UserError, match=rf"a\.pth is not of this network: {next(iter(change))} is"):
        load_weights(network, Weights("a.pth", given), "this network")


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_filters_on_colours_see_in_equal_channels_what_they_saw_in_grey(channels):
    coloured = nn.Conv2d(3, 4, 3, bias=False)
    ours = nn.Conv2d(channels, 4, 3, bias=False)
    ours.weight.data = match_channels(coloured.weight.data, ours.weight.data).clone()
    grey = torch.randn(2, 1, 8, 8)
    seen = [layer(grey.expand(-1, n, -1, -1)) for layer, n in ((coloured, 3), (ours, channels))]
    np.testing.assert_allclose(*[each.detach() for each in seen], atol=1e-5)
