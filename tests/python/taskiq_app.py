"""The real Taskiq: a sender and a worker for the tests.

Usage: taskiq_app.py send first count | taskiq_app.py work

`send` prints a line for each message: its number and the name of its task. `work` runs messages, one after another,
until the key `finish` exists; then it sends a last message, waits until that one has run, and prints `done`. The number
of each message that ran is in the list `ran`.
"""

import asyncio
import os
import sys

import redis
from taskiq.api import run_receiver_task
from taskiq_redis import ListQueueBroker

URL = os.environ["QADMIN_TEST_URL"]
broker = ListQueueBroker(URL, queue_name="uploads", socket_timeout=None)
client = redis.Redis.from_url(URL)
last_ran = asyncio.Event()


@broker.task(task_name="good")
async def good(number, **kwargs):
    client.rpush("ran", number)
    await asyncio.sleep(0.001)  # the work


@broker.task(task_name="bad")
async def bad(number, **kwargs):
    client.rpush("ran", number)


@broker.task(task_name="last")
async def last():
    last_ran.set()


async def send(first, count):
    await broker.startup()
    for number in range(first, first + count):
        task = bad if number % 3 == 0 else good
        await task.kiq(number, commitid=f"c{number}", group=number % 10)
        print(number, task.task_name)
    await broker.shutdown()


async def work():
    worker = asyncio.create_task(run_receiver_task(broker, max_async_tasks=1, run_startup=True))
    while not client.exists("finish"):
        await asyncio.sleep(0.05)  # another process sets it
    await last.kiq()
    await last_ran.wait()
    print("done", flush=True)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(send(int(sys.argv[2]), int(sys.argv[3])) if sys.argv[1] == "send" else work())
