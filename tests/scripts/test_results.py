import os
import subprocess
import sys
import time

import numpy as np
import pytest

from esc50.results.ledger import append
from tests.conftest import REPOSITORY
from tests.scripts.made_ledger import SCRIPT, make_folder, row


def test_groups_folds_best_first_and_leaky_apart(results, ledger):
    status, out, _ = results("--ledger", ledger)
    assert status == 0
    assert "82.00% ± 3.46%" in out and "72.00% ± 2.00%" in out
    order = [out.index(name) for name in ("augmented", "orig_inal", "LEAKY results", "published")]
    assert order == sorted(order)
    assert "test/acc LEAKY" in out[order[2] :] and "99.00%" in out[order[2] :]


def test_several_seeds_are_one_group(results, tmp_path):
    path = tmp_path / "results.csv"
    accuracy = {(fold, seed): 0.7 + 0.01 * fold * seed for fold in (1, 2) for seed in (1, 2, 3)}
    for (fold, seed), acc in accuracy.items():
        append(path, row("e", "aaaa", fold, acc, seed))
    _, out, _ = results("--ledger", path, "--markdown")
    values = list(accuracy.values())
    assert f"{np.mean(values):.2%} ± {np.std(values, ddof=1):.2%}" in out
    assert "| e | aaaa | - | d1 | official | 1,2 | 3 | - |" in out


def test_the_latest_of_repeated_runs_counts(results, ledger):
    append(ledger, row("augmented", "bbbb222222", 2, 0.10, time="2000-01-01T00:00:00+00:00"))
    _, before, _ = results("--ledger", ledger)
    assert "82.00% ± 3.46%" in before
    append(ledger, row("augmented", "bbbb222222", 2, 0.80))
    _, after, _ = results("--ledger", ledger)
    assert "80.00% ± 0.00%" in after


def test_sorting_by_a_loss_puts_the_smallest_first(results, ledger):
    append(ledger, row("confident", "dddd", 1, 0.5, **{"test/loss": 0.01}))
    _, out, _ = results("--ledger", ledger, "--sort", "test/loss")
    assert out.index("confident") < out.index("augmented") < out.index("orig_inal")


def test_only_some_experiments(results, ledger):
    _, out, _ = results("--ledger", ledger, "--experiment", "augmented")
    assert "augmented" in out and "orig_inal" not in out and "LEAKY" not in out


def test_latex_and_markdown_are_escaped(results, tmp_path):
    path = tmp_path / "results.csv"
    append(path, row("a_b|50%&{x}", "aaaa", 1, 0.5))
    _, latex, _ = results("--ledger", path, "--latex")
    assert r"a\_b|50\%\&\{x\} & aaaa" in latex and r"\toprule" in latex and r"50.00\%" in latex
    assert latex.count(r"\begin") == latex.count(r"\end") == 2
    _, markdown, _ = results("--ledger", path, "--markdown")
    assert r"| a_b\|50%&{x} | aaaa |" in markdown


def test_synthetic_sound_is_marked(results, tmp_path):
    append(tmp_path / "results.csv", row("demo", "aaaa", 1, 1.0, synthetic=True))
    _, out, _ = results("--ledger", tmp_path / "results.csv", "--markdown")
    assert "demo (synthetic sound)" in out


def test_compares_two_recipes_by_name_or_signature(results, tmp_path):
    path = tmp_path / "results.csv"
    for fold, (a, b) in enumerate([(0.9, 0.8), (0.85, 0.8), (0.8, 0.8)], start=1):
        append(path, make_folder(tmp_path / f"a{fold}", row("new", "abc1", fold, a)))
        append(path, make_folder(tmp_path / f"b{fold}", row("old", "abd2", fold, b)))
    for pair in (("new", "old"), ("abc", "abd"), ("new-abc1", "old-abd2"), ("new@abc", "old@abd2")):
        status, out, _ = results("--ledger", path, "--compare", *pair, "--markdown")
        assert status == 0
        assert "| fold 1, seed 1 | 90.00% | 80.00% | +10.00% |" in out
        assert "| mean | 85.00% | 80.00% | +5.00% |" in out
        assert "only new right 30, only old right 0" in out
    status, _, err = results("--ledger", path, "--compare", "ab", "old")
    assert status == 2 and "  new@abc1: " in err and "  old@abd2: " in err
    status, _, err = results("--ledger", path, "--compare", "new", "abc")
    assert status == 2 and "one recipe" in err


def test_finds_runs_that_were_moved_with_their_ledger(results, tmp_path):
    was = tmp_path / "was"
    for name, signature, acc in (("new", "abc1", 0.9), ("old", "abd2", 0.8)):
        folder = was / f"{name}-{signature}" / "seed1" / "fold1"
        append(was / "results.csv", make_folder(folder, row(name, signature, 1, acc)))
    was.rename(tmp_path / "now")
    ledger = tmp_path / "now" / "results.csv"
    status, out, _ = results("--ledger", ledger, "--compare", "new", "old", "--markdown")
    assert status == 0 and "+10.00%" in out


@pytest.mark.parametrize("columns", [80, 160])
def test_it_is_readable_at_any_width(results, ledger, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    status, out, _ = results("--ledger", ledger)
    table = [line for line in out.splitlines() if "─" in line or "%" in line]
    assert status == 0 and max(map(len, table)) <= columns
    for whole in ("augmented", "orig_inal", "published", "official", "82.00% ± 3.46%", "LEAKY"):
        assert whole in out
    assert ("fit" in out.splitlines()[1]) == ("not shown" not in out) == (columns == 160)
    _, wide, _ = results("--ledger", ledger, "--wide")
    assert "bbbb222222" in wide and "not shown" not in wide


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--compare", "augmented", "nothing"], "'nothing' is no experiment or signature"),
        (["--compare", "augmented", "orig_inal"], "predictions are gone"),
        (["--experiment", "nothing"], "no run of nothing in the ledger"),
        (["--sort", "nothing"], "no run has a number 'nothing'"),
        (["--since", "last week"], "--since last week: write a date"),
        (["--since", "2999-01-01"], "no such run since 2999-01-01; the latest is of 20"),
        (["--where", "seed"], "--where seed: write column=value"),
        (["--where", "sed=1"], "did you mean seed?"),
        (["--where", "seed=7"], "no such run has it; seed is 1"),
        (["--data", "esc10"], "no such run on --data esc10; there are d1"),
        (["--ledger", "no/such.csv"], "no/such.csv: there is no such ledger"),
    ],
)
def test_errors_are_one_sentence_and_status_two(results, ledger, arguments, says):
    status, out, err = results("--ledger", ledger, *arguments)
    assert (status, out) == (2, "")
    assert says in err and err.count("\n") == 1


@pytest.mark.slow
def test_a_reader_that_goes_ends_it_without_a_word(tmp_path):
    path = tmp_path / "results.csv"
    lines = ["experiment,signature,data_digest,fold,seed,test/acc"]
    lines += [f"e{i},s{i},d,1,1,0.5" for i in range(5000)]  # more than a pipe holds
    path.write_text("\n".join(lines) + "\n")
    for form in ([], ["--markdown"]):
        command = [sys.executable, SCRIPT, "--ledger", path, *form]
        env = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": ""}
        with subprocess.Popen(command, stdout=-1, stderr=-1, env=env) as process:
            process.stdout.readline()
            process.stdout.close()
            assert (process.stderr.read(), process.wait()) == (b"", 141)


def test_help_is_quick_and_the_ledger_needs_no_torch(ledger):
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    start = time.perf_counter()
    subprocess.run([sys.executable, SCRIPT, "--help"], check=True, env=env, capture_output=True)
    assert time.perf_counter() - start < 1
    command = [sys.executable, "-X", "importtime", SCRIPT, "--ledger", ledger]
    done = subprocess.run(command, check=True, env=env, capture_output=True, text=True)
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "esc50.results.ledger" in modules
    assert not modules & {"torch", "matplotlib", "scipy.stats", "pytorch_lightning"}
