import threading
import time

import pytest

from esc50.data.sets.build_folder import build_folder
from esc50.errors import UserError


def build(folder):
    (folder / "done").touch()


def test_it_appears_when_it_is_built_and_is_built_once(tmp_path):
    root, calls = tmp_path / "new" / "set", []

    def build_slowly(folder):
        calls.append(folder)
        assert not root.exists()
        time.sleep(0.2)
        build(folder)

    ready = (root / "done").exists
    both = [threading.Thread(target=build_folder, args=(root, ready, build_slowly)) for _ in "ab"]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(calls) == 1 and ready()
    assert {path.name for path in root.parent.iterdir()} <= {"set", ".set.lock"}


def test_a_failed_build_leaves_nothing_and_a_killed_one_is_cleared_away(tmp_path):
    root = tmp_path / "set"
    (tmp_path / ".set.part").mkdir()
    (tmp_path / ".set.part" / "half").touch()

    def fail(folder):
        assert not list(folder.iterdir())
        (folder / "half").touch()
        raise UserError("no such sound")

    with pytest.raises(UserError, match="no such sound"):
        build_folder(root, root.exists, fail)
    assert {path.name for path in tmp_path.iterdir()} <= {".set.lock"}


@pytest.mark.parametrize("what", ["file", "full folder"])
def test_something_else_in_its_place_is_left_alone(tmp_path, what):
    root = tmp_path / "set"
    if what == "file":
        root.write_text("mine")
    else:
        root.mkdir()
        (root / "mine").touch()
    with pytest.raises(UserError, match=r"something else.*choose another data\.root"):
        build_folder(root, lambda: False, build)
    assert root.is_file() or [path.name for path in root.iterdir()] == ["mine"]


def test_an_empty_folder_is_taken(tmp_path):
    build_folder(tmp_path, lambda: False, build)
    assert (tmp_path / "done").exists()


def test_what_is_there_takes_no_lock(tmp_path):
    (tmp_path / ".set.lock").mkdir()  # which would end it
    build(tmp_path)
    build_folder(tmp_path / "set", (tmp_path / "done").exists, build)
    assert not (tmp_path / "set").exists()


def test_a_disk_that_is_full_is_named(tmp_path):
    def fill(folder):
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match=r"cannot be written \(the disk is full\)"):
        build_folder(tmp_path / "set", lambda: False, fill)
