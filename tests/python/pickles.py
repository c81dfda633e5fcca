"""Values for pickles, and what must be read of them.

`shown` says what a value is as JSON that kombu would write, with `{"__class__": name}` for everything that JSON has no
form for; `twin` is the same as a value that kombu's JSON can send. `Values` makes random values of every type.
"""

import _compat_pickle
import collections
import datetime as dt
import decimal
import json
import math
import pickle
import types
import uuid
import zoneinfo
from decimal import Decimal

from celery import signature
from celery.canvas import Signature
from kombu.exceptions import EncodeError
from kombu.utils.json import dumps as json_dumps

UTC = dt.timezone.utc


class Money:
    """A class of an application."""

    def __init__(self, amount):
        self.amount = amount


class Color(str):
    """A text of a class of its own."""


class Opaque(dict):
    """Stands for an object of a class that is not read."""

    def __init__(self, name):
        super().__init__(__class__=name)


def name_of(value, protocol):
    """The name of the class of a value, or of a class or function itself, as pickles of this protocol have it."""
    named = value if isinstance(value, (type, types.BuiltinFunctionType)) else type(value)
    module, name = named.__module__, named.__qualname__
    if protocol < 3:
        # Python 2 has other names.
        module, name = _compat_pickle.REVERSE_NAME_MAPPING.get((module, name), (module, name))
        module = _compat_pickle.REVERSE_IMPORT_MAPPING.get(module, module)
    return f"{module}.{name}"


def has_offset(value):
    """The offset of a time is one that the pickle says, in whole minutes."""
    zone = value.tzinfo
    if zone is None or zone == UTC:
        return True
    if isinstance(zone, zoneinfo.ZoneInfo):
        return zone.key == "UTC"
    return isinstance(zone, dt.timezone) and zone.utcoffset(None) % dt.timedelta(minutes=1) == dt.timedelta(0)


def shown(value, protocol=4):
    """The value as lists, dicts and what kombu's JSON has a form for."""
    kind = type(value)
    if value is None or kind in (bool, float, str, bytes, uuid.UUID, Decimal, dt.date):
        return value
    if kind is int:
        return value if len(pickle.encode_long(value)) <= 128 else Opaque("builtins.int")
    if kind in (dt.datetime, dt.time):
        return value if has_offset(value) else Opaque(name_of(value, protocol))
    if kind in (list, tuple):
        return [shown(item, protocol) for item in value]
    if kind in (dict, collections.OrderedDict, collections.defaultdict) or isinstance(value, Signature):
        if all(type(key) in (str, int) for key in value):
            return {key: shown(item, protocol) for key, item in value.items()}
        return Opaque("builtins.dict")
    return Opaque(name_of(value, protocol))


def text_of(value, protocol):
    """The JSON text that must be read."""
    return json_dumps(shown(value, protocol))


def has_opaque(value):
    value = shown(value)
    if isinstance(value, Opaque):
        return True
    if isinstance(value, dict):
        return any(has_opaque(item) for item in value.values())
    return isinstance(value, list) and any(has_opaque(item) for item in value)


class Values:
    """Random values. `choose` is a random.Random."""

    def __init__(self, choose):
        self.choose = choose

    def integer(self):
        bits = self.choose.choice([1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 62, 63, 64, 65, 127, 128, 200, 1000, 1030])
        return self.choose.choice([-1, 1]) * self.choose.getrandbits(bits)

    def floating(self):
        choose = self.choose
        return choose.choice([0.0, -0.0, math.nan, math.inf, -math.inf, choose.random(), choose.uniform(-1e6, 1e6),
                              float(choose.randint(-5, 5)), 10.0 ** choose.randint(-300, 300), 1714557600.5])

    def text(self):
        choose = self.choose
        alphabet = "ab7\"'\\/\n\t\x00\x1f\x7f éß€漢😀" if choose.random() < 0.3 else "abcdef012789-"
        return "".join(choose.choice(alphabet) for _ in range(choose.choice([0, 1, 2, 5, 17, 40, 300])))

    def zone(self):
        choose = self.choose
        return choose.choice([None, None, UTC, UTC, dt.timezone(dt.timedelta(minutes=choose.randint(-1439, 1439))),
                              dt.timezone(dt.timedelta(hours=2), "CEST"), dt.timezone(dt.timedelta(seconds=30)),
                              zoneinfo.ZoneInfo("Europe/Berlin"), zoneinfo.ZoneInfo("UTC")])

    def moment(self):
        choose = self.choose
        day = dt.date.fromordinal(choose.choice([choose.randint(1, 3_652_059), choose.randint(737_000, 740_000)]))
        micros = choose.choice([0, 0, 5, 999_999, choose.randrange(1_000_000)])
        time = dt.time(choose.randrange(24), choose.randrange(60), choose.randrange(60), micros, self.zone(), fold=choose.randrange(2))
        return choose.choice([day, time, dt.datetime.combine(day, time)])

    def number(self):
        choose = self.choose
        digits = "".join(choose.choice("0123456789") for _ in range(choose.choice([1, 2, 5, 30])))
        text = choose.choice(["", "-"]) + digits + choose.choice(["", "", ".5", ".50", "E+3", "E-12", "E+100"])
        return choose.choice([Decimal(text), Decimal(text), Decimal(text), Decimal("NaN"), Decimal("-Infinity"), Decimal("sNaN1")])

    def other(self):
        choose = self.choose
        return choose.choice([
            Money(7), Color("red"), dt.timedelta(days=1, microseconds=5), {1, 2}, set(), frozenset({"a"}), bytearray(b"ab"), 1j,
            UTC, ValueError("no"), Money, len, range(3), collections.Counter("aab"), collections.deque([1]), decimal.Context(),
        ])

    def scalar(self):
        choose = self.choose
        of = choose.choice([
            self.integer, self.integer, self.floating, self.text, self.text, self.moment, self.number,
            lambda: choose.choice([None, True, False]), lambda: uuid.UUID(int=choose.getrandbits(128)),
            lambda: choose.choice([b"", b"abc", "é".encode(), choose.randbytes(20), choose.randbytes(300)]), self.other,
        ])
        return of()

    def value(self, depth=3):
        choose = self.choose
        if depth == 0 or choose.random() < 0.6:
            return self.scalar()
        items = [self.value(depth - 1) for _ in range(choose.choice([0, 1, 2, 3, 4, 12]))]
        if items and choose.random() < 0.3:
            # Two references to one object.
            items.append(items[0])
        kind = choose.choice([list, tuple, dict, dict, collections.OrderedDict, collections.defaultdict, signature])
        if kind in (list, tuple):
            return kind(items)
        keys = choose.choice([lambda n: f"k{n}", lambda n: f"k{n}", lambda n: n, lambda n: self.text() + str(n)])
        if choose.random() < 0.1:
            keys = lambda n: choose.choice([n, (n, "a"), None, 1.5, f"k{n}"])
        pairs = [(keys(n), item) for n, item in enumerate(items)]
        if kind is collections.defaultdict:
            return collections.defaultdict(list, pairs)
        if kind is signature:
            return Signature(dict((f"k{n}", item) for n, item in enumerate(items)))
        return kind(pairs)


def pickled(value, protocol):
    return pickle.dumps(value, protocol=protocol)


def comparable(text):
    """JSON as a value in which NaN equals itself."""
    return json.loads(text, parse_constant=lambda word: {"constant": word})
