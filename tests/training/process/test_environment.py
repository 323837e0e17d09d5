import gc
import random
import weakref

import numpy as np
import torch

from esc50.training.process.environment import setup_environment


def test_every_generator_is_seeded():
    drawn = []
    for seed in (3, 3, 4):
        setup_environment(seed)
        drawn.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert drawn[0] == drawn[1]
    assert all(one != other for one, other in zip(drawn[0], drawn[2], strict=True))


def test_what_the_last_run_left_in_a_circle_is_freed():
    class Trainer:
        pass

    trainer = Trainer()
    trainer.itself, gone = trainer, weakref.ref(trainer)
    gc.disable()
    try:
        del trainer
        assert gone() is not None
        setup_environment(3)
        assert gone() is None
    finally:
        gc.enable()


def test_fresh_memory_is_not_filled(monkeypatch):
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    setup_environment(3)
    assert not torch.utils.deterministic.fill_uninitialized_memory
