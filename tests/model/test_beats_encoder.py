import importlib.util
import subprocess
import sys

import numpy as np
import pytest
import torch

from esc50.audio.front_ends.front_end import make_front_end
from esc50.audio.spec import make_spec
from esc50.config.composition import compose_plain
from esc50.errors import UserError
from esc50.model.beats import beats
from esc50.model.beats_encoder import BIAS, Architecture, PositionConv, distance_buckets
from tests.conftest import REPOSITORY
from tests.model.beats_files import CFG, make_beats
from tests.model.beats_reference import VARIANTS, WEIGHT_NORM

SIZE = (128, 98)  # of a second


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """A folder of what the reference computes: see `beats_reference`."""
    if importlib.util.find_spec("speechbrain") is None:
        pytest.skip("speechbrain is not installed")
    folder = tmp_path_factory.mktemp("reference")
    command = [sys.executable, "-m", "tests.model.beats_reference", str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def read(path):
    return torch.load(path, weights_only=True)


@pytest.mark.parametrize("name", VARIANTS)
def test_it_computes_what_the_reference_does(reference, name):
    """From sound: by their features and ours, each patch after the last layer, and the logits."""
    said, path = read(reference / f"{name}.pt"), reference / f"BEATs_{name}.pt"
    ours = beats(CFG["predictor_class"], SIZE, str(path)).eval()
    with torch.no_grad():
        for part in ("weight", "bias"):  # AudioSet's last layer in the place of a new one
            ours.head.get_parameter(part).copy_(read(path)["model"][f"predictor.{part}"])
        seen, probabilities = ours.patches(said["pictures"]), ours(said["pictures"]).sigmoid()
        spec = make_spec(compose_plain(["features=beats", "features.seconds=1.0"])["features"])
        heard = ours.patches(make_front_end(spec).features(said["sound"]))
    assert seen.shape == (2, 6 * 8, 48) and seen.std() > 0.3  # two of 98 frames are left out
    torch.testing.assert_close(seen, said["patches"], atol=1e-5, rtol=0)
    torch.testing.assert_close(probabilities, said["probabilities"], atol=1e-5, rtol=0)
    torch.testing.assert_close(heard, said["patches"], atol=1e-4, rtol=0)


def test_it_learns_what_the_reference_would(reference):
    said = read(reference / "published.pt")
    ours = beats(7, SIZE, str(reference / "BEATs_published.pt"))
    (ours.patches(said["pictures"]) * said["towards"]).sum().backward()
    learnt = {name: p.grad for name, p in ours.named_parameters() if not name.startswith("head.")}
    assert learnt.keys() == {k for k in said["gradients"] if not k.startswith("predictor.")}
    for key, gradient in learnt.items():
        wanted = said["gradients"][key]
        # Some are 0 but for rounding: softmax knows no offset, and so no bias of keys.
        assert (gradient - wanted).abs().max() < 1e-3 * wanted.abs().max() + 1e-6, key


def test_its_layout_is_the_references_in_the_published_size(reference):
    theirs = read(reference / "layout.pt")
    with torch.device("meta"):
        ours = {key: list(value.shape) for key, value in beats(5, SIZE).state_dict().items()}
    again = {f"encoder.layers.{number}.{BIAS}.weight": [320, 12] for number in range(12)}
    assert {k: v for k, v in ours.items() if not k.startswith("head.")} | again == theirs


def test_distances_are_numbered_as_the_reference_does(reference):
    theirs = read(reference / "buckets.pt")
    assert torch.equal(distance_buckets(700, 320, 800), theirs)
    assert theirs.unique().numel() > 300


@pytest.mark.parametrize("length", [15, 16])
def test_the_length_of_filters_by_place_is_apart_from_their_direction(length):
    torch.manual_seed(0)
    ours = PositionConv(8, length, 2)
    theirs = torch.nn.Conv1d(8, 8, length, padding=length // 2, groups=2)
    theirs = torch.nn.utils.parametrizations.weight_norm(theirs, dim=2)
    ours.weight_g.data *= 2
    own = {"bias": ours.bias, f"{WEIGHT_NORM}0": ours.weight_g, f"{WEIGHT_NORM}1": ours.weight_v}
    theirs.load_state_dict(own)
    x = torch.randn(3, 8, 20)
    torch.testing.assert_close(ours(x), theirs(x)[..., :20])


def test_training_drops_what_the_file_says_and_draws_from_torch_alone(tmp_path):
    x = torch.randn(2, 1, *SIZE)
    still = beats(5, SIZE, make_beats(tmp_path / "still.pt")).train()
    assert torch.equal(still(x), still(x))  # no layer is dropped
    path = make_beats(tmp_path / "dropping.pt", dropout=0.1, attention_dropout=0.2)
    dropping = beats(5, SIZE, path).train()
    before, state = np.random.get_state()[1].copy(), torch.get_rng_state()
    first = dropping(x)
    assert not torch.equal(first, dropping(x))
    torch.set_rng_state(state)
    assert torch.equal(first, dropping(x))
    assert (np.random.get_state()[1] == before).all()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layer_norm_first": True}, r"cfg\.layer_norm_first=True .* false alone: no network"),
        ({"activation_fn": "glu"}, r"cfg\.activation_fn=glu .* takes one of gelu, relu"),
        ({"encoder_layers": 0}, r"cfg\.encoder_layers=0 is invalid: it takes a whole number"),
        ({"encoder_attention_heads": 5}, r"cfg\.encoder_attention_heads=5 must divide"),
        ({"num_buckets": 3200}, r"cfg\.max_distance=800 must be more than a quarter"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused_by_the_key(changes, said):
    with pytest.raises(UserError, match=said):
        Architecture.parse("cfg", {**CFG, **changes})
