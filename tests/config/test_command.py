import sys

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import ConfigCompositionException

from esc50.config.choices import CONF
from esc50.config.command import described_refusals, hydra_command
from esc50.config.resolvers import register_resolvers
from esc50.errors import UserError


@pytest.fixture
def typed(monkeypatch):
    """Types a command; its body raises what it is given."""

    def run(*arguments, refusal=None):
        monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
        monkeypatch.setattr(sys, "argv", ["command", *arguments])
        with hydra_command(lambda: "about this command"):
            if refusal:
                raise refusal
        return sys.argv[1:]

    return run


def test_help_is_the_commands_own_and_groups_are_shown_as_written(typed, capsys):
    for arguments, shown in (
        (["--help"], "about this command\n"),
        (["data=demo", "-h"], "about this command\n"),
        (["--help=split"], (CONF / "split" / "official.yaml").read_text()),
    ):
        with pytest.raises(SystemExit) as end:
            typed(*arguments)
        assert not end.value.code and shown in capsys.readouterr().out


def test_what_hydra_refuses_is_a_sentence_and_exit_status_1(typed, capsys):
    refusal = ConfigCompositionException("Could not override 'output'.\nKey 'output' is not there")
    for arguments in ([], ["data=null"], ["--help=nothing"]):
        with pytest.raises(SystemExit) as end:
            typed(*arguments, refusal=refusal)
        said = capsys.readouterr().err or f"{end.value.code}\n"
        assert end.value.code not in (0, None)
        assert said.startswith("error: ") and said.count("\n") == 1


def test_a_path_that_exists_is_taken_as_it_stands(typed, tmp_path):
    (tmp_path / "a, b").mkdir()
    assert typed(f"data.root={tmp_path / 'a, b'}") == [f"data.root='{tmp_path / 'a, b'}'"]


def test_overrides_may_stand_on_both_sides_of_m(typed):
    assert typed("output_dir=x", "-m", "seed=1,2") == ["-m", "output_dir=x", "seed=1,2"]


def test_a_key_within_null_is_refused_in_a_sentence():
    register_resolvers()
    directory = initialize_config_dir(version_base="1.3", config_dir=str(CONF))
    with directory, pytest.raises(UserError, match="holds no section"), described_refusals():
        compose("train", ["+hydra.sweeper.params.seed=1"])


def test_an_assertion_of_ones_own_is_none_of_hydras():
    with pytest.raises(AssertionError, match="mine"), described_refusals():
        raise AssertionError("mine")


def test_a_choice_longer_than_a_files_name_is_refused_in_a_sentence():
    register_resolvers()
    directory = initialize_config_dir(version_base="1.3", config_dir=str(CONF))
    with directory, pytest.raises(UserError, match=r"^a{40}\.\.\. is longer"), described_refusals():
        compose("train", [f"augment={'a' * 5000}"])
