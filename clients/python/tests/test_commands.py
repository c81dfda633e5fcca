"""Every command through the blocking client."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import re
import uuid
from typing import Any, Callable, Dict, List

import pytest
import redis.asyncio
from messages import fill, message, some
from servers import Server

import qadmin
from qadmin import F, Status


def test_preview_counts_and_shows(client: qadmin.Client) -> None:
    fill(client.redis, "celery", [*some(30), message("app.other")])
    seen = client.preview("celery", task="app.send", kwargs__account=7, sample=2, fields=["id", F("kwargs.account")])
    assert (seen.mode, seen.depth, seen.match_count, seen.queue) == ("synchronous", 31, 3, "celery")
    assert [row["kwargs.account"] for row in seen.sample] == [7, 7]
    assert seen.sample[0].index == -8
    assert seen.sample[0].bytes
    assert seen.filter == "TASK app.send WHERE kwargs.account = 7"
    assert (seen.deduplicated, seen.ages, seen.raw["elapsed_us"]) == (False, None, seen.elapsed_us)
    assert client.preview("celery", "TASK app.other").match_count == 1
    assert client.preview("celery", F("args.0") == "a3", bust=True).match_count == 1
    assert client.preview("celery", task="app.send", nocount=True).mode == "skipped"


def test_preview_and_stats_wait_for_the_job_that_counts(client: qadmin.Client) -> None:
    fill(client.redis, "celery", some(40))
    client.redis.execute_command("CONFIG", "SET", "qadmin.inline-limit", 0)
    started = client.preview("celery", kwargs__account=1)
    assert (started.mode, started.match_count) == ("job", None)
    assert started.job_id is not None
    told: List[Status] = []
    seen = client.preview("celery", kwargs__account=2, wait=True, on_progress=told.append, sample=3)
    assert (seen.mode, seen.match_count, len(seen.sample)) == ("job", 4, 3)
    assert seen.status is not None
    assert seen.status.kind == "preview"
    assert told[-1] == seen.status
    groups = client.stats("celery", "kwargs.account", top=4, wait=True)
    assert (groups.total, groups.matched, groups.groups_total) == (40, 40, 10)
    assert groups.groups is not None
    assert groups.other is not None
    assert [(g.values["kwargs.account"], g.count) for g in groups.groups] == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert (groups.other.count, groups.other.groups) == (24, 6)


def test_stats_by_several_fields(client: qadmin.Client) -> None:
    fill(client.redis, "celery", [*some(10), message("app.other", account=1)])
    seen = client.stats("celery", ["task", "kwargs.account"], kwargs__account=1)
    assert seen.groups is not None
    assert [dict(g.values) for g in seen.groups] == [
        {"task": "app.other", "kwargs.account": 1},
        {"task": "app.send", "kwargs.account": 1},
    ]
    assert client.stats("celery", F("task")).matched == 11


def test_fields_have_names_types_and_examples(client: qadmin.Client) -> None:
    fill(client.redis, "celery", [*some(10), message("app.other", 1, account="x")])
    seen = client.fields("celery")
    assert (seen.queue, seen.depth, seen.looked_at, seen.matched, seen.container) == ("celery", 11, 11, 11, "list")
    assert (seen.filter, seen.fields_total, seen.message_kind) == (None, len(seen.fields), "celery")
    by_name = {field.name: field for field in seen.fields}
    account = by_name["kwargs.account"]
    assert (account.types, account.count, account.examples) == (("integer", "text"), 11, (0, 1, 2))
    assert by_name["args.0"].types == ("integer", "text")
    some_only = client.fields("celery", task="app.other")
    assert (some_only.matched, some_only.filter) == (1, "TASK app.other")
    assert client.preview("celery", F(account.name) == account.examples[1]).match_count == 1


def test_one_message_is_shown_whole(client: qadmin.Client) -> None:
    text = message("app.send", 1, account=7)
    task_id = json.loads(text)["headers"]["id"]
    fill(client.redis, "celery", [*some(5), text, *some(20)])
    seen = client.show("celery", task_id)
    assert (seen.queue, seen.id, seen.index, seen.bytes) == ("celery", task_id, -6, len(text))
    assert (seen.element, seen.cut, seen.notice) == (text.encode(), (), None)
    assert (seen.args, seen.kwargs, seen.body) == ("[1]", '{"account": 7}', '[[1], {"account": 7}, {}]')
    assert (seen.fields["task"], seen.fields["id"], seen.container) == ("app.send", task_id, "list")
    assert json.loads(seen.headers or "")["lang"] == "py"
    with pytest.raises(qadmin.MessageNotFound, match="26 messages were searched") as none:
        client.show("celery", "no-such-id")
    assert none.value.code == "NOMESSAGE"


def test_a_shown_element_has_all_its_bytes(client: qadmin.Client) -> None:
    text = message("app.send").encode().replace(b"}}", b'}, "x": "\xff"}', 1)
    task_id = json.loads(text.decode(errors="replace"))["headers"]["id"]
    client.redis.lpush("celery", text)
    assert client.show("celery", task_id).element == text


def test_clear_removes_the_matches_and_nothing_else(client: qadmin.Client) -> None:
    fill(client.redis, "celery", some(30))
    job = client.clear("celery", kwargs__account=3, mode="all", confirm="celery", actor="ann", reason="twice")
    assert job.started is not None
    assert (job.started.mode, job.started.deduplicated, job.started.total_estimated) == ("all", False, 30)
    end = job.wait()
    assert (end.status, end.deleted, end.actor, end.reason, end.ended) == ("completed", 3, "ann", "twice", True)
    assert client.redis.llen("celery") == 27
    assert client.preview("celery", kwargs__account=3).match_count == 0
    assert job.status() == client.status(job.id) == client.job(job.id).status()


def test_clear_has_all_options(client: qadmin.Client) -> None:
    fill(client.redis, "celery", some(40))
    dry = client.clear("celery", task="app.send", dryrun=True, by=["kwargs.account"], mode="keepone").wait()
    assert (dry.dry_run, dry.would_delete, dry.deleted, dry.distinct) == (True, 30, 0, 10)
    limited = client.clear(
        "celery", task="app.send", mode="all", limit=5, rate=1_000, expect=40, tolerance=5, confirm=b"celery"
    ).wait()
    assert (limited.deleted, limited.limit, limited.rate, limited.expect, limited.tolerance) == (5, 5, 1_000, 40, 5)
    newest = client.clear("celery", task="app.send", mode="keepone", keep="newest", confirm="celery").wait()
    assert (newest.deleted, newest.keep, client.redis.llen("celery")) == (34, "newest", 1)


def test_parked_messages_come_back(client: qadmin.Client) -> None:
    fill(client.redis, "celery", some(20))
    before = client.redis.lrange("celery", 0, -1)
    job = client.clear("celery", task="app.send", mode="all", park=True, confirm="celery")
    assert job.wait().parked
    assert job.started is not None
    parked = job.started.to
    assert parked == f"celery:parked:{job.id[:8]}"
    with pytest.raises(qadmin.ConfirmError):
        client.undo(job.id)
    undo = client.undo(job.id, confirm=parked, actor="ann")
    assert undo.started is not None
    assert (undo.started.moved, undo.started.undoes) == (20, job.id)
    assert undo.wait().deleted == 20
    assert client.redis.lrange("celery", 0, -1) == before
    assert job.status().undone_by == undo.id


def test_jobs_are_controlled(client: qadmin.Client) -> None:
    fill(client.redis, "celery", some(200))
    job = client.clear("celery", task="app.send", mode="all", rate=1, confirm="celery")
    assert job.pause().status == "paused"
    assert client.resume(job.id).status in ("running", "pending")
    assert client.throttle(job.id, rate=2, duty=30).duty == 30
    assert job.throttle(rate=1).rate == 1
    assert client.pause(job.id, "celery").status == "paused"
    assert [row.job_id for row in client.jobs("celery", count=1)] == [job.id]
    assert job.resume().status in ("running", "pending")
    with pytest.raises(qadmin.WaitTimeout) as late:
        job.wait(timeout=0.05)
    assert late.value.status is not None
    assert not late.value.status.ended
    assert isinstance(late.value, TimeoutError)
    assert [row.job_id for row in client.cancel_all("celery")] == [job.id]
    with pytest.raises(qadmin.JobCancelled) as cancelled:
        job.wait()
    assert cancelled.value.status.status == "cancelled"
    assert job.cancel().status == client.cancel(job.id).status == "cancelled"
    assert client.cancel_all() == []


def test_progress_is_shown_until_the_end(client: qadmin.Client) -> None:
    fill(client.redis, "celery", some(60))
    job = client.clear("celery", task="app.send", mode="all", rate=1, confirm="celery")
    seen = []
    for status in job.progress(interval=0.02):
        seen.append(status)
        if len(seen) == 3:
            job.throttle(rate=0)
    assert [status.ended for status in seen] == [False] * (len(seen) - 1) + [True]
    assert len(seen) > 3
    assert [status.status for status in client.job(job.id)] == ["completed"]


def test_queues_and_indexes(client: qadmin.Client) -> None:
    fill(client.redis, "celery", some(5))
    fill(client.redis, "mail", some(2))
    seen = client.queues()
    assert [(row.queue, row.depth, row.own_depth, row.container) for row in seen.queues] == [
        ("celery", 5, 5, "list"),
        ("mail", 2, 2, "list"),
    ]
    assert (seen.complete, seen.queues[0].next_task, seen.queues[0].bound) == (True, "app.send", False)
    assert [row.queue for row in client.queues(glob="ma*").queues] == ["mail"]
    made = client.index_create("mail", fields=["task", "kwargs.account"])
    assert (made.queue, made.fields, made.depth) == ("mail", ("task", "kwargs.account"), 2)
    assert client.index_info("mail").since == made.since
    assert [row.queue for row in client.index_list()] == ["mail"]
    fill(client.redis, "mail", some(1))
    assert client.preview("mail", age__lt="1h", sample=0).match_count == 1
    assert client.queues(glob="mail").queues[0].pushed_per_minute is not None
    assert client.index_drop("mail")
    assert client.index_list() == []


def test_help_lists_the_commands(client: qadmin.Client) -> None:
    lines = client.help()
    commands = {line.split(" ")[0] for line in lines if line.startswith("QADMIN.")}
    assert "QADMIN.CLEARJOB" in commands
    # A method for each command, so that a new command is noticed here.
    names = {name.split(".")[1].lower() for name in commands} - {"clearjob", "index"}
    assert names <= {name for name in dir(qadmin.Client) if not name.startswith("_")}


def test_an_option_for_each_word_of_the_syntax(plain: qadmin.Client) -> None:
    lines = {line.split(" ")[0]: line for line in plain.help()}
    renamed = {"as_": "as", "step": "priority", "job_id": "id", "mode": "all"}
    methods: Dict[str, Callable[..., Any]] = {"PREVIEW": plain.preview, "CLEARJOB": plain.clear, "STATS": plain.stats}
    methods["UNDO"] = plain.undo
    others = set("KEEPONE OLDEST NEWEST ALL FORMAT RESP JSON VERBOSE".lower().split())
    for name, method in methods.items():
        known = {renamed.get(word, word) for word in inspect.signature(method).parameters}
        # The kinds of messages are values.
        syntax = re.sub(r"\bAS <[^>]*>", "AS", lines[f"QADMIN.{name}"].partition(" ")[2])
        words = {word.lower() for word in re.findall(r"\b[A-Z]{2,}\b", syntax)}
        assert words - others <= known, name


def test_names_can_have_any_bytes(client: qadmin.Client) -> None:
    name = b"\xff\xfe mail\r\n\"'"
    fill(client.redis, name, some(3))
    text = client.queues().queues[0].queue
    assert text.encode(errors="surrogateescape") == name
    assert client.preview(text, task="app.send").queue == text
    job = client.clear(name, task="app.send", mode="all", confirm=text)
    assert job.wait().queue == text
    assert client.redis.exists(name) == 0


def test_jobs_are_selected_and_named_by_their_first_digits(client: qadmin.Client) -> None:
    fill(client.redis, "celery", some(20))
    ids = ["6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02", "6f1cffff-4d7a-4b59-9a60-1c3f5e7d9b02"]
    for job_id in ids:
        client.clear("celery", task="app.send", mode="all", dryrun=True, job_id=job_id).wait()
    client.preview("celery", task="app.send", bust=True)
    assert [row.kind for row in client.jobs("celery", kind="clear", status="completed", count=2)] == ["clear", "clear"]
    assert {row.kind for row in client.jobs(kind="preview", user="default")} == {"preview"}
    assert client.jobs(user="nobody") == client.jobs(status="live") == []
    with pytest.raises(qadmin.RequestError, match="KIND must be"):
        client.jobs(kind="clears")
    assert client.status("6f1c2b").job_id == ids[0]
    assert client.cancel("6F1CF", "celery").job_id == ids[1]
    assert client.job("6f1c2b8e-").wait().job_id == ids[0]
    with pytest.raises(qadmin.JobAmbiguous, match="6f1cffff"):
        client.status("6f1c")
    with pytest.raises(qadmin.JobNotFound):
        client.status("6f1d")


def test_errors_have_types(client: qadmin.Client, clean: Server) -> None:
    fill(client.redis, "celery", some(3))
    client.redis.set("text", "x")
    unknown = str(uuid.uuid4())
    cases: List[Any] = [
        (qadmin.RequestError, lambda: client.preview("celery")),
        (qadmin.RequestError, lambda: client.preview("celery", retries="many")),
        (qadmin.RequestError, lambda: client.clear("celery", task="a", confirm="celery")),
        (qadmin.RequestError, lambda: client.clear("celery", task="a", mode="some", confirm="celery")),
        (qadmin.RequestError, lambda: client.index_info("celery")),
        (qadmin.RequestError, lambda: client.clear("celery", task="a", mode="all", to=True)),  # type: ignore[arg-type]
        (qadmin.ConfirmError, lambda: client.clear("celery", task="a", mode="all")),
        (qadmin.ConfirmError, lambda: client.clear("celery", task="a", mode="all", confirm="mail")),
        (qadmin.WrongType, lambda: client.preview("text", task="a")),
        (qadmin.JobNotFound, lambda: client.status(unknown)),
        (qadmin.JobNotFound, lambda: client.job(unknown, "celery").wait()),
        (qadmin.JobNotFound, lambda: client.undo(unknown)),
        (qadmin.FilterError, lambda: client.preview("celery", kwargs__x=object())),  # type: ignore[arg-type]
    ]
    for kind, call in cases:
        with pytest.raises(kind) as caught:
            call()
        assert type(caught.value) is kind
        assert isinstance(caught.value, qadmin.QadminError)
    with pytest.raises(qadmin.ExpectExceeded, match="expected at most 1") as failed:
        client.clear("celery", task="app.send", mode="all", expect=1, confirm="celery").wait()
    assert (failed.value.code, failed.value.status.deleted) == ("EXPECT", 0)
    admin = clean.connect()
    admin.execute_command("ACL", "SETUSER", "viewer", "on", ">secret", "~celery", "+qadmin.preview")
    viewer = qadmin.Client(clean.connect(username="viewer", password="secret", protocol=2))
    assert viewer.preview("celery", task="app.send").match_count == 3
    for refused in (lambda: viewer.preview("mail", task="a"), lambda: viewer.queues()):
        with pytest.raises(qadmin.NoPermission) as denied:
            refused()
        assert denied.value.code == "NOPERM"


def test_too_many_jobs_and_failed_counts(plain: qadmin.Client) -> None:
    fill(plain.redis, "celery", some(200))
    plain.redis.config_set("qadmin.max-jobs", 2)
    try:
        for _ in range(2):
            plain.clear("celery", task="app.send", mode="all", rate=1, confirm="celery")
        with pytest.raises(qadmin.TooManyJobs):
            plain.clear("celery", task="app.send", mode="all", confirm="celery")
        with pytest.raises(qadmin.CountFailed) as failed:
            plain.preview("celery", task="app.send", wait=True)
        assert failed.value.code == "TOOMANYJOBS"
        assert plain.preview("celery", task="app.send").mode == "failed"
    finally:
        plain.cancel_all()
        plain.redis.config_set("qadmin.max-jobs", 16)


def test_a_server_without_the_module_is_named() -> None:
    bare = Server(with_module=False)
    try:
        with pytest.raises(qadmin.ModuleNotLoaded):
            qadmin.Client(bare.connect()).queues()
    finally:
        bare.stop()


def test_a_pipeline_is_refused(plain: qadmin.Client, clean: Server) -> None:
    async def whole() -> None:
        async with redis.asyncio.Redis(port=clean.port) as connection:
            for pipeline in (plain.redis.pipeline(), connection.pipeline()):
                for kind in (qadmin.Client, qadmin.asyncio.Client):
                    with pytest.raises(TypeError, match="a pipeline cannot be used"):
                        kind(pipeline)

    asyncio.run(whole())


def test_every_member_of_a_status_is_a_member_here(plain: qadmin.Client) -> None:
    fill(plain.redis, "celery", some(3))
    status = plain.clear("celery", task="app.send", dryrun=True).wait()
    known = {member.name for member in dataclasses.fields(Status)}
    assert known - {"raw"} == set(status.raw)
    preview = plain.preview("celery", task="app.send")
    assert {m.name for m in dataclasses.fields(preview)} - {"raw", "status"} == set(preview.raw)
    stats = plain.stats("celery", "task")
    assert {m.name for m in dataclasses.fields(stats)} - {"raw", "status"} == set(stats.raw)
    index = plain.index_create("celery")
    assert {m.name for m in dataclasses.fields(index)} - {"raw"} == set(index.raw)
    plain.index_drop("celery")
    queue = plain.queues().queues[0]
    assert {m.name for m in dataclasses.fields(queue)} - {"raw"} == set(queue.raw)
