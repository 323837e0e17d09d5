"""The energy that training took, where the machine counts it."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl

POWERCAP = Path("/sys/class/powercap")
WRAP = "max_energy_range_uj"


class EnergyMeter(pl.Callback):
    """Adds up the energy of all processor packages, as Linux' RAPL counters have it.

    They count the whole machine, and neither its memory nor a GPU. They begin anew after some
    minutes, so they are read every epoch; an epoch that is longer counts as its last part.
    """

    def __init__(self, powercap: Path = POWERCAP):
        """Take the folder of the counters."""
        self.zones = sorted(powercap.glob("intel-rapl:[0-9]"))
        self.joules: float | None = 0.0 if self.zones else None
        self.last: list[tuple[int, ...]] | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Read the counters for the first time."""
        self.last = self._read()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Add what the epoch took."""
        now = self._read()
        if self.joules is None or self.last is None or now is None:
            self.joules = None
            return
        for (before, _), (after, full) in zip(self.last, now, strict=True):
            self.joules += ((after - before) % (full + 1)) / 1e6
        self.last = now

    def state_dict(self) -> dict[str, Any]:
        """Keep the sum in the checkpoint, for a run that is cut off."""
        return {"joules": self.joules}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what the run took before it was cut off."""
        if self.joules is not None:
            self.joules = state_dict["joules"]

    def _read(self) -> list[tuple[int, ...]] | None:
        """Each package's microjoules so far, and where they begin anew; None if not readable."""
        try:
            return [
                tuple(int((zone / name).read_text()) for name in ("energy_uj", WRAP))
                for zone in self.zones
            ] or None
        except (OSError, ValueError):  # since 2020 only root may read them
            return None
