"""How people clear most simply: LRANGE, then one LREM per match. The benchmark's rival.

Usage: rival_lrem.py PORT QUEUE TASK REPOID CHUNK        prints one JSON object

Every LREM compares the elements before its own, so that the time grows with the square of the depth. Pipelined,
as a careful author would do, and safe where two messages are never equal.
"""

import base64
import json
import sys
import time

import orjson
import redis


def main():
    port, queue, task, repoid, chunk = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    client = redis.Redis(host="127.0.0.1", port=int(port))
    client.ping()
    count = first = 0
    start = time.perf_counter()
    while elements := client.lrange(queue, first, first + chunk - 1):
        pipeline = client.pipeline(transaction=False)
        for element in elements:
            envelope = orjson.loads(element)
            if envelope["headers"].get("task") == task:
                kwargs = orjson.loads(base64.b64decode(envelope["body"]))[1]
                if kwargs.get("repoid") == repoid:
                    pipeline.lrem(queue, 1, element)
        gone = sum(pipeline.execute())
        count += gone
        first += len(elements) - gone
    print(json.dumps({"count": count, "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
