import pytest
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from esc50.config.choices import CONF
from esc50.config.composition import compose_config, compose_plain
from esc50.errors import UserError


def test_a_config_is_that_of_the_command_line_without_hydras_own_part():
    cfg = compose_config(["+experiment=augmented", "optimizer.lr=0.5"])
    assert cfg.name == "augmented" and cfg.optimizer.lr == 0.5
    assert cfg.augment._target_.startswith("esc50.")
    assert "hydra" not in cfg


def test_paths_are_taken_as_the_command_line_takes_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a, b").mkdir()
    cfg = compose_config(["data.root=~/a, b", 'output_dir="~/runs"', "teachers=null"])
    assert cfg.data.root == str(tmp_path / "a, b") and cfg.output_dir == str(tmp_path / "runs")


def test_a_number_is_a_text_in_quotes_as_the_refusal_says():
    with pytest.raises(UserError) as refused:
        compose_config(["name=2024"])
    override = str(refused.value).rpartition(": ")[2].strip("'")
    assert override == 'name="2024"' and compose_config([override]).name == "2024"


def test_it_is_checked():
    with pytest.raises(UserError, match=r"batch_size=0 is invalid"):
        compose_config(["batch_size=0"])


def test_it_is_the_same_where_hydra_is_at_work_already():
    alone = compose_config(["seed=7"])
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        within = compose_config(["seed=7"])
    assert OmegaConf.to_container(within) == OmegaConf.to_container(alone)


def test_what_is_composed_again_is_the_callers_own_and_of_the_places_searched(tmp_path):
    first = compose_plain(["seed=7"])
    first["optimizer"]["lr"] = first["seed"] = "changed"
    assert compose_plain(["seed=7"])["seed"] == 7
    assert compose_plain(["seed=7"])["optimizer"]["lr"] != "changed"
    (tmp_path / "train.yaml").write_text("seed: 8\n")
    with initialize_config_dir(version_base="1.3", config_dir=str(tmp_path)):
        assert compose_plain() == {"seed": 8}
    assert compose_plain()["batch_size"] > 0
