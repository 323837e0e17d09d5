import json

import pytest
import torch
from omegaconf import OmegaConf

from esc50.config.composition import compose_plain
from esc50.errors import UserError
from esc50.model.pretrained.front_end import check_features

AST = ["model=ast", "features=ast", "input_mean=0.0", "input_std=1.0", "features.frames=1024"]
AST += "features.n_mels=128 features.height=128 features.width=1024 features.hop_length=160".split()
AST += ["features.sample_rate=16000", "features.n_fft=512", "features.seconds=5.0"]


@pytest.fixture
def plain(config):
    return lambda *overrides: OmegaConf.to_container(config(*overrides), resolve=True)


def test_a_network_with_its_own_front_end_takes_no_other_features(plain):
    check_features(plain(*AST))
    refused = r"features\._target_=.*KaldiSpec, not .*FeatureSpec: set features=ast input_mean=0"
    with pytest.raises(UserError, match=refused):
        check_features(plain("model=ast"))
    with pytest.raises(UserError, match=r"trained on features\.hop_length=160, not 80: set featur"):
        check_features(plain(*AST, "features.hop_length=80"))
    with pytest.raises(UserError, match=r"was trained on input_mean=0\.0, not 0\.5: set features"):
        check_features(plain(*AST, "input_mean=0.5"))


def test_any_features_will_do_from_scratch_and_clips_may_be_of_any_length(plain):
    check_features(plain())
    check_features(plain("model=panns_cnn14", "model.weights=null"))
    check_features(plain(*AST, "features.seconds=3.0"))


def test_what_lies_beside_the_weights_is_believed_before_the_choice(plain, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "audio-spectrogram-transformer"}')
    said = {"feature_size": 1, "sampling_rate": 16000, "num_mel_bins": 128, "max_length": 512}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    weights = f"model.weights={tmp_path}"
    hub = [one for one in AST if one != "model=ast"] + ["model=huggingface", weights]
    with pytest.raises(UserError, match=r"trained on features\.frames=512, not 1024"):
        check_features(plain(*hub))
    check_features(plain(*hub, "features.frames=512", "features.width=512"))
    plainly = {**said, "do_normalize": False, "mean": -4.2677393, "std": 4.5689974}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(plainly))
    short = (*hub, "features.frames=512", "features.width=512")
    with pytest.raises(UserError, match=r"trained on features\.mean=0\.0, not -4\.2677393"):
        check_features(plain(*short))
    check_features(plain(*short, "features.mean=0.0", "features.std=0.5"))
    (tmp_path / "preprocessor_config.json").write_text("[")  # damaged: the choice is left
    check_features(plain(*hub))


def test_each_kind_of_the_hub_has_its_choice_and_the_remedy_names_what_differs(tmp_path):
    weights, scale = f"model.weights={tmp_path}", ["input_mean=0.0", "input_std=1.0"]
    (tmp_path / "config.json").write_text('{"model_type": "wavlm"}')
    file = tmp_path / "preprocessor_config.json"
    file.write_text('{"feature_size": 1, "sampling_rate": 16000, "do_normalize": false}')
    hearing = ["model=wav2vec2", weights, *scale]
    with pytest.raises(
        UserError, match=r"WaveformSpec, not .*: set features=waveform .* features\."
    ):
        check_features(compose_plain(hearing))
    remedy = r"set features=waveform input_mean=0\.0 input_std=1\.0 features\.standardise=null$"
    with pytest.raises(UserError, match=remedy):
        check_features(compose_plain([*hearing, "features=waveform"]))
    check_features(compose_plain([*hearing, "features=waveform", "features.standardise=null"]))
    (tmp_path / "config.json").write_text('{"model_type": "whisper"}')
    file.write_text('{"feature_size": 128, "hop_length": 160, "n_fft": 400}')
    large = ["features=whisper", "features.n_mels=128", "features.height=128"]
    check_features(compose_plain([*hearing, *large]))  # whatever network was chosen to read it
    with pytest.raises(
        UserError, match=r"trained on features\.n_mels=128, not 80: set features=wh"
    ):
        check_features(compose_plain([*hearing, "features=whisper"]))


def test_a_checkpoint_of_ones_own_takes_the_features_it_was_trained_on(plain, tmp_path):
    ours = plain()
    about = {"config": ours, "features": ours["features"]}
    torch.save({"esc50": about, "state_dict": {}}, tmp_path / "best.ckpt")
    weights = f"model.weights={tmp_path / 'best.ckpt'}"
    check_features(plain(weights))
    check_features(plain(weights, "features.seconds=0.4", "features.channel=1"))
    with pytest.raises(UserError, match=r"best\.ckpt was trained on features\.n_mels=32, not 40$"):
        check_features(plain(weights, "features.n_mels=40"))
    with pytest.raises(UserError, match=r"was trained on input_std=0\.5, not 1\.0$"):
        check_features(plain(weights, "input_std=1.0"))
