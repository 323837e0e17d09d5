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
