import pytest
from omegaconf import OmegaConf

from esc50.config.choices import CONF
from esc50.config.resolvers import register_resolvers
from esc50.config.signature import folder


def test_the_folder_is_named_after_the_config_it_stands_in(config):
    cfg = config("name=mine", "seed=7", "split.fold=3")
    cfg.output_dir = "${esc50.folder:}"
    assert cfg.output_dir == folder(cfg)
    assert cfg.output_dir.startswith("mine-") and cfg.output_dir.endswith("/seed7/fold3")


@pytest.mark.parametrize(("metric", "mode"), [("val/loss", "min"), ("val/acc", "max")])
def test_the_mode_follows_the_metric(metric, mode):
    register_resolvers()
    cfg = OmegaConf.create({"monitor": metric, "mode": "${esc50.mode:${monitor}}"})
    assert cfg.mode == mode


@pytest.mark.parametrize(("visible", "gpus"), [("0,1", 1), ("3", 1), ("", 0)])
def test_a_job_gets_a_gpu_where_there_is_one(monkeypatch, visible, gpus):
    register_resolvers()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert OmegaConf.create({"gpus": "${esc50.gpus_per_job:}"}).gpus == gpus


@pytest.mark.parametrize(
    ("settings", "frames"),
    [
        ({}, 500),  # as published, of 431
        ({"seconds": 2}, 173),
        ({"seconds": 20}, 1723),
        ({"seconds": 4, "sample_rate": 22050}, 173),
        ({"seconds": "many"}, 1),  # refused by whoever reads it
    ],
)
def test_a_picture_has_as_many_frames_as_its_clip(settings, frames):
    register_resolvers()
    cfg = OmegaConf.load(CONF / "features" / "logmel128.yaml")
    assert OmegaConf.merge(cfg, settings).frames == frames


@pytest.mark.parametrize(
    ("seconds", "frames"), [(5.0, 498), (10.0, 998), (4.325, 431), (0.01, 1), ("many", 1)]
)
def test_frames_of_a_window_cut_from_the_clip_lie_whole_within_it(seconds, frames):
    register_resolvers()
    cfg = OmegaConf.load(CONF / "features" / "beats.yaml")
    assert OmegaConf.merge(cfg, {"seconds": seconds}).frames == frames
