"""One report of a real run, and a run whose names are hostile."""

import csv
import re
import shutil

import pytest

EVIL = ("<script>alert(1)</script>", "=1+1", "x" * 200, "a\x07b\x1b[31m", "plain")


@pytest.fixture(scope="session")
def reported(tiny_run, tmp_path_factory):
    """The folder of a finished run on `tiny`, with its report."""
    from esc50.report.run_report import write_report

    folder = tmp_path_factory.mktemp("reported") / "run"
    shutil.copytree(tiny_run, folder)
    write_report(folder)
    return folder


@pytest.fixture
def hostile(tmp_path, make_run):
    """A made-up run without sound, whose classes and clips have names that nobody should give."""
    folder = make_run(tmp_path / "hostile", leaky=True, experiment="<img src=x onerror=alert(2)>")
    path = folder / "predictions.csv"
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    header[4:] = EVIL
    rows[0][0] = "<b>\x00.wav"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return folder


def seen(page):
    """What of a page is neither script nor style."""
    return re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.S)
