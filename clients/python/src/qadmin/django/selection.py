"""Which messages a page is about: a queue, conditions and options, as a form has them and as an address does."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import urlencode

from ..errors import FilterError
from ..filters import SHORT_NAMES, Condition, F, Filter, parse
from ..operands import Raw
from . import conf
from .texts import named, shown, token

# Operators by the words that a form shows, with what each needs of the field and the typed value.
OPERATORS: Dict[str, Callable[[F, str], Filter]] = {
    "=": lambda field, value: field == (value if _is_plain_task(field.name, value) else Raw(value)),
    "!=": lambda field, value: field != Raw(value),
    "<": lambda field, value: field < Raw(value),
    "<=": lambda field, value: field <= Raw(value),
    ">": lambda field, value: field > Raw(value),
    ">=": lambda field, value: field >= Raw(value),
    "starts with": lambda field, value: field.startswith(value),
    "GLOB": lambda field, value: field.matches(value),
    "IN": lambda field, value: field.in_([Raw(word) for word in value.split()]),
    "CONTAINS": lambda field, value: field.contains(Raw(value)),
    "EXISTS": lambda field, _: field.exists(),
    "MISSING": lambda field, _: field.missing(),
}
WITHOUT_VALUE = ("EXISTS", "MISSING")
# Kinds of messages for AS.
KINDS = ("celery", "sidekiq", "resque", "laravel", "taskiq", "huey", "dramatiq", "rq", "bullmq", "bull", "asynq")
# Those whose messages are elsewhere than in the list, where PARK is refused.
_NOT_PARKED = ("dramatiq", "rq", "bullmq", "bull", "asynq")
# Suggestions for the name of a field.
NAMES = (
    *("task", "id", "args.0", "args.*", "kwargs.*", "retries", "eta", "expires", "redelivered", "age", "arrived"),
    *("enqueued", "root_id", "parent_id", "group", "origin", "lang", "priority", "routing_key", "exchange"),
    *("content_type", "compression", "argsrepr", "kwargsrepr", "bytes", "undecodable"),
)
# Samples cut longer texts, and what is cut is equal to nothing.
_CUT = 1_024
# Rows of conditions that a form offers at least, and those that it offers beyond the used ones.
_ROWS = 2
_MORE_ROWS = 1


def _is_plain_task(name: str, value: str) -> bool:
    """Whether TASK says the same as WHERE task =: the value is a text by all rules."""
    is_name = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z0-9_.]*[A-Za-z0-9_]", value) is not None
    return name == "task" and is_name


@dataclass(frozen=True)
class Row:
    """A condition as a form has it."""

    field: str = ""
    operator: str = "="
    value: str = ""

    def condition(self) -> Filter:
        if not self.field:
            raise FilterError(f"the value {self.value!r} needs the name of a field")
        if self.operator not in OPERATORS:
            raise FilterError(f"unknown operator {self.operator!r}")
        if not self.value and self.operator not in WITHOUT_VALUE:
            raise FilterError(f'{self.field} {self.operator} needs a value; the empty text is typed as ""')
        return OPERATORS[self.operator](F(self.field), self.value)


@dataclass(frozen=True)
class Selection:
    """What a page is about. `where` is a filter in the syntax of docs/filter.md, beside the rows; `fields` are the
    columns of samples, `by` those of groups. The other options are words of the commands."""

    queue: str
    rows: Tuple[Row, ...] = ()
    where: str = ""
    kind: str = ""
    step: str = ""
    index: str = ""
    inexact: bool = False
    fields: Tuple[str, ...] = ()
    by: Tuple[str, ...] = ()
    # Whether the address lacks a part of a condition. It then selects nothing, instead of more than was meant.
    is_torn: bool = False

    @classmethod
    def read(cls, query: Any) -> "Selection":
        """The selection of an address, a QueryDict."""
        columns = [query.getlist(name) for name in ("field", "op", "value")]
        rows: List[Row] = []
        where = _printable(query.get("where", "").strip())
        for row in (Row(name.strip(), operator, value) for name, operator, value in zip(*columns)):
            if not (row.field + row.value).isprintable():
                where = " ".join(part for part in (where, _as_text(row)) if part)
            elif row.field or row.value:
                rows.append(row)
        return cls(
            queue=named(query.get("queue", "")),
            rows=tuple(rows),
            where=where,
            is_torn=len({len(column) for column in columns}) > 1 or "torn" in query,
            kind=query.get("as", ""),
            step=query.get("priority", "").strip(),
            index=query.get("index", "").strip(),
            inexact="inexact" in query,
            fields=tuple(names(query.get("fields", ""))),
            by=tuple(name for given in query.getlist("by") for name in names(given)),
        )

    def query(self, **more: str) -> str:
        """The selection as an address has it."""
        pairs: List[Tuple[str, str]] = [("queue", token(self.queue))]
        for row in self.rows:
            pairs += [("field", row.field), ("op", row.operator), ("value", row.value)]
        options = {
            "where": self.where,
            "as": self.kind,
            "priority": self.step,
            "index": self.index,
            "inexact": "1" if self.inexact else "",
            "torn": "1" if self.is_torn else "",
            "fields": " ".join(self.fields),
            "by": " ".join(self.by),
        }
        pairs += [(name, value) for name, value in {**options, **more}.items() if value]
        return urlencode(pairs)

    def filter(self) -> Optional[Filter]:
        """The filter, None without a condition. Raises FilterError."""
        if self.is_torn:
            raise FilterError("the address of this page lacks a part of a condition")
        found = [row.condition() for row in self.rows] + ([parse(self.where)] if self.where else [])
        if not found:
            return None
        combined = found[0]
        for one in found[1:]:
            combined &= one
        return combined

    def options(self) -> Dict[str, Any]:
        """The options that all commands about messages have, as arguments of the client."""
        return {
            "as_": self.kind or None,
            "step": self.step or None,
            "index": self.index or None,
            "inexact": self.inexact,
        }

    def not_parked(self, unacked: Sequence[str]) -> str:
        """Why the server would refuse to park these messages; empty if it would not, as far as it is known here."""
        if self.queue in unacked or self.index:
            return "Unacknowledged messages cannot be parked."
        if self.step.lower() == "all":
            return "Messages of all priority lists together cannot be parked: choose one step after the other."
        return f"Messages of {self.kind} cannot be parked." if self.kind in _NOT_PARKED else ""

    @property
    def form_rows(self) -> Sequence[Row]:
        """The rows that a form shows, with empty ones."""
        return [*self.rows, *[Row()] * max(_ROWS - len(self.rows), _MORE_ROWS)]

    @property
    def columns(self) -> Sequence[str]:
        return self.fields or conf.fields()

    def within(self, values: Mapping[str, Any]) -> "Optional[Selection]":
        """The messages of this selection that have these values of fields, as a group of STATS shows them; None where
        a value was cut."""
        rows: List[Row] = []
        clauses = Filter(())
        for name, value in values.items():
            name = SHORT_NAMES.get(name, name)
            text = value if isinstance(value, str) else str(value)
            if len(text.encode(errors="surrogateescape")) >= _CUT:
                return None
            if value is None:
                rows.append(Row(name, "MISSING"))
            elif text.isprintable() and text and text.strip() == text:
                rows.append(Row(name, "=", text))
            else:
                # A field of a form cannot hold it.
                operand = (text or '""').encode(errors="surrogateescape")
                clauses &= Filter(((Condition(name, "=", (operand,)),),))
        where = " ".join(part for part in (self.where, str(clauses)) if part)
        return replace(self, rows=(*self.rows, *(row for row in rows if row not in self.rows)), where=where)


def _printable(where: str) -> str:
    """The same filter in characters that a field of a form keeps."""
    try:
        return where if where.isprintable() else str(parse(where))
    except FilterError:
        return shown(where)


def _as_text(row: Row) -> str:
    """A condition in the syntax of docs/filter.md, because a field of a form cannot hold what is in it."""
    try:
        return str(row.condition())
    except FilterError:
        return shown(f"{row.field} {row.operator} {row.value}")


def names(text: str) -> List[str]:
    """The names of fields in a text, separated by spaces or commas; what is in double quotes belongs to a name."""
    return re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^\s,"])+', text)


@dataclass(frozen=True)
class Action:
    """What the form below a preview asks for, and what it shows when it was refused."""

    form_id: str
    mode: str = "all"
    dryrun: bool = True
    park: bool = True
    confirm: str = ""
    reason: str = ""
    by: str = ""
    limit: str = ""
    rate: str = ""
    chosen: str = field(default="dryrun")

    # What a person chooses between: the mode, and whether it is a dry run.
    CHOICES = (
        ("dryrun", "all", True, "Dry run: count what would be cleared, change nothing"),
        ("keepone", "keepone", False, "Keep one: clear all matches except the one that runs next"),
        ("all", "all", False, "Clear all matches"),
    )

    @classmethod
    def read(cls, post: Any, form_id: str) -> "Action":
        chosen = post.get("action", "")
        mode, dryrun = next(((m, d) for name, m, d, _ in cls.CHOICES if name == chosen), ("", True))
        texts = {name: post.get(name, "").strip() for name in ("reason", "by", "limit", "rate")}
        destination = post.get("destination", "park")
        confirm = post.get("confirm", "")
        return cls(form_id, mode, dryrun, destination != "delete", confirm, chosen=chosen, **texts)

    def arguments(self) -> Dict[str, Any]:
        """The arguments of `Client.clear` beside those of the selection. Raises FilterError."""
        if not self.mode:
            raise FilterError("choose what to do with the matches")
        arguments: Dict[str, Any] = {"mode": self.mode, "dryrun": self.dryrun, "reason": self.reason or None}
        arguments.update(by=names(self.by) or None, limit=_integer("limit", self.limit))
        if not self.dryrun:
            arguments.update(park=self.park, rate=_integer("rate", self.rate))
        return arguments


def _integer(name: str, text: str) -> Optional[int]:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise FilterError(f"{name} must be a number, got {text!r}")
    return int(text)
