import csv
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from esc50.results.ledger import append

REPO = Path(__file__).parents[2]
SCRIPT = REPO / "scripts" / "results.py"


@pytest.fixture
def results(monkeypatch, run_main):
    """The script's main, in this process: gives status, output and errors."""
    monkeypatch.setenv("COLUMNS", "250")
    spec = importlib.util.spec_from_file_location("scripts_results", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    return lambda *arguments: run_main(module.main, *arguments)


def row(experiment: str, signature: str, fold: int, acc: float, seed: int = 1, **more) -> dict:
    return {
        "experiment": experiment,
        "signature": signature,
        "data_digest": "d1",
        "protocol": "official",
        "leaky": False,
        "synthetic": False,
        "fold": fold,
        "seed": seed,
        "test/acc": acc,
        "test/loss": 1 - acc,
        "seconds_fit": 60.0,
        **more,
    }


@pytest.fixture
def ledger(tmp_path):
    path = tmp_path / "results.csv"
    for fold, (poor, good) in enumerate([(0.70, 0.80), (0.72, 0.86), (0.74, 0.80)], start=1):
        append(path, row("orig_inal", "aaaa111111", fold, poor))
        append(path, row("augmented", "bbbb222222", fold, good))
    append(path, row("published", "cccc333333", 1, 0.99, leaky=True, protocol="published"))
    return path


def make_folder(folder: Path, row: dict, n: int = 200) -> dict:
    """Write the run's folder so that its accuracy is the row's; return the row with run_dir."""
    rng = np.random.default_rng(row["fold"])
    order = rng.permutation(n)
    targets = np.arange(n) % 2
    wrong = np.isin(order, np.arange(round(n * (1 - row["test/acc"]))))
    predictions = np.where(wrong, 1 - targets, targets)
    folder.mkdir(parents=True)
    with (folder / "predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "fold", "target", "prediction", "cat", "dog"])
        for i, (target, guess) in enumerate(zip(targets, predictions, strict=True)):
            writer.writerow(
                [f"{row['fold']}-{i}.wav", row["fold"], target, guess, 1 - guess, guess]
            )
    row = {**row, "run_dir": str(folder)}
    (folder / "results.json").write_text(json.dumps(row))
    return row


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


@pytest.fixture
def mixed(tmp_path):
    """One recipe on two data sets, and another of the same name."""
    path = tmp_path / "mixed.csv"
    for acc, (signature, data, digest) in {
        0.95: ("aaaa111111", "demo", "d1"),
        0.65: ("aaaa111111", "esc10", "d2"),
        0.75: ("bbbb222222", "esc10", "d2"),
    }.items():
        made = make_folder(tmp_path / str(acc), row("e", signature, 1, acc))
        rate = 0.01 if signature == "bbbb222222" else 0.001
        config = f"optimizer:\n  lr: {rate}\ndata:\n  root: /{data}\n"
        (tmp_path / str(acc) / "config.yaml").write_text(config)
        append(path, {**made, "data": data, "data_digest": digest})
    append(path, row("old", "cccc333333", 1, 0.70, data_digest="d2"))  # made before `data` was
    append(path, row("lone", "cccc333333", 1, 0.99, data_digest="f00dface1234"))
    return path


def test_recipes_are_ranked_on_each_data_set(results, mixed):
    _, out, _ = results("--ledger", mixed, "--markdown")
    rows = [line.split(" | ") for line in out.splitlines() if "%" in line]
    assert [(row[3], row[8]) for row in rows] == [
        ("demo", "95.00%"),
        ("esc10", "75.00%"),
        ("esc10", "70.00%"),
        ("esc10", "65.00%"),
        ("f00dface", "99.00%"),
    ]


@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        (["--data", "esc10"], ["75", "70", "65"]),
        (["--data", "demo", "f00d"], ["95", "99"]),
        (["--where", "signature=aaaa111111", "--where", "data=esc10"], ["65"]),
        (["--where", "data="], ["70", "99"]),
        (["--where", "leaky=false", "--since", "2020-01-01"], ["95", "75", "70", "65", "99"]),
    ],
)
def test_filters(results, mixed, filters, shown):
    status, out, _ = results("--ledger", mixed, "--markdown", *filters)
    assert status == 0
    accuracies = [line.split(" | ")[8] for line in out.splitlines() if "%" in line]
    assert accuracies == [f"{acc}.00%" for acc in shown]


def test_recipes_of_one_name_are_told_apart_below_the_table(results, mixed):
    status, out, _ = results("--ledger", mixed, "--data", "esc10")
    assert status == 0 and "of one name, but:" in out
    assert "e@aaaa111111: optimizer.lr=0.001\n" in out
    assert "e@bbbb222222: optimizer.lr=0.01\n" in out
    _, out, _ = results("--ledger", mixed, "--data", "demo")
    assert "of one name" not in out


@pytest.fixture
def noted(tmp_path):
    """A ledger of runs that note their overrides, and one made before they did."""
    path = tmp_path / "noted" / "results.csv"
    about = {"precision": "32-true", "device": "cpu", "threads": 2}
    said = "optimizer.lr=0.01 features.n_mels=32 model.name='a b' callbacks.early_stopping=null"
    append(path, row("changed", "aaaa111111", 1, 0.9, overrides=said, **about))
    append(path, row("bare", "bbbb222222", 1, 0.8, overrides="none", **about))
    append(path, row("plain", "dddd444444", 1, 0.8, overrides="features.n_mels=32", **about))
    append(path, row("older", "cccc333333", 1, 0.7))
    return path


def test_what_was_overridden_and_computed_in_is_shown(results, noted, monkeypatch):
    status, out, _ = results("--ledger", noted)
    # n_mels is not what tells it from "plain".
    assert status == 0 and "lr=0.01, name=a b, early_stopping=null, 1 more" in out
    assert "32-true, cpu, 2 threads" in out
    monkeypatch.setenv("COLUMNS", "160")
    assert "overrides" in results("--ledger", noted)[1].splitlines()[1]
    _, out, _ = results("--ledger", noted, "--wide")
    assert "lr=0.01, name=a b, early_stopping=null, n_mels=32" in out
    assert all(line == line.rstrip() for line in out.splitlines())
    cells = {line.split()[0]: line.split()[2] for line in out.splitlines() if "%" in line}
    assert (cells["bare"], cells["older"]) == ("none", "-")


def test_runs_are_chosen_by_what_they_override(results, noted):
    status, out, _ = results("--ledger", noted, "--where", "optimizer.lr=0.01")
    assert status == 0 and "changed" in out and "plain" not in out and "older" not in out
    status, _, err = results("--ledger", noted, "--where", "optimizer.lr=1")
    assert status == 2 and "no such run has it; optimizer.lr is 0.01, nothing" in err
    status, _, err = results("--ledger", noted, "--where", "optimzer.lr=1")
    assert status == 2 and "no run overrides such a setting" in err


def test_since_leaves_older_runs_out(results, ledger):
    append(ledger, row("ancient", "dddd", 1, 0.5, time="2000-01-01T00:00:00+00:00"))
    _, out, _ = results("--ledger", ledger, "--since", "2020-01-01")
    assert "augmented" in out and "ancient" not in out


def test_an_ambiguous_name_lists_what_tells_the_recipes_apart(results, mixed):
    status, _, err = results("--ledger", mixed, "--compare", "e", "old")
    assert status == 2 and "give name@signature" in err
    assert "  e@aaaa111111: data=demo, optimizer.lr=0.001\n" in err
    assert "  e@bbbb222222: data=esc10, optimizer.lr=0.01\n" in err
    status, _, err = results("--ledger", mixed, "--compare", "e@aaaa", "e@bbbb")
    assert status == 2 and "choose a data set by --data" in err and "data.root" not in err
    status, out, _ = results(
        "--ledger", mixed, "--data", "esc10", "--compare", "e@aaaa", "e@bbbb", "--markdown"
    )
    assert status == 0 and "e@aaaa111111 against e@bbbb222222" in out and "-10.00%" in out
    status, _, err = results("--ledger", mixed, "--compare", "e@esc10", "e@demo")
    assert status == 2 and "fits several recipes" in err and "data=" not in err


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
        env = {**os.environ, "PYTHONPATH": str(REPO), "PYTHONUNBUFFERED": ""}
        with subprocess.Popen(command, stdout=-1, stderr=-1, env=env) as process:
            process.stdout.readline()
            process.stdout.close()
            assert (process.stderr.read(), process.wait()) == (b"", 141)


def test_help_is_quick_and_the_ledger_needs_no_torch(ledger):
    env = {**os.environ, "PYTHONPATH": str(REPO)}
    start = time.perf_counter()
    subprocess.run([sys.executable, SCRIPT, "--help"], check=True, env=env, capture_output=True)
    assert time.perf_counter() - start < 1
    command = [sys.executable, "-X", "importtime", SCRIPT, "--ledger", ledger]
    done = subprocess.run(command, check=True, env=env, capture_output=True, text=True)
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "esc50.results.ledger" in modules
    assert not modules & {"torch", "matplotlib", "scipy.stats", "pytorch_lightning"}
