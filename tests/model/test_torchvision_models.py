import pytest
import torch
from torch import nn
from torchvision.models import get_model

from esc50.errors import UserError
from esc50.model.torchvision_models import torchvision_network


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "convnext_tiny"])
def test_a_network_takes_single_channel_pictures(name):
    network = torchvision_network(name, 7, (64, 64))
    assert network.training
    with torch.no_grad():
        assert network.eval()(torch.randn(2, 1, 64, 64)).shape == (2, 7)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "convnext_tiny"])
def test_a_grey_picture_is_seen_as_the_three_channel_network_sees_it(name):
    torch.manual_seed(0)
    original = get_model(name, num_classes=7).eval()
    torch.manual_seed(0)
    ours = torchvision_network(name, 7, (64, 64)).eval()
    grey = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(grey), original(grey.expand(-1, 3, -1, -1)))


@pytest.mark.parametrize("channels", [2, 3])
def test_a_network_takes_pictures_of_several_channels(channels):
    torch.manual_seed(0)
    original = get_model("mobilenet_v3_small", num_classes=7).eval()
    torch.manual_seed(0)
    ours = torchvision_network("mobilenet_v3_small", 7, (64, 64), in_channels=channels).eval()
    grey = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        seen = ours(grey.expand(-1, channels, -1, -1))
        torch.testing.assert_close(seen, original(grey.expand(-1, 3, -1, -1)))


def test_weights_of_other_classes_are_loaded_but_for_the_last_layer(monkeypatch):
    torch.manual_seed(0)
    original = get_model("mobilenet_v3_small").state_dict()
    kind = type(get_weights())
    monkeypatch.setattr(kind, "get_state_dict", lambda *_, **__: dict(original))
    ours = torchvision_network("mobilenet_v3_small", 7, (64, 64), "imagenet").state_dict()
    assert torch.equal(ours["features.12.0.weight"], original["features.12.0.weight"])
    first = "features.0.0.weight"
    torch.testing.assert_close(ours[first], original[first].sum(1, keepdim=True))
    assert ours["classifier.3.weight"].shape == (7, 1024)


def get_weights():
    from torchvision.models import get_model_weights

    return get_model_weights("mobilenet_v3_small").DEFAULT


def test_what_cannot_be_made_is_refused_in_a_sentence(monkeypatch, tmp_path):
    with pytest.raises(
        UserError, match=r"model\.name=mobilnet is no torchvision model: did you mean mobilenet"
    ):
        torchvision_network("mobilnet", 7, (64, 64))
    with pytest.raises(UserError, match=r"model\.weights=a\.pth is no file"):
        torchvision_network("mobilenet_v3_small", 7, (64, 64), "a.pth")
    with pytest.raises(UserError, match="for pictures of 64 x 32"):
        torchvision_network("vit_b_16", 7, (64, 32))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"model\.weights=imagenet"):
        torchvision_network("mobilenet_v3_small", 7, (64, 64), "imagenet")


def test_the_first_convolution_alone_is_another():
    network = torchvision_network("mobilenet_v3_small", 7, (64, 64))
    channels = [layer.in_channels for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert channels[0] == 1 and 3 not in channels
