"""A real Celery application for the tests: a worker that writes down what it ran, a sender of every kind.

Worker:  python -m celery -A celery_app worker ...       (QADMIN_TEST_URL: redis://host:port)
Sender:  python celery_app.py send COUNT SEED            prints one JSON line for each message it sent
         python celery_app.py workflows                  sends what belongs together, or was given back
         python celery_app.py closed                     sends what has a body that is not read, and what has one
         python celery_app.py later COUNT                sends what is to run in an hour, a JSON line for each
         python celery_app.py kinds                      lists the kinds of messages that are sent in turns

The queue lies in database 0. What ran is counted in database 1, hash `executed` (task id -> times), so that
the queue's database holds nothing but what Celery puts there.
"""

import json
import os
import random
import sys
import time
import uuid
from datetime import datetime, timezone

import redis
from celery import Celery, chain, chord, current_task, group

from tasks import TASKS

URL = os.environ["QADMIN_TEST_URL"]
QUEUE = "celery"

KINDS = [
    # (task_protocol, serializer, compression): every way to write a body that this project can meet.
    (2, "json", None),
    (2, "msgpack", None),
    (2, "json", "gzip"),
    (2, "yaml", None),
    (1, "json", None),
    (2, "pickle", None),
    (1, "msgpack", None),
    (2, "msgpack", "gzip"),
    (1, "yaml", None),
    (1, "pickle", None),
    (1, "json", "gzip"),
    (2, "pickle", "gzip"),
]

REPOIDS = [101, 102, 103, 104]

ledger = redis.Redis.from_url(f"{URL}/1")


def work(*args, **kwargs):
    """Every task: writes down that it ran. Takes a moment, so that a queue exists for a while."""
    ledger.hincrby("executed", current_task.request.id, 1)
    time.sleep(0.0005)


def make_app(protocol=2):
    """An application with every task of TASKS."""
    app = Celery("product", broker=f"{URL}/0")
    app.conf.update(
        task_protocol=protocol,
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_acks_late=False,
        accept_content=["json", "pickle", "msgpack", "yaml"],
        broker_connection_retry_on_startup=True,
        worker_hijack_root_logger=False,
    )
    for name in TASKS:
        app.task(name=name)(work)
    return app


app = make_app()


def send(count, seed):
    """Sends count messages of all kinds in turns and prints what is in each."""
    choose = random.Random(seed)
    apps = {protocol: make_app(protocol) for protocol in (1, 2)}
    producers = {protocol: apps[protocol].producer_pool.acquire(block=True) for protocol in apps}
    for i in range(count):
        protocol, serializer, compression = KINDS[i % len(KINDS)]
        row = {
            "id": str(uuid.UUID(bytes=choose.randbytes(16), version=4)),
            "task": choose.choice(TASKS[:4]),
            "repoid": choose.choice(REPOIDS),
            "kind": f"p{protocol}-{serializer}" + (f"-{compression}" if compression else ""),
        }
        apps[protocol].send_task(
            row["task"],
            kwargs={"repoid": row["repoid"], "commitid": choose.randbytes(20).hex(), "pullid": i},
            task_id=row["id"],
            queue=QUEUE,
            serializer=serializer,
            compression=compression,
            producer=producers[protocol],
        )
        print(json.dumps(row))


def workflows():
    """Sends groups, chords and the like under one task name, and prints what a count of it must say.

    Two messages are fetched and given back as a worker gives them back that stops.
    """
    application = make_app()
    # A chord needs a backend, and none of this is ever run.
    application.conf.update(result_backend="cache+memory://", task_ignore_result=False)
    task = application.tasks[TASKS[0]]
    member = lambda: task.si(repoid=101)
    member().apply_async()
    member().apply_async(countdown=3600)
    group(member() for _ in range(3)).apply_async()
    chord([member().set(serializer="pickle"), member()], application.tasks[TASKS[1]].si()).apply_async()
    # The chord waits for the end of the chain: without its first task that never comes.
    chord([chain(member(), member(), member()), member()], application.tasks[TASKS[1]].si()).apply_async()
    # Its end is no chord.
    group(chain(member(), member()), member()).apply_async()
    with application.connection_for_write() as connection:
        for _ in range(2):
            assert connection.default_channel.basic_get(QUEUE)
    # A member in YAML: its body is not read, its headers are.
    group([member().set(serializer="yaml"), member()]).apply_async()
    print(
        json.dumps(
            {"matched": 13, "in_chord": 4, "in_group": 9, "with_eta": 1, "redelivered": 2, "task": TASKS[0]}
        )
    )


def closed():
    """Sends messages of two repositories, most of them with bodies that are not read, and prints a line for each.

    `known`: what the headers show of the arguments is whole and certain.
    """
    application = make_app()

    def send_one(serializer, compression, known, kwargs, **options):
        row = {"id": str(uuid.uuid4()), "repoid": kwargs["repoid"], "known": known}
        row["closed"] = (serializer, compression) != ("json", None)
        application.send_task(
            TASKS[0], kwargs=kwargs, task_id=row["id"], serializer=serializer, compression=compression, **options
        )
        print(json.dumps(row))

    for repoid in (7, 8):
        for serializer, compression in [
            ("json", None),
            ("pickle", None),
            ("yaml", None),
            ("json", "bzip2"),
            ("json", "lzma"),
        ]:
            send_one(serializer, compression, True, {"repoid": repoid, "commitid": f"it's {serializer}"})
        for known, more in [
            (True, {"at": datetime.now(timezone.utc), "id": uuid.uuid4(), "price": 1.5, "more": {"repoid": 9}}),
            (True, {"lines": "a\n\t\"b\"", "path": "C:\\temp"}),
            (False, {"text": "x" * 2_000}),
            (False, {"data": b"x', 'repoid': 7, 'y': b'z"}),
            (False, {"note": "', 'repoid': 7, 'x': '"}),
            (False, {"path": "C:\\"}),
            (False, {"repo": Exception("a repository")}),
        ]:
            send_one("pickle", None, known, {**more, "repoid": repoid})
        # A sender who does not show them.
        send_one("pickle", None, False, {"repoid": repoid}, kwargsrepr="<hidden>")
def later(count):
    """Sends count messages that are to run in an hour and prints what is in each."""
    application = make_app()
    with application.producer_pool.acquire(block=True) as producer:
        for i in range(count):
            row = {"id": str(uuid.UUID(int=i, version=4)), "repoid": REPOIDS[i % len(REPOIDS)]}
            application.send_task(
                TASKS[0],
                kwargs={"repoid": row["repoid"]},
                task_id=row["id"],
                queue=QUEUE,
                countdown=3600,
                producer=producer,
            )
            print(json.dumps(row))


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(int(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1] == "later":
        later(int(sys.argv[2]))
    elif sys.argv[1] == "workflows":
        workflows()
    elif sys.argv[1] == "closed":
        closed()
    else:
        for kind in KINDS:
            print(kind)
