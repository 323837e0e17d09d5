import pytest

from esc50.config.composition import compose_plain
from esc50.model.pretrained.published import Published, published


@pytest.mark.parametrize("model", ["ast", "clap", "beats", "panns_cnn14"])
def test_the_weights_that_conf_names_are_known(model):
    known = published(compose_plain([f"model={model}"])["model"]["weights"])
    assert known.pretrained_on and "AudioSet" in known.pretrained_on and known.licence


def test_a_file_or_folder_is_known_wherever_it_lies(tmp_path):
    folder = tmp_path / "clap-htsat-unfused"
    folder.mkdir()
    assert published(str(folder)) == published("laion/clap-htsat-unfused")
    assert published("/far/Cnn14_mAP=0.431.pth") == published("audioset")
    tuned = "BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt"
    assert published(f"/far/{tuned}") == published("BEATs_iter1.pt") != Published()


@pytest.mark.parametrize(
    "name",
    [
        "somebody/clap-htsat-unfused",
        "laion/larger_clap_general",
        "/far/imagenet",
        "/far/audioset",
        "mine.pth",
        "BEATs_of_mine.pt",
        "Cnn14_mine.pth",
        "",
    ],
)
def test_of_others_nothing_is_said(name):
    assert published(name) == Published()
