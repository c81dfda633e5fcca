"""Records what Huey writes into the list of a RedisHuey: core/src/format/huey/recorded.jsonl, one element per line.

Each line has the version of Huey, what is special about the element, and the element in base64. Elements of the other
version, which is not the one of requirements.txt, are recorded with another environment:

Usage: python tests/python/record_huey.py >> core/src/format/huey/recorded.jsonl
"""

import base64
import datetime
import decimal
import json
import uuid

import huey
from huey import RedisHuey
from huey.serializer import Serializer, SignedSerializer
from throwaway import ThrowawayServer


class Plain:
    """A class of an application."""

    def __init__(self, n):
        self.n = n


def upload(*args, **kwargs):
    """The task; Huey names it after its module."""


upload.__module__ = "app"
AT = datetime.datetime(2026, 11, 28, 12, 30, 0, 5)
UUID = uuid.UUID("6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02")


def record(server, how, send, expires=None, **options):
    queue = RedisHuey("uploads", url=server.url, **options)
    task = queue.task(retries=3, retry_delay=60, expires=expires)(upload)
    send(queue, task)
    client = server.redis()
    while (element := client.rpop("huey.redis.uploads")) is not None:
        row = {"huey": huey.__version__, "how": how, "element": base64.b64encode(element).decode()}
        print(json.dumps(row))
    client.flushall()


def plain(_, task):
    task(147107, "e0ca38f7", repoid=22)


with ThrowawayServer() as server:
    for protocol in range(1, 6):
        record(server, f"protocol {protocol}", plain, serializer=Serializer(pickle_protocol=protocol))
    record(server, "gzip", plain, serializer=Serializer(compression=True))
    record(server, "zlib", plain, serializer=Serializer(compression=True, use_zlib=True))
    record(server, "signed", plain, serializer=SignedSerializer(secret="s"))
    signed = SignedSerializer(secret="s", compression=True)
    record(server, "signed gzip", plain, serializer=signed)
    record(server, "bare", lambda _, task: task())
    record(server, "eta", lambda _, task: task.schedule((1,), eta=AT))
    record(server, "expires", lambda _, task: task(1), expires=AT)
    values = [UUID, AT, decimal.Decimal("19.90"), Plain(7), b"\xff", {1}]
    record(server, "values", lambda _, task: task(*values, nested={"a": [1, None, True]}))
    record(server, "pipeline", lambda queue, task: queue.enqueue(task.s(1).then(task, 2)))
    record(server, "error", lambda queue, task: queue.enqueue(task.s(1).error(task)))
    if hasattr(huey, "chord"):
        record(server, "chord", lambda queue, task: queue.enqueue(huey.chord([task.s(1), task.s(2)], task.s(3))))
