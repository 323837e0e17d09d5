import shutil

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from esc50.audio.augment import Augment
from esc50.audio.augment_params import make_recipe
from esc50.audio.logmel import LogMel
from esc50.audio.read import read_clip
from esc50.audio.spec import FeatureSpec
from esc50.config.choices import CONF
from esc50.data.cache import clip_digests
from esc50.data.features import clip_features, copy_features, single_threaded
from esc50.data.table import read_table
from esc50.errors import UserError

SPEC = FeatureSpec(
    sample_rate=8000, seconds=0.5, n_fft=256, hop_length=64, n_mels=32, frames=64, height=32,
    width=32,
)  # fmt: skip


def features_of(table, cache, spec=SPEC, workers=None):
    return clip_features(table, spec, clip_digests(table.paths, cache), cache, workers)


def test_rows_are_the_clips_own_features_whatever_the_workers(tiny, tmp_path):
    table = read_table(tiny)
    one, many = (features_of(table, tmp_path / str(n), workers=n) for n in (1, 4))
    assert all(np.array_equal(one[name], many[name]) for name in one)
    clip = torch.from_numpy(read_clip(table.paths[7], 8000, 4000))
    for name, own in zip(("logmel", "magnitude", "peak"), LogMel(SPEC)(clip), strict=True):
        np.testing.assert_allclose(one[name][7], own.numpy(), rtol=1e-5, atol=1e-5)


def test_another_spec_is_another_entry(tiny, tmp_path):
    table = read_table(tiny)
    features_of(table, tmp_path)
    wider = features_of(table, tmp_path, SPEC.model_copy(update={"width": 64}))
    assert wider["logmel"].shape == (50, 1, 32, 64)


def test_a_clip_that_is_no_sound_is_named(tiny, tmp_path):
    root = tmp_path / "set"
    shutil.copytree(tiny, root)
    table = read_table(root)
    table.paths[3].write_bytes(b"no sound")
    with pytest.raises(UserError, match=table.filenames[3]):
        features_of(table, tmp_path / "cache")


def test_copies_are_rendered_once_and_rows_do_not_depend_on_their_batch(tiny, tmp_path):
    table = read_table(tiny)
    features = features_of(table, tmp_path)
    section = OmegaConf.to_container(OmegaConf.load(CONF / "augment" / "published.yaml"))
    recipe = make_recipe(section)
    clip_of_copy, params = recipe.sample_copies(len(table), np.random.default_rng(0))
    augment = Augment(SPEC, recipe)
    made = copy_features(features, augment, params, clip_of_copy, {"a": 1}, tmp_path)
    assert made.shape == (len(clip_of_copy), 1, 32, 32) and len(made) > 64
    row = slice(70, 71)
    clips = clip_of_copy[row]
    parts = (torch.from_numpy(features[name][clips]) for name in ("magnitude", "peak", "logmel"))
    alone = augment.render(*parts, params[row])
    np.testing.assert_allclose(made[70], alone[0].numpy(), atol=1e-5)
    again = copy_features(features, None, params, clip_of_copy, {"a": 1}, tmp_path)  # not rendered
    assert np.array_equal(again, made)


def test_threads_are_given_back():
    before = torch.get_num_threads()
    with single_threaded():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
