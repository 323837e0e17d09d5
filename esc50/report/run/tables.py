"""The tables of a run's report."""

from collections.abc import Mapping, Sequence
from typing import Any

from esc50.config.composition import compose_plain
from esc50.errors import UserError
from esc50.report.names import printable
from esc50.report.run import origin as origins
from esc50.report.run.scores import by_category, most_confused
from esc50.report.run.standing import most_frequent
from esc50.report.run.subject import Subject
from esc50.results.display.tables import Table
from esc50.results.labels import LEAKY, SYNTHETIC, mark, started_from
from esc50.results.numbers import duration, percent, spread
from esc50.results.predictions import PooledPredictions
from esc50.results.statistics import clustered_wilson, f1_macro, log_loss

Share = Sequence[float]  # a value, and the ends of its 95% interval


def headline(subject: Subject) -> str:
    """Write the accuracy and its interval."""
    tests, leaky = subject.tests, mark(subject.leaky)
    low, high = clustered_wilson(tests.correct, tests.clips, tests.sources)
    accuracy = percent(float(tests.correct.mean()))
    return f"{accuracy}{leaky}, 95% interval {low:.2%} to {high:.2%}{leaky}"


def facts(subject: Subject, forest: float | None) -> Table:
    """Say what the accuracy is of, and beside what it stands."""
    tests, results, leaky = subject.tests, subject.results, mark(subject.leaky)
    table = Table("", ["what", "value"], n_names=2)
    table.rows = [
        ["tested", _tested(subject)],
        ["macro F1", percent(f1_macro(tests.targets, tests.predictions)) + leaky],
        ["log loss", f"{log_loss(tests.probabilities, tests.targets):.4f}{leaky}"],
    ]
    if results.get("test/acc_category5") is not None:
        right = tests.class_labels[tests.targets] // 10
        guess = tests.class_labels[tests.predictions] // 10
        table.rows.append(["super-category right", percent(float((right == guess).mean())) + leaky])
    always = percent(most_frequent(subject))
    table.rows += [
        ["chance", f"{percent(1 / len(tests.classes))}; always the most frequent class: {always}"],
        ["simple baseline", "not at hand" if forest is None else percent(forest) + leaky],
        ["protocol", str(results["protocol"])],
        ["leaks", f"{LEAKY}: {results.get('audit')}" if leaky else str(results.get("audit", "-"))],
        ["sound", SYNTHETIC if results.get("synthetic") else "recorded"],
    ]
    if start := started_from(results):
        table.rows.append(["started from", start])
    if results.get("teachers"):
        table.rows.append(["taught by", str(results["teachers"])])
    table.note = (
        "The interval is Wilson's, on as many clips as the recordings are worth. The simple "
        "baseline is a random forest on mean and deviation of each mel band, trained on the same "
        "clips without augmentation."
    )
    return table


def _tested(subject: Subject) -> str:
    tests = subject.tests
    clips, sources = len(set(tests.clips)), len(set(tests.sources))
    several = f" in {len(subject.runs)} runs" if len(subject.runs) > 1 else ""
    return f"{len(tests.clips)} tests of {clips} clips of {sources} recordings{several}"


def runs(subject: Subject) -> Table:
    """Put the runs side by side, with their mean."""
    from statistics import mean, stdev

    leaky = mark(subject.leaky)
    columns = [f"test accuracy{leaky}", f"macro F1{leaky}", f"val accuracy{leaky}"]
    keys = ("test/acc", "test/f1_macro", "val/acc")
    table = Table("The runs", ["run", "tests", *columns, "epochs", "training"])
    for run in subject.runs:
        get = run.results.get
        cells = [percent(get(key)) for key in keys]
        seconds = duration(get("seconds_fit") or 0)
        table.rows.append([run.name, str(len(run.clips)), *cells, str(get("epochs", "-")), seconds])
    total = str(sum(len(run.clips) for run in subject.runs))
    over = []
    for key in keys:
        values = [run.results[key] for run in subject.runs if run.results.get(key) is not None]
        over.append(spread(mean(values), stdev(values)) if len(values) > 1 else "-")
    table.rows.append(["mean ± standard deviation", total, *over, "", ""])
    return table


def confused(tests: PooledPredictions, leaky: bool) -> Table | None:
    """List the most frequent mistakes; None where there is none."""
    columns = [f"times{mark(leaky)}", f"share of the target's tests{mark(leaky)}"]
    table = Table("Most confused", ["target", "taken for", *columns], n_names=2)
    names = tests.classes
    for target, prediction, count in most_confused(tests):
        share = count / int((tests.targets == target).sum())
        table.rows.append([names[target], names[prediction], str(count), percent(share)])
    return table if table.rows else None


def classes(rows: Sequence[Mapping[str, Any]], leaky: bool) -> Table:
    """Write what `scores.by_class` found, the hardest class first."""
    words = ("recall", "precision", "one-vs-rest accuracy")
    columns = [f"{word}{mark(leaky)} (95% interval)" for word in words]
    table = Table("By class", ["class", "tests", *columns, f"F1{mark(leaky)}"])
    for row in sorted(rows, key=lambda row: (row["f1"], row["class"])):
        cells = [_share(row[key]) for key in ("recall", "precision", "accuracy")]
        table.rows.append([row["class"], str(row["n"]), *cells, percent(row["f1"])])
    return table


def categories(subject: Subject) -> Table | None:
    """Write the accuracy within ESC-50's super-categories; None for other classes."""
    if any(run.results.get("test/acc_category5") is None for run in subject.runs):
        return None
    words = ("class right", "super-category right")
    columns = [f"{word}{mark(subject.leaky)} (95% interval)" for word in words]
    table = Table("By super-category", ["super-category", "tests", *columns])
    for row in by_category(subject.tests):
        shares = [_share(row["acc"]), _share(row["category_acc"])]
        table.rows.append([row["category"], str(row["n"]), *shares])
    return table


def _share(value: Share) -> str:
    share, low, high = value
    return "-" if share != share else f"{share:.1%} ({low:.1%} to {high:.1%})"


def differences(subject: Subject) -> Table | str:
    """List the settings that differ from the default, or say why they cannot be."""
    if subject.config is None:
        return "The run's config.yaml is gone."
    if subject.is_evaluation:
        return "Nothing was trained: a finished checkpoint was tested."
    table = Table(
        "Settings that differ from the default", ["setting", "here", "default"], n_names=3
    )
    for key, value, default in origins.differences(subject.config, compose_plain()):
        if key not in ("seed", "split.fold"):  # which the title says
            table.rows.append([key, _setting(value), _setting(default)])
    return table if table.rows else "All settings are the default's."


def _setting(value: Any) -> str:
    return "-" if value is origins.MISSING else printable(origins.spell(value))


def command(subject: Subject) -> str | None:
    """The command that repeats the runs; None where it cannot be said."""
    try:
        found = origins.command(subject)
    except (UserError, KeyError, TypeError, ValueError):  # or a config out of shape
        return None
    return found and printable(found)


def origin(subject: Subject) -> Table:
    """Say with which code, on what and in which time the runs were made."""
    results, all_results = subject.results, [run.results for run in subject.runs]
    commit = results.get("git_commit")
    changed = ", with changes that are not committed" if results.get("git_dirty") else ""
    seconds = sum(one.get("seconds_fit") or 0 for one in all_results)
    joules = [one.get("joules_fit") for one in all_results]
    table = Table("", ["what", "value"], n_names=2)
    where = (f"{results.get('precision')} on {results.get('device')}, {results.get('processor')}, "
             f"threads: {results.get('threads')}")  # fmt: skip
    items = f"{results.get('n_train')} items of {results.get('n_train_clips')} clips"
    table.rows = [
        ["trained on", f"{items}, {results.get('n_val')} validation"],
        ["training", f"{duration(seconds)}, {_epochs(all_results)} epochs"],
        ["computed", where],
        ["code", f"git {commit}{changed}" if commit else "not in a git repository"],
        [
            "versions",
            ", ".join(f"{k} {results.get(k, '?')}" for k in ("torch", "lightning", "python")),
        ],
        ["ended", str(results.get("time", "-"))],
        ["signature", str(results["signature"])],
        ["folder", printable(subject.folder.resolve())],
    ]
    if all(isinstance(value, int | float) for value in joules):
        watt_hours = sum(value for value in joules if value) / 3600
        said = f"{watt_hours:.2f} Wh of the machine's processors (RAPL), without memory and GPU"
        table.rows.insert(2, ["energy of training", said])
    return table


def _epochs(results: Sequence[Mapping[str, Any]]) -> str:
    epochs = [str(one.get("epochs", "?")) for one in results]
    return " + ".join(epochs)
