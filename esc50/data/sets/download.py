"""ESC-50 from the official archive, fetched with pooch."""

import errno
import io
import re
import shutil
import socket
import stat
import time
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests
from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

from esc50.data.sets.build_folder import build_folder
from esc50.data.tables.table import read_table
from esc50.errors import UserError

# SHA-256 of meta/esc50.csv at commit 33c8ce9: names, folds and classes of the 2,000 clips.
TABLE_SHA256 = "ca660da60191a97de289983a05821c9382d852a38a2ba8428980816b68cf6246"
# 646 MB packed, 882 MB unpacked; an archive of several times that is a bomb or a mistake.
ARCHIVE_MAX = 2_000_000_000  # bytes
UNPACKED_MAX = 3_000_000_000  # bytes
DIRECTORY_MAX = 10_000_000  # bytes of a zip's list of files, which takes tenfold in memory
TRIES = 5
PATIENCE = 60  # seconds; a try that brings less than RATE_MIN over this long is abandoned
RATE_MIN = 10_000  # bytes per second
UNREACHABLE = (socket.gaierror, ConnectionRefusedError)  # waiting does not help
WANTED = re.compile(
    r"(?:[^/]+/)?(audio/[\w-]{1,99}\.wav|meta/esc50\.csv|(?:LICENSE|README)[\w.-]{0,20})", re.ASCII
)


def fetch_esc50(
    root: Path,
    url: str,
    sha256: str | None,
    table_sha256: str = TABLE_SHA256,
    pause: float = 1.0,
) -> None:
    """Download ESC-50 and unpack `audio/`, `meta/esc50.csv`, licence and readme into `root`.

    Nothing happens if `root` is there. A stopped download starts over: pooch cannot go on where
    it ended, and GitHub, which makes its archives on the fly, would not let it.

    What is checked: the archive's `sha256`, if given; the digest of the table inside; that every
    clip it lists is there; the zip's own CRC-32 of every file taken. GitHub does not promise that
    the bytes of a generated archive stay the same for ever. Should they change, `sha256=None`
    leaves the table's digest, the CRCs and HTTPS, which together do not prove each clip's content.

    Args:
        root: the folder to make; it appears whole or not at all.
        url: an http(s) address of a zip archive, its files stored or deflated.
        sha256: of the archive, hexadecimal, or None. A whole archive that has another one is kept
            beside `root`, not to be downloaded again should `sha256` be mended.
        table_sha256: of `meta/esc50.csv` inside.
        pause: seconds before the second try; doubled for each further one.

    Raises:
        UserError: no network, a server that keeps failing, is too slow or never ends, a wrong or
            damaged archive, a full disk.
    """
    if not str(url).lower().startswith(("https://", "http://")):
        raise UserError(f"data.url is {url!r}: it must begin with https:// or http://.")
    archive = root.parent / f"{root.name}-{zlib.crc32(url.encode()):08x}.zip"  # one per address

    def build(folder: Path) -> None:
        if not archive.exists():
            part = folder / archive.name
            _download(url, part, root, pause)
            part.replace(archive)
        if sha256 is not None and (found := pooch.file_hash(str(archive))) != sha256.lower():
            raise UserError(
                f"{url} has SHA-256 {found} instead of {sha256}: delete {archive} to download it "
                "again, or accept what came by its table and CRCs alone with data.sha256=null."
            )
        try:
            _extract(archive, folder, url)
            if pooch.file_hash(str(folder / "meta" / "esc50.csv")) != table_sha256:
                raise UserError(
                    f"{url} is not ESC-50: its meta/esc50.csv differs from the official one."
                )
            read_table(folder)
        except UserError:
            archive.unlink()  # the next try starts anew
            raise
        archive.unlink()

    build_folder(root, ready=(root / "meta" / "esc50.csv").exists, build=build)


def _download(url: str, part: Path, root: Path, pause: float) -> None:
    """Fill `part` with a zip archive, trying again where that may help."""
    columns = (*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns) as progress:
        report = partial(progress.update, progress.add_task("Downloading ESC-50", total=None))
        for attempt in range(TRIES):
            try:
                _transfer(url, part, report)
                break
            except ValueError as error:  # an address or a header; many are RequestExceptions too
                raise UserError(
                    f"{url} cannot be downloaded ({error}): correct data.url."
                ) from None
            except requests.RequestException as error:
                cause: BaseException = error
                while below := cause.__cause__ or cause.__context__:
                    cause = below
                if attempt == TRIES - 1 or isinstance(cause, UNREACHABLE):
                    why = getattr(cause, "strerror", None) or str(cause)
                    raise UserError(_offline(url, root, why)) from None
                time.sleep(pause * 2**attempt)
    if not zipfile.is_zipfile(part):
        raise UserError(
            f"{url} is not a zip archive, or was cut short: try again, or correct data.url."
        )


def _transfer(url: str, part: Path, report: Callable[..., None]) -> None:
    """Make one request, in a thread: no answer can hold the caller, however slow or long."""
    look = partial(_look_at_header, report)
    fetch = pooch.HTTPDownloader(chunk_size=1 << 14, hooks={"response": look})
    # a thread that is abandoned ends when it next writes, for its file is closed
    with part.open("wb") as file, ThreadPool(1) as threads:
        fetched = threads.apply_async(fetch, (url, file, None))
        begun, before = time.monotonic(), 0
        while not fetched.ready():
            fetched.wait(0.1)
            # of the file itself: pooch's own count takes each piece of a chunked answer for a block
            size = part.stat().st_size
            report(completed=size)
            if size > ARCHIVE_MAX:
                raise UserError(f"{url} is not ESC-50: it has over {ARCHIVE_MAX:,} bytes.")
            if time.monotonic() - begun > PATIENCE:
                if size - before < RATE_MIN * PATIENCE:
                    raise requests.Timeout(f"less than {RATE_MIN:,} bytes per second")
                begun, before = time.monotonic(), size
        fetched.get()


def _look_at_header(report: Callable[..., None], response: requests.Response, **_: object) -> None:
    if response.is_redirect:
        response.close()  # or requests reads what comes with it, however long, into memory
        return
    status = f"HTTP {response.status_code} {response.reason}"
    if response.status_code >= 500 or response.status_code == 429:
        raise requests.HTTPError(status)
    if not response.ok:
        raise UserError(
            f"{response.url} answers {status}: correct data.url, or point data.root at a copy of "
            "ESC-50."
        )
    if "text/html" in response.headers.get("Content-Type", ""):
        raise UserError(f"{response.url} is a web page, not a zip archive: correct data.url.")
    length = response.headers.get("Content-Length")
    report(total=length and int(length))


class _Cautious(io.BufferedReader):
    """A file for zipfile, which reads an archive's list of files at once, however long it is."""

    def read(self, size: int | None = -1) -> bytes:
        """Read, but not as much as only such a list would be."""
        if size is not None and size > DIRECTORY_MAX:
            raise zipfile.BadZipFile(f"its list of files has {size:,} bytes")
        return super().read(size)


def _extract(archive: Path, folder: Path, url: str) -> None:
    """Unpack what is wanted; zipfile checks each file's CRC-32 at its end."""
    try:
        with _Cautious(archive.open("rb", buffering=0)) as file, zipfile.ZipFile(file) as packed:
            for name, member in _members(packed, url).items():
                target = folder / name
                target.parent.mkdir(exist_ok=True)
                with packed.open(member) as content, target.open("wb") as unpacked:
                    shutil.copyfileobj(content, unpacked)
    except Exception as error:  # zipfile raises many kinds for what is damaged
        # EINVAL: the archive points to before its own beginning
        disk = isinstance(error, OSError) and error.errno != errno.EINVAL
        if disk or isinstance(error, UserError):
            raise
        why = str(error) or type(error).__name__
        raise UserError(f"{url} is damaged ({why}): try again, or correct data.url.") from None


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
        # of BZIP2 and LZMA zipfile unpacks what it has read at once: 2 kB may become 2 GB in memory
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UserError(
                f"{url} is not safe to unpack: {name!r} is packed with something else than deflate."
            )
        members[match[1]] = member
    if "meta/esc50.csv" not in members:
        raise UserError(f"{url} is not ESC-50: it holds no meta/esc50.csv.")
    if sum(member.file_size for member in members.values()) > UNPACKED_MAX:
        raise UserError(f"{url} is not ESC-50: unpacked it takes over {UNPACKED_MAX:,} bytes.")
    return members


def _offline(url: str, root: Path, why: str) -> str:
    host = urlsplit(url).hostname
    return (
        f"ESC-50 is not at {root} and cannot be downloaded from {host} ({why}). Instead:\n"
        "  data=demo                         synthesised sound, nothing to download\n"
        "  data.root=/path/to/ESC-50-master  a copy that you have: audio/ and meta/esc50.csv\n"
        f"By hand: download {url} (646 MB) where there is a network and unpack it."
    )
