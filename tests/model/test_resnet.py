import ctypes
import sys
from copy import deepcopy

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from esc50.config.hardware import instruction_set
from esc50.errors import UserError
from esc50.model.resnet import optimize_memory_layout, single_channel_resnet18
from esc50.training.process.memory import keep_freed_memory


@pytest.fixture(scope="module")
def three_channel():
    torch.manual_seed(3)
    return resnet18(num_classes=7).eval()


def test_weights_from_disk_see_a_grey_picture_as_the_original_does(three_channel, tmp_path):
    torch.save(three_channel.state_dict(), tmp_path / "weights.pth")
    ours = single_channel_resnet18(10, str(tmp_path / "weights.pth")).eval()
    grey = torch.randn(2, 1, 64, 64)
    features = [torch.nn.Sequential(*list(net.children())[:-1]) for net in (ours, three_channel)]
    with torch.no_grad():
        torch.testing.assert_close(features[0](grey), features[1](grey.expand(-1, 3, -1, -1)))
    assert ours.fc.out_features == 10
    assert ours.conv1.weight.shape == (64, 1, 7, 7)


@pytest.mark.parametrize("channels", [2, 3])
def test_channels_that_are_all_one_picture_are_seen_as_that_picture(
    three_channel, tmp_path, channels
):
    torch.save(three_channel.state_dict(), tmp_path / "weights.pth")
    path = str(tmp_path / "weights.pth")
    ours = single_channel_resnet18(10, path, in_channels=channels).eval()
    grey = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        expected = three_channel.conv1(grey.expand(-1, 3, -1, -1))
        seen = ours.conv1(grey.expand(-1, channels, -1, -1))
    torch.testing.assert_close(seen, expected, atol=1e-5, rtol=1e-4)
    if channels == 3:  # colours stay as they are
        assert torch.equal(ours.conv1.weight, three_channel.conv1.weight)


def test_a_head_has_its_width_and_leaves_the_rest_alone():
    torch.manual_seed(3)
    plain = single_channel_resnet18(7)
    torch.manual_seed(3)
    wide = single_channel_resnet18(7, head_width=100)
    assert [tuple(p.shape) for p in wide.fc.parameters()] == [(100, 512), (100,), (7, 100), (7,)]
    assert torch.equal(wide.layer4[1].conv2.weight, plain.layer4[1].conv2.weight)
    assert wide(torch.randn(2, 1, 64, 64)).shape == (2, 7)


def test_the_first_convolution_moves_by_the_strides_it_is_given():
    usual, fast = single_channel_resnet18(7), single_channel_resnet18(7, stem_stride=[4, 2])
    x = torch.randn(1, 1, 128, 128)
    assert usual.conv1(x).shape == (1, 64, 64, 64) and fast.conv1(x).shape == (1, 64, 32, 64)
    fast.conv1.load_state_dict(usual.conv1.state_dict())
    torch.testing.assert_close(fast.conv1(x), usual.conv1(x)[:, :, ::2])


def test_a_network_of_another_width_has_so_many_channels_throughout():
    usual, narrow = single_channel_resnet18(7), single_channel_resnet18(7, width=32)
    assert narrow(torch.randn(2, 1, 64, 64)).shape == (2, 7)
    x = torch.randn(1, 1, 128, 128)
    for depth in range(1, 9):  # of the modules before the last pooling
        shapes = [
            nn.Sequential(*list(each.children())[:depth])(x).shape for each in (usual, narrow)
        ]
        assert shapes[1][1] * 2 == shapes[0][1] and shapes[1][2:] == shapes[0][2:]
    for (name, theirs), ours in zip(usual.named_parameters(), narrow.parameters(), strict=True):
        if theirs.ndim == 4:  # variances of 2 / fan_out, as torchvision draws filters
            torch.testing.assert_close(
                ours.std() / theirs.std(), torch.tensor(2**0.5), atol=0.1, rtol=0
            )
        assert ours.requires_grad, name
    wide = single_channel_resnet18(7, width=96, head_width=20)
    assert [p.shape[1] for p in wide.fc.parameters() if p.ndim == 2] == [768, 20]


@pytest.mark.parametrize(("size", "turned"), [((64, 64), False), ((128, 32), True)])
def test_the_layout_in_memory_changes_neither_outputs_nor_gradients(size, turned):
    torch.manual_seed(3)
    plain = single_channel_resnet18(7).double()
    laid_out = deepcopy(optimize_memory_layout(deepcopy(plain), size))
    x = torch.randn(4, 1, *size, dtype=torch.float64)
    outputs = [network(x) for network in (plain, laid_out)]
    torch.testing.assert_close(*outputs)
    for output in outputs:
        output.square().sum().backward()
    for ours, theirs in zip(laid_out.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)
    gpu = torch.cuda.is_available()
    inner, last = laid_out.layer3[1].conv2.weight, laid_out.layer4[1].conv2.weight
    laid_out.load_state_dict(plain.state_dict())
    of_last = torch.channels_last if gpu else torch.contiguous_format
    for weight, order in ((inner, torch.channels_last), (last, of_last)):
        for numbers in (weight, weight.grad):
            lies = numbers.mT if turned and not gpu else numbers
            assert lies.is_contiguous(memory_format=order)


@pytest.mark.skipif(
    sys.platform != "linux" or instruction_set() not in ("AMX", "AVX512-BF16"),
    reason="the processor has no bfloat16 instructions",
)
def test_gradients_in_bfloat16_do_not_depend_on_what_was_in_memory():
    """Of pictures that end as a single column, oneDNN leaves parts of the gradient unwritten."""
    keep_freed_memory()  # what is freed here is what the gradients are then written to
    torch.manual_seed(3)
    network = single_channel_resnet18(7, stem_stride=(2, 4))
    network = optimize_memory_layout(network, (16, 16)).to(memory_format=torch.channels_last)
    x, first = torch.randn(32, 1, 16, 16), None
    for _ in range(10):
        network.zero_grad()
        poison_freed_memory()
        with torch.autocast("cpu", torch.bfloat16):
            loss = network(x).float().square().sum()
        loss.backward()
        gradients = [parameter.grad.clone() for parameter in network.parameters()]
        first = first or gradients
        assert all(gradient.isfinite().all() for gradient in gradients)
        assert all(map(torch.equal, gradients, first))


def poison_freed_memory():
    """Leave NaN behind in memory that is free, as other work may."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    sizes = [1 << bits for bits in (16, 18, 20, 22, 24, 25)] * 3
    taken = [(libc.malloc(size), size) for size in sizes]
    for place, size in taken:
        ctypes.memset(place, 0xFF, size)
    for place, _ in taken:
        libc.free(place)


def test_single_channel_weights_are_taken_as_they_are(tmp_path):
    first = single_channel_resnet18(4)
    torch.save(first.state_dict(), tmp_path / "weights.pth")
    second = single_channel_resnet18(9, str(tmp_path / "weights.pth"))
    assert torch.equal(first.conv1.weight, second.conv1.weight)
    assert torch.equal(first.layer4[1].conv2.weight, second.layer4[1].conv2.weight)


def test_files_that_are_no_resnet18_are_refused(three_channel, tmp_path):
    with pytest.raises(UserError, match="is no file"):
        single_channel_resnet18(5, str(tmp_path / "absent.pth"))
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(UserError, match="not a PyTorch state dict"):
        single_channel_resnet18(5, str(tmp_path / "text.pth"))
    state = three_channel.state_dict()
    del state["layer1.0.conv1.weight"]
    torch.save(state, tmp_path / "part.pth")
    with pytest.raises(UserError, match=r"layer1\.0\.conv1\.weight"):
        single_channel_resnet18(5, str(tmp_path / "part.pth"))


class Evil:
    def __reduce__(self):
        return (print, ("this must not run",))


def test_a_pickle_that_runs_code_is_refused_unrun(tmp_path, capsys):
    torch.save({"conv1.weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(UserError, match="not a PyTorch state dict"):
        single_channel_resnet18(5, str(tmp_path / "evil.pth"))
    assert "must not run" not in capsys.readouterr().out


def test_imagenet_weights_offline_say_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"model\.weights=/path/to/file\.pth"):
        single_channel_resnet18(5, "imagenet")
