import pytest
import torch

from esc50.errors import UserError
from esc50.model.network import build_network

RESNET = {"_target_": "esc50.model.resnet.single_channel_resnet18"}


def test_the_network_has_an_output_per_class():
    network = build_network(RESNET, 7, (32, 64)).eval()
    assert network(torch.zeros(2, 1, 32, 64)).shape == (2, 7)


def test_an_unknown_argument_is_named():
    with pytest.raises(UserError, match=r"model\.wieghts is not an argument of"):
        build_network({**RESNET, "wieghts": None}, 7, (32, 64))


def one_picture(n_classes):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(32 * 64, n_classes))


def test_a_network_has_as_many_input_channels_as_the_features():
    network = build_network(RESNET, 7, (32, 64), 3).eval()
    assert network(torch.zeros(2, 3, 32, 64)).shape == (2, 7)


def test_channels_that_a_network_cannot_take_are_refused_in_a_sentence():
    section = {"_target_": f"{__name__}.one_picture"}
    assert build_network(section, 7, (32, 64))(torch.zeros(2, 1, 32, 64)).shape == (2, 7)
    with pytest.raises(UserError, match=r"pictures of 3 channels .*one_picture does not take"):
        build_network(section, 7, (32, 64), 3)
