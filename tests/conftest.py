"""Fixtures shared by all tests."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

if "PYTEST_XDIST_WORKER" in os.environ:  # a process per core: more threads would get in the way
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch loads, here and in the runs tests start

REPOSITORY = Path(__file__).parents[1]
# Of the runs that tests make; set it to try another. Tests that compare numbers fix their own.
PRECISION = os.environ.get("ESC50_TEST_PRECISION", "auto")
# Of half a second at 8 kHz, as pictures of 32 x 32.
SMALL_FEATURES = """features.sample_rate=8000 features.seconds=0.5 features.n_fft=256
    features.hop_length=64 features.n_mels=32 features.frames=64 features.height=32
    features.width=32""".split()
# A sixteenth of the weights, where a test names no network: most of a tiny run's time went there.
NARROW = "model.width=16"
TEST_DATA = Path(os.environ.get("ESC50_TEST_DATA", REPOSITORY.parent / "shared"))


@pytest.fixture(scope="session")
def esc10() -> Path:
    """The 400 clips of ESC-10 in ESC-50 layout."""
    root = TEST_DATA / "esc10"
    if not (root / "meta" / "esc50.csv").exists():
        pytest.skip(f"no ESC-10 at {root}: set ESC50_TEST_DATA to the folder that holds esc10/")
    return root


@pytest.fixture(scope="session")
def esc50_table() -> Path:
    """The official table of all 2,000 clips, without audio."""
    path = TEST_DATA / "esc50.csv"
    if not path.exists():
        pytest.skip(f"no esc50.csv at {TEST_DATA}: set ESC50_TEST_DATA to the folder that holds it")
    return path


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """Fifty clips of 5 classes of made-up sound, half a second at 8 kHz, in ESC-50 layout."""
    root = tmp_path_factory.mktemp("tiny")
    (root / "audio").mkdir()
    (root / "meta").mkdir()
    rows = [("filename", "fold", "target", "category")]
    time = np.arange(4000) / 8000
    for fold in range(1, 6):
        for target in range(5):
            for source in range(2):
                name = f"{fold}-{fold}{target}{source}-A-{target}.wav"
                rng = np.random.default_rng([fold, target, source])
                tone = np.sin(2 * np.pi * 200 * 1.7**target * rng.uniform(0.95, 1.05) * time)
                clip = 0.3 * tone + 0.05 * rng.standard_normal(4000)
                soundfile.write(root / "audio" / name, clip, 8000)
                rows.append((name, fold, target, f"tone{target}"))
    with (root / "meta" / "esc50.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root


@pytest.fixture(scope="session")
def tiny_overrides(tiny, tmp_path_factory) -> list[str]:
    """What makes a run on `tiny` take a second or two."""
    return [
        "data=esc50",
        f"data.root={tiny}",
        f"data.cache_dir={tmp_path_factory.mktemp('cache')}",
        *SMALL_FEATURES,
        "batch_size=16",
        "trainer.accelerator=cpu",
        f"trainer.precision={PRECISION}",
        "trainer.max_epochs=2",
        "trainer.enable_progress_bar=false",
        "report=false",  # which takes longer than such a run
        "callbacks.images.n_clips=2",  # of eight, the figure takes half as long as such a run
    ]


@pytest.fixture
def config(tiny_overrides, tmp_path):
    """Composes a config of a run on `tiny` that writes to this test's folder."""

    def make(*overrides: str):
        from hydra import compose, initialize_config_dir

        from esc50.config.resolvers import register_resolvers

        register_resolvers()

        with initialize_config_dir(version_base="1.3", config_dir=str(REPOSITORY / "conf")):
            mine = [*tiny_overrides, f"output_dir={tmp_path / 'outputs'}"]
            if not any(one.startswith(("model", "+experiment=best_imagenet")) for one in overrides):
                mine.append(NARROW)
            return compose("train", overrides=[*mine, *overrides])

    return make


@pytest.fixture(scope="session")
def tiny_run(tiny_overrides, tmp_path_factory) -> Path:
    """The folder of a finished run on `tiny`; tests read it and leave it as it is."""
    from esc50.config.composition import compose_config
    from esc50.training.fold import run_fold

    folder = tmp_path_factory.mktemp("outputs") / "run"
    whole = [NARROW, "callbacks.last.keep_optimizer=true", f"output_dir={folder.parent}"]
    run_fold(compose_config([*tiny_overrides, *whole]), folder)
    return folder


@pytest.fixture
def make_run():
    """Makes run folders: see `make_run_folder`."""
    from tests.made_run import make_run_folder

    return make_run_folder
