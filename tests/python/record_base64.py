"""Records what Python's base64 decoder makes of texts into core/src/format/base64/recorded.jsonl.

kombu decodes bodies with `base64.b64decode`, which skips what is no base64 and has rules of its own for padding. Each
line is a text and what it decodes to as hexadecimal digits, or null where Python refuses it.

Usage: target/venv/bin/python tests/python/record_base64.py [out]
"""

import base64
import binascii
import itertools
import json
import pathlib
import random
import sys

FEW = "Q+=\n"
"""All texts of up to six of these are recorded: data, padding and what is skipped, in every order."""

MANY = "ABCDEFabcdef0189+/====\r\n -_*\u00e9\u4e00\U0001f600\x00"
"""Random texts are of these."""


def decoded(text):
    """As kombu does it (`Base64.decode` in kombu/transport/virtual/base.py)."""
    try:
        return base64.b64decode(text.encode()).hex()
    except binascii.Error:
        return None


def texts():
    """Every text that is recorded."""
    for length in range(7):
        yield from ("".join(text) for text in itertools.product(FEW, repeat=length))
    choose = random.Random(7)
    for _ in range(1_500):
        yield "".join(choose.choices(MANY, k=choose.randrange(24)))
    for length in range(48):
        whole = base64.b64encode(choose.randbytes(length)).decode()
        at = choose.randrange(len(whole) + 1)
        yield from (whole, whole[:at] + choose.choice(MANY) + whole[at:], whole[:at] + whole[at + 1 :], whole + "QUJD")


def main(out):
    """Writes all lines."""
    out.write_text("".join(json.dumps([text, decoded(text)]) + "\n" for text in texts()))


if __name__ == "__main__":
    root = pathlib.Path(__file__).parents[2]
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "core/src/format/base64/recorded.jsonl")
