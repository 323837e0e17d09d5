from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from esc50.data.datamodule import ESC50DataModule
from esc50.errors import UserError


@pytest.fixture
def make(config):
    def build(*overrides, rank=0, world=1):
        cfg = OmegaConf.to_container(config(*overrides), resolve=True)
        sections = {key: cfg[key] for key in ("data", "split", "features", "augment")}
        module = ESC50DataModule(**sections, batch_size=cfg["batch_size"], seed=cfg["seed"])
        module.trainer = SimpleNamespace(
            current_epoch=0,
            max_epochs=cfg["trainer"]["max_epochs"],
            overfit_batches=0.0,
            global_rank=rank,
            world_size=world,
            strategy=SimpleNamespace(root_device=torch.device("cpu")),
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


def test_training_sees_the_cropped_part_and_validation_all(make):
    whole, part = make("augment=online"), make("augment=online", "augment.crop=0.5")
    both = (batches(module, module.train_dataloader()) for module in (whole, part))
    for full, cropped in zip(*both, strict=True):
        assert full["x"].shape[-1] == 32 and cropped["x"].shape[-1] == 16
        assert torch.equal(full["x"][..., :16], cropped["x"])
        assert torch.equal(full["item"], cropped["item"])
    assert batches(part, part.val_dataloader())[0]["x"].shape[-1] == 32


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


def test_mixing_ends_with_its_share_of_the_epochs_and_leaves_the_rest_as_it_was(make):
    common = ("augment=online", "trainer.max_epochs=4")
    until = make(*common, "augment.mix_prob=1", "augment.mix_until=0.5")
    never = make(*common, "augment.mix_prob=0")
    for epoch, mixed in enumerate((True, True, False, False)):
        got = batches(until, until.train_dataloader(), epoch)
        plain = batches(never, never.train_dataloader(), epoch)
        for batch, unmixed in zip(got, plain, strict=True):
            assert ("mix_weight" in batch) == mixed
            assert torch.equal(batch["x"], unmixed["x"]) != mixed


def test_examples_show_clips_and_what_training_makes_of_them(make):
    for augment, changes in (("none", False), ("published", True), ("online", True)):
        before, after = make(f"augment={augment}").examples(6)
        assert before.shape == (6, 1, 32, 32)
        assert (after is not None) == changes
        if changes:
            assert after.shape == before.shape and not torch.equal(after, before)


def dealt(shares, key):
    """The batch that was dealt out to processes, one row to each in turn."""
    whole = torch.cat([share[key] for share in shares])
    for rank, share in enumerate(shares):
        whole[rank :: len(shares)] = share[key]
    return whole


@pytest.mark.parametrize("augment", ["published", "online"])
@pytest.mark.parametrize(("world", "size"), [(2, 15), (3, 13), (3, 29)])
def test_processes_together_train_on_the_batches_of_one(make, augment, world, size):
    settings = [f"augment={augment}", f"batch_size={size}", "trainer.max_epochs=4"]
    settings += ["augment.mix_prob=0.7"] if augment == "online" else []
    alone = make(*settings)
    whole = batches(alone, alone.train_dataloader(), epoch=3)
    modules = [make(*settings, rank=rank, world=world) for rank in range(world)]
    shares = [batches(module, module.train_dataloader(), epoch=3) for module in modules]
    assert len(alone.split.train) % size not in range(2, world)  # which are other batches alone
    for batch, *parts in zip(whole, *shares, strict=True):
        assert torch.equal(dealt(parts, "item"), batch["item"])
        assert torch.equal(dealt(parts, "y"), batch["y"])
        torch.testing.assert_close(dealt(parts, "x"), batch["x"], rtol=1e-5, atol=1e-5)
        means = [part["x"].mean(dim=0) * part["weight"] for part in parts]
        torch.testing.assert_close(sum(means) / world, batch["x"].mean(dim=0))
        if "mix_weight" in batch:
            torch.testing.assert_close(dealt(parts, "mix_weight"), batch["mix_weight"])
            mixed = batch["mix_weight"] != 1
            assert mixed.any()
            assert torch.equal(dealt(parts, "y_mix")[mixed], batch["y_mix"][mixed])
    assert any("mix_weight" in batch for batch in whole) == (augment == "online")


@pytest.mark.parametrize("world", [1, 2, 3, 11])
def test_processes_share_the_test_clips_without_copies_of_any(make, world):
    items, lengths = [], set()
    for rank in range(world):
        module = make("batch_size=4", rank=rank, world=world)
        got = batches(module, module.test_dataloader())
        lengths.add(len(got))
        items += torch.cat([batch["item"] for batch in got]).tolist()
    assert sorted(items) == sorted(module.split.test.tolist())
    assert lengths == {3}  # as many on each, or one would wait for the others


def test_a_set_smaller_than_the_number_of_processes_is_refused(make):
    with pytest.raises(UserError, match="30 training items are too few for 31 processes"):
        make(rank=3, world=31).train_dataloader()


def test_a_fold_that_is_not_there_is_told_before_features_are_computed(config, tmp_path):
    cfg = config("split.fold=9", f"data.cache_dir={tmp_path / 'cache'}")
    plain = OmegaConf.to_container(cfg, resolve=True)
    with pytest.raises(UserError, match=r"split\.fold=9"):
        ESC50DataModule.from_config(plain).setup()
    assert not [*(tmp_path / "cache").glob("clips-*")]


def test_overfitting_sees_the_same_batch_in_every_epoch(make):
    module = make()
    module.trainer.overfit_batches = 1
    first, again = (
        batches(module, module.train_dataloader(), epoch)[0]["item"].tolist() for epoch in (0, 1)
    )
    assert first == again == module.split.train[:16].tolist()


@pytest.mark.parametrize("augment", ["none", "published", "online"])
def test_without_a_trainer_it_hands_out_the_first_epochs_batches(config, make, augment):
    cfg = OmegaConf.to_container(config(f"augment={augment}"), resolve=True)
    sections = {key: cfg[key] for key in ("data", "split", "features", "augment")}
    alone = ESC50DataModule(**sections, batch_size=16, seed=cfg["seed"])
    got = next(iter(alone.train_dataloader()))
    plain = got["x"].clone()
    mine = alone.on_after_batch_transfer(got)
    trained = make(f"augment={augment}")
    theirs = batches(trained, trained.train_dataloader())[0]
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(torch.as_tensor(mine[k]), torch.as_tensor(theirs[k])) for k in mine)
    assert torch.equal(mine["x"], plain) == (augment != "online")
    assert sum(len(batch["y"]) for batch in alone.val_dataloader()) == 10
    assert sum(len(batch["y"]) for batch in alone.test_dataloader()) == 10


def test_balanced_training_sees_as_many_items_and_the_other_sides_are_as_they_were(make):
    plain, balanced = make(), make("+data.sampler=balanced")
    seen = [item for batch in batches(balanced, balanced.train_dataloader()) for item in batch["y"]]
    assert len(seen) == len(balanced.split.train)
    assert len({int(y) for y in seen}) == 5
    assert np.array_equal(plain.split.test, balanced.split.test)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: {"sides": np.array(["train"] * len(table))},
        lambda table: {"sources": np.roll(table.sources, 1)},
        lambda table: {"classes": ("another", *table.classes[1:])},
        lambda table: {"folds": np.roll(table.folds, 1)},
    ],
    ids=["sides", "sources", "classes", "folds"],
)
def test_all_that_a_split_goes_by_identifies_the_data(make, change):
    data = make()
    before = data.digest
    data.__dict__["table"] = replace(data.table, **change(data.table))
    assert data.digest != before
