"""Filters: their words, and that a value matches the messages that hold it and no others, asked of the real module."""

from __future__ import annotations

import datetime as dt
import enum
import functools
import itertools
import json
import operator
import os
import re
import uuid
from decimal import Decimal
from typing import Any, Dict, Iterable, List, Set, Tuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from messages import fill, message
from servers import Server

import qadmin
from qadmin import F, Filter, Raw, parse, where

# The same examples each time, or this many others.
EXAMPLES = os.environ.get("QADMIN_CLIENT_EXAMPLES")
MANY = settings(
    max_examples=int(EXAMPLES or 25),
    derandomize=EXAMPLES is None,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
_number = itertools.count()


class Held:
    """A queue of its own with these messages, each of which is known by its number."""

    def __init__(self, client: qadmin.Client, texts: Iterable[Dict[str, Any]]) -> None:
        self.client = client
        self.name = f"held-{next(_number)}"
        rows = [message(**{"task": "t", "headers": {"id": f"n{at}"}, **text}) for at, text in enumerate(texts)]
        fill(client.redis, self.name, rows)

    def matches(self, wanted: Filter) -> Set[int]:
        """The numbers of the messages that match, and that the filter of the reply means the same."""
        seen = self.client.preview(self.name, wanted, sample=100, fields=["id"])
        again = self.client.preview(self.name, seen.filter, sample=0)
        assert again.filter == seen.filter
        assert parse(seen.filter).words() == parse(str(parse(seen.filter))).words()
        assert seen.match_count == len(seen.sample)
        return {int(row["id"][1:]) for row in seen.sample}

    def __enter__(self) -> "Held":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.redis.delete(self.name)


json_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)
)
json_values = st.recursive(
    json_scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
moments = st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.timezone.utc))
spelled = st.one_of(
    st.integers().map(str),
    st.integers().map(lambda n: f"{n:010}"),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.floats().map(str),
    st.sampled_from(
        ["", '"', '""', '"""', "true", "True", "false", "False", "null", "None", "now", "now-1h", "-", "0e"]
    ),
    st.sampled_from(
        ["1e25", "0.5", ".5", "-0", "-0.0", "1E3", "12.50", "[1, 2]", "[1,2]", "[", "{}", "[ ]", "{'a': 1}"]
    ),
    st.sampled_from(
        ["*", "?", "[a]", "\\", "EXISTS", "OR", "WHERE", "ALL", "CONFIRM", "= 1", "\r\n", "\0", "é", "\ufffd"]
    ),
    st.uuids().map(str) | st.uuids().map(lambda u: u.hex.upper()),
    moments.map(dt.datetime.isoformat) | moments.map(lambda m: m.replace(tzinfo=None).isoformat(" ")),
    json_values.map(json.dumps),
    json_values.map(lambda v: json.dumps(v, indent=1, ensure_ascii=False)),
    st.text(alphabet="\"\\ \n\t'[]{}:,0123456789.eE+-truefalsTFué/", max_size=24),
    st.text(max_size=40),
).filter(lambda text: not re.search("[\ud800-\udfff]", text) and len(text.encode()) <= 4_000)
hostile = spelled | spelled.map(lambda text: f'"{text}"')


def same_class(one: str, other: str) -> bool:
    """Whether docs/filter.md says that the two texts are one value: integers, UUIDs and moments in any notation."""
    integer, decimal = re.compile("-?[0-9]+"), re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
    if decimal.fullmatch(one) and integer.fullmatch(other):
        return Decimal(one) == Decimal(other)
    dashed = "[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}(\\1[0-9a-fA-F]{4}){2}\\1[0-9a-fA-F]{12}"
    if re.fullmatch(dashed, one) and re.fullmatch(dashed, other):
        return uuid.UUID(one) == uuid.UUID(other)
    try:
        moments = [dt.datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text)) for text in (one, other)]
    except ValueError:
        return False
    return all(moment.tzinfo for moment in moments) and moments[0] == moments[1]


@MANY
@given(texts=st.lists(hostile, min_size=1, max_size=8, unique=True))
def test_a_text_matches_itself_and_nothing_else(plain: qadmin.Client, texts: List[str]) -> None:
    decoys = [{"x": [text]} for text in texts] + [{"x": {"x": text}} for text in texts] + [{}]
    with Held(plain, [{"x": text} for text in texts] + decoys) as held:
        for at, text in enumerate(texts):
            allowed = {at} | {n for n, other in enumerate(texts) if same_class(text, other)}
            seen = held.matches(F("kwargs.x") == text)
            assert {at} <= seen <= allowed, text
            assert held.matches(F("kwargs.x").in_([text])) == seen
            assert at not in held.matches(F("kwargs.x") != text)
            assert len(texts) + at in held.matches(F("kwargs.x").contains(text))
        assert held.matches(F("kwargs.x").in_(texts)) >= set(range(len(texts)))


@MANY
@given(texts=st.lists(hostile.filter(bool), min_size=1, max_size=8, unique=True))
def test_the_name_of_a_task_is_compared_byte_for_byte(plain: qadmin.Client, texts: List[str]) -> None:
    with Held(plain, [{"task": text} for text in texts]) as held:
        for at, text in enumerate(texts):
            assert held.matches(where(task=text)) == {at}
            assert held.matches(F("task") == text) == {at}


@MANY
@given(names=st.lists(hostile.filter(lambda t: 0 < len(t.encode()) <= 60), min_size=1, max_size=6, unique=True))
def test_a_part_of_a_name_is_that_name(plain: qadmin.Client, names: List[str]) -> None:
    with Held(plain, [{"headers": {"id": f"n{at}", "h": {name: 1}}} for at, name in enumerate(names)]) as held:
        for at, name in enumerate(names):
            assert held.matches(F("headers", "h", name) == 1) == {at}
            assert held.matches(F("headers", "h", name).exists()) == {at}


def shape(value: Any) -> Any:
    """The value so that two are equal where the module says so: numbers by size, members in their order."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return (type(value).__name__, value)
    if isinstance(value, (int, float)):
        return ("number", Decimal(repr(value)))
    return (
        [shape(item) for item in value]
        if isinstance(value, list)
        else ("map", [(k, shape(v)) for k, v in value.items()])
    )


@MANY
@given(values=st.lists(json_values.filter(lambda v: isinstance(v, (list, dict))), min_size=1, max_size=6))
def test_arrays_and_objects_match_equal_ones(plain: qadmin.Client, values: List[Any]) -> None:
    texts = [json.dumps(value, indent=1) for value in values]
    with Held(plain, [{"x": value} for value in [*values, *texts]]) as held:
        for value in values:
            wanted = {at for at, other in enumerate(values) if shape(other) == shape(value)}
            # The text of an empty array is the array's compact text.
            strings = {n for n, text in enumerate(texts, len(values)) if text in ("[]", "{}")}
            assert wanted <= held.matches(F("kwargs.x") == value) <= wanted | strings


@MANY
@given(values=st.lists(st.integers() | st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_numbers_match_by_size(plain: qadmin.Client, values: List[Any]) -> None:
    decoys: List[Any] = [True, False, None, "x", [], {}]
    with Held(plain, [{"x": value} for value in [*values, *decoys]]) as held:
        for value in values:
            size = Decimal(repr(value))
            sizes = [Decimal(repr(other)) for other in values]
            assert held.matches(F("kwargs.x") == value) == {n for n, s in enumerate(sizes) if s == size}
            assert held.matches(F("kwargs.x") == size) == {n for n, s in enumerate(sizes) if s == size}
            assert held.matches(F("kwargs.x") < value) == {n for n, s in enumerate(sizes) if s < size}
            assert held.matches(F("kwargs.x") >= size) == {n for n, s in enumerate(sizes) if s >= size}


ROWS: List[Tuple[Any, Any]] = list(itertools.product([None, 1, 2, 3], [None, 1, 2]))
conditions = st.one_of(
    st.builds(
        lambda name, test, value: getattr(F(name), test)(value),
        st.sampled_from(["kwargs.a", "kwargs.b"]),
        st.sampled_from(["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"]),
        st.sampled_from([1, 2, 3]),
    ),
    st.builds(lambda name: F(name).exists(), st.sampled_from(["kwargs.a", "kwargs.b"])),
    st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=3).map(F("kwargs.a").in_),
)


@MANY
@given(one=conditions, two=conditions, three=conditions)
def test_filters_combine_as_sets_do(plain: qadmin.Client, one: Filter, two: Filter, three: Filter) -> None:
    rows = [{k: v for k, v in zip("ab", row) if v is not None} for row in ROWS]
    with Held(plain, rows) as held:
        a, b, c = (held.matches(each) for each in (one, two, three))
        everything = set(range(len(rows)))
        assert held.matches(~one) == everything - a
        assert held.matches(one & two) == a & b
        assert held.matches(one | two) == a | b
        assert held.matches((one & two) | three) == (a & b) | c
        assert held.matches(~((one | two) & three)) == everything - ((a | b) & c)


def test_values_of_python(plain: qadmin.Client) -> None:
    some_id = uuid.UUID("7d0f3c1e-3f0b-4c53-9d1c-0a5f8f6b2a11")
    moment = dt.datetime(2024, 5, 1, 12, 0, 0, 250, dt.timezone(dt.timedelta(hours=2)))
    rows: List[Dict[str, Any]] = [
        {"x": str(some_id)},
        {"x": {"__type__": "uuid", "__value__": {"hex": some_id.hex}}},
        {"x": "2024-05-01T10:00:00.000250Z"},
        {"x": True},
        {"x": "True"},
        {"x": 1.5},
        {"x": "1.50"},
        {"x": "[1, 2]"},
        {"x": [1, 2]},
        {"x": None},
        {"x": ["é", 1.0]},
        {"x": json.dumps(["é", 1.0], separators=(",", ":"))},
    ]
    with Held(plain, rows) as held:
        x = F("kwargs.x")
        assert held.matches(x == some_id) == {0, 1}
        assert held.matches(x == moment) == {2}
        # Numbers are moments, too: seconds since 1970.
        assert held.matches(x <= moment) == {2, 5, 6}
        assert held.matches(where(kwargs__x=True)) == {3}
        assert held.matches(x == "True") == {4}
        assert held.matches(x == Decimal("1.50")) == {5}
        assert held.matches(x == "1.50") == {6}
        assert held.matches(x == Raw("1.50")) == {5, 6}
        assert held.matches(x == "[1, 2]") == {7}
        assert held.matches(x == (1, 2)) == {8}
        assert held.matches(x == None) == {9}  # noqa: E711
        assert held.matches(x != None) == {*range(9), 10, 11}  # noqa: E711
        assert held.matches(x == ["é", 1.0]) == {10}
        assert held.matches(x.startswith("[1")) == {7}
        assert held.matches(x.matches("*5?")) == {6}


@MANY
@given(texts=st.lists(hostile.filter(lambda t: 0 < len(t.encode()) < 100), min_size=1, max_size=6, unique=True))
def test_a_beginning_is_compared_literally(plain: qadmin.Client, texts: List[str]) -> None:
    with Held(plain, [{"x": text} for text in texts]) as held:
        for text in texts:
            wanted = {at for at, other in enumerate(texts) if other.startswith(text)}
            assert held.matches(F("kwargs.x").startswith(text)) == wanted


def words(wanted: Filter) -> str:
    return b" ".join(wanted.words()).decode()


def test_keywords_and_expressions_are_the_same() -> None:
    for keywords, expression, text in [
        ({"task": "a"}, F("task") == "a", "TASK a"),
        ({"kwargs__account": 7}, F("kwargs.account") == 7, "WHERE kwargs.account = 7"),
        ({"args__0": "x"}, F("args", 0) == "x", "WHERE args.0 = x"),
        ({"age__gt": "2h"}, F("age") > "2h", "WHERE age > 2h"),
        ({"age__ge": dt.timedelta(minutes=1)}, F("age") >= dt.timedelta(minutes=1), "WHERE age >= 60000"),
        ({"retries__ne": 0}, F("retries") != 0, "WHERE retries != 0"),
        ({"eta__lt": "now-1h"}, F("eta") < "now-1h", "WHERE eta < now-1h"),
        ({"task__in": ["a", "b"]}, F("task").in_(["a", "b"]), "WHERE task IN 2 a b"),
        ({"args__contains": 5}, F("args").contains(5), "WHERE args CONTAINS 5"),
        ({"task__glob": "a.*"}, F("task").matches("a.*"), "WHERE task GLOB a.*"),
        ({"task__startswith": "a[1]"}, F("task").startswith("a[1]"), "WHERE task GLOB a\\[1\\]*"),
        ({"eta__exists": True}, F("eta").exists(), "WHERE eta EXISTS"),
        ({"eta__exists": False}, F("eta").missing(), "WHERE eta MISSING"),
        ({"eta": None}, F("eta").missing(), "WHERE eta MISSING"),
        ({"headers__stamps__team": "a"}, F("headers.stamps.team") == "a", "WHERE headers.stamps.team = a"),
        ({"repoid": 7, "commitid": "12"}, (F("repoid") == 7) & (F("commitid") == "12"), "REPOID 7 COMMITID 12"),
        ({"priority": 3, "id": "x"}, (F("priority") == 3) & (F("id") == "x"), "WHERE priority = 3 WHERE id = x"),
    ]:
        assert words(where(**keywords)) == words(expression) == text  # type: ignore[arg-type]


class Level(enum.IntEnum):
    HIGH = 7


class Plan(str, enum.Enum):
    FREE = "free"


class Size(float):
    def __repr__(self) -> str:
        return f"Size({float(self)})"


def test_enumerations_and_subclasses_are_the_values_that_they_are() -> None:
    assert words(where(kwargs__a=Level.HIGH, retries=Level.HIGH)) == "WHERE kwargs.a = 7 WHERE retries = 7"
    assert words(where(kwargs__a=Plan.FREE, task=Plan.FREE)) == "WHERE kwargs.a = free TASK free"
    assert words(where(kwargs__a=Size(1.5))) == "WHERE kwargs.a = 1.5"


def test_names_are_quoted_where_they_must_be() -> None:
    assert F("headers", "meta.user").name == 'headers."meta.user"'
    assert F("kwargs", 'a"b\\').name == 'kwargs."a\\"b\\\\"'
    assert F("kwargs", "account", "id").name == "kwargs.account.id"


def test_mistakes_are_errors() -> None:
    for mistake in [
        lambda: F("kwargs.x") == object(),
        lambda: F("kwargs.x") == float("nan"),
        lambda: F("kwargs.x") == "\ud800",
        lambda: F("kwargs.x") == {"a": {1}},
        lambda: F("kwargs.x") == dt.timedelta(seconds=1),
        lambda: F("eta") < dt.datetime(2024, 1, 1),
        lambda: F("retries") > None,
        lambda: F("task").in_([None]),
        lambda: ~F("task").matches("a*"),
        lambda: ~(F("args.*") == 1),
        lambda: ~Filter(()),
        lambda: F("task").in_("app.send"),
        lambda: F("task").in_([]),
        lambda: where(task__in="app.send"),
        lambda: where(eta__exists="no"),
        lambda: parse("WHERE a IN 0"),
        lambda: where(kwargs__in=5),
        lambda: where(kwargs__exists=True),
        lambda: where(headers__contains=5),
        lambda: where(kwargs__=5),
        lambda: parse("TASK a DRYRUN"),
        lambda: parse("ALL"),
        lambda: parse("TASK a CONFIRM q"),
        lambda: parse("TASK a TASK b"),
        lambda: parse("REPOID abc"),
        lambda: parse("WHERE a = "),
        lambda: parse("WHERE a LIKE b"),
        lambda: parse("WHERE a IN x b"),
        lambda: parse("WHERE a IN 3 b c"),
        lambda: parse("OR a = b"),
        lambda: parse('TASK "a'),
        lambda: parse('TASK "a"b'),
    ]:
        with pytest.raises(qadmin.FilterError):
            mistake()  # type: ignore[no-untyped-call]
    with pytest.raises(TypeError):
        bool(F("a") == 1)
    pairs = [(F("kwargs.a") == n) & (F("kwargs.b") == n) for n in range(7)]
    with pytest.raises(qadmin.FilterError, match="64 conditions"):
        functools.reduce(operator.or_, pairs)


def test_text_is_read_as_redis_cli_reads_it() -> None:
    assert parse("task") if False else True
    read = parse(
        "task 'a b' where kwargs.x eq \"\\x41\\n\\\"\" or args.0 in 2 'it\\'s' b WHERE eta missing commitid abc"
    )
    assert words(read) == "TASK a b WHERE kwargs.x = A\n\" OR args.0 IN 2 it's b WHERE eta MISSING COMMITID abc"
    assert parse(str(read)) == read
    assert parse("") == Filter(())
    # The server refuses a field like that, and says why.
    assert parse('WHERE "kwargs.\\xff" EXISTS').words() == [b"WHERE", b"kwargs.\xff", b"EXISTS"]


@MANY
@given(texts=st.lists(hostile, min_size=1, max_size=4))
def test_shown_text_reads_back(texts: List[str]) -> None:
    combined = where(task=texts[0] or "x", kwargs__a__in=texts)
    for text in texts:
        combined &= (F("kwargs", "k", text or "x") == text) | F("kwargs.b").matches(text or "*")
    assert parse(str(combined)).words() == combined.words()


def test_operands_of_ordered_texts_are_as_typed(plain: qadmin.Client, clean: Server) -> None:
    with Held(plain, [{"x": "2024-05-01T10:00:00Z"}, {"x": 5}, {"x": "7"}]) as held:
        assert held.matches(F("kwargs.x") < "now-1d") == {0, 1, 2}
        assert held.matches(F("kwargs.x") > "1970-01-02") == {0}
        assert held.matches(F("kwargs.x") > "4") == {1, 2}
        with pytest.raises(qadmin.RequestError, match="need a number or a time"):
            held.matches(F("kwargs.x") > "soon")
