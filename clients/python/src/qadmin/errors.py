"""The errors of the client. All of them are `QadminError`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, Optional, Tuple, Type

from redis import exceptions

if TYPE_CHECKING:
    from .replies import Status


class QadminError(Exception):
    """The base of all errors of this package.

    `code` is the first word of the server's error (`ERR`, `NOPERM`, `CONFIRM` ...), empty where the error comes from
    the client.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class FilterError(QadminError, ValueError):
    """A filter that the client cannot build: an operand without a text, a negation that the filter language lacks."""


class ReplyError(QadminError):
    """A reply that is not what the command answers."""


class CommandError(QadminError):
    """The server refused a command, and nothing was started. The message says what would be right."""


class RequestError(CommandError):
    """`ERR`: a syntax error, a number out of range, or a request that is refused."""


class ModuleNotLoaded(CommandError):
    """The server does not know the command: it has not loaded qadmin, or an earlier version of it."""


class ConfirmError(CommandError):
    """`CONFIRM`: the name of the queue was not repeated, or is another one."""


class JobNotFound(CommandError):
    """`NOJOB`: the job is unknown or forgotten, or in a cluster its queue has to be named."""


class JobAmbiguous(CommandError):
    """`AMBIGUOUS`: the ids of several jobs begin with the digits that were given; the message names them."""


class MessageNotFound(CommandError):
    """`NOMESSAGE`: no message of the queue has the id, or a worker took it meanwhile."""


class TooManyJobs(CommandError):
    """`TOOMANYJOBS`: as many jobs are live as the setting `max-jobs` allows. Try again when one has ended."""


class WrongType(CommandError):
    """`WRONGTYPE`: the key holds a type that the command does not work on."""


class CrossSlot(CommandError):
    """`CROSSSLOT`: in a cluster, two keys of the command are in different slots."""


class WrongNode(CommandError):
    """`MOVED`, `ASK`: the queue is on another node of the cluster. RedisCluster follows this by itself."""


class NoPermission(CommandError):
    """`NOPERM`: the user may not run the command, or not on this queue."""


class WritesRefused(CommandError):
    """`READONLY`, `NOREPLICAS`, `MISCONF`, `OOM`: the server accepts no writes at the moment, or none for this."""


class Unavailable(CommandError):
    """`LOADING`, `BUSY`, `CLUSTERDOWN`, `MASTERDOWN`, `TRYAGAIN`: the server answers no such command at the moment."""


class CountFailed(QadminError):
    """A PREVIEW or STATS that was waited for has no count; `code` and the message are those of `count_error`."""


class StartUncertain(QadminError):
    """The connection was lost several times, and it is not known whether the job was started.

    `job_id` is the id under which it was or was not started: `status(job_id)` answers that, and the same call with
    `job_id=` continues without ever starting a second job.
    """

    def __init__(self, message: str, job_id: str) -> None:
        super().__init__(message)
        self.job_id = job_id


class WaitTimeout(QadminError, TimeoutError):
    """The job did not end within the timeout. It goes on; `status` is its last known state, or None."""

    def __init__(self, message: str, status: Optional["Status"]) -> None:
        super().__init__(message)
        self.status = status


class JobError(QadminError):
    """A job ended early. `status` is its final state; `status.deleted` says what it had cleared."""

    def __init__(self, status: "Status") -> None:
        code, _, text = (status.error or "").partition(" ")
        super().__init__(f"job {status.job_id} is {status.status}: {text or code or 'no reason is known'}", code)
        self.status = status


class JobFailed(JobError):
    """The job failed; `code` says why."""


class ExpectExceeded(JobFailed):
    """`EXPECT`: more messages match than `expect` and `tolerance` allow. Nothing was cleared."""


class JobCancelled(JobError):
    """Somebody cancelled the job."""


class JobInterrupted(JobError):
    """The server restarted, became a replica, or gave the queue's slot to another node."""


_BY_CODE: Dict[str, Type[CommandError]] = {
    "ERR": RequestError,
    "CONFIRM": ConfirmError,
    "NOJOB": JobNotFound,
    "AMBIGUOUS": JobAmbiguous,
    "NOMESSAGE": MessageNotFound,
    "TOOMANYJOBS": TooManyJobs,
    "WRONGTYPE": WrongType,
    "CROSSSLOT": CrossSlot,
    "NOPERM": NoPermission,
    "MOVED": WrongNode,
    "ASK": WrongNode,
    **dict.fromkeys(("READONLY", "NOREPLICAS", "MISCONF", "OOM"), WritesRefused),
    **dict.fromkeys(("LOADING", "BUSY", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN"), Unavailable),
}

# redis-py removes the code from the text of an error that it has a class for. The classes have these names in all
# versions; some exist in the newer ones only.
_BY_CLASS = {
    "NoPermissionError": "NOPERM",
    "ReadOnlyError": "READONLY",
    "BusyLoadingError": "LOADING",
    "OutOfMemoryError": "OOM",
    "ClusterDownError": "CLUSTERDOWN",
    "MasterDownError": "MASTERDOWN",
    "TryAgainError": "TRYAGAIN",
    "MovedError": "MOVED",
    "AskError": "ASK",
    "ClusterCrossSlotError": "CROSSSLOT",
}


def translated(error: Exception) -> Exception:
    """Returns the error of this package for an error of redis-py; lost connections and all others unchanged."""
    code = next((_BY_CLASS[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _BY_CLASS), "")
    text = str(error)
    if not code:
        if not isinstance(error, exceptions.ResponseError):
            return _cross_slot(error)
        first, _, rest = text.partition(" ")
        code, text = (first, rest) if first in _BY_CODE else ("ERR", text)
    if code == "ERR" and text.lower().startswith("unknown command"):
        return ModuleNotLoaded(f"the server has not loaded the module qadmin: {text}", code)
    return _BY_CODE[code](text, code)


def _cross_slot(error: Exception) -> Exception:
    # The cluster client compares the slots itself and sends nothing.
    if isinstance(error, exceptions.RedisClusterException) and "same key slot" in str(error):
        return CrossSlot(str(error), "CROSSSLOT")
    return error


def is_lost(error: Exception) -> bool:
    """Returns whether no reply came, so that it is not known whether the server has run the command."""
    if isinstance(error, exceptions.RedisClusterException):
        return isinstance(error, exceptions.SlotNotCoveredError) or "cannot be connected" in str(error)
    lost: Tuple[Type[Exception], ...] = (exceptions.ConnectionError, exceptions.TimeoutError)
    return isinstance(error, lost) and not isinstance(error, exceptions.AuthenticationError)


def is_transient(error: Exception) -> bool:
    """Returns whether the same command can have a reply a little later."""
    return is_lost(error) or isinstance(error, Unavailable)


def ended_early(status: "Status") -> Optional[JobError]:
    """Returns the error of a job that ended in another way than completed; None for a completed or live job."""
    if status.status == "failed":
        is_expect = (status.error or "").startswith("EXPECT")
        return ExpectExceeded(status) if is_expect else JobFailed(status)
    return {"cancelled": JobCancelled, "interrupted": JobInterrupted}.get(status.status, lambda _: None)(status)
