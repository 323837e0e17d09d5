"""Filters what Lightning logs: what remains on the console is worth reading."""

import logging
import re
import warnings

EXPECTED = (
    "is smaller than the logging interval",  # a small set: its epochs are logged
    "does not have many workers",  # batches are gathered whole; workers would cost more
    "exists and is not empty",  # a run that goes on from where it was cut off
    "isinstance(treespec, LeafSpec)",
    "Trying to infer the `batch_size`",
    "Total length of `list` across ranks is zero",  # literature: no validation
    "No positive class found",
    "this fit will run with no optimizer",  # scikit-learn's
    "The `srun` command is available",  # a run starts its own processes
)


def filter_logs() -> None:
    """Let through warnings and errors, but not the expected ones."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    for text in EXPECTED:
        warnings.filterwarnings("ignore", message=f".*{re.escape(text)}")
