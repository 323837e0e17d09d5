"""What a sound file says of its own length, held against the bytes that are there.

libsndfile believes headers: of a file cut in half it reads half without a word, and where a
recorder or a pipe left a placeholder for a length it may read nothing. So lengths are checked here
before it decodes, and mended on the way to it where the sound is there all the same.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from esc50.errors import UserError

PLACEHOLDER = (
    0x7FFF_0000  # 32-bit lengths from here on are left by writers that could not seek back
)
EXCESS = 64  # bytes by which a length is believed too large: some recorders count the header in
MAX_CHUNKS = 4096  # before the one that holds the sound; a file of zeros has none
MP3_SLOWEST = 40  # times as long as by its first frame (320 kbit/s) an MP3 may be (8 kbit/s)
UNMARKED = "end without the mark of an end, and may be cut off"

Order = Literal["little", "big"]


@dataclass(frozen=True)
class Extent:
    """The stretch of a file that libsndfile is to decode as one sound.

    Attributes:
        start: first byte.
        end: byte behind the last one.
        patches: what to read instead of the file's own bytes, by position.
        beyond: bytes by which the file is to look longer than it is.
    """

    start: int
    end: int
    patches: dict[int, bytes] = field(default_factory=dict)
    beyond: int = 0


@dataclass(frozen=True)
class Container:
    """What became of the check.

    Attributes:
        extents: to decode one after the other; empty: the file as it is.
        remark: what is odd about it, or None.
    """

    extents: tuple[Extent, ...] = ()
    remark: str | None = None


class View(io.RawIOBase):
    """An extent of an open file, read as a file of its own."""

    def __init__(self, file: BinaryIO, extent: Extent):
        """Take the file and what to show of it."""
        super().__init__()
        self.file, self.extent, self.at = file, extent, 0
        self.size = extent.end - extent.start

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Say where reading goes on."""
        return self.at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, which may be one beyond the end."""
        origin = (0, self.at, self.size + self.extent.beyond)[whence]
        self.at = origin + offset
        return self.at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer with what is there; of what only seems to be there, with zeros."""
        if self.at > self.size:
            buffer[:] = bytes(len(buffer))
            return len(buffer)
        self.file.seek(self.extent.start + self.at)
        content = bytearray(self.file.read(min(len(buffer), self.size - self.at)))
        for position, patch in self.extent.patches.items():
            for index, value in enumerate(patch, start=position - self.at):
                if 0 <= index < len(content):
                    content[index] = value
        buffer[: len(content)] = content
        self.at += len(content)
        return len(content)


class _Claim(NamedTuple):
    """How many bytes of sound a header promises, and from where on."""

    start: int
    length: int
    places: dict[int, tuple[int, Order]]  # where to write another length: position, size, order


def examine(path: Path, file: BinaryIO) -> Container:
    """Check a file's length by its container.

    Args:
        path: its name, for messages.
        file: the same, open.

    Raises:
        UserError: it is empty, or ends before its sound does.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(64)
    if not head:
        raise UserError(f"{path} is empty: it holds 0 bytes.")
    if head[:4] == b"OggS":
        return _examine_ogg(path, file, size)
    claim = _claim(file, size, head)
    if claim is None or claim.start < 0:
        return Container()
    there = size - claim.start
    placeholder = claim.length >= PLACEHOLDER and claim.length > there
    if claim.length > there + EXCESS and not placeholder:
        raise UserError(f"{path} is truncated: the file ends before its sound does.")
    if claim.length == 0 and there > 0 and not _is_chunk(file, claim.start, size):
        patches = {
            at: min(there, 256**n - 1).to_bytes(n, order)  # the greatest stands for "to the end"
            for at, (n, order) in claim.places.items()
        }
        return Container((Extent(0, size, patches),))
    return Container()


def long_mp3(file: BinaryIO) -> Container:
    """Make an MP3 without a count of its frames look long enough to be decoded to its end.

    libsndfile stops where it estimates the end by the first frame's bit rate.
    """
    size = file.seek(0, io.SEEK_END)
    return Container((Extent(0, size, beyond=MP3_SLOWEST * size),))


def mp3_is_counted(file: BinaryIO) -> bool:
    """Tell whether an MP3's first frame is a Xing header that says how many frames follow."""
    file.seek(0)
    head = file.read(10)
    start = 0
    if head[:3] == b"ID3":
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        start = 10 + size
    file.seek(start)
    frame = file.read(4096)
    for name in (b"Xing", b"Info"):
        at = frame.find(name)
        if at >= 0:
            counted = frame[at + 7 : at + 8] and frame[at + 7] & 1
            return bool(counted and int.from_bytes(frame[at + 8 : at + 12], "big"))
    return False


def _claim(file: BinaryIO, size: int, head: bytes) -> _Claim | None:
    """What the header promises; None where it is of another kind, or does not say."""
    kind, form = head[:4], head[8:12]
    if kind in (b"RIFF", b"RIFX") and form == b"WAVE":
        return _chunk(file, size, b"data", "little" if kind == b"RIFF" else "big")
    if kind == b"FORM" and form in (b"AIFF", b"AIFC"):
        return _chunk(file, size, b"SSND", "big")
    if kind == b"FORM" and form in (b"8SVX", b"16SV"):
        return _chunk(file, size, b"BODY", "big")
    if kind in (b"RF64", b"BW64") and form == b"WAVE":
        return _chunk(file, size, b"data", "little", wide=True)
    if head[:4] == b"riff" and head[24:28] == b"wave":
        return _wave64(file, size)
    if kind == b"caff":
        return _core_audio(file, size)
    if kind in (b".snd", b"dns."):
        order: Order = "big" if kind == b".snd" else "little"
        start, length = (int.from_bytes(head[at : at + 4], order) for at in (4, 8))
        return _Claim(start, length, {8: (4, order)})
    if kind == b"NIST":
        return _sphere(file)
    return None


def _chunk(
    file: BinaryIO, size: int, name: bytes, order: Order, wide: bool = False
) -> _Claim | None:
    """Find the chunk that holds the sound; `wide`: its length is in the chunk ds64."""
    position, length_of_data = 12, None
    for _ in range(MAX_CHUNKS):
        file.seek(min(position, size))  # a length may lie beyond what can be sought
        header = file.read(8)
        if len(header) < 8 or not header[:4].isascii() or not header[:4].decode().isprintable():
            return None  # no such chunk: the decoder says what the file is
        length = int.from_bytes(header[4:], order)
        if header[:4] == b"ds64":
            length_of_data = int.from_bytes(file.read(16)[8:], order)
        if header[:4] == name:
            if wide and length == 0xFFFF_FFFF and length_of_data is not None:
                length = length_of_data
            return _Claim(position + 8, length, {position + 4: (4, order)})
        position += 8 + length + length % 2
    return None


def _is_chunk(file: BinaryIO, position: int, size: int) -> bool:
    """Tell whether a chunk begins here that ends within the file, as one behind no sound does."""
    file.seek(position)
    header = file.read(8)
    name, length = header[:4], int.from_bytes(header[4:], "little")
    plain = len(header) == 8 and name.isascii() and name.decode().isprintable()
    return plain and position + 8 + length <= size


def _wave64(file: BinaryIO, size: int) -> _Claim | None:
    position = 40
    for _ in range(MAX_CHUNKS):
        file.seek(min(position, size))
        header = file.read(24)
        length = int.from_bytes(header[16:], "little")
        if len(header) < 24 or length < 24:
            return None
        if header[:4] == b"data":
            return _Claim(position + 24, length - 24, {})
        position += length + -length % 8
    return None


def _core_audio(file: BinaryIO, size: int) -> _Claim | None:
    position = 8
    for _ in range(MAX_CHUNKS):
        file.seek(min(position, size))
        header = file.read(12)
        length = int.from_bytes(header[4:], "big", signed=True)
        if len(header) < 12 or (length < 0 and header[:4] != b"data"):
            return None
        if header[:4] == b"data":
            return None if length < 0 else _Claim(position + 12, length, {})
        position += 12 + length
    return None


def _sphere(file: BinaryIO) -> _Claim | None:
    file.seek(0)
    lines = file.read(1024).decode("latin-1").splitlines()
    fields = {words[0]: words[2] for line in lines[2:] if len(words := line.split()) > 2}
    try:
        sizes = [int(fields[k]) for k in ("sample_count", "sample_n_bytes", "channel_count")]
        return _Claim(int(lines[1]), sizes[0] * sizes[1] * sizes[2], {})
    except (KeyError, ValueError, IndexError):
        return None


def _examine_ogg(path: Path, file: BinaryIO, size: int) -> Container:
    """Find the streams that follow one another, of which libsndfile reads the first alone."""
    starts: list[int] = []
    begins = ends = False  # whether the latest page begins, or ends, a stream
    for position, flags, end in _ogg_pages(file, size):
        if end > size:
            raise UserError(f"{path} is truncated: the file ends before its sound does.")
        if flags & 2 and not begins:  # several that begin together are one film
            starts.append(position)
        begins, ends = bool(flags & 2), bool(flags & 4)
    remark = None if ends else UNMARKED
    if len(starts) < 2:
        return Container(remark=remark)
    limits = zip(starts, [*starts[1:], size], strict=True)
    return Container(tuple(Extent(start, end) for start, end in limits), remark)


def _ogg_pages(file: BinaryIO, size: int) -> Iterator[tuple[int, int, int]]:
    """Position, flags and end of each page (RFC 3533); what is no page is passed over."""
    position = 0
    while position < size:
        file.seek(position)
        header = file.read(27 + 255)
        if header[:4] != b"OggS":
            file.seek(position)
            step = file.read(1 << 16).find(b"OggS", 1)
            position += step if step > 0 else (1 << 16) - 3
            continue
        if len(header) < 27:
            yield position, 0, size + 1
            return
        segments = header[26]
        end = position + 27 + segments + sum(header[27 : 27 + segments])
        yield position, header[5], end
        position = end
