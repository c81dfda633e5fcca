"""Records what Dramatiq writes into the hash of a queue: core/src/format/dramatiq.jsonl, one message per line.

The first lines are those of an earlier recording, which stay: the tests name them by their place. This script appends
a retried message and one of a group with callbacks.

Usage: target/venv/bin/python tests/python/record_dramatiq.py
"""

import pathlib

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.rate_limits.backends import RedisBackend
from throwaway import ThrowawayServer

OUT = pathlib.Path(__file__).parents[2] / "core/src/format/dramatiq.jsonl"

with ThrowawayServer() as server:
    broker = RedisBroker(url=server.url)
    broker.add_middleware(dramatiq.middleware.GroupCallbacks(RedisBackend(url=server.url)))
    dramatiq.set_broker(broker)

    @dramatiq.actor(queue_name="uploads", min_backoff=1, max_backoff=1, max_retries=3)
    def flaky(number):
        raise RuntimeError("no")

    @dramatiq.actor(queue_name="uploads")
    def member(number):
        pass

    flaky.send(7)
    worker = dramatiq.Worker(broker, worker_timeout=100)
    worker.start()
    client, retried = server.redis(), None
    while not retried:
        hashes = [b"dramatiq:uploads.msgs", b"dramatiq:uploads.DQ.msgs", b"dramatiq:uploads.XQ.msgs"]
        found = [text for key in hashes for text in client.hvals(key)]
        retried = next((text for text in found if b'"retries":' in text), None)
    worker.stop()
    client.flushall()
    group = dramatiq.group([member.message(1)])
    group.add_completion_callback(member.message(2))
    group.run()
    grouped = client.hvals("dramatiq:uploads.msgs")[0]
    root = str(pathlib.Path(__file__).parents[2])  # tracebacks name files
    retried = retried.decode().replace(root, ".")
    lines = OUT.read_text().splitlines()[:7]
    OUT.write_text("\n".join([*lines, retried, grouped.decode()]) + "\n")
