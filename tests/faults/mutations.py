"""Files made worse: bits flipped, pieces cut out, doubled or put elsewhere."""

import copy
import json

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

LIES = [
    bytes(4),
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x80\x00\x00\x00",
    b"\x01\x00\x00\x00",
    b"\x00\x00\x00\x01",
    bytes(8),
    b"\xff" * 8,
    b"\xff" * 7 + b"\x7f",
    b"\x00",
    b"\n",
    b'"',
]


@st.composite
def mutated(draw, files: SearchStrategy[bytes], head: int = 1 << 30) -> bytes:
    """Change a file in one to four places, mostly within its first `head` bytes."""
    content = bytearray(draw(files))
    for _ in range(draw(st.integers(1, 4))):
        size = min(len(content), head)
        at = draw(st.integers(0, size))
        kind = draw(st.sampled_from("flip flip lie lie lie cut drop double insert move".split()))
        if kind == "flip" and at < size:
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "lie":
            lie = draw(st.sampled_from(LIES))
            content[at : at + len(lie)] = lie
        elif kind == "cut":
            del content[at:]
        elif kind == "drop":
            del content[at : at + draw(st.integers(1, 64))]
        elif kind == "double":
            piece = content[at : at + draw(st.integers(1, 64))]
            content[at:at] = piece * draw(st.integers(1, 50))
        elif kind == "insert":
            content[at:at] = draw(st.binary(max_size=16))
        elif kind == "move":
            to = draw(st.integers(0, size))
            content[to : to + 16] = content[at : at + 16]
    return bytes(content)


NASTY = st.sampled_from(
    [
        *"=cmd() <b> $^$ ../x /etc/passwd nan 1e999 0x10 \x1b[31m \u0661 \ud800 null".split(),
        *["", " ", "\0", "x" * 200_000, "9" * 400, "1\x1f"],
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=6)
    | NASTY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY, inner, max_size=2),
    max_leaves=6,
)


@st.composite
def reshaped(draw, value):
    """Change a value of plain containers in one to three places: drop, add, replace a part."""
    changed = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        node = changed
        while isinstance(node, dict | list) and node:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            key = draw(st.sampled_from(keys))
            if not (isinstance(node[key], dict | list) and node[key] and draw(st.booleans())):
                break
            node = node[key]
        if not (isinstance(node, dict | list) and node):
            return draw(VALUES)
        kind = draw(st.sampled_from("replace replace replace drop add".split()))
        if kind == "drop":
            del node[key]
        elif kind == "add" and isinstance(node, dict):
            node[draw(NASTY)] = draw(VALUES)
        else:
            node[key] = draw(VALUES)
    return changed


def small_files(value) -> SearchStrategy[bytes]:
    """JSON of another shape than `value`, cut, flipped, too deep, or no JSON at all."""
    whole = json.dumps(value).encode()
    return st.one_of(
        reshaped(value).map(lambda made: json.dumps(made).encode()),
        VALUES.map(lambda made: json.dumps(made).encode()),
        mutated(st.just(whole)),
        st.binary(max_size=99),
        st.sampled_from([b"", b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b"1e999", b"NaN"]),
    )
