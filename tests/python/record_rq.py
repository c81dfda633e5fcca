"""Records jobs of RQ as the module reads them: core/src/format/rq.jsonl, one job per line.

The module writes the fields of a job's hash as one object, with `data` in base64 (core/src/format/rq.rs).

Usage: target/venv/bin/python tests/python/record_rq.py
"""

import base64
import datetime
import json
import pathlib

from rq import Queue, Retry
from rq.group import Group
from rq.rate_limit import RateLimit
from throwaway import ThrowawayServer

OUT = pathlib.Path(__file__).parents[2] / "core/src/format/rq.jsonl"
FIELDS = "status origin created_at enqueued_at timeout ttl number_of_retries retries_left description group_id".split()
FIELDS.append("rate_limit_key")
NUMBERS = ["timeout", "ttl", "number_of_retries", "retries_left"]


def message(client, job_id):
    job = {name.decode(): value for name, value in client.hgetall(f"rq:job:{job_id}").items()}
    record = {"id": job_id}
    for name in FIELDS:
        text = job.get(name, b"").decode() or None
        record[name] = int(text) if text and name in NUMBERS else text
    record["dependents"] = client.exists(f"rq:job:{job_id}:dependents")
    record["other_queue"] = 0
    record["other_status"] = int(record["status"] != "queued")
    record["data"] = base64.b64encode(job["data"]).decode()
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


with ThrowawayServer() as server:
    client = server.redis()
    queue, plain = Queue("uploads", connection=client), Queue("plain", connection=client, serializer="json")
    call = "jobs.upload"
    queue.enqueue(call, 147107, "e0ca38f7", kind="full", job_id="job-a")
    queue.enqueue(call, args=(2,), kwargs={"commitid": "x"}, job_id="job-b", description="Größe", ttl=3600)
    queue.enqueue(call, 3, retry=Retry(max=3), job_timeout=600, job_id="job-c")
    queue.enqueue("jobs.archive", datetime.datetime(2026, 11, 28, 12, 0), [1, {"a": 2}], job_id="job-d")
    plain.enqueue(call, 147107, ["x"], kind="full", job_id="job-e")
    queue.enqueue("jobs.archive", job_id="job-f", depends_on="job-a")
    queue.enqueue(call, 7, job_id="job-g", rate_limit=RateLimit("slow", 1))
    Group.create(connection=client, name="g").enqueue_many(queue, [Queue.prepare_data(call, (8,), job_id="job-h")])
    queue.enqueue(pathlib.PurePosixPath("/tmp").joinpath, "x", job_id="job-i")
    ids = [f"job-{letter}" for letter in "abcdefghi"]
    OUT.write_text("\n".join(message(client, job_id) for job_id in ids) + "\n")
