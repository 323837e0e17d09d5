import hashlib
import io
import stat
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from esc50.data import download
from esc50.data.datasets import open_clips
from esc50.data.download import TABLE_SHA256, fetch_esc50
from esc50.data.table import read_table
from esc50.errors import UserError

TABLE = b"filename,fold,target,category\n1-1-A-0.wav,1,0,dog\n2-2-A-0.wav,2,0,dog\n"
SOUND = bytes(range(256)) * 400


def archive(top="ESC-50-33c8ce9/", extra=(), clips=("1-1-A-0.wav", "2-2-A-0.wav")) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(f"{top}README.md", "readme")
        file.writestr(f"{top}LICENSE", "licence")
        file.writestr(f"{top}tests/test_x.py", "not taken")
        file.writestr(f"{top}meta/esc50.csv", TABLE)
        for clip in clips:
            file.writestr(f"{top}audio/{clip}", SOUND)
        for name, content in extra:
            file.writestr(name, content)
    return buffer.getvalue()


class Server:
    """Serves `body` on the loopback; `plan` holds what the next answers do instead."""

    def __init__(self):
        self.body, self.etag, self.type = archive(), '"one"', "application/zip"
        self.plan: list[str] = []
        self.seen: list[str | None] = []  # the Range of each request
        self.ranges = True
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/ESC-50.zip"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, request):
        wanted = request.headers.get("Range")
        self.seen.append(wanted)
        deed = self.plan.pop(0) if self.plan else "serve"
        if deed.isdigit():
            return request.send_error(int(deed))
        begin = 0
        if wanted and self.ranges and request.headers.get("If-Range") == self.etag:
            begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
        request.send_response(206 if begin else 200)
        if begin:
            whole = len(self.body)
            request.send_header("Content-Range", f"bytes {begin}-{whole - 1}/{whole}")
        request.send_header("Content-Type", self.type)
        request.send_header("ETag", self.etag)
        request.send_header("Content-Length", str(len(self.body) - begin))
        request.end_headers()
        part = self.body[begin:]
        request.wfile.write(part[: len(part) // 2] if deed == "drop" else part)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


def fetch(server, root, sha256=None):
    table = hashlib.sha256(TABLE).hexdigest()
    fetch_esc50(root, server.url, sha256, table_sha256=table, pause=0.001)


def refuses(server, root, words, **options):
    with pytest.raises(UserError, match=words) as caught:
        fetch(server, root, **options)
    assert not root.exists()
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


def test_a_dropped_connection_goes_on_where_it_broke(server, tmp_path):
    server.plan = ["drop", "drop"]
    fetch(server, tmp_path / "x", sha256=hashlib.sha256(server.body).hexdigest())
    half = len(server.body) // 2
    assert server.seen[:2] == [None, f"bytes={half}-"] and len(server.seen) == 3


def test_a_later_run_goes_on_where_the_first_stopped(server, tmp_path):
    server.plan = ["drop"] + ["503"] * 9
    assert "goes on" in refuses(server, tmp_path / "x", "cannot be had from 127.0.0.1 .HTTP 503")
    server.plan, server.seen = [], []
    fetch(server, tmp_path / "x", sha256=hashlib.sha256(server.body).hexdigest())
    assert server.seen == [f"bytes={len(server.body) // 2}-"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_that_changed_or_a_server_without_ranges_starts_over(server, tmp_path, ranges):
    server.plan, server.ranges = ["drop"] + ["503"] * 9, ranges
    refuses(server, tmp_path / "x", "cannot be had")
    server.plan = []
    if ranges:
        server.body, server.etag = archive(extra=[("more", b"x" * 9999)]), '"two"'
    fetch(server, tmp_path / "x", sha256=hashlib.sha256(server.body).hexdigest())
    assert len(read_table(tmp_path / "x")) == 2


def test_a_busy_server_is_asked_again(server, tmp_path):
    server.plan = ["503", "502", "429"]
    fetch(server, tmp_path / "x")
    assert len(server.seen) == 4


def test_a_server_that_says_no_is_not_asked_again(server, tmp_path):
    server.plan = ["404"]
    refuses(server, tmp_path / "x", "HTTP 404")
    assert len(server.seen) == 1


def test_offline_says_what_to_do_instead(server, tmp_path):
    server.http.shutdown()
    server.http.server_close()
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
    refuses(server, tmp_path / "y", "1 of 2 clips")
    with pytest.raises(UserError, match="differs from the official"):
        fetch_esc50(tmp_path / "z", server.url, None, TABLE_SHA256)


def test_the_official_table_has_the_digest_that_is_asked_for(esc50_table):
    assert hashlib.sha256(esc50_table.read_bytes()).hexdigest() == TABLE_SHA256


def test_a_wrong_checksum_keeps_the_download(server, tmp_path):
    message = refuses(server, tmp_path / "x", "data.sha256=null", sha256="0" * 64)
    assert hashlib.sha256(server.body).hexdigest() in message
    fetch(server, tmp_path / "x")
    assert len(server.seen) == 1


def test_a_damaged_clip_is_noticed_and_downloaded_again(server, tmp_path):
    whole = server.body
    at = whole.find(SOUND) + 1000
    server.body = whole[:at] + b"!" + whole[at + 1 :]
    refuses(server, tmp_path / "x", "damaged .*CRC")
    server.body = whole
    fetch(server, tmp_path / "x")


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


def test_addresses_other_than_http_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"data\.url"):
        fetch_esc50(tmp_path / "x", "file:///etc/passwd", None)


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
        open_clips(
            {"name": "esc50", "root": str(tmp_path / "x"), "url": server.url, "sha256": None}
        )
    assert (tmp_path / "x" / "mine").read_text() == "keep" and not server.seen


def test_full_disk(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download.shutil, "copyfileobj", full)
    refuses(server, tmp_path / "x", "disk is full")
    assert not list(tmp_path.glob(".*.part"))
