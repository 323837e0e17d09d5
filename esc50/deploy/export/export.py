"""Checkpoints as files for other runtimes, each checked on real clips before it is written."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from esc50.atomic import atomic_write, atomic_write_text
from esc50.data.progress_bar import progress_bar
from esc50.deploy.export import runtimes
from esc50.deploy.export.card import Checked, metadata, model_card, words
from esc50.deploy.export.portable import PortableModel
from esc50.deploy.export.run_clips import Clips
from esc50.deploy.predictor import Predictor
from esc50.errors import UserError
from esc50.model.trained import AUTOCAST

TOLERANCE = 1e-3  # of a probability, to the checkpoint's network in float32
CALIBRATION = 128  # clips that give int8 its ranges
ONNX, TORCH, INT8 = "model.onnx", "model.pt2", "model.int8.onnx"


class Exporter:
    """A model or an ensemble, and the clips that the files made of it are checked on."""

    def __init__(self, predictor: Predictor, clips: Clips, training: Clips | None = None) -> None:
        """Compute what the files must answer.

        Args:
            predictor: what is exported.
            clips: to check on; those of the run's test, if their accuracy is to mean something.
            training: clips that were trained on, which give int8 its ranges.

        Raises:
            UserError: a clip cannot be read.
        """
        self.predictor, self.clips, self.training = predictor, clips, training
        self.models = predictor.members
        self.portable = PortableModel(self.models)
        self.spec = predictor.front_end.spec
        self.expected = self._ask("float32", self._in_float32)
        self.checked = [self._compare("float32", self.expected)]
        precision = self.models[0].specification["precision"]
        if precision in AUTOCAST:
            self.checked.append(self._compare(precision, self._ask(precision, self._as_tested)))

    def write(self, folder: Path, wanted: Sequence[str]) -> list[Checked]:
        """Write files and a model card; nothing, if one of them is not as it should be.

        Args:
            folder: where to, made if need be.
            wanted: of ONNX, TORCH and INT8.

        Returns:
            What each answered, after what the checkpoint itself answers in float32 and in the
            precision of its run.

        Raises:
            UserError: a file would answer differently from its checkpoint, or cannot be made.
        """
        make = {ONNX: self._make_onnx, TORCH: self._make_torch, INT8: self._make_int8}
        with _writable(folder):
            folder.mkdir(parents=True, exist_ok=True)
        made = {name: make[name]() for name in wanted}
        card = model_card(self.models, self.checked)
        with _writable(folder):
            for name, content in made.items():
                with atomic_write(folder / name, "wb") as file:
                    file.write(content)
            atomic_write_text(folder / "README.md", card)
        return self.checked

    @cached_property
    def _onnx(self) -> bytes:
        return runtimes.to_onnx(self.portable, self.spec.n_samples)

    def _make_onnx(self) -> bytes:
        return runtimes.describe_onnx(self._onnx, self._check(ONNX, runtimes.run_onnx(self._onnx)))

    def _make_int8(self) -> bytes:
        assert self.training is not None
        few = self.training.sample(CALIBRATION)
        file = runtimes.to_int8(self._onnx, few.waveforms(self.spec))
        return runtimes.describe_onnx(file, self._check(INT8, runtimes.run_onnx(file), exact=False))

    def _make_torch(self) -> bytes:
        program = runtimes.to_torch(self.portable)
        about = self._check(TORCH, runtimes.run_torch(runtimes.save_torch(program, {})))
        return runtimes.save_torch(program, about)

    def _check(self, name: str, run: runtimes.Run, exact: bool = True) -> dict[str, str]:
        """Compare a file with its checkpoint; returns its metadata."""
        checked = self._compare(name, self._ask(name, run))
        if exact and not checked.difference <= TOLERANCE:
            raise UserError(
                f"{name} would answer differently from its checkpoint, by {checked.difference:.2g} "
                f"in a probability where {TOLERANCE:g} is allowed: it is not written"
            )
        self.checked.append(checked)
        return metadata(self.models, checked)

    def _ask(self, name: str, run: runtimes.Run) -> np.ndarray:
        """Probabilities of all clips, float32 (clips, classes)."""
        answers = []
        with progress_bar(f"checking: {name}", len(self.clips.paths)) as advance:
            for batch in self.clips.waveforms(self.spec):
                answers.append(run(batch))
                advance(len(batch))
        return np.concatenate(answers)

    def _compare(self, name: str, answer: np.ndarray) -> Checked:
        return Checked(
            name,
            len(answer),
            float(np.abs(answer - self.expected).max()),
            int((answer.argmax(1) != self.expected.argmax(1)).sum()),
            self.clips.accuracy(answer),
            words(self.models),
        )

    @torch.no_grad()
    def _in_float32(self, waveforms: np.ndarray) -> np.ndarray:
        x = self.predictor.front_end.features(torch.from_numpy(waveforms))
        answers = [model.network(model.scale(x)).softmax(1) for model in self.models]
        return torch.stack(answers).mean(0).numpy()

    def _as_tested(self, waveforms: np.ndarray) -> np.ndarray:
        x = self.predictor.front_end.features(torch.from_numpy(waveforms))
        return self.predictor.probabilities(x).numpy()


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise UserError(
            f"{folder} cannot be written ({reason}): name another folder with --output"
        ) from None
