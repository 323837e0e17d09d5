import csv

import numpy as np

from esc50.results.mistakes import write_mistakes


def test_wrong_clips_stand_there_by_name_the_surest_first(tmp_path):
    probabilities = np.array([[0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [0.1, 0.8, 0.1], [0.0, 0.3, 0.7]])
    path = tmp_path / "mistakes.csv"
    clips = ["a.wav", "b.wav", "=c.wav", "d.wav"]
    write_mistakes(path, clips, np.array([0, 1, 2, 2]), probabilities, ["dog", "rain", "=cat"])
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {
            "clip": "'=c.wav",
            "target": "'=cat",
            "prediction": "rain",
            "probability": "0.8000",
            "target_probability": "0.1000",
        },
        {
            "clip": "b.wav",
            "target": "rain",
            "prediction": "dog",
            "probability": "0.6000",
            "target_probability": "0.4000",
        },
    ]
