"""Test a finished checkpoint on other clips: another data set, another fold.

    python scripts/evaluate.py outputs/augmented-0123456789/seed42/fold1 data=esc10 fold=1
    python scripts/evaluate.py best.ckpt data=folder data.root=path/to/sounds

CHECKPOINT is a checkpoint, a run's folder, or the folder of its folds or seeds, which are one
ensemble. Settings are those of conf/evaluate.yaml. Clips that the checkpoint was trained or chosen
on make the result LEAKY.
"""

import argparse
from pathlib import Path
from typing import Any

from esc50.config.typed import as_typed, typed_path
from esc50.deploy.arguments import parse
from esc50.errors import UserError, exit_on_error


def main(argv: list[str] | None = None) -> None:
    """Test, and print what was measured."""
    parser = argparse.ArgumentParser(
        description=as_typed(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=typed_path, metavar="CHECKPOINT")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="see conf/evaluate.yaml")
    with exit_on_error():
        args = parse(parser, argv)
        _evaluate(args.checkpoint, args.overrides)


def _evaluate(checkpoint: Path, overrides: list[str]) -> None:
    data, others = _compose(overrides)

    from esc50.deploy.evaluation import EvaluationSettings, evaluate, evaluation_table
    from esc50.deploy.predictor import load
    from esc50.results.display.layout import show_table

    settings = EvaluationSettings.parse("", others)
    model = load(checkpoint, settings.device, settings.trust)
    results, folder = evaluate(model, data, settings)
    show_table(evaluation_table(results))
    print(f"audit: {results['audit']}")
    print(f"everything is in {folder}")


def _compose(overrides: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Compose the settings: the `data` section, and all others."""
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from esc50.config.choices import CONF, describe_refusal, quote_paths, refuse_overrides

    overrides = quote_paths(overrides)
    refuse_overrides(overrides)
    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
            plain: Any = OmegaConf.to_container(compose("evaluate", overrides), resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(describe_refusal(error)) from None
    return plain.pop("data"), plain


if __name__ == "__main__":
    main()
