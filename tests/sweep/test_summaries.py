import itertools
import json
from dataclasses import replace

import pytest
from omegaconf import OmegaConf

from esc50.sweep.jobs import Job
from esc50.sweep.summaries import summarise_recipes, write_page


@pytest.fixture
def sweep(tmp_path, make_run):
    """Summarises made-up runs of jobs: whether all is complete."""

    def summarise(*overrides, runs, failed=(), report=False, outputs=tmp_path):
        jobs = []
        for seed, fold in runs:
            folder = tmp_path / "made-0123" / f"seed{seed}" / f"fold{fold}"
            why = "no such clip" if (seed, fold) in failed else None
            if why is None and not folder.exists():
                make_run(folder, fold=fold, seed=seed)
            jobs.append(Job(len(jobs), [], str(folder), failed=why))
        hydra = {"sweep": {"dir": str(outputs)}, "overrides": {"task": list(overrides)}}
        return summarise_recipes(OmegaConf.create({"hydra": hydra, "report": report}), jobs)

    return summarise


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def test_folds_are_summarised_by_seed_and_over_the_seeds(sweep, tmp_path):
    runs = [(seed, fold) for seed in (1, 2) for fold in (1, 2)]
    assert sweep("split.fold=1,2", "seed=1,2", runs=runs, report=True)
    group = tmp_path / "made-0123"
    assert "made, 4 runs" in (group / "report.html").read_text()
    assert "made, 2 runs" in (group / "seed2" / "report.html").read_text()
    assert summary(group)["n_runs"] == 4 and summary(group)["complete"]
    for seed in (1, 2):
        assert summary(group / f"seed{seed}")["seeds"] == [seed]


def test_jobs_that_share_a_folder_are_one_run(sweep, tmp_path):
    assert sweep("model.train=null,all", "seed=1,2", runs=[(1, 1), (2, 1)] * 2)
    assert summary(tmp_path / "made-0123")["n_runs"] == 2


def test_outputs_may_be_reached_by_a_roundabout_way_and_lie_behind_links(sweep, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "made-0123").symlink_to("disk")
    assert sweep("seed=1,2", runs=[(1, 1), (2, 1)], outputs=tmp_path / "disk" / "..")
    assert summary(tmp_path / "disk")["n_runs"] == 2


def test_a_seed_given_twice_is_one_seed_and_needs_no_summary(sweep, tmp_path):
    assert sweep("seed=1,1", "split.fold=2,2", runs=[(1, 2)] * 2)
    assert not list(tmp_path.rglob("summary.json"))


def test_a_failed_job_is_named_where_it_is_missing(sweep, tmp_path):
    runs = [(seed, fold) for seed in (1, 2) for fold in (1, 2)]
    assert not sweep("split.fold=1,2", "seed=1,2", runs=runs, failed=[(2, 1)])
    group = tmp_path / "made-0123"
    assert summary(group)["missing"] == {"fold 1, seed 2": "no such clip"}
    assert summary(group / "seed1")["complete"]
    assert not summary(group / "seed2")["complete"]


@pytest.mark.parametrize(("failed", "complete"), [([], True), ([(1, 1)], False)])
def test_a_sweep_over_something_else_has_no_summary(sweep, tmp_path, failed, complete):
    assert sweep("optimizer.lr=1,2", runs=[(1, 1)], failed=failed) is complete
    assert not list(tmp_path.rglob("summary.json"))


def test_jobs_that_cross_validated_are_summarised_over_the_seeds_alone(tmp_path, make_run):
    jobs = []
    for seed in (1, 2):
        folder = tmp_path / "made-0123" / f"seed{seed}"
        for fold in range(1, 6):
            make_run(folder / f"fold{fold}", fold=fold, seed=seed)
        jobs.append(Job(seed, [], str(folder)))
    hydra = {"sweep": {"dir": str(tmp_path)}, "overrides": {"task": ["seed=1,2"]}}
    assert summarise_recipes(OmegaConf.create({"hydra": hydra, "report": False}), jobs)
    assert summary(tmp_path / "made-0123")["n_runs"] == 10
    assert not (tmp_path / "made-0123" / "seed1" / "summary.json").exists()


def test_of_several_recipes_one_table_is_printed(tmp_path, make_run, capsys):
    jobs = []
    for recipe, seed in itertools.product(("one-0123", "two-4567"), (1, 2)):
        folder = tmp_path / recipe / f"seed{seed}" / "fold1"
        make_run(folder, seed=seed, **{"val/loss": 0.5})
        jobs.append(Job(len(jobs), [f"name={recipe[:3]}", f"seed={seed}"], str(folder)))
    hydra = {"sweep": {"dir": str(tmp_path)}, "overrides": {"task": ["name=one,two", "seed=1,2"]}}
    config = OmegaConf.create({"hydra": hydra, "report": True, "monitor": "val/loss"})
    assert summarise_recipes(config, jobs)
    said = capsys.readouterr().out
    assert said.count("the summary is in") == said.count("the report is") == 0
    assert "the best by val/loss again" in said
    for recipe in ("one-0123", "two-4567"):
        assert summary(tmp_path / recipe)["n_runs"] == 2
        assert (tmp_path / recipe / "report.html").is_file()
        assert any((tmp_path / recipe).glob("events.out.tfevents.*"))


def test_a_sweep_gets_its_page_with_the_words_of_its_runs(tmp_path, make_run, capsys):
    jobs = []
    for number, (lr, loss) in enumerate((("0.1", 0.9), ("0.2", None))):
        folder = tmp_path / lr / "seed1" / "fold1"
        make_run(folder, leaky=True, luck=number)
        why = None if loss else "the loss is nan"
        job = Job(number, [f"optimizer.lr={lr}", "trial.number=1"], str(folder), ended=None)
        jobs.append(replace(job, metric=loss, failed=why, diverged=loss is None))
    write_page(OmegaConf.create({"monitor": "val/loss"}), jobs, tmp_path)
    page = (tmp_path / "sweep.html").read_text()
    assert "val/loss LEAKY" in page and "1 diverged" in page and "trial.number" not in page
    assert "python train.py optimizer.lr=0.1<" in page
    assert capsys.readouterr().out == f"the sweep is in {tmp_path / 'sweep.html'}\n"
    (tmp_path / "file").touch()
    write_page(OmegaConf.create({"monitor": "val/loss"}), jobs, tmp_path / "file")
    assert "was not written" in capsys.readouterr().out
