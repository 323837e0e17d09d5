"""A summary in words: Markdown for the file, a rich table for the console."""

from collections.abc import Mapping
from statistics import mean, stdev
from typing import Any

from rich.table import Table as RichTable

from esc50.results.tables import MARKDOWN_SPECIAL, Table

HOW = """\
- Mean and standard deviation (n - 1 in the denominator) are over the runs above.
- The 95% interval is about the tested clips, all runs pooled. It is Wilson's score interval with
  the number of clips lowered by the design effect of clips cut from one recording (Korn and
  Graubard, Survey Methodology 24, 1998; Dean and Pagano, J. Survey Stat. Methodol. 3, 2015).
  A clip tested with several seeds counts once, by the mean of its tests. It holds for the trained
  networks at hand; what other training clips would have changed is not in it.
- Intervals by class and category are computed alike, on their clips.
- Macro F1 and log loss above the tables are of the pooled predictions; in the table by fold each
  run's own. Log loss is in nats. The expected calibration error has 15 equal bins (Guo et al.,
  ICML 2017)."""
LEAKY = (
    "> **LEAKY.** Tested clips, copies of them or other takes of their recordings were in "
    "training or validation: every number here measures memory as well.\n"
)
SYNTHETIC = (
    "> **Synthetic sound.** The clips are made up: the numbers say that the machinery works, and "
    "nothing about real sound.\n"
)


def heading(summary: Mapping[str, Any]) -> str:
    """Say what the numbers are of, with every word that must stand beside them."""
    words = [summary["experiment"], f"{summary['protocol']} split"]
    words += ["LEAKY"] * summary["leaky"] + ["synthetic sound"] * summary["synthetic"]
    return " · ".join(words + ["INCOMPLETE"] * (not summary["complete"]))


def percent(value: float | None, leaky: bool = False) -> str:
    """Write a share as a percentage, never without the word when it leaks."""
    return "-" if value is None else f"{value:.2%}{' LEAKY' if leaky else ''}"


def spread(mean_value: float, std: float | None, leaky: bool = False) -> str:
    """Write mean ± standard deviation, in percent."""
    deviation = "" if std is None else f" ± {std:.2%}"
    return f"{mean_value:.2%}{deviation}{' LEAKY' if leaky else ''}"


def console_table(summary: Mapping[str, Any]) -> RichTable:
    """Write the summary's table by fold, with the mean and the interval, for the console."""
    table = _by_run(summary)
    low, high = summary["test/acc_ci95"]
    notes = [f"95% interval over the tested clips: {low:.2%} to {high:.2%}{_mark(summary)}"]
    notes += [f"missing: {name}: {reason}" for name, reason in summary["missing"].items()]
    table.note = "\n".join(notes)
    table.title = heading(summary)
    return table.rich()


def markdown(summary: Mapping[str, Any]) -> str:
    """Write summary.md."""
    parts = [f"# {heading(summary).translate(MARKDOWN_SPECIAL)}\n"]
    parts += [LEAKY] * summary["leaky"] + [SYNTHETIC] * summary["synthetic"]
    if summary["missing"]:
        named = (
            f"- {name}: {reason.translate(MARKDOWN_SPECIAL)}"
            for name, reason in summary["missing"].items()
        )
        parts.append("**INCOMPLETE.** Not in these numbers:\n\n" + "\n".join(named) + "\n")
    parts += [_headline(summary), "## By fold\n", _by_run(summary).markdown()]
    if len(summary["seeds"]) > 1:
        parts += ["## By seed\n", _by_seed(summary).markdown()]
    if summary["per_category"]:
        parts += ["## By category\n", _by_category(summary).markdown()]
    parts += ["## Most confused\n", _confused(summary)]
    parts += ["## By class\n", _by_class(summary).markdown()]
    parts.append("![Confusion matrix](confusion.png)\n\n![Accuracy by class](classes.png)\n")
    parts += ["## How it was computed\n", HOW]
    audit = "".join(f"- Audit: {sentence}\n" for sentence in summary["audit"])
    parts.append(f"- Recipe {summary['signature']}, data {summary['data_digest']}.\n{audit}")
    return "\n".join(parts)


def _mark(summary: Mapping[str, Any]) -> str:
    return " LEAKY" if summary["leaky"] else ""


def _headline(summary: Mapping[str, Any]) -> str:
    leaky, mark = summary["leaky"], _mark(summary)
    low, high = summary["test/acc_ci95"]
    runs = f"{len(summary['folds'])} fold(s), {len(summary['seeds'])} seed(s)"
    lines = [
        f"**Test accuracy {spread(summary['test/acc_mean'], summary['test/acc_std'], leaky)}** "
        f"(mean ± standard deviation over {summary['n_runs']} runs: {runs}).",
        f"**95% interval {low:.2%} to {high:.2%}{mark}**, around {percent(summary['test/acc'])}"
        f"{mark} of {summary['n_test']} tests ({summary['n_clips']} clips from "
        f"{summary['n_sources']} recordings).",
        f"Macro F1 {percent(summary['test/f1_macro'], leaky)}, "
        f"log loss {_number(summary['test/log_loss'])}{mark}, "
        f"expected calibration error {percent(summary['test/ece'], leaky)}"
        + (
            f", category accuracy {percent(summary['test/acc_category5_mean'], leaky)}."
            if summary["test/acc_category5_mean"] is not None
            else "."
        ),
    ]
    return "\n".join(lines) + "\n"


def _by_run(summary: Mapping[str, Any]) -> Table:
    mark = _mark(summary)
    columns = ["run", "test clips", *(f"{c}{mark}" for c in ("test acc", "macro F1", "test loss"))]
    table = Table("", [*columns, f"val acc{mark}"])
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
    table = Table("", ["seed", "folds", f"test acc, mean ± std over folds{_mark(summary)}"])
    for seed, folds in summary["test/acc_seeds"].items():
        values = [value for value in folds if value is not None]
        std = stdev(values) if len(values) > 1 else None
        table.rows.append([seed, str(len(values)), spread(mean(values), std)])
    return table


def _by_category(summary: Mapping[str, Any]) -> Table:
    mark = _mark(summary)
    columns = [
        "category",
        "tests",
        f"class right{mark}",
        f"95% interval{mark}",
        f"category right{mark}",
    ]
    table = Table("", columns)
    for row in summary["per_category"]:
        category = percent(row["acc_category5"])
        table.rows.append([row["category"], *_share(row), category])
    return table


def _by_class(summary: Mapping[str, Any]) -> Table:
    mark = _mark(summary)
    table = Table("", ["class", "tests", f"test acc{mark}", f"95% interval{mark}"])
    for row in sorted(summary["per_class"], key=lambda row: row["acc"]):
        table.rows.append([row["class"], *_share(row)])
    return table


def _confused(summary: Mapping[str, Any]) -> str:
    if not summary["confused"]:
        return f"None: every tested clip was right{_mark(summary)}.\n"
    mark = _mark(summary)
    columns = ["target", "taken for", f"times{mark}", f"share of the target's tests{mark}"]
    table = Table("", columns, n_names=2)
    for pair in summary["confused"]:
        share = percent(pair["share"])
        table.rows.append([pair["target"], pair["prediction"], str(pair["count"]), share])
    return table.markdown()


def _share(row: Mapping[str, Any]) -> list[str]:
    interval = f"{row['low']:.2%} to {row['high']:.2%}"
    return [str(row["n"]), percent(row["acc"]), interval]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
