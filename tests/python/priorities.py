"""Queues with priorities as the real Celery and kombu keep them.

python priorities.py send STEPS SEPARATOR COUNT      sends tasks of all priorities; prints how many each list holds
python priorities.py receive STEPS SEPARATOR COUNT   takes so many as a worker does; prints their ids in order

STEPS are numbers with spaces between them. QADMIN_TEST_URL: redis://host:port
"""

import json
import os
import sys

import redis
from celery import Celery

URL = os.environ["QADMIN_TEST_URL"]
QUEUE = "celery"


def make_app(steps, separator):
    app = Celery("priorities", broker=f"{URL}/0")
    app.conf.update(
        task_default_queue=QUEUE,
        task_ignore_result=True,
        broker_transport_options={"priority_steps": steps, "sep": separator, "queue_order_strategy": "priority"},
    )
    return app


def send(steps, separator, count):
    app = make_app(steps, separator)
    for n in range(count):
        app.send_task("app.tasks.upload.Upload", args=[n], priority=n * 7 % 10)
    server = redis.Redis.from_url(f"{URL}/0")
    names = {step: f"{QUEUE}{separator}{step}" if step else QUEUE for step in steps}
    print(json.dumps({"depths": {step: server.llen(name) for step, name in names.items()}}))


def receive(steps, separator, count):
    ids = []
    with make_app(steps, separator).connection_for_read() as connection:
        with connection.SimpleQueue(QUEUE) as queue:
            for _ in range(count):
                message = queue.get(block=True, timeout=10)
                ids.append(message.headers["id"])
                message.ack()
    print(json.dumps({"ids": ids}))


if __name__ == "__main__":
    what, steps, separator, count = sys.argv[1:]
    {"send": send, "receive": receive}[what]([int(step) for step in steps.split()], separator, int(count))
