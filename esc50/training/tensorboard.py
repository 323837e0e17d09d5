"""What TensorBoard shows beside the curves: pictures, sounds, the audit, HPARAMS."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from pytorch_lightning.utilities import rank_zero_only
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from torch.utils.tensorboard import SummaryWriter

from esc50.config.composition import compose_plain
from esc50.config.signature import SECTIONS, WITHOUT_EFFECT
from esc50.data.datamodule import ESC50DataModule
from esc50.errors import UserError
from esc50.report.media import picture_seconds
from esc50.report.names import printable
from esc50.report.run.origin import differences, flatten, spell
from esc50.results.display.figures import confusion_figure, input_figure
from esc50.results.labels import LEAKY, SYNTHETIC, label, tag

# Settings that HPARAMS has of every run; others only where they differ from the default.
ALWAYS = """name seed batch_size split.protocol split.fold model._target_ augment._target_
    optimizer._target_ optimizer.lr trainer.max_epochs""".split()
FINAL = ("test/acc", "test/f1_macro", "test/loss")  # HPARAMS has these beside the monitored one
SOUND_RATE = 22_050  # Hz


class EventLogger(pl.loggers.TensorBoardLogger):
    """Lightning's, which leaves one event file a process: it is closed when the run is over.

    Lightning closes it after training and again after the test, and each opens a new one.
    """

    def __init__(
        self,
        save_dir: str | Path,
        *,
        goes_on: bool = False,
        leaky: bool = False,
        **settings: Any,
    ):
        """Take Lightning's arguments.

        Args:
            save_dir: see there.
            goes_on: whether events of before are of the same run, and some of them may be of steps
                which are made again; TensorBoard then drops these.
            leaky: whether the numbers of validation and test leak, which their tags then say.
            settings: see there.
        """
        super().__init__(save_dir, **settings)
        self.goes_on, self.leaky = goes_on, leaky

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write a point of every curve; the first of a run that goes on says from which step."""
        if self.goes_on and step is not None:
            self.goes_on = False
            # Not as SummaryWriter's purge_step: a callback may have opened the file before.
            start = SessionLog(status=SessionLog.START)
            self.experiment.file_writer.add_event(Event(step=step, session_log=start))
        super().log_metrics({self._named(key): value for key, value in metrics.items()}, step)

    def _named(self, key: str) -> str:
        return tag(self.leaky and key.startswith(("val/", "test/")), key)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what has been logged."""
        if self._experiment is not None:
            self.experiment.flush()

    @rank_zero_only
    def close(self) -> None:
        """End the file."""
        super().finalize("success")


def tensorboards(trainer: pl.Trainer) -> list[SummaryWriter]:
    """The writers of a trainer's TensorBoard loggers; [] in all processes but the first."""
    loggers = trainer.loggers if trainer.is_global_zero else []
    return [one.experiment for one in loggers if isinstance(one, pl.loggers.TensorBoardLogger)]


def log_hyperparameters(
    trainer: pl.Trainer, plain: Mapping[str, Any], results: Mapping[str, Any]
) -> None:
    """Write the choices that matter, and the metrics they led to, into every logger."""
    choices = hyperparameters(plain)
    choices |= {"leaky": LEAKY if results["leaky"] else "no"}
    choices |= {"sound": SYNTHETIC if results["synthetic"] else "recorded"}
    # Under tags of their own: these values come with step 0, from which TensorBoard would begin the
    # curves of the same name anew.
    metrics = {
        tag(results["leaky"], f"hp/{key}"): results[key]
        for key in dict.fromkeys((*FINAL, plain["monitor"]))
        if isinstance(results.get(key), int | float)
    }
    for logger in trainer.loggers:
        if isinstance(logger, pl.loggers.TensorBoardLogger):
            # Written empty when training began, and by Lightning never a second time.
            Path(logger.log_dir, "hparams.yaml").unlink(missing_ok=True)
            logger.log_hyperparams(choices, metrics)
            logger.experiment.add_text("audit", results["audit"])
        else:
            logger.log_hyperparams(choices)
        logger.finalize("success")
        if isinstance(logger, EventLogger):
            logger.close()


def hyperparameters(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Pick the settings that tell runs apart: a few of every run, and what is not the default's.

    Args:
        plain: the config in plain dictionaries.

    Returns:
        Values by "section/key"; what a section builds by the section's name.
    """
    flat = flatten(plain)
    changed = [key for key, _, _ in differences(plain, compose_plain())]
    matters = [key for key in changed if key.split(".")[0] in SECTIONS]
    keys = dict.fromkeys((*ALWAYS, *(key for key in matters if not _has_no_effect(key))))
    chosen: dict[str, Any] = {}
    for key in (key for key in keys if key in flat):
        name, value = key.removesuffix("._target_").replace(".", "/"), flat[key]
        if key.endswith("._target_"):
            value = str(value).rpartition(".")[2]
        elif isinstance(value, bool) or not isinstance(value, str | int | float):
            value = spell(value)  # TensorBoard has no lists, and shows true as 1.000
        chosen[name] = value
    return chosen


def _has_no_effect(key: str) -> bool:
    # `auto` stands for a precision, which is then not the default's and yet what all runs have.
    return key == "trainer.precision" or any(f"{key}.".startswith(f"{w}.") for w in WITHOUT_EFFECT)


def _data(trainer: pl.Trainer) -> ESC50DataModule:
    data: ESC50DataModule = trainer.datamodule  # type: ignore[attr-defined]
    return data


class ImageLogger(pl.Callback):
    """Shows the network's input before and after augmentation, and what the test came to."""

    def __init__(self, n_clips: int, n_mistakes: int = 0):
        """Show `n_clips` training clips, and let `n_mistakes` of the test be heard."""
        self.n_clips, self.n_mistakes = n_clips, n_mistakes

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Draw some training clips as they are and as training sees them."""
        writers = tensorboards(trainer)
        if not writers or trainer.current_epoch > 0:
            return
        data = _data(trainer)
        before, after = data.examples(self.n_clips)
        rows = [before] if after is None else [before, after]
        clips = data.prepared.example_clips(self.n_clips)
        titles = [printable(data.table.classes[t]) for t in data.table.targets[clips]]
        pictures = np.stack([row[:, 0].numpy() for row in rows])
        figure = input_figure(pictures, titles, picture_seconds(data.spec.picture))
        for writer in writers:
            writer.add_figure("input", figure, 0, close=False)

    def on_test_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Draw the confusion matrix; write each class's accuracy and curves, and the mistakes."""
        writers = tensorboards(trainer)
        if not writers:
            return
        from sklearn.metrics import confusion_matrix  # which would hold up the first step

        data = _data(trainer)
        items, probabilities = (part.numpy() for part in pl_module.tested)
        targets = data.table.targets[items]
        names = [printable(name) for name in data.table.classes]
        counts = confusion_matrix(targets, probabilities.argmax(1), labels=range(len(names)))
        # A picture is copied without its tag.
        words = label({"leaky": data.audit.leaky, "synthetic": data.table.synthetic})
        figure = confusion_figure(counts, names, f"{len(targets)} tests{words}")
        for writer in writers:
            leaky, epoch = data.audit.leaky, trainer.current_epoch
            writer.add_figure(tag(leaky, "test/confusion"), figure, epoch, close=False)
            for number, name in enumerate(names):
                own = targets == number
                if own.any():
                    accuracy = counts[number, number] / own.sum()
                    writer.add_scalar(tag(leaky, f"test_acc_by_class/{name}"), accuracy, epoch)
                    curve = tag(leaky, f"test_pr/{name}")
                    writer.add_pr_curve(curve, own, probabilities[:, number], epoch)
            self._add_mistakes(writer, data, items, targets, probabilities)

    def _add_mistakes(
        self,
        writer: SummaryWriter,
        data: ESC50DataModule,
        items: np.ndarray,
        targets: np.ndarray,
        probabilities: np.ndarray,
    ) -> None:
        """Let the most confident mistakes be heard."""
        table, guesses = data.table, probabilities.argmax(1)
        wrong = np.flatnonzero(guesses != targets)
        order = wrong[np.argsort(-probabilities.max(1)[wrong], kind="stable")]
        for place, test in enumerate(order[: self.n_mistakes], start=1):
            target, guess = (printable(table.classes[c]) for c in (targets[test], guesses[test]))
            name = f"test_mistakes/{place}: {target} taken for {guess}"
            try:
                n_samples = round(data.spec.seconds * SOUND_RATE)
                row = int(items[test])
                sound = table.read(row, SOUND_RATE, n_samples, data.spec.channel).samples
            except UserError:  # it has been deleted since it was read
                continue
            loud = sound / max(1.0, float(np.abs(sound).max()))
            writer.add_audio(tag(data.audit.leaky, name), loud[None], 0, SOUND_RATE)
