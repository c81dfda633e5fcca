"""The commands as operations, for blocking and asyncio clients alike.

The first argument of each is the client, which says how long one command may wait.
"""

from __future__ import annotations

import dataclasses
import uuid
from dataclasses import dataclass
from typing import Any, Iterable, List, Optional, Sequence, Union

from .errors import CountFailed, FilterError, RequestError, StartUncertain, WritesRefused, is_lost, is_transient
from .filters import F, Filter, parse, where
from .jobs import JobRef, OnProgress, control, pause
from .jobs import wait as wait_for
from .messages import Fields, Message
from .operands import Value
from .operations import Key, Nodes, Operation, Send, Word, send, send_everywhere
from .replies import Index, Preview, Queues, Started, Stats, Status, build

FilterLike = Union[str, Filter, None]
FieldLike = Union[str, F]
# How often a command that starts a job is sent, if no reply comes.
ATTEMPTS = 5


def _filter(given: FilterLike, conditions: "dict[str, Value]") -> List[bytes]:
    if isinstance(given, str):
        given = parse(given)
    if given is not None and not isinstance(given, Filter):
        raise FilterError(f"{given!r} is neither a filter nor a text")
    combined = where(**conditions)
    return (combined if given is None else given & combined).words()


def _words(**options: Union[Key, int, None]) -> List[Word]:
    """The words of options with values, in their order; those that are None are left out."""
    words: List[Word] = []
    for name, value in options.items():
        if isinstance(value, bool):
            # The next word of the command would be taken for the value.
            raise RequestError(f"{name} needs a value, got {value!r}", "ERR")
        if value is not None:
            words += [name.rstrip("_").upper(), value]
    return words


def _flags(**options: bool) -> List[Word]:
    """The words of options without values."""
    return [name.upper() for name, is_set in options.items() if is_set]


def _fields(keyword: str, names: Union[FieldLike, Iterable[FieldLike], None]) -> List[Word]:
    if names is None:
        return []
    several = [names] if isinstance(names, (str, F)) else list(names)
    return [keyword, len(several), *(name.name if isinstance(name, F) else name for name in several)]


@dataclass(frozen=True)
class _Waiter:
    """What `jobs.wait` needs of a job."""

    ref: JobRef


def queues(client: Any, /, glob: Optional[str] = None) -> Operation[Queues]:
    """Lists the queues that the user may read, the deepest first. In a cluster: of all primaries.

    glob: only names that match this pattern of Redis, at most 256 bytes.
    """
    return Queues.merged((yield from send_everywhere("QADMIN.QUEUES", *_words(glob=glob))))


def preview(
    client: Any,
    /,
    queue: Key,
    filter: FilterLike = None,
    *,
    sample: Optional[int] = None,
    fields: Optional[Iterable[FieldLike]] = None,
    bust: bool = False,
    nocount: bool = False,
    inexact: bool = False,
    step: Union[int, str, None] = None,
    index: Optional[Key] = None,
    as_: Optional[str] = None,
    wait: bool = False,
    timeout: Optional[float] = None,
    on_progress: Optional[OnProgress] = None,
    **conditions: Value,
) -> Operation[Preview]:
    """Counts the messages of a queue that match a filter, and shows some of them. It changes nothing.

    filter, conditions: which messages, see `where`; both together must be true. At least one condition is needed.
    sample: most rows of the sample, 0 to 100; the server's default is 20.
    fields: the members of a row, 1 to 32 names.
    bust: count again, whatever is cached. nocount: only depth and sample.
    inexact: compare what the sender wrote about arguments of a body that cannot be read.
    step: of a queue with priorities, `"all"` or the step (the word PRIORITY; `priority=` is a condition).
    index: the index of a hash of unacknowledged messages. as_: the kind of the messages, such as `"sidekiq"`.
    wait: if a job counts (a deep queue), wait for it, at most `timeout` seconds; `on_progress` is called meanwhile.
        Without it `match_count` is None then, and `job_id` names the job.

    The server counts a shallow queue while the client waits, at most for its setting `inline-wait` (2 seconds).

    Raises RequestError for a filter that the server refuses, WrongType, NoPermission, CrossSlot; with `wait` also
    CountFailed, the errors of a job, and WaitTimeout.
    """
    words = [*_filter(filter, conditions), *_words(sample=sample), *_fields("FIELDS", fields)]
    words += [*_flags(bust=bust, nocount=nocount, inexact=inexact), *_words(priority=step, index=index, as_=as_)]
    reply = build(Preview, (yield from send("QADMIN.PREVIEW", queue, *words)))
    if not wait or reply.match_count is not None or nocount:
        return reply
    end = yield from _counted(client, queue, reply, timeout, on_progress)
    return dataclasses.replace(
        reply,
        match_count=end.matched,
        matched_bytes=end.matched_bytes,
        undecodable=end.undecodable,
        unreadable=end.unreadable,
        drifted=end.drifted,
        sample=end.sample[: 20 if sample is None else sample],
        sample_error=None,
        in_chord=end.in_chord,
        in_group=end.in_group,
        with_eta=end.with_eta,
        redelivered=end.redelivered,
        notice=end.notice,
        inexact=end.inexact,
        source=end.source,
        status=end,
    )


def stats(
    client: Any,
    /,
    queue: Key,
    groupby: Union[FieldLike, Iterable[FieldLike]],
    filter: FilterLike = None,
    *,
    top: Optional[int] = None,
    bust: bool = False,
    inexact: bool = False,
    step: Union[int, str, None] = None,
    index: Optional[Key] = None,
    as_: Optional[str] = None,
    wait: bool = False,
    timeout: Optional[float] = None,
    on_progress: Optional[OnProgress] = None,
    **conditions: Value,
) -> Operation[Stats]:
    """Counts the messages of a queue by the values of their fields. It changes nothing.

    groupby: 1 to 4 fields. top: most groups, the largest first, 0 to 1,000; the server's default is 20.
    Without a filter and conditions all messages are counted. The other arguments, and the errors, are those of
    `preview`; without `wait`, `groups` is None where a job counts.
    """
    words = [*_filter(filter, conditions), *_fields("GROUPBY", groupby), *_words(top=top)]
    words += [*_flags(bust=bust, inexact=inexact), *_words(priority=step, index=index, as_=as_)]
    reply = build(Stats, (yield from send("QADMIN.STATS", queue, *words)))
    if not wait or reply.groups is not None:
        return reply
    end = yield from _counted(client, queue, reply, timeout, on_progress)
    return dataclasses.replace(
        reply,
        total=end.processed,
        matched=end.matched,
        matched_bytes=end.matched_bytes,
        groups=end.groups,
        other=end.other,
        groups_total=end.groups_total,
        undecodable=end.undecodable,
        unreadable=end.unreadable,
        drifted=end.drifted,
        notice=end.notice,
        inexact=end.inexact,
        source=end.source,
        status=end,
    )


def fields(
    client: Any,
    /,
    queue: Key,
    filter: FilterLike = None,
    *,
    step: Union[int, str, None] = None,
    index: Optional[Key] = None,
    as_: Optional[str] = None,
    **conditions: Value,
) -> Operation[Fields]:
    """Returns the fields that are seen in the messages that run next, with the types of their values and examples.

    Only names that a filter takes are listed. It answers at once and changes nothing. Without a filter and conditions
    all messages are looked at. The arguments, and the errors, are those of `preview`.
    """
    words = [*_filter(filter, conditions), *_words(priority=step, index=index, as_=as_)]
    return build(Fields, (yield from send("QADMIN.FIELDS", queue, *words)))


def show(
    client: Any,
    /,
    queue: Key,
    id: Key,
    *,
    step: Union[int, str, None] = None,
    index: Optional[Key] = None,
    as_: Optional[str] = None,
) -> Operation[Message]:
    """Returns one message whole, with its body, by the id of its task.

    It waits until the queue was searched: one message of a million can take seconds. A lost connection ends the search.

    Raises MessageNotFound, NoPermission, TooManyJobs, WrongType, CrossSlot; RequestError where the search was stopped,
    and in a transaction, where only the messages that run next are searched.
    """
    reply = yield from send("QADMIN.SHOW", queue, id, *_words(priority=step, index=index, as_=as_))
    return Message.read(reply)


def _counted(
    client: Any,
    /,
    queue: Key,
    reply: Union[Preview, Stats],
    timeout: Optional[float],
    on_progress: Optional[OnProgress],
) -> Operation[Status]:
    if reply.job_id is None or reply.count_error is not None:
        code, _, text = (reply.count_error or "ERR no job counts").partition(" ")
        raise CountFailed(text, code)
    return (yield from wait_for(_Waiter(client.ref(reply.job_id, queue)), timeout, on_progress))


def clear(
    client: Any,
    /,
    queue: Key,
    filter: FilterLike = None,
    *,
    mode: Optional[str] = None,
    confirm: Optional[Key] = None,
    keep: Optional[str] = None,
    by: Union[FieldLike, Iterable[FieldLike], None] = None,
    limit: Optional[int] = None,
    rate: Optional[int] = None,
    expect: Optional[int] = None,
    tolerance: Optional[int] = None,
    to: Optional[Key] = None,
    park: bool = False,
    front: bool = False,
    inexact: bool = False,
    dryrun: bool = False,
    job_id: Optional[str] = None,
    actor: Optional[str] = None,
    reason: Optional[str] = None,
    step: Union[int, str, None] = None,
    index: Optional[Key] = None,
    as_: Optional[str] = None,
    **conditions: Value,
) -> Operation[Started]:
    """Starts a job that removes the matching messages of a queue (QADMIN.CLEARJOB), and returns the job at once.

    mode: `"all"` clears every match, `"keepone"` all but one. Required, except with `dryrun`.
    confirm: the queue's name, as a person typed it again. Required, except with `dryrun`.
    keep: with keepone, `"oldest"` (the default) or `"newest"`. by: keep one of each value of these 1 to 16 fields.
    limit: most messages to clear, those that run next. rate: most messages per second.
    expect, tolerance: fail, and clear nothing, if there are more matches than this, plus so many percent (0 to 1,000).
    to: move to this other list instead. park: move to a list of the job's own; `undo` moves them back. front: to the
        end of that list that runs next.
    dryrun: compute everything, write nothing to the queue.
    actor, reason: who acts and why, up to 256 and 1,024 bytes; they are shown and recorded.
    job_id: the job's id, a UUID. Without it each call makes one of its own.
    The other arguments are those of `preview`.

    If the connection is lost before the reply, the command is sent again with the same id, so that one job starts
    however often it arrives. Its reply then says `deduplicated`.

    Raises RequestError (also for an id that belongs to a job with other arguments), ConfirmError, TooManyJobs,
    WrongType, CrossSlot, NoPermission, WritesRefused, and StartUncertain where no attempt got a reply.
    """
    chosen = job_id or str(uuid.uuid4())
    if mode is not None and mode.lower() not in ("all", "keepone"):
        raise RequestError(f"mode must be all or keepone, got {mode!r}", "ERR")
    words = [*_filter(filter, conditions), *([] if mode is None else [mode.upper()]), *_words(keep=keep)]
    words += [*_fields("BY", by), *_words(limit=limit, rate=rate, expect=expect, tolerance=tolerance, to=to)]
    words += _flags(park=park, front=front, inexact=inexact, dryrun=dryrun)
    words += _words(confirm=confirm, id=chosen, actor=actor, reason=reason, priority=step, index=index, as_=as_)
    return (yield from _start(chosen, "QADMIN.CLEARJOB", queue, *words))


def undo(
    client: Any,
    /,
    undone_id: str,
    *,
    queue: Optional[Key] = None,
    confirm: Optional[Key] = None,
    front: bool = False,
    dryrun: bool = False,
    job_id: Optional[str] = None,
    actor: Optional[str] = None,
    reason: Optional[str] = None,
) -> Operation[Started]:
    """Starts a job that moves back what the job `undone_id` moved to another list, and returns it at once.

    undone_id: the id of that job, or its first digits, 4 or more. queue: its queue; needed in a cluster.
    confirm: the name of the list that messages are taken from, as a person typed it again; required, except with
        `dryrun`. front: they run before the messages of the queue.
    The other arguments, and what happens if the connection is lost, are those of `clear`.

    Raises JobNotFound, and RequestError where there is nothing to undo; otherwise as `clear`.
    """
    chosen = job_id or str(uuid.uuid4())
    words = _words(queue=queue, confirm=confirm, id=chosen, actor=actor, reason=reason)
    words += _flags(front=front, dryrun=dryrun)
    return (yield from _start(chosen, "QADMIN.UNDO", undone_id, *words))


def _start(job_id: str, name: str, *words: Word) -> Operation[Started]:
    """Sends a command with an ID until there is a reply: the same id with the same arguments starts one job."""
    uncertain: Optional[Exception] = None
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return build(Started, (yield from send(name, *words)))
        except Exception as error:
            # After a lost attempt, a server that refuses all writes does not say that the job was not started.
            repeatable = is_transient(error) or isinstance(error, WritesRefused)
            if not is_lost(error) and not (uncertain and repeatable):
                raise
            uncertain = error
        if attempt < ATTEMPTS:
            yield pause(attempt)
    raise StartUncertain(f"no reply to {name} after {ATTEMPTS} attempts: {uncertain}", job_id) from uncertain


def jobs(
    client: Any,
    /,
    queue: Optional[Key] = None,
    count: Optional[int] = None,
    *,
    kind: Optional[str] = None,
    status: Optional[str] = None,
    user: Optional[Key] = None,
) -> Operation[List[Status]]:
    """Lists live and remembered jobs, the newest first, without samples and groups. In a cluster: of all primaries.

    queue: only jobs of this queue. count: most jobs, 1 to 100; the server's default is 20.
    kind: only jobs of this kind: `"preview"`, `"clear"`, `"stats"`, `"undo"` or `"show"`.
    status: only jobs with this status, such as `"completed"`, or `"live"` (not ended) or `"ended"`.
    user: only jobs that this Redis user started.

    Raises RequestError for another kind or status, and on a server that does not know these options.
    """
    words = _words(queue=queue, count=count, kind=kind, status=status, user=user)
    replies = yield from send_everywhere("QADMIN.JOBS", *words)
    rows = [build(Status, row) for reply in replies for row in reply]
    rows.sort(key=lambda row: -(row.started_at or 0))
    return rows[: 20 if count is None else count]


def status(client: Any, /, job_id: str, queue: Optional[Key] = None) -> Operation[Status]:
    """Returns the state of a job; in a cluster without `queue`, all primaries are asked.

    job_id: the id of the job, or its first digits, 4 or more; these need `queue` in a cluster. All functions about a
    job take both. Raises JobNotFound, and JobAmbiguous if the ids of several jobs begin with these digits.
    """
    return control("QADMIN.STATUS", client.ref(job_id, queue))


def cancel(client: Any, /, job_id: str, queue: Optional[Key] = None) -> Operation[Status]:
    """Cancels a job before its next slice; a job that has ended is not changed. Raises JobNotFound, NoPermission."""
    return control("QADMIN.CANCEL", client.ref(job_id, queue))


def cancel_all(client: Any, /, queue: Optional[Key] = None) -> Operation[List[Status]]:
    """Cancels all live jobs that the user may cancel, or those of one queue, and returns what was cancelled."""
    replies = yield from send_everywhere("QADMIN.CANCEL", "ALL", *_words(queue=queue))
    return [build(Status, row) for reply in replies for row in reply]


def pause_job(client: Any, /, job_id: str, queue: Optional[Key] = None) -> Operation[Status]:
    """Pauses a job. It stays live, and follows its queue. Raises JobNotFound, NoPermission."""
    return control("QADMIN.PAUSE", client.ref(job_id, queue))


def resume(client: Any, /, job_id: str, queue: Optional[Key] = None) -> Operation[Status]:
    """Resumes a paused job, or starts a job that continues an interrupted clear, and returns the status of that job.

    Sending it again starts nothing. Raises JobNotFound, NoPermission, RequestError.
    """
    return control("QADMIN.RESUME", client.ref(job_id, queue))


def throttle(
    client: Any,
    /,
    job_id: str,
    *,
    rate: Optional[int] = None,
    duty: Optional[int] = None,
    queue: Optional[Key] = None,
) -> Operation[Status]:
    """Changes the speed of a job; see `Job.throttle`. Raises JobNotFound, NoPermission, RequestError."""
    return control("QADMIN.THROTTLE", client.ref(job_id, queue), *_words(rate=rate, duty=duty))


def index_create(
    client: Any, /, queue: Key, fields: Optional[Sequence[FieldLike]] = None, as_: Optional[str] = None
) -> Operation[Index]:
    """Creates an index of a list, which knows how long messages wait.

    fields: 1 to 8 fields whose values it keeps, for fast counts. as_: the kind of the messages.
    Raises RequestError if the list has one, and WrongType.
    """
    words = [*_fields("FIELDS", fields), *_words(as_=as_)]
    return build(Index, (yield from send("QADMIN.INDEX", "CREATE", queue, *words)))


def index_info(client: Any, /, queue: Key) -> Operation[Index]:
    """Shows the index of a list. Raises RequestError if it has none."""
    return build(Index, (yield from send("QADMIN.INDEX", "INFO", queue)))


def index_drop(client: Any, /, queue: Key) -> Operation[bool]:
    """Drops the index of a list. Raises RequestError if it has none."""
    return bool((yield from send("QADMIN.INDEX", "DROP", queue)).get("dropped"))


def index_list(client: Any, /) -> Operation[List[Index]]:
    """Shows the indexes of all databases whose lists the user may read. In a cluster: of all primaries."""
    replies = yield from send_everywhere("QADMIN.INDEX", "LIST")
    return [build(Index, row) for reply in replies for row in reply]


def help(client: Any, /) -> Operation[List[str]]:
    """Returns the lines of QADMIN.HELP: the syntax of all commands as this server knows them."""
    nodes = yield Nodes()
    lines = yield Send(("QADMIN.HELP",), nodes[0])
    return [line if isinstance(line, str) else bytes(line).decode() for line in lines]
