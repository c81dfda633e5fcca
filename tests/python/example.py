"""What an admin app does with examples/python/queue_admin.py, printed as JSON for the test."""

import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "examples/python"))
import queue_admin  # noqa: E402
import redis  # noqa: E402

client = queue_admin.connect(os.environ["QADMIN_TEST_URL"])
queue, prey = "celery", {"task": sys.argv[1], "repoid": int(sys.argv[2])}


def until_ended(job_id):
    while (job := queue_admin.watch(client, queue, job_id))["completed_at"] is None:
        pass
    return job


seen = {"preview": queue_admin.preview(client, queue, **prey)}
seen["where"] = queue_admin.preview(client, queue, where=[("task", "=", prey["task"]), ("kwargs.repoid", "=", prey["repoid"])])
dry = queue_admin.clear(client, queue, queue, queue_admin.new_id(), "ann", None, dry_run=True, **prey)
seen["dry"] = until_ended(dry["job_id"])
try:
    queue_admin.clear(client, queue, "celeri", queue_admin.new_id(), "ann", None, **prey)
except redis.ResponseError as error:
    seen["refused"] = str(error)
job_id = queue_admin.new_id()
form = (client, queue, queue, job_id, "ann", "stuck uploads")
seen["started"] = [queue_admin.clear(*form, keep_one=True, **prey) for _ in range(2)]
seen["end"] = until_ended(job_id)
print(json.dumps(seen))
