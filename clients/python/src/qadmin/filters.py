"""Filters: which messages a command is about.

F("kwargs.account") == 7                                  a condition
(F("task") == "app.send") & (F("retries") > 2)            all of them
(F("kwargs.plan") == "free") | F("kwargs.plan").missing() one of them
~F("task").in_(["app.send", "app.sync"])                  the opposite
where(task="app.send", retries__gt=2)                     the same as keywords
parse('TASK app.send WHERE retries > 2')                  as one types it in redis-cli
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Dict, Iterable, List, NoReturn, Optional, Tuple, Union

from .errors import FilterError
from .operands import Raw, Value, operand, text_operand

# The most conditions of one filter.
CONDITIONS_MAX = 64
# Names that samples have, and the fields that they stand for.
SHORT_NAMES = {name: f"kwargs.{name}" for name in ("repoid", "commitid", "ownerid", "pullid")}

_OPPOSITE = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_PLAIN_PART = re.compile(r"[A-Za-z0-9_-]+")
_INTEGER = re.compile(rb"-?[0-9]+")


@dataclass(frozen=True)
class Condition:
    """A field, an operator (`=`, `!=`, `<`, `<=`, `>`, `>=`, `GLOB`, `IN`, `CONTAINS`, `EXISTS` or `MISSING`) and its
    operands as the command has them. `text` is the operand of `=` where it is a text to compare byte for byte."""

    field: str
    operator: str
    operands: Tuple[bytes, ...] = ()
    text: Optional[bytes] = None

    def words(self) -> List[bytes]:
        count = [b"%d" % len(self.operands)] if self.operator == "IN" else []
        return [self.field.encode(errors="surrogateescape"), self.operator.encode(), *count, *self.operands]

    def opposite(self) -> "Filter":
        """The filter that is true where the condition is false, and unknown where it is unknown."""
        if self.field in ("args.*", "kwargs.*") or self.operator in ("GLOB", "CONTAINS"):
            raise FilterError(f"the filter language has no opposite of: {self.field} {self.operator}")
        missing = Condition(self.field, "MISSING")
        if self.operator == "EXISTS":
            return Filter(((missing,),))
        if self.operator == "MISSING":
            return Filter(((Condition(self.field, "EXISTS"),),))
        # A comparison is false of a message that does not have the field, so its opposite is true of it.
        opposite = _OPPOSITE.get(self.operator, "!=")
        return Filter(tuple((Condition(self.field, opposite, (value,)), missing) for value in self.operands))


@dataclass(frozen=True)
class Filter:
    """Clauses that must all be true; a clause is true if one of its conditions is.

    `&`, `|` and `~` combine filters; the result is never longer than 64 conditions. `str()` shows the words.
    """

    clauses: Tuple[Tuple[Condition, ...], ...]

    def __and__(self, other: "Filter") -> "Filter":
        return _checked(self.clauses + other.clauses)

    def __or__(self, other: "Filter") -> "Filter":
        return _checked(tuple(mine + theirs for mine in self.clauses for theirs in other.clauses))

    def __invert__(self) -> "Filter":
        if not self.clauses:
            raise FilterError("an empty filter has no opposite")
        opposite: Optional[Filter] = None
        for clause in self.clauses:
            none_of = Filter(())
            for condition in clause:
                none_of &= condition.opposite()
            opposite = none_of if opposite is None else opposite | none_of
        assert opposite is not None
        return opposite

    def __bool__(self) -> NoReturn:
        raise TypeError("combine filters with &, | and ~ instead of `and`, `or`, `not` and chained comparisons")

    def words(self) -> List[bytes]:
        """The words of the filter in a command."""
        words: List[bytes] = []
        taken: Dict[bytes, bool] = {}
        for clause in self.clauses:
            short = _short(clause)
            if short and short[0] not in taken:
                taken[short[0]] = True
                words += short
                continue
            for at, condition in enumerate(clause):
                words += [b"OR" if at else b"WHERE", *condition.words()]
        return words

    def __str__(self) -> str:
        return " ".join(_quoted(word) for word in self.words())


def _checked(clauses: Tuple[Tuple[Condition, ...], ...]) -> Filter:
    """Removes what is said twice."""
    unique = tuple(dict.fromkeys(tuple(dict.fromkeys(clause)) for clause in clauses))
    if sum(len(clause) for clause in unique) > CONDITIONS_MAX:
        raise FilterError(f"as clauses of WHERE and OR the filter has more than {CONDITIONS_MAX} conditions")
    return Filter(unique)


def _short(clause: Tuple[Condition, ...]) -> List[bytes]:
    """The words of TASK, REPOID and COMMITID, which say the same as WHERE and are shown by name in a job's status."""
    if len(clause) != 1 or clause[0].operator != "=":
        return []
    field, operands, text = clause[0].field, clause[0].operands, clause[0].text
    if field == "kwargs.repoid" and _INTEGER.fullmatch(operands[0]):
        return [b"REPOID", operands[0]]
    keyword = {"task": b"TASK", "kwargs.commitid": b"COMMITID"}.get(field)
    return [keyword, text] if keyword and text else []


class F:
    """A field of a message, to build conditions with.

    `F("kwargs.account")` names it as docs/filter.md does; the points separate parts. Further arguments are one part
    each, whatever they contain: `F("kwargs", "user.id")`, `F("args", 0)`.
    """

    def __init__(self, name: str, *parts: Union[str, int]) -> None:
        self.name = ".".join([SHORT_NAMES.get(name, name), *(_part(str(part)) for part in parts)])

    def __eq__(self, value: Value) -> Filter:  # type: ignore[override]
        """`=`; of None: the field is missing or null."""
        if value is None:
            return self.missing()
        text = value.encode() if isinstance(value, str) and _is_encodable(value) else None
        return self._condition("=", (operand(self.name, value),), text)

    def __ne__(self, value: Value) -> Filter:  # type: ignore[override]
        """`!=`: the field has another value. It is not true of a message without the field; `~(F(...) == value)` is.
        Of None: the field exists."""
        return self.exists() if value is None else self._condition("!=", (operand(self.name, value),))

    def __lt__(self, value: Value) -> Filter:
        return self._ordered("<", value)

    def __le__(self, value: Value) -> Filter:
        return self._ordered("<=", value)

    def __gt__(self, value: Value) -> Filter:
        return self._ordered(">", value)

    def __ge__(self, value: Value) -> Filter:
        return self._ordered(">=", value)

    __hash__ = None  # type: ignore[assignment]

    def in_(self, values: Iterable[Value]) -> Filter:
        """Equal to one of the values, 1 to 10,000 of them."""
        if isinstance(values, (str, bytes)):
            raise FilterError(f"{self.name} needs a list of values, got the text {values!r}")
        operands = tuple(operand(self.name, _not_none(value)) for value in values)
        if not operands:
            raise FilterError(f"{self.name} cannot be equal to one of no values")
        return self._condition("IN", operands)

    def contains(self, value: Value) -> Filter:
        """The field is an array with an item equal to the value."""
        return self._condition("CONTAINS", (operand(self.name, _not_none(value)),))

    def matches(self, pattern: str) -> Filter:
        """A text that matches a pattern of Redis: `*`, `?`, `[abc]`, and a backslash before a literal character. At
        most 256 bytes; case-sensitive."""
        return self._condition("GLOB", (operand(self.name, Raw(pattern)),))

    def startswith(self, text: str) -> Filter:
        """A text that begins with this one."""
        return self.matches(re.sub(r"([*?\[\]\\^-])", r"\\\1", text) + "*")

    def exists(self) -> Filter:
        """The message has the field, and it is not null."""
        return self._condition("EXISTS")

    def missing(self) -> Filter:
        """The message does not have the field, or it is null."""
        return self._condition("MISSING")

    def _ordered(self, operator: str, value: Value) -> Filter:
        return self._condition(operator, (operand(self.name, _not_none(value), ordered=True),))

    def _condition(self, operator: str, operands: Tuple[bytes, ...] = (), text: Optional[bytes] = None) -> Filter:
        return Filter(((Condition(self.name, operator, operands, text),),))


def _part(part: str) -> str:
    """One part of a name, in quotes where it is more than a plain word."""
    return part if _PLAIN_PART.fullmatch(part) else '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_encodable(text: str) -> bool:
    return not any(0xD800 <= ord(character) < 0xE000 for character in text)


def _not_none(value: Value) -> Value:
    if value is None:
        raise FilterError("None is no value to compare with; use missing() or exists()")
    return value


_OPERATORS = {
    "eq": F.__eq__,
    "ne": F.__ne__,
    "lt": F.__lt__,
    "le": F.__le__,
    "gt": F.__gt__,
    "ge": F.__ge__,
    "in": F.in_,
    "contains": F.contains,
    "glob": F.matches,
    "startswith": F.startswith,
    "exists": lambda field, is_so: field.exists() if _flag(field, is_so) else field.missing(),
    "missing": lambda field, is_so: field.missing() if _flag(field, is_so) else field.exists(),
}


def _flag(field: F, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise FilterError(f"{field.name}: exists and missing need True or False, got {value!r}")


def where(**conditions: Value) -> Filter:
    """Returns the filter of these keywords, all of which must be true.

    A keyword is a field whose parts are separated by two underscores, and perhaps an operator: `task="a.b"`,
    `kwargs__account=7`, `args__0="x"`, `age__gt="2h"`, `task__in=["a", "b"]`, `eta__exists=True`. The operators are
    eq, ne, lt, le, gt, ge, in, contains, glob, startswith, exists and missing. A name that cannot be written like that
    (`kwargs.in`, `headers."meta.user"`) is written with `F`.
    """
    combined = Filter(())
    for keyword, value in conditions.items():
        parts = keyword.split("__")
        compare = _OPERATORS[parts.pop()] if len(parts) > 1 and parts[-1] in _OPERATORS else F.__eq__
        is_container = parts[0] in ("kwargs", "headers", "properties") and len(parts) == 1
        if not all(parts) or (is_container and "__" in keyword):
            raise FilterError(f"{keyword} can be a name and an operator: write the field with F")
        combined &= compare(F(*parts), value)
    return combined


_TYPED = {"EQ": "=", "NE": "!=", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}
_KNOWN = {**_TYPED, **{word: word for word in [*_OPPOSITE, "GLOB", "IN", "CONTAINS", "EXISTS", "MISSING"]}}
_WORD = re.compile(rb"""\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"']+)(?=\s|$)""", re.DOTALL)
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_CONTROLS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}


def parse(text: str) -> Filter:
    """Reads a filter as one types it in redis-cli, with its rules of quoting, or as a reply shows it.

    Raises FilterError for anything but clauses of a filter, so that no other option of a command can be in the text.
    Fields and operands are checked by the server.
    """
    words = _split(_surrogates(text))
    combined = Filter(())
    at = 0

    def take() -> bytes:
        nonlocal at
        at += 1
        if at > len(words):
            raise FilterError(f"the filter ends too early: {text}")
        return words[at - 1]

    while at < len(words):
        keyword = take().upper()
        if keyword == b"WHERE":
            clause = [_typed(take)]
            while at < len(words) and words[at].upper() == b"OR":
                take()
                clause.append(_typed(take))
            combined &= Filter((tuple(clause),))
        elif keyword in (b"TASK", b"COMMITID"):
            field, value = "task" if keyword == b"TASK" else "kwargs.commitid", take()
            if any(clause[0].field == field and clause[0].text for clause in combined.clauses):
                raise FilterError(f"{keyword.decode()} can be given only once")
            combined &= Filter(((Condition(field, "=", (text_operand(value),), value),),))
        elif keyword == b"REPOID" and _INTEGER.fullmatch(words[at] if at < len(words) else b""):
            combined &= Filter(((Condition("kwargs.repoid", "=", (take(),)),),))
        else:
            raise FilterError(f"no clause of a filter begins with {keyword.decode(errors='replace')}: {text}")
    return combined


def _typed(take: Callable[[], bytes]) -> Condition:
    field = take().decode(errors="surrogateescape")
    word = take().decode(errors="replace").upper()
    if word not in _KNOWN:
        raise FilterError(f"unknown operator {word}; operators are {' '.join(_KNOWN)}")
    operator = _KNOWN[word]
    count = {"EXISTS": b"0", "MISSING": b"0", "IN": b""}.get(operator, b"1") or take()
    if not _INTEGER.fullmatch(count) or int(count) < (operator == "IN"):
        raise FilterError(f"{field} IN needs the number of its values")
    return Condition(field, operator, tuple(take() for _ in range(int(count))))


def _surrogates(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _split(text: bytes) -> List[bytes]:
    words: List[bytes] = []
    at = 0
    while text[at:].strip():
        match = _WORD.match(text, at)
        if match is None:
            raise FilterError(f"the quotes are not balanced: {text.decode(errors='replace')}")
        at = match.end()
        words.append(_unquoted(match.group(1)))
    return words


def _unquoted(word: bytes) -> bytes:
    if word.startswith(b"'"):
        return word[1:-1].replace(b"\\'", b"'")
    return _ESCAPE.sub(_meant, word[1:-1]) if word.startswith(b'"') else word


def _meant(match: "re.Match[bytes]") -> bytes:
    if match.group(1):
        return bytes.fromhex(match.group(1).decode())
    return _CONTROLS.get(match.group(2), match.group(2))


def _quoted(word: bytes) -> str:
    """The word as redis-cli reads it."""
    if word and re.fullmatch(rb"[A-Za-z0-9_.:@+/,*?=!<>-]+", word):
        return word.decode()
    mark = {0x22: '\\"', 0x5C: "\\\\"}
    return '"' + "".join(mark.get(b) or (chr(b) if 0x20 <= b < 0x7F else f"\\x{b:02x}") for b in word) + '"'
