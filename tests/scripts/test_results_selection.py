"""`scripts/results.py`: which runs are meant, and what tells their recipes apart."""

import pytest

from esc50.results.ledger import append
from tests.scripts.made_ledger import make_folder, row


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
