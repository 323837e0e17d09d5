"""What `esc50-predict` prints of sounds good and bad."""

import io
import json
import os
import sys
from itertools import pairwise

import numpy as np
import pytest
import soundfile

from scripts.predict import main
from tests.deploy.odd_sounds import BAD, GOOD, make_odd_sounds


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    return make_odd_sounds(tmp_path_factory.mktemp("odd"))


@pytest.fixture
def predict(run_main, tiny_run):
    """Runs the command; returns exit status, what it printed, and what it said on the side."""

    return lambda *arguments: run_main(main, tiny_run / "checkpoints" / "best.ckpt", *arguments)


def test_a_sound_of_any_kind_gets_an_answer(odd, predict):
    good = {name: seconds for name, seconds in GOOD.items() if seconds < 600}
    status, out, err = predict(*(odd / name for name in good), "--json", "--hop", "0.5")
    assert status == 0, err
    answers = dict(zip(good, map(json.loads, out.splitlines()), strict=True))
    for name, seconds in good.items():
        assert sum(answers[name]["probabilities"].values()) == pytest.approx(1, abs=1e-4)
        assert answers[name]["seconds"] == pytest.approx(seconds, abs=0.06)
    for name in ("8k.wav", "96k.wav", "stereo.wav", "24bit.wav", "float.wav", "sound.flac"):
        found = answers[name]["probabilities"]
        assert found == pytest.approx(answers["44k.wav"]["probabilities"], abs=0.05)


@pytest.mark.slow
def test_ten_minutes_get_an_answer_per_window(odd, predict):
    status, out, _ = predict(odd / "10min.wav", "--json")
    answer = json.loads(out)
    assert status == 0 and answer["seconds"] == GOOD["10min.wav"]
    assert len(answer["windows"]) == 2399  # one every quarter of a second


def test_what_is_no_sound_is_named_in_a_sentence(odd, predict):
    status, out, err = predict(odd / "44k.wav", *(odd / name for name in BAD), "--csv")
    assert status == 1 and "Traceback" not in err
    assert [line.split(",")[0] for line in out.splitlines()[1:]] == [str(odd / "44k.wav")]
    *skipped, last = err.splitlines()
    assert len(skipped) == len(BAD)
    for name, why in BAD.items():
        assert any(line.startswith(f"skipped: {odd / name} {why}") for line in skipped)
    assert last == f"error: {len(BAD)} of the sounds could not be read, see above"


def test_silence_is_said_on_the_side_and_in_the_answer(odd, predict, tmp_path):
    soundfile.write(tmp_path / "null.wav", np.zeros(4000), 8000)
    status, out, err = predict(tmp_path / "null.wav", "--json")
    assert status == 0 and json.loads(out)["remarks"] == ["is silent"]
    assert "remark: " in err and "null.wav is silent" in err
    status, _, err = predict(odd / "44k.wav")
    assert status == 0 and "remark" not in err


def test_what_nobody_may_read_is_named(odd, predict):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    status, _, err = predict(odd / "forbidden.wav")
    assert status == 1 and "forbidden.wav cannot be read: Permission denied" in err


def test_a_table_says_what_answers_and_what_the_threshold_is(odd, predict):
    status, out, _ = predict(odd / "44k.wav", odd / "minute.wav", "--hop", "0.5", "--wide")
    assert status == 0
    assert "default, seed 42, fold 1" in out
    assert "which 95% of 10 validation clips reach; chosen on known classes alone" in out
    assert "from" in out and "1:00.0" in out
    assert "of 10 validation" not in predict(odd / "44k.wav", "--threshold", "0")[1]


def test_a_label_track_is_of_one_sound(odd, predict):
    status, out, _ = predict(odd / "minute.wav", "--audacity", "--hop", "0.5")
    spans = [line.split("\t") for line in out.splitlines()]
    assert status == 0 and float(spans[0][0]) == 0 and float(spans[-1][1]) == 60
    assert all(one[1] == other[0] for one, other in pairwise(spans))
    status, _, err = predict(odd / "44k.wav", odd / "8k.wav", "--audacity")
    assert status == 1 and "a label track is of one sound, these are 2" in err


def test_a_sound_may_come_by_standard_input(odd, predict, monkeypatch):
    def pipe(data):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    pipe((odd / "sound.flac").read_bytes())
    answer = json.loads(predict("-", "--json")[1])
    expected = json.loads(predict(odd / "sound.flac", "--json")[1])
    assert answer == expected | {"sound": "standard input"}
    pipe(b"no sound")
    assert "skipped: standard input is not audio" in predict("-")[2]


@pytest.mark.parametrize(
    ("option", "why"),
    [
        (["--hop", "0"], "a hop of 0 s is invalid: at least 0.005 s, at most 0.5 s"),
        (["--hop", "1e-5"], "a hop of 1e-05 s is invalid: at least 0.005 s"),
        (["--threshold", "nan"], "--threshold nan is invalid"),
        (["--top", "0"], "--top 0 is invalid"),
        (["--device", "tpu"], "there is no device tpu here"),
    ],
)
def test_wrong_options_are_a_sentence(odd, predict, option, why):
    status, _, err = predict(odd / "44k.wav", *option)
    assert status == 1 and why in err
