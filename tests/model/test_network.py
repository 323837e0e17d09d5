import pytest
import torch
from torch import nn

from esc50.errors import UserError
from esc50.model.network import build_network, check_network, without_weights
from esc50.model.pretrained.head import head_names
from tests.model.beats_files import make_beats
from tests.model.hub_folders import make_ast

RESNET = {"_target_": "esc50.model.resnet.single_channel_resnet18"}
# Every network of conf/model, as small as it can be.
NETWORKS = {
    "resnet18": {**RESNET, "head_width": None, "weights": None},
    "torchvision": {
        "_target_": "esc50.model.torchvision_models.torchvision_network",
        "name": "mobilenet_v3_small",
        "weights": None,
    },
    "timm": {
        "_target_": "esc50.model.timm_models.timm_network",
        "name": "test_vit",
        "weights": None,
    },
    "panns": {"_target_": "esc50.model.panns.panns_cnn14", "width": 2, "weights": None},
    "beats": {"_target_": "esc50.model.beats.beats", "weights": None},
    "hub": {"_target_": "esc50.model.huggingface.hub_network", "weights": None},
    "one's own": {"_target_": "tests.model.test_network.Own", "width": 3},
}

LARGE = ("resnet18", "torchvision", "timm")


class Own(nn.Module):
    def __init__(self, width, num_classes):
        super().__init__()
        self.first, self.last = nn.Conv2d(1, width, 3), nn.Linear(width, num_classes)

    def forward(self, x):
        return self.last(self.first(x).mean((2, 3)))


@pytest.fixture
def checkpoint(tmp_path):
    """Writes a checkpoint of a network that has seven classes."""

    def make(section, network):
        about = {"classes": list("abcdefg"), "config": {"model": section}, "features": {}}
        if hasattr(network, "architecture"):
            about["architecture"] = network.architecture
        state = {f"network.{key}": value for key, value in network.state_dict().items()}
        torch.save({"esc50": about, "state_dict": state}, tmp_path / "best.ckpt")
        return str(tmp_path / "best.ckpt")

    return make


def test_the_network_has_an_output_per_class():
    network = build_network(RESNET, 7, (32, 64)).eval()
    assert network(torch.zeros(2, 1, 32, 64)).shape == (2, 7)


def test_an_unknown_argument_is_named():
    with pytest.raises(UserError, match=r"model\.wieghts is not an argument of"):
        build_network({**RESNET, "wieghts": None}, 7, (32, 64))


def test_what_the_run_does_with_a_network_is_not_told_to_it():
    section = {**RESNET, "train": "head", "layer_decay": 0.5, "licence": "MIT"}
    check_network(section)
    assert build_network(section, 7, (32, 64)).fc.out_features == 7


def test_a_file_of_weights_that_is_not_there_is_told_before_anything_is_built():
    with pytest.raises(UserError, match=r"model\.weights=no\.pth is no file"):
        check_network({**RESNET, "weights": "no.pth"})
    own = {"_target_": "tests.model.test_network.Named", "weights": "a name.pth"}
    check_network(own)  # who knows what that is to it


class Named(nn.Linear):
    def __init__(self, weights, num_classes):
        super().__init__(1, num_classes)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in NETWORKS],
)
def test_a_checkpoint_of_ones_own_starts_any_network_for_other_classes(name, checkpoint, tmp_path):
    section = NETWORKS[name]
    if name == "timm":
        pytest.importorskip("timm")
    if name == "hub":
        make_ast(tmp_path / "hub")
        section = {**section, "weights": str(tmp_path / "hub")}
    if name == "beats":
        section = {**section, "weights": make_beats(tmp_path / "BEATs_tiny.pt")}
    first = build_network(section, 7, (32, 64))
    path = checkpoint({**without_weights(section), "train": "all"}, first)
    second = build_network({**section, "weights": path}, 3, (32, 64)).eval()
    (last,) = head_names(second)
    assert second.get_submodule(last).weight.shape[0] == 3
    theirs = first.state_dict()
    for key, value in second.state_dict().items():
        if not key.startswith(last):
            assert torch.equal(value, theirs[key]), key
    assert second(torch.randn(2, 1, 32, 64)).shape == (2, 3)


def test_a_checkpoint_of_another_network_is_refused_by_the_key_that_differs(checkpoint):
    section = NETWORKS["panns"]
    path = checkpoint(section, build_network(section, 7, (32, 32)))
    with pytest.raises(UserError, match=r"is of a network with model\.width=2, not 4: choose"):
        build_network({**section, "width": 4, "weights": path}, 3, (32, 32))
    with pytest.raises(
        UserError, match=r"is of a network with model\._target_=esc50\.model\.panns"
    ):
        build_network({**RESNET, "weights": path}, 3, (32, 32))
    with pytest.raises(UserError, match=r"not of this network at this size of picture: bn0\."):
        build_network({**section, "weights": path}, 3, (48, 32))


@pytest.mark.parametrize(
    ("network", "name", "like"),
    [("torchvision", "convnxt_tiny", "convnext_tiny"), ("timm", "vit_tiyn", "vit_tiny")],
)
def test_a_wrong_name_is_refused_before_data_is_read_with_those_like_it(network, name, like):
    section = {**NETWORKS[network], "name": name}
    with pytest.raises(UserError, match=rf"model\.name={name} is no .* model: .*{like}"):
        check_network(section)


def test_weights_that_are_neither_a_file_nor_the_networks_word_are_refused():
    check_network({**RESNET, "weights": "imagenet"})
    for word in ("audioset", "MIT/ast"):
        with pytest.raises(UserError, match=f"{word} is no file: give imagenet"):
            check_network({**RESNET, "weights": word})
