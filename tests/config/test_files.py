import pytest

from esc50.config.choices import CONF
from esc50.config.files import show_files
from esc50.errors import UserError


def test_a_group_is_shown_with_every_comment():
    shown = show_files("data")
    for path in (CONF / "data").glob("*.yaml"):
        assert f"# ==== data={path.stem} (conf/data/{path.name})\n" in shown
        assert path.read_text() in shown


@pytest.mark.parametrize("name", ["data=demo", "data/demo", "data/demo.yaml"])
def test_one_choice_is_shown_alone(name):
    assert show_files(name).endswith((CONF / "data" / "demo.yaml").read_text())
    assert "esc10" not in show_files(name).split("\n")[0]


def test_groups_within_groups_and_the_file_above_all():
    assert "n_jobs" in show_files("hydra/launcher")
    for command in ("train", "explore"):
        assert (CONF / f"{command}.yaml").read_text() in show_files(command)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("optimiser", "did you mean optimizer"),
        ("data=demmo", "data has no choice 'demmo'; there are csv, demo, esc10"),
        ("../pyproject", "there is no such group"),
        ("/etc", "there is no such group"),
        ("", "there is no such group"),
    ],
)
def test_what_is_not_there_is_answered_in_a_sentence(name, says):
    with pytest.raises(UserError, match=says):
        show_files(name)
