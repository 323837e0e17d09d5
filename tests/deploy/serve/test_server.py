import asyncio
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("fastapi")

import uvicorn
from fastapi.testclient import TestClient

from esc50.deploy.predictor import Predictor
from esc50.deploy.serve.server import Limits, create_app, file_name
from tests.deploy.odd_sounds import GOOD, make_odd_sounds
from tests.deploy.small import small_model
from tests.report.browser import faults_in_browser


@pytest.fixture(scope="module")
def predictor():
    return Predictor([small_model()])


@pytest.fixture(scope="module")
def client(predictor):
    return TestClient(create_app(predictor, Limits(megabytes=20)))


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Files as people send them, and the status that each deserves."""
    folder = make_odd_sounds(tmp_path_factory.mktemp("odd"))
    whole, noise = (folder / "stereo.wav").read_bytes(), np.random.default_rng(0)
    (folder / "<img src=x onerror=alert(1)>.wav").write_bytes(whole)
    (folder / "Straße 音.wav").write_bytes(whole)
    (folder / "no suffix").write_bytes(whole)
    (folder / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "header.wav").write_bytes(whole[:30])
    (folder / "noise.mp3").write_bytes(noise.bytes(5000))
    soundfile.write(folder / "8 channels.wav", noise.normal(0, 0.1, (4000, 8)), 8000)
    soundfile.write(folder / "one sample.wav", [0.1], 8000)
    soundfile.write(folder / "no samples.wav", np.zeros(0), 8000)
    fine = [*GOOD, "<img src=x onerror=alert(1)>.wav", "Straße 音.wav", "no suffix"]
    fine += ["8 channels.wav", "one sample.wav"]
    bad = [f"{name}.wav" for name in ("nan", "empty", "text", "cut", "header", "no samples")]
    statuses = {**dict.fromkeys(fine, 200), **dict.fromkeys([*bad, "noise.mp3"], 422)}
    statuses["10min.wav"] = 413
    return {folder / name: status for name, status in statuses.items()}


def post(client, path, **parameters):
    with path.open("rb") as file:
        return client.post("/predict", files={"file": (path.name, file)}, params=parameters)


def test_every_odd_file_gets_an_answer_or_a_sentence(client, odd):
    for path, status in odd.items():
        response = post(client, path, spectrogram=True)
        assert response.status_code == status, (path.name, response.text)
        body = response.json()
        if status == 200:
            assert body["name"] == path.name
            assert sum(body["probabilities"]) == pytest.approx(1, abs=1e-4)
        else:
            assert list(body) == ["error"] and path.name in body["error"]
            assert tempfile.gettempdir() not in body["error"]


def test_the_answer_is_that_of_the_predictor(client, predictor, odd):
    path = next(path for path in odd if path.name == "minute.wav")
    expected = predictor.predict(path)
    body = post(client, path, hop=0.5).json()
    assert body["classes"] == list(predictor.classes) and body["label"] == expected.label
    assert len(body["windows"]) == 120
    assert post(client, path).json()["probabilities"] == expected.probabilities.tolist()


def test_nothing_is_left_on_disk(client, odd, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for path in list(odd)[::5]:
        post(client, path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("request_", "status", "says"),
    [
        ({"content": b"RIFF"}, 422, "field `file`"),
        ({"json": {"file": "a.wav"}}, 422, "field `file`"),
        ({"files": {"sound": b"RIFF"}}, 422, "field `file`"),
        ({"data": {"file": "a.wav"}}, 422, "field `file`"),
        ({"files": {"file": ("a.wav", b"")}}, 422, "a.wav is empty"),
        ({"files": {"file": b"RIFF"}, "params": {"hop": "x"}}, 422, "hop: "),
        ({"files": {"file": b"RIFF"}, "params": {"hop": "-1"}}, 422, "a hop of -1 s is invalid"),
        (
            {"files": {"file": b"RIFF"}, "params": {"hop": "1e-5"}},
            422,
            "a hop of 1e-05 s is invalid: at least 0.05 s, at most 0.5 s",
        ),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "oundary"),
        ({"files": {"file": bytes(21 * 2**20)}}, 413, "larger than 20 MiB"),
    ],
    ids=["raw", "json", "field", "text", "empty", "word", "negative", "tiny", "boundary", "large"],
)
def test_a_request_that_is_not_one_is_told_what_to_do(client, request_, status, says):
    response = client.post("/predict", **request_)
    assert response.status_code == status, response.text
    assert says in response.json()["error"]


def test_other_addresses_are_refused_in_json(client):
    assert client.get("/predict").json() == {"error": "Method Not Allowed"}
    assert client.get("/none").json() == {"error": "Not Found"}
    assert client.get("/static/..%2fcard.py").status_code == 404


def test_pages_need_nothing_from_elsewhere(client):
    for address in ("/", "/docs", "/static/page.js", "/static/page.css", "/static/recorder.js"):
        response = client.get(address)
        assert response.status_code == 200
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        others = response.text.replace("http://www.w3.org/2000/svg", "").replace(
            "http://testserver", ""
        )
        assert "http:" not in others and "https:" not in others
    schema = client.get("/openapi.json").json()
    assert list(schema["paths"]) == ["/predict"]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("a.wav", "a.wav"),
        ("../../etc/passwd", "passwd"),
        (r"C:\Sounds\dog.wav", "dog.wav"),
        ("a\x1b[31m\n.wav", "a[31m.wav"),
        ("", "the sound"),
        (None, "the sound"),
        ("x" * 500, "x" * 200),
    ],
)
def test_a_file_keeps_the_last_part_of_its_name(given, name):
    assert file_name(given) == name


def test_a_fault_is_told_without_its_insides(predictor, tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", np.zeros(800), 8000)
    broken = Predictor([small_model()])
    monkeypatch.setattr(broken, "predict_each", lambda *_: 1 / 0)
    client = TestClient(create_app(broken), raise_server_exceptions=False)
    response = post(client, Path(tmp_path / "a.wav"))
    assert response.status_code == 500 and "division" not in response.text


def test_nothing_more_is_computed_for_a_client_that_is_gone(predictor, odd, monkeypatch):
    computed, sent = [], []
    probabilities = Predictor.probabilities
    monkeypatch.setattr(
        Predictor,
        "probabilities",
        lambda self, x: computed.append(len(x)) or probabilities(self, x),
    )
    path = next(path for path in odd if path.name == "minute.wav")
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    body = head + path.read_bytes() + b"\r\n--x--\r\n"
    messages = [{"type": "http.request", "body": body}, {"type": "http.disconnect"}]

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/predict", "query_string": b"hop=0.05",
        "headers": [(b"content-type", b"multipart/form-data; boundary=x")],
    }  # fmt: skip
    asyncio.run(create_app(predictor)(scope, receive, send))
    assert sent[0]["status"] == 499
    assert sum(computed) < 600  # of 1191 windows


@pytest.mark.slow
def test_files_and_recordings_get_their_answers_in_a_browser(predictor, odd):
    named = {path.name: str(path) for path in odd}
    server = uvicorn.Server(uvicorn.Config(create_app(predictor), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.1)
        port = server.servers[0].sockets[0].getsockname()[1]
        given = f"http://127.0.0.1:{port}/", named["minute.wav"], named["text.wav"]
        script = Path(__file__).with_name("check_server_page.js")
        assert faults_in_browser(*given, script=script) == []
    finally:
        server.should_exit = True
        thread.join()
