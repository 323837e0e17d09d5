"""Sound files whose headers lie, read in a process of their own, as a decoder may crash."""

import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
from hypothesis import strategies as st

from esc50.audio.files.read import duration, read_sound
from esc50.errors import UserError
from tests.faults.fuzz import OUTCOMES, bounded, fuzz
from tests.faults.made_sounds import FORMATS, chunk_loop, encoded, film
from tests.faults.mutations import mutated

PATIENCE = 60  # seconds until a decoder that does not return is given up


def read(path, rate, start, channel) -> str:
    """Read a file as training does: "read", or what is wrong with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with bounded():
            sound = read_sound(path, rate, rate // 2, start, channel)
            assert sound.samples.shape == (rate // 2,) and np.isfinite(sound.samples).all()
            assert duration(path) >= 0
    except UserError as error:
        return str(error)
    return "read"


class Reader:
    """Reads in another process, and starts a new one where that has died."""

    def __init__(self):
        self.pool = None

    def __call__(self, *arguments) -> str:
        if self.pool is None:
            context = multiprocessing.get_context("spawn")
            self.pool = ProcessPoolExecutor(1, mp_context=context)
        try:
            return self.pool.submit(read, *arguments).result(PATIENCE)
        except (BrokenProcessPool, TimeoutError):
            self.close()
            raise

    def close(self):
        if self.pool:
            for process in (self.pool._processes or {}).values():
                process.kill()
            self.pool.shutdown(cancel_futures=True)
        self.pool = None


@pytest.fixture(scope="module")
def reader():
    reader = Reader()
    yield reader
    reader.close()


@st.composite
def sounds(draw) -> tuple[str, bytes]:
    """A file's suffix and what is in it."""
    kind = draw(st.integers(0, 19))
    if kind == 0:
        return draw(st.sampled_from(["wav", "ogg", "mp3", "caf"])), draw(st.binary(max_size=300))
    if kind == 1:
        loop = draw(st.sampled_from(["wav", "aiff", "w64"]))
        return loop, draw(mutated(st.just(chunk_loop(loop, 2000)), head=64))
    if kind == 2 and film():
        return "m4a", draw(mutated(st.just(film())))
    suffix, container, codec = draw(st.sampled_from(FORMATS))
    several = codec not in ("GSM610",) and container != "SVX" and draw(st.booleans())
    whole = encoded(container, codec, 2 if several else 1)
    head = draw(st.sampled_from([48, 128, 512, 1 << 20]))
    return suffix, draw(mutated(st.just(whole), head=head))


@fuzz(
    "sounds",
    few=40,
    sound=sounds(),
    rate=st.sampled_from([8000, 8000, 11025, 44100]),
    start=st.sampled_from([0.0, 0.0, 0.05, 1e6]),
    channel=st.sampled_from([None, "loudest", 1, 2]),
)
def test_a_sound_file_is_read_or_refused(folder, reader, sound, rate, start, channel):
    suffix, content = sound
    path = folder / f"sound.{suffix}"
    path.write_bytes(content)
    outcome = "failed"
    try:
        said = reader(path, rate, start, channel)
        outcome = "read" if said == "read" else "refused"
        assert said
    finally:
        OUTCOMES["sounds"][outcome] += 1
