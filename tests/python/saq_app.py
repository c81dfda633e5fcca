"""The real SAQ: a sender and a worker for the tests.

Usage: saq_app.py send first count | saq_app.py work | saq_app.py again keys...

`send` enqueues jobs with the keys `job-` and their numbers, and prints a line for each: its number and the name of its
function. `work` runs jobs until the queue is empty; the number of each job that ran is in the list `ran`. `again` enqueues
jobs with these keys and prints whether the library added each.
"""

import asyncio
import os
import sys

import redis
from saq import Queue, Worker

client = redis.Redis.from_url(os.environ["QADMIN_TEST_URL"])


async def good(_, *, number):
    client.rpush("ran", number)


async def bad(_, *, number):
    client.rpush("ran", number)


async def send(queue, first, count):
    for number in range(first, first + count):
        function = "bad" if number % 3 == 0 else "good"
        await queue.enqueue(function, key=f"job-{number}", number=number)
        print(number, function)


async def work(queue):
    worker = Worker(queue, functions=[good, bad], dequeue_timeout=0.2)
    while await worker.process():
        pass


async def again(queue, keys):
    for key in keys:
        job = await queue.enqueue("good", key=key, number=int(key.split("-")[1]))
        print(key, job is not None)


async def main(command, *words):
    queue = Queue.from_url(os.environ["QADMIN_TEST_URL"], name="uploads")
    await queue.connect()
    if command == "send":
        await send(queue, int(words[0]), int(words[1]))
    elif command == "work":
        await work(queue)
    else:
        await again(queue, words)
    await queue.disconnect()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
