import time

import pytest

from esc50.errors import UserError
from esc50.model.pretrained.hub import check_had, is_name, read_json, without_retries

constants = pytest.importorskip("huggingface_hub.constants")


@pytest.fixture
def unreachable(monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def test_where_the_hub_does_not_answer_downloads_fail_at_once_and_for_that_time_alone(unreachable):
    with without_retries():
        assert constants.HF_HUB_OFFLINE
    assert not constants.HF_HUB_OFFLINE


def test_a_name_that_cannot_be_had_is_a_sentence_and_soon(unreachable):
    began = time.monotonic()
    assert read_json("nobody/nothing", "config.json") == {}
    with pytest.raises(UserError, match=r"^model\.weights=nobody/nothing is no folder here, and"):
        check_had("nobody/nothing")
    assert time.monotonic() - began < 10  # retries would take a minute


def test_a_folder_is_read_where_it_lies(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "hubert"}')
    assert read_json(str(tmp_path), "config.json") == {"model_type": "hubert"}
    assert read_json(str(tmp_path), "preprocessor_config.json") == {}
    assert not is_name(str(tmp_path)) and not is_name("./absent") and is_name("MIT/ast")
    check_had(str(tmp_path))
