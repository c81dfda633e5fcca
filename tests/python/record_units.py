"""Records what a version of the module writes to the append-only file, and the queues that it leaves.

    python record_units.py redis-server path/to/libqadmin.so tests/data/units/0.1.0

writes `0.1.0.resp` and `0.1.0.json`. A later version has to load the file and find the same queues.
"""

import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

import redis

server, module, out = sys.argv[1:]


def celery(number: int, task: str) -> str:
    body = json.dumps([[number], {}, {}])
    headers = {"task": task, "id": f"00000000-0000-4000-8000-{number:012}", "lang": "py"}
    properties = {"delivery_tag": f"t{number}", "body_encoding": "utf-8", "delivery_info": {"routing_key": "celery"}}
    return json.dumps({"body": body, "headers": headers, "properties": properties, "content-type": "application/json",
                       "content-encoding": "utf-8"})


def sidekiq(number: int, name: str) -> str:
    return json.dumps({"class": name, "args": [number], "jid": f"{number:024x}", "queue": "default", "created_at": 1.5})


def fill(conn: redis.Redis) -> None:
    for queue in ("celery", "moved", "parked", "one", "front"):
        for number in range(40):
            conn.lpush(queue, celery(number, "bad" if number % 3 == 0 else "good"))
    for number in range(40):
        conn.rpush("resque:queue:mail", json.dumps({"class": "Bad" if number % 4 == 0 else "Good", "args": [number]}))
        conn.zadd("schedule", {sidekiq(number, "Bad" if number % 5 == 0 else "Good"): 2e9 + number})
        held = json.dumps([json.loads(celery(number, "bad" if number % 2 else "good")), "", "celery"])
        conn.hset("unacked", f"t{number}", held)
        conn.zadd("unacked_index", {f"t{number}": 1.7e9 + number})


def run(conn: redis.Redis, *words: object) -> str:
    started = json.loads(conn.execute_command(*words, "FORMAT", "JSON"))
    ended = json.loads(conn.execute_command("QADMIN.STATUS", started["job_id"], "WAIT", 0, "FORMAT", "JSON"))
    assert ended["status"] == "completed" and ended["deleted"] > 0, ended
    return ended["job_id"]


def clear(conn: redis.Redis, queue: str, *words: object) -> str:
    return run(conn, "QADMIN.CLEARJOB", queue, *words, "CONFIRM", queue)


def content(conn: redis.Redis, key: str) -> object:
    kind = conn.type(key)
    if kind == "list":
        return conn.lrange(key, 0, -1)
    if kind == "hash":
        return dict(sorted(conn.hgetall(key).items()))
    return [list(pair) for pair in conn.zrange(key, 0, -1, withscores=True)]


with tempfile.TemporaryDirectory() as folder:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [server, "--port", str(port), "--dir", folder, "--save", "", "--appendonly", "yes", "--appendfsync", "always"]
    process = subprocess.Popen([*words, "--loadmodule", module], stdout=subprocess.DEVNULL)
    try:
        conn = redis.Redis(port=port, decode_responses=True)
        for _ in range(200):
            try:
                conn.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.05)
        fill(conn)
        clear(conn, "celery", "TASK", "bad", "ALL", "LIMIT", 9)
        clear(conn, "moved", "TASK", "bad", "ALL", "TO", "elsewhere")
        parked = clear(conn, "parked", "TASK", "bad", "ALL", "PARK")
        run(conn, "QADMIN.UNDO", parked, "CONFIRM", f"parked:parked:{parked[:8]}")
        clear(conn, "one", "TASK", "good", "KEEPONE")
        clear(conn, "front", "TASK", "bad", "ALL", "TO", "celery", "FRONT")
        clear(conn, "resque:queue:mail", "TASK", "Bad", "ALL", "AS", "resque")
        clear(conn, "schedule", "TASK", "Bad", "ALL", "AS", "sidekiq")
        clear(conn, "unacked", "TASK", "bad", "ALL")
        keys = sorted(key for key in conn.keys("*") if not key.startswith("qadmin:"))
        left = {key: content(conn, key) for key in keys}
        path = pathlib.Path(out)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(path.name + ".json").write_text(json.dumps(left, indent=1) + "\n")
        (file,) = pathlib.Path(folder).glob("appendonlydir/*.incr.aof")
        path.with_name(path.name + ".resp").write_bytes(file.read_bytes())
    finally:
        process.kill()
        process.wait()
