"""Answers while a sound goes on: from a microphone, or from samples in a pipe."""

import sys
from collections.abc import Iterable, Iterator
from typing import IO

import numpy as np

from esc50.audio.files.channels import Mixer
from esc50.audio.files.windows import resampled, windows
from esc50.data.features import single_threaded
from esc50.deploy.prediction import Event, Prediction
from esc50.deploy.predictor import Predictor
from esc50.errors import UserError

BLOCK_SECONDS = 0.1  # read at a time: little beside a window, so that answers come soon
# What raw samples may be, and what is full scale.
FULL_SCALE = {"int16": 2**15, "int32": 2**31, "float32": 1}


def listen(
    model: Predictor, blocks: Iterable[np.ndarray], rate: int, hop: float
) -> Iterator[Event]:
    """Say what is heard whenever the answer changes, as soon as it does.

    Args:
        model: the network, or an ensemble.
        blocks: float32 (frames, channels) each, for as long as the sound goes on.
        rate: theirs, Hz.
        hop: seconds from one window to the next.

    Yields:
        Events that begin where the answer becomes theirs and end where it was heard, half a window
        later; how long they last is not known yet.
    """
    spec = model.front_end.spec
    hop = model.check_hop(hop)
    answer = None
    mixer = Mixer("the sound", spec.channel)
    mixed = resampled(map(mixer.mix, blocks), rate, spec.sample_rate)
    for window in windows(mixed, spec.n_samples, max(1, round(hop * spec.sample_rate))):
        with single_threaded():
            picture = model.picture(window.samples)
        probabilities = model.probabilities(picture[None]).cpu().numpy()
        span = np.array([(window.start, window.end)]) / spec.sample_rate
        one = Prediction("", model.classes, span, probabilities, model.threshold)
        if one.label != answer:
            # A window speaks for its middle, the first one for its beginning too.
            start = 0.0 if answer is None else float(span.mean() - hop / 2)
            answer = one.label
            yield Event(start, one.seconds, one.label, one.best, float(probabilities.max()))


def raw_blocks(file: IO[bytes], rate: int, dtype: str, channels: int) -> Iterator[np.ndarray]:
    """Read samples from a pipe, channels in turn, without a header, until it ends.

    Args:
        file: the pipe.
        rate: Hz.
        dtype: one of `FULL_SCALE`, in the machine's byte order.
        channels: how many.

    Yields:
        float32 (frames, channels), a tenth of a second each.

    Raises:
        UserError: float samples that are NaN or infinite: they are of another type.
    """
    frame = np.dtype(dtype).itemsize * channels
    size = max(1, round(BLOCK_SECONDS * rate)) * frame
    while data := file.read(size):
        samples = np.frombuffer(data[: len(data) // frame * frame], dtype)
        block = (samples / np.float32(FULL_SCALE[dtype])).astype(np.float32)
        if not np.isfinite(block).all():
            raise UserError(f"the samples are no {dtype}: some are NaN or infinite")
        yield block.reshape(-1, channels)


def microphone_blocks(rate: int, device: str | None) -> Iterator[np.ndarray]:
    """Read a microphone until it is unplugged, or for ever.

    Args:
        rate: Hz.
        device: a part of its name, or its number; None: the system's own choice.

    Yields:
        float32 (frames, 1), a tenth of a second each.

    Raises:
        UserError: sounddevice or its PortAudio is not installed, or there is no such microphone.
    """
    try:
        import sounddevice
    except ImportError:
        raise UserError("a microphone needs sounddevice: pip install 'esc50[listen]'") from None
    except OSError as error:
        raise UserError(f"a microphone needs PortAudio: {error}") from None
    which = int(device) if device and device.isdecimal() else device
    try:
        with sounddevice.InputStream(rate, device=which, channels=1, dtype="float32") as stream:
            while True:
                block, lost = stream.read(max(1, round(BLOCK_SECONDS * rate)))
                if lost:
                    print("samples were lost: choose a longer --hop", file=sys.stderr, flush=True)
                yield block
    except (sounddevice.PortAudioError, ValueError) as error:
        raise UserError(f"the microphone cannot be read: {error}") from None
