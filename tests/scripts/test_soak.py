"""The short form of scripts/soak.py: a command is stopped, and what the soak says is checked."""

import importlib
import random
import signal
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def faults(monkeypatch):
    """Imports a module of scripts/faults."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return lambda name: importlib.import_module(f"faults.{name}")


@pytest.fixture
def trial(faults, tmp_path):
    """A trial of one run, whose unbroken run predicted `same`."""
    ground = faults("ground").Ground(tmp_path)
    ground._expected["one run"] = {"run/predictions.csv": b"same"}
    (tmp_path / "broken").mkdir()
    yield faults("ground").Trial(ground, "one run", tmp_path / "broken", random.Random(0))
    ground.end()


@pytest.mark.parametrize("name", ["SIGTERM", "Ctrl-C", "SIGKILL"])
def test_a_command_that_is_stopped_while_it_imports_says_so(faults, trial, name):
    _, fault = faults("stops").stops()[name, "imports"]
    fault(trial)
    (console,) = (trial.ground.work / "consoles").iterdir()
    number = faults("stops").SIGNALS[name]
    said = "" if number == signal.SIGKILL else f"stopped by {number.name}"
    assert console.read_text().startswith(said)


def test_a_traceback_an_orphan_or_another_code_is_no_good_end(faults, trial):
    command_class, check_end = faults("ground").Command, faults("stops").check_end
    started = "while ! grep -q sleep /proc/$!/comm; do :; done"  # until then it is a second sh
    words = ["sh", "-c", f"sleep 60 & {started}; echo 'stopped by SIGTERM'; exit 143"]
    command = command_class(words, trial.ground.work / "consoles" / "a.log", {})
    code = command.wait()
    check_end(command, signal.SIGTERM, code)
    with pytest.raises(AssertionError, match="exit code 143"):
        check_end(command, signal.SIGINT, code)
    assert len(command.processes("sleep")) == 1
    command.tell(signal.SIGKILL, everyone=True)
    command.console.write_text("Traceback (most recent call last):\nstopped by SIGTERM\n")
    with pytest.raises(AssertionError, match="a traceback"):
        check_end(command, signal.SIGTERM, code)
    command.console.write_text("")
    with pytest.raises(AssertionError, match="not one line"):
        check_end(command, signal.SIGTERM, code)


@pytest.mark.parametrize(
    ("predicted", "rows", "left", "wrong"),
    [
        ("same", 1, None, None),
        ("other", 1, None, "other predictions"),
        ("same", 2, None, "rows in the ledger"),
        ("same", 1, "last.ckpt.part7", "half-written"),
        (None, 1, None, "other runs"),
    ],
)
def test_what_differs_from_the_unbroken_run_is_a_loss(trial, predicted, rows, left, wrong):
    (trial.folder / "run").mkdir()
    (trial.folder / "outputs").mkdir()
    if predicted:
        (trial.folder / "run" / "predictions.csv").write_text(predicted)
    ledger = ["signature,seed,fold", *["a,1,1"] * rows]
    (trial.folder / "outputs" / "results.csv").write_text("\n".join(ledger) + "\n")
    if left:
        (trial.folder / "run" / left).touch()
    if wrong is None:
        trial.compare()
        return
    with pytest.raises(AssertionError, match=wrong):
        trial.compare()


def test_the_table_counts_and_names_what_could_not_be_tried(faults, monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    soak = importlib.import_module("soak")
    one, other = ("SIGTERM", "training"), ("disk full", "training")
    monkeypatch.setattr(soak, "why_not", lambda name: "" if name == "SIGTERM" else "takes root")
    ended = {(one, 0): (True, True), (one, 1): (True, False)}
    rows = list(soak._rows(dict.fromkeys([one, other]), ended))
    assert rows[0] == ["SIGTERM", "training", "2", "2", "1"]
    assert rows[1][2:] == ["skipped: takes root", "", ""]


def test_every_signal_meets_every_phase(faults):
    stops, phases = faults("stops").stops(), faults("phases").PHASES
    assert len(stops) == 3 * len(phases) == 54
    assert {phase.kind for phase, _ in stops.values()} == set(faults("ground").KINDS)
