import json

import pytest
import torch

from esc50.errors import UserError
from esc50.model.huggingface import hub_network
from tests.model.hub_folders import make_ast, make_clap, make_hearer, make_whisper

pytest.importorskip("transformers")


def test_an_ast_from_a_folder_sees_what_transformers_own_does(tmp_path):
    theirs = make_ast(tmp_path)
    ours = hub_network(5, (32, 64), str(tmp_path)).eval()
    x = torch.randn(2, 1, 32, 64)
    with torch.no_grad():
        expected = theirs.audio_spectrogram_transformer(x[:, 0].transpose(1, 2)).pooler_output
        torch.testing.assert_close(ours(x), ours.head(expected))
    assert ours(x).shape == (2, 5)


@pytest.mark.parametrize("fusion", [False, True])
def test_the_audio_half_of_a_clap_sees_what_transformers_own_does(tmp_path, fusion):
    theirs = make_clap(tmp_path, fusion)
    ours = hub_network(5, (16, 250), str(tmp_path)).eval()
    x = torch.randn(2, 1, 16, 250)
    given = x.transpose(2, 3).repeat(1, 4 if fusion else 1, 1, 1)
    with torch.no_grad():
        longer = torch.zeros(2, 1)
        expected = theirs.audio_model(given, is_longer=longer).pooler_output
        torch.testing.assert_close(ours(x), ours.head(expected))


def test_no_gradient_of_a_clap_passes_what_gpus_have_no_deterministic_one_for(tmp_path):
    make_clap(tmp_path)
    network = hub_network(5, (16, 250), str(tmp_path)).train()
    ahead, passed = [network(torch.randn(2, 1, 16, 250)).grad_fn], set()
    while ahead:
        step = ahead.pop()
        if step is not None and step not in passed:
            passed.add(step)
            ahead += [one for one, _ in step.next_functions]
    names = {step.name() for step in passed}
    assert "NativeBatchNormBackward0" in names and "UpsampleBicubic2DBackward0" not in names


def test_a_fused_clap_is_a_program_that_can_be_exported(tmp_path):
    make_clap(tmp_path, fusion=True)
    network, x = hub_network(5, (16, 250), str(tmp_path)).eval(), torch.randn(2, 1, 16, 250)
    shapes = ({0: torch.export.Dim("batch")},)
    with torch.no_grad():
        program = torch.export.export(network, (x,), dynamic_shapes=shapes).module()
        torch.testing.assert_close(program(x[:1].repeat(3, 1, 1, 1)), network(x[:1]).expand(3, -1))


@pytest.mark.parametrize(
    ("make", "size"),
    [
        (make_ast, (32, 64)),
        (make_clap, (16, 250)),
        (make_hearer, (1, 16000)),
        (make_whisper, (80, 100)),
    ],
)
def test_its_architecture_is_plain_and_builds_it_without_the_folder(tmp_path, make, size):
    make(tmp_path)
    first = hub_network(5, size, str(tmp_path)).eval()
    architecture = json.loads(json.dumps(first.architecture))
    second = hub_network(5, size, architecture=architecture).eval()
    second.load_state_dict(first.state_dict())
    x = torch.randn(1, 1, *size)
    assert torch.equal(first(x), second(x))


def test_what_cannot_be_loaded_is_refused_in_a_sentence(tmp_path, monkeypatch):
    make_ast(tmp_path)
    with pytest.raises(UserError, match="names no network: give its name on the Hugging Face hub"):
        hub_network(5, (32, 64))
    with pytest.raises(UserError, match=r"features\.height=32 and features\.frames=64"):
        hub_network(5, (128, 1024), str(tmp_path))
    with pytest.raises(UserError, match=r"is no folder with a config\.json"):
        hub_network(5, (32, 64), str(tmp_path / "absent"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # no retries
    with pytest.raises(UserError, match="where there is a network, `hf download nobody/nothing"):
        hub_network(5, (32, 64), "nobody/nothing")
    (tmp_path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    with pytest.raises(UserError, match="lacks embeddings"):
        hub_network(5, (32, 64), str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(UserError, match="is of the kind bert: those that take sound"):
        hub_network(5, (32, 64), str(tmp_path))


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_weights_kept_in_half_precision_are_trained_in_float32(tmp_path, half):
    make_ast(tmp_path).to(getattr(torch, half)).save_pretrained(tmp_path)
    network = hub_network(5, (32, 64), str(tmp_path)).eval()
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    assert network(torch.randn(2, 1, 32, 64)).shape == (2, 5)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("hidden_size", 24, r"lacks .*, or has it in another shape$"),
        ("hidden_size", "wide", r"cannot be loaded: .*hidden_size"),
        ("hidden_size", 0, r"cannot be loaded: "),
        (None, None, r"cannot be loaded: Error while deserializing header"),
    ],
)
def test_a_damaged_folder_is_refused_in_a_sentence(tmp_path, key, value, sentence):
    make_ast(tmp_path)
    file = tmp_path / "config.json"
    if key is None:
        file = tmp_path / "model.safetensors"
        file.write_bytes(file.read_bytes()[:500])
    else:
        file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))
    with pytest.raises(UserError, match=sentence):
        hub_network(5, (32, 64), str(tmp_path))
