import pytest
import torch
from torch import nn
from torchvision.models import get_model

from esc50.model.huggingface import hub_network
from esc50.model.panns import panns_cnn14
from esc50.model.pretrained.head import (
    backbone_state,
    blocks,
    freeze,
    head_names,
    parameter_groups,
    see,
)
from esc50.model.resnet import single_channel_resnet18
from tests.model.hub_folders import make_clap


def test_the_last_layer_is_the_one_that_is_made_for_the_classes():
    assert head_names(single_channel_resnet18(5, head_width=16)) == ("fc",)
    for name, last in (("mobilenet_v3_small", "classifier.3"), ("squeezenet1_0", "classifier.1")):
        network = get_model(name, num_classes=5)
        assert head_names(network) == (last,)
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
    last = [n for n, _ in network.named_parameters() if n.startswith(f"{head_names(network)[0]}.")]
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


def test_a_network_with_several_last_layers_learns_in_all_of_them():
    timm = pytest.importorskip("timm")
    network = timm.create_model("deit_tiny_distilled_patch16_224", img_size=32, num_classes=5)
    assert head_names(network) == ("head", "head_dist")
    freeze(network, "head")
    learning = {name for name, p in network.named_parameters() if p.requires_grad}
    assert learning == {"head.weight", "head.bias", "head_dist.weight", "head_dist.bias"}
    assert not {"head.weight", "head_dist.weight"} & backbone_state(network).keys()


class Backwards(nn.Module):
    """Declares its layers in another order than it uses them in."""

    def __init__(self):
        super().__init__()
        self.second, self.first = nn.Conv2d(2, 2, 1), nn.Conv2d(1, 2, 1)
        self.norm, self.head = nn.BatchNorm2d(1), nn.Linear(2, 5)

    def forward(self, x):
        return self.head(self.second(self.first(self.norm(x))).mean((2, 3)))


def test_blocks_come_in_the_order_in_which_a_picture_passes_them():
    network = Backwards().train()
    found = blocks(network, torch.zeros(1, 1, 4, 4))
    assert [block[0] for block in found] == ["norm.weight", "first.weight", "second.weight"]
    assert network.norm.training and network.norm.num_batches_tracked == 0
    freeze(network, 1, found)
    assert [n for n, p in network.named_parameters() if p.requires_grad][:2] == [
        "second.weight",
        "second.bias",
    ]
    groups = parameter_groups(Backwards(), 0.5, 1.0, found)
    assert [group["params"][0].shape[0] for group in groups] == [5, 2, 2, 1]


def test_the_norm_that_a_clap_begins_with_is_its_first_block(tmp_path):
    make_clap(tmp_path)
    found = blocks(hub_network(5, (16, 250), str(tmp_path)), torch.zeros(1, 1, 16, 250))
    assert found[0] == [f"backbone.audio_encoder.batch_norm.{n}" for n in ("weight", "bias")]
    assert "patch_embed" in found[1][0] and "encoder.norm.weight" in " ".join(found[-1])


def test_frozen_blocks_of_a_cnn14_have_no_dropout():
    network = panns_cnn14(5, (32, 32), width=2)
    freeze(network, 2)  # its last convolutions and the layer after them learn
    seen = []
    network.conv_block5.register_forward_hook(lambda *call: seen.append(call[2]))
    x = torch.randn(2, 1, 32, 64)
    network.train()
    network(x), network(x)
    assert torch.equal(*seen)
    assert network.conv_block6.drop.training and not network.conv_block5.drop.training


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
