"""The real Dramatiq: a sender and a worker for the tests.

Usage: dramatiq_app.py send first count | dramatiq_app.py work | dramatiq_app.py purge

`send` prints a line for each message: its number and the name of its actor. `work` runs messages until the key
`finish` exists and Dramatiq says that the queue is done; then it prints `joined`. The number of each message that ran
is in the list `ran`. As long as the key `broken` exists, each message fails and becomes a dead letter. `purge` lets
Dramatiq itself remove all dead letters.
"""

import os
import sys
import time

os.environ.setdefault("dramatiq_queue_prefetch", "4")  # so that the messages stay in the queue

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.worker import Worker

URL = os.environ["QADMIN_TEST_URL"]
QUEUE = "uploads"
broker = RedisBroker(url=URL)
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name=QUEUE, max_retries=0)
def good(number, **kwargs):
    if broker.client.exists("broken"):
        raise RuntimeError("no luck")
    broker.client.rpush("ran", number)
    time.sleep(0.001)  # the work


@dramatiq.actor(queue_name=QUEUE, max_retries=0)
def bad(number, **kwargs):
    good.fn(number)


def send(first, count):
    for number in range(first, first + count):
        actor = bad if number % 3 == 0 else good
        actor.send(number, commitid=f"c{number}")
        print(number, actor.actor_name)


def work():
    worker = Worker(broker, worker_threads=2, worker_timeout=100)
    worker.start()
    while not broker.client.exists("finish"):
        time.sleep(0.05)  # another process sets it
    broker.join(QUEUE, timeout=60_000)
    worker.stop()
    print("joined", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(int(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1] == "purge":
        purger = RedisBroker(url=URL, dead_message_ttl=0, maintenance_chance=1_000_000)
        purger.declare_queue(QUEUE)
        purger.do_fetch(QUEUE, 1)
    else:
        work()
