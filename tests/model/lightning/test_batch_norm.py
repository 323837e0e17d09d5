"""The layer in two real processes against torch's own on the whole batch."""

import pytest
import torch
import torch.distributed as dist
from torch import nn

from esc50.model.lightning.batch_norm import SharedBatchNorm2d, share_batch_norm

CHANNELS, STEPS = 5, 3


def batch(step):
    """Ten items, whose mean is large beside their spread in one channel, and a gradient.

    In double precision, where nothing but a wrong formula makes a difference.
    """
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(10, CHANNELS, 4, 3, generator=generator) * torch.tensor(
        [1.0, 0.01, 30.0, 2.0, 1.0]
    ).view(-1, 1, 1)
    x[:, 1] += 7
    return x.double(), torch.randn(10, CHANNELS, 4, 3, generator=generator).double()


def norm_with_parameters(kind):
    torch.manual_seed(9)
    norm = kind(CHANNELS)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm.double()


def train(norm, rows):
    """Outputs and gradients of input, weight and bias, step by step; then what was kept."""
    seen = []
    for step in range(STEPS):
        x, gradient = (tensor[rows] for tensor in batch(step))
        x = x.contiguous(memory_format=torch.channels_last).requires_grad_()
        norm.zero_grad()
        y = norm(x)
        y.backward(gradient)
        seen.append([y.detach(), x.grad, norm.weight.grad.clone(), norm.bias.grad.clone()])
    return seen, {key: value.clone() for key, value in norm.state_dict().items()}


def process(rank, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    rows = slice(0, 7) if rank == 0 else slice(7, 10)  # uneven shares
    norm = norm_with_parameters(SharedBatchNorm2d)
    seen, state = train(norm, rows)
    torch.save((seen, state, norm.eval()(batch(0)[0])), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batchnorm")
    torch.multiprocessing.spawn(process, (folder,), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def test_shares_are_normalised_as_the_whole_batch_is(two_processes):
    expected, _ = train(norm_with_parameters(nn.BatchNorm2d), slice(None))
    (first, *_), (second, *_) = two_processes
    for whole, one, two in zip(expected, first, second, strict=True):
        for i in (0, 1):  # output and gradient of the input
            torch.testing.assert_close(torch.cat([one[i], two[i]]), whole[i])
        for i in (2, 3):  # parameters' gradients add up, as they do over the items of a batch
            torch.testing.assert_close(one[i] + two[i], whole[i])


def test_running_statistics_are_those_of_the_whole_batch(two_processes):
    norm = norm_with_parameters(nn.BatchNorm2d)
    _, expected = train(norm, slice(None))
    for _, state, evaluated in two_processes:
        assert state.keys() == expected.keys()
        for key, value in expected.items():
            torch.testing.assert_close(state[key], value)
        torch.testing.assert_close(evaluated, norm.eval()(batch(0)[0]))


def test_a_network_keeps_its_state_when_its_norms_are_shared():
    from esc50.model.resnet import single_channel_resnet18  # slow to load in the two processes

    network = single_channel_resnet18(5)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    share_batch_norm(network, torch.device("cpu"))
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(norms) == 20 and all(type(layer) is SharedBatchNorm2d for layer in norms)
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[key], value) for key, value in before.items())
