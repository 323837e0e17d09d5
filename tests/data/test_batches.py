import numpy as np
import pytest
import torch

from esc50.data.batches import DistributedBatchSampler, EpochShuffle, FeatureDataset, RankBatch


def test_order_depends_on_seed_and_epoch_alone():
    assert list(EpochShuffle(50, 1, lambda: 3)) == list(EpochShuffle(50, 1, lambda: 3))
    assert list(EpochShuffle(50, 1, lambda: 3)) != list(EpochShuffle(50, 2, lambda: 3))
    assert list(EpochShuffle(50, 1, lambda: 3)) != list(EpochShuffle(50, 1, lambda: 4))


@pytest.mark.parametrize(
    ("n", "least", "sizes"),
    [
        (10, 1, [4, 4, 2]),
        (10, 2, [4, 4, 2]),
        (10, 3, [4, 6]),
        (9, 1, [4, 4, 1]),
        (9, 2, [4, 5]),
        (8, 2, [4, 4]),
        (1, 2, [1]),  # there is none before it
        (0, 2, []),
    ],
)
def test_a_last_batch_that_is_too_small_joins_the_one_before(n, least, sizes):
    sampler = DistributedBatchSampler(range(n), 4, least=least)
    batches = [batch.positions.tolist() for batch in sampler]
    assert [len(batch) for batch in batches] == sizes
    assert [item for batch in batches for item in batch] == list(range(n))
    assert len(sampler) == len(sizes)


def test_each_process_takes_its_items_of_every_batch_and_weighs_them():
    shares = [list(DistributedBatchSampler(range(10), 5, rank, world=2)) for rank in (0, 1)]
    assert [share.positions.tolist() for share in shares[0]] == [[0, 2, 4], [5, 7, 9]]
    assert [share.positions.tolist() for share in shares[1]] == [[1, 3], [6, 8]]
    assert [shares[0][0].weight, shares[1][0].weight] == [6 / 5, 4 / 5]


def test_partners_of_another_process_come_along_as_guests():
    sampler = DistributedBatchSampler(
        [10, 11, 12, 13], 4, rank=0, world=2, partners=lambda batch: np.array([1, 0, 0, 3])
    )
    (share,) = sampler
    assert share.positions.tolist() == [10, 12, 11]  # its own, then the guest
    assert share.positions[share.partner].tolist() == [11, 10]


def test_a_batch_holds_clips_and_copies_by_item_number():
    clips = {"logmel": torch.arange(3.0).view(3, 1, 1, 1), "peak": torch.tensor([5.0, 6.0, 7.0])}
    copies = 100 + torch.arange(2.0).view(2, 1, 1, 1)
    items, targets = np.array([4, 1, 3, 0]), torch.tensor([0, 1, 2, 3, 4])
    batch = FeatureDataset(items, clips, copies, targets).__getitems__(
        RankBatch(np.array([0, 1, 2]), weight=0.5)
    )
    assert batch["item"].tolist() == batch["y"].tolist() == [4, 1, 3]
    assert batch["x"].flatten().tolist() == [101, 1, 100]
    assert batch["peak"][1] == 6 and batch["weight"] == 0.5
    assert clips["logmel"].flatten().tolist() == [0, 1, 2]


def test_balanced_batches_draw_all_classes_equally_often():
    targets = np.repeat([0, 1, 2], [900, 90, 10])
    order = EpochShuffle(1000, 0, lambda: 1, targets)
    drawn = np.bincount(targets[list(order)])
    assert drawn.sum() == 1000 and np.abs(drawn - 1000 / 3).max() < 60
    assert list(order) == list(order) != list(EpochShuffle(1000, 0, lambda: 2, targets))
