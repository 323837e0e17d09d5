import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from esc50.deploy.predictor import Predictor
from esc50.deploy.serve.browser import RUNTIME, check_runtime, write_browser_page
from esc50.deploy.serve.page import IN_BROWSER, read_part
from esc50.errors import UserError
from tests.deploy.small import small_model


@pytest.fixture
def runtime(tmp_path):
    """Stands for node_modules/onnxruntime-web/dist."""
    folder = tmp_path / "dist"
    folder.mkdir()
    for name in RUNTIME:
        (folder / name).write_text(name)
    return folder


def test_a_runtime_that_is_not_there_is_asked_for(runtime):
    check_runtime(runtime)
    (runtime / RUNTIME[-1]).unlink()
    with pytest.raises(UserError, match=r"lacks .*wasm: `npm install onnxruntime-web`"):
        check_runtime(runtime)


@pytest.mark.slow
def test_the_folder_has_all_that_the_page_loads(runtime, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    (tmp_path / "model.onnx").write_bytes(b"a model")
    predictor, folder = Predictor([small_model()]), tmp_path / "browser"
    write_browser_page(predictor, tmp_path / "model.onnx", folder, runtime)
    there = {path.name for path in folder.iterdir()}
    page, script = (folder / "index.html").read_text(), (folder / "predict.js").read_text()
    loaded = re.findall(r'(?:src|href)="([\w.]+)"', page)
    loaded += re.findall(r'from "\./([\w.]+)"|open\("([\w.]+)"\)', script)[0][:1]
    assert {*loaded, "model.onnx", "recorder.js"} <= there and len(loaded) > 2
    facts = json.loads(html.unescape(re.search(r'data-model="(.*?)"', page)[1]))
    assert facts == {
        "classes": ["dog", "rain|<b>", "sea_waves"],
        "rate": 8000,
        "samples": 4000,
        "channel": None,
        "topDb": 80.0,
        "threshold": 0.0,
    }
    waveforms = np.random.default_rng(0).normal(0, 0.1, (1, 4000)).astype(np.float32)
    session = onnxruntime.InferenceSession(folder / "mel.onnx", providers=["CPUExecutionProvider"])
    front_end = predictor.front_end
    expected = front_end.rows(torch.from_numpy(waveforms))
    np.testing.assert_allclose(
        session.run(["mel"], {"waveform": waveforms})[0], expected, rtol=1e-3
    )


@pytest.mark.parametrize(
    ("channel", "heard"),
    [
        (None, [[0.5, 0.5], [-1, -1]]),
        (1, [[1, 1], [0, 0]]),
        (2, [[0, 0], [-2, -2]]),
        ("loudest", [[1, 1], [-2, -2]]),
        (3, "a.wav has 2 channels: the model hears number 3 alone"),
    ],
)
def test_the_page_hears_the_channel_that_the_features_are_of(channel, heard, tmp_path):
    if (node := shutil.which("node")) is None:
        pytest.skip("there is no node")
    script = tmp_path / "predict.mjs"
    first, rest = read_part(IN_BROWSER["predict.js"]).split("\nimport ", 1)
    script.write_text(first + rest[rest.index("\n") :])
    facts = {"classes": ["a", "b"], "rate": 8, "samples": 2, "topDb": 80, "threshold": 0}
    sound = [[1, 1, 0, 0], [0, 0, -2, -2]]
    check = Path(__file__).with_name("check_channels.mjs")
    given = json.dumps({"model": {**facts, "channel": channel}, "sound": sound})
    command = [node, str(check), str(script), given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == heard
