"""A callback that notes when the first training step is done."""

import time
from pathlib import Path

import pytorch_lightning as pl


class FirstStep(pl.Callback):
    """Writes the time of day, seconds, to a file after the first training step."""

    def __init__(self, path: str):
        """Take the file."""
        self.path = Path(path)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        """Note the first."""
        if not self.path.exists():
            self.path.write_text(str(time.time()))
