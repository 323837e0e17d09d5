"""Environmental-sound classification experiments whose numbers can be trusted."""

from esc50.api import build_datamodule, load, load_recipe, train

__all__ = ["build_datamodule", "load", "load_recipe", "train"]
__version__ = "0.1.0"
