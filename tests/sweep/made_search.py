"""A search without training: its trials cost nothing and end in a made-up loss."""

import math

from hydra.core.override_parser.overrides_parser import OverridesParser

from esc50.sweep.search.study import Study

RANDOM = {"_target_": "optuna.samplers.RandomSampler"}


MEDIAN = {
    "_target_": "optuna.pruners.MedianPruner",
    "n_startup_trials": 2,
    "n_warmup_steps": 1,
}


SPACE = ["optimizer.lr=tag(log, interval(1e-4, 1e-1))", "batch_size=choice(8,16)"]


def parse(*texts):
    overrides = OverridesParser.create().parse_overrides(list(texts))
    return {override.get_key_element(): override for override in overrides}


def make(cfg, space=SPACE, sampler=RANDOM, pruner=MEDIAN):
    return Study(cfg, parse(*space), seed=3, sampler=sampler, pruner=pruner)


def loss(trial):
    return (math.log10(trial.params["optimizer.lr"]) + 2.5) ** 2 + int(trial.params["batch_size"])


def drive(study, until, die_at=None):
    """Run trials; `die_at` leaves that one unfinished, as a killed driver does."""
    with study.sole_driver():
        while study.count() < until:
            (trial,) = study.ask(1)
            if trial.number == die_at:
                return
            study.tell(trial, loss(trial), None)
