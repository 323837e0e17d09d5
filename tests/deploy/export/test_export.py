import json

import numpy as np
import pytest
import soundfile

from esc50.deploy.export import runtimes
from esc50.deploy.export.export import INT8, ONNX, TORCH, Exporter
from esc50.deploy.export.run_clips import Clips
from esc50.deploy.predictor import Predictor
from esc50.errors import UserError
from tests.deploy.small import small_model


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("clips"), np.random.default_rng(0)
    paths = [folder / f"{number}.wav" for number in range(6)]
    for path in paths:
        soundfile.write(path, rng.normal(0, rng.uniform(0.01, 0.3), 4000), 8000)
    return Clips(paths, np.arange(6) % 3)


@pytest.fixture(scope="module")
def exported(clips, tmp_path_factory):
    pytest.importorskip("onnxscript")
    folder = tmp_path_factory.mktemp("export")
    return folder, Exporter(Predictor([small_model()]), clips, clips).write(folder, [ONNX, INT8])


def test_every_file_answers_as_its_checkpoint_does(exported, clips):
    folder, checked = exported
    assert sorted(path.name for path in folder.iterdir()) == sorted([ONNX, INT8, "README.md"])
    names = [row.name for row in checked]
    assert names == ["float32", ONNX, INT8]
    assert all(row.difference < 1e-5 for row in checked if row.name != INT8)
    assert 0 < checked[2].difference < 0.1
    session = runtimes.run_onnx((folder / ONNX).read_bytes())
    answer = session(next(clips.waveforms(small_model().spec)))
    assert clips.accuracy(answer) == checked[1].accuracy


def test_the_file_says_what_it_is(exported):
    import onnxruntime

    folder, checked = exported
    session = onnxruntime.InferenceSession(folder / INT8, providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["classes"])[0] == "dog"
    assert about["test/acc"] == f"{checked[2].accuracy:.4f}"


def test_the_precision_of_the_run_is_compared_too(clips):
    checked = Exporter(Predictor([small_model(precision="bf16-mixed")]), clips).checked
    assert [row.name for row in checked] == ["float32", "bf16-mixed"]
    assert 0 < checked[1].difference < 0.1


def test_a_file_that_answers_otherwise_is_not_written(clips, tmp_path):
    exporter = Exporter(Predictor([small_model()]), clips)
    exporter.portable.networks[0][-1].bias[0] += 10  # as if the exporter had a bug
    with pytest.raises(UserError, match="would answer differently from its checkpoint"):
        exporter.write(tmp_path / "export", [TORCH])
    assert list((tmp_path / "export").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_sentence(clips, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be written .* name another folder with --output"):
        Exporter(Predictor([small_model()]), clips).write(tmp_path / "file" / "export", [ONNX])
