"""What a notebook needs: a recipe by its name, its batches, its training, its answers."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what is heavy loads when it is first needed
    from omegaconf import DictConfig

    from esc50.data.datamodule import ESC50DataModule
    from esc50.deploy.predictor import Predictor


def load_recipe(name: str | None = None, *overrides: str) -> "DictConfig":
    """Compose the config of a recipe.

    Args:
        name: of a file in conf/experiment; None: the defaults.
        overrides: as on the command line: "data=demo", "optimizer.lr=3e-4".

    Raises:
        UserError: naming the key that is wrong and what it may be.
    """
    from esc50.config.command import described_refusals
    from esc50.config.composition import compose_config
    from esc50.errors import UserError

    if not all(isinstance(override, str) for override in overrides):
        raise UserError(
            'overrides are given one by one: load_recipe("first_run", "data=demo", "seed=1")'
        )
    recipe = [] if name is None else [f"+experiment={name}"]
    with described_refusals():
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


def load(
    checkpoints: str | Path | Sequence[str | Path], device: str = "auto", trusted: bool = False
) -> "Predictor":
    """Load a trained network, or several as one ensemble: `load("best.ckpt").predict("dog.wav")`.

    Args:
        checkpoints: a checkpoint; the folder of a run; that of folds or of seeds, which
            become one ensemble; or a list of these. Nothing in the files is run.
        device: where to compute, as torch names it; auto: a GPU where there is one.
        trusted: whether a network of another package may be imported, which runs its code.

    Raises:
        UserError: one of them is no checkpoint of this package, or they do not go together.
    """
    from esc50.deploy import predictor

    return predictor.load(checkpoints, device, trusted)
