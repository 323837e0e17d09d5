import csv

import numpy as np
import pytest
import soundfile

from esc50 import load


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
