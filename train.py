"""Run one experiment: compose the config, check it, train, test, return the monitored metric."""

import logging
import sys

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from esc50.errors import Refusal
from esc50.run.sweep import note_end  # registers the resolvers that name the run's folder


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float | None:
    """Train as the config says; a refusal is one sentence and exit code 1.

    A job of a sweep that fails says so and counts as not a number, so that the others go on.
    """
    in_sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    try:
        from esc50.run.config import check

        check(cfg)
        from esc50.run.experiment import (
            run,
        )  # torch loads here, when the config is known to be good

        metric = run(cfg)
    except Refusal as refusal:
        if not in_sweep:
            sys.exit(f"error: {refusal}")
        failed = str(refusal)
    except Exception as error:
        if not in_sweep:
            raise
        logging.exception("this job failed")
        failed = f"{type(error).__name__}: {error}"
    else:
        failed = None
    if in_sweep:
        note_end(failed)
    return float("nan") if failed else metric


if __name__ == "__main__":
    main()
