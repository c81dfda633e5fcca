"""The real Huey: a sender and a worker for the tests.

Usage: huey_app.py plain|packed send first count | huey_app.py plain|packed work

`packed` compresses and signs the messages. `send` prints a line for each message: its number and the name of its task.
`work` runs messages, one after another, until the key `finish` exists; then it sends a last message, waits until that
one has run, and prints `done`. The number of each message that ran is in the list `ran`.
"""

import os
import sys
import threading
import time

from huey import RedisHuey
from huey.serializer import Serializer, SignedSerializer

URL = os.environ["QADMIN_TEST_URL"]
serializer = SignedSerializer(secret="s", compression=True) if sys.argv[1] == "packed" else Serializer()
queue = RedisHuey("uploads", url=URL, serializer=serializer, results=False)
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
        task(number, commitid=f"c{number}", group=number % 10)
        print(number, task.func.__name__)


def work():
    consumer = queue.create_consumer(workers=1, periodic=False)
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
    else:
        work()
