"""What the commands answer, as frozen dataclasses.

A member has the name, the unit and the meaning that the page of its command gives it. `raw` is the reply as it came,
with all members that this version of the package does not know. Times are Unix milliseconds, sizes are bytes.

Bytes that are not UTF-8 (in names of queues, in values of messages) are surrogate escapes, as in names of files:
`text.encode(errors="surrogateescape")` returns them, and every method takes such a text.
"""

from __future__ import annotations

import base64
import json
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Type, TypeVar

from .errors import ReplyError

T = TypeVar("T")
Members = Mapping[str, Any]


def decode(reply: object) -> Any:
    """Returns what a reply with FORMAT JSON contains."""
    if not isinstance(reply, (bytes, str)):
        raise ReplyError(f"a reply in JSON was expected, got {type(reply).__name__}")
    return _whole(json.loads(reply))


def _whole(value: Any) -> Any:
    """Replaces each text that lost bytes by the one that its twin, the member `<name>_b64`, holds."""
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if not isinstance(value, dict):
        return value
    whole: Dict[str, Any] = {}
    for name, member in value.items():
        base = whole.get(name[:-4]) if name.endswith("_b64") else None
        merged = _merged(base, member)
        if merged is None:
            whole[name] = _whole(member)
        else:
            whole[name[:-4]] = merged
    return whole


def _merged(text: Any, twin: Any) -> Any:
    """Returns the text, or the list of texts, with all its bytes; None if `twin` is no twin of it."""
    if isinstance(text, list) and isinstance(twin, list) and len(text) == len(twin):
        merged = [lossy if whole is None else _merged(lossy, whole) for lossy, whole in zip(text, twin)]
        return None if None in merged else merged
    if not isinstance(text, str) or not isinstance(twin, str) or "\ufffd" not in text:
        return None
    try:
        whole = base64.b64decode(twin, validate=True)
    except ValueError:
        return None
    return whole.decode(errors="surrogateescape") if whole.decode(errors="replace") == text else None


def build(kind: Type[T], raw: Any) -> T:
    """Returns the reply as `kind`.

    Raises ReplyError if `raw` lacks a member that every version of the module sends.
    """
    if not isinstance(raw, dict):
        raise ReplyError(f"{kind.__name__}: a map was expected, got {raw!r}")
    members: Dict[str, Any] = {"raw": raw}
    for member in fields(kind):  # type: ignore[arg-type]
        if member.name in raw:
            members[member.name] = _read(member, raw[member.name])
        elif member.name not in members and member.default is MISSING:
            raise ReplyError(f"{kind.__name__}: the reply has no member {member.name}")
    return kind(**members)


def _read(member: "Field[Any]", value: Any) -> Any:
    read: Optional[Callable[[Any], Any]] = member.metadata.get("read")
    if read is not None:
        return None if value is None else read(value)
    # Integers that a double does not hold are texts.
    known: Dict[Any, Callable[[Any], Any]] = {"int": int, "Optional[int]": int, "bool": bool, "Optional[bool]": bool}
    convert = known.get(member.type)
    return value if value is None or convert is None else convert(value)


def _one(kind: Type[Any]) -> Dict[str, Any]:
    """What is known of a member that is a map, or null."""
    return {"read": lambda value: build(kind, value)}


def many(read: Callable[[Any], Any]) -> Dict[str, Any]:
    """What is known of a member that is a list. It is a tuple here."""
    return {"read": lambda items: tuple(read(item) for item in items)}


@dataclass(frozen=True)
class Reply:
    """What all replies have: `raw`, the reply as it came."""

    raw: Members = field(repr=False, compare=False)


@dataclass(frozen=True)
class Row:
    """A message of a sample: its position (-1 runs next), its size, and the chosen fields by name."""

    index: Optional[int]
    bytes: Optional[int]
    fields: Members

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    @classmethod
    def read(cls, raw: Members) -> "Row":
        return cls(raw.get("index"), raw.get("bytes"), {k: v for k, v in raw.items() if k not in ("index", "bytes")})


@dataclass(frozen=True)
class Ages(Reply):
    """What the index of a list knows of messages that wait. Ages are milliseconds."""

    next_age: Optional[int] = None
    next_at_least: bool = False
    oldest_age: Optional[int] = None
    oldest_at_least: bool = False
    pushed_per_minute: Optional[int] = None
    popped_per_minute: Optional[int] = None
    waits: Optional[int] = None
    wait_mean_ms: Optional[int] = None


@dataclass(frozen=True)
class Group(Reply):
    """The messages that have the same values. `values` has them by field; `share` is per mille; ages are ms."""

    values: Members
    count: int
    bytes: int
    share: int
    next_index: Optional[int] = None
    last_index: Optional[int] = None
    next_priority: Optional[int] = None
    last_priority: Optional[int] = None
    next_age: Optional[int] = None
    next_at_least: Optional[bool] = None
    oldest_age: Optional[int] = None
    oldest_at_least: Optional[bool] = None

    @classmethod
    def read(cls, raw: Members) -> "Group":
        known = {member.name for member in fields(cls)}
        # `bytes` alone is a field of messages and a number of the group, and then that number.
        values = {name: value for name, value in raw.items() if name not in known}
        return build(cls, {**raw, "values": values})


@dataclass(frozen=True)
class Other(Reply):
    """The matches outside of the groups that are shown; `groups` is None where their number is not known."""

    count: int
    bytes: int
    share: int
    groups: Optional[int] = None


@dataclass(frozen=True)
class Status(Reply):
    """The state of a job: docs/commands/status.md."""

    job_id: str
    kind: str
    status: str
    queue: str
    waiting: Optional[str] = None
    db: int = 0
    mode: Optional[str] = None
    dry_run: bool = False
    keep_one: bool = False
    filter: Optional[str] = None
    filter_task: Optional[str] = None
    filter_repoid: Optional[str] = None
    filter_commitid: Optional[str] = None
    user: Optional[str] = None
    actor: Optional[str] = None
    client: Optional[str] = None
    reason: Optional[str] = None
    started_at: Optional[int] = None
    updated_at: Optional[int] = None
    completed_at: Optional[int] = None
    total_estimated: int = 0
    queue_depth: int = 0
    processed: int = 0
    matched: int = 0
    deleted: int = 0
    would_delete: int = 0
    kept_index: Optional[int] = None
    drifted: int = 0
    arrived: int = 0
    undecodable: int = 0
    unreadable: int = 0
    matched_bytes: int = 0
    passes_run: int = 0
    examined_total: int = 0
    notice: Optional[str] = None
    progress: int = 0
    eta_ms: Optional[int] = None
    per_second: int = 0
    slices: int = 0
    slice_p99_us: int = 0
    slice_max_us: int = 0
    seek_max_us: int = 0
    main_thread_us: int = 0
    cancel_requested: bool = False
    error: Optional[str] = None
    sample: Tuple[Row, ...] = field(default=(), metadata=many(Row.read))
    in_chord: Optional[int] = None
    in_group: Optional[int] = None
    with_eta: Optional[int] = None
    redelivered: Optional[int] = None
    groups: Optional[Tuple[Group, ...]] = field(default=None, metadata=many(Group.read))
    other: Optional[Other] = field(default=None, metadata=_one(Other))
    groups_total: Optional[int] = None
    keep: Optional[str] = None
    by: Optional[str] = None
    limit: Optional[int] = None
    rate: Optional[int] = None
    expect: Optional[int] = None
    tolerance: Optional[int] = None
    counted: Optional[int] = None
    distinct: Optional[int] = None
    unkeyed: Optional[int] = None
    to: Optional[str] = None
    front: bool = False
    message_kind: Optional[str] = None
    inexact: Optional[int] = None
    priority: Optional[str] = None
    kept_priority: Optional[int] = None
    index_key: Optional[str] = None
    duty: Optional[int] = None
    parked: bool = False
    undoes: Optional[str] = None
    undone_by: Optional[str] = None
    undone: Optional[int] = None
    container: Optional[str] = None
    source: Optional[str] = None
    ages: Optional[Ages] = field(default=None, metadata=_one(Ages))
    continues: Optional[str] = None
    continued_by: Optional[str] = None
    deleted_before: Optional[int] = None

    @property
    def ended(self) -> bool:
        """Whether the job is completed, cancelled, failed or interrupted."""
        return self.status not in ("pending", "running", "paused")


@dataclass(frozen=True)
class Preview(Reply):
    """The count and the sample of a filter: docs/commands/preview.md.

    `match_count` is None where there is no count: `mode` is then `skipped`, `failed` (`count_error` says why), or
    `job` (`job_id` counts). `status` is the job that was waited for.
    """

    mode: str
    queue: str
    filter: str
    depth: int
    match_count: Optional[int]
    matched_bytes: Optional[int]
    undecodable: Optional[int]
    unreadable: Optional[int]
    drifted: Optional[int]
    sample: Tuple[Row, ...] = field(metadata=many(Row.read))
    sample_error: Optional[str] = None
    cached_at: Optional[int] = None
    job_id: Optional[str] = None
    deduplicated: bool = False
    count_error: Optional[str] = None
    elapsed_us: int = 0
    other_priorities_depth: Optional[int] = None
    in_chord: Optional[int] = None
    in_group: Optional[int] = None
    with_eta: Optional[int] = None
    redelivered: Optional[int] = None
    notice: Optional[str] = None
    message_kind: Optional[str] = None
    looks_like: Optional[str] = None
    inexact: Optional[int] = None
    priority: Optional[str] = None
    queue_of_list: Optional[str] = None
    container: Optional[str] = None
    source: Optional[str] = None
    ages: Optional[Ages] = field(default=None, metadata=_one(Ages))
    status: Optional[Status] = None


@dataclass(frozen=True)
class Stats(Reply):
    """Messages by the values of their fields: docs/commands/stats.md.

    `groups` is None where there is no count, as for a Preview.
    """

    mode: str
    queue: str
    filter: Optional[str]
    depth: int
    total: Optional[int]
    matched: Optional[int]
    matched_bytes: Optional[int]
    groups: Optional[Tuple[Group, ...]] = field(metadata=many(Group.read))
    other: Optional[Other] = field(default=None, metadata=_one(Other))
    groups_total: Optional[int] = None
    undecodable: Optional[int] = None
    unreadable: Optional[int] = None
    drifted: Optional[int] = None
    cached_at: Optional[int] = None
    job_id: Optional[str] = None
    deduplicated: bool = False
    count_error: Optional[str] = None
    elapsed_us: int = 0
    other_priorities_depth: Optional[int] = None
    notice: Optional[str] = None
    message_kind: Optional[str] = None
    inexact: Optional[int] = None
    priority: Optional[str] = None
    container: Optional[str] = None
    source: Optional[str] = None
    ages: Optional[Ages] = field(default=None, metadata=_one(Ages))
    status: Optional[Status] = None


@dataclass(frozen=True)
class Started(Reply):
    """The reply to a clear or an undo. `deduplicated`: this id was known, and nothing was started."""

    job_id: str
    queue: str
    mode: str
    dry_run: bool
    status: str
    total_estimated: int
    deduplicated: bool
    other_priorities_depth: Optional[int] = None
    message_kind: Optional[str] = None
    priority: Optional[str] = None
    notice: Optional[str] = None
    to: Optional[str] = None
    undoes: Optional[str] = None
    moved: Optional[int] = None
    undone: Optional[int] = None
    container: Optional[str] = None


@dataclass(frozen=True)
class Step(Reply):
    """A priority list and how many messages it holds."""

    step: int
    depth: int


@dataclass(frozen=True)
class Queue(Reply):
    """A queue of the database: docs/commands/queues.md. Ages are ms."""

    queue: str
    depth: int
    own_depth: int
    priorities: Tuple[Step, ...] = field(metadata=many(lambda raw: build(Step, raw)))
    bytes_estimate: int = 0
    next_task: Optional[str] = None
    bound: bool = False
    looks_like: Optional[str] = None
    container: Optional[str] = None
    next_age: Optional[int] = None
    next_at_least: Optional[bool] = None
    oldest_age: Optional[int] = None
    oldest_at_least: Optional[bool] = None
    pushed_per_minute: Optional[int] = None
    popped_per_minute: Optional[int] = None
    waits: Optional[int] = None
    wait_mean_ms: Optional[int] = None


@dataclass(frozen=True)
class Queues(Reply):
    """All queues that the user may read, the deepest first. `complete` is false where there can be more.

    In a cluster these are the queues of all primaries, and `raw` has the reply of each node under `nodes`.
    """

    queues: Tuple[Queue, ...] = field(metadata=many(lambda raw: build(Queue, raw)))
    complete: bool = False
    keys: int = 0
    unacked: Optional[int] = None
    elapsed_us: int = 0

    @classmethod
    def merged(cls, replies: List[Any]) -> "Queues":
        parts = [build(cls, reply) for reply in replies]
        if len(parts) == 1:
            return parts[0]
        rows = sorted((row for part in parts for row in part.queues), key=lambda row: (-row.depth, row.queue))
        known = [part.unacked for part in parts if part.unacked is not None]
        return cls(
            raw={"nodes": replies},
            queues=tuple(rows),
            complete=all(part.complete for part in parts),
            keys=sum(part.keys for part in parts),
            unacked=sum(known) if len(known) == len(parts) else None,
            elapsed_us=max((part.elapsed_us for part in parts), default=0),
        )


@dataclass(frozen=True)
class Bucket(Reply):
    """How many messages waited less than `below_ms` and not less than half of it; None: longer than all others."""

    below_ms: Optional[int] = None
    messages: int = 0


@dataclass(frozen=True)
class Index(Reply):
    """The index of a list: docs/commands/index.md. Times are milliseconds, `memory` is bytes.

    `value_waits` is the list of maps that the page describes.
    """

    queue: str
    db: int
    message_kind: str
    state: str
    reason: Optional[str]
    depth: int
    next_age: Optional[int] = None
    next_at_least: bool = False
    oldest_age: Optional[int] = None
    oldest_at_least: bool = False
    pushed_per_minute: int = 0
    popped_per_minute: int = 0
    exact: int = 0
    at_least: int = 0
    since: Optional[int] = None
    pushed: int = 0
    popped: int = 0
    removed: int = 0
    waits: int = 0
    waits_unknown: int = 0
    wait_sum_ms: int = 0
    wait_mean_ms: Optional[int] = None
    wait_max_ms: Optional[int] = None
    wait_histogram: Tuple[Bucket, ...] = field(default=(), metadata=many(lambda raw: build(Bucket, raw)))
    memory: int = 0
    fields: Optional[Tuple[str, ...]] = field(default=None, metadata=many(str))
    read: Optional[int] = None
    unread: Optional[int] = None
    distinct: Optional[Tuple[Optional[int], ...]] = field(default=None, metadata=many(lambda value: value))
    repaired: Optional[int] = None
    rebuilt: Optional[int] = None
    audits: Optional[int] = None
    audit_faults: Optional[int] = None
    audited: Optional[int] = None
    value_waits: Optional[Tuple[Members, ...]] = field(default=None, metadata=many(lambda raw: raw))
