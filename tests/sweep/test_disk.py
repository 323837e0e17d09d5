from collections import namedtuple

import pytest
from hydra import compose, initialize_config_dir

from esc50.config.choices import CONF
from esc50.config.composition import compose_plain
from esc50.config.resolvers import register_resolvers
from esc50.results.run_folder import read_config
from esc50.sweep import disk

SPACE = namedtuple("SPACE", "total used free")


@pytest.fixture
def job(tmp_path):
    """Composes a job of a sweep, with Hydra's own part."""

    def make(*overrides: str):
        register_resolvers()
        with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
            mine = ["report=false", f"output_dir={tmp_path}", *overrides]
            return compose("train", mine, return_hydra_config=True)

    return make


def test_what_is_said_of_a_run_is_what_its_folder_takes(tiny_run):
    config = read_config(tiny_run)
    there = sum(path.stat().st_size for path in tiny_run.rglob("*") if path.is_file())
    kept, working = disk.sizes(config)  # it keeps its optimizer, and so nothing goes
    assert working == 0 and abs(kept - there) < disk.OTHERS  # one copy of its weights is 2.8 MB


def test_what_goes_when_a_run_has_finished_is_told_apart():
    plain = compose_plain(["report=false"])
    weights = 44_800_000  # torchvision's ResNet-18: 11.2 million float32
    kept, working = disk.sizes(plain)
    assert kept - disk.OTHERS == pytest.approx(2 * weights, rel=0.01)
    assert working == pytest.approx(2 * weights, rel=0.01)  # Adam's two moments
    literature = disk.sizes(compose_plain(["report=false", "split=literature"]))
    assert literature[0] - disk.OTHERS == pytest.approx(weights, rel=0.01)
    momentum = disk.sizes(compose_plain(["optimizer=sgd"]))
    assert momentum[1] == pytest.approx(weights, rel=0.01)
    assert momentum[0] == kept + disk.REPORT


def test_jobs_that_are_done_take_no_more(job, capsys, tmp_path):
    jobs = [job("split.fold=all", f"seed={seed}") for seed in (1, 2)]
    disk.announce(jobs)
    assert "disk: 10 runs of 92 MB will take 916 MB, and 90 MB more" in capsys.readouterr().out
    for fold in range(5):
        folder = tmp_path / jobs[0].hydra.sweep.subdir / f"fold{fold}"
        folder.mkdir(parents=True)
        (folder / "results.json").touch()
    disk.announce(jobs)
    assert "disk: 5 runs" in capsys.readouterr().out
    disk.announce(jobs[:1])
    assert capsys.readouterr().out == ""


def test_jobs_that_share_a_folder_are_counted_once(job, capsys, tmp_path):
    spellings = [job("augment=online", f"augment.pitch_max={text}") for text in ("3", "3.0")]
    names = [job("report=true", f"model.pretrained_on={text}") for text in ("this", "that")]
    folds = [job("seed=2", f"split.fold={fold}") for fold in ("all", 1, 2)]
    disk.announce(disk.one_per_folder([*spellings, *names, *folds]))
    assert "disk: 7 runs of" in capsys.readouterr().out


def test_each_trial_of_a_search_is_one_more_run(job, capsys, tmp_path):
    cfg = job()
    folder = tmp_path / cfg.hydra.sweep.subdir
    folder.mkdir(parents=True)
    (folder / "results.json").touch()  # the recipe itself is no trial of it
    disk.announce([cfg] * 3, 1, trials=True)
    assert "disk: 3 runs of" in capsys.readouterr().out


def test_a_sweep_that_will_not_fit_is_warned_of(job, capsys, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SPACE(10**12, 10**12, 10**8))
    disk.announce([job("hydra/launcher=joblib")] * 4)
    said = capsys.readouterr()
    assert "take 367 MB, and 179 MB more at work; 100 MB are free" in said.out
    assert "warning: that will not fit" in said.err


def test_of_a_network_that_cannot_be_built_nothing_is_said(job, capsys):
    disk.announce([job("model._target_=nowhere.Network")])
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("model", ["random_forest", "svm"])
def test_classical_models_have_rows_of_their_own_and_no_optimizer(job, capsys, model):
    disk.announce([job("+experiment=classical", f"model={model}")] * 2)
    assert "disk: 2 runs of 2 MB will take 4 MB, and 0 MB more" in capsys.readouterr().out


def test_a_picture_of_several_channels_takes_its_larger_first_layer():
    one = disk.sizes(compose_plain(["report=false"]))
    three = disk.sizes(compose_plain(["report=false", "features=logmel128_deltas"]))
    assert three[0] > one[0]


def test_an_estimate_that_goes_wrong_costs_a_sentence(job, capsys, monkeypatch):
    def gone(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("shutil.disk_usage", gone)
    disk.announce([job()])
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("disk: what the sweep will take is not known (PermissionError: ")
    assert said.err.count("\n") == 1
