import numpy as np

from esc50.report.run.confusion import cells, grid
from esc50.report.run.subject import find_subject


def test_every_test_is_in_its_cell_the_most_confident_first(tmp_path, make_run):
    for fold in (1, 2):
        make_run(tmp_path / f"fold{fold}", fold, skill=1.0)
    subject = find_subject(tmp_path)
    runs = [run.name for run in subject.runs]
    found = cells(subject.tests, runs, [len(run.clips) for run in subject.runs])
    counts = np.array(grid(subject.tests).counts)
    for row, column in np.argwhere(counts):
        own = found[f"{row}-{column}"]
        assert len(own) == counts[row, column]
        assert own == sorted(own, key=lambda one: -one.confidence)
        assert all(one.clip.endswith(f"-{subject.tests.class_labels[row]}.wav") for one in own)
        assert all(one.run == f"fold {one.clip[0]}, seed 1" for one in own)
    assert sum(map(len, found.values())) == counts.sum() == 120
    first = next(iter(found))
    assert first.split("-")[0] != first.split("-")[1]  # mistakes before hits
