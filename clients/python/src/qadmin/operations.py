"""How an operation talks to a server, without a server.

An operation is a generator. It yields what has to be done (`Send`, `Nodes`, `Sleep`, `Tell`), receives the result, and
returns the result of the whole. So `commands.py` and `jobs.py` are the same for blocking and for asyncio clients, which
only do what is yielded: see `client.py` and `asyncio.py`.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Generator, Generic, List, Optional, Tuple, TypeVar, Union

from .errors import JobNotFound, RequestError, translated
from .replies import decode

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")
else:
    P = TypeVar("P")

T = TypeVar("T")
# Length of the id of a job; a shorter text is a short id, which the server completes.
WHOLE_ID = 36
Key = Union[str, bytes]
Word = Union[str, bytes, int]


@dataclass(frozen=True)
class Send:
    """Send a command and return its reply; to `node`, if that is one of a cluster."""

    words: Tuple[Union[str, bytes], ...]
    node: Any = None


@dataclass(frozen=True)
class Nodes:
    """Return all primaries of the cluster, or one None where the client is not that of a cluster."""


@dataclass(frozen=True)
class Sleep:
    """Wait this long."""

    seconds: float


@dataclass(frozen=True)
class Tell:
    """Call the caller's function. In asyncio, what it returns is awaited if that is possible."""

    function: Callable[[Any], Any]
    value: Any


Effect = Union[Send, Nodes, Sleep, Tell]
Operation = Generator[Effect, Any, T]


class Course(Generic[T]):
    """An operation on its way: `effect` is what has to be done next, None at the end, when there is a `result`."""

    effect: Optional[Effect]
    result: T

    def __init__(self, operation: Operation[T]) -> None:
        self.operation = operation
        self._go(lambda: next(operation))

    def give(self, result: Any) -> None:
        """Goes on with what the effect returned."""
        self._go(lambda: self.operation.send(result))

    def fail(self, error: Exception) -> None:
        """Goes on with the error that the effect raised. An error of redis-py becomes the cause of ours."""
        other = translated(error)
        if other is not error:
            other.__cause__ = error
        self._go(lambda: self.operation.throw(other))

    def _go(self, go: Callable[[], Effect]) -> None:
        try:
            self.effect = go()
        except StopIteration as end:
            self.effect, self.result = None, end.value


def encoded(word: Word) -> bytes:
    """A word of a command. Surrogate escapes are the bytes that they stand for."""
    if isinstance(word, bytes):
        return word
    return str(word).encode(errors="surrogateescape")


def send(name: str, *words: Word, node: Any = None) -> Operation[Any]:
    """Sends a command and returns its decoded reply."""
    reply = yield Send((name, *(encoded(word) for word in words), b"FORMAT", b"JSON"), node)
    return decode(reply)


def send_everywhere(name: str, *words: Word) -> Operation[List[Any]]:
    """Sends a command to all primaries and returns their replies."""
    replies = []
    for node in (yield Nodes()):
        replies.append((yield from send(name, *words, node=node)))
    return replies


def send_about_job(name: str, job_id: str, queue: Optional[Key], *words: Word) -> Operation[Any]:
    """Sends a command about a job to the node that knows it. Without the queue every primary is asked."""
    if queue is not None:
        return (yield from send(name, job_id, "QUEUE", queue, *words))
    nodes = yield Nodes()
    if len(nodes) > 1 and len(job_id) < WHOLE_ID:
        # A node does not know whether a job of another one begins with the same digits.
        raise RequestError(f"in a cluster, {job_id!r} needs the queue, or all digits of the id", "ERR")
    for last, node in enumerate(nodes, 1):
        try:
            return (yield from send(name, job_id, *words, node=node))
        except JobNotFound:
            if last == len(nodes):
                raise
    return None


class Shared(Generic[P, T]):
    """An operation as a method. Its first argument is the client or the job that it is a method of; signature and
    documentation are those of the operation."""

    def __init__(self, operation: "Callable[Concatenate[Any, P], Operation[T]]") -> None:
        self.operation = operation
        functools.update_wrapper(self, operation)  # type: ignore[arg-type]
        signature = inspect.signature(operation)
        parameters = list(signature.parameters.values())[1:]
        self.signature = signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)

    def named(self, call: "Callable[P, Any]") -> None:
        """Gives a bound method the name, the documentation and the signature of the operation."""
        functools.update_wrapper(call, self.operation)
        call.__signature__ = self.signature  # type: ignore[attr-defined]
