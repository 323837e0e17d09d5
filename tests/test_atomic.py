import signal
import subprocess
import sys
import zipfile

import pytest

from esc50.atomic import atomic_write, atomic_write_text, check_archive, remove_leftovers


def test_a_file_is_replaced_by_what_was_written(tmp_path):
    path = tmp_path / "a.txt"
    atomic_write_text(path, "old")
    atomic_write_text(path, "naïve\r\nnew\n")
    assert path.read_bytes() == "naïve\r\nnew\n".encode()
    with atomic_write(path, "wb") as file:
        file.write(b"\0\xff")
    assert path.read_bytes() == b"\0\xff"
    assert [left.name for left in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failure_in_the_middle_leaves_the_old_file_alone(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error), atomic_write(path) as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"
        raise error
    assert path.read_text() == "old"
    assert [left.name for left in tmp_path.iterdir()] == ["a.txt"]


def test_a_kill_in_the_middle_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    code = (
        "import os, pathlib, signal, sys\n"
        "from esc50.atomic import check_archive, remove_leftovers, atomic_write\n"
        "with atomic_write(pathlib.Path(sys.argv[1])) as file:\n"
        "    file.write('new')\n"
        "    file.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)])
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    atomic_write_text(path, "newer")
    assert path.read_text() == "newer"


def test_what_killed_processes_were_writing_is_removed_and_nothing_else(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    kept = [tmp_path / "take.part", tmp_path / "x.partly", tmp_path / "checkpoints" / "last.ckpt"]
    for path in [*kept, tmp_path / "a.json.part12", tmp_path / "checkpoints" / "last.ckpt.part7"]:
        path.write_text("half")
    remove_leftovers(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)


def test_every_flipped_byte_of_a_stored_file_is_found(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights", b"0123456789")
    whole = path.read_bytes()
    check_archive(path)
    for at in range(whole.index(b"0123"), whole.index(b"789") + 3):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ValueError, match="weights is not what was written"):
            check_archive(path)
    (tmp_path / "other").write_text("no archive")
    check_archive(tmp_path / "other")


def test_an_archive_that_unpacks_to_more_than_it_is_is_damage(tmp_path):
    path = tmp_path / "bomb.ckpt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(10_000_000))
    with pytest.raises(ValueError, match="would unpack to more than it is"):
        check_archive(path)
