"""An application on BullMQ, for tests of a queue that is counted while it is used.

    bullmq_app.py send FIRST COUNT    adds jobs with these numbers; every third one is named `bad`
    bullmq_app.py work COUNT          runs jobs until so many are done, and adds their numbers to the list `ran`
    bullmq_app.py counts              prints how many jobs BullMQ itself counts as waiting, completed and failed
"""

import asyncio
import os
import sys

import redis
from bullmq import Queue, Worker

URL = os.environ["QADMIN_TEST_URL"]
QUEUE = "uploads"


async def send(first, count):
    queue = Queue(QUEUE, {"connection": URL})
    for number in range(first, first + count):
        name = "bad" if number % 3 == 0 else "good"
        await queue.add(name, {"number": number, "commitid": f"c{number}"}, {"jobId": f"job-{number}"})
    await queue.close()


async def work(count):
    client = redis.Redis.from_url(URL)
    done = asyncio.Event()

    async def run(job, token):
        client.rpush("ran", job.data["number"])
        if client.llen("ran") >= count:
            done.set()

    worker = Worker(QUEUE, run, {"connection": URL})
    await done.wait()
    await worker.close()


async def counts():
    queue = Queue(QUEUE, {"connection": URL})
    found = await queue.getJobCounts("wait", "completed", "failed")
    print(found["wait"], found["completed"], found["failed"])
    await queue.close()


command, *numbers = sys.argv[1:]
asyncio.run({"send": send, "work": work, "counts": counts}[command](*map(int, numbers)))
