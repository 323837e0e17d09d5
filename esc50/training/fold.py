"""The run of one fold: data, network, training, the one test, results on disk."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf

from esc50.atomic import atomic_write_text
from esc50.config.hardware import resolve_precision
from esc50.config.signature import signature
from esc50.data.datamodule import ESC50DataModule
from esc50.errors import CheckpointError, DivergenceError, stop_behind
from esc50.model.lightning.classifier import Classifier
from esc50.report.at_end import report_at_end
from esc50.results.ledger import append_once
from esc50.results.run_folder import (
    PERHAPS,
    find_results,
    is_finished,
    keep_aside,
    sole_use,
    write_predictions,
    write_results,
)
from esc50.results.statistics import describe_accuracy
from esc50.training.module import build_module, check_module
from esc50.training.probe import embed_once
from esc50.training.process.distributed import resolve_world_size, run_on_processes
from esc50.training.process.environment import setup_environment
from esc50.training.records.account import close, count, describe
from esc50.training.records.energy import EnergyMeter
from esc50.training.resume.checkpoints import Origin, find_checkpoint, origin, read_checkpoint
from esc50.training.resume.continuation import (
    bring_best,
    check_checkpoint,
    drop_optimizers,
    fit,
    holds_training,
    how_it_goes_on,
    last_checkpoint,
)
from esc50.training.teachers import find_teachers
from esc50.training.tensorboard import log_hyperparameters
from esc50.training.trainer import build_trainer, check_test, check_trainer


@dataclass(frozen=True)
class Trained:
    """What training leaves to the test: the chosen epoch's checkpoint, and the time it took."""

    trainer: pl.Trainer
    module: Classifier
    chosen: Path
    used: dict[str, float]  # seconds_fit, and joules_fit where the machine counts them


class FoldRun:
    """One fold of one seed: its config, its folder, its data.

    Attributes:
        cfg: the composed config.
        plain: the same, resolved, in plain dictionaries; `trainer.precision` is what it stands for.
        folder: where all of it is written.
        data: the data module.
        world: how many processes it takes.
    """

    def __init__(self, cfg: DictConfig, folder: Path):
        """Check what can be checked before data is read."""
        self.cfg, self.folder = cfg, folder
        plain: Any = OmegaConf.to_container(cfg, resolve=True)
        self.plain: dict[str, Any] = plain
        trainer = self.plain["trainer"]
        trainer["precision"] = resolve_precision(trainer, self.plain["model"])
        self.world = resolve_world_size(trainer, cfg.batch_size)
        check_module(self.plain)
        check_trainer(self.plain)
        self.data = ESC50DataModule.from_config(self.plain)

    def run(self) -> dict[str, Any]:
        """Train and test, or find that this has been done.

        A finished run of the same signature on the same audio is returned as it is, unless
        `rerun=true`; one that was cut off goes on from its last checkpoint.

        Returns:
            The contents of results.json.

        Raises:
            UserError: whatever is wrong with data, config or checkpoint, in a sentence.
        """
        try:
            with sole_use(self.folder):
                self.data.open_table()
                results = find_results(self.folder)
                if results and not self.cfg.rerun and self._is_same(results):
                    print(f"{self.folder} is already done (rerun=true repeats it)")
                else:
                    results = self._make_of_what_is_whole()
                    write_results(self.folder, results)
                    drop_optimizers(self.folder / "checkpoints", self.plain["callbacks"])
                append_once(Path(self.cfg.output_dir) / "results.csv", results)
        except BaseException as error:
            if (stop := stop_behind(error)) is None:
                raise
            stop.remedy = how_it_goes_on(self.folder, self.cfg.rerun)
            raise stop from None
        return results

    @cached_property  # the signature reads whatever file training starts from
    def identity(self) -> dict[str, Any]:
        """What must agree with another run for it to be the same one."""
        run = {"signature": signature(self.cfg), "data_digest": self.data.digest}
        return {**run, "seed": self.cfg.seed, "fold": self.cfg.split.fold}

    @property
    def teachers(self) -> list[Path]:
        """The checkpoints of the run's teachers."""
        return find_teachers(self.plain["teachers"], self.plain["split"]["fold"])

    def _make_of_what_is_whole(self) -> dict[str, Any]:
        """Go on from the run's own checkpoint, and start anew where that cannot be gone on from."""
        start, own = self.prepare(), last_checkpoint(self.folder)
        try:
            return self._make_on_all_devices(start)
        except CheckpointError as error:
            if start != own or self.cfg.ckpt_path == "last" or stop_behind(error):
                raise
            print(f"{error}: starting anew, what was there is kept aside")
            keep_aside(self.folder)
        return self._make_on_all_devices(self.prepare())

    def prepare(self) -> Path | None:
        """Find the checkpoint to go on from, or None; keep aside what else lies in the folder."""
        last = last_checkpoint(self.folder)
        cut_off = last.is_file() and not is_finished(self.folder)
        if cut_off and not self.cfg.rerun:
            checkpoint = find_checkpoint(last)
            if checkpoint is None:
                print(f"{last} is damaged: it is kept aside, and the run starts anew")
            elif self._is_same(checkpoint["esc50"]) and holds_training(checkpoint):
                print(f"going on from {last}")
                return last
        start = None
        if self.cfg.ckpt_path is not None:
            start = last if self.cfg.ckpt_path == "last" else Path(self.cfg.ckpt_path)
            check_checkpoint(start, self.plain, self.data.digest, list(self.data.table.classes))
        if start is None or self.folder not in start.parents:
            keep_aside(self.folder)
        bring_best(start, last.parent)
        return start

    def _make_on_all_devices(self, start: Path | None) -> dict[str, Any]:
        if self.world == 1:
            return self.make(start)
        cfg = OmegaConf.to_container(self.cfg, resolve=True)
        results: dict[str, Any] = run_on_processes(
            self.world, self.folder, make_as_one_of_several, cfg, self.folder, start
        )
        return results

    def follow(self, start: Path | None) -> None:
        """Train and test together with the process that writes the run, and write nothing."""
        self._set_up()
        self.test(self.train({}, start))

    def make(self, start: Path | None) -> dict[str, Any]:
        """Train, choose, test once; returns the results and leaves all else in the folder."""
        atomic_write_text(self.folder / "config.yaml", OmegaConf.to_yaml(self.cfg, resolve=True))
        about = describe(self.plain, self.data, self.identity, self._set_up())
        split = f"{self.cfg.split.protocol} split, fold {self.cfg.split.fold}"
        print(f"{split}: {self.data.audit.sentence}")
        print("computing in {precision}, threads: {threads}, on {processor}".format(**about))
        trained = self.train(about, start)
        return self.write(about, trained, self.test(trained))

    def _set_up(self) -> Origin:
        """Prepare process and data; returns what training knows before it begins."""
        before = origin(self.plain, self.teachers)
        if before != Origin():
            self.data.seen_before = before.seen
        setup_environment(self.cfg.seed)
        self.data.setup()
        return before

    def train(self, about: Mapping[str, Any], start: Path | None) -> Trained:
        """Train; all processes of a run do so together.

        Args:
            about: what a checkpoint says of the run.
            start: the checkpoint to go on from, or None.

        Raises:
            CheckpointError: `start` is damaged or holds less than it takes.
            DivergenceError: the loss or a weight is not finite.
        """
        data = self.data
        check_test(self.plain, len(data.split.test))
        clock, meter = pl.callbacks.Timer(), EnergyMeter()  # go on from where a run was cut off
        trainer, keeper = build_trainer(
            self.plain,
            self.folder,
            self.world,
            validates=len(data.split.val) > 0,
            leaky=data.audit.leaky,
            goes_on=start is not None,
            meters=(clock, meter),
        )
        known = {**about, "seen": {name: sorted(clips) for name, clips in vars(data.seen).items()}}
        device = trainer.strategy.root_device
        module = build_module(self.plain, data, known, self.teachers, device)
        embed_once(self.plain, data, module, device)
        fit(trainer, module, data, start, clock)
        used = {"seconds_fit": round(clock.time_elapsed("train"), 3)}
        if meter.joules is not None:
            used["joules_fit"] = round(meter.joules)
        return Trained(trainer, module, Path(keeper.best_model_path), used)

    def test(self, trained: Trained) -> dict[str, Any]:
        """Test the chosen epoch once; all processes of a run do so together.

        Returns:
            What was measured in training, validation and test, the same in all processes.

        Raises:
            CheckpointError: the chosen epoch's checkpoint is damaged or gone.
            DivergenceError: a measured value is not finite.
        """
        trainer, chosen = trained.trainer, trained.chosen
        measured = {"epochs": trainer.current_epoch, **trained.used}
        measured |= read_checkpoint(chosen)["esc50"]["metrics"]
        measured |= trainer.test(
            trained.module, self.data, ckpt_path=chosen, weights_only=True, verbose=False
        )[0]
        for key, value in measured.items():
            if not math.isfinite(value):
                raise DivergenceError(f"{key} of {chosen} is {value}: lower optimizer.lr")
        return measured

    def write(
        self, about: Mapping[str, Any], trained: Trained, measured: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Write predictions and hyper-parameters; returns what results.json is to hold."""
        counts, closing = count(self.data), close(self.data, self.folder, trained.trainer)
        results = {**about, **counts, **dict.fromkeys(PERHAPS), **measured, **closing}
        results |= self._write_predictions(trained.module)
        log_hyperparameters(trained.trainer, self.plain, results)
        return results

    def _is_same(self, theirs: Mapping[str, Any]) -> bool:
        return all(theirs.get(key) == value for key, value in self.identity.items())

    def _write_predictions(self, module: Classifier) -> dict[str, float]:
        """Write predictions.csv; returns how far the accuracy of those may be off."""
        assert module.tested is not None  # by `test`
        items, probabilities = (column.numpy() for column in module.tested)
        table = self.data.table
        clips, sources = [table.filenames[item] for item in items], table.sources[items]
        write_predictions(
            self.folder / "predictions.csv",
            clips,
            table.folds[items],
            table.labels[items],
            probabilities,
            table.classes,
            table.class_labels,
            sources,
        )
        predicted = table.class_labels[probabilities.argmax(1)]
        return describe_accuracy(table.labels[items], predicted, clips, sources)


def run_fold(cfg: DictConfig, folder: Path) -> dict[str, Any]:
    """Train and test one fold in `folder`, or find that this has been done: see `FoldRun.run`.

    Its report, if the config wants one, comes after it is finished.
    """
    results = FoldRun(cfg, folder).run()
    if cfg.report:
        report_at_end(folder)
    return results


def make_as_one_of_several(
    plain: dict[str, Any], folder: Path, start: Path | None
) -> dict[str, Any] | None:
    """Make a run as one of several processes, of which rank 0 writes it and returns the results."""
    run = FoldRun(OmegaConf.create(plain), folder)
    if os.environ["RANK"] != "0":
        run.follow(start)
        return None
    run.data.open_table()
    return run.make(start)
