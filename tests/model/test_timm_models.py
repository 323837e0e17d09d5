import pytest
import torch

from esc50.errors import UserError
from esc50.model.timm_models import timm_network

pytest.importorskip("timm")


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "convnext_atto", "resnet18"])
def test_a_backbone_takes_single_channel_pictures_of_any_size(name):
    network = timm_network(name, 7, (64, 96)).eval()
    with torch.no_grad():
        assert network(torch.randn(2, 1, 64, 96)).shape == (2, 7)


def test_a_backbone_takes_pictures_of_several_channels():
    network = timm_network("resnet18", 7, (64, 64), in_channels=3).eval()
    with torch.no_grad():
        assert network(torch.randn(2, 3, 64, 64)).shape == (2, 7)


def test_a_folder_of_the_hub_is_a_file_of_weights(tmp_path):
    import timm

    original = timm.create_model("test_vit", num_classes=4)
    torch.save(original.state_dict(), tmp_path / "pytorch_model.bin")
    ours = timm_network("test_vit", 9, (160, 160), str(tmp_path))
    first = original.state_dict()["blocks.0.attn.qkv.weight"]
    assert torch.equal(ours.state_dict()["blocks.0.attn.qkv.weight"], first)


def test_weights_from_disk_see_a_grey_picture_as_the_original_does(tmp_path):
    import timm

    torch.manual_seed(0)
    original = timm.create_model("resnet18", num_classes=4).eval()
    torch.save(original.state_dict(), tmp_path / "weights.pth")
    ours = timm_network("resnet18", 9, (64, 64), str(tmp_path / "weights.pth")).eval()
    grey = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        expected = original.forward_features(grey.expand(-1, 3, -1, -1))
        torch.testing.assert_close(ours.forward_features(grey), expected)


def test_a_transformer_is_not_bound_to_the_size_it_was_made_for(tmp_path):
    import timm

    original = timm.create_model("vit_tiny_patch16_224", num_classes=4)
    torch.save(original.state_dict(), tmp_path / "weights.pth")
    ours = timm_network("vit_tiny_patch16_224", 9, (64, 64), str(tmp_path / "weights.pth"))
    first = original.state_dict()["blocks.0.attn.qkv.weight"]
    assert torch.equal(ours.state_dict()["blocks.0.attn.qkv.weight"], first)


def test_what_cannot_be_made_is_refused_in_a_sentence(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"model\.name=vit_tiyn is no timm model"):
        timm_network("vit_tiyn", 5, (64, 64))
    with pytest.raises(UserError, match=r"absent\.pth"):
        timm_network("resnet18", 5, (64, 64), str(tmp_path / "absent.pth"))
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"other\.pth"):
        timm_network("resnet18", 5, (64, 64), str(tmp_path / "other.pth"))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"model\.weights=imagenet"):
        timm_network("resnet18", 5, (64, 64), "imagenet")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.safetensors", b"\x08\0\0"),
        ("empty.pth", b""),
        ("text.pth", b"hello"),
        ("list.pth", None),
    ],
)
def test_a_file_that_holds_no_weights_is_refused_in_a_sentence(tmp_path, name, content):
    path = tmp_path / name
    if content is None:
        torch.save([1, 2], path)
    else:
        path.write_bytes(content)
    refused = rf"{name} (is not a PyTorch state dict, nor safetensors|holds list, not a state dict)"
    with pytest.raises(UserError, match=refused):
        timm_network("resnet10t", 5, (64, 64), str(path))


def test_weights_of_a_distilled_transformer_may_be_of_other_classes(tmp_path):
    import timm

    name = "deit_tiny_distilled_patch16_224"
    original = timm.create_model(name, num_classes=4)
    heads = ("head.", "head_dist.")
    kept = {k: v for k, v in original.state_dict().items() if not k.startswith(heads)}
    torch.save(kept, tmp_path / "weights.pth")
    ours = timm_network(name, 5, (32, 32), str(tmp_path / "weights.pth"))
    assert torch.equal(ours.state_dict()["dist_token"], kept["dist_token"])
