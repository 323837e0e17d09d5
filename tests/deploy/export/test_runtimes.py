import numpy as np
import pytest
import torch
from torch import nn

from esc50.deploy.export import runtimes
from esc50.deploy.export.portable import PortableModel
from esc50.errors import UserError
from tests.deploy.small import small_model


@pytest.fixture(scope="module")
def portable():
    pytest.importorskip("onnxscript")
    return PortableModel([small_model()])


@pytest.fixture(scope="module")
def onnx_file(portable):
    return runtimes.to_onnx(portable, 4000)


@pytest.fixture(scope="module")
def waveforms():
    return np.random.default_rng(0).normal(0, 0.1, (5, 4000)).astype(np.float32)


def test_onnx_answers_alike_for_any_number_of_clips(portable, onnx_file, waveforms):
    run = runtimes.run_onnx(onnx_file)
    expected = portable(torch.from_numpy(waveforms)).numpy()
    np.testing.assert_allclose(run(waveforms), expected, atol=1e-5)
    np.testing.assert_allclose(run(waveforms[:1]), expected[:1], atol=1e-5)


def test_onnx_says_its_opset_and_names(onnx_file):
    import onnx

    proto = onnx.load_from_string(onnx_file)
    onnx.checker.check_model(proto)
    assert [(each.domain, each.version) for each in proto.opset_import] == [("", runtimes.OPSET)]
    ((name, shape),) = [
        (each.name, [d.dim_param or d.dim_value for d in each.type.tensor_type.shape.dim])
        for each in proto.graph.input
    ]
    assert (name, shape) == ("waveform", ["batch", 4000])


def test_onnx_carries_its_metadata(onnx_file):
    import onnxruntime

    file = runtimes.describe_onnx(onnx_file, {"classes": '["a", "ä"]'})
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map == {"classes": '["a", "ä"]'}


def test_int8_is_near_and_leaves_the_front_end_alone(portable, onnx_file, waveforms):
    import onnx

    file = runtimes.to_int8(onnx_file, [waveforms])
    expected = portable(torch.from_numpy(waveforms)).numpy()
    difference = np.abs(runtimes.run_onnx(file)(waveforms) - expected).max()
    assert 0 < difference < 0.1
    tensors = {each.name: each.data_type for each in onnx.load_from_string(file).graph.initializer}
    kept = [name for name in tensors if name.startswith("front_end.")]
    assert kept and all(tensors[name] == onnx.TensorProto.FLOAT for name in kept)
    assert onnx.TensorProto.INT8 in tensors.values()


def test_a_torch_program_answers_alike_for_any_number_of_clips(portable, waveforms):
    file = runtimes.save_torch(runtimes.to_torch(portable), {"classes": "[]"})
    run = runtimes.run_torch(file)
    expected = portable(torch.from_numpy(waveforms)).numpy()
    np.testing.assert_allclose(run(waveforms), expected, atol=1e-5)
    np.testing.assert_allclose(run(waveforms[:1]), expected[:1], atol=1e-5)


class Branching(nn.Module):
    """Looks at its input to choose what to do, which no export can follow."""

    def forward(self, x):
        return x.mean((1, 2)) if x.sum() > 0 else x.amax((1, 2))


@pytest.mark.parametrize(
    "make",
    [
        runtimes.to_torch,
        pytest.param(lambda model: runtimes.to_onnx(model, 4000), marks=pytest.mark.slow),
    ],
)
def test_a_network_that_cannot_be_followed_is_a_sentence(portable, make):
    model = PortableModel([small_model()])
    model.networks = nn.ModuleList([Branching()])
    with pytest.raises(UserError, match="cannot"):
        make(model)


def test_without_the_extra_the_command_that_installs_it_is_named(portable, monkeypatch):
    monkeypatch.setattr(runtimes, "find_spec", lambda name: None if name == "onnx" else name)
    with pytest.raises(UserError, match=r"need onnx: pip install 'esc50\[export\]'"):
        runtimes.to_onnx(portable, 4000)
