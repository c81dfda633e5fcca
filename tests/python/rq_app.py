"""The real RQ: a sender and a worker for the tests.

Usage: rq_app.py send first count [json] | rq_app.py work [json] | rq_app.py again ids... | rq_app.py chain count |
rq_app.py group count | rq_app.py fail count | rq_app.py requeue | rq_app.py schedule count | rq_app.py due

`send` enqueues jobs and prints a line for each: its number and the name of its function. Each job has the id `job-`
and its number. `work` runs jobs until the queue is empty. The number of each job that ran is in the list `ran`. `again`
enqueues jobs with these ids, each only if no job has the id. `chain` enqueues jobs each of which another job waits for.
`group` enqueues the jobs of the group `g`, and prints the ids of its jobs when a line was read from standard input.
`fail` enqueues jobs that fail as long as the key `broken` exists. `requeue` puts all failed jobs back into the queue.
`schedule` schedules jobs for one second from now. `due` enqueues the scheduled jobs that are due, as RQ's scheduler does.
"""

import os
import sys
from datetime import timedelta

from redis import Redis
from rq import Queue, SimpleWorker
from rq.group import Group
from rq.registry import FailedJobRegistry
from rq.scheduler import RQScheduler
from rq.timeouts import TimerDeathPenalty

import rq_app  # functions are named by their module

client = Redis.from_url(os.environ["QADMIN_TEST_URL"])


def good(number, **kwargs):
    client.rpush("ran", number)


def bad(number, **kwargs):
    client.rpush("ran", number)


def bad_if_broken(number):
    if client.exists("broken"):
        raise RuntimeError("no luck")
    client.rpush("ran", number)


def good_if_broken(number):
    bad_if_broken(number)


def function(number):
    return rq_app.bad if number % 3 == 0 else rq_app.good


def queue():
    serializer = "json" if "json" in sys.argv else None
    return Queue("uploads", connection=client, serializer=serializer)


def send(first, count):
    for number in range(first, first + count):
        queue().enqueue(function(number), number, commitid=f"c{number}", job_id=f"job-{number}")
        print(number, function(number).__name__)


class Worker(SimpleWorker):
    death_penalty_class = TimerDeathPenalty


def work():
    serializer = "json" if "json" in sys.argv else None
    Worker([queue()], connection=client, serializer=serializer).work(burst=True, logging_level="WARNING")


def again(ids):
    for job_id in ids:
        queue().enqueue(rq_app.good, int(job_id.split("-")[1]), job_id=job_id, unique=True)


def chain(count):
    for number in range(count):
        first = queue().enqueue(rq_app.bad, number, job_id=f"job-{number}")
        queue().enqueue(rq_app.bad, number + count, job_id=f"job-{number + count}", depends_on=first)


def group(count):
    data = [Queue.prepare_data(rq_app.function(n), (n,), job_id=f"job-{n}") for n in range(count)]
    jobs = Group.create(connection=client, name="g")
    jobs.enqueue_many(queue(), data)
    print("sent", flush=True)
    sys.stdin.readline()
    print(" ".join(sorted(job.id for job in jobs.get_jobs())))


def fail(count):
    for number in range(count):
        name = rq_app.bad_if_broken if number % 3 == 0 else rq_app.good_if_broken
        queue().enqueue(name, number, job_id=f"job-{number}")


def requeue():
    registry = FailedJobRegistry(queue=queue())
    for job_id in registry.get_job_ids(cleanup=False):
        registry.requeue(job_id)


def schedule(count):
    for number in range(count):
        queue().enqueue_in(timedelta(seconds=1), function(number), number, job_id=f"job-{number}")


def due():
    scheduler = RQScheduler([queue()], connection=client)
    scheduler.acquire_locks()
    scheduler.enqueue_scheduled_jobs()
    scheduler.release_locks()


if __name__ == "__main__":
    command, *words = sys.argv[1:]
    words = [word for word in words if word != "json"]
    if command == "send":
        send(int(words[0]), int(words[1]))
    elif command == "work":
        work()
    elif command == "again":
        again(words)
    elif command == "requeue":
        requeue()
    elif command == "due":
        due()
    else:
        {"chain": chain, "group": group, "fail": fail, "schedule": schedule}[command](int(words[0]))
