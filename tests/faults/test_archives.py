"""Archives of any bytes, as a server may send them; nothing of them gets out of their folder."""

import hashlib
import io
import shutil
import stat
import zipfile
import zlib

from hypothesis import strategies as st

from esc50.data.sets.download import fetch_esc50
from tests.data.archive_server import CLIPS, SOUND, TABLE
from tests.faults.fuzz import fuzz, survives
from tests.faults.mutations import mutated

URL = "https://example.invalid/archive.zip"
DIGEST = hashlib.sha256(TABLE).hexdigest()
TAKEN = ("audio", "meta", "LICENSE", "README")
NAMES = [
    *"../evil.wav /tmp/evil.wav audio/../../evil.wav a\\..\\evil.wav C:/evil.wav audio/".split(),
    *"audio/x.wav audio/x.wav/y meta/esc50.csv LICENSE README/../../evil".split(),
    *"LICENSE. x/audio/z".split(),
    *["audio/a\0.wav", "audio/\u0661.wav", "audio/ .wav", "caf\u00e9", "", ".", "a/b/audio/c.wav"],
]
BYTES = st.sampled_from([SOUND[:999], TABLE, b"", bytes(100_000)]) | st.binary(max_size=50)
KINDS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


@st.composite
def archives(draw) -> bytes:
    """The data set with some more members: links, folders, names that lead out or come twice."""
    file = io.BytesIO()
    packing = draw(st.sampled_from([zipfile.ZIP_DEFLATED] * 3 + KINDS))
    with zipfile.ZipFile(file, "w", packing) as archive:
        top = draw(st.sampled_from(["ESC-50/", "", "a/b/"]))
        if draw(st.integers(0, 3)):
            archive.writestr(f"{top}meta/esc50.csv", TABLE)
        for clip in CLIPS:
            archive.writestr(f"{top}audio/{clip}", SOUND[:999])
        for _ in range(draw(st.integers(0, 3))):
            member = zipfile.ZipInfo(
                draw(st.sampled_from(["", top])) + draw(st.sampled_from(NAMES))
            )
            member.external_attr = draw(st.sampled_from([0, 0, stat.S_IFLNK, stat.S_IFIFO])) << 16
            member.compress_type = draw(st.sampled_from(KINDS))
            archive.writestr(member, draw(BYTES))
        archive.comment = draw(st.sampled_from([b"", b"x", b"PK\5\6" * 9]))
    return file.getvalue()


@fuzz("archives", content=archives() | mutated(archives()) | st.binary(max_size=99))
def test_an_archive_is_unpacked_or_refused(folder, content):
    place = folder / "archives"
    shutil.rmtree(place, ignore_errors=True)
    root = place / "in" / "x"
    root.parent.mkdir(parents=True)
    packed = root.with_name(f"x-{zlib.crc32(URL.encode()):08x}.zip")
    packed.write_bytes(content)
    try:
        with survives("archives"):
            fetch_esc50(root, URL, None, table_sha256=DIGEST)
            assert all(path.name.startswith(TAKEN) for path in root.iterdir())
    finally:
        assert [path.name for path in place.iterdir()] == ["in"]
        left = {path.name for path in root.parent.iterdir() if path.suffix != ".lock"}
        assert left <= {"x"}, "neither the archive nor a part of it stays"
        assert not any(path.is_symlink() for path in place.rglob("*"))
