"""How people count today: read the whole queue over the wire and parse it. The benchmark's rival.

Usage: rival_count.py PORT QUEUE TASK REPOID CHUNK        prints one JSON object

Exact on the same messages as QADMIN.PREVIEW ... TASK task REPOID repoid: envelope and body are parsed, by the
fastest usual parser. The clock runs without the interpreter's start.
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
    count = payload = 0
    start = time.perf_counter()
    for first in range(0, client.llen(queue), chunk):
        for element in client.lrange(queue, first, first + chunk - 1):
            payload += len(element)
            envelope = orjson.loads(element)
            # The body is opened only where the name fits: nobody would write it otherwise.
            if envelope["headers"].get("task") == task:
                kwargs = orjson.loads(base64.b64decode(envelope["body"]))[1]
                count += kwargs.get("repoid") == repoid
    seconds = time.perf_counter() - start
    print(json.dumps({
        "count": count,
        "seconds": seconds,
        "payload": payload,
        "versions": f"Python {sys.version.split()[0]}, redis-py {redis.__version__}, orjson {orjson.__version__}",
    }))


if __name__ == "__main__":
    main()
