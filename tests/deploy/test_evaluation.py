import csv
import json
import shutil

import numpy as np
import pytest
import soundfile

from esc50 import load
from esc50.audio.files.read import audio_digest
from esc50.deploy.evaluation import EvaluationSettings, evaluate, evaluation_table
from esc50.deploy.export.run_clips import clips_to_check_on
from esc50.deploy.predictor import Predictor
from esc50.errors import UserError
from esc50.results.run_folder import is_finished
from tests.deploy.small import make_recordings, model_of_recordings


@pytest.fixture(scope="module")
def model(tiny_run):
    return load(tiny_run, device="cpu")


@pytest.fixture
def run(model, tiny, tmp_path):
    """Evaluates on clips of `tiny`, or of another folder."""

    def make(fold="all", root=tiny):
        data = {
            "_target_": "esc50.data.datasets.ESC50", "root": str(root), "url": "", "sha256": None,
            "cache_dir": str(tmp_path / "cache"), "workers": None,
        }  # fmt: skip
        settings = EvaluationSettings(
            fold=fold, device="cpu", trust=False, output_dir=str(tmp_path / "out")
        )
        return evaluate(model, data, settings)

    return make


def rows(folder):
    with (folder / "predictions.csv").open() as file:
        return list(csv.reader(file))


def test_the_test_of_a_run_can_be_repeated(tiny_run, run):
    results, folder = run(fold=1)
    before = json.loads((tiny_run / "results.json").read_text())
    for key in ("test/acc", "test/f1_macro"):
        assert results[key] == before[key]
    assert results["test/loss"] == pytest.approx(before["test/loss"], rel=1e-5)
    assert not results["leaky"] and results["n_test"] == 10
    assert rows(folder) == rows(tiny_run)
    assert json.loads((folder / "results.json").read_text()) == results


def test_clips_that_were_trained_or_chosen_on_make_it_leaky(run):
    for fold in (2, 3):  # validation and training
        results, _ = run(fold=fold)
        assert results["leaky"]
        assert results["audit"].startswith("LEAKY: on two sides are clips seen by the checkpoint")
        assert "10 were trained or chosen on themselves" in results["audit"]
    results, folder = run()
    assert results["leaky"] and results["n_test"] == 50 and results["fold"] is None
    assert is_finished(folder) and "all clips" in evaluation_table(results).title
    run()
    assert (folder / "previous-1" / "results.json").is_file()


def test_some_of_the_classes_will_do_under_any_number(run, tiny, tiny_run, tmp_path):
    root = tmp_path / "some"
    shutil.copytree(tiny / "audio", root / "audio")
    (root / "meta").mkdir()
    kept = ["filename,fold,target,category"]
    kept += [f"1-1{t}{s}-A-{t}.wav,1,{9 - t},tone{t}" for t in (1, 3) for s in (0, 1)]
    (root / "meta" / "esc50.csv").write_text("\n".join(kept) + "\n")
    _, folder = run(root=root)
    whole = {row[0]: row for row in rows(tiny_run)}
    header, *found = rows(folder)
    assert header == rows(tiny_run)[0] and len(found) == 4
    for row in found:
        assert row[:3] == whole[row[0]][:3]
        np.testing.assert_allclose(
            np.array(row[4:], float), np.array(whole[row[0]][4:], float), atol=1e-3
        )


def test_any_fold_of_the_table_can_be_tested_and_no_other(run, tiny, tmp_path):
    root = tmp_path / "folds"
    shutil.copytree(tiny, root)
    table = root / "meta" / "esc50.csv"
    header, *lines = [line.split(",") for line in table.read_text().split()]
    folds = {"1": "0", "2": "7"}
    renamed = [[name, folds.get(fold, fold), *rest] for name, fold, *rest in lines]
    table.write_text("\n".join(map(",".join, [header, *renamed])) + "\n")
    results, _ = run(fold=0, root=root)
    assert results["fold"] == 0 and results["n_test"] == 10 and not results["leaky"]
    assert "fold 0" in evaluation_table(results).title
    assert run(fold=7, root=root)[0]["n_test"] == 10
    with pytest.raises(
        UserError, match=r"fold=1 is not a fold of .*: choose one of 0, 3, 4, 5, 7, or all"
    ):
        run(fold=1, root=root)


def test_other_classes_are_refused_by_name(run, tiny, tmp_path):
    root = tmp_path / "other"
    shutil.copytree(tiny, root)
    table = root / "meta" / "esc50.csv"
    table.write_text(table.read_text().replace("tone3", "whistle"))
    with pytest.raises(UserError, match=r"does not know \(whistle\): it knows tone0, tone1"):
        run(root=root)


def test_a_name_from_a_checkpoint_leads_to_no_other_folder(run, model, tmp_path):
    told = model.members[0].specification
    before = told["experiment"]
    told["experiment"] = "../../../elsewhere"
    try:
        _, folder = run(fold=1)
    finally:
        told["experiment"] = before
    assert folder.resolve().is_relative_to((tmp_path / "out" / "evaluations").resolve())


def test_what_the_starting_weights_have_seen_is_said_beside_the_test(run, model, monkeypatch):
    told = model.members[0].specification
    monkeypatch.setitem(told, "pretrained_on", "AudioSet")
    monkeypatch.setitem(told, "weights_licence", "MIT")
    results, folder = run(fold=1)
    said = {"origin": None, "pretrained_on": "AudioSet", "weights_licence": "MIT"}
    assert said.items() <= json.loads((folder / "results.json").read_text()).items()
    rows_of = evaluation_table(results).rows
    assert ["started from", "AudioSet (ESC-50's own sources may be in it)"] in rows_of


def test_a_checkpoint_that_does_not_say_what_it_saw_is_not_called_clean(run, model):
    told = model.members[0].specification
    seen = told.pop("seen")
    try:
        results, _ = run(fold=1)
    finally:
        told["seen"] = seen
    assert "what the checkpoint has seen is not known" in results["audit"]


def test_recordings_are_cut_and_told_apart_as_in_training(tmp_path):
    data, start = make_recordings(tmp_path / "clips"), "#t=0.5"
    model = model_of_recordings(data, seen={"trained": [], "chosen": []})
    settings = EvaluationSettings(fold=1, device="cpu", trust=False, output_dir=str(tmp_path))
    results, folder = evaluate(Predictor([model]), data, settings)
    test, _ = clips_to_check_on([model])
    assert results["n_test"] == len(test.paths) == 6 and not results["leaky"]
    assert [row[0].endswith(start) for row in rows(folder)[1:]] == [False, True] * 3
    windows = [audio_digest(path) + start for path in test.paths[::2]]
    model = model_of_recordings(data, seen={"trained": windows, "chosen": []})
    results, _ = evaluate(Predictor([model]), data, settings)
    assert "clips seen by the checkpoint: 3;" in results["audit"]


def test_one_recording_can_be_tested_on_though_it_makes_no_folds(tmp_path):
    data = make_recordings(tmp_path / "clips")
    model = Predictor([model_of_recordings(data, seen={"trained": [], "chosen": []})])
    (tmp_path / "one.csv").write_text("file,label\ndog/a.wav,dog\n")
    own = {key: data[key] for key in ("cache_dir", "windows")}
    own |= {
        "workers": None,
        "sampler": None,
        "folds": 5,
        "_target_": "esc50.data.datasets.Table",
        "table": str(tmp_path / "one.csv"),
    }
    own |= {"audio": str(tmp_path / "clips"), "columns": {"file": "file", "label": "label"}}
    settings = EvaluationSettings(fold="all", device="cpu", trust=False, output_dir=str(tmp_path))
    assert evaluate(model, own, settings)[0]["n_test"] == 2
    with pytest.raises(UserError, match="1 recording, too few for 5 folds"):
        evaluate(model, own, settings.model_copy(update={"fold": 1}))


def test_parts_are_answered_as_files_of_their_own_are(tmp_path):
    data = make_recordings(tmp_path / "clips")
    model = Predictor([model_of_recordings(data, seen={"trained": [], "chosen": []})])
    spans = [(0.5, 0.9), (0.625, 1.2), (0.7, 1.15)]
    parts, alone = ["file,start,duration,label"], ["file,label"]
    for name, (start, end) in zip(("dog", "rain", "sea"), spans, strict=True):
        sound, rate = soundfile.read(tmp_path / "clips" / name / "a.wav")
        own = sound[round(start * rate) : round(end * rate)]
        soundfile.write(tmp_path / "clips" / f"{name}.wav", own, rate)
        parts.append(f"{name}/a.wav,{start},{end - start:.3f},{name}")
        alone.append(f"{name}.wav,{name}")
    answers = []
    for lines in (parts, alone):
        (tmp_path / "t.csv").write_text("\n".join(lines))
        columns = {"file": "file", "label": "label"}
        columns |= {"start": "start", "duration": "duration"} if lines is parts else {}
        own = {"_target_": "esc50.data.datasets.Table", "table": str(tmp_path / "t.csv")}
        own |= {"audio": str(tmp_path / "clips"), "columns": columns, "workers": 1}
        own |= {"cache_dir": data["cache_dir"], "windows": None}
        settings = EvaluationSettings(
            fold="all", device="cpu", trust=False, output_dir=str(tmp_path)
        )
        answers.append(np.array(rows(evaluate(model, own, settings)[1])[1:])[:, 2:].astype(float))
    assert np.array_equal(*answers) and len(np.unique(answers[0][:, 2])) == 3
