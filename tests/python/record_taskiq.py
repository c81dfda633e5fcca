"""Records what Taskiq writes into the lists of its ListQueueBroker: core/src/format/taskiq.jsonl, one message per line.

Each line is the message of one call below, in their order; the last one was retried by Taskiq's SimpleRetryMiddleware.

Usage: target/venv/bin/python tests/python/record_taskiq.py
"""

import asyncio
import datetime
import decimal
import pathlib
import uuid

from taskiq import SimpleRetryMiddleware
from taskiq.api import run_receiver_task
from taskiq_redis import ListQueueBroker
from throwaway import ThrowawayServer

OUT = pathlib.Path(__file__).parents[2] / "core/src/format/taskiq.jsonl"


class Recording(ListQueueBroker):
    kicked = []

    async def kick(self, message):
        self.kicked.append(message.message)  # what the next line writes into the list
        await super().kick(message)


async def record(server):
    broker = Recording(server.url, queue_name="uploads")
    broker = broker.with_middlewares(SimpleRetryMiddleware())
    client = server.redis()

    @broker.task(task_name="app.upload")
    async def upload(*args, **kwargs):
        pass

    @broker.task(task_name="app.bill", tenant="acme", tries=3, rate=1.5, urgent=True)
    async def bill(*args, **kwargs):
        pass

    @broker.task(task_name="app.flaky", retry_on_error=True, max_retries=5)
    async def flaky(number):
        raise RuntimeError("no")

    @broker.task(task_name="app.elsewhere", queue_name="exports")
    async def elsewhere(number):
        pass

    lines = []

    def take(key="uploads"):
        lines.append(client.rpop(key).decode())

    await broker.startup()
    await upload.kiq()
    take()
    await upload.kiq(147107, "e0ca38f7", None, True, 1.5)
    take()
    await upload.kiq(repoid=147107, commitid="e0ca38f7", nested={"path": "a.b", "list": [1, [2]]})
    take()
    await upload.kiq("h\u00e9llo \u20ac \U0001f600 \"quoted\" \\ \n", name="Zo\u00eb")
    take()
    await upload.kiq(
        uuid.UUID("6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02"),
        at=datetime.datetime(2026, 11, 28, 12, 30, 0, 5, tzinfo=datetime.timezone.utc),
        price=decimal.Decimal("19.90"),
    )
    take()
    await bill.kicker().with_task_id("bill-1").with_labels(tenant="other").kiq(22, repoid=22)
    take()
    await elsewhere.kiq(5)
    take("exports")
    await flaky.kiq(7)
    worker = asyncio.create_task(run_receiver_task(broker, max_async_tasks=1))
    while len(Recording.kicked) < 10:
        await asyncio.sleep(0.005)  # until the worker has run it twice
    lines.append(Recording.kicked[9].decode())
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    await broker.shutdown()
    return lines


with ThrowawayServer() as server:
    OUT.write_text("\n".join(asyncio.run(record(server))) + "\n")
