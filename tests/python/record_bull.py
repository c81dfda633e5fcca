"""Records jobs of BullMQ and of Bull as the module reads them: core/src/format/bull.jsonl, one job per line.

The module writes the fields of a job's hash as one object (core/src/format/bull.rs). The first job of each library begins
with a line that names it.

Usage: make node && target/venv/bin/python tests/python/record_bull.py
"""

import json
import pathlib
import subprocess

from throwaway import ThrowawayServer

ROOT = pathlib.Path(__file__).parents[2]
OUT = ROOT / "core/src/format/bull.jsonl"
NUMBERS = "timestamp delay priority atm attemptsMade ats processedOn finishedOn".split()
TEXTS = "parentKey deid rjk failedReason".split()
JSON = "progress returnvalue opts data".split()


def message(client, key):
    job = {name.decode(): value.decode() for name, value in client.hgetall(key).items()}
    members = [f'"id":{json.dumps(key.rpartition(":uploads:")[2])}']
    for name in ["name", *NUMBERS, *TEXTS, *JSON]:
        if name in job:
            is_text = name == "name" or name in TEXTS
            members.append(f'"{name}":' + (json.dumps(job[name], ensure_ascii=False) if is_text else job[name]))
    return "{" + ",".join(members) + "}"


lines = []
for library in ["bullmq", "bullmq6", "bull"]:
    with ThrowawayServer() as server:
        client = server.redis()
        subprocess.run(["node", ROOT / "tests/node/jobs.mjs", str(server.port), library, "uploads"], check=True)
        keys = sorted(key.decode() for key in client.scan_iter("bull:uploads:*", _type="hash"))
        jobs = [key for key in keys if client.hexists(key, "timestamp")]
        lines += [message(client, key) for key in jobs]
OUT.write_text("\n".join(lines) + "\n")
