from esc50.data.batches import EpochShuffle


def test_order_depends_on_seed_and_epoch_alone():
    assert list(EpochShuffle(50, 1, lambda: 3)) == list(EpochShuffle(50, 1, lambda: 3))
    assert list(EpochShuffle(50, 1, lambda: 3)) != list(EpochShuffle(50, 2, lambda: 3))
