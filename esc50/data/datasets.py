"""The one door to clips: from the `data` section of the configuration to a checked table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from esc50.data.table import ESC10_LABELS, ClipTable, read_table
from esc50.errors import UserError


def open_clips(data: Mapping[str, Any]) -> ClipTable:
    """Open the data set that a `conf/data/*.yaml` describes; download or make it when needed.

    Args:
        data: the section, a mapping or an OmegaConf config. `name` decides which keys are read:
            esc50, esc10: root, url, sha256; demo: root, seed, clips_per_fold; folder: root, takes.

    Raises:
        UserError: an unknown name, or whatever the source refuses.
    """
    name = data["name"]
    if name == "folder":
        from esc50.data.folder import read_folder

        root = data.get("root")
        if not root:
            raise UserError(
                "data=folder needs data.root=/path/to/folder, one sub-folder per class."
            )
        return read_folder(root, takes=data["takes"])
    root = Path(data["root"])
    if name == "demo":
        from esc50.data.demo import VERSION, make_demo

        seed, clips_per_fold = data["seed"], data["clips_per_fold"]
        root = root / f"v{VERSION}-seed{seed}-{clips_per_fold}clips"
        make_demo(root, seed, clips_per_fold)
        return read_table(root)
    if name not in ("esc50", "esc10"):
        raise UserError(f"data.name is {name!r}: it is one of esc50, esc10, demo, folder.")
    if not root.is_dir() or not any(root.iterdir()):
        from esc50.data.download import fetch_esc50

        fetch_esc50(root, data["url"], data["sha256"])
    table = read_table(root)
    return _esc10(table) if name == "esc10" else table


def _esc10(table: ClipTable) -> ClipTable:
    """The clips of ESC-10's classes, from all of ESC-50 or from a folder of ESC-10 alone."""
    missing = np.setdiff1d(ESC10_LABELS, table.class_labels)
    if missing.size or table.categories5 is None:
        raise UserError(f"{table.root} does not hold the ten classes of ESC-10: use data=esc50.")
    return table.select(np.isin(table.labels, ESC10_LABELS))
