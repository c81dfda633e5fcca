"""Operations on one job, for blocking and asyncio clients alike."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Any, Callable, List, Optional

from .errors import WaitTimeout, ended_early, is_transient
from .operations import Key, Operation, Sleep, Tell, Word, send_about_job
from .replies import Started, Status, build

# How long a lost connection is waited for before the next attempt, seconds; each attempt doubles it.
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0

OnProgress = Callable[[Status], Any]


@dataclass(frozen=True)
class JobRef:
    """A job, and the queue that leads to its node in a cluster.

    `slice_ms` is the longest WAIT of one command, which is below the time-out of the connection. `reconnect` is how
    long a lost connection is waited for, seconds.
    """

    id: str
    queue: Optional[Key]
    slice_ms: int
    reconnect: float


class JobHandle:
    """What the jobs of both clients have in common.

    `started` is the reply to the command that started the job, None for a job that was looked up by its id.
    """

    def __init__(self, redis: Any, ref: JobRef, started: Optional[Started] = None) -> None:
        self.redis = redis
        self.ref = ref
        self.started = started

    @property
    def id(self) -> str:
        """The id of the job, a UUID, or the first digits of one as it was looked up."""
        return self.ref.id

    def __repr__(self) -> str:
        return f"<Job {self.id} of {self.ref.queue!r}>"


class ClientHandle:
    """What both clients have in common. `reconnect` is how many seconds a lost connection is waited for while a job
    is waited for."""

    def __init__(self, redis: Any, *, reconnect: float = 60.0) -> None:
        if hasattr(redis, "execute"):
            # A pipeline. It would keep the commands, and run them later.
            raise TypeError("a pipeline cannot be used, because the reply to each command is needed at once")
        self.redis = redis
        self.reconnect = reconnect

    def ref(self, job_id: str, queue: Optional[Key] = None) -> JobRef:
        """What leads to a job."""
        return JobRef(job_id, queue, _slice_ms(self.redis), self.reconnect)


def _slice_ms(redis: Any) -> int:
    """A second, or half of the connection's time-out if that is less, in milliseconds."""
    options = getattr(getattr(redis, "connection_pool", None), "connection_kwargs", None)
    options = options or getattr(getattr(redis, "nodes_manager", None), "connection_kwargs", None)
    options = options or getattr(redis, "connection_kwargs", None) or {}
    timeout = options.get("socket_timeout")
    return 1_000 if timeout is None else max(1, min(1_000, int(timeout * 500)))


def pause(attempt: int) -> Sleep:
    """The time after attempt number `attempt`, from 1, and before the next one."""
    return Sleep(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempt - 1, 16)))


def control(name: str, job: JobRef, *words: Word) -> Operation[Status]:
    """Sends a command about a job and returns its status."""
    return build(Status, (yield from send_about_job(name, job.id, job.queue, *words)))


def next_status(job: JobRef, seconds: float, end: float = math.inf) -> Operation[Status]:
    """Returns the status when the job ends or after `seconds`, whatever is first.

    Lost connections and a server that is loading are waited for, for `reconnect` seconds and until the moment `end` of
    the monotonic clock.
    """
    answered = started = time.monotonic()
    attempt = 0
    while True:
        sent = time.monotonic()
        wait_ms = min(job.slice_ms, int((started + seconds - sent) * 1_000))
        try:
            words: List[Word] = ["WAIT", wait_ms] if wait_ms > 0 else []
            status = yield from control("QADMIN.STATUS", job, *words)
        except Exception as error:
            attempt += 1
            now = time.monotonic()
            if not is_transient(error) or now >= min(answered + job.reconnect, end):
                raise
            yield Sleep(min(pause(attempt).seconds, max(0.0, end - now)))
            continue
        answered = time.monotonic()
        if status.ended or answered >= started + seconds:
            return status
        # A server that cannot block this client answers at once.
        yield Sleep(max(0.0, sent + wait_ms / 1_000 - answered))
        attempt = 0


def wait(
    job: Any,
    /,
    timeout: Optional[float] = None,
    on_progress: Optional[OnProgress] = None,
    interval: float = 1.0,
) -> Operation[Status]:
    """Waits until the job ends, and returns its final status.

    timeout: seconds; None waits as long as it takes.
    on_progress: is called with each Status that arrives, at least every `interval` seconds, the last one included. In
        asyncio it can be a coroutine function.

    Lost connections are waited for, as long as the client's `reconnect` says; after that the error of redis-py is
    raised. The job itself does not depend on this call.

    Raises JobFailed, ExpectExceeded, JobCancelled or JobInterrupted if the job ends early, WaitTimeout if it has not
    ended in time, and JobNotFound if it is forgotten.
    """
    ref: JobRef = job.ref
    end = math.inf if timeout is None else time.monotonic() + timeout
    status: Optional[Status] = None
    while status is None or not status.ended:
        now = time.monotonic()
        if status is not None and now >= end:
            raise WaitTimeout(f"job {ref.id} is {status.status} after {timeout} s", status)
        try:
            status = yield from next_status(ref, min(interval, end - now), end)
        except Exception as error:
            if not is_transient(error) or time.monotonic() < end:
                raise
            raise WaitTimeout(f"no answer about job {ref.id} within {timeout} s", status) from error
        # Another job may soon have an id with the same first digits.
        ref = replace(ref, id=status.job_id or ref.id)
        if on_progress is not None:
            yield Tell(on_progress, status)
    early = ended_early(status)
    if early is not None:
        raise early
    return status


def status(job: Any, /) -> Operation[Status]:
    """Returns the state of the job. Raises JobNotFound if it is unknown or forgotten."""
    return control("QADMIN.STATUS", job.ref)


def cancel(job: Any, /) -> Operation[Status]:
    """Cancels the job before its next slice. What it has cleared stays cleared; a job that has ended is not changed."""
    return control("QADMIN.CANCEL", job.ref)


def pause_job(job: Any, /) -> Operation[Status]:
    """Pauses the job. It stays live, and follows its queue."""
    return control("QADMIN.PAUSE", job.ref)


def resume(job: Any, /) -> Operation[Status]:
    """Resumes a paused job, or continues an interrupted clear: this is then the new job, which does the rest."""
    status = yield from control("QADMIN.RESUME", job.ref)
    job.ref = replace(job.ref, id=status.job_id)
    return status


def throttle(job: Any, /, rate: Optional[int] = None, duty: Optional[int] = None) -> Operation[Status]:
    """Changes the speed of the job. What is not given does not change; one of the two is needed.

    rate: messages that it clears per second, 1 to 10,000,000; 0 removes the limit.
    duty: its share of the main thread while other clients are active, percent, 1 to 100; 0: the setting `duty`.
    """
    words: List[Word] = []
    words += [] if rate is None else ["RATE", rate]
    words += [] if duty is None else ["DUTY", duty]
    return control("QADMIN.THROTTLE", job.ref, *words)
