import errno
import fcntl
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest
from filelock import SoftFileLock, Timeout

from esc50.atomic import (
    PART,
    _has_locks,
    atomic_write,
    atomic_write_text,
    check_archive,
    file_lock,
    remove_leftovers,
)


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


def test_what_a_link_leads_to_is_written_and_the_link_stays(tmp_path):
    (tmp_path / "shared").mkdir()
    link = tmp_path / "a.txt"
    link.symlink_to(Path("shared", "b.txt"))
    for text in ("new", "newer"):  # the first is not there yet
        atomic_write_text(link, text)
        assert link.is_symlink() and (tmp_path / "shared" / "b.txt").read_text() == text


@pytest.mark.parametrize("mode", [0o664, 0o600])
def test_who_may_read_and_write_a_file_stays_as_it_is(tmp_path, mode):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(mode)
    groups = [group for group in os.getgroups() if group != path.stat().st_gid]
    group = 1 if os.getuid() == 0 else next(iter(groups), -1)
    os.chown(path, -1, group)
    wanted = path.stat()
    atomic_write_text(path, "new")
    assert path.stat().st_mode == wanted.st_mode and path.stat().st_gid == wanted.st_gid


def test_threads_that_write_one_file_leave_what_one_of_them_wrote(tmp_path):
    path = tmp_path / "a.txt"
    with atomic_write(path) as first:
        atomic_write_text(path, "second")  # as another thread would, meanwhile
        first.write("first")
    assert path.read_text() == "first"
    assert [left.name for left in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("name", ["a" * 255, "é" * 127, "a" + "é" * 127])
def test_a_name_may_be_as_long_as_for_a_plain_write(tmp_path, name):
    atomic_write_text(tmp_path / name, "new")
    assert [left.name for left in tmp_path.iterdir()] == [name]


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
    assert len(list(tmp_path.glob(PART))) == 1
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


def in_a_process(work, *arguments):
    """Do something in another process; its exit code is what it returns, 99 where it failed."""

    def run():
        try:
            os._exit(work(*arguments) or 0)
        except BaseException:
            os._exit(99)

    job = multiprocessing.get_context("fork").Process(target=run)
    job.start()
    job.join(60)
    return job.exitcode


def try_to_hold(path, then=0):
    """Take a lock and leave it as a kill does; 1 where another process has it."""
    lock = file_lock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return 1
    os._exit(then)


@pytest.fixture(params=[errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def lockless(request, monkeypatch):
    """A file system without locks."""

    def refuse(*_):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refuse)
    _has_locks.cache_clear()
    yield
    _has_locks.cache_clear()


def test_a_file_stands_for_a_lock_where_there_are_none(tmp_path, lockless, capsys):
    path = tmp_path / "k.lock"
    with file_lock(path):
        assert in_a_process(try_to_hold, path) == 1
    assert in_a_process(try_to_hold, path, 7) == 7  # leaves it behind
    assert (tmp_path / "k.lock.held").exists()
    with file_lock(path, timeout=10) as lock:  # takes over what a dead process held
        assert isinstance(lock, SoftFileLock)
        assert in_a_process(try_to_hold, path) == 1
    assert not list(tmp_path.iterdir())
    said = capsys.readouterr().err
    assert said.count("has no locks: a file *.lock.held stands for one") == 1


def test_a_killed_process_holds_no_lock(tmp_path):
    path = tmp_path / "k.lock"
    with file_lock(path) as lock:
        assert not isinstance(lock, SoftFileLock)
        assert in_a_process(try_to_hold, path) == 1
    assert in_a_process(try_to_hold, path, 7) == 7
    with file_lock(path, timeout=0):
        pass


@pytest.mark.skipif(os.getuid() != 0, reason="takes root, to be several users")
@pytest.mark.parametrize("mode", [0o1777, 0o777])
def test_users_who_may_write_to_a_folder_share_its_locks(mode):
    def as_user(user, path, then):
        os.setuid(user)
        return try_to_hold(path, then)

    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(mode)
        for first, second in ((0, 65534), (65534, 0), (65533, 65534)):
            path = folder / f"{first}-{second}.lock"
            assert in_a_process(as_user, first, path, 7) == 7
            assert in_a_process(as_user, second, path, 8) == 8
        with file_lock(path):
            assert in_a_process(as_user, 65534, path, 8) == 1
    finally:
        shutil.rmtree(folder)


def test_an_archive_that_unpacks_to_more_than_it_is_is_damage(tmp_path):
    path = tmp_path / "bomb.ckpt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(10_000_000))
    with pytest.raises(ValueError, match="would unpack to more than it is"):
        check_archive(path)
