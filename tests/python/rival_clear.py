"""How people clear today: LRANGE, then LSET of a tombstone by index, then one LREM. The benchmark's rival.

Usage: rival_clear.py PORT QUEUE TASK REPOID CHUNK        prints one JSON object

Works on a queue that stands still only: an index moves with every push and pop, and a worker that pops a
tombstone crashes. Both kinds of commands are pipelined, as a careful author would do.
"""

import base64
import json
import sys
import time

import orjson
import redis

TOMBSTONE = "__deleted__"


def main():
    port, queue, task, repoid, chunk = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    client = redis.Redis(host="127.0.0.1", port=int(port))
    client.ping()
    count = 0
    start = time.perf_counter()
    for first in range(0, client.llen(queue), chunk):
        pipeline = client.pipeline(transaction=False)
        for offset, element in enumerate(client.lrange(queue, first, first + chunk - 1)):
            envelope = orjson.loads(element)
            if envelope["headers"].get("task") == task:
                kwargs = orjson.loads(base64.b64decode(envelope["body"]))[1]
                if kwargs.get("repoid") == repoid:
                    pipeline.lset(queue, first + offset, TOMBSTONE)
                    count += 1
        pipeline.execute()
    client.lrem(queue, 0, TOMBSTONE)
    print(json.dumps({"count": count, "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
