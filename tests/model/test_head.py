import pytest
import torch
from torch import nn
from torchvision.models import get_model

from esc50.model.head import blocks, freeze, head_name, parameter_groups, see
from esc50.model.panns import panns_cnn14
from esc50.model.resnet import single_channel_resnet18


def test_the_last_layer_is_the_one_that_is_made_for_the_classes():
    assert head_name(single_channel_resnet18(5, head_width=16)) == "fc"
    for name, last in (("mobilenet_v3_small", "classifier.3"), ("squeezenet1_0", "classifier.1")):
        network = get_model(name, num_classes=5)
        assert head_name(network) == last
        assert network.get_submodule(last).weight.shape[0] == 5


def test_the_blocks_of_a_resnet_are_its_stem_and_its_eight():
    network = single_channel_resnet18(5)
    found = blocks(network)
    first = ["conv1.weight", "layer1.0.conv1.weight", "layer1.1.conv1.weight"]
    assert [block[0] for block in found[:3]] == first and len(found) == 9
    assert "bn1.weight" in found[0]  # a norm belongs to what it norms
    assert [block[0] for block in blocks(panns_cnn14(5, (32, 32), width=2))][-1] == "fc1.weight"


@pytest.mark.parametrize("name", ["convnext_tiny", "mobilenet_v3_small", "vit_b_16", "swin_t"])
def test_every_parameter_is_in_one_block_or_in_the_last_layer(name):
    with torch.device("meta"):
        network = get_model(name, num_classes=5)
    listed = [parameter for block in blocks(network) for parameter in block]
    last = [n for n, _ in network.named_parameters() if n.startswith(f"{head_name(network)}.")]
    assert sorted(listed + last) == sorted(name for name, _ in network.named_parameters())
    assert len(blocks(network)) >= 8


@pytest.mark.parametrize(("train", "learning"), [("head", 0), (2, 2), (99, 8), (None, 8)])
def test_what_is_frozen_neither_learns_nor_counts(train, learning):
    torch.manual_seed(0)
    network = panns_cnn14(5, (32, 32), width=2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    freeze(network, train)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1, weight_decay=0.1)
    network.train()(torch.randn(4, 1, 32, 64)).square().sum().backward()
    optimizer.step()
    changed = {n for n, v in network.state_dict().items() if not torch.equal(v, before[n])}
    free = {name for block in blocks(network)[8 - learning :] for name in block}
    weights = {name for name, _ in network.named_parameters()}
    assert changed & weights == free | {"fc_classes.weight", "fc_classes.bias"}
    norms = {name.rpartition(".")[0] for name in free if ".bn" in f".{name}"}
    assert {name.rpartition(".")[0] for name in changed - weights} == norms


def test_a_frozen_networks_dropout_is_still():
    network = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
    freeze(network, "head")
    x = torch.randn(3, 4)
    network.train()
    assert torch.equal(network(x), network(x))
    assert network[2].training and not network[1].training


def test_groups_learn_the_slower_the_closer_they_are_to_the_input():
    network = single_channel_resnet18(5)
    groups = parameter_groups(network, 0.5, 0.1)
    assert [group["lr_scale"] for group in groups] == [0.5**i for i in range(10)]
    assert groups[0]["lr"] == 0.1 and groups[0]["params"][0] is network.fc.weight
    assert groups[-1]["params"][0] is network.conv1.weight
    grouped = {id(parameter) for group in groups for parameter in group["params"]}
    assert grouped == {id(parameter) for parameter in network.parameters()}
    freeze(network, 1)
    assert [group["lr_scale"] for group in parameter_groups(network, 0.5, 0.1)] == [1, 0.5]


def test_the_last_layer_makes_the_logits_of_what_it_sees():
    network = single_channel_resnet18(5).eval()
    seen, logits = see(network, torch.randn(2, 1, 32, 32))
    assert seen.shape == (2, 512)
    torch.testing.assert_close(network.fc(seen), logits)
