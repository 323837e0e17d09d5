"""Run one experiment: compose the config, check it, train, test, return the monitored metric."""

import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

import esc50.run.sweep  # noqa: F401  (the resolvers that name folders, the sweepers, the launchers)
from esc50.errors import Refusal
from esc50.run.choices import refuse_null_choices


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float | None:
    """Train as the config says; a refusal is one sentence and exit code 1.

    A job of a sweep runs in a process of its own; if it fails, the others go on.
    """
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        from esc50.run.job import run_job

        return run_job(cfg)
    try:
        from esc50.run.config import check

        check(cfg)
        from esc50.run.experiment import run  # torch loads here, when the config is known good

        return run(cfg, Path(HydraConfig.get().runtime.output_dir))
    except Refusal as refusal:
        sys.exit(f"error: {refusal}")


if __name__ == "__main__":
    refuse_null_choices(sys.argv[1:])
    main()
