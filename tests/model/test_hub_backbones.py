import pytest
import torch

from esc50.errors import UserError
from esc50.model.hub_backbones import HEARERS
from esc50.model.huggingface import hub_network
from tests.model.hub_folders import make_hearer, make_whisper

transformers = pytest.importorskip("transformers")
SECOND = (1, 16000)


@pytest.mark.parametrize("kind", HEARERS)
def test_a_network_that_hears_is_asked_for_the_mean_of_its_last_layer(tmp_path, kind):
    make_hearer(tmp_path, kind)
    theirs = transformers.AutoModel.from_pretrained(tmp_path).eval()
    ours = hub_network(5, SECOND, str(tmp_path)).eval()
    x = torch.randn(2, 1, *SECOND)
    with torch.no_grad():
        expected = theirs(x[:, 0, 0]).last_hidden_state.mean(1)
        torch.testing.assert_close(ours(x), ours.head(expected))


@pytest.mark.parametrize("kind", ["wav2vec2", "wavlm", "sew"])
def test_one_that_learns_hides_nothing_and_drops_no_layer(tmp_path, kind):
    make_hearer(tmp_path, kind)  # where transformers would hide spans and drop every tenth layer
    network = hub_network(5, SECOND, str(tmp_path)).train()
    x = torch.randn(2, 1, *SECOND)
    first = network(x)
    assert all(torch.equal(network(x), first) for _ in range(5))
    first.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_whispers_encoder_sees_what_transformers_own_does(tmp_path):
    theirs = make_whisper(tmp_path)
    ours = hub_network(5, (80, 3000), str(tmp_path)).eval()
    x = torch.randn(1, 1, 80, 3000)
    with torch.no_grad():
        expected = theirs.model.encoder(x[:, 0]).last_hidden_state.mean(1)
        torch.testing.assert_close(ours(x), ours.head(expected))


def test_whisper_of_a_short_clip_is_one_that_was_made_for_it(tmp_path):
    """The places beyond the clip's end are left out, and nothing else changes."""
    theirs = make_whisper(tmp_path).model.encoder
    ours = hub_network(5, (80, 100), str(tmp_path)).eval()
    config = transformers.WhisperConfig.from_pretrained(tmp_path, max_source_positions=50)
    short = transformers.WhisperModel(config).encoder.eval()
    state = theirs.state_dict()
    state["embed_positions.weight"] = state["embed_positions.weight"][:50]
    short.load_state_dict(state)
    x = torch.randn(2, 1, 80, 100)
    with torch.no_grad():
        expected = short(x[:, 0]).last_hidden_state.mean(1)
        torch.testing.assert_close(ours(x), ours.head(expected))


@pytest.mark.parametrize(
    ("make", "size", "sentence"),
    [
        (make_hearer, (80, 500), "hears samples, not pictures: set features=waveform"),
        (make_hearer, (1, 399), "takes at least 400 samples, not 399: raise features.seconds"),
        (make_whisper, (1, 16000), r"features\.height=80 and an even features\.width of at most"),
        (make_whisper, (80, 499), "an even features.width of at most 3000, not 80 x 499"),
        (make_whisper, (80, 3002), "an even features.width of at most 3000, not 80 x 3002"),
    ],
)
def test_features_that_do_not_fit_are_refused_in_a_sentence(tmp_path, make, size, sentence):
    make(tmp_path)
    with pytest.raises(UserError, match=sentence):
        hub_network(5, size, str(tmp_path))
