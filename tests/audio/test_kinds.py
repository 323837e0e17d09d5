import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from esc50.audio.kinds import KINDS, CqtSpec, DeltaSpec, LinearSpec, MfccSpec, PcenSpec
from esc50.audio.spec import FeatureSpec, make_spec
from esc50.config.resolvers import register_resolvers
from esc50.config.targets import locate
from esc50.data.cache.entries import entry_key
from esc50.errors import UserError
from tests.conftest import REPOSITORY

CHOICES = sorted(path.stem for path in (REPOSITORY / "conf" / "features").glob("*.yaml"))


@pytest.fixture(scope="module")
def sections():
    register_resolvers()
    with initialize_config_dir(version_base="1.3", config_dir=str(REPOSITORY / "conf")):
        return {
            choice: OmegaConf.to_container(
                compose("audit", [f"features={choice}"]).features, resolve=True
            )
            for choice in CHOICES
        }


@pytest.fixture(scope="module")
def specs(sections):
    return {choice: make_spec(section) for choice, section in sections.items()}


def test_every_kind_is_a_choice_and_its_defaults_are_the_kinds_own(specs):
    assert {type(spec) for spec in specs.values()} == {locate("features", kind) for kind in KINDS}
    for choice in ("logmel128", "mfcc", "pcen", "cqt", "logmel128_deltas"):
        assert specs[choice] == type(specs[choice])(), choice


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (DeltaSpec, {"delta_width": 8}),
        (DeltaSpec, {"delta_width": 999}),
        (DeltaSpec, {"standardise": "fixed"}),
        (MfccSpec, {"n_mfcc": 129}),
        (MfccSpec, {"height": 41}),
        (PcenSpec, {"top_db": 80.0}),
        (PcenSpec, {"eps": 0.0}),
        (LinearSpec, {"fmin": 1.0, "fmax": 2.0, "height": 1}),
        (LinearSpec, {"n_mels": 64}),
        (CqtSpec, {"n_bins": 120}),
        (CqtSpec, {"fmin": 1.0, "n_bins": 96}),
        (CqtSpec, {"height": 97}),
        (CqtSpec, {"n_fft": 2048}),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused_by_its_key(spec, words):
    with pytest.raises(UserError, match=f"features.{next(iter(words))}"):
        spec.parse("features", words)


def test_no_two_kinds_share_a_cache_entry(specs):
    assert len({str(spec.key) for spec in specs.values()}) == len(CHOICES)
    same = {"n_mels": 64, "height": 32}
    kinds = (FeatureSpec(**same), DeltaSpec(**same), MfccSpec(**same), PcenSpec(**same))
    assert len({entry_key("clips", features=spec.key, digests=[]) for spec in kinds}) == 4


def test_what_names_no_kind_is_refused():
    with pytest.raises(UserError, match="it takes a subclass of esc50"):
        make_spec({"_target_": "esc50.audio.files.read.read_clip"})
    with pytest.raises(UserError, match="it takes a subclass of esc50"):
        make_spec({"_target_": "esc50.audio.spec.BandedSpec"})
    assert make_spec({"n_mels": 64, "height": 64}) == FeatureSpec(n_mels=64, height=64)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000, 96000])
def test_clips_of_any_rate_have_a_log_mel_to_look_at(rate):
    spec = PcenSpec(sample_rate=rate, seconds=0.5, frames=200, channel=2, repeat_below=60.0)
    seen = spec.log_mel
    assert type(seen) is FeatureSpec and seen.channel == 2 and seen.repeat_below == 60.0
    assert 0.03 < seen.n_fft / rate < 0.07 and seen.frames == seen.n_frames
    assert DeltaSpec().log_mel.title == DeltaSpec.title  # its first channel is one


def test_rows_of_the_constant_q_transform_lie_an_octave_apart():
    spec = CqtSpec(bins_per_octave=24, n_bins=100, height=96)
    np.testing.assert_allclose(spec.frequencies[24:], 2 * spec.frequencies[:-24])
    assert spec.n_rows == 100 and spec.window & (spec.window - 1) == 0


def test_a_config_is_refused_where_augmentation_cannot_follow_before_torch_loads(run_python):
    code = """
import sys
from esc50.config.composition import compose_config
from esc50.data.cache.entries import entry_key
from esc50.errors import UserError
compose_config(["features=cqt"])
for augment in ("online", "published"):
    try:
        compose_config(["features=cqt", f"augment={augment}"])
    except UserError as error:
        print(error)
print("torch" in sys.modules)
"""
    said = run_python(code).splitlines()
    assert len(said) == 3 and said[2] == "False"
    assert said[0] == said[1]
    assert said[0].startswith("features: a constant-Q transform is not made of the spectra")
    assert "set augment=none" in said[0]


@pytest.fixture
def run_python():
    import subprocess
    import sys

    def run(code):
        return subprocess.run(
            [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
        ).stdout

    return run


def test_keys_of_the_files_are_the_settings_of_their_kind(sections, specs):
    """A setting that is in no file would be found by nobody."""
    for choice, section in sections.items():
        size = {"frames", "height", "width"} if choice == "mfcc_zcr" else set()  # it shows all
        settings = type(specs[choice]).model_fields.keys() - size
        assert section.keys() - {"_target_"} == settings, choice
