"""qadmin: preview and clear messages of live job queues in Redis and Valkey.

`Client` is for redis.Redis and RedisCluster; `qadmin.asyncio.Client` is for their asyncio forms.
"""

from . import asyncio
from .client import Client, Job
from .errors import (
    CommandError,
    ConfirmError,
    CountFailed,
    CrossSlot,
    ExpectExceeded,
    FilterError,
    JobAmbiguous,
    JobCancelled,
    JobError,
    JobFailed,
    JobInterrupted,
    JobNotFound,
    MessageNotFound,
    ModuleNotLoaded,
    NoPermission,
    QadminError,
    ReplyError,
    RequestError,
    StartUncertain,
    TooManyJobs,
    Unavailable,
    WaitTimeout,
    WritesRefused,
    WrongNode,
    WrongType,
)
from .filters import F, Filter, parse, where
from .messages import Fields, Message, MessageField
from .operands import Raw
from .replies import Ages, Bucket, Group, Index, Other, Preview, Queue, Queues, Row, Started, Stats, Status, Step

__version__ = "0.1.0"

__all__ = [
    "Ages",
    "Bucket",
    "Client",
    "CommandError",
    "ConfirmError",
    "CountFailed",
    "CrossSlot",
    "ExpectExceeded",
    "F",
    "Fields",
    "Filter",
    "FilterError",
    "Group",
    "Index",
    "Job",
    "JobAmbiguous",
    "JobCancelled",
    "JobError",
    "JobFailed",
    "JobInterrupted",
    "JobNotFound",
    "Message",
    "MessageField",
    "MessageNotFound",
    "ModuleNotLoaded",
    "NoPermission",
    "Other",
    "Preview",
    "QadminError",
    "Queue",
    "Queues",
    "Raw",
    "ReplyError",
    "RequestError",
    "Row",
    "StartUncertain",
    "Started",
    "Stats",
    "Status",
    "Step",
    "TooManyJobs",
    "Unavailable",
    "WaitTimeout",
    "WritesRefused",
    "WrongNode",
    "WrongType",
    "asyncio",
    "parse",
    "where",
]
