import hashlib
import re
import stat
import threading
import time
import zipfile
from pathlib import Path

import pytest

from esc50.data.datasets import ESC50, open_clips
from esc50.data.sets import download
from esc50.data.sets.download import TABLE_SHA256, fetch_esc50
from esc50.data.tables.table import read_table
from esc50.errors import UserError
from tests.data.archive_server import ENDLESS, SOUND, TABLE, Server, archive


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    yield server
    server.close()


def fetch(server, root, sha256=None):
    table = hashlib.sha256(TABLE).hexdigest()
    fetch_esc50(root, server.url, sha256, table_sha256=table, pause=0.001)


def refuses(server, root, words, sha256=None, kept=0):
    with pytest.raises(UserError, match=words) as caught:
        fetch(server, root, sha256)
    assert len([path for path in root.parent.iterdir() if path.suffix != ".lock"]) == kept
    return str(caught.value)


def test_download(server, tmp_path):
    root = tmp_path / "data" / "ESC-50-master"
    fetch(server, root, sha256=hashlib.sha256(server.body).hexdigest().upper())
    assert len(read_table(root)) == 2
    files = sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
    assert files == [
        "LICENSE",
        "README.md",
        "audio/1-1-A-0.wav",
        "audio/2-2-A-0.wav",
        "meta/esc50.csv",
    ]
    assert (root / "audio" / "1-1-A-0.wav").read_bytes() == SOUND
    assert {p.name for p in root.parent.iterdir()} <= {root.name, f".{root.name}.lock"}
    fetch(server, root)
    assert len(server.seen) == 1


def test_an_archive_without_a_top_folder(server, tmp_path):
    server.body = archive(top="")
    fetch(server, tmp_path / "x")
    assert len(read_table(tmp_path / "x")) == 2


def test_a_dropped_connection_is_tried_again(server, tmp_path):
    server.plan = ["drop", "drop"]
    fetch(server, tmp_path / "x", sha256=hashlib.sha256(server.body).hexdigest())
    assert len(server.seen) == 3


def test_a_later_run_starts_over(server, tmp_path):
    server.plan = ["drop"] + ["503"] * 9
    refuses(server, tmp_path / "x", "cannot be downloaded from 127.0.0.1 .HTTP 503")
    assert len(server.seen) == download.TRIES
    server.plan, server.body = [], archive(extra=[("more", b"x" * 9999)])
    fetch(server, tmp_path / "x", sha256=hashlib.sha256(server.body).hexdigest())
    assert len(read_table(tmp_path / "x")) == 2


@pytest.mark.parametrize("deed", [deed for deed in ENDLESS if "drip" in deed])
def test_a_server_that_drips_is_abandoned(server, tmp_path, monkeypatch, deed):
    monkeypatch.setattr(download, "PATIENCE", 0.3)
    monkeypatch.setattr(download, "TRIES", 2)
    server.plan = [deed] * 9
    begin = time.monotonic()
    refuses(server, tmp_path / "x", "less than 10,000 bytes per second")
    assert time.monotonic() - begin < 3 and len(server.seen) == 2
    server.plan = []
    fetch(server, tmp_path / "x")  # the abandoned requests do not get in the way


def test_a_slow_server_is_waited_for(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(download, "PATIENCE", 0.4)
    server.plan = ["slow"]
    begin = time.monotonic()
    fetch(server, tmp_path / "x")
    assert time.monotonic() - begin > 2 * download.PATIENCE and len(server.seen) == 1
    size = len(server.body) / 1000
    assert re.search(
        rf"100% 0:00:00 {size:.1f}/{size:.1f} kB +[\d.]+ kB/s", capsys.readouterr().out
    )


@pytest.mark.parametrize("deed", ["flood", "flood in chunks"])
def test_a_server_that_never_ends_is_abandoned(server, tmp_path, monkeypatch, deed):
    monkeypatch.setattr(download, "ARCHIVE_MAX", 5_000_000)
    server.plan = [deed]
    refuses(server, tmp_path / "x", "over 5,000,000 bytes")
    assert len(server.seen) == 1


def test_what_comes_with_a_redirect_is_not_read(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PATIENCE", 0.5)
    server.plan = ["redirect"]
    fetch(server, tmp_path / "x")
    assert server.seen == ["/ESC-50.zip", "/b"]


def test_a_busy_server_is_asked_again(server, tmp_path):
    server.plan = ["503", "502", "429"]
    fetch(server, tmp_path / "x")
    assert len(server.seen) == 4


def test_a_server_that_says_no_is_not_asked_again(server, tmp_path):
    server.plan = ["404"]
    refuses(server, tmp_path / "x", "HTTP 404")
    assert len(server.seen) == 1


def test_offline_says_what_to_do_instead(server, tmp_path):
    server.close()
    message = refuses(server, tmp_path / "x", "data=demo")
    assert "data.root=/path/to/ESC-50-master" in message and server.url in message
    assert len(message.splitlines()) < 8


def test_an_unknown_host_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    begin = time.monotonic()
    with pytest.raises(UserError, match="data=demo"):
        fetch_esc50(tmp_path / "x", "http://host.invalid/a.zip", None, pause=30)
    assert time.monotonic() - begin < 20


def test_wrong_content(server, tmp_path):
    server.body, server.type = b"<html>Sign in</html>", "text/html; charset=utf-8"
    refuses(server, tmp_path / "x", "web page")
    server.type = "application/zip"
    refuses(server, tmp_path / "x", "not a zip archive")
    server.body = archive(clips=["1-1-A-0.wav"])
    refuses(server, tmp_path / "y", "1 of 2 files")
    with pytest.raises(UserError, match="differs from the official"):
        fetch_esc50(tmp_path / "z", server.url, None, TABLE_SHA256)


def test_the_official_table_has_the_digest_that_is_asked_for(esc50_table):
    assert hashlib.sha256(esc50_table.read_bytes()).hexdigest() == TABLE_SHA256


def test_a_wrong_checksum_keeps_the_download(server, tmp_path):
    message = refuses(server, tmp_path / "x", "data.sha256=null", sha256="0" * 64, kept=1)
    assert hashlib.sha256(server.body).hexdigest() in message
    fetch(server, tmp_path / "x")
    assert len(server.seen) == 1


def test_an_archive_that_is_kept_serves_its_own_address_alone(server, tmp_path):
    refuses(server, tmp_path / "x", "data.sha256=null", sha256="0" * 64, kept=1)
    server.url += "?more"
    fetch(server, tmp_path / "x")
    assert server.seen == ["/ESC-50.zip", "/ESC-50.zip?more"]


NAME = b"audio/1-1-A-0.wav"


def damaged(after: bytes, skip: int, junk: bytes, packing=zipfile.ZIP_STORED) -> bytes:
    body = archive(packing=packing)
    begin = body.find(after) + len(after) + skip
    return body[:begin] + junk + body[begin + len(junk) :]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (damaged(NAME, 1000, b"!"), "damaged .Bad CRC-32"),
        (damaged(NAME, 9, b"\xff" * 20, zipfile.ZIP_DEFLATED), "damaged .Error -3"),
        (damaged(NAME, 9, b"\xff" * 20, zipfile.ZIP_BZIP2), "not safe to unpack.*than deflate"),
        (damaged(NAME, 9, b"\xff" * 20, zipfile.ZIP_LZMA), "not safe to unpack.*than deflate"),
        (damaged(b"PK\5\6", 8, b"\xff\xff\xff\x7f"), "damaged"),  # the directory's size
        (
            archive(extra=[("caf\u00e9", b"")]).replace("\u00e9".encode(), b"\xff\xfe"),
            "damaged .*utf-8.*byte 0xff",
        ),
    ],
    ids="crc deflate bzip2 lzma directory name".split(),
)
def test_a_damaged_archive_is_refused_and_downloaded_again(server, tmp_path, body, words):
    whole, server.body = server.body, body
    refuses(server, tmp_path / "x", f"^{server.url} is {words}")
    server.body = whole
    fetch(server, tmp_path / "x")
    assert (tmp_path / "x" / "audio" / "1-1-A-0.wav").read_bytes() == SOUND


@pytest.mark.parametrize(
    "name", ["../evil.wav", "ESC-50/audio/../../../evil.wav", "/tmp/evil.wav", "a\\..\\evil.wav"]
)
def test_members_that_climb_out_are_refused(server, tmp_path, name):
    server.body = archive(extra=[(name, b"evil")])
    refuses(server, tmp_path / "in" / "x", "not safe to unpack")
    assert not list(tmp_path.rglob("evil*"))


def test_links_in_the_archive_are_refused(server, tmp_path):
    link = zipfile.ZipInfo("ESC-50-33c8ce9/audio/link.wav")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    server.body = archive(extra=[(link, b"/etc/passwd")])
    refuses(server, tmp_path / "x", "not safe to unpack")


def test_an_archive_that_unpacks_to_too_much_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "UNPACKED_MAX", 100_000)
    refuses(server, tmp_path / "x", "unpacked it takes over 100,000 bytes")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", None, "http://", "http://[", "http://127.0.0.1:99999/a.zip"]
)
def test_addresses_other_than_http_are_refused(tmp_path, url):
    with pytest.raises(UserError, match=r"data\.url"):
        fetch_esc50(tmp_path / "x", url, None, pause=30)


def test_two_at_once_download_once(server, tmp_path):
    both = [threading.Thread(target=fetch, args=(server, tmp_path / "x")) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(server.seen) == 1 and len(read_table(tmp_path / "x")) == 2


def test_a_folder_with_something_else_is_left_alone(server, tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "mine").write_text("keep")
    with pytest.raises(UserError, match="something else"):
        fetch(server, tmp_path / "x")
    with pytest.raises(UserError, match=r"esc50.csv is missing"):
        open_clips(ESC50(root=str(tmp_path / "x"), url=server.url, sha256=None))
    assert (tmp_path / "x" / "mine").read_text() == "keep" and not server.seen


def test_full_disk(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download.shutil, "copyfileobj", full)
    refuses(server, tmp_path / "x", "disk is full", kept=1)
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_full_disk_while_downloading(server, tmp_path, monkeypatch):
    usual = Path.open

    def full(path, *mode):
        if path.suffix == ".zip" and mode == ("wb",):
            path.symlink_to("/dev/full")
        return usual(path, *mode)

    monkeypatch.setattr(Path, "open", full)
    refuses(server, tmp_path / "x", "disk is full")
    assert len(server.seen) == 1


def test_a_list_of_files_without_end_is_not_read(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "DIRECTORY_MAX", 70_000)
    server.body = archive(extra=[(f"{number:099}", b"") for number in range(500)])
    refuses(server, tmp_path / "x", "is damaged .its list of files has [0-9,]+ bytes")
