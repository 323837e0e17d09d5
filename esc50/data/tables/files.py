"""Which files are clips, which are not, and where a listed one lies."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

from esc50.data.notices import notice, some
from esc50.errors import UserError

SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au", ".caf"}
    | {".w64", ".rf64", ".wave", ".snd", ".sph", ".nist"}
)  # what libsndfile reads and people have
CONTAINERS = frozenset(
    {".m4a", ".aac", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".wma", ".3gp", ".avi", ".amr"}
)  # what PyAV reads
SYSTEM = {"thumbs.db", "desktop.ini", "__macosx", "@eadir", "lost+found", "$recycle.bin"}
UNFIT = {"Cc", "Cs", "Zl", "Zp"}  # control characters, bytes that are not UTF-8, ends of lines
SEARCHED = 100_000  # files looked through for one that is listed under another name


class PassedOver:
    """Files that are no clips: counted by reason, and named once."""

    def __init__(self) -> None:
        """Start with none."""
        self._names: dict[str, list[str]] = defaultdict(list)

    def add(self, name: str, reason: str) -> None:
        """Count a file."""
        self._names[reason].append(name)

    def tell(self, folder: Path) -> None:
        """Say how many there were, why, and which."""
        if self._names:
            parts = [f"{len(names)} {why} ({some(names)})" for why, names in self._names.items()]
            notice(f"{folder}: passed over {'; '.join(parts)}")


def is_system(name: str) -> bool:
    """Tell what the machine keeps for itself: hidden files and folders, thumbnails, rubbish."""
    return name.startswith(".") or name.lower() in SYSTEM


def answers(ask: Callable[[], bool]) -> bool:
    """Ask what a path is (`is_file`, `is_dir`): no, where the system cannot tell.

    A link to itself, a folder that is closed and a dead mount raise, where one that leads nowhere
    is neither.
    """
    try:
        return ask()
    except OSError:
        return False


def list_folder(folder: Path, place: str, passed: PassedOver) -> tuple[list[str], list[str]]:
    """List the folders and the clips in a folder, sorted; everything else is passed over.

    Args:
        folder: where they are.
        place: what comes before their names where they are passed over: "" or "dog/".
        passed: counts what is.

    Raises:
        UserError: it is no folder, or a clip's name is unfit.
    """
    folders, clips = [], []
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(f"{folder} cannot be read as a folder: {error.strerror}.") from None
    for entry in entries:
        suffix = Path(entry.name).suffix.lower()
        if is_system(entry.name):
            passed.add(place + entry.name, "hidden or the system's own")
        elif answers(entry.is_dir):
            folders.append(entry.name)
        elif not answers(entry.is_file):
            passed.add(place + entry.name, "links that lead nowhere")
        elif suffix in SUFFIXES or suffix in CONTAINERS:
            clips.append(entry.name)
        else:
            passed.add(place + entry.name, "no sound by their suffix")
    for name in (*folders, *clips):
        if fault := name_fault(name):
            raise UserError(f"{folder}: the name {name!r} {fault}: rename it.")
    check_decoder(clips, folder)
    return folders, clips


def check_decoder(names: Iterable[str], where: Path) -> None:
    """Refuse files that PyAV alone reads where it is not installed."""
    found = [name for name in names if Path(name).suffix.lower() in CONTAINERS]
    if found and find_spec("av") is None:
        raise UserError(
            f"{where}: {len(found)} clips need PyAV to be read ({some(found)}): "
            "pip install 'esc50[av]', or convert them to WAV or FLAC."
        )


def is_plain(text: str) -> bool:
    """Tell whether a text can stand on a line as it is.

    Joiners (of Persian, of emoji), blanks of any width (of macOS's own names of recordings) and
    letters that are newer than this Python can, though str.isprintable() says no.
    """
    return text.isprintable() or not any(unicodedata.category(letter) in UNFIT for letter in text)


def name_fault(name: str, outside: bool = False) -> str | None:
    """Say what makes a file name unfit to be joined to a folder, or None.

    Args:
        name: of the file, relative to the folder.
        outside: allow one that leads out of it.
    """
    if not is_plain(name):
        return "holds control characters or is not UTF-8"
    if not name or name.endswith("/"):
        return "is empty"
    if "\\" in name or name[1:3] == ":/":
        return "is a path of Windows, which leads nowhere here: write it relative to the audio"
    if not outside and any(part in ("", ".", "..") for part in name.split("/")):
        return "leads out of its folder (data=csv data.outside=true allows that)"
    return None


def unify(name: str) -> str:
    r"""Write a relative path of Windows (`dogs\a.wav`) as others do, and drop a leading `./`."""
    return name.replace("\\", "/").removeprefix("./")


def check_listed(table: Path, audio: Path, names: Sequence[str], outside: bool) -> None:
    """Refuse missing clips, and unless they may lie `outside`, links that lead out of `audio`."""
    missing = set(names) - _there(audio, names, outside)
    if missing:
        lost = [name for name in names if name in missing]
        raise UserError(
            f"{len(lost)} of {len(names)} files in {table} are not in {audio.absolute()}: "
            f"{_described(audio, lost)}"
        )
    check_decoder(names, audio)


def _there(audio: Path, names: Sequence[str], outside: bool) -> set[str]:
    """Those of the listed files that exist; a folder is read once, not asked for each file."""
    inside = _real(audio)
    there: set[str] = set()
    for prefix in {name[: name.rfind("/") + 1] for name in names}:
        folder = audio / prefix
        if not outside and not _real(folder).is_relative_to(inside):
            raise UserError(_leads_out(folder, audio))
        try:
            with os.scandir(folder) as entries:
                found = {prefix + entry.name: entry for entry in entries if answers(entry.is_file)}
        except OSError:
            continue  # its clips are then reported as missing
        for name in [name for name, entry in found.items() if entry.is_symlink() and not outside]:
            if not _real(audio / name).is_relative_to(inside):
                raise UserError(_leads_out(audio / name, audio))
        there.update(found)
    return there


def _real(path: Path) -> Path:
    """Follow links; Path.resolve raises of a link to itself, up to Python 3.12."""
    return Path(os.path.realpath(path))


def _leads_out(link: Path, audio: Path) -> str:
    return f"{link} is a link that leads out of {audio} (data=csv data.outside=true allows it)."


def _described(audio: Path, missing: list[str], shown: int = 5) -> str:
    """The first of the missing files, each with the file it may stand for."""
    similar = _similar(audio, missing[:shown])
    names = [_beside(name, similar.get(name)) for name in missing[:shown]]
    return ", ".join(names) + (", ..." if len(missing) > shown else "")


def _beside(name: str, found: str | None) -> str:
    """A missing name, with the one that it may stand for."""
    if found is None or found == name:  # the latter is a link that leads nowhere
        return name
    if unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", found):
        return f"{name!r} (there is {found!a}, another Unicode form of {name!a})"
    return f"{name!r} (there is {found!r})"


def _similar(audio: Path, names: Sequence[str]) -> dict[str, str]:
    """Files that differ from the named ones by case, blanks, Unicode form, suffix or folder."""
    wanted: dict[str, str] = {}
    for name in names:
        plain = _plain(name)
        wanted |= {plain: name, plain.rpartition("/")[2]: name}
    found: dict[str, str] = {}
    looked = 0
    for folder, _, files in os.walk(audio):
        for file in files:
            path = (Path(folder) / file).relative_to(audio).as_posix()
            plain = _plain(path)
            keys = (plain, plain.rpartition(".")[0], _plain(file), _plain(file).rpartition(".")[0])
            match = next((wanted[key] for key in keys if key in wanted), None)
            if match:
                found.setdefault(match, path)
        looked += len(files)
        if looked > SEARCHED:
            break
    return found


def _plain(name: str) -> str:
    parts = unicodedata.normalize("NFKC", name).casefold().split("/")
    return "/".join(part.strip() for part in parts)
