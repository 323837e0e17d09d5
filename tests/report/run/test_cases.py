import numpy as np
import pytest

from esc50.report.run import cases
from esc50.report.run.clips import Clips
from esc50.report.run.subject import find_subject


@pytest.fixture
def made(tmp_path, make_run):
    for seed in (1, 2):
        make_run(tmp_path / f"seed{seed}" / "fold1", 1, seed, skill=1.0)
    return find_subject(tmp_path)


def test_mistakes_are_wrong_and_sure_and_doubtful_ones_right_and_unsure(made):
    tests = made.tests
    confidence = tests.probabilities.max(1)
    wrong, right = cases.mistakes(made), cases.doubtful(made)
    assert len(wrong) == cases.MISTAKES and not tests.correct[wrong].any()
    assert len(right) == cases.DOUBTFUL and tests.correct[right].all()
    assert confidence[wrong[0]] == confidence[~tests.correct].max()
    assert confidence[right[0]] == confidence[tests.correct].min()
    for chosen in (wrong, right):  # a clip tested with two seeds is shown once
        assert len(set(tests.clips[chosen])) == len(chosen)


def test_a_case_names_its_five_best_answers(made):
    (test,) = cases.mistakes(made, 1)
    (case,) = cases.describe(made, [test])
    row = made.tests.probabilities[test]
    assert [p for _, p in case.top] == np.sort(row)[::-1][:5].tolist()
    assert case.top[0][0] == case.prediction != case.target


def test_neighbours_are_training_clips_and_pictures_are_drawn(tiny_run):
    subject = find_subject(tiny_run)
    clips = Clips(subject.config, trusted=False)
    memory = cases.Memory(subject.runs[0], clips, trusted=False)
    chosen = cases.doubtful(subject, 2)
    described = cases.describe(subject, chosen)
    cases.illustrate(subject, chosen, described, {memory.run.name: memory})
    trained = {clips.data.table.filenames[row] for row in memory.train_rows}
    assert len(trained) == 30
    for case in described:
        assert case.picture.startswith("data:image/png") and case.saliency != case.picture
        assert len(case.neighbours) == cases.NEIGHBOURS
        assert {near.clip for near in case.neighbours} <= trained
        likeness = [near.cosine for near in case.neighbours]
        assert likeness == sorted(likeness, reverse=True) and likeness[0] <= 1.001
