"""An application on BullMQ, for tests of a queue that is counted while it is used.

    bullmq_app.py send FIRST COUNT    adds jobs with these numbers; every third one is named `bad`
    bullmq_app.py work COUNT          runs jobs until so many are done, and adds their numbers to the list `ran`
    bullmq_app.py counts              prints how many jobs BullMQ itself counts as waiting, completed and failed
    bullmq_app.py unique FIRST COUNT  adds such jobs, each with its own deduplication id and no id of its own
    bullmq_app.py flow COUNT          adds parents, each of which waits for a child; the parents are named `good`
    bullmq_app.py repeat EVERY        adds a scheduler of jobs named `bad`, with a time in milliseconds
    bullmq_app.py fail COUNT          runs jobs, all of which fail, until so many have failed
    bullmq_app.py retry               puts all failed jobs back into the queue
"""

import asyncio
import os
import sys

import redis
from bullmq import FlowProducer, Queue, Worker

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
        # A worker that takes an id without a job makes one without a name.
        client.rpush("ran", job.data["number"] if job.name else "phantom")
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


async def unique(first, count):
    queue = Queue(QUEUE, {"connection": URL})
    for number in range(first, first + count):
        name = "bad" if number % 3 == 0 else "good"
        await queue.add(name, {"number": number}, {"deduplication": {"id": f"unique-{number}"}})
    await queue.close()


async def flow(count):
    flows = FlowProducer({"connection": URL})
    for number in range(count):
        child = {"name": "bad", "queueName": QUEUE, "data": {"number": count + number}}
        await flows.add({"name": "good", "queueName": QUEUE, "data": {"number": number}, "children": [child]})
    await flows.close()


async def repeat(every):
    queue = Queue(QUEUE, {"connection": URL})
    await queue.upsertJobScheduler("often", {"every": every}, "bad", {"number": 7})
    await queue.close()


async def fail(count):
    async def run(job, token):
        raise RuntimeError("no luck")

    queue = Queue(QUEUE, {"connection": URL})
    worker = Worker(QUEUE, run, {"connection": URL})
    while await queue.getFailedCount() < count:
        await asyncio.sleep(0.05)
    await worker.close()
    await queue.close()


async def retry():
    queue = Queue(QUEUE, {"connection": URL})
    await queue.retryJobs({"state": "failed"})
    await queue.close()


command, *numbers = sys.argv[1:]
commands = [send, work, counts, unique, flow, repeat, fail, retry]
asyncio.run({one.__name__: one for one in commands}[command](*map(int, numbers)))
