import importlib
import json
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
NOTHING = {"processor": "P", "cores": 2, "gpu": None, "torch": "2", "bf16": False, "load": 0.0}


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
    contest, features = bench("bench.contest"), bench("bench.contestants.features")
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
        contest.make_row("a", "features", "clips/s", ours, against=name, other=other, limit=limit)
        for name, other in (("published", published), ("torchaudio", skipped))
    ]
    benchmark = bench("benchmark")
    benchmark.write_json(tmp_path / "b.json", {"machine": NOTHING, "clips": "tiny", "rows": rows})

    report = json.loads((tmp_path / "b.json").read_text())
    assert [path.name for path in tmp_path.glob("b.json*")] == ["b.json"]
    assert report["machine"] == NOTHING
    full, without = report["rows"]
    assert full["ratio"] == pytest.approx(full["ours"] / full["other"])
    assert full["share"] == pytest.approx(full["ours"] / full["limit"])
    assert full["repeats"] == len(full["ours_values"]) == 1
    assert min(full["ours_peak_mib"], full["other_peak_mib"]) > 10
    assert set(without) == set(full)
    assert without["ratio"] is without["other"] is None
    table = bench("bench.table")
    assert len(table.measurements(report)) == 3  # ours is said once
    shown = table.make_table(report)
    assert "not run: opencv is not installed (torchaudio)" in shown.note


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


def made_up(bench, measured, **machine):
    """A report of rows: what, unit, our turns, and their turns, who are called `them`."""
    contest = bench("bench.contest")
    rows = [
        contest.make_row(
            "a", what, unit, contest.Outcome(ours), against="them", other=contest.Outcome(theirs)
        )
        for what, unit, ours, theirs in measured
    ]
    return {"machine": NOTHING | machine, "extent": "quick", "clips": "demo", "rows": rows}


def noisy(rng, speed, noise=0.05, turns=5):
    return (speed * (1 + noise * rng.standard_normal(turns))).tolist()


def test_what_changed_by_more_than_noise_is_said_and_nothing_else(bench):
    rng = np.random.default_rng(0)
    speeds = {f"task {i}": 100 * (i + 1) for i in range(20)}
    old, new = (
        made_up(bench, [(k, "clips/s", noisy(rng, v), noisy(rng, 50)) for k, v in speeds.items()])
        for _ in range(2)
    )
    compare = bench("bench.compare").compare
    assert compare(old, new).rows == []
    assert "40 of 40 measurements changed by no more than noise" in compare(old, new).note
    new["rows"][3]["ours_values"] = noisy(rng, 400 * 1.5)
    new["rows"][7]["ours_values"] = noisy(rng, 800 / 1.5)
    rows = compare(old, new).rows
    assert [row[1] for row in rows] == ["task 3", "task 7"]
    assert rows[0][5].endswith("x better") and rows[1][5].endswith("x worse")


def test_noise_is_seldom_taken_for_a_change_however_few_the_turns(bench):
    rng, compare = np.random.default_rng(1), bench("bench.compare").changes
    for turns in (2, 5):
        tasks = [
            (f"{i}", "ms", noisy(rng, 9, turns=turns), noisy(rng, 9, turns=turns))
            for i in range(500)
        ]
        again = [
            (name, unit, noisy(rng, 9, turns=turns), noisy(rng, 9, turns=turns))
            for name, unit, _, _ in tasks
        ]
        found = compare(made_up(bench, tasks), made_up(bench, again))
        assert sum(change.counts for change in found) < 0.03 * len(found)


def test_one_turn_has_the_noise_of_the_others(bench):
    few = [("steady", "s", [10.0, 10.4, 9.6], [1.0, 1.04, 0.96]), ("once", "s", [10.0], [1.0])]
    later = [("steady", "s", [10.0, 10.4, 9.6], [1.0, 1.04, 0.96]), ("once", "s", [10.5], [3.0])]
    rows = bench("bench.compare").compare(made_up(bench, few), made_up(bench, later)).rows
    assert [row[1] for row in rows] == ["once | them"]
    assert rows[0][5] == "3.00x worse"  # seconds: more is worse


def test_another_machine_and_other_measurements_are_named(bench):
    old = made_up(bench, [("gone", "s", [1.0], [1.0]), ("kept", "s", [1.0], [1.0])])
    new = made_up(bench, [("kept", "s", [1.0], [2.0]), ("came", "s", [1.0], [1.0])], cores=4)
    note = bench("bench.compare").compare(old, new).note
    assert "only then: (a) gone" in note and "only now: (a) came" in note
    assert "cores differs: 2 then, 4 now" in note
    assert "0.50 times its old speed" in note


def test_every_line_fits_80_columns_one_per_measurement(bench, capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    long = "training with online augmentation of very long clips in large batches, again"
    measured = [(long, "clips/s", [123456.0, 1.0], [1.5, 2.0]), ("short", "ms", [1.0], [2.0])]
    report = made_up(bench, measured)
    report["rows"][0]["ours_peak_mib"] = 123456.0
    show = bench("benchmark")._show
    for table in (
        bench("bench.table").make_table(report),
        bench("bench.compare").compare(report, report),
    ):
        show(table, False)
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= 80
    table = bench("bench.table").make_table(report)
    assert len(table.rows) == 4
    show(table, True)
    assert long in capsys.readouterr().out  # Markdown keeps the whole name


def test_reports_are_compared_without_measuring_and_what_is_none_is_refused(
    bench, tmp_path, capsys
):
    benchmark = bench("benchmark")
    old, new, other = (tmp_path / f"{name}.json" for name in ("old", "new", "other"))
    turns = [1.0, 1.01, 0.99]
    benchmark.write_json(old, made_up(bench, [("start", "s", turns, turns)]))
    faster = [turn / 2 for turn in turns]
    benchmark.write_json(new, made_up(bench, [("start", "s", faster, turns)]))
    benchmark.main(["--compare", str(old), str(new), "--markdown"])
    assert "2.00x better" in capsys.readouterr().out
    other.write_text("[]")
    for wrong in (other, tmp_path / "none.json"):
        with pytest.raises(SystemExit):
            benchmark.main(["--compare", str(wrong), str(new)])
        said = capsys.readouterr().err
        assert str(wrong) in said and "Traceback" not in said


def test_a_failed_check_and_one_that_did_not_run_are_seen(bench):
    contest, table = bench("bench.contest"), bench("bench.table")
    outcomes = [contest.Outcome([1.0]), contest.Outcome([0.0]), contest.Outcome(skipped="no GPU")]
    rows = [contest.make_row("g", f"{i}", "check", one) for i, one in enumerate(outcomes)]
    shown = table.make_table({"machine": NOTHING, "clips": "demo", "rows": rows})
    assert [row[2] for row in shown.rows] == ["passed", "FAILED", "not run"]
    assert "not run: no GPU (2)" in shown.note


def test_a_check_of_the_gpu_part_trains_and_passes(bench, tiny, tmp_path):
    passed, said = bench("bench.contestants.gpu_checks").Fits(tiny, tmp_path).deterministic()
    assert passed, said


@pytest.mark.slow
def test_the_gpu_part_does_on_a_processor_what_it_can(bench, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    path = tmp_path / "g.json"
    bench("benchmark").main(["--only", "g", "--quick", "--json", str(path)])
    rows = json.loads(path.read_text())["rows"]
    checks = {row["what"]: row["ours"] for row in rows if row["unit"] == "check"}
    assert set(checks.values()) == {1.0, None} and len(checks) == 5
    timed = {row["what"] for row in rows if row["ours_values"] and row["unit"] == "clips/s"}
    assert {"training, batch 8", "bare Lightning, batch 8", "bare, planar, batch 8"} <= timed
    skipped = {row["what"]: row["ours_skipped"] for row in rows if not row["ours_values"]}
    assert set(skipped.values()) == {"no GPU"}
    assert "bare, one CUDA graph, batch 8" in skipped
    assert any("projected" in row["what"] and row["ours"] > 0 for row in rows)


@pytest.mark.slow
def test_folds_in_one_command_are_held_against_their_fits(bench, tiny, tmp_path):
    whole, beside = bench("bench.commands").folds_at_once(tiny, tmp_path, epochs=1)
    assert whole["ours"] > whole["limit"] > 0
    assert beside["ours"] == pytest.approx((whole["ours"] - whole["limit"]) / 5)


def test_a_step_is_timed_beside_a_busy_neighbour(bench):
    turns = OneTurn()
    bench("bench.contestants.step").bare(turns, steps=1, neighbours=1, batch_size=2, size=32)
    assert len(turns.values) == 1 and turns.values[0] > 0


def test_a_contestant_has_variables_of_its_own(bench, tmp_path, monkeypatch):
    told = "float(os.environ.get('OURS', 1)), float(os.environ.get('THEIRS', 2))"
    code = f"def run(turns):\n    while turns.wait():\n        turns.report(sum([{told}]))\n"
    (tmp_path / "worker.py").write_text(f"import os\n\n\n{code}")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("THEIRS", "20")
    contest = bench("bench.contest")
    who = {
        "plain": contest.Contestant("worker:run"),
        "own": contest.Contestant("worker:run", env={"OURS": "10", "THEIRS": None}),
    }
    done = contest.compete(who, 2, tmp_path, lambda: None)
    assert done["plain"].values == [21.0, 21.0] and done["own"].values == [12.0, 12.0]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux says what memory is")
def test_memory_is_told_stage_by_stage(bench, tiny, tmp_path, capsys):
    for _ in range(2):  # the second finds all there
        bench("bench.contestants.memory").main(str(tiny), str(tmp_path), "50")
        lines = capsys.readouterr().out.splitlines()
        stages = "nothing yet,table,digests,features and audit,an epoch's batches".split(",")
        assert [line[:20].rstrip() for line in lines] == stages
        peaks = [float(line.split()[-2]) for line in lines]
        assert all(10 < peak < 100_000 for peak in peaks)
