"""What a notebook needs: a recipe by its name, its batches, its training."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what is heavy loads when it is first needed
    from omegaconf import DictConfig

    from esc50.data.datamodule import ESC50DataModule


def load_recipe(name: str | None = None, *overrides: str) -> "DictConfig":
    """Compose the config of a recipe.

    Args:
        name: of a file in conf/experiment; None: the defaults.
        overrides: as on the command line: "data=demo", "optimizer.lr=3e-4".

    Raises:
        UserError: naming the key that is wrong and what it may be.
    """
    from esc50.config.composition import compose_config

    recipe = [] if name is None else [f"+experiment={name}"]
    return compose_config([*recipe, *overrides])


def build_datamodule(cfg: "DictConfig") -> "ESC50DataModule":
    """Build a config's data module, set up: its dataloaders work with or without a Trainer.

    Raises:
        UserError: what is wrong with the data, in a sentence.
    """
    from omegaconf import OmegaConf

    from esc50.data.datamodule import ESC50DataModule

    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    data = ESC50DataModule.from_config(plain)
    data.setup()
    return data


def train(cfg: "DictConfig") -> dict[str, Any]:
    """Train and test what a config says, in the folder that the command line would use.

    Returns:
        The contents of results.json; with split.fold=all, of summary.json.

    Raises:
        UserError: what is wrong with config, data or checkpoint, in a sentence.
    """
    import json

    from esc50.config.signature import folder
    from esc50.training.experiment import run
    from esc50.training.fold import run_fold

    place = Path(cfg.output_dir) / folder(cfg)
    if cfg.split.fold != "all":
        return run_fold(cfg, place)
    run(cfg, place)
    summary: dict[str, Any] = json.loads((place / "summary.json").read_text(encoding="utf-8"))
    return summary
