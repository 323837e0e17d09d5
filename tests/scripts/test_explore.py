import subprocess
import sys
from shutil import copytree

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow  # a process that imports nearly everything


def explore(*arguments, cwd):
    command = [sys.executable, str(REPOSITORY / "scripts" / "explore.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)


def test_a_page_and_a_list_of_the_data_set_by_its_name(tiny, tiny_overrides, tmp_path):
    features = [o for o in tiny_overrides if o.startswith(("data", "features"))]
    done = explore(*features, "reduction=pca", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "outputs" / "explore" / "esc50"
    assert sorted(path.name for path in folder.iterdir()) == ["clips.csv", "index.html"]
    assert "Data set esc50" in (folder / "index.html").read_text()
    assert "cannot be read" not in done.stdout


def test_clips_that_cannot_be_read_are_counted_aloud(tiny, tiny_overrides, tmp_path):
    copytree(tiny, tmp_path / "odd")
    next((tmp_path / "odd" / "audio").iterdir()).write_text("no sound")
    features = [o for o in tiny_overrides if o.startswith(("data", "features"))]
    done = explore(*features, f"data.root={tmp_path / 'odd'}", "reduction=pca", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "at which training would stop: 1" in done.stdout


def test_a_wrong_folder_is_a_sentence(tmp_path):
    done = explore("data=folder", f"data.root={tmp_path / 'none'}", cwd=tmp_path)
    assert done.returncode == 1
    assert "none" in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("features", ["mfcc", "cqt"])
def test_features_of_other_kinds_have_a_page_with_log_mels(tiny_overrides, tmp_path, features):
    sizes = ["seconds=0.5", "sample_rate=8000", "hop_length=64", "frames=63", "width=16"]
    sizes += ["fmin=100.0", "height=20"] + (["n_bins=40"] if features == "cqt" else ["n_fft=256"])
    data = [override for override in tiny_overrides if override.startswith("data")]
    chosen = [f"features={features}", *(f"features.{size}" for size in sizes)]
    if features == "cqt":
        done = explore(*data, *chosen, cwd=tmp_path)
        assert done.returncode == 1 and "set augment=none" in done.stderr
        assert "Traceback" not in done.stderr
        chosen += ["augment=none"]
    else:
        chosen += ["features.n_mels=32", "features.n_mfcc=20"]
    done = explore(*data, *chosen, "reduction=pca", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "outputs" / "explore" / "esc50" / "index.html").read_text()
    assert "Log-mel: " in page
    assert ("(MFCC) are what training sees" if features == "mfcc" else "changes nothing") in page
