"""Records what kombu makes of MessagePack into core/src/format/msgpack/recorded.jsonl.

One line per body: its bytes in base64, and what kombu's JSON writes of the value that kombu reads from them, or null
where kombu reads nothing.

Usage: target/venv/bin/python tests/python/record_msgpack.py [outfile]
"""

import base64
import json
import math
import pathlib
import struct
import sys

from kombu.serialization import dumps, loads, prepare_accept_content
from kombu.utils.json import dumps as json_dumps
from msgpack import ExtType, Timestamp, packb

TYPE = "application/x-msgpack"
VALUES = [
    None, True, False, 0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1, -1, -32, -33, -128, -129, -32768, -32769,
    -(2**31), -(2**31) - 1, -(2**63), 0.0, -0.0, 1.5, 0.1, 1e16, 1e300, 5e-324, math.nan, math.inf, -math.inf, "", "abc",
    "say \"hi\"\\\n\0", "é\u4e00\U0001f600", "x" * 31, "x" * 32, "x" * 255, "x" * 256, "x" * 256, b"", b"abc",
    "é".encode(), b"\xff\xfe", b"\xe9", b"\0\n\"\\", b"\xed\xa0\x80", b"x" * 255, b"\xff" * 256, [], [1], [[1, [2]], {}], {},
    {"a": 1}, {"a": {"b": [b"c", None]}, "": b"\xff"}, list(range(15)), list(range(16)), {str(n): n for n in range(15)},
    {str(n): [n] for n in range(16)}, [["x", b"y"], {"repoid": 7, "e": b"z"}, {}],
    ExtType(0, b""), ExtType(5, b"abc"), ExtType(127, b"\xff" * 16), ExtType(7, b"1234567"), ExtType(7, b"x" * 300),
    *(ExtType(1, b"x" * size) for size in (1, 2, 4, 8, 16)), Timestamp(0), Timestamp(1714557600), Timestamp(2**32 - 1),
    Timestamp(2**32), Timestamp(1714557600, 5_000), Timestamp(1714557600, 123_456_789), Timestamp(-1, 999_999_999), Timestamp(-62135596800),
    Timestamp(253402300799, 999_999_999), [Timestamp(7), {"at": Timestamp(-7)}],
]
# Bytes that the library does not write, or that nobody reads.
BYTES = [
    b"\xca" + struct.pack(">f", 1.1), b"\xca" + struct.pack(">f", 0.1), b"\xca" + struct.pack(">f", math.nan),
    b"\xd0\x05", b"\xd3" + struct.pack(">q", 5), b"\xcf" + struct.pack(">Q", 5), b"\xd9\x01a", b"\xda\0\x01a", b"\xdb\0\0\0\x01a",
    b"\xdc\0\x01\x01", b"\xdd\0\0\0\x01\x01", b"\xde\0\x01\xa1a\x01", b"\xdf\0\0\0\x01\xa1a\x01", b"\xc5\0\x01a", b"\xc6\0\0\0\x01a",
    b"\xc7\x03\x05abc", b"\xc8\0\x03\x05abc", b"\xc9\0\0\0\x03\x05abc", b"\x82\xa1a\x01\xa1a\x02",
    b"\xc1", b"\xa1\xff", b"\xa2\xed\xa0", b"\xa2a", b"\xd9\x05a", b"\xc4\x02a", b"\xc4", b"\xcd\x01", b"\xcb\0", b"\x01\x01", b"\xc0\xc0", b"\x91",
    b"\x92\x01", b"\x81", b"\x81\xa1a", b"\x81\x80\x01", b"\x81\x91\x01\x01", b"\x81\xc0\x01", b"\x81\xc2\x01", b"\x81\xcb\0\0\0\0\0\0\0\0\x01",
    b"\xdd\xff\xff\xff\xff\x01", b"\xdf\xff\xff\xff\xff\xa1a\x01", b"\xc6\xff\xff\xff\xff\x01", b"\xd4\xfe\x01", b"\xd4\x80\x01", b"\xd4\xff\x01",
    b"\xc7\x05\xff12345", b"\xd7\xff" + b"\xff" * 8, b"\xc7\x0c\xff" + struct.pack(">Iq", 10**9, 0), b"\xd6", b"\xd6\xff\0\0",
]


def read(packed):
    """What a worker has of a body."""
    try:
        return loads(packed, TYPE, "binary", accept=prepare_accept_content(["msgpack"]))
    except Exception:
        return BYTES


def shown(value):
    """A value with its timestamps as kombu's JSON knows them."""
    if isinstance(value, Timestamp):
        return value.to_datetime()
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    return [shown(item) for item in value] if isinstance(value, (list, tuple)) else value


def row(packed):
    """One line."""
    value = read(packed)
    text = None if value is BYTES else json_dumps(shown(value), separators=(",", ":"), ensure_ascii=False)
    return {"msgpack": base64.b64encode(packed).decode(), "json": text}


def main(out):
    """Writes all lines."""
    bodies = []
    for value in VALUES:
        _, _, packed = dumps(value, serializer="msgpack")
        assert packed == packb(value, use_bin_type=True)
        bodies.append(packed)
    out.write_text("".join(json.dumps(row(packed)) + "\n" for packed in bodies + BYTES))


if __name__ == "__main__":
    root = pathlib.Path(__file__).parents[2]
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "core/src/format/msgpack/recorded.jsonl")
