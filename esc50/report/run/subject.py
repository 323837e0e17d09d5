"""What a report is of: one run, or the folds and seeds of one recipe."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from esc50.errors import UserError
from esc50.report.names import printable
from esc50.results.labels import labels
from esc50.results.predictions import PooledPredictions, Run, pool_predictions, read_run
from esc50.results.run_folder import EVALUATION, is_finished, read_config, why_unfinished

PAGE = "report.html"  # in the subject's folder


@dataclass(frozen=True)
class Subject:
    """Finished runs of one recipe on one data set.

    Attributes:
        folder: of the run, or the one that all of them lie in.
        runs: one, or the folds and seeds in order.
        left_out: why a run there is not among them, by its folder's name.
    """

    folder: Path
    runs: list[Run]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def tests(self) -> PooledPredictions:
        """The predictions of all runs; names of classes are as a page shows them."""
        pooled = pool_predictions(self.runs)
        return replace(pooled, classes=tuple(map(printable, pooled.classes)))

    @property
    def results(self) -> Mapping[str, Any]:
        """The results.json of the first run, for what all of them share."""
        return self.runs[0].results

    @property
    def is_evaluation(self) -> bool:
        """Whether nothing was trained: it is the test of a finished checkpoint."""
        return bool(self.results["protocol"] == EVALUATION)

    @property
    def leaky(self) -> bool:
        """Whether any of the runs leaks."""
        return any(bool(run.results["leaky"]) for run in self.runs)

    @property
    def labels(self) -> list[str]:
        """The words that must stand beside all numbers."""
        synthetic = any(run.results.get("synthetic") for run in self.runs)
        return labels({"leaky": self.leaky, "synthetic": synthetic})

    @property
    def name(self) -> str:
        """The recipe, its data set, and which runs of it."""
        results, several = self.results, len(self.runs) > 1
        which = f"{len(self.runs)} runs" if several else self.runs[0].name
        data = f" on {results['data']}" if results.get("data") else ""
        return f"{results['experiment']}{data}, {which}"

    @cached_property
    def config(self) -> dict[str, Any] | None:
        """The config of the first run; None where it is gone."""
        return read_config(self.runs[0].folder)

    def lacking(self, of_data: Iterable[int] = ()) -> list[str]:
        """Say which folds have no run, seed by seed, in sentences; [] of runs on one fold.

        Args:
            of_data: the folds that the data set has, where a cross-validation goes through them.
        """
        folds: dict[int, set[int]] = {}
        for seed, fold in (run.seed_and_fold for run in self.runs):
            if fold is not None:
                folds.setdefault(seed, set()).add(fold)
        wanted = set[int]().union(*folds.values())
        if len(wanted) < 2:
            return []
        wanted.update(of_data)
        gaps = {seed: sorted(wanted - own) for seed, own in folds.items()}
        return [
            f"Not all folds: with seed {seed} there is no finished run of fold "
            f"{', '.join(map(str, gap))}."
            for seed, gap in gaps.items()
            if gap
        ]

    def run_of(self, test: int) -> Run:
        """The run that a row of the pooled predictions is of."""
        for run in self.runs:
            if test < len(run.clips):
                return run
            test -= len(run.clips)
        raise IndexError(test)


def find_subject(folder: Path) -> Subject:
    """Read the finished run in a folder, or those of one recipe below it.

    Raises:
        UserError: there is none, a run is damaged, or the runs are of several recipes.
    """
    if is_finished(folder):
        return Subject(folder, [read_run(folder)])
    found = sorted({*folder.glob("fold[0-9]*"), *folder.glob("seed[0-9]*/fold[0-9]*")})
    runs: list[Run] = []
    left_out: dict[str, str] = {}
    for place in found:
        name = place.relative_to(folder).as_posix()
        try:
            runs.append(read_run(place))
        except UserError as error:
            left_out[name] = str(error)
    if not runs:
        reasons = "; ".join(left_out.values()) or f"{folder}: {why_unfinished(folder)}"
        raise UserError(f"there is no finished run to report: {reasons}")
    recipes = {(run.results["signature"], run.results.get("data_digest")) for run in runs}
    if len(recipes) > 1:
        raise UserError(f"{folder} holds runs of {len(recipes)} recipes or data sets: give one")
    return Subject(folder, sorted(runs, key=lambda run: run.seed_and_fold), left_out)
