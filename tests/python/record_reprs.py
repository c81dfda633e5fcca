"""Records what Celery's saferepr and Python's repr show of arguments into core/src/format/repr/recorded.jsonl.

One line per text: which form it is, the text, the plain values behind it as JSON, every name there is, and the names
that a reader shall answer for; of some, what saferepr makes of them for every length at which it may cut.

Usage: target/venv/bin/python tests/python/record_reprs.py [outfile]
"""

import json
import pathlib
import sys
from collections import OrderedDict, namedtuple
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from celery.utils.saferepr import saferepr
from kombu.utils.json import dumps

MAXLEN = 1024
"""Celery's own for the headers argsrepr and kwargsrepr."""

SHA = "5656ae5ffedbe286ff73bc25eb5894b06f40b5b5"


class Shown:
    """An object that shows what its class likes."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


class Words(set):
    """A set that is shown with its name."""


class MyUUID(UUID):
    """A UUID that is shown with another name."""


class MyDecimal(Decimal):
    """Shown as a Decimal by the decimal module in C."""


class Moment(datetime):
    """A datetime that is shown with another name."""


class Zone(tzinfo):
    """A zone that shows itself as it likes."""

    def utcoffset(self, at):
        return timedelta(hours=5)

    def __repr__(self):
        return "datetime.timezone.utc.five"


ID = UUID("0b4f7c62-6d53-4c0e-9a57-0c2b8f1f3d11")
EAST = timezone(timedelta(hours=5, minutes=45))
Pair = namedtuple("Pair", "a b")
BOTH, ALL = ("saferepr", "repr"), None

DECIMALS = [
    "0", "-0", "0.00", "-1.50", "7", "1E+5", "1E-10", "0E-8", "-1.234E+30", "12345678901234567890.123", "NaN", "-NaN", "NaN12",
    "sNaN", "Infinity", "-Infinity",
]
STRANGE = [
    "UUID('a')", "UUID()", "UUID(int=7)", f"UUID('{ID.hex}')", f"UUID('{str(ID).upper()}')", f"UUID('{ID}', '{ID}')",
    f"UUID('{ID}''{ID}')", "Decimal('')", "Decimal('1.')", "Decimal('.5')", "Decimal('1e5')", "Decimal('1E5')", "Decimal('+1')",
    "Decimal('--1')", "Decimal(' 1')", "Decimal('1_0')", "Decimal('nan')", "Decimal('Inf')", "Decimal(1)", "Decimal('-')",
    "datetime.date(2026, 2, 30)", "datetime.date(2026, 13, 1)", "datetime.date(0, 1, 1)", "datetime.date(2026, 1)",
    "datetime.date(2026, 1, 2, 3)", "datetime.date(2026, 01, 2)", "datetime.date(2026,1,2)", "datetime.date(2026, 1, 2, tzinfo=datetime.timezone.utc)",
    "datetime.date()", "datetime.date(-1, 1, 1)", "datetime.date(99999, 1, 1)", "datetime.datetime(2026, 1, 2)",
    "datetime.datetime(2026, 1, 2, 24, 0)", "datetime.datetime(2026, 1, 2, 1, 60)", "datetime.datetime(2026, 1, 2, 1, 2, 60)",
    "datetime.datetime(2026, 1, 2, 1, 2, 3, 1000000)", "datetime.datetime(2026, 1, 2, 1, 2, 3, 4, 5)",
    "datetime.datetime(2026, 1, 2, 1, 2, tzinfo=None)", "datetime.datetime(2026, 1, 2, 1, 2, tzinfo=UTC)",
    "datetime.datetime(2026, 1, 2, 1, 2, tzinfo=datetime.timezone.utc, fold=1)",
    "datetime.datetime(2026, 1, 2, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(seconds=86400)))",
    "datetime.datetime(2026, 1, 2, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=0)))",
    "datetime.datetime(2026, 1, 2, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(days=-2, seconds=60)))",
    "datetime.datetime(2026, 1, 2, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(0)))", "datetime.time(1)", "datetime.time(25, 0)",
    "datetime.time(1, 2, 3, 4, 5)", "datetime.time(1, 2, )",
]

# Arguments, and what is answered of them: by both writers alike, or by each.
CASES = [
    ({}, ALL),
    ({"repoid": 7, "commitid": SHA, "ownerid": 12, "pullid": None, "report": {"n": 1}}, ["repoid", "commitid", "ownerid", "pullid"]),
    ({"a": True, "b": False, "c": None, "d": 0, "e": -7, "f": 2**70}, ALL),
    ({"a": 1.5, "b": 1e16, "c": 1e-05, "d": -0.0, "e": float("inf"), "f": float("-inf"), "g": float("nan")}, ["a", "b", "c", "d"]),
    ({"a": "", "b": "7", "c": "é\U0001f600", "d": "a b", "e": "{}[]():, "}, ALL),
    ({"a": "it's", "repoid": 7}, ALL),
    ({"a": 'say "hi"', "repoid": 7}, ALL),
    ({"a": "both ' and \"", "repoid": 7}, ALL),
    ({"a": "x\ny\tz\0", "repoid": 7}, {"saferepr": ALL, "repr": ["repoid"]}),
    ({"a": "\u200b", "repoid": 7}, {"saferepr": ALL, "repr": ["repoid"]}),
    ({"a": "C:\\temp", "repoid": 7}, ["repoid"]),
    ({"a": "\\\\host\\share", "repoid": 7}, ["repoid"]),
    # A backslash at the end, and quotes before what may stand behind a string: to each writer another end.
    ({"a": "C:\\", "repoid": 7}, []),
    ({"a": "\\'", "repoid": 7}, {"saferepr": [], "repr": ["repoid"]}),
    ({"a": "\\", "b": ", 'repoid': 8, 'c': ", "repoid": 7}, []),
    ({"a": "'repoid': 8", "repoid": 7}, {"saferepr": [], "repr": ALL}),
    ({"a": "', 'repoid': 8, 'b': '", "repoid": 7}, {"saferepr": [], "repr": ALL}),
    ({"a": "', 'repoid': 8, \"b\": '", "repoid": 7}, []),
    ({"a": "{'repoid': 8}", "b": 1}, {"saferepr": [], "repr": ALL}),
    ({"repoid'": 8, "repoid": 7}, {"saferepr": [], "repr": ALL}),
    ({"a": {"repoid": 8}, "b": [{"repoid": 9}]}, []),
    ({"a": {"repoid": 8}, "repoid": 7}, ["repoid"]),
    ({"a": [], "b": (), "c": {}, "d": set(), "e": frozenset(), "f": (1,), "g": ((1, 2), [3]), "h": {1}, "i": {2: 3}, "j": 7}, ["j"]),
    ({"a": {(1, 2): 3, None: "x", 1.5: "y"}, "b": Pair(1, 2), "c": OrderedDict(x=1), "d": 7}, {"saferepr": ["d"], "repr": []}),
    ({"a": {"b": {"c": {"d": {"e": 1}}}}, "f": [[[[1]]]], "g": ((((1,),),),), "repoid": 7}, ["repoid"]),
    ({"a": frozenset({1}), "repoid": 7}, []),
    ({"a": Words({1}), "repoid": 7}, []),
    ({"a": 1 + 2j, "repoid": 7}, []),
    ({"a": b"abc", "repoid": 7}, []),
    ({"a": b"x', 'repoid': 8, 'y': b'z", "repoid": 7}, []),
    ({"a": Shown("<Repo 8>"), "repoid": 7}, []),
    ({"a": Shown("Repo(name=x), 'repoid': 8, 'b': Repo(y)"), "repoid": 7}, []),
    (
        {
            "a": ID,
            "b": Decimal("-1.50"),
            "c": datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc),
            "d": datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=-3))),
            "e": date(2026, 1, 2),
            "f": time(1, 2),
            "g": timedelta(days=-1, seconds=5),
            "repoid": 7,
        },
        ["a", "b", "c", "d", "e", "f", "repoid"],
    ),
    ({f"d{n}": Decimal(text) for n, text in enumerate(DECIMALS)}, ALL),
    (
        {
            "a": datetime(2026, 1, 2),
            "b": datetime(2026, 12, 31, 23, 59, 59, 999999),
            "c": datetime(2026, 1, 2, 3, 4, 5, 60, timezone.utc),
            "d": datetime(2026, 1, 2, 0, 0, 0, 7, EAST),
            "e": datetime(2026, 1, 2, 0, 0, tzinfo=timezone(timedelta(hours=-23, minutes=-59))),
            "f": datetime(1, 1, 1),
            "g": datetime.max,
            "h": datetime(2024, 2, 29, 1, 0, 1),
            "i": date(1, 1, 1),
            "j": date(9999, 12, 31),
            "k": time(0),
            "l": time(23, 59, 59, 999999, timezone.utc),
            "m": time(1, 2, 0, 3, EAST),
            "n": UUID(int=0),
            "o": UUID(int=2**128 - 1),
        },
        ALL,
    ),
    # Which offset it is does not stand in the text, or ISO-8601 has no form for it, or not all readers know it.
    (
        {
            "a": datetime(2026, 7, 1, tzinfo=ZoneInfo("Europe/Berlin")),
            "b": datetime(2026, 7, 1, tzinfo=ZoneInfo("UTC")),
            "c": datetime(2026, 7, 1, tzinfo=timezone(timedelta(hours=2), "CEST")),
            "d": datetime(2026, 7, 1, tzinfo=timezone(timedelta(seconds=61))),
            "e": datetime(2026, 7, 1, tzinfo=timezone(timedelta(microseconds=1))),
            "f": datetime(2026, 7, 1, tzinfo=Zone()),
            "g": datetime(2026, 7, 1, fold=1),
            "h": datetime(2026, 7, 1, fold=1, tzinfo=timezone.utc),
            "i": time(1, 2, tzinfo=Zone()),
            "j": timedelta(0),
            # Before the year 1 in UTC.
            "k": datetime(1, 1, 1, tzinfo=EAST),
            "repoid": 7,
        },
        ["repoid"],
    ),
    ({"a": datetime(2026, 7, 1, tzinfo=timezone(timedelta(0), ")), 8, UUID((")), "repoid": 7}, []),
    ((datetime(2026, 7, 1, tzinfo=timezone(timedelta(0), ")), 8, UUID((")), 7), []),
    ({"a": [ID, {"b": Decimal("1.5")}], "b": {"c": date(2026, 1, 2), ID: ID}, "c": (ID,), "d": {ID}, "repoid": 7}, ["repoid"]),
    ({"a": [[[ID]]], "b": {"c": {"d": Decimal("1")}}, "c": ((((time(1),),),),), "d": ID}, ["d"]),
    ((ID, Decimal("-0"), datetime(2026, 1, 2), [ID], None, date(2026, 1, 2), time(1, 2)), ["0", "1", "2", "4", "5", "6"]),
    ([ID, [Decimal("1E+5")], timedelta(1), 7], ["0", "3"]),
    ({"a": MyDecimal("1.50"), "repoid": 7}, ALL),
    ({"a": MyUUID(ID.hex), "repoid": 7}, []),
    ({"a": Moment(2026, 1, 2), "repoid": 7}, []),
    ({"a": f"UUID('{ID}')", "repoid": 7}, {"saferepr": [], "repr": ALL}),
    ({"a": "Decimal(7), UUID()", "repoid": 7}, ALL),
    # Objects that show what no value of these types shows.
    *(({"a": Shown(text), "repoid": 7}, ["repoid"]) for text in STRANGE),
    # Cut, or so it looks.
    ({"a": "wait...", "repoid": 7}, []),
    ({"repoid": 7, "text": "x" * 2_000}, {"saferepr": [], "repr": ALL}),
    ({"text": "x " * 2_000, "repoid": 7}, {"saferepr": [], "repr": ALL}),
    ({f"name{n}": n for n in range(200)}, {"saferepr": [], "repr": ALL}),
    ((), ALL),
    ([], ALL),
    ((7,), ALL),
    ((7, "x", [1, 2]), ["0", "1"]),
    ([7, "it's", None, (1,)], ["0", "1", "2"]),
    (("\\", ", 7, "), []),
    (("', 8, '", 7), {"saferepr": [], "repr": ALL}),
    (([[[[1]]]], 7), ["1"]),
    ((b"', 8, b'", 7), []),
]

CUT = [
    {"repoid": 147107, "commitid": SHA[:12], "pullid": None, "n": {"a": ["x", 1]}},
    {"a": ("it's", "b"), "repoid": 7, "u": UUID(int=7), "b": {"c": ["d", "e f"]}},
    {"a": "', 'repoid': 8, 'b': '", "repoid": 71},
    (147107, "a b c", ["x", (1, 2)], {"repoid": 71}),
    [["a", ["b", "c"]], -71, "it's"],
    {"u": ID, "d": Decimal("-12.50"), "repoid": 71, "n": [ID, {"d": Decimal("1E+3")}]},
    (datetime(2026, 1, 2, 3, 4, 5, 6, EAST), date(2026, 1, 2), [time(1, 2), (ID,)], datetime(2026, 1, 2, tzinfo=timezone.utc)),
]


def plain(value):
    """The value as JSON, by kombu where JSON lacks it, where it is one that may be answered."""
    if isinstance(value, (UUID, Decimal, date, time)):
        return dumps(value)
    finite = isinstance(value, float) and value - value == 0
    if value is None or isinstance(value, (bool, int, str)) or finite:
        return json.dumps(value)
    return None


def row(arguments, text, answered):
    """One line."""
    named = isinstance(arguments, dict)
    items = list(arguments.items()) if named else [(str(at), value) for at, value in enumerate(arguments)]
    names = [name for name, _ in items]
    return {
        "form": "kwargs" if named else "args",
        "text": text,
        "names": names,
        "plain": {name: plain(value) for name, value in items if plain(value) is not None},
        "answered": names if answered is ALL else answered,
    }


def main(out):
    """Writes all lines."""
    rows = []
    for arguments, answered in CASES:
        each = answered if isinstance(answered, dict) else dict.fromkeys(BOTH, answered)
        rows.append(row(arguments, saferepr(arguments, MAXLEN), each["saferepr"]))
        if repr(arguments) != rows[-1]["text"]:
            rows.append(row(arguments, repr(arguments), each["repr"]))
    for arguments in CUT:
        whole = saferepr(arguments, MAXLEN)
        cuts = dict.fromkeys(saferepr(arguments, maxlen) for maxlen in range(1, len(whole) + 8))
        cuts.pop(whole, None)
        rows.append(row(arguments, whole, []) | {"answered": None, "cuts": list(cuts)})
    out.write_text("".join(json.dumps(line) + "\n" for line in rows))


if __name__ == "__main__":
    root = pathlib.Path(__file__).parents[2]
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "core/src/format/repr/recorded.jsonl")
