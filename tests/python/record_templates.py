"""Records real Celery messages into harness/data/celery-templates.jsonl.

The factory of the harness makes millions of messages, and they must look the way Celery makes them. So one
message of every kind is sent through the real library to a throw-away server and kept byte for byte as it
lies in the list: one raw list element per line. celery-templates.index.jsonl describes the same lines.

Usage: target/venv/bin/python tests/python/record_templates.py [outdir]     (QADMIN_SERVER: another server)
"""

import gc
import hashlib
import json
import os
import pathlib
import random
import socket
import sys
import uuid
from datetime import datetime, timezone

# Celery writes the producer's host and pid into every message ("origin"). The record shall not tell where it
# was made, and two records shall differ as little as possible.
socket.gethostname = lambda: "api-6d8f7c9b54-x7k2p"
os.getpid = lambda: 17

from celery import Celery, chord, group, signature  # noqa: E402

from tasks import TASKS  # noqa: E402
from throwaway import ThrowawayServer  # noqa: E402

QUEUE = "celery"
"""Every template carries this routing key; the factory puts the wanted queue in its place."""


class Values:
    """Deterministic argument values: what a product that measures test coverage passes to its tasks."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def hexes(self, n):
        """A digest-like text of n hexadecimal digits."""
        return hashlib.sha512(self.random.randbytes(16)).hexdigest()[:n]

    def kwargs(self):
        """The arguments every task of this product takes, in the product's usual order."""
        return {
            "repoid": self.random.randint(100_000, 900_000),
            "commitid": self.hexes(40),
            "ownerid": self.random.randint(1_000, 90_000),
            "pullid": self.random.randint(1, 9_000),
            "branch": f"feature/{self.hexes(6)}",
            "report_code": None,
        }

    def uuid(self):
        """A task id of version 4."""
        return str(uuid.UUID(bytes=self.random.randbytes(16), version=4))


def nothing(*args, **kwargs):
    """The body of every task here: they are sent, never run."""


def make_app(url, protocol):
    """An application with every task of TASKS, sending in the given message protocol."""
    app = Celery("product", broker=url, backend=url.replace("/0", "/1"))
    app.conf.update(
        task_protocol=protocol,
        task_default_queue=QUEUE,
        enable_utc=True,
        timezone="UTC",
        # Every message of a product like this is sent by name, from a process without the tasks' code.
        accept_content=["json", "pickle", "msgpack", "yaml"],
    )
    for name in TASKS:
        app.task(name=name)(nothing)
    return app


class Recorder:
    """Sends one message at a time and keeps what the server then holds."""

    def __init__(self, redis):
        self.redis = redis
        self.lines = []
        self.index = []

    def take(self, kind, note, send):
        """Runs send() and records every message it left behind, in the order workers would pop them."""
        send()
        keys = sorted(k for k in self.redis.keys(f"{QUEUE}*"))
        assert keys, f"{kind}: nothing was sent"
        for key in keys:
            for raw in reversed(self.redis.lrange(key, 0, -1)):
                assert b"\n" not in raw
                envelope = json.loads(raw)
                headers = envelope["headers"]
                self.lines.append(raw)
                self.index.append(
                    {
                        "line": len(self.lines),
                        "kind": kind,
                        "note": note,
                        "protocol": 2 if "task" in headers else 1,
                        "task": headers.get("task"),
                        "content_type": envelope["content-type"],
                        "compression": headers.get("compression"),
                        "list_key": key.decode(),
                        "bytes": len(raw),
                    }
                )
        self.redis.flushall()


def record(server):
    """All templates: the plain ones of every task first, then one of each special kind."""
    rec = Recorder(server.redis())
    values = Values(20)
    app = make_app(server.url, 2)

    def send(app, task, **options):
        kwargs = options.pop("kwargs", None) or values.kwargs()
        app.send_task(task, kwargs=kwargs, task_id=values.uuid(), queue=QUEUE, **options)

    for task in TASKS:
        kwargs = values.kwargs()
        # Brings the elements to 1.4 KB, the size that such a product's messages have in production.
        kwargs["report_type"] = "coverage"
        rec.take("plain", "protocol 2, JSON", lambda: send(app, task, kwargs=kwargs))

    upload = TASKS[0]
    for serializer in ["pickle", "msgpack", "yaml"]:
        rec.take(f"p2-{serializer}", f"protocol 2, {serializer}", lambda: send(app, upload, serializer=serializer))
    for compression in ["gzip", "bzip2", "lzma"]:
        rec.take(
            f"p2-json-{compression}",
            f"protocol 2, JSON compressed by {compression}",
            lambda: send(app, upload, compression=compression),
        )
    rec.take(
        "p2-msgpack-gzip",
        "protocol 2, msgpack compressed by gzip",
        lambda: send(app, upload, serializer="msgpack", compression="gzip"),
    )
    eta = datetime(2030, 1, 2, 3, 4, 5, 678901, timezone.utc)
    rec.take("p2-eta", "an eta in 2030", lambda: send(app, upload, eta=eta))
    rec.take("p2-countdown", "countdown=30: Celery turns it into an eta", lambda: send(app, upload, countdown=30))
    rec.take("p2-expires", "expires in 2031", lambda: send(app, upload, expires=eta.replace(year=2031)))
    for priority in [0, 5, 9]:
        rec.take(
            f"p2-priority-{priority}",
            f"priority={priority}: lies in the list key of its step",
            lambda: send(app, upload, priority=priority),
        )
    rec.take("p2-args", "positional arguments", lambda: app.send_task(
        upload, args=[77, "x", None, [1, 2]], kwargs=values.kwargs(), task_id=values.uuid(), queue=QUEUE))
    rec.take("p2-types", "datetime, UUID, bytes and Decimal in kwargs", lambda: send(
        app, upload, kwargs=values.kwargs() | {
            "at": eta, "key": uuid.UUID(int=5), "blob": b"\x00\xff", "name": "Zoë / 木 \"quoted\" \\ back"}))
    rec.take("p2-repoid-text", "repoid as a string of digits", lambda: send(
        app, upload, kwargs=values.kwargs() | {"repoid": "424242"}))
    rec.take("p2-no-kwargs", "no arguments at all", lambda: app.send_task(upload, task_id=values.uuid(), queue=QUEUE))
    rec.take("p2-long", "kwargs longer than the 1,024 characters of kwargsrepr", lambda: send(
        app, upload, kwargs=values.kwargs() | {"flags": [values.hexes(32) for _ in range(60)]}))

    def member(task):
        return signature(task, kwargs=values.kwargs(), app=app, options={"queue": QUEUE})

    rec.take("p2-group", "three members of a group", lambda: group(
        [member(task) for task in TASKS[1:4]], app=app).apply_async(queue=QUEUE))
    rec.take("p2-chord", "two members of a chord; the callback is in their bodies", lambda: chord(
        [member(task) for task in TASKS[13:15]], app=app)(member(TASKS[3])))
    rec.take("p2-chain", "the head of a chain; the rest is in its body", lambda: (
        member(TASKS[1]) | member(TASKS[2]) | member(TASKS[3])).apply_async(queue=QUEUE))

    old = make_app(server.url, 1)
    for serializer in ["json", "pickle", "msgpack", "yaml"]:
        rec.take(f"p1-{serializer}", f"protocol 1, {serializer}", lambda: send(old, upload, serializer=serializer))
    rec.take("p1-json-gzip", "protocol 1, JSON compressed by gzip", lambda: send(old, upload, compression="gzip"))
    rec.take("p1-eta", "protocol 1, an eta in 2030", lambda: send(old, upload, eta=eta))
    return rec


def main():
    outdir = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2] / "harness/data")
    with ThrowawayServer() as server:
        rec = record(server)
        gc.collect()  # result handles say goodbye to the server when they are collected: while it is there
    (outdir / "celery-templates.jsonl").write_bytes(b"".join(line + b"\n" for line in rec.lines))
    (outdir / "celery-templates.index.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rec.index))
    for row in rec.index:
        print(f"{row['line']:3} {row['bytes']:6} B  {row['kind']:18} {row['task'] or '(in the body)'}")


if __name__ == "__main__":
    main()
