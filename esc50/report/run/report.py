"""The report of finished runs: report.html in their folder, whole in one file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from esc50.audio.spec import FeatureSpec
from esc50.errors import UserError
from esc50.report.figures import Chart
from esc50.report.media import logmel_uri, picture_seconds
from esc50.report.names import printable
from esc50.report.page import write_page
from esc50.report.run import cases, tables
from esc50.report.run.cases import Case, Memory
from esc50.report.run.charts import (
    classes_chart,
    coverage_chart,
    curves,
    read_history,
    reliability_chart,
)
from esc50.report.run.clips import Clips
from esc50.report.run.confusion import Cell, cells, grid
from esc50.report.run.origin import read_chosen_epoch
from esc50.report.run.scores import by_class, coverage, reliability
from esc50.report.run.sounds import encode
from esc50.report.run.standing import against_ledger, find_ledger, forest_accuracy
from esc50.report.run.subject import PAGE, Subject, find_subject
from esc50.results.display.tables import Table
from esc50.results.labels import mark
from esc50.results.statistics import calibration_error

SHOWN_INPUTS = 8  # training clips, before and after augmentation


def write_report(folder: Path, *, trusted: bool = False) -> Path:
    """Write the report of the run in a folder, or of the folds and seeds below it.

    What is not at hand any more, as sound or checkpoints, is left out, and the page says so.

    Args:
        folder: of a run, or of runs of one recipe.
        trusted: whether code of other packages, which the config names, may be run.

    Returns:
        The page, report.html in the folder.

    Raises:
        UserError: there is no finished run, or the page cannot be written.
    """
    page = Report(find_subject(folder), trusted)
    try:
        write_page(folder / PAGE, "run.html.j2", title=page.title, labels=page.subject.labels,
                   **page.values())  # fmt: skip
    except OSError as error:
        raise UserError(f"{folder / PAGE} cannot be written ({error.strerror or error})") from None
    return folder / PAGE


@dataclass
class Report:
    """Gathers what a page shows; what is missing is said in `missing`, a sentence each."""

    subject: Subject
    trusted: bool
    missing: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The page's."""
        return printable(self.subject.name)

    @cached_property
    def clips(self) -> Clips | None:
        """The clips, as far as they are still there."""
        config = self.subject.config
        if config is None:
            self.missing.append("Nothing can be heard: the run's config.yaml is gone.")
            return None
        try:
            found = Clips(config, trusted=self.trusted)
            digest = found.data.digest
        except (UserError, KeyError, TypeError) as error:  # or a config out of shape
            self.missing.append(f"Nothing can be heard, as the sound is not at hand: {error}.")
            return None
        if found.n_gone:
            self.missing.append(f"{found.n_gone} clips of the data set are gone since.")
        elif digest != self.subject.results.get("data_digest"):
            self.missing.append("The clips have changed since: what is heard may not be what was.")
        return found

    @cached_property
    def memories(self) -> dict[str, Memory]:
        """Each run's network and training clips, by the run's name."""
        return {
            run.name: Memory(run, self.clips, trusted=self.trusted) for run in self.subject.runs
        }

    def values(self) -> dict[str, Any]:
        """All that the template names."""
        subject = self.subject
        self.missing += subject.lacking(self._folds())
        rows, leaky = by_class(subject.tests), subject.leaky
        shown = self._cases()
        table_cells = cells(subject.tests, [run.name for run in subject.runs], self._sizes())
        sounds = self._sounds(shown, table_cells)
        return {
            "leaky": mark(leaky),
            "headline": tables.headline(subject),
            "facts": tables.facts(subject, self._forest()),
            "standing": self._standing(),
            "by_run": tables.runs(subject) if len(subject.runs) > 1 else None,
            "links": self._links(),
            "curves": self._curves(),
            "epochs": max((len(rows) for rows in self.histories.values()), default=0),
            "grid": grid(subject.tests),
            "cells": {key: [asdict(test) for test in own] for key, own in table_cells.items()},
            "confused": tables.confused(subject.tests, leaky),
            "classes": classes_chart(rows, leaky),
            "class_table": tables.classes(rows, leaky),
            "category_table": tables.categories(subject),
            "cases": shown,
            "sounds": sounds,
            "confidence": self._confidence(),
            "features": self._features(),
            "axes": self._axes(),
            "inputs": self._inputs(),
            "differences": tables.differences(subject),
            "command": tables.command(subject),
            "origin": tables.origin(subject),
            "left_out": subject.left_out,
            "missing": self.missing,
        }

    def _features(self) -> str:
        """What the pictures of clips are called."""
        title = FeatureSpec.title if self.clips is None else self.clips.data.spec.picture.title
        return title[0].upper() + title[1:]

    def _axes(self) -> dict[str, Any] | None:
        """How long the pictures of clips are, and what lies between below and above."""
        if self.clips is None:
            return None
        spec = self.clips.data.spec.picture
        hertz = (spec.fmin, spec.fmax_hz) if type(spec) is FeatureSpec else None
        return {"seconds": picture_seconds(spec), "hertz": hertz}

    def _folds(self) -> list[int]:
        """The folds that a cross-validation on these clips goes through; [] of draws."""
        if self.clips is None or self.subject.results["protocol"] not in ("official", "literature"):
            return []
        return sorted({int(fold) for fold in self.clips.data.table.folds})

    def _sizes(self) -> list[int]:
        return [len(run.clips) for run in self.subject.runs]

    def _forest(self) -> float | None:
        """The simple baseline's accuracy, the mean over the runs; None where it cannot be had."""
        if self.clips is None:
            return None
        try:
            values = [
                forest_accuracy(run, self.clips, self.memories[run.name].trained)
                for run in self.subject.runs
            ]
        except UserError:  # which the cases say
            return None
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if len(known) == len(values) else None

    def _standing(self) -> Table | str:
        ledger = find_ledger(self.subject)
        if ledger is None:
            return "There is no ledger to compare it with."
        try:
            return against_ledger(self.subject, ledger)
        except UserError as error:
            return str(error)

    def _links(self) -> list[tuple[str, str]]:
        """The reports of single runs, by their names."""
        folder = self.subject.folder
        pages = {run.name: run.folder / PAGE for run in self.subject.runs if run.folder != folder}
        return [
            (name, page.relative_to(folder).as_posix())
            for name, page in pages.items()
            if page.is_file()
        ]

    @cached_property
    def histories(self) -> dict[str, list[dict[str, float]]]:
        """Each run's epochs, by the run's name."""
        return {run.name: read_history(run.folder) for run in self.subject.runs}

    def _curves(self) -> list[Chart]:
        histories = {name: rows for name, rows in self.histories.items() if len(rows) > 1}
        chosen = {name: read_chosen_epoch(self.memories[name].checkpoint) for name in histories}
        return curves(histories, chosen, self.subject.leaky) if histories else []

    def _cases(self) -> dict[str, list[Case]]:
        """The mistakes and the doubtful hits, with pictures where they can be had."""
        subject = self.subject
        wrong, right = cases.mistakes(subject), cases.doubtful(subject)
        described = cases.describe(subject, wrong + right)
        try:
            cases.illustrate(subject, wrong + right, described, self.memories)
        except UserError as error:
            self.missing.append(f"Not all can be explained: {error}.")
        return {"mistakes": described[: len(wrong)], "doubtful": described[len(wrong) :]}

    def _sounds(
        self, shown: Mapping[str, Sequence[Case]], table_cells: Mapping[str, Sequence[Cell]]
    ) -> dict[str, str]:
        """Sounds by their clip's name, those first that are shown first."""
        if self.clips is None:
            return {}
        described = [case for group in shown.values() for case in group]
        wanted = [case.clip for case in described]
        wanted += [near.clip for case in described for near in case.neighbours]
        longest = max(map(len, table_cells.values()), default=0)
        by_name = {printable(name): name for name in self.clips.row}
        for place in range(longest):  # each cell's first, then each cell's second
            names = [own[place].clip for own in table_cells.values() if place < len(own)]
            wanted += [by_name[name] for name in names if name in by_name]
        found = encode(list(dict.fromkeys(wanted)), self.clips)
        return {printable(name): sound for name, sound in found.items()}

    def _confidence(self) -> list[Chart]:
        tests, leaky = self.subject.tests, self.subject.leaky
        error = calibration_error(tests.probabilities, tests.correct)
        return [
            reliability_chart(reliability(tests), error, leaky),
            coverage_chart(coverage(tests), leaky),
        ]

    def _inputs(self) -> list[tuple[str, str | None]]:
        """Pictures of training clips, and what augmentation makes of them."""
        if self.clips is None:
            return []
        try:
            before, after = self.clips.data.examples(SHOWN_INPUTS)
        except UserError:  # clips are gone, and with them the split
            return []
        rows = [before] if after is None else [before, after]
        drawn = [[logmel_uri(logmel.numpy()) for logmel in row[:, 0]] for row in rows]
        changed = [None] * len(before) if after is None else drawn[1]
        return list(zip(drawn[0], changed, strict=True))
