"""Several recipes side by side, on one page."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from statistics import mean
from string import ascii_uppercase

from esc50.errors import UserError
from esc50.report.figures import COLORS, Chart, figure_text, row_width
from esc50.report.names import printable
from esc50.report.page import write_page
from esc50.report.run.charts import curves, read_history
from esc50.report.run.origin import MISSING, flatten, read_chosen_epoch, spell
from esc50.report.run.scores import by_class
from esc50.report.run.subject import PAGE, Subject, find_subject
from esc50.results.display.tables import Table
from esc50.results.labels import LEAKY, label, labels, mark
from esc50.results.numbers import duration, percent
from esc50.results.recipes.comparison import OTHER_DATA, IncomparableError, compare
from esc50.results.run_folder import chosen_checkpoint
from esc50.results.statistics import clustered_wilson


def write_comparison(folders: Sequence[Path], page: Path) -> Path:
    """Write a page that puts runs, or the folds and seeds of recipes, side by side.

    Args:
        folders: two or more, see `find_subject`.
        page: the .html file to write.

    Raises:
        UserError: a folder holds no finished run, is given twice, or the page cannot be written.
    """
    subjects = [find_subject(folder) for folder in folders]
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise UserError("a folder is given twice: give each once")
    names = lettered(distinct_names(subjects))
    leaky = any(subject.leaky for subject in subjects)
    synthetic = any(subject.results.get("synthetic") for subject in subjects)
    pairs, refused = _pairs(subjects, names)
    charts, drawn = _curves(subjects, leaky)
    alike = len({subject.tests.classes for subject in subjects}) == 1
    try:
        write_page(
            page,
            "comparison.html.j2",
            title=f"{len(subjects)} side by side",
            labels=labels({"leaky": leaky, "synthetic": synthetic}),
            overview=_overview(subjects, names),
            pairs=pairs,
            refused=refused,
            held=[f"{letter(place)}, {_held(subject)}" for place, subject in enumerate(subjects)],
            curves=charts,
            drawn=drawn,
            classes=_classes_chart(subjects, names) if alike else None,
            settings=_settings(subjects, names),
            links=_links(subjects, names, page),
        )
    except OSError as error:
        raise UserError(f"{page} cannot be written ({error.strerror or error})") from None
    return page


def distinct_names(subjects: Sequence[Subject]) -> list[str]:
    """Name each by its recipe and runs, and, where these are alike, by its signature or folder."""
    names = [printable(subject.name) for subject in subjects]
    signed = [
        f"{name} ({subject.results['signature']})" if names.count(name) > 1 else name
        for name, subject in zip(names, subjects, strict=True)
    ]
    return [
        f"{name} in {printable(subject.folder)}" if signed.count(name) > 1 else name
        for name, subject in zip(signed, subjects, strict=True)
    ]


def lettered(names: Sequence[str]) -> list[str]:
    """Put a letter before each name, which tells them apart where there is no room for more."""
    return [f"{letter(number)}: {name}" for number, name in enumerate(names)]


def letter(number: int) -> str:
    """A to Z for 0 to 25, then AA."""
    return ascii_uppercase[number % 26] * (number // 26 + 1)


def _overview(subjects: Sequence[Subject], names: Sequence[str]) -> Table:
    columns = [
        "accuracy",
        "95% interval",
        "mean macro F1",
        "tests",
        "runs",
        "protocol",
    ]
    last = f", {LEAKY} ones last" if any(one.leaky for one in subjects) else ""
    table = Table(f"The best first{last}", ["of", *columns, "training"])
    for subject, name in _ranked(subjects, names):
        tests, leaky = subject.tests, mark(subject.leaky)
        low, high = clustered_wilson(tests.correct, tests.clips, tests.sources)
        f1 = [run.results.get("test/f1_macro") for run in subject.runs]
        known = [value for value in f1 if isinstance(value, int | float)]
        seconds = sum(run.results.get("seconds_fit") or 0 for run in subject.runs)
        table.rows.append(
            [
                name + label({"synthetic": subject.results.get("synthetic")}),
                percent(float(tests.correct.mean())) + leaky,
                f"{low:.2%} to {high:.2%}{leaky}",
                percent(mean(known) if known else None) + leaky,
                str(len(tests.clips)),
                str(len(subject.runs)),
                str(subject.results["protocol"]),
                duration(seconds),
            ]
        )
    if len({frozenset(subject.tests.clips) for subject in subjects}) > 1:
        table.note = (
            "Not all were tested on the same clips, so these accuracies do not compare: "
            "differences on the same ones do."
        )
    return table


def _held(subject: Subject) -> str:
    """List its seeds and the folds of each, as in "seed 1: fold 1, 2, seed 2: fold 1"."""
    folds: dict[int, list[int | None]] = {}
    for seed, fold in (run.seed_and_fold for run in subject.runs):
        folds.setdefault(seed, []).append(fold)
    return ", ".join(
        f"seed {seed}" + (f": fold {', '.join(map(str, own))}" if None not in own else "")
        for seed, own in folds.items()
    )


def _ranked(subjects: Sequence[Subject], names: Sequence[str]) -> list[tuple[Subject, str]]:
    """Put the honest ones first, and among them the best."""
    pairs = list(zip(subjects, names, strict=True))
    return sorted(pairs, key=lambda pair: (pair[0].leaky, -pair[0].tests.correct.mean()))


def _pairs(
    subjects: Sequence[Subject], names: Sequence[str]
) -> tuple[Table | None, dict[str, list[str]]]:
    """Compare each two on what both were tested on; returns those that cannot be, by why, too."""
    columns = [
        "difference",
        "95% interval",
        "only first right",
        "only second right",
        "p (McNemar)",
    ]
    table = Table("Each two, on folds and seeds that both have", ["first", "second", *columns])
    table.n_names = 2
    refused: dict[str, list[str]] = {}
    unlike = []
    for (a, name_a), (b, name_b) in combinations(_ranked(subjects, names), 2):
        sides = [[run.folder for run in subject.runs] for subject in (a, b)]
        try:
            result = compare(sides[0], sides[1], names=(name_a, name_b))
        except IncomparableError as error:
            two = f"{letter(names.index(name_a))} and {letter(names.index(name_b))}"
            refused.setdefault(error.why, []).append(two)
            continue
        if not result["same_data"]:
            unlike.append(f"{name_a} and {name_b}")
        either, test = mark(a.leaky or b.leaky), result["mcnemar"]
        low, high = result["bootstrap_ci95"]
        numbers = [f"{result['difference']:+.2%}", f"{low:+.2%} to {high:+.2%}"]
        numbers += [str(test["only_a"]), str(test["only_b"]), f"{test['p']:.3g}"]
        table.rows.append([name_a, name_b, *(f"{number}{either}" for number in numbers)])
    table.note = (
        "The first's accuracy minus the second's; the interval is that of a paired bootstrap over "
        "recordings."
    )
    table.note += "".join(f" {pair}: {OTHER_DATA}." for pair in unlike)
    return (table if table.rows else None), refused


def _curves(subjects: Sequence[Subject], leaky: bool) -> tuple[list[Chart], str]:
    """Draw the epochs of each one's first run; returns which runs these are, too."""
    histories, chosen, without = {}, {}, []
    for number, subject in enumerate(subjects):
        run = subject.runs[0]
        name = f"{letter(number)}, {run.name}"
        if rows := read_history(run.folder):
            histories[name] = rows
            chosen[name] = read_chosen_epoch(chosen_checkpoint(run.folder))
        else:
            without.append(name)
    said = f"Drawn is the first run of each: {'; '.join(histories)}."
    if without:
        said += f" There is no history.csv of {'; '.join(without)}."
    return (curves(histories, chosen, leaky) if histories else []), said


def _classes_chart(subjects: Sequence[Subject], names: Sequence[str]) -> Chart:
    """Draw the recall of each class, of each subject a row of marks."""
    import plotly.graph_objects as go

    leaky = mark(any(subject.leaky for subject in subjects))
    recall = [[row["recall"][0] for row in by_class(subject.tests)] for subject in subjects]
    order = sorted(range(len(recall[0])), key=lambda c: -mean(own[c] for own in recall))
    plot = go.Figure(layout={"height": 140 + 22 * len(order)})
    for number, (subject, name, own) in enumerate(zip(subjects, names, recall, strict=True)):
        plot.add_scatter(
            x=[own[c] for c in order], y=list(range(len(order))), mode="markers",
            name=figure_text(name) + mark(subject.leaky),
            marker={"color": COLORS[number % len(COLORS)], "size": 10, "symbol": number},
        )  # fmt: skip
    classes = subjects[0].tests.classes
    plot.update_yaxes(
        tickvals=list(range(len(order))), ticktext=[figure_text(classes[c]) for c in order]
    )
    plot.update_xaxes(title=f"recall{leaky}", tickformat=".0%", range=[-0.02, 1.02])
    table = Table(
        "", ["class", *(f"{n}{mark(s.leaky)}" for s, n in zip(subjects, names, strict=True))]
    )
    table.rows = [[classes[c], *(percent(own[c]) for own in recall)] for c in reversed(order)]
    summary = "The share of each class's tests that were right; the hardest classes on top."
    title, width = f"Recall by class{leaky}", row_width(classes)
    return Chart("classes", title, summary, plot, table, min_width=width)


def _settings(subjects: Sequence[Subject], names: Sequence[str]) -> Table | None:
    """List the settings that are not alike; None where a config is gone, or all are."""
    configs = [subject.config for subject in subjects]
    flat = [flatten(config) for config in configs if config is not None]
    if len(flat) < len(subjects):
        return None
    keys = dict.fromkeys(key for own in flat for key in own)
    table = Table("Settings that differ", ["setting", *names], n_names=len(names) + 1)
    for key in keys:
        values = [own.get(key, MISSING) for own in flat]
        if any(value != values[0] for value in values) and not key.startswith("output_dir"):
            said = ["-" if value is MISSING else printable(spell(value)) for value in values]
            table.rows.append([key, *said])
    return table if table.rows else None


def _links(subjects: Sequence[Subject], names: Sequence[str], page: Path) -> list[tuple[str, str]]:
    """The reports of each, where they are below the page's folder."""
    here = page.resolve().parent
    places = [(name, (s.folder / PAGE).resolve()) for name, s in zip(names, subjects, strict=True)]
    return [
        (name, place.relative_to(here).as_posix())
        for name, place in places
        if place.is_file() and place.is_relative_to(here)
    ]
