from types import SimpleNamespace

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from esc50.data.datamodule import EpochShuffle, ESC50DataModule


@pytest.fixture
def make(config):
    def build(*overrides):
        cfg = OmegaConf.to_container(config(*overrides), resolve=True)
        sections = {key: cfg[key] for key in ("data", "split", "features", "augment")}
        module = ESC50DataModule(**sections, batch_size=cfg["batch_size"], seed=cfg["seed"])
        module.trainer = SimpleNamespace(
            current_epoch=0, strategy=SimpleNamespace(root_device=torch.device("cpu"))
        )
        module.setup()
        return module

    return build


def batches(module, loader, epoch=0):
    module.trainer.current_epoch = epoch
    return [module.on_after_batch_transfer(batch, 0) for batch in loader]


def test_every_training_item_comes_once_an_epoch_in_a_new_order(make):
    module = make("+experiment=augmented")
    orders = []
    for epoch in (0, 1, 0):
        got = batches(module, module.train_dataloader(), epoch)
        orders.append(torch.cat([batch["item"] for batch in got]).tolist())
        assert sorted(orders[-1]) == sorted(module.split.train.tolist())
    assert orders[0] != orders[1] and orders[0] == orders[2]


def test_validation_and_test_are_clean_clips_of_their_own_folds(make):
    for augment in ("published", "online"):
        module = make(f"augment={augment}")
        for loader, fold in ((module.val_dataloader(), 2), (module.test_dataloader(), 1)):
            for batch in batches(module, loader):
                assert set(module.table.folds[batch["item"].numpy()]) == {fold}
                assert torch.equal(batch["x"], module.clips["logmel"][batch["item"]])
                assert np.array_equal(batch["y"], module.table.targets[batch["item"].numpy()])


def test_copies_have_their_clips_class_and_another_sound(make):
    module = make("augment=published")
    n = len(module.table)
    changed = 0
    for batch in batches(module, module.train_dataloader()):
        clips = module.split.clip_of[batch["item"].numpy()]
        assert np.array_equal(batch["y"], module.table.targets[clips])
        for item, clip, x in zip(batch["item"], clips, batch["x"], strict=True):
            same = torch.equal(x, module.clips["logmel"][clip])
            assert same or item >= n
            changed += not same
    assert changed > 0.6 * (len(module.split.train) - 30)  # one in fifteen is shifted by nothing


def test_online_changes_every_epoch_and_repeats_by_seed(make):
    module = make("augment=online")
    first, second, again = (
        {
            int(i): x
            for b in batches(module, module.train_dataloader(), e)
            for i, x in zip(b["item"], b["x"], strict=True)
        }
        for e in (0, 1, 0)
    )
    assert all(torch.equal(first[i], again[i]) for i in first)
    assert sum(torch.equal(first[i], second[i]) for i in first) < len(first) / 4


def test_order_depends_on_seed_and_epoch_alone():
    assert list(EpochShuffle(50, 1, lambda: 3)) == list(EpochShuffle(50, 1, lambda: 3))
    assert list(EpochShuffle(50, 1, lambda: 3)) != list(EpochShuffle(50, 2, lambda: 3))


def test_examples_show_clips_and_what_training_makes_of_them(make):
    for augment, changes in (("none", False), ("published", True), ("online", True)):
        before, after = make(f"augment={augment}").examples(6)
        assert before.shape == (6, 1, 32, 32)
        assert (after is not None) == changes
        if changes:
            assert after.shape == before.shape and not torch.equal(after, before)
