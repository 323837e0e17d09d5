import importlib
import json
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


class OneTurn:
    """A contestant's line to the parent, for a single turn in this process."""

    def __init__(self):
        self.values, self.waited = [], 0

    def wait(self) -> bool:
        self.waited += 1
        return self.waited == 1

    def report(self, value: float) -> None:
        self.values.append(value)


@pytest.fixture
def bench(monkeypatch):
    """Imports a module of scripts/."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module


def test_measures_features_and_writes_every_row(bench, tiny, tmp_path):
    pytest.importorskip("cv2", reason="the published pipeline needs the extra bench")
    contest, features = bench("bench.contest"), bench("bench.features")
    clips = bench("bench.clips").link(tiny, tmp_path / "clips", 3)

    def measured(worker, **settings):
        turns = OneTurn()
        worker(turns, clips=str(clips), **settings)
        return contest.Outcome(turns.values, contest.peak_mib())

    ours = measured(features.ours, cache_dir=str(tmp_path / "cache"))
    published = measured(features.published, folder=str(tmp_path / "npy"))
    limit = measured(features.limit, decode=True)
    skipped = contest.Outcome(skipped="opencv is not installed")
    rows = [
        contest.make_row(
            "a", "features", "clips/s", ours, against="published", other=other, limit=limit
        )
        for other in (published, skipped)
    ]
    benchmark = bench("benchmark")
    about = {"processor": "P", "cores": 2, "gpu": None, "torch": "2", "bf16": False, "load": 0.0}
    benchmark.write_json(tmp_path / "b.json", {"machine": about, "clips": "tiny", "rows": rows})

    report = json.loads((tmp_path / "b.json").read_text())
    assert [path.name for path in tmp_path.glob("b.json*")] == ["b.json"]
    assert report["machine"] == about
    full, without = report["rows"]
    assert full["ratio"] == pytest.approx(full["ours"] / full["other"])
    assert full["share"] == pytest.approx(full["ours"] / full["limit"])
    assert full["repeats"] == len(full["ours_values"]) == 1
    assert min(full["ours_peak_mib"], full["other_peak_mib"]) > 10
    assert set(without) == set(full)
    assert without["ratio"] is without["other"] is None
    shown = benchmark.make_table(report).markdown()
    assert "skipped: opencv is not installed" in shown


def test_a_row_in_seconds_is_better_when_lower(bench):
    contest = bench("bench.contest")
    row = contest.make_row(
        "f", "start", "s", contest.Outcome([2.0, 9.0, 2.0]), other=contest.Outcome([4.0])
    )
    assert (row["ours"], row["ratio"]) == (2.0, 2.0)


@pytest.mark.slow
def test_a_whole_experiment_is_timed_against_the_published_one(bench, tiny, tmp_path):
    pytest.importorskip("cv2", reason="the published pipeline needs the extra bench")
    same, sooner = bench("bench.commands").whole_experiment(tiny, tmp_path, epochs=1)
    assert same["ratio"] == pytest.approx(same["other"] / same["ours"])
    assert same["ours"] > sooner["ours_epochs"][0][0] > 5
    assert [len(sooner[who]) for who in ("ours_epochs", "other_epochs")] == [40, 1]
    assert sooner["other"] == sooner["other_epochs"][0][0] < same["other"]
    assert not list(tiny.rglob("*.npy"))


def test_the_same_accuracy_is_timed_to_the_first_epoch_that_reaches_it(bench):
    theirs = [(10.0, 0.5), (20.0, 0.75), (30.0, 0.7), (40.0, 0.75)]
    to_the_same = bench("bench.commands")._to_the_same
    row = to_the_same([(1.0, 0.6), (2.0, 0.8), (3.0, 0.7)], theirs)
    assert (row["ours"], row["other"], row["ratio"]) == (2.0, 20.0, 10.0)
    missed = to_the_same([(1.0, 0.6)], theirs)
    assert missed["ours"] is missed["ratio"] is None
    assert "not reached: 0.6" in missed["what"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux says what memory is")
def test_memory_is_told_stage_by_stage(bench, tiny, tmp_path, capsys):
    for _ in range(2):  # the second finds all there
        bench("bench.memory").main(str(tiny), str(tmp_path), "50")
        lines = capsys.readouterr().out.splitlines()
        stages = "nothing yet,table,digests,features and audit,an epoch's batches".split(",")
        assert [line[:20].rstrip() for line in lines] == stages
        peaks = [float(line.split()[-2]) for line in lines]
        assert all(10 < peak < 100_000 for peak in peaks)
