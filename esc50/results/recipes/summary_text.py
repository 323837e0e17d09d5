"""A summary in words: Markdown for the file, a table for the console."""

from collections.abc import Mapping
from statistics import mean, stdev
from typing import Any

from esc50.results.display.render import render
from esc50.results.display.tables import Table
from esc50.results.labels import LEAKY, SYNTHETIC, labels, mark
from esc50.results.numbers import percent, spread


def heading(summary: Mapping[str, Any]) -> str:
    """Say what the numbers are of, with every word that must stand beside them."""
    words = [str(summary["experiment"]), f"{summary['protocol']} split", *labels(summary)]
    return " · ".join(words + ["INCOMPLETE"] * (not summary["complete"]))


def console_table(summary: Mapping[str, Any]) -> Table:
    """Write the summary's table by fold, with the mean and the interval, for the console."""
    table = _by_run(summary)
    interval = f"{_interval(summary['test/acc_ci95'])}{mark(summary['leaky'])}"
    notes = [f"95% interval over the tested clips: {interval}"]
    if ensemble := summary["ensemble"]:
        together = f"{percent(ensemble['acc'])}{mark(summary['leaky'])}"
        notes.append(f"mean of the {ensemble['networks']} networks of each fold: {together}")
    notes += [f"missing: {name}: {reason}" for name, reason in summary["missing"].items()]
    table.note = "\n".join(notes)
    table.title = heading(summary)
    return table


def markdown(summary: Mapping[str, Any]) -> str:
    """Write summary.md."""
    return render(
        "summary.md.j2",
        **{key: value for key, value in summary.items() if "/" not in key} | _numbers(summary),
        together=summary["ensemble"] and _together(summary["ensemble"]),
        words={"leaky": LEAKY, "synthetic": SYNTHETIC},
        mark=mark(summary["leaky"]),
        heading=heading(summary),
    )


def _numbers(summary: Mapping[str, Any]) -> dict[str, str | None]:
    """What the template shows, as text."""
    category = summary["test/acc_category5_mean"]
    return {
        "accuracy": spread(summary["test/acc_mean"], summary["test/acc_std"]),
        "interval": _interval(summary["test/acc_ci95"]),
        "pooled": percent(summary["test/acc"]),
        "f1": percent(summary["test/f1_macro"]),
        "log_loss": _number(summary["test/log_loss"]),
        "ece": percent(summary["test/ece"]),
        "category": None if category is None else percent(category),
        "by_run": _by_run(summary).markdown(),
        "by_seed": _by_seed(summary).markdown(),
        "by_category": _by_category(summary).markdown() if summary["per_category"] else "",
        "by_class": _by_class(summary).markdown(),
        "confused": _confused(summary).markdown() if summary["confused"] else "",
    }


def _together(ensemble: Mapping[str, Any]) -> dict[str, str]:
    """What the template shows of the seeds' mean, as text."""
    return {
        "networks": str(ensemble["networks"]),
        "accuracy": percent(ensemble["acc"]),
        "interval": _interval(ensemble["ci95"]),
        "log_loss": _number(ensemble["log_loss"]),
        "ece": percent(ensemble["ece"]),
    }


def _by_run(summary: Mapping[str, Any]) -> Table:
    metrics = _marked(summary, "test acc", "macro F1", "test loss", "val acc")
    table = Table("", ["run", "test clips", *metrics], dispensable=["test clips", metrics[-1]])
    for run in summary["runs"]:
        table.rows.append(
            [
                f"fold {run['fold']}, seed {run['seed']}",
                "-" if run["n_test"] is None else str(run["n_test"]),
                percent(run["test/acc"]),
                percent(run["test/f1_macro"]),
                _number(run["test/loss"]),
                percent(run["val/acc"]),
            ]
        )
    table.rows.append(
        [
            "mean ± std",
            str(summary["n_test"]),
            spread(summary["test/acc_mean"], summary["test/acc_std"]),
            percent(summary["test/f1_macro_mean"]),
            _number(summary["test/loss_mean"]),
            percent(summary["val/acc_mean"]),
        ]
    )
    return table


def _by_seed(summary: Mapping[str, Any]) -> Table:
    columns = _marked(summary, "test acc, mean ± std over folds")
    table = Table("", ["seed", "folds", *columns])
    for seed, folds in summary["test/acc_seeds"].items():
        values = [value for value in folds if value is not None]
        std = stdev(values) if len(values) > 1 else None
        table.rows.append([seed, str(len(values)), spread(mean(values), std)])
    return table


def _by_category(summary: Mapping[str, Any]) -> Table:
    columns = _marked(summary, "class right", "95% interval", "category right")
    table = Table("", ["category", "tests", *columns])
    for row in summary["per_category"]:
        table.rows.append([row["category"], *_accuracy(row), percent(row["acc_category5"])])
    return table


def _by_class(summary: Mapping[str, Any]) -> Table:
    table = Table("", ["class", "tests", *_marked(summary, "test acc", "95% interval")])
    for row in sorted(summary["per_class"], key=lambda row: row["acc"]):
        table.rows.append([row["class"], *_accuracy(row)])
    return table


def _confused(summary: Mapping[str, Any]) -> Table:
    columns = _marked(summary, "times", "share of the target's tests")
    table = Table("", ["target", "taken for", *columns], n_names=2)
    for pair in summary["confused"]:
        count, share = str(pair["count"]), percent(pair["share"])
        table.rows.append([pair["target"], pair["prediction"], count, share])
    return table


def _marked(summary: Mapping[str, Any], *columns: str) -> list[str]:
    return [f"{column}{mark(summary['leaky'])}" for column in columns]


def _accuracy(row: Mapping[str, Any]) -> list[str]:
    return [str(row["n"]), percent(row["acc"]), _interval((row["low"], row["high"]))]


def _interval(ends: tuple[float, float]) -> str:
    return f"{ends[0]:.2%} to {ends[1]:.2%}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
