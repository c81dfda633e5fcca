"""Asks a real Celery worker what it makes of messages of every odd shape.

Asking:  python shapes.py ask        prints one JSON line for each message: its name, its bytes, what the worker did
Worker:  python -m celery -A shapes worker ...       (started by the above)

QADMIN_TEST_URL names the server. The queue lies in database 0, what the worker says in database 1. The messages are
made by hand, because no sender of Celery's writes them: other libraries, other languages and old versions do.
"""

import base64
import bz2
import json
import lzma
import os
import subprocess
import sys
import time
import uuid
import zlib

import redis
from celery import Celery, bootsteps, current_task, signals

URL = os.environ["QADMIN_TEST_URL"]
QUEUE = "shapes"
TASKS = ["shape.one", "shape.two"]
LOG = os.environ.get("QADMIN_TEST_LOG", os.devnull)

ARGS = [1, "it's"]
KWARGS = {"repoid": 7, "x": "y"}
EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
PAST = ["2020-01-02T03:04:05+00:00", "2021-01-02T03:04:05+00:00"]
FUTURE = ["2098-01-02T03:04:05+00:00", "2099-01-02T03:04:05+00:00"]

app = Celery("shapes", broker=f"{URL}/0")
app.conf.update(
    task_default_queue=QUEUE,
    task_ignore_result=True,
    accept_content=["json"],
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)
views = redis.Redis.from_url(f"{URL}/1")


class Starts(bootsteps.StartStopStep):
    """Counts how often the consumer starts: it starts again after an error that nothing in it handles."""

    def start(self, _):
        """It starts."""
        views.incr("starts")

    def stop(self, _):
        """Nothing to undo."""


app.steps["consumer"].add(Starts)


def say(tag, view):
    """Writes down what became of a message."""
    views.rpush(f"view:{tag}", json.dumps(view))


def work(*args, **kwargs):
    """Every task: writes down what the worker runs it with."""
    request = current_task.request
    say(
        request.correlation_id,
        {
            "outcome": "ran",
            "task": current_task.name,
            "id": request.id,
            "retries": request.retries,
            "eta": request.eta,
            "expires": request.expires,
            "group": request.group,
            "root_id": request.root_id,
            "parent_id": request.parent_id,
            "origin": request.origin,
            "lang": getattr(request, "lang", None),
            "args": args,
            "kwargs": kwargs,
        },
    )


for task_name in TASKS:
    app.task(name=task_name)(work)


@signals.task_rejected.connect
@signals.task_unknown.connect
def refused(message=None, **_):
    """The worker did not take the message."""
    say(message.properties["correlation_id"], {"outcome": "refused"})


def members(at, task=None, **others):
    """What protocol 1 has in its body and protocol 2 in its headers; `at` tells two sets of values apart."""
    return {
        "task": task or TASKS[at],
        "id": str(uuid.UUID(int=at + 1, version=4)),
        "retries": at + 3,
        "eta": PAST[at],
        "expires": FUTURE[at],
        "group": str(uuid.UUID(int=at + 11, version=4)),
        "root_id": str(uuid.UUID(int=at + 21, version=4)),
        "parent_id": str(uuid.UUID(int=at + 31, version=4)),
        "origin": f"gen{at}@host",
        "lang": ["py", "php"][at],
        **others,
    }


def only(row, *names):
    """Some of its members."""
    return {name: row[name] for name in names}


TRIPLE = [ARGS, KWARGS, EMBED]
OBJECT = {**members(1), "args": ARGS, "kwargs": KWARGS}
HEADERS = {**members(0), "shadow": None, "timelimit": [None, None], "argsrepr": "(1,)", "kwargsrepr": "{}"}


def encoded(body):
    """The body as kombu writes it."""
    return base64.b64encode(json.dumps(body).encode()).decode()


def lines(text, width=76, end="\n"):
    """The text with line breaks, as many encoders make it."""
    return end.join(text[at : at + width] for at in range(0, len(text), width)) + end


def packed(how, body=TRIPLE):
    """A compressed body."""
    return base64.b64encode(how(json.dumps(body).encode())).decode()


def aligned(body, rest):
    """The body in base64, with so many characters in its last group of four that count."""
    text = json.dumps(body)
    while len(text) % 3 != rest:
        text += " "
    return base64.b64encode(text.encode()).decode()


ABSENT = object()

# Name, headers, body as it stands in the message; and members of the properties and the envelope that differ.
SHAPES = [
    ("protocol 2", HEADERS, encoded(TRIPLE)),
    ("protocol 1", {}, encoded(OBJECT)),
    ("protocol 1, headers as PHP writes an empty object", [], encoded(OBJECT)),
    ("protocol 1, headers null", None, encoded(OBJECT)),
    ("protocol 1, headers false", False, encoded(OBJECT)),
    ("protocol 1, headers 0", 0, encoded(OBJECT)),
    ("protocol 1, headers an empty text", "", encoded(OBJECT)),
    ("protocol 1, no headers", ABSENT, encoded(OBJECT)),
    ("protocol 1, other headers count", {"id": "of-the-header", "retries": 5, "x": 1}, encoded(OBJECT)),
    ("protocol 1, headers that are null count", dict.fromkeys(["retries", "eta", "expires", "group"]), encoded(OBJECT)),
    ("protocol 1 without args: no header counts", {"id": "h", "retries": 5}, encoded({**members(1), "kwargs": KWARGS})),
    ("protocol 1 without kwargs", {}, encoded({**members(1), "args": ARGS})),
    ("protocol 1 without args and kwargs", {}, encoded(members(1))),
    ("protocol 1 without much", {}, encoded({**only(OBJECT, "task", "id"), "args": ARGS, "kwargs": KWARGS})),
    ("protocol 1 without a name", {}, encoded(only(OBJECT, "id", "args", "kwargs"))),
    ("protocol 1 of a task that nobody knows", {}, encoded({**OBJECT, "task": "shape.nobody"})),
    ("an object under all headers", HEADERS, encoded(OBJECT)),
    ("an object under the name alone", only(HEADERS, "task"), encoded(OBJECT)),
    ("an object under name and id", only(HEADERS, "task", "id"), encoded(OBJECT)),
    ("an object under headers that are null", {**only(HEADERS, "task", "id"), "retries": None, "eta": None,
                                              "expires": None, "group": None}, encoded(OBJECT)),
    ("an object under another name", {**only(HEADERS, "task")}, encoded({**OBJECT, "task": "shape.nobody"})),
    ("an object without a name", only(HEADERS, "task"), encoded(only(OBJECT, "id", "args", "kwargs"))),
    ("an object without kwargs", HEADERS, encoded(only(OBJECT, "args"))),
    ("an object without args", HEADERS, encoded({"kwargs": KWARGS, "id": "1"})),
    ("an object with three members and no args", HEADERS, encoded({"kwargs": KWARGS, "id": "1", "task": "t"})),
    ("an array without a name", {}, encoded(TRIPLE)),
    ("an array without a name but with headers", only(HEADERS, "id", "retries"), encoded(TRIPLE)),
    ("an array under PHP's empty headers", [], encoded(TRIPLE)),
    ("a name that is null", {**HEADERS, "task": None}, encoded(TRIPLE)),
    ("protocol 2 without id", {**only(HEADERS, "task", "retries")}, encoded(TRIPLE)),
    ("protocol 2 with little", only(HEADERS, "task", "id"), encoded(TRIPLE)),
    ("a text as a body", {}, encoded("shape.one")),
    ("space before the object", {}, base64.b64encode(b" \n\t" + json.dumps(OBJECT).encode()).decode()),
    ("space before the array", HEADERS, base64.b64encode(b"\r\n " + json.dumps(TRIPLE).encode()).decode()),
    ("base64 in lines", HEADERS, lines(encoded(TRIPLE))),
    ("base64 in lines of Windows", HEADERS, lines(encoded(TRIPLE), 64, "\r\n")),
    ("base64 with characters of no alphabet", HEADERS, "-_".join(encoded(TRIPLE)) + "\u4e00\u00ff!"),
    ("base64 with something behind its padding", HEADERS, aligned(TRIPLE, 1) + "QUJD"),
    ("base64 with padding that stands apart", HEADERS, aligned(TRIPLE, 1).replace("==", "=\n*=")),
    ("base64 with padding in front", HEADERS, "=" + encoded(TRIPLE)),
    ("base64 with too much padding", HEADERS, aligned(TRIPLE, 0) + "==="),
    ("base64 without its padding", HEADERS, aligned(TRIPLE, 1).rstrip("=")),
    ("base64 that ends in a group", HEADERS, aligned(TRIPLE, 0) + "Q"),
    ("base64 whose end is cut", HEADERS, encoded(TRIPLE)[:41]),
    ("plain text", HEADERS, json.dumps(TRIPLE), {"body_encoding": None}),
    ("plain text, said so", HEADERS, json.dumps(TRIPLE), {"body_encoding": "UTF-8"}),
    ("plain text of protocol 1", {}, json.dumps(OBJECT), {"body_encoding": ""}),
    ("an encoding that nobody knows", HEADERS, encoded(TRIPLE), {"body_encoding": "rot13"}),
    ("zlib", {**HEADERS, "compression": "application/x-gzip"}, packed(zlib.compress)),
    ("zlib by the short name", {**HEADERS, "compression": "zlib"}, packed(zlib.compress)),
    ("zlib by the other short name", {**HEADERS, "compression": "gzip"}, packed(zlib.compress)),
    ("zlib in lines", {**HEADERS, "compression": "gzip"}, lines(packed(zlib.compress))),
    ("zlib by a name in capitals", {**HEADERS, "compression": "GZIP"}, packed(zlib.compress)),
    ("zlib of an object", {"compression": "gzip"}, packed(zlib.compress, OBJECT)),
    ("bzip2", {**HEADERS, "compression": "application/x-bz2"}, packed(bz2.compress)),
    ("lzma", {**HEADERS, "compression": "xz"}, packed(lzma.compress)),
    ("compression that is empty", {**HEADERS, "compression": ""}, encoded(TRIPLE)),
    ("compression that is an empty array", {**HEADERS, "compression": []}, encoded(TRIPLE)),
    ("compression that is 0.0", {**HEADERS, "compression": 0.0}, encoded(TRIPLE)),
    ("compression that nobody knows", {**HEADERS, "compression": "zip"}, encoded(TRIPLE)),
]


def element(tag, headers, body, properties=()):
    """The message as it lies in the list."""
    message = {
        "body": body,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": {
            "correlation_id": tag,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": QUEUE},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
            **dict(properties),
        },
    }
    if headers is ABSENT:
        del message["headers"]
    return json.dumps(message)


def start():
    """A worker that is ready to take messages."""
    before = starts()
    options = ["--queues", QUEUE, "--pool", "solo", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "shapes", "worker", *options, "--without-heartbeat"],
        stdin=subprocess.DEVNULL,
        stdout=open(LOG, "ab"),
        stderr=subprocess.STDOUT,
    )
    wait(lambda: starts() > before or worker.poll() is not None, "the worker starts")
    return worker


def starts():
    """How often consumers have started so far."""
    return int(views.get("starts") or 0)


def wait(condition, what):
    """Waits until it is so."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.005)


def ask():
    """Has a worker run one message after another, each with an ordinary one behind it."""
    broker = redis.Redis.from_url(f"{URL}/0")
    worker = start()
    try:
        for at, (name, *shape) in enumerate(SHAPES):
            tag, next_tag = f"shape-{at}", f"next-{at}"
            text = element(tag, *shape)
            before = starts()
            broker.lpush(QUEUE, text)
            # The queue is first in, first out: when this one has run the worker is through with the other.
            broker.lpush(QUEUE, element(next_tag, only(HEADERS, "task", "id"), encoded(TRIPLE)))
            failed = lambda: starts() > before or worker.poll() is not None
            wait(lambda: views.exists(f"view:{next_tag}") or failed(), f"the worker is through with {name}")
            said = views.lrange(f"view:{tag}", 0, -1)
            assert len(said) <= 1, said
            view = json.loads(said[0]) if said else {"outcome": "failed" if failed() else "refused"}
            print(json.dumps({"name": name, "element": text, "view": view}), flush=True)
            if failed():
                worker.kill()
                worker.wait()
                broker.delete(QUEUE, "unacked", "unacked_index")
                worker = start()
    finally:
        worker.kill()
        worker.wait()


if __name__ == "__main__":
    ask()
