"""ESC-50 from the official archive."""

import hashlib
import http.client
import json
import re
import shutil
import socket
import stat
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from pathlib import Path
from urllib.parse import urlsplit

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from esc50.data.build_folder import build_folder
from esc50.data.table import read_table
from esc50.errors import UserError

# SHA-256 of meta/esc50.csv at commit 33c8ce9: names, folds and classes of the 2,000 clips.
TABLE_SHA256 = "ca660da60191a97de289983a05821c9382d852a38a2ba8428980816b68cf6246"
# The clips are 882 MB unpacked; an archive that claims several times that is a bomb or a mistake.
UNPACKED_MAX = 3_000_000_000  # bytes
UNREACHABLE = (socket.gaierror, ConnectionRefusedError)  # waiting does not help
TRIES = 5  # without a byte of progress
TIMEOUT = 30  # seconds without an answer
BLOCK = 1 << 18  # bytes
WANTED = re.compile(r"(?:[^/]+/)?(audio/[^/]+\.wav|meta/esc50\.csv|LICENSE[^/]*|README[^/]*)")


class _Dropped(Exception):  # noqa: N818  (an event, answered by another try)
    """The server or the way to it failed in a manner that may pass."""


def fetch_esc50(
    root: Path,
    url: str,
    sha256: str | None,
    table_sha256: str = TABLE_SHA256,
    pause: float = 1.0,
) -> None:
    """Download ESC-50 and unpack `audio/`, `meta/esc50.csv`, licence and readme into `root`.

    Nothing happens if `root` is there. A stopped download goes on where it stopped if the server
    allows it (Range with If-Range; GitHub's archives are made on the fly and start over).

    What is checked: the archive's `sha256`, if given; the digest of the table inside; that every
    clip it lists is there; the zip's own CRC-32 of every file taken. GitHub does not promise that
    the bytes of a generated archive stay the same for ever. Should they change, `sha256=None`
    leaves the table's digest, the CRCs and HTTPS, which together do not prove each clip's content.

    Args:
        root: the folder to make; it appears whole or not at all.
        url: an http(s) address of a zip archive.
        sha256: of the archive, hexadecimal, or None.
        table_sha256: of `meta/esc50.csv` inside.
        pause: seconds before the second try; doubled for each further one.

    Raises:
        UserError: no network, a server that keeps failing, a wrong or damaged archive, a full disk.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise UserError(f"data.url is {url!r}: it must begin with https:// or http://.")
    part = root.parent / f"{root.name}.zip.part"

    def build(folder: Path) -> None:
        _download(url, part, root, pause)
        _check_archive(part, url, sha256)
        _extract(part, folder, url)
        table = folder / "meta" / "esc50.csv"
        if hashlib.sha256(table.read_bytes()).hexdigest() != table_sha256:
            raise UserError(
                f"{url} is not ESC-50: its meta/esc50.csv differs from the official one."
            )
        read_table(folder)
        _forget(part)

    build_folder(root, ready=(root / "meta" / "esc50.csv").exists, build=build)


def _download(url: str, part: Path, root: Path, pause: float) -> None:
    """Fill `part`, trying again as long as there is hope."""
    if _notes(part, url).get("complete"):
        return
    failures, furthest = 0, 0
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress:
        task = progress.add_task("Downloading ESC-50", total=None)
        while True:
            try:
                return _transfer(url, part, lambda **now: progress.update(task, **now))
            except _Dropped as dropped:
                reached = part.stat().st_size if part.exists() else 0
                failures = 1 if reached > furthest else failures + 1
                furthest = max(furthest, reached)
                unreachable = isinstance(dropped.__cause__, UNREACHABLE)
                if failures >= TRIES or unreachable:
                    raise UserError(_offline(url, root, str(dropped))) from None
                time.sleep(pause * 2 ** (failures - 1))


def _transfer(url: str, part: Path, report) -> None:
    """One request, appended to `part` if the server goes on where it ended."""
    notes = _notes(part, url)
    begun = part.stat().st_size if notes.get("validator") and part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "esc50"})
    if begun:
        request.add_header("Range", f"bytes={begun}-")
        request.add_header("If-Range", notes["validator"])
    response = _open(request, url)
    with response:
        if response.status == 416 or (
            begun and response.status == 206 and not _joins(response, begun)
        ):
            _forget(part)
            raise _Dropped("the server does not continue the download")
        if response.headers.get_content_type() == "text/html":
            raise UserError(f"{url} is a web page, not a zip archive: correct data.url.")
        begun = begun if response.status == 206 else 0
        length = response.headers.get("Content-Length", "")
        total = begun + int(length) if length.isdigit() else None
        with part.open("ab" if begun else "wb") as file:
            if not begun:
                _note(part, url, validator=_validator(response))
            report(completed=begun, total=total)
            while block := _read(response):
                file.write(block)
                report(completed=file.tell())
            if total is not None and file.tell() < total:
                raise _Dropped("the connection was cut")
    _note(part, url, complete=True)


def _open(request: urllib.request.Request, url: str):
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            return error
        if error.code >= 500 or error.code == 429:
            raise _Dropped(f"HTTP {error.code} {error.reason}") from None
        raise UserError(
            f"{url} answers HTTP {error.code} {error.reason}: correct data.url, or point data.root "
            "at a copy of ESC-50."
        ) from None
    except urllib.error.URLError as error:
        cause = error.reason if isinstance(error.reason, OSError) else error
        raise _Dropped(getattr(cause, "strerror", None) or str(cause)) from cause
    except (OSError, http.client.HTTPException) as error:
        raise _Dropped(str(error) or type(error).__name__) from error


def _read(response) -> bytes:
    try:
        return response.read(BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise _Dropped(str(error) or type(error).__name__) from error


def _joins(response, begun: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {begun}-")


def _validator(response) -> str | None:
    """What If-Range may name: a strong entity tag, else the date (RFC 9110, 13.1.5)."""
    tag = response.headers.get("ETag", "W/")
    return response.headers.get("Last-Modified") if tag.startswith("W/") else tag


def _notes(part: Path, url: str) -> dict:
    """What is known of `part`: nothing, if it comes from another address."""
    try:
        notes = json.loads(part.with_suffix(".json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return notes if notes.get("url") == url and part.exists() else {}


def _note(part: Path, url: str, **notes: object) -> None:
    part.with_suffix(".json").write_text(json.dumps({"url": url, **notes}))


def _forget(part: Path) -> None:
    part.with_suffix(".json").unlink(missing_ok=True)
    part.unlink(missing_ok=True)


def _check_archive(part: Path, url: str, sha256: str | None) -> None:
    if not zipfile.is_zipfile(part):
        _forget(part)
        raise UserError(
            f"{url} is not a zip archive, or was cut short: try again, or correct data.url."
        )
    if sha256 is None:
        return
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256.lower():
        raise UserError(
            f"{url} has SHA-256 {found} instead of {sha256}: delete {part} to download it again, "
            "or accept what came by its table and CRCs alone with data.sha256=null."
        )


def _extract(part: Path, folder: Path, url: str) -> None:
    """Unpack what is wanted; zipfile checks each file's CRC-32 at its end."""
    try:
        with zipfile.ZipFile(part) as archive:
            members = _members(archive, url)
            for name, member in members.items():
                target = folder / name
                target.parent.mkdir(exist_ok=True)
                with archive.open(member) as packed, target.open("wb") as file:
                    shutil.copyfileobj(packed, file, BLOCK)
    # RuntimeError and NotImplementedError: encrypted, or packed in a way zipfile does not know
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        _forget(part)
        raise UserError(f"{url} is damaged ({error}): try again.") from None


def _members(archive: zipfile.ZipFile, url: str) -> dict[str, zipfile.ZipInfo]:
    """The files to take, by their name in the data set."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename
        if name.startswith("/") or "\\" in name or ".." in name.split("/"):
            raise UserError(f"{url} is not safe to unpack: it holds a file named {name!r}.")
        match = WANTED.fullmatch(name)
        if match is None:
            continue
        if stat.S_ISLNK(member.external_attr >> 16) or match[1] in members:
            raise UserError(f"{url} is not safe to unpack: {name!r} is a link or comes twice.")
        members[match[1]] = member
    if "meta/esc50.csv" not in members:
        raise UserError(f"{url} is not ESC-50: it holds no meta/esc50.csv.")
    if sum(member.file_size for member in members.values()) > UNPACKED_MAX:
        raise UserError(f"{url} is not ESC-50: unpacked it takes over {UNPACKED_MAX:,} bytes.")
    return members


def _offline(url: str, root: Path, why: str) -> str:
    host = urlsplit(url).hostname
    return (
        f"ESC-50 is not at {root} and cannot be had from {host} ({why}). Instead:\n"
        "  data=demo                         synthesised sound, nothing to download\n"
        "  data.root=/path/to/ESC-50-master  a copy that you have: audio/ and meta/esc50.csv\n"
        f"By hand: download {url} (646 MB) where there is a network and unpack it.\n"
        "The same command later goes on where the download stopped, if the server allows it."
    )
