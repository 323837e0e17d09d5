import csv

import numpy as np
import pytest
import soundfile
import torch

from esc50 import load
from esc50.config.composition import compose_config
from esc50.data.tables.table import read_table
from esc50.errors import UserError
from esc50.training.fold import run_fold


@pytest.fixture(scope="module")
def model(tiny_run):
    return load(tiny_run / "checkpoints" / "best.ckpt", device="cpu")


def written(run):
    """Clips and their probabilities, as the test of a run wrote them."""
    with (run / "predictions.csv").open() as file:
        _, *rows = csv.reader(file)
    return [row[0] for row in rows], [row[4:] for row in rows]


def test_its_probabilities_are_those_of_the_test_to_the_bit(tiny, tiny_run, model):
    names, expected = written(tiny_run)
    made = model.predict([tiny / "audio" / name for name in names])
    assert [[f"{p:.8g}" for p in one.probabilities.tolist()] for one in made] == expected


def test_a_file_an_array_and_a_folder_give_the_same(tiny, model):
    path = sorted((tiny / "audio").iterdir())[0]
    samples, rate = soundfile.read(path, dtype="float32")
    of_file, of_array = model.predict(path), model.predict(samples, rate)
    np.testing.assert_array_equal(of_file.probabilities, of_array.probabilities)
    of_folder = model.predict(tiny / "audio")
    assert len(of_folder) == 50 and of_folder[0].name == str(path)
    np.testing.assert_allclose(of_folder[0].probabilities, of_file.probabilities, atol=1e-5)


def test_the_threshold_is_what_nineteen_of_twenty_validation_clips_reach(tiny, model):
    table = read_table(tiny)
    paths = [path for path, fold in zip(table.paths, table.folds, strict=True) if fold == 2]
    best = [one.probabilities.max() for one in model.predict(paths)]
    assert model.threshold == pytest.approx(min(best), abs=1e-6)  # of ten clips, all


def test_an_ensemble_is_the_mean_of_its_members(tiny, tiny_run, model, tmp_path):
    checkpoint = torch.load(tiny_run / "checkpoints" / "best.ckpt", weights_only=True)
    checkpoint["state_dict"]["network.fc.weight"].neg_()
    torch.save(checkpoint, tmp_path / "other.ckpt")
    path = tiny / "audio" / "1-100-A-0.wav"
    other = load(tmp_path / "other.ckpt", device="cpu")
    both = load([tiny_run, tmp_path / "other.ckpt"], device="cpu")
    expected = (model.predict(path).probabilities + other.predict(path).probabilities) / 2
    np.testing.assert_allclose(both.predict(path).probabilities, expected, rtol=1e-6)
    assert both.embed(path).shape == (2 * 128,)  # of networks of 16 channels
    np.testing.assert_array_equal(both.embed(path)[:128], model.embed(path))
    for change in (
        {"classes": ["a"] * 5},
        {"features": {**model.members[0].spec.model_dump(), "top_db": 60.0}},
    ):
        changed = torch.load(tmp_path / "other.ckpt", weights_only=True)
        changed["esc50"].update(change)
        torch.save(changed, tmp_path / "changed.ckpt")
        with pytest.raises(UserError, match="an ensemble's checkpoints must be of the same"):
            load([tiny_run, tmp_path / "changed.ckpt"])


def test_a_long_sound_has_a_prediction_per_window(tiny, model):
    parts = [soundfile.read(tiny / "audio" / f"1-1{t}0-A-{t}.wav")[0] for t in (0, 4)]
    long = model.predict(np.concatenate(parts), 8000, hop=0.25)
    assert long.spans.tolist() == [[0, 0.5], [0.25, 0.75], [0.5, 1.0]]
    for part, window in zip(parts, long.windows[::2], strict=True):
        alone = model.predict(part, 8000).probabilities
        np.testing.assert_allclose(window, alone, atol=1e-4)


def test_what_cannot_be_read_is_an_error_by_its_name(tiny, model, tmp_path):
    (tmp_path / "a.wav").write_text("no sound")
    with pytest.raises(UserError, match=r"a\.wav is not audio"):
        model.predict([tiny / "audio" / "1-100-A-0.wav", tmp_path / "a.wav"])
    with pytest.raises(UserError, match="no checkpoint was given"):
        load([])


@pytest.mark.slow
def test_so_they_are_for_the_recipe_that_repeats_short_sounds(tiny, tiny_overrides, tmp_path):
    overrides = [one for one in tiny_overrides if not one.startswith("features.width")]
    cfg = compose_config(
        ["+experiment=best", *overrides, "features.width=32", f"output_dir={tmp_path}"]
    )
    run_fold(cfg, tmp_path / "run")
    names, expected = written(tmp_path / "run")
    model = load(tmp_path / "run", device="cpu")
    assert model.front_end.spec.repeat_below == 60 and model.threshold == 0
    made = model.predict([tiny / "audio" / name for name in names])
    assert [[f"{p:.8g}" for p in one.probabilities.tolist()] for one in made] == expected


def test_warming_up_goes_through_the_network_and_changes_no_answer(tiny, model):
    path, seen = read_table(tiny).paths[0], []
    before = model.predict(path).probabilities
    network = model.members[0].network
    with network.register_forward_hook(lambda _, inputs, output: seen.append(output.shape)):
        model.warm_up()
    assert seen == [(1, len(model.classes))]
    np.testing.assert_array_equal(model.predict(path).probabilities, before)
