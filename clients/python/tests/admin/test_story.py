"""The same night through each face: one account floods a queue. Each finds the task and the account, looks at messages,
rehearses, parks exactly these messages, and moves them back.

The arguments are the application's own.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from messages import fill, message
from servers import ROOT, Server, eventually, free_port

import qadmin

from .conftest import Browser
from .test_actions import job_of
from .test_pages import filtered

QUEUE = "orders"
TASK = "shop.send_invoice"
FLOOD = 4711
FLOODS = 120
# What every face has to find, in words that are typed after --where, WHERE or into a form.
WANTED = [("task", "=", TASK), ("kwargs.account", "=", str(FLOOD))]


def tool() -> str:
    built = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "debug/qadmin"
    assert built.exists(), f"{built} does not exist: `make test-python` builds it"
    return str(built)


def night() -> List[str]:
    """A queue at night: many accounts, and one with far too many messages."""
    texts = [message(TASK, f"order-{at}", account=FLOOD if at % 5 == 0 else at) for at in range(FLOODS * 5)]
    return [*texts, *[message("shop.charge", f"order-{at}", account=FLOOD) for at in range(40)]]


class RedisCli:
    """The commands, as they are typed."""

    def __init__(self, server: Server) -> None:
        self.port = server.port

    def ask(self, *words: str) -> Any:
        program = shutil.which("redis-cli") or shutil.which("valkey-cli")
        assert program is not None
        command = [program, "-p", str(self.port), *words, "FORMAT", "JSON"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    def wanted(self) -> List[str]:
        return [word for condition in WANTED for word in ("WHERE", *condition)]

    def most(self, field: str, *conditions: str) -> Any:
        filters = ["WHERE", *conditions] if conditions else []
        group = self.ask("QADMIN.STATS", QUEUE, *filters, "GROUPBY", "1", field, "TOP", "1")["groups"][0]
        return group[field]

    def count(self) -> Tuple[int, str]:
        seen = self.ask("QADMIN.PREVIEW", QUEUE, *self.wanted(), "SAMPLE", "1", "FIELDS", "1", "args.0")
        return seen["match_count"], seen["sample"][0]["args.0"]

    def rehearse(self) -> int:
        job = self.ask("QADMIN.CLEARJOB", QUEUE, *self.wanted(), "ALL", "DRYRUN")["job_id"]
        return int(self.ask("QADMIN.STATUS", job, "WAIT", "0")["would_delete"])

    def park(self) -> Tuple[str, int]:
        words = ("ALL", "PARK", "CONFIRM", QUEUE, "REASON", "floods")
        job = self.ask("QADMIN.CLEARJOB", QUEUE, *self.wanted(), *words)["job_id"]
        return job, self.ask("QADMIN.STATUS", job, "WAIT", "0")["deleted"]

    def undo(self, job: str) -> int:
        back = self.ask("QADMIN.UNDO", job, "CONFIRM", f"{QUEUE}:parked:{job[:8]}")["job_id"]
        return int(self.ask("QADMIN.STATUS", back, "WAIT", "0")["deleted"])


class Program:
    """The program `qadmin`, in scripts."""

    def __init__(self, server: Server) -> None:
        self.address = f"redis://127.0.0.1:{server.port}"

    def ask(self, command: str, *words: str) -> Any:
        done = subprocess.run(
            [tool(), "--redis", self.address, command, *words, "--json"], check=True, capture_output=True, text=True
        )
        return json.loads(done.stdout)

    def wanted(self) -> List[str]:
        return [word for condition in WANTED for word in ("--where", " ".join(condition))]

    def most(self, field: str, *conditions: str) -> Any:
        filters = ["--where", " ".join(conditions)] if conditions else []
        return self.ask("stats", QUEUE, *filters, "--by", field, "--top", "1")["groups"][0][field]

    def count(self) -> Tuple[int, str]:
        seen = self.ask("preview", QUEUE, *self.wanted(), "--sample", "1", "--fields", "args.0")
        return seen["match_count"], seen["sample"][0]["args.0"]

    def rehearse(self) -> int:
        return int(self.ask("clear", QUEUE, *self.wanted(), "--all", "--dry-run")["would_delete"])

    def park(self) -> Tuple[str, int]:
        words = ("--all", "--park", "--yes", QUEUE, "--reason", "floods")
        job = self.ask("clear", QUEUE, *self.wanted(), *words)
        return job["job_id"], job["deleted"]

    def undo(self, job: str) -> int:
        back = self.ask("undo", job, "--queue", QUEUE, "--yes", f"{QUEUE}:parked:{job[:8]}")
        return int(back["deleted"])


class Page:
    """The page of `qadmin serve`, as its documented addresses answer."""

    def __init__(self, server: Server) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        command = [tool(), "--redis", f"redis://127.0.0.1:{server.port}", "serve", "--listen", self.address]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually("the page is served", self.answers)

    def answers(self) -> bool:
        try:
            return bool(self.get("token"))
        except OSError:
            return False

    def end(self) -> None:
        self.process.kill()
        self.process.wait()

    def get(self, path: str, **query: str) -> Any:
        address = f"http://{self.address}/api/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address) as answer:
            return json.load(answer)

    def post(self, path: str, query: List[Tuple[str, str]], **form: str) -> Any:
        address = f"http://{self.address}/api/{path}?{urllib.parse.urlencode(query)}"
        head = {"X-CSRF-Token": self.get("token")["csrf"], "Origin": f"http://{self.address}"}
        sent = urllib.request.Request(address, urllib.parse.urlencode(form).encode(), head)
        with urllib.request.urlopen(sent) as answer:
            return json.load(answer)

    def wanted(self) -> List[Tuple[str, str]]:
        return [("queue", QUEUE), *[("where", " ".join(condition)) for condition in WANTED]]

    def ended(self, started: Any) -> Any:
        shown: Dict[str, Any] = {}

        def is_over() -> bool:
            with urllib.request.urlopen(f"http://{self.address}{started['status_url']}") as answer:
                shown.update(json.load(answer))
            return shown["completed_at"] is not None

        eventually("the job ends", is_over)
        return shown

    def most(self, field: str, *conditions: str) -> Any:
        query = {"queue": QUEUE, "by": field, "top": "1"}
        if conditions:
            query["where"] = " ".join(conditions)
        return self.get("stats", **query)["groups"][0][field]

    def count(self) -> Tuple[int, str]:
        address = f"http://{self.address}/api/preview?{urllib.parse.urlencode(self.wanted())}&sample=1"
        with urllib.request.urlopen(address) as answer:
            seen = json.load(answer)
        # The page shows all arguments.
        return seen["match_count"], json.loads(seen["sample"][0]["args"])[0]

    def rehearse(self) -> int:
        started = self.post("clear", self.wanted(), action="dry_run")
        return int(self.ended(started)["would_delete"])

    def park(self) -> Tuple[str, int]:
        started = self.post("clear", self.wanted(), action="all", park="1", confirm=QUEUE, reason="floods")
        return started["job_id"], self.ended(started)["deleted"]

    def undo(self, job: str) -> int:
        about = [("job", job), ("queue", QUEUE)]
        back = self.post("undo", about, action="all", confirm=f"{QUEUE}:parked:{job[:8]}")
        return int(self.ended(back)["deleted"])


class Python:
    """The client for Python."""

    def __init__(self, server: Server) -> None:
        self.client = qadmin.Client(server.connect())

    def most(self, field: str, *conditions: str) -> Any:
        wanted = "WHERE " + " ".join(conditions) if conditions else None
        groups = self.client.stats(QUEUE, [field], wanted, top=1).groups
        assert groups is not None
        return groups[0].values[field]

    def count(self) -> Tuple[int, str]:
        seen = self.client.preview(QUEUE, task=TASK, kwargs__account=FLOOD, sample=1, fields=["args.0"])
        assert seen.match_count is not None
        return seen.match_count, seen.sample[0]["args.0"]

    def rehearse(self) -> int:
        job = self.client.clear(QUEUE, task=TASK, kwargs__account=FLOOD, mode="all", dryrun=True)
        return int(job.wait().would_delete or 0)

    def park(self) -> Tuple[str, int]:
        job = self.client.clear(
            QUEUE, task=TASK, kwargs__account=FLOOD, mode="all", park=True, confirm=QUEUE, reason="floods"
        )
        return job.id, job.wait().deleted

    def undo(self, job: str) -> int:
        return self.client.undo(job, confirm=f"{QUEUE}:parked:{job[:8]}").wait().deleted


class Django:
    """The pages in Django's admin."""

    def __init__(self, server: Server, browser: Browser) -> None:
        self.browser = browser
        self.client = qadmin.Client(server.connect())
        fields = [("field", field) for field, _, _ in WANTED]
        fields += [("op", op) for _, op, _ in WANTED] + [("value", value) for _, _, value in WANTED]
        self.path = "preview/?" + urllib.parse.urlencode([("queue", QUEUE), *fields])

    def most(self, field: str, *conditions: str) -> Any:
        query = {"queue": QUEUE, "by": field}
        if conditions:
            query.update(zip(("field", "op", "value"), conditions))
        part = self.browser.part(self.browser.page("queue/", **query))["html"]
        rows = re.findall(r"<tr>.*?</tr>", part, re.DOTALL)
        # Below the heads of the columns, the group with the most messages is the first.
        return filtered(rows[1]).split()[0]

    def count(self) -> Tuple[int, str]:
        part = filtered(self.browser.part(self.browser.page(self.path))["html"])
        found = re.search(r"Matches (\d+) \(", part)
        shown = re.search(r"order-\d+", part)
        assert found is not None
        assert shown is not None
        return int(found.group(1)), shown.group(0)

    def rehearse(self) -> int:
        answer = self.browser.send(self.browser.page(self.path), "action", action="dryrun")
        return int(self.client.job(job_of(answer)).wait().would_delete or 0)

    def park(self) -> Tuple[str, int]:
        page = self.browser.page(self.path)
        job = job_of(self.browser.send(page, "action", action="all", confirm=QUEUE, reason="floods"))
        return job, self.client.job(job).wait().deleted

    def undo(self, job: str) -> int:
        page = self.browser.page(f"jobs/{job}/", queue=QUEUE)
        back = job_of(self.browser.send(page, "undo", action="undo", confirm=f"{QUEUE}:parked:{job[:8]}"))
        return self.client.job(back).wait().deleted


@pytest.fixture(params=["redis-cli", "program", "page", "python", "django"])
def face(request: Any, live: Any, clean: Server, browser: Browser) -> Iterator[Any]:
    if request.param == "page":
        page = Page(clean)
        yield page
        page.end()
    elif request.param == "django":
        yield Django(clean, browser)
    else:
        yield {"redis-cli": RedisCli, "program": Program, "python": Python}[request.param](clean)


def is_of_flood(text: str) -> bool:
    seen = json.loads(text)
    _, kwargs, _ = json.loads(base64.b64decode(seen["body"]))
    return bool(seen["headers"]["task"] == TASK and kwargs["account"] == FLOOD)


def test_one_account_floods_the_queue(live: Any, face: Any) -> None:
    sent = night()
    fill(live, QUEUE, sent)
    # The queue as LRANGE shows it, the newest first.
    queue = [text.encode() for text in reversed(sent)]
    flood = [text for text in sent if is_of_flood(text)]
    assert len(flood) == FLOODS

    assert face.most("task") == TASK
    assert str(face.most("kwargs.account", "task", "=", TASK)) == str(FLOOD)
    assert face.count() == (FLOODS, "order-0")
    assert face.rehearse() == FLOODS
    assert live.lrange(QUEUE, 0, -1) == queue

    job, moved = face.park()
    assert moved == FLOODS
    assert live.lrange(QUEUE, 0, -1) == [text for text in queue if not is_of_flood(text.decode())]
    assert live.lrange(f"{QUEUE}:parked:{job[:8]}", 0, -1) == [text for text in queue if is_of_flood(text.decode())]
    assert qadmin.Client(live).status(job).reason == "floods"

    assert face.undo(job) == FLOODS
    assert sorted(live.lrange(QUEUE, 0, -1)) == sorted(queue)
    # They run after the messages that are there.
    assert live.lrange(QUEUE, 0, FLOODS - 1) == [text for text in queue if is_of_flood(text.decode())]
