import copy
import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from esc50.api import load
from esc50.errors import UserError
from esc50.model.beats import beats
from esc50.model.network import check_network
from esc50.model.pretrained.head import blocks, freeze, head_names
from esc50.training.fold import run_fold
from tests.model.beats_files import BEATS_FEATURES, BIAS, CFG, make_beats

SIZE = (32, 48)
# Of the official class, by its source: names and shapes of what its published files hold.
OFFICIAL = {
    "patch_embedding.weight": (512, 1, 16, 16),
    "layer_norm.weight": (512,),
    "post_extract_proj.weight": (768, 512),
    "encoder.pos_conv.0.weight_g": (1, 1, 128),
    "encoder.pos_conv.0.weight_v": (768, 48, 128),
    "encoder.pos_conv.0.bias": (768,),
    "encoder.layer_norm.weight": (768,),
    "encoder.layers.0.self_attn.relative_attention_bias.weight": (320, 12),
    "encoder.layers.11.self_attn.grep_linear.weight": (8, 64),
    "encoder.layers.11.self_attn.grep_a": (1, 12, 1, 1),
    "encoder.layers.11.self_attn.q_proj.bias": (768,),
    "encoder.layers.11.self_attn_layer_norm.weight": (768,),
    "encoder.layers.11.fc1.weight": (3072, 768),
    "encoder.layers.11.fc2.bias": (768,),
    "encoder.layers.11.final_layer_norm.bias": (768,),
}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return make_beats(tmp_path_factory.mktemp("beats") / "BEATs_iter3_plus_AS2M.pt")


@pytest.fixture
def tuned(config, published, tmp_path):
    own = [*BEATS_FEATURES, "trainer.precision=32-true", f"data.cache_dir={tmp_path / 'cache'}"]
    return lambda *more: config("model=beats", f"model.weights={published}", *own, *more)


def test_its_layout_is_that_of_the_published_weights():
    with torch.device("meta"):
        network = beats(527, (128, 998))
    state = network.state_dict()
    assert {key: tuple(state[key].shape) for key in OFFICIAL} == OFFICIAL
    assert sum(weight.numel() for weight in network.parameters()) == 90_717_055  # 90 million


@pytest.mark.parametrize("tuned_on_audioset", [True, False])
def test_the_published_weights_are_loaded_but_for_the_last_layer(tmp_path, tuned_on_audioset):
    path = make_beats(tmp_path / "BEATs.pt", finetuned_model=tuned_on_audioset)
    held = torch.load(path, weights_only=True)["model"]
    assert ("predictor.weight" in held) == tuned_on_audioset
    state = beats(5, SIZE, path).state_dict()
    assert state.pop("head.weight").shape == (5, 48) and state.pop("head.bias").any()
    assert all(torch.equal(value, held[key]) for key, value in state.items())
    left = {f"encoder.layers.{number}.{BIAS}" for number in (1, 2)}  # the first layer's again
    assert {key for key in held if not key.startswith("predictor.")} - state.keys() == left


def test_its_architecture_is_plain_and_builds_it_without_the_file(published):
    first = beats(5, SIZE, published).eval()
    second = beats(5, SIZE, architecture=json.loads(json.dumps(first.architecture))).eval()
    second.load_state_dict(first.state_dict())
    x = torch.randn(2, 1, *SIZE)
    assert torch.equal(first(x), second(x))
    assert torch.equal(first(x), copy.deepcopy(first)(x))  # as an average of weights begins


def test_rows_and_columns_beyond_the_last_patch_are_left_out(published):
    network, x = beats(5, (40, 63), published).eval(), torch.randn(2, 1, 40, 63)
    torch.testing.assert_close(network(x), beats_like(network)(x[:, :, :32, :48]))
    assert network.patches(x).shape == (2, 6, 48)
    assert network(x[..., :20]).shape == (2, 5)  # as online augmentation may show


def beats_like(network):
    other = beats(5, SIZE, architecture=network.architecture).eval()
    other.load_state_dict(network.state_dict())
    return other


def test_its_blocks_are_its_layers_and_what_is_before_them(published):
    network = beats(5, SIZE, published)
    listed = blocks(network)
    assert head_names(network) == ("head",)
    assert [block[0].partition(".self_attn")[0] for block in listed[-3:]] == [
        f"encoder.layers.{number}" for number in range(3)
    ]
    names = [name for block in listed for name in block]
    own = [name for name, _ in network.named_parameters() if not name.startswith("head.")]
    assert sorted(names) == sorted(own)
    freeze(network, 1)
    learns = {name for name, weight in network.named_parameters() if weight.requires_grad}
    assert all(name.startswith(("head.", "encoder.layers.2.")) for name in learns)


def test_it_learns_a_handful_of_clips_by_heart(published):
    torch.manual_seed(0)
    network, x, y = beats(4, SIZE, published).train(), torch.randn(4, 1, *SIZE), torch.arange(4)
    adam = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(60):
        adam.zero_grad()
        torch.nn.functional.cross_entropy(network(x), y).backward()
        adam.step()
    assert (network.eval()(x).argmax(1) == y).all()


def test_half_precision_is_close(published):
    torch.manual_seed(0)
    network, x = beats(4, SIZE, published), torch.randn(4, 1, *SIZE)
    with torch.autocast("cpu", torch.bfloat16):
        seen = network(x).float()
    seen.sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())
    torch.testing.assert_close(seen, network(x), atol=0.1, rtol=0.1)


def test_a_probe_and_a_fine_tuning_need_no_file_afterwards(tuned, published, tmp_path, tiny):
    probe = ["model.train=head", "optimizer.lr=0.05", "augment=none"]
    results = run_fold(tuned(*probe), tmp_path / "probe")
    assert results["pretrained_on"] == "AudioSet" and results["test/acc"] > 0.2
    assert results["weights_licence"] == "MIT (Microsoft, BEATs)"
    held = torch.load(published, weights_only=True)["model"]
    checkpoint = torch.load(tmp_path / "probe" / "checkpoints" / "best.ckpt", weights_only=True)
    state = checkpoint["state_dict"]
    assert torch.equal(
        state["network.encoder.layers.2.fc1.weight"], held["encoder.layers.2.fc1.weight"]
    )
    assert checkpoint["esc50"]["architecture"]["encoder_embed_dim"] == CFG["encoder_embed_dim"]
    more = ["augment=online", "model.layer_decay=0.5", "trainer.max_epochs=1"]
    run_fold(tuned(*more), tmp_path / "tuned")
    hidden = tmp_path / "hidden.pt"
    Path(published).rename(hidden)
    try:
        for run in ("probe", "tuned"):
            check_answers(tmp_path / run, tiny)
        best = tmp_path / "tuned" / "checkpoints" / "best.ckpt"
        again = tuned(f"model.weights={best}", "trainer.max_epochs=1")
        assert run_fold(again, tmp_path / "again")["origin"]
    finally:
        hidden.rename(published)


def check_answers(run, tiny):
    """See that a run's checkpoint alone answers as the run's test did."""
    model = load(run / "checkpoints" / "best.ckpt", device="cpu")
    with (run / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows[:3]:
        answer = model.predict(tiny / "audio" / row["clip"]).windows[0]
        np.testing.assert_allclose(answer, [float(row[f"tone{i}"]) for i in range(5)], atol=1e-5)


def test_other_features_are_refused_with_the_choice(config, published, tmp_path):
    own = ["model=beats", f"model.weights={published}", "data.root=nowhere"]
    with pytest.raises(UserError, match=r"set features=beats input_mean=0\.0 input_std=1\.0"):
        run_fold(config(*own), tmp_path)
    ast = ["features=ast", *BEATS_FEATURES[1:]]
    with pytest.raises(UserError, match=r"window_type=povey, not null: set features=beats"):
        run_fold(config(*own, *ast), tmp_path)


def test_what_cannot_be_made_is_refused_in_a_sentence(published, tmp_path):
    section = {"_target_": "esc50.model.beats.beats", "weights": "BEATs_iter3_plus_AS2M.pt"}
    said = r"is no file: fetch BEATs_iter3_plus_AS2M\.pt from https://github\.com/microsoft/unilm"
    with pytest.raises(UserError, match=said):
        check_network(section)  # before data is read
    with pytest.raises(UserError, match=r"as model\.weights=/path/to/BEATs_iter3_plus_AS2M\.pt"):
        beats(5, SIZE, section["weights"])
    with pytest.raises(UserError, match=r"patches of 16 x 16: features\.height=12 and features\.w"):
        beats(5, (12, 48), published)
    held = torch.load(published, weights_only=True)
    damaged = str(tmp_path / "other.pt")
    for changed, said in (
        ({"cfg": None}, "holds no cfg, which says how large its network is"),
        (
            {"cfg": {**held["cfg"], "layer_norm_first": True}},
            "other.pt cannot be used: cfg.layer_n",
        ),
        ({"cfg": {**held["cfg"], "encoder_layers": 4}}, "is not of BEATs: encoder.layers.3"),
        ({"model": {**held["model"], "quantize.embedding.weight": torch.ones(2)}}, "BEATs: quant"),
    ):
        torch.save({**held, **changed}, damaged)
        with pytest.raises(UserError, match=said):
            beats(5, SIZE, damaged)
