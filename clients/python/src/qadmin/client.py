"""The blocking client, over redis.Redis or redis.cluster.RedisCluster."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Callable, Iterator, Optional

from redis.client import NEVER_DECODE

from . import commands, jobs
from .jobs import ClientHandle, JobHandle
from .operations import Course, Effect, Key, Nodes, Operation, P, Send, Shared, Sleep, T
from .replies import Started, Status

if TYPE_CHECKING:
    from typing_extensions import Protocol

    class Redis(Protocol):
        """A client of redis-py."""

        def execute_command(self, *args: Any, **options: Any) -> Any: ...


class Runner:
    """Does what operations ask for, on the caller's client."""

    redis: Any

    def _run(self, operation: Operation[T]) -> T:
        course = Course(operation)
        while course.effect is not None:
            try:
                result = self._perform(course.effect)
            except Exception as error:
                course.fail(error)
            else:
                course.give(result)
        return course.result

    def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Send):
            # The reply is JSON, which is UTF-8 whatever the client decodes replies by.
            node = {} if effect.node is None else {"target_nodes": effect.node}
            return self.redis.execute_command(*effect.words, **{NEVER_DECODE: True}, **node)
        if isinstance(effect, Nodes):
            primaries = getattr(self.redis, "get_primaries", None)
            return [None] if primaries is None else primaries()
        if isinstance(effect, Sleep):
            return time.sleep(effect.seconds)
        return effect.function(effect.value)


class Blocking(Shared[P, T]):
    """An operation as a blocking method."""

    def __get__(self, owner: Any, kind: Optional[type] = None) -> "Callable[P, T]":
        def call(*args: "P.args", **kwargs: "P.kwargs") -> T:
            result: T = owner._run(self.operation(owner, *args, **kwargs))
            return result

        self.named(call)
        return call


class Starting(Shared[P, Started]):
    """An operation that starts a job, as a blocking method that returns the job."""

    def __get__(self, owner: Any, kind: Optional[type] = None) -> "Callable[P, Job]":
        def call(*args: "P.args", **kwargs: "P.kwargs") -> "Job":
            started = owner._run(self.operation(owner, *args, **kwargs))
            return Job(owner.redis, owner.ref(started.job_id, started.queue), started)

        self.named(call)
        return call


class Job(JobHandle, Runner):
    """A job, in its beginning, on its way or at its end. `for status in job` is `job.progress()`."""

    status = Blocking(jobs.status)
    wait = Blocking(jobs.wait)
    cancel = Blocking(jobs.cancel)
    pause = Blocking(jobs.pause_job)
    resume = Blocking(jobs.resume)
    throttle = Blocking(jobs.throttle)

    def progress(self, interval: float = 1.0) -> Iterator[Status]:
        """Yields the state of the job now, every `interval` seconds, and when it ends, in whatever way. Lost
        connections are waited for."""
        status = self._run(jobs.next_status(self.ref, 0))
        yield status
        while not status.ended:
            status = self._run(jobs.next_status(self.ref, interval))
            yield status

    __iter__ = progress


class Client(ClientHandle, Runner):
    """The commands of qadmin over a client of redis-py, which the caller makes, configures and closes.

    It works with and without decode_responses, with RESP2 and RESP3, and with RedisCluster. It can be used by several
    threads, as the client of redis-py can. `reconnect` is how many seconds a lost connection is waited for while a job
    is waited for.
    """

    if TYPE_CHECKING:

        def __init__(self, redis: Redis, *, reconnect: float = ...) -> None: ...

    def job(self, job_id: str, queue: Optional[Key] = None) -> Job:
        """Returns a handle of a job that was started elsewhere. Nothing is sent. In a cluster, `queue` spares asking
        all primaries."""
        return Job(self.redis, self.ref(job_id, queue))

    queues = Blocking(commands.queues)
    preview = Blocking(commands.preview)
    stats = Blocking(commands.stats)
    fields = Blocking(commands.fields)
    show = Blocking(commands.show)
    clear = Starting(commands.clear)
    undo = Starting(commands.undo)
    jobs = Blocking(commands.jobs)
    status = Blocking(commands.status)
    cancel = Blocking(commands.cancel)
    cancel_all = Blocking(commands.cancel_all)
    pause = Blocking(commands.pause_job)
    resume = Blocking(commands.resume)
    throttle = Blocking(commands.throttle)
    index_create = Blocking(commands.index_create)
    index_info = Blocking(commands.index_info)
    index_drop = Blocking(commands.index_drop)
    index_list = Blocking(commands.index_list)
    help = Blocking(commands.help)
