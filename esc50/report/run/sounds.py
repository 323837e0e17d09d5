"""The sounds of a page, each of them once."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from esc50.report.media import quick_sound
from esc50.report.run.clips import Clips

AT_MOST = 300  # sounds of five seconds, 24 kB and 40 ms of a core each
LONGEST = 10.0  # seconds of a clip that can be heard


def encode(names: Sequence[str], clips: Clips, at_most: int = AT_MOST) -> dict[str, str]:
    """Make players' sources of clips, by name; the first ones, and those that are still there.

    Args:
        names: of clips, the most wanted first.
        clips: where they are.
        at_most: so many of them.
    """
    found = [name for name in names if name in clips.row][:at_most]
    spec = clips.data.spec
    seconds = min(spec.seconds, LONGEST)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # encoders release the lock
        sounds = pool.map(
            lambda name: quick_sound(*clips.place(name), seconds, spec.channel), found
        )
        return {name: sound for name, sound in zip(found, sounds, strict=True) if sound}
