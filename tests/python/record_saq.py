"""Records what SAQ writes as its jobs: core/src/format/saq.jsonl, one job per line.

Each line is the string of one call below, in their order; the last one is a job that a worker gave back after it had failed.

Usage: target/venv/bin/python tests/python/record_saq.py
"""

import asyncio
import pathlib

from saq import Job, Queue, Status
from throwaway import ThrowawayServer

OUT = pathlib.Path(__file__).parents[2] / "core/src/format/saq.jsonl"


async def record(server):
    queue = Queue.from_url(server.url, name="uploads")
    client = server.redis()
    await queue.connect()
    calls = [
        ("upload", {}),
        ("upload", {"repoid": 147107, "commitid": "e0ca38f7"}),
        ("upload", {"nested": {"path": "a.b", "list": [1, [2]]}, "name": "Zo\u00eb", "text": '"q" \\ \n \u20ac'}),
        ("bill", {"key": "bill-1", "timeout": 30, "retries": 5, "ttl": -1, "meta": {"tenant": "acme"}, "repoid": 22}),
        ("later", {"scheduled": 1795872481, "repoid": 22}),
    ]
    lines = []
    for function, arguments in calls:
        job = await queue.enqueue(function, **arguments)
        lines.append(client.get(job.id).decode())
        client.delete(job.id, "saq:uploads:queued", "saq:uploads:incomplete")
    await queue.enqueue(Job("flaky", kwargs={"number": 7}, key="flaky-7", retries=3))
    job = await queue.dequeue(timeout=1)
    await job.update(status=Status.ACTIVE, attempts=1)
    await job.retry("no luck")
    lines.append(client.get(job.id).decode())
    await queue.disconnect()
    return lines


with ThrowawayServer() as server:
    OUT.write_text("\n".join(asyncio.run(record(server))) + "\n")
