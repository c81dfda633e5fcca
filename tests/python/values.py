"""Sends a task once for every kind of value, by the real kombu, and says which messages each condition means.

The values are sent in JSON, in MessagePack as far as that has a form for them, in pickle, and in JSON that is compressed
by bzip2, which is never read: of those only Celery's text of the arguments tells. What a condition means is worked out here from Python's own values, not
from what lies in the queue. Prints one JSON object: `queues`, each with its name (`queue`), the words to add to a command
(`more`), `sent` (ids in the order of sending) and `questions` (words of a filter, the ids for which it is true, the ids for
which it is unknown).
"""

import base64
import datetime as dt
import fnmatch
import json
import math
import os
import re
import uuid
from collections import OrderedDict
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from celery import Celery
from kombu.exceptions import EncodeError
from kombu.serialization import dumps
from kombu.utils.json import dumps as json_dumps
from kombu.utils.json import register_type
from msgpack import ExtType, Timestamp

ID = uuid.UUID("7d0f3c1e-3f0b-4c53-9d1c-0a5f8f6b2a11")
UTC = dt.timezone.utc


class Money:
    """A type that an application registers."""

    def __init__(self, text):
        self.text = text


register_type(Money, "money", lambda money: money.text, Money)

VALUES = [
    0, 7, -7, 7.0, 12, 12.5, 2**70, 1e300, 1714557600, 1714557600000, 1714557600.5, math.nan, math.inf, True, False,
    "", "abc", "7", "007", "7.0", "12.5", "12.50", "1e3", "true", "True", "False", "NaN", "say \"hi\"", '"12.50"',
    "é\n", "[7]", "[7, 8]", "1.10", "1.1", str(ID), ID.hex, str(ID).upper(), ID, uuid.UUID(int=5),
    dt.datetime(2024, 5, 1, 10, tzinfo=UTC), dt.datetime(2024, 5, 1, 12, 0, 0, 5, dt.timezone(dt.timedelta(hours=2))),
    dt.datetime(2024, 5, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2))), dt.datetime(2024, 5, 1, 10),
    dt.date(2024, 5, 1), dt.time(10, 0), "2024-05-01T10:00:00Z", "2024-05-01T10:00:00+00:00", "2024-05-01T10:00:00",
    "2024-05-01", "2030-01-01T00:00:00Z", Decimal("12.50"), Decimal("7"), Decimal("1E+3"), Decimal("NaN"),
    Decimal("-0"), Decimal("Infinity"), dt.time(10, 0, 0, 5, UTC), b"abc", b"12", b"", "é".encode(), b"\xff\xfe", [b"abc"], [ID, Decimal("7")],
    dt.datetime(2024, 5, 1, 10, tzinfo=ZoneInfo("Europe/Berlin")), Money("12.50"), Money("abc"), [], [7], ["7"], [7, 8], [True], [[7]], [None], {}, {"a": 1}, {"a": [7]}, None,
]
# What MessagePack can say, and JSON cannot.
PACKED = [Timestamp(1714557600), Timestamp(1714557600, 5_000), Timestamp(1714557600, 999), ExtType(5, b"abc"), ExtType(7, b"\xff")]

# What pickle can say and JSON cannot. Money is one of them, too: kombu's JSON knows it, and a pickle only its class.
OBJECTS = [{7}, frozenset({"abc"}), dt.timedelta(days=1), bytearray(b"abc"), 1j, {(7, 8): 9}, OrderedDict(a=1), ("7", 8), ValueError("7")]

OPERANDS = [
    "7", "007", "7.0", "70e-1", "12", "12.5", "12.50", '"12.50"', '"1.10"', "1.10", "1.1", "1000", "1e3", "-7", "0",
    str(2**70), "true", "True", "false", '"True"', '""', "abc", "Abc", "NaN", "Infinity", 'say "hi"', '""12.50""',
    "é\n", str(ID), ID.hex, str(ID).upper(), str(uuid.UUID(int=5)), "2024-05-01T10:00:00Z",
    "2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00", "2024-05-01", "1714557600", "1714557600000", "10:00:00",
    "[7]", "[7,8]", "[7, 8]", "[]", "{}", '{"a":1}', '{"a": [7]}', "None", "é", "//4=", "97", "5", "10:00:00.000005+00:00",
    "2024-05-01T10:00:00.000005Z",
]
LIMITS = ["7", "12.50", "1e3", "2024-05-01T10:00:00Z", "2024-05-01", "2027-01-01T00:00:00+02:00"]
PATTERNS = ["*", "a*", "2024-05-01*", "7d0f3c1e-*", "?", "*12*"]

INTEGER = re.compile(r"-?[0-9]+\Z")
DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
UUID = re.compile(r"([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\Z")
ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?)?\Z")


def shortest(text):
    """A small decimal number as it is shown."""
    return format(Decimal(text).normalize(), "f")


def moment(text):
    """(microseconds since 1970, whether the text has an offset), or None."""
    if not ISO.match(text):
        return None
    at = dt.datetime.fromisoformat(text)
    exact = at.tzinfo is not None
    at = at if exact else at.replace(tzinfo=UTC)
    return round((at - dt.datetime(1970, 1, 1, tzinfo=UTC)) / dt.timedelta(microseconds=1)), exact


def compact(text):
    """An array or object without spaces, or None."""
    if not text.startswith(("[", "{")):
        return None
    try:
        return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
    except ValueError:
        return None


def text_class(text, shown=False):
    """The class of an operand; with `shown` that of a string, which must be written as its class is shown."""
    if INTEGER.match(text) or DECIMAL.match(text) and (not shown or shortest(text) == text):
        return "number", Fraction(text)
    if text in ("true", "false") or not shown and text in ("True", "False"):
        return "bool", text.lower() == "true"
    if UUID.match(text):
        return "uuid", uuid.UUID(text)
    if (at := moment(text)) and at[1]:
        return "moment", at[0]
    if compact(text) is not None and (not shown or compact(text) == text):
        return "compound", compact(text)
    return "text", text


def text_of(value):
    """The text of a value that is one, or that is wrapped as one."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    if isinstance(value, Money):
        return value.text
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity"
    if isinstance(value, Decimal) and not value.is_finite():
        return str(value)
    return value if isinstance(value, str) else None


def value_class(value):
    text = text_of(value)
    if isinstance(value, bool):
        return "bool", value
    if text is None and isinstance(value, (int, float, Decimal)):
        return "number", Fraction(value)
    if isinstance(value, uuid.UUID):
        return "uuid", value
    if isinstance(value, (dt.date, dt.time)):
        at = moment(text)
        return ("moment", at[0]) if at and at[1] else ("text", text)
    if isinstance(value, (list, dict)):
        return "compound", json_dumps(value, separators=(",", ":"))
    return text_class(text, shown=True)


def instant(value):
    """The moment that a value may mean, in microseconds."""
    text = text_of(value)
    number = None
    if isinstance(value, bool):
        return None
    if text is None and isinstance(value, (int, float, Decimal)):
        number = Fraction(value)
    elif text is not None and DECIMAL.match(text) and not isinstance(value, (dt.date, dt.time)):
        number = Fraction(text)
    if number is not None:
        number = number / 1000 if number > 10**11 else number
        return int(number * 10**6) if abs(number) < 10**11 else None
    at = moment(text) if text is not None else None
    return at[0] if at else None


def equal(value, operand):
    quoted = re.match(r'"+(.*?)"+\Z', operand, re.S)
    bare = quoted.group(1) if quoted else None
    if quoted and (bare == "" or text_class(bare)[0] in ("number", "bool", "compound") and text_class(bare, True)[0] == "text"):
        wanted, text, number = ("text", operand[1:-1]), operand[1:-1], True
    else:
        wanted, text, number = text_class(operand), operand, bool(DECIMAL.match(operand))
    its = value_class(value)
    if isinstance(value, (list, dict)):
        if wanted[0] != "compound":
            return None
        if wanted == its:
            return True
        return None if "{" in wanted[1] or "{" in its[1] else False
    if wanted[0] == "compound" and text_of(value) is None:
        return None
    if wanted == its or text_of(value) == text:
        return True
    at = None if number else moment(text)
    return None if at and instant(value) == at[0] else False


def order(value, limit, holds):
    if DECIMAL.match(limit):
        text = text_of(value)
        if isinstance(value, (bool, uuid.UUID, list, dict, dt.date, dt.time)):
            return None
        if text is not None and not DECIMAL.match(text):
            return None
        return holds(Fraction(text if text is not None else value), Fraction(limit))
    at = instant(value)
    return None if at is None else holds(at, moment(limit)[0])


def glob(value, pattern):
    text = str(value) if isinstance(value, uuid.UUID) else text_of(value)
    # The server's patterns go by bytes.
    by_bytes = lambda text: text.encode().decode("latin-1")
    return None if text is None else fnmatch.fnmatchcase(by_bytes(text), by_bytes(pattern))


def contains(value, operand):
    if not isinstance(value, list):
        return None
    found = [equal(item, operand) for item in value if item is not None]
    return True if True in found else None if None in found else False


def negated(truth):
    return None if truth is None else not truth


def either(truths):
    truths = list(truths)
    return True if True in truths else None if None in truths else False


def questions():
    """(words after the field, what they say of a value that is not None)"""
    for operand in OPERANDS:
        yield ["=", operand], lambda value, operand=operand: equal(value, operand)
        yield ["!=", operand], lambda value, operand=operand: negated(equal(value, operand))
        yield ["CONTAINS", operand], lambda value, operand=operand: contains(value, operand)
    for at in range(0, len(OPERANDS), 3):
        some = OPERANDS[at : at + 3]
        yield ["IN", str(len(some)), *some], lambda value, some=some: either(equal(value, one) for one in some)
    for limit in LIMITS:
        for word, holds in [("<", Fraction.__lt__), ("<=", Fraction.__le__), (">", Fraction.__gt__), (">=", Fraction.__ge__)]:
            decide = lambda a, b, holds=holds: holds(Fraction(a), Fraction(b))
            yield [word, limit], lambda value, limit=limit, decide=decide: order(value, limit, decide)
    for pattern in PATTERNS:
        yield ["GLOB", pattern], lambda value, pattern=pattern: glob(value, pattern)
    yield ["EXISTS"], lambda value: True
    yield ["MISSING"], lambda value: False


def unpacked(value):
    """A value of MessagePack as what it stands for."""
    if isinstance(value, Timestamp):
        return value.to_datetime()
    return list(value) if isinstance(value, (ExtType, tuple)) else value


def is_shown(value):
    """Celery's text of the arguments tells which value it is."""
    if isinstance(value, dt.datetime) and isinstance(value.tzinfo, ZoneInfo):
        return False
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return value is None or isinstance(value, (bool, int, float, str, uuid.UUID, Decimal, dt.date, dt.time))


def is_opaque(value):
    """Only the class of the value is in its pickle, or what depends on the rules of a time zone."""
    if isinstance(value, dt.datetime):
        return isinstance(value.tzinfo, ZoneInfo)
    if isinstance(value, dict):
        return not all(isinstance(key, str) for key in value)
    return isinstance(value, (Money, set, frozenset, dt.timedelta, bytearray, complex, Exception))


def is_packed(value):
    """MessagePack has a form for the value."""
    try:
        dumps({"v": value}, serializer="msgpack")
    except EncodeError:
        return False
    return True


def send(app, queue, serializer, values, is_known, more):
    """Sends the values; what is asked of a value that is not known is unknown, except whether it exists if it is opaque."""
    serializer, _, compression = serializer.partition("+")
    options = {"queue": queue, "serializer": serializer, "compression": compression or None, "retry": False}
    sent = [(app.send_task("t.value", kwargs={"v": value}, **options).id, value) for value in values]
    asked = []
    for words, decide in questions():

        def truth(value):
            if is_opaque(value) and serializer == "pickle":
                return words == ["EXISTS"] if words in (["EXISTS"], ["MISSING"]) else None
            if not is_known(value):
                return None
            value = unpacked(value)
            return decide(value) if value is not None else words == ["MISSING"]

        said = [(task, truth(value)) for task, value in sent]
        asked.append(
            {
                "words": ["WHERE", "kwargs.v", *words],
                "true": [task for task, truth in said if truth],
                "unknown": [task for task, truth in said if truth is None],
            }
        )
    return {"queue": queue, "more": more, "sent": [task for task, _ in sent], "questions": asked}


def main():
    app = Celery(broker=f"{os.environ['QADMIN_TEST_URL']}/0")
    packed = [value for value in VALUES if is_packed(value)] + PACKED
    queues = [
        send(app, "celery", "json", VALUES, lambda value: True, []),
        send(app, "packed", "msgpack", packed, lambda value: True, []),
        send(app, "pickled", "pickle", VALUES + OBJECTS, lambda value: True, []),
        send(app, "closed", "json+bzip2", VALUES, is_shown, ["INEXACT"]),
    ]
    print(json.dumps({"queues": queues}))


main()
