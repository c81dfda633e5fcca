"""Preview, clear and watch a queue from an admin app: functions for views, with redis-py."""

import json
import uuid

import redis

SOCKET_TIMEOUT = 5  # seconds; qadmin's setting inline-wait (2 s) and WAIT below stay under it
WAIT_MS = 2_000


def connect(url):
    return redis.Redis.from_url(url, socket_timeout=SOCKET_TIMEOUT)


def ask(client, *words):
    """A command's reply as a dict. redis.ResponseError says what was wrong, such as NOPERM or CONFIRM."""
    return json.loads(client.execute_command(*words, "FORMAT", "JSON"))


def words_of(task=None, repoid=None, commitid=None, where=()):
    """A filter as words; `where` holds triples such as ("kwargs.pullid", "=", 7)."""
    words = []
    for keyword, value in (("TASK", task), ("REPOID", repoid), ("COMMITID", commitid)):
        if value is not None:
            words += [keyword, value]
    for field, operator, value in where:
        words += ["WHERE", field, operator, value]
    return words


def preview(client, queue, **filter):
    """GET of the page: count and sample. With mode "job" the queue is deep: watch() the job for its count."""
    return ask(client, "QADMIN.PREVIEW", queue, *words_of(**filter))


def new_id():
    """Into the form as a hidden field: however often the form is sent, one job starts."""
    return str(uuid.uuid4())


def clear(client, queue, typed, job_id, actor, reason, keep_one=False, dry_run=False, **filter):
    """POST of the form. `typed` is what the user typed as the queue's name: qadmin compares it."""
    words = ["KEEPONE" if keep_one else "ALL", "CONFIRM", typed, "ID", job_id, "ACTOR", actor]
    words += ["REASON", reason] if reason else []
    words += ["DRYRUN"] if dry_run else []
    return ask(client, "QADMIN.CLEARJOB", queue, *words_of(**filter), *words)


def watch(client, queue, job_id):
    """The job as it stands when it ends, or after WAIT_MS: call it until completed_at is not None."""
    return ask(client, "QADMIN.STATUS", job_id, "QUEUE", queue, "WAIT", WAIT_MS)
