"""The real Huey: a sender and a worker for the tests.

Usage: huey_app.py plain|packed|priority send first count | huey_app.py plain|packed|priority work |
huey_app.py plain|packed|priority schedule count

`packed` compresses and signs the messages. `priority` uses a queue with priorities: a message has its number modulo 5 as
its priority. `schedule` adds messages to the schedule, for one second from now. `send` prints a line for each message: its number and the name of its task.
`work` runs messages, one after another, until the key `finish` exists; then it sends a last message, waits until that
one has run, and prints `done`. The number of each message that ran is in the list `ran`.
"""

import os
import sys
import threading
import time
from datetime import datetime, timedelta, timezone

from huey import PriorityRedisHuey, RedisHuey
from huey.serializer import Serializer, SignedSerializer

URL = os.environ["QADMIN_TEST_URL"]
serializer = SignedSerializer(secret="s", compression=True) if sys.argv[1] == "packed" else Serializer()
kind = PriorityRedisHuey if sys.argv[1] == "priority" else RedisHuey
queue = kind("uploads", url=URL, serializer=serializer, results=False)
client = queue.storage.conn
last_ran = threading.Event()


@queue.task()
def good(number, **kwargs):
    client.rpush("ran", number)
    time.sleep(0.001)  # the work


@queue.task()
def bad(number, **kwargs):
    client.rpush("ran", number)


@queue.task()
def last():
    last_ran.set()


def send(first, count):
    for number in range(first, first + count):
        task = bad if number % 3 == 0 else good
        priority = {"priority": number % 5} if kind is PriorityRedisHuey else {}
        task(number, commitid=f"c{number}", group=number % 10, **priority)
        print(number, task.func.__name__)


def schedule(count):
    eta = datetime.now(timezone.utc).replace(tzinfo=None) + timedelta(seconds=1)
    for number in range(count):
        queue.add_schedule((bad if number % 3 == 0 else good).s(number, eta=eta))


def work():
    consumer = queue.create_consumer(workers=1, periodic=False, scheduler_interval=1)
    consumer.start()
    while not client.exists("finish"):
        time.sleep(0.05)  # another process sets it
    last()
    last_ran.wait()
    print("done", flush=True)
    consumer.stop(graceful=True)


if __name__ == "__main__":
    if sys.argv[2] == "send":
        send(int(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[2] == "schedule":
        schedule(int(sys.argv[3]))
    else:
        work()
