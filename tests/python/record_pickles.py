"""Records pickles into core/src/format/pickle/recorded.jsonl, and bodies into core/src/filter/tests/pickled.jsonl.

One line per pickle: its bytes in base64, and the JSON text that must be read of it (`pickles.py`), or null where Python refuses
it or a bound forbids to read it.

Usage: target/venv/bin/python tests/python/record_pickles.py [COUNT [outfile]]
COUNT random values follow the fixed ones (200 of them in the recorded file). With an outfile no bodies are recorded.
"""

import base64
import collections
import datetime as dt
import json
import math
import pathlib
import pickle
import random
import sys
import uuid
from decimal import Decimal

from celery import chain, signature
from kombu.serialization import dumps

from pickles import UTC, Money, Values, pickled, text_of

ID = uuid.UUID("7d0f3c1e-3f0b-4c53-9d1c-0a5f8f6b2a11")
SHARED = [1, {"a": 2}]
VALUES = [
    None, True, False, 0, 1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -1, -(2**31), -(2**31) - 1, 2**63, -(2**63), -(2**63) - 1, 2**70,
    -(2**70), 2**1016, 2**1022, -(2**1023), 2**1023, 2**2040, 10**308, 0.0, -0.0, 1.5, 0.1, 1e15, 1e16, 1.25e17, 1e-4, 1e-5, 1e300, 5e-324, math.nan, math.inf, -math.inf,
    "", "abc", "say \"hi\"\\\n\0", "é\u4e00\U0001f600", "\ud800 alone", "x" * 255, "x" * 256, b"", b"abc", "é".encode(), b"\xff\xfe",
    b"x" * 256, bytearray(b"abc"), (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], [1], list(range(1100)), {}, {"a": 1}, {str(n): n for n in range(1100)},
    {1: 2, -3: 4}, {None: 1}, {(1, 2): 3}, {1.5: 1}, {True: 1}, set(), {7}, frozenset({7}), ID, uuid.UUID(int=5), uuid.UUID(int=2**128 - 1), uuid.UUID("e4eaaaf2-d142-11e1-b3e4-080027620cdd", is_safe=uuid.SafeUUID.safe),
    Decimal("12.50"), Decimal("NaN"), Decimal("1E+3"), dt.datetime(2024, 5, 1, 10, tzinfo=UTC), dt.datetime(2024, 5, 1, 10), dt.date(2024, 5, 1),
    dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.time(10, 0), dt.time(10, 0, 0, 5, UTC), dt.datetime(2024, 5, 1, 10, 0, 0, 7, dt.timezone(dt.timedelta(hours=-3, minutes=-30))),
    dt.datetime(2024, 5, 1, fold=1), dt.timedelta(days=1), UTC, Money(7), Money, [Money(7), 7, Money(8)], collections.OrderedDict(b=1, a=2),
    collections.defaultdict(list, a=[1]), signature("t.a", args=(1,), kwargs={"x": ID}), chain(signature("t.a"), signature("t.b")), [SHARED, SHARED, {"c": SHARED}],
    (("x", b"y"), {"repoid": 7, "e": b"z"}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}),
]


def laughs():
    """Ten references to a list of ten references, eight times."""
    value = ["ha"] * 10
    for _ in range(8):
        value = [value] * 10
    return value


def endless():
    value = [1]
    value.append(value)
    return value


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def opaque(name):
    return json.dumps([{"__class__": name}])


# Bytes that pickle.dumps does not write, or that are not read, and what is read of them.
BYTES = [
    (b"", None), (b".", None), (b"N", None), (b"N.", None), (b"K\x07.", None), (b"].", "[]"), (b"].trailing", "[]"), (b"\x80\x05].", "[]"), (b"\x80\x06].", None),
    (b"\x80\x04\x95\x02\0\0\0\0\0\0\0].", "[]"), (b"\x80\x04\x95\x03\0\0\0\0\0\0\0].", None), (b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff].", None),
    (b"]\x8c\x05ab.", None), (b"]X\xff\xff\xff\xffab.", None), (b"]\x8d\0\0\0\0\0\0\0\x10ab.", None), (b"]\x8e\0\0\0\0\0\0\0\x10ab.", None),
    (b"]\x8b\xff\xff\xff\x7f.", None), (b"]\x8b\xff\xff\xff\xff.", None), (b"]\x8a\xff\x01.", None), (b"]B\xff\xff\xff\xff.", None),
    (b"]T\xff\xff\xff\xff.", None), (b"]\x96\0\0\0\0\0\0\0\x10ab.", None), (b"]\x97a.", None), (b"]\x98a.", None), (b"]\xffa.", None),
    (b"]X\x02\0\0\0\xff\xfea.", None), (b"]X\x03\0\0\0\xed\xa0\x80a.", '["\\ud800"]'), (b"](K\x01K\x02e.", "[1, 2]"), (b"]K\x01(K\x02e.", None), (b"](0.", "[]"),
    (b"](1.", "[]"), (b"]1.", None), (b"]0.", None), (b"]20.", "[]"), (b"]q\0h\0a.", None), (b"]q\xff.", None), (b"]q\x01h\x01.", "[]"), (b"]h\x05a.", None), (b"]r\xff\xff\xff\x7f.", None),
    (b"(lp0\nI7\naL8L\naF1.5\naS'abc'\naVdef\nag0\n0I01\naI00\na.", '[7, 8, 1.5, "abc", "def", true, false]'), (b"(lI7", None), (b"(lI0x7\na.", None),
    (b"(lS'a\\n'\na.", None), (b"(lV\\u00e9\na.", None), (b"(dS'a'\nI1\ns.", '{"a": 1}'), (b"(S'a'\nI1\nd.", '{"a": 1}'), (b"(S'a'\nd.", None), (b"(I1\nI2\nt.", "[1, 2]"),
    (b"}K\x01s.", None), (b"}(K\x01u.", None), (b"](K\x01K\x02u.", None), (b"}K\x01a.", None), (b"}(X\x01\0\0\0aK\x01X\x01\0\0\0aK\x02u.", '{"a": 1, "a": 2}'),
    (b"]U\x03abca.", '["abc"]'), (b"]U\x01\xe9a.", opaque("builtins.str")), (b"]T\x03\0\0\0abca.", '["abc"]'),
    # What executes something when Python reads it.
    (b"cos\nsystem\n(S'touch /tmp/executed'\ntR.", None), (b"]cos\nsystem\n(S'touch /tmp/executed'\ntRa.", opaque("os.system")),
    (b"](S'touch /tmp/executed'\nios\nsystem\na.", opaque("os.system")), (b"](cos\nsystem\nS'touch /tmp/executed'\noa.", opaque("os.system")),
    (b"\x80\x04]\x8c\x05posix\x8c\x06system\x93\x8c\x15touch /tmp/executed12\x85Ra.", opaque("posix.system")),
    (b"]cbuiltins\neval\nS'1'\n\x85R}ba.", opaque("builtins.eval")), (b"]capp\nM\n)\x81}X\x01\0\0\0aK\x01sba.", opaque("app.M")), (b"]capp\nM\n)}\x92a.", opaque("app.M")),
    (b"]capp\nM\n)\x81(K\x01K\x02ea.", opaque("app.M")), (b"]capp\nM\n)\x81(K\x01K\x02ua.", opaque("app.M")), (b"]capp\nM\na.", opaque("app.M")), (b"]capp\nM\nNRa.", None), (b"]N)Ra.", None),
    (b"]Pid\na.", opaque("pickle.PersistentId")), (b"]K\x01Qa.", opaque("pickle.PersistentId")), (b"]\x82\x05a.", opaque("copyreg.Extension")), (b"]\x84\x05\0\0\0)Ra.", opaque("copyreg.Extension")),
    # States that the classes do not write themselves.
    (b"]cdatetime\ndatetime\n(K\x01K\x02K\x03tRa.", opaque("datetime.datetime")), (b"]cdatetime\ndatetime\nC\x0a\x07\xe8\x0d\x01\0\0\0\0\0\0\x85Ra.", opaque("datetime.datetime")),
    (b"]cdatetime\ndatetime\nC\x0a\x07\xe8\x02\x1e\0\0\0\0\0\0\x85Ra.", opaque("datetime.datetime")), (b"]cdatetime\ndate\nC\x04\0\0\x01\x01\x85Ra.", opaque("datetime.date")),
    (b"]cdatetime\ntime\nC\x06\x18\0\0\0\0\0\x85Ra.", opaque("datetime.time")), (b"]cdecimal\nDecimal\nX\x04\0\0\0 1_0\x85Ra.", opaque("decimal.Decimal")),
    (b"]cuuid\nUUID\n)\x81a.", opaque("uuid.UUID")), (b"]cuuid\nUUID\n)\x81}X\x03\0\0\0intJ\xff\xff\xff\xffsba.", opaque("uuid.UUID")),
    (b"]cuuid\nUUID\n)\x81}X\x03\0\0\0int\x8a\x12" + b"\xff" * 16 + b"\x01\0sba.", opaque("uuid.UUID")),
    (b"]cuuid\nUUID\n)\x81}(X\x03\0\0\0intK\x05X\x07\0\0\0is_safecuuid\nSafeUUID\nK\0\x85Ruba.", '[{"__type__": "uuid", "__value__": {"hex": "00000000000000000000000000000005"}}]'),
    # Python 2.7: a text of its date's bytes, and names of its modules.
    (b"\x80\x02]cdatetime\ndate\nU\x04\x07\xe8\x05\x01\x85Ra.", '[{"__type__": "date", "__value__": "2024-05-01"}]'),
    (b"\x80\x02]c__builtin__\nset\n]K\x01a\x85Ra.", opaque("__builtin__.set")),
]


EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
KWARGS = {
    "repoid": 7, "money": Money(7), "list": [7, Money(1), "a"], "known": [7, 8], "more": {"a": {"b": 1}, "m": Money(2)}, "id": ID, "none": None,
    "at": dt.datetime(2024, 5, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2))), "price": Decimal("12.50"), "data": b"\xff\xfe", "keys": {(1, 2): 3},
    "tuple": (7, "x"), "text": "caf\u00e9", "numbers": {1: "one"}, "big": 2**70, "set": {7},
}
LINK = chain(signature("t.a"), signature("t.b"))
# Bodies by their names: protocol 2 and 1, members of chords, and arguments of a class of their own.
BODIES = {
    "protocol 2": ((1, "x", Money(3)), KWARGS, EMBED),
    "protocol 1": {"task": "t", "id": "i", "args": (1, "x", Money(3)), "kwargs": KWARGS, "retries": 0, "eta": None, "chord": None},
    "plain": ((1, "x"), {"repoid": 7}, EMBED),
    "chord": ((), {"repoid": 7}, {**EMBED, "chord": signature("t.callback")}),
    "chain in a chord": ((), {"repoid": 7}, {**EMBED, "chain": [signature("t.last", options={"chord": signature("t.callback")}), signature("t.next")]}),
    "chain": ((), {"repoid": 7}, {**EMBED, "chain": [signature("t.last"), signature("t.next")], "callbacks": [LINK]}),
    "args of a class": (Money(1), {"repoid": 7}, EMBED),
    "kwargs of a class": ((1,), Money(1), EMBED),
    "a class": Money(1),
    "a text": "abc",
}


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    out = sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parents[2] / "core/src/format/pickle/recorded.jsonl"
    rows = []
    for value in VALUES:
        for protocol in range(2, 6):
            rows.append((pickled([value], protocol), text_of([value], protocol)))
    values = Values(random.Random(7))
    for n in range(count):
        value, protocol = [values.value()], 2 + n % 4
        rows.append((pickled(value, protocol), text_of(pickle.loads(pickled(value, protocol)), protocol)))
    for protocol in range(2, 6):
        rows += [(pickled(value, protocol), None) for value in (laughs(), endless(), deep(200))]
        rows.append((pickled(deep(120), protocol), text_of(deep(120), protocol)))
    with open(out, "w") as file:
        for packed, text in rows + BYTES:
            file.write(json.dumps({"pickle": base64.b64encode(packed).decode(), "json": text}) + "\n")
    if len(sys.argv) > 2:
        return
    with open(pathlib.Path(__file__).parents[2] / "core/src/filter/tests/pickled.jsonl", "w") as file:
        for name, body in BODIES.items():
            packed = dumps(body, serializer="pickle")[2]
            file.write(json.dumps({"name": name, "body": base64.b64encode(packed).decode()}) + "\n")


main()
