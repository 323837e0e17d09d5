import csv

import numpy as np
import pytest
from sklearn.metrics import accuracy_score
from sklearn.metrics import log_loss as sklearn_log_loss

from esc50.results.predictions import read_run
from esc50.results.recipes.ensemble import ensemble


@pytest.fixture
def runs(tmp_path, make_run):
    def make(seeds=(1, 2, 3), folds=(1, 2), **more):
        return [
            read_run(make_run(tmp_path / f"s{seed}f{fold}", fold=fold, seed=seed, **more))
            for fold in folds
            for seed in seeds
        ]

    return make


def test_it_is_the_mean_of_each_folds_networks(runs):
    made = runs(skill=1.0)
    found = ensemble(made)
    sums, targets = {}, {}
    for run in made:
        with (run.folder / "predictions.csv").open() as file:
            for row in csv.DictReader(file):
                values = [float(row[name]) for name in run.classes]
                sums[row["clip"]] = sums.get(row["clip"], 0) + np.array(values) / 3
                targets[row["clip"]] = int(row["target"])
    labels = sorted(set(targets.values()))
    truth, means = list(targets.values()), np.array(list(sums.values()))
    guesses = [labels[column] for column in means.argmax(1)]
    assert found["networks"] == 3
    assert found["acc"] == pytest.approx(accuracy_score(truth, guesses))
    assert found["log_loss"] == pytest.approx(sklearn_log_loss(truth, means, labels=labels))
    assert found["ci95"][0] < found["acc"] < found["ci95"][1]
    assert found["acc"] > np.mean([run.results["test/acc"] for run in made])


def test_the_order_of_clips_in_a_file_does_not_matter(runs):
    made = runs()
    expected = ensemble(made)
    path = made[0].folder / "predictions.csv"
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *reversed(rows)]) + "\n")
    assert ensemble([read_run(made[0].folder), *made[1:]]) == expected


def test_there_is_none_where_folds_lack_a_seed_or_seeds_test_other_clips(runs):
    made = runs()
    assert ensemble(made[:-1]) is None
    assert ensemble(made[::3]) is None
    path = made[0].folder / "predictions.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    assert ensemble([read_run(made[0].folder), *made[1:]]) is None
