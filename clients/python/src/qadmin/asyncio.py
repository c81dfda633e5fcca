"""The client for asyncio, over redis.asyncio.Redis or redis.asyncio.cluster.RedisCluster."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, AsyncIterator, Awaitable, Callable, Coroutine, Generator, Optional

from redis.client import NEVER_DECODE

from . import commands, jobs
from .jobs import ClientHandle, JobHandle
from .operations import Course, Effect, Key, Nodes, Operation, P, Send, Shared, Sleep, T
from .replies import Started, Status

if TYPE_CHECKING:
    from typing_extensions import Protocol

    class Redis(Protocol):
        """A client of redis-py for asyncio."""

        def execute_command(self, *args: Any, **options: Any) -> Awaitable[Any]: ...


class Runner:
    """Does what operations ask for, on the caller's client."""

    redis: Any

    async def _run(self, operation: Operation[T]) -> T:
        course = Course(operation)
        while course.effect is not None:
            try:
                result = await self._perform(course.effect)
            except Exception as error:
                course.fail(error)
            else:
                course.give(result)
        return course.result

    async def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Send):
            node = {} if effect.node is None else {"target_nodes": effect.node}
            return await self.redis.execute_command(*effect.words, **{NEVER_DECODE: True}, **node)
        if isinstance(effect, Nodes):
            primaries = getattr(self.redis, "get_primaries", None)
            if primaries is None:
                return [None]
            # The nodes are not known before the first command.
            await self.redis.initialize()
            return primaries()
        if isinstance(effect, Sleep):
            return await asyncio.sleep(effect.seconds)
        result = effect.function(effect.value)
        return await result if inspect.isawaitable(result) else result


class Awaiting(Shared[P, T]):
    """An operation as a method to be awaited."""

    def __get__(self, owner: Any, kind: Optional[type] = None) -> "Callable[P, Coroutine[Any, Any, T]]":
        async def call(*args: "P.args", **kwargs: "P.kwargs") -> T:
            result: T = await owner._run(self.operation(owner, *args, **kwargs))
            return result

        self.named(call)
        return call


class Starting(Shared[P, Started]):
    """An operation that starts a job, as a method to be awaited that returns the job."""

    def __get__(self, owner: Any, kind: Optional[type] = None) -> "Callable[P, Coroutine[Any, Any, Job]]":
        async def call(*args: "P.args", **kwargs: "P.kwargs") -> "Job":
            started = await owner._run(self.operation(owner, *args, **kwargs))
            return Job(owner.redis, owner.ref(started.job_id, started.queue), started)

        self.named(call)
        return call


class Job(JobHandle, Runner):
    """A job. `await job` is `await job.wait()`, and `async for status in job` is `job.progress()`."""

    status = Awaiting(jobs.status)
    wait = Awaiting(jobs.wait)
    cancel = Awaiting(jobs.cancel)
    pause = Awaiting(jobs.pause_job)
    resume = Awaiting(jobs.resume)
    throttle = Awaiting(jobs.throttle)

    def __await__(self) -> Generator[Any, None, Status]:
        return self.wait().__await__()

    async def progress(self, interval: float = 1.0) -> AsyncIterator[Status]:
        """Yields the state of the job now, every `interval` seconds, and when it ends, in whatever way. Lost
        connections are waited for."""
        status = await self._run(jobs.next_status(self.ref, 0))
        yield status
        while not status.ended:
            status = await self._run(jobs.next_status(self.ref, interval))
            yield status

    __aiter__ = progress


class Client(ClientHandle, Runner):
    """The commands of qadmin over a client of redis.asyncio, which the caller makes, configures and closes.

    All methods but `job` are coroutines; otherwise they are those of `qadmin.Client`.
    """

    if TYPE_CHECKING:

        def __init__(self, redis: Redis, *, reconnect: float = ...) -> None: ...

    def job(self, job_id: str, queue: Optional[Key] = None) -> Job:
        """Returns a handle of a job that was started elsewhere. Nothing is sent. In a cluster, `queue` spares asking
        all primaries."""
        return Job(self.redis, self.ref(job_id, queue))

    queues = Awaiting(commands.queues)
    preview = Awaiting(commands.preview)
    stats = Awaiting(commands.stats)
    fields = Awaiting(commands.fields)
    show = Awaiting(commands.show)
    clear = Starting(commands.clear)
    undo = Starting(commands.undo)
    jobs = Awaiting(commands.jobs)
    status = Awaiting(commands.status)
    cancel = Awaiting(commands.cancel)
    cancel_all = Awaiting(commands.cancel_all)
    pause = Awaiting(commands.pause_job)
    resume = Awaiting(commands.resume)
    throttle = Awaiting(commands.throttle)
    index_create = Awaiting(commands.index_create)
    index_info = Awaiting(commands.index_info)
    index_drop = Awaiting(commands.index_drop)
    index_list = Awaiting(commands.index_list)
    help = Awaiting(commands.help)
