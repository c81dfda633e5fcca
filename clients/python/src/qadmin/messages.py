"""What FIELDS and SHOW answer: the fields of messages, and one message whole."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field, replace
from typing import Any, Optional, Tuple

from .replies import Members, Reply, build, many


@dataclass(frozen=True)
class MessageField(Reply):
    """A field that `count` messages have. `name` is what a filter takes; `types` are words such as `text`."""

    name: str
    types: Tuple[str, ...] = field(metadata=many(str))
    count: int
    examples: Tuple[Any, ...] = field(metadata=many(lambda example: example))


@dataclass(frozen=True)
class Fields(Reply):
    """The fields of the messages that run next: docs/commands/fields.md."""

    queue: str
    depth: int
    looked_at: int
    matched: int
    fields: Tuple[MessageField, ...] = field(metadata=many(lambda raw: build(MessageField, raw)))
    filter: Optional[str] = None
    fields_total: Optional[int] = None
    unnamed: int = 0
    partly_read: int = 0
    undecodable: int = 0
    unreadable: int = 0
    elapsed_us: int = 0
    notice: Optional[str] = None
    message_kind: Optional[str] = None
    looks_like: Optional[str] = None
    priority: Optional[str] = None
    container: Optional[str] = None


@dataclass(frozen=True)
class Message(Reply):
    """One message whole: docs/commands/show.md. `raw` is the reply.

    `element` has the bytes. `headers`, `properties`, `args`, `kwargs` and `body` are JSON texts, None where the message
    has no such part. `cut` names the parts that are longer than a reply shows.
    """

    queue: str
    id: str
    bytes: int
    fields: Members
    element: "builtins.bytes" = field(metadata={"read": lambda text: text.encode(errors="surrogateescape")})
    index: Optional[int] = None
    priority: Optional[int] = None
    message_kind: Optional[str] = None
    container: Optional[str] = None
    headers: Optional[str] = None
    properties: Optional[str] = None
    args: Optional[str] = None
    kwargs: Optional[str] = None
    body: Optional[str] = None
    cut: Tuple[str, ...] = field(default=(), metadata=many(str))
    notice: Optional[str] = None
    delivered_at: Optional[int] = None
    run_at: Optional[int] = None

    @classmethod
    def read(cls, raw: Members) -> "Message":
        # The reply has a member of the same name as the reply itself.
        members = {name: value for name, value in raw.items() if name != "raw"}
        return replace(build(cls, {**members, "element": raw["raw"]}), raw=raw)
