"""Sends messages with generated values, pickled and, as far as kombu's JSON has a form for them, in JSON as well.

Usage: python pickled_values.py COUNT SEED      (QADMIN_TEST_URL: redis://host:port)

The pickled messages of values that JSON can express are in the queue `pickled`, the same messages in JSON in the queue `json`,
and pickled messages of other values in the queue `objects`. What is sent in JSON is what `pickle.loads` reads from the pickle.
Celery's protocols 1 and 2, with and without gzip, take turns; each is a message that the real Celery sent, with another body.
Prints how many messages are in each queue.
"""

import base64
import json
import os
import random
import sys
import zlib

import redis
from celery import Celery
from kombu.serialization import dumps, loads

from pickles import Values, has_opaque

URL = os.environ["QADMIN_TEST_URL"]
KINDS = [(protocol, compression) for protocol in (1, 2) for compression in (None, "gzip")]


def templates(server):
    """A message of each kind and serializer, as Celery sends it."""
    found = {}
    for serializer in ("pickle", "json"):
        for protocol, compression in KINDS:
            app = Celery(broker=f"{URL}/0")
            app.conf.task_protocol = protocol
            app.send_task("t.value", kwargs={"v": None}, queue="template", serializer=serializer, compression=compression, retry=False)
            found[serializer, protocol, compression] = json.loads(server.rpop("template"))
    return found


def message(template, serializer, protocol, compression, number, value):
    """The message with another id and value."""
    if protocol == 1:
        body = {**template["args"], "id": str(number), "kwargs": {"v": value, "n": number}}
    else:
        body = ((), {"v": value, "n": number}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None})
    packed = dumps(body, serializer=serializer)[2]
    packed = packed.encode() if isinstance(packed, str) else packed
    envelope = {**template["envelope"], "body": base64.b64encode(zlib.compress(packed) if compression else packed).decode()}
    if protocol == 2:
        envelope["headers"] = {**envelope["headers"], "id": str(number)}
    return json.dumps(envelope), packed


def main():
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    server = redis.Redis.from_url(f"{URL}/0")
    values = Values(random.Random(seed))
    known = {}
    for key, envelope in templates(server).items():
        packed = base64.b64decode(envelope["body"])
        packed = zlib.decompress(packed) if key[2] else packed
        args = loads(packed, envelope["content-type"], envelope["content-encoding"], accept={envelope["content-type"]}) if key[1] == 1 else None
        known[key] = {"envelope": envelope, "args": args}
    sent = {"pickled": 0, "json": 0, "objects": 0}
    queued = {name: [] for name in sent}
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        value = values.value()
        text, packed = message(known["pickle", *kind], "pickle", *kind, number, value)
        if has_opaque(value):
            queued["objects"].append(text)
            continue
        body = loads(packed, "application/x-python-serialize", "binary", accept={"application/x-python-serialize"})
        value = (body["kwargs"] if kind[0] == 1 else body[1])["v"]
        queued["pickled"].append(text)
        queued["json"].append(message(known["json", *kind], "json", *kind, number, value)[0])
    for name, messages in queued.items():
        for at in range(0, len(messages), 1000):
            server.lpush(name, *messages[at : at + 1000])
        sent[name] = len(messages)
    print(json.dumps(sent))


main()
