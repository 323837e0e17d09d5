import pytest
import torch

from esc50.errors import UserError
from esc50.model.panns import panns_cnn14


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A file as the authors published it, of a narrow network."""
    torch.manual_seed(0)
    network = panns_cnn14(527, (64, 64), width=2)
    state = {k.replace("fc_classes", "fc_audioset"): v for k, v in network.state_dict().items()}
    state |= {
        "spectrogram_extractor.stft.conv_real.weight": torch.zeros(513, 1, 1024),
        "spectrogram_extractor.stft.conv_imag.weight": torch.zeros(513, 1, 1024),
        "logmel_extractor.melW": torch.zeros(513, 64),
    }
    path = tmp_path_factory.mktemp("panns") / "Cnn14_mAP=0.431.pth"
    torch.save({"iteration": 600000, "model": state}, path)
    return network.eval(), path


# Of the official class, by its source: names and shapes of what its file holds but the front end.
OFFICIAL = {
    "bn0.weight": (64,),
    "conv_block1.conv1.weight": (64, 1, 3, 3),
    "conv_block1.conv2.weight": (64, 64, 3, 3),
    "conv_block1.bn1.running_mean": (64,),
    "conv_block6.conv1.weight": (2048, 1024, 3, 3),
    "conv_block6.bn2.num_batches_tracked": (),
    "fc1.weight": (2048, 2048),
}


def test_its_layout_is_that_of_the_published_weights():
    with torch.device("meta"):
        state = panns_cnn14(527, (64, 501)).state_dict()
    assert {key: tuple(state[key].shape) for key in OFFICIAL} == OFFICIAL
    weights = [v.numel() for k, v in state.items() if "running" not in k and "num_b" not in k]
    assert sum(weights) == 80_753_615  # as its authors count them


def test_the_published_weights_are_loaded_but_for_the_last_layer(published):
    original, path = published
    ours = panns_cnn14(5, (64, 101), str(path), width=2).eval()
    assert torch.equal(ours.fc1.weight, original.fc1.weight)
    assert torch.equal(ours.bn0.running_var, original.bn0.running_var)
    assert ours(torch.randn(2, 1, 64, 101)).shape == (2, 5)


def test_it_computes_what_its_paper_says():
    """Block by block, on pictures (batch, 1, T, mel) as the official code has them."""
    torch.manual_seed(0)
    network = panns_cnn14(5, (64, 96), width=2).eval()
    x = torch.randn(2, 1, 64, 96)
    seen = x.transpose(2, 3)
    seen = network.bn0(seen.transpose(1, 3)).transpose(1, 3)
    for number in range(1, 7):
        block = network.get_submodule(f"conv_block{number}")
        seen = torch.relu(block.bn1(block.conv1(seen)))
        seen = torch.relu(block.bn2(block.conv2(seen)))
        if number < 6:
            seen = torch.nn.functional.avg_pool2d(seen, 2)
    seen = seen.mean(3)
    seen = torch.relu(network.fc1(seen.max(2).values + seen.mean(2)))
    torch.testing.assert_close(network(x), network.fc_classes(seen))


def test_what_cannot_be_made_is_refused_in_a_sentence(published, tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"halves its pictures five times, features\.height=16"):
        panns_cnn14(5, (16, 64))
    with pytest.raises(UserError, match="is not of PANNs' Cnn14: conv_block1"):
        panns_cnn14(5, (64, 64), str(published[1]), width=4)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"fetch https://zenodo\.org/.* where there is a network"):
        panns_cnn14(5, (64, 64), "audioset")
