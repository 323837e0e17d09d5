import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from esc50.api import load
from esc50.errors import UserError
from esc50.model.pretrained.head import see
from esc50.training.fold import run_fold
from esc50.training.probe import TOGETHER
from tests.model.hub_folders import AST_FEATURES, make_ast

PROBE = ["model.train=head", "optimizer.lr=0.05", "trainer.precision=32-true"]


@pytest.fixture(scope="module")
def ast(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub") / "tiny-ast"
    return folder, make_ast(folder)


@pytest.fixture
def tuned(config, ast):
    return lambda *more: config("model=ast", f"model.weights={ast[0]}", *AST_FEATURES, *more)


@pytest.fixture
def embeddings(tuned):
    folder = Path(tuned().data.cache_dir)
    return lambda: {entry for entry in folder.glob("embeddings-*") if entry.is_dir()}


def trained(run):
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    state = checkpoint["state_dict"]
    return {k.removeprefix("network."): v for k, v in state.items() if k.startswith("network.")}


def test_a_probe_sees_each_clip_once_and_its_checkpoint_needs_nothing_else(
    tuned, ast, embeddings, tmp_path, tiny
):
    folder, theirs = ast
    results = run_fold(tuned(*PROBE), tmp_path / "run")
    assert results["pretrained_on"].startswith("unknown: ") and results["test/acc"] > 0.2
    assert results["weights_licence"] is None  # of weights that nobody has published
    (entry,) = embeddings()
    assert np.load(entry / "seen.npy").shape == (50, 16)
    state = trained(tmp_path / "run")
    own = theirs.audio_spectrogram_transformer.state_dict()
    assert all(torch.equal(state[f"backbone.{key}"], value) for key, value in own.items())
    hidden = folder.rename(folder.with_name("hidden"))
    try:
        model = load(tmp_path / "run" / "checkpoints" / "best.ckpt", device="cpu")
    finally:
        hidden.rename(folder)
    with (tmp_path / "run" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows[:3]:
        answer = model.predict(tiny / "audio" / row["clip"]).windows[0]
        np.testing.assert_allclose(answer, [float(row[f"tone{i}"]) for i in range(5)], atol=1e-5)
    # The second fold's probe finds what the first one's saw; another network's is another entry.
    run_fold(tuned(*PROBE, "split.fold=2", "trainer.max_epochs=1"), tmp_path / "second")
    assert embeddings() == {entry}


@pytest.mark.slow
def test_a_probe_of_the_cache_ends_where_one_of_the_frozen_network_does(
    tuned, tmp_path, monkeypatch
):
    run_fold(tuned(*PROBE), tmp_path / "cached")
    monkeypatch.setattr("esc50.training.fold.embed_once", lambda *_: None)
    run_fold(tuned(*PROBE), tmp_path / "frozen")
    states = trained(tmp_path / "cached"), trained(tmp_path / "frozen")
    for key, value in states[0].items():
        torch.testing.assert_close(value, states[1][key], atol=1e-4, rtol=1e-3)


def test_what_is_cached_does_not_depend_on_the_batches_of_training(
    tuned, embeddings, tmp_path, monkeypatch
):
    sizes = []

    def counted(network, x):
        sizes.append(len(x))
        return see(network, x)

    monkeypatch.setattr("esc50.training.probe.see", counted)
    quick = ["trainer.max_epochs=1", "report=false", f"data.cache_dir={tmp_path / 'cache'}"]
    run_fold(tuned(*PROBE, *quick, "batch_size=4"), tmp_path / "run")
    assert max(sizes) == TOGETHER and sum(sizes) == 50 + 2 + 1  # and two looks at its last layer


@pytest.mark.slow
def test_copies_are_seen_once_and_fresh_changes_anew(tuned, embeddings, tmp_path):
    before = embeddings()
    run_fold(tuned(*PROBE, "augment=online", "trainer.max_epochs=1"), tmp_path / "online")
    assert embeddings() == before
    run_fold(tuned(*PROBE, "augment=published", "trainer.max_epochs=1"), tmp_path / "copies")
    assert len(embeddings()) >= len(before) + 1


@pytest.mark.slow
def test_fine_tuning_by_blocks_moves_the_last_of_them_alone(tuned, ast, tmp_path):
    more = ["model.train=1", "model.layer_decay=0.5", "scheduler=onecycle", "augment=online"]
    run_fold(tuned(*more, "optimizer.lr=0.01"), tmp_path / "run")
    own, state = ast[1].audio_spectrogram_transformer.state_dict(), trained(tmp_path / "run")
    moved = {key for key, value in own.items() if not torch.equal(state[f"backbone.{key}"], value)}
    assert moved and all(key.startswith(("layers.2.", "layernorm.")) for key in moved)


def test_features_that_the_weights_do_not_know_are_refused_before_data_is_read(config, ast):
    with pytest.raises(UserError, match=r"set features=ast input_mean=0\.0 input_std=1\.0"):
        run_fold(config("model=ast", f"model.weights={ast[0]}", "data.root=nowhere"), ast[0])
