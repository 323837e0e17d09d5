import re
import shlex

from esc50.report.sweep_report import SweptJob, _chart, rank, repeat, swept_keys, write_sweep_page
from tests.report.conftest import seen
from tests.report.test_page import Elements


def jobs():
    losses = {("0.1", "1"): 0.9, ("0.1", "2"): 0.7, ("0.01", "1"): 0.5, ("0.01", "2"): 0.6}
    done = [
        SweptJob(["data=demo", f"optimizer.lr={lr}", f"seed={seed}"], loss, "finished", 3.0)
        for (lr, seed), loss in losses.items()
    ]
    failed = [SweptJob(["data=demo", "optimizer.lr=9", "seed=1"], None, "diverged", 1.0)]
    return done + failed


def test_repeats_are_gathered_and_the_best_mean_comes_first():
    keys = swept_keys(jobs())
    assert keys == ["optimizer.lr"]
    ranked = rank(jobs(), keys, "val/loss")
    assert [one.values["optimizer.lr"] for one in ranked] == ["0.01", "0.1", "9"]
    assert [one.mean for one in ranked] == [0.55, 0.8, None]
    assert [c.values["optimizer.lr"] for c in rank(jobs(), keys, "val/acc")] == ["0.1", "0.01", "9"]
    expected = "python train.py -m data=demo optimizer.lr=0.01 seed=1,2"
    assert repeat(ranked[0]) == expected
    assert swept_keys([job for job in jobs() if "optimizer.lr=0.1" in job.overrides]) == ["seed"]


def test_the_page_has_a_figure_for_each_setting_and_escapes_all(tmp_path):
    evil = [
        SweptJob([f"name=<b>{n}", f"optimizer.lr={n}"], n / 10, "finished", None, leaky=True)
        for n in (1, 2)
    ]
    write_sweep_page(tmp_path / "sweep.html", evil, "val/loss")
    page = (tmp_path / "sweep.html").read_text()
    elements = Elements(page)
    assert not elements.open and "b" not in elements.count
    assert elements.count["figure"] == 2 and "val/loss LEAKY" in elements.text
    assert shlex.join(["name=<b>1"]) in elements.text


def test_a_value_whose_jobs_have_no_number_is_said(tmp_path):
    write_sweep_page(tmp_path / "sweep.html", jobs(), "val/loss")
    page = seen((tmp_path / "sweep.html").read_text())
    assert "4 of 5 jobs have a val/loss" in page and "No job has a number for 9." in page


def test_fewer_folds_than_others_have_are_no_match_for_these(tmp_path):
    done = [
        SweptJob([f"a={a}", f"seed={n}"], 0.5 + n / 9, "finished", 1.0)
        for a in "xy"
        for n in (1, 2)
    ]
    done[3] = SweptJob(["a=y", "seed=2"], None, "failed", None, why="its disk <b>burnt")
    ranked = rank(done, ["a"], "val/loss")
    assert [one.values["a"] for one in ranked] == ["x", "y"] and ranked[1].mean < ranked[0].mean
    write_sweep_page(tmp_path / "sweep.html", done, "val/loss")
    page = seen((tmp_path / "sweep.html").read_text())
    assert "Best on average: x." in page and "come after these" in page
    row = re.search(r"a=y, seed=2</th>\s*<td.*?>(.*?)</td>", page)
    assert row[1] == "failed: its disk &lt;b&gt;burnt"


def test_no_seed_is_the_best_and_all_are_repeated(tmp_path):
    repeated = [SweptJob([f"seed={n}"], n / 10, "finished", 1.0) for n in (1, 2, 3)]
    write_sweep_page(tmp_path / "sweep.html", repeated, "val/loss")
    page = seen((tmp_path / "sweep.html").read_text())
    assert "val/loss 0.2000 ± 0.1000 in 3 of 3 jobs." in page and "seed=1,2,3<" in page
    assert "Best" not in page and "best" not in page
    write_sweep_page(tmp_path / "sweep.html", repeated[:1], "val/loss")
    page = seen((tmp_path / "sweep.html").read_text())
    assert "0.1000 in the only job." in page and "All jobs have the same settings" in page


def test_names_are_not_joined_by_a_line_as_numbers_are(tmp_path):
    both = [SweptJob([f"a={a}", f"b={b}"], float(b), "finished", 1.0) for a in "xy" for b in "12"]
    ranked = rank(both, ["a", "b"], "val/loss")
    modes = [_chart(key, ranked, "val/loss").plot.data[1].mode for key in "ab"]
    assert modes == ["markers", "lines+markers"]


def test_what_is_not_finite_is_not_ranked(tmp_path):
    def job(lr, loss):
        return SweptJob([f"optimizer.lr={lr}"], loss, "finished", 1.0)

    odd = [job("1", float("nan")), job("2", 0.5), job("3", float("inf")), job("4", 0.4)]
    ranked = rank(odd, ["optimizer.lr"], "val/loss")
    assert [one.mean for one in ranked] == [0.4, 0.5, None, None]
    write_sweep_page(tmp_path / "sweep.html", odd, "val/loss")
    page = seen((tmp_path / "sweep.html").read_text())
    assert "2 of 4 jobs" in page and "No job has a number for 1, 3." in page


def test_a_sweep_without_a_number_says_so(tmp_path):
    write_sweep_page(tmp_path / "sweep.html", jobs()[-1:], "val/loss")
    page = seen((tmp_path / "sweep.html").read_text())
    assert "there is nothing to draw" in page and "1 diverged" in page


def test_the_command_is_typed_as_one_is_where_one_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where there is no train.py
    assert repeat(rank(jobs(), ["optimizer.lr"], "val/loss")[0]).startswith("esc50-train -m ")
