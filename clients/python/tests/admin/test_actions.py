"""Clears, undos, the control of jobs, and who may do it."""

from __future__ import annotations

import random
import re
import uuid
from typing import Any, List
from urllib.parse import urlencode, urlsplit

import pytest
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.auth.models import Permission, User
from django.test import override_settings
from messages import fill, message, some
from servers import Server, eventually

import qadmin

from .conftest import QUEUES, Browser, checked

WANTED = {"queue": "celery", "field": "kwargs.account", "op": "=", "value": "3"}


def job_of(answer: Any) -> str:
    """The id of the job to which an answer leads."""
    found = re.search(
        r"/jobs/([0-9a-f-]{36})/",
        answer.redirect_chain[-1][0] if hasattr(answer, "redirect_chain") else answer["Location"],
    )
    assert found is not None
    return found.group(1)


def ended(live: Any, job_id: str) -> qadmin.Status:
    return qadmin.Client(live).job(job_id).wait()


def clears(live: Any) -> int:
    """How many clears of the queue were ever started on this server."""
    return sum(row.kind == "clear" for row in qadmin.Client(live).jobs("celery", count=100))


def logged() -> "List[LogEntry]":
    return list(LogEntry.objects.order_by("pk"))


def test_a_dry_run_changes_nothing_and_is_not_logged(live: Any, browser: Browser) -> None:
    fill(live, "celery", some(40))
    answer = browser.send(browser.page("preview/", **WANTED), "action", action="dryrun")
    end = ended(live, job_of(answer))
    assert (end.dry_run, end.would_delete, end.actor, live.llen("celery")) == (True, 4, "root", 40)
    text = browser.page(f"jobs/{end.job_id}/", queue="celery")
    assert re.search(r'Would clear</dt><dd class="qadmin-deleted">4<', text)
    assert 'id="undo"' not in text
    assert logged() == []


def test_parking_is_the_default_and_can_be_undone(live: Any, browser: Browser) -> None:
    fill(live, "celery", some(40))
    before = live.lrange("celery", 0, -1)
    answer = browser.send(browser.page("preview/", **WANTED), "action", action="all", confirm="celery", reason="twice")
    end = ended(live, job_of(answer))
    assert (end.deleted, end.parked, end.reason, live.llen("celery")) == (4, True, "twice", 36)
    (entry,) = logged()
    assert (entry.user.get_username(), entry.action_flag, entry.object_repr) == ("root", CHANGE, "celery")
    told = f"Parked all matches of WHERE kwargs.account = 3; reason: twice; job {end.job_id}"
    assert entry.get_change_message() == told
    # The admin links its log to the job.
    assert job_of(browser.get(str(entry.get_admin_url()))) == end.job_id
    text = browser.page(f"jobs/{end.job_id}/", queue="celery")
    refused = browser.send(text, "undo", action="undo", confirm="celery", reason="sorry").content.decode()
    assert "CONFIRM" in refused
    assert 'value="sorry"' in refused
    counted = ended(live, job_of(browser.send(refused, "undo", action="dryrun")))
    assert (counted.would_delete, live.llen("celery")) == (4, 36)
    back = ended(live, job_of(browser.send(refused, "undo", action="undo", confirm=str(end.to))))
    assert (back.deleted, back.actor, back.reason) == (4, "root", "sorry")
    assert sorted(live.lrange("celery", 0, -1)) == sorted(before)
    again = browser.send(refused, "undo", action="undo", confirm=str(end.to))
    told = f"Undid job {end.job_id}; reason: sorry; job {back.job_id}"
    assert (job_of(again), [row.change_message for row in logged()[1:]]) == (back.job_id, [told])
    assert 'id="undo"' not in browser.page(f"jobs/{end.job_id}/", queue="celery")


def test_deleting_and_keeping_one(live: Any, browser: Browser) -> None:
    fill(live, "celery", some(40))
    kept = browser.send(
        browser.page("preview/", **{**WANTED, "field": "task", "value": "app.send"}),
        "action",
        action="keepone",
        by="kwargs.account",
        destination="delete",
        confirm="celery",
        limit="20",
    )
    assert ended(live, job_of(kept)).deleted == 20
    page = browser.page("preview/", **WANTED)
    gone = browser.send(page, "action", action="all", destination="delete", confirm="celery", rate="1000")
    assert ended(live, job_of(gone)).to is None
    assert [entry.action_flag for entry in logged()] == [DELETION, DELETION]
    assert "one of each: kwargs.account; limit: 20" in logged()[0].change_message
    assert "Cleared all matches of" in logged()[1].change_message


def test_a_refused_form_keeps_its_content_and_leaves_no_entry(live: Any, browser: Browser) -> None:
    fill(live, "celery", some(40))
    page = browser.page("preview/", **WANTED)
    before = clears(live)
    cases = [
        ({"action": "all", "confirm": "celery2"}, "CONFIRM: &quot;celery2&quot;"),
        ({"action": "all"}, "CONFIRM"),
        ({"action": "all", "confirm": "celery", "limit": "many"}, "limit must be a number"),
        ({"action": "all", "confirm": "celery", "rate": "99999999999"}, "RATE"),
        ({"action": "everything", "confirm": "celery"}, "choose what to do"),
        ({"action": "all", "confirm": "celery", "form_id": "x"}, "this form has no id"),
    ]
    for fields, told in cases:
        refused = checked(browser.send(page, "action", **{"reason": "my reason", "destination": "delete", **fields}))
        assert told in refused, fields
        assert 'value="my reason"' in refused
        assert 'value="delete" checked' in refused
        assert 'value="kwargs.account"' in refused
    # A part of a condition is missing: what remains would select more.
    torn = browser.page("preview/", queue="celery", field=["task", "kwargs.account"], op="=", value="app.send")
    refused = checked(browser.send(torn, "action", action="all", confirm="celery"))
    assert "lacks a part of a condition" in refused
    assert live.llen("celery") == 40
    assert logged() == []
    assert clears(live) == before


def test_a_form_that_is_sent_twice_starts_one_job(live: Any, browser: Browser) -> None:
    fill(live, "celery", some(40))
    page = browser.page("preview/", **WANTED)
    before = clears(live)
    first, second = (browser.send(page, "action", action="all", confirm="celery") for _ in range(2))
    assert job_of(first) == job_of(second)
    assert "This form was sent before" in second.content.decode()
    assert len(logged()) == 1
    ended(live, job_of(first))
    # Another clear from the same form is refused, and then has an id of its own.
    other = browser.send(page, "action", action="keepone", confirm="celery").content.decode()
    assert "This form has started a job before" in other
    assert job_of(first) in other
    again = browser.send(other, "action", action="keepone", confirm="celery")
    assert job_of(again) != job_of(first)
    assert clears(live) == before + 2
    # A dry run does not use the form up.
    page = browser.page("preview/", **WANTED)
    assert job_of(browser.send(page, "action", action="dryrun")) != job_of(
        browser.send(page, "action", action="all", confirm="celery")
    )


def test_jobs_are_cancelled_paused_and_resumed(live: Any, browser: Browser) -> None:
    fill(live, "celery", some(200))
    wanted = {**WANTED, "field": "task", "value": "app.send"}
    answer = browser.send(browser.page("preview/", **wanted), "action", action="all", confirm="celery", rate="1")
    job_id, text = job_of(answer), answer.content.decode()
    part = browser.part(text)
    assert part["url"]
    assert part["reload"] is False
    assert "running" in part["html"] or "pending" in part["html"]

    def press(command: str) -> str:
        return checked(browser.post(f"{QUEUES}jobs/{job_id}/{command}/?queue=celery", follow=True))

    paused = press("pause")
    assert ">Resume<" in paused
    assert "paused" in paused
    # A page that still shows the buttons of a running job loads itself again.
    assert browser.part_at(part["url"])["reload"] is True
    assert ">Pause<" in press("resume")
    cancelled = press("cancel")
    assert "<strong>cancelled</strong>" in cancelled
    assert "data-url" not in cancelled
    assert "The job had ended before" in press("cancel")
    told = [entry.change_message for entry in logged()]
    assert told[1:] == [f"{verb} job {job_id}" for verb in ("Paused", "Resumed", "Cancelled")]
    assert browser.post(f"{QUEUES}jobs/{job_id}/destroy/").status_code == 404
    rows = browser.page("jobs/", queue="celery")
    assert job_id[:8] in rows
    assert "move all" in rows


def test_an_interrupted_clear_is_continued(browser: Browser) -> None:
    server = Server("appendonly yes", "appendfsync always")
    try:
        with override_settings(QADMIN={"URL": f"redis://127.0.0.1:{server.port}"}):
            fill(server.connect(), "celery", some(100))
            client = qadmin.Client(server.connect())
            job = client.clear("celery", task="app.send", mode="all", rate=1, confirm="celery")
            eventually("something was cleared", lambda: job.status().deleted > 0)
            server.kill()
            server.start()
            text = browser.page(f"jobs/{job.id}/", queue="celery")
            assert "Continue the clear" in text
            answer = browser.post(f"{QUEUES}jobs/{job.id}/resume/?queue=celery", follow=True)
            assert job_of(answer) != job.id
            assert client.status(job_of(answer)).continues == job.id
            assert logged()[-1].change_message.endswith(f": job {job_of(answer)} continues it")
    finally:
        server.stop()


def test_a_lost_reply_is_logged_and_the_form_can_be_sent_again(live: Any, browser: Browser) -> None:
    fill(live, "celery", some(40))
    page = browser.page("preview/", **WANTED)
    with override_settings(QADMIN={"URL": "redis://127.0.0.1:1"}):
        lost = browser.send(page, "action", action="all", confirm="celery").content.decode()
    assert "Send the form again as it is" in lost
    uncertain = "; no reply came, so it is not known whether it was done"
    assert logged()[0].change_message.endswith(uncertain)
    assert ended(live, job_of(browser.send(lost, "action", action="all", confirm="celery"))).deleted == 4
    assert len(logged()) == 2
    # The server did start the job, and only the reply was lost.
    LogEntry.objects.filter(pk=logged()[1].pk).delete()
    browser.send(lost, "action", action="all", confirm="celery")
    assert [entry.change_message.endswith(f"{uncertain}; it was") for entry in logged()] == [True]


PATHS = ["", "queue/?queue=celery", "preview/?queue=celery", "jobs/", "jobs/00000000-0000-4000-8000-000000000000/"]
POSTS = [
    "preview/act/?queue=celery&field=kwargs.account&op=%3D&value=3",
    "jobs/00000000-0000-4000-8000-000000000000/undo/",
    "jobs/00000000-0000-4000-8000-000000000000/cancel/",
]
ACT = {"action": "all", "confirm": "celery", "form_id": "00000000-0000-4000-8000-000000000000", "destination": "delete"}


def test_only_superusers_get_in(live: Any, browser: Browser) -> None:
    fill(live, "celery", some(40))
    User.objects.filter(username__in=["staff", "plain"]).delete()
    staff = User.objects.create_user("staff", password="x", is_staff=True)
    strangers = [Browser(), Browser()]
    strangers[1].force_login(User.objects.create_user("plain", password="x"))
    member = Browser()
    member.force_login(staff)
    assert "Queues" not in member.get("/admin/").content.decode()
    for site in ("admin", "operations"):
        for path in PATHS:
            url = f"/{site}/qadmin/queue/default/{path}"
            assert browser.get(url).status_code == 200
            assert member.get(url).status_code == 403
            for stranger in strangers:
                answer = stranger.get(url)
                assert (answer.status_code, urlsplit(answer["Location"]).path) == (302, f"/{site}/login/")
        for path in POSTS:
            url = f"/{site}/qadmin/queue/default/{path}"
            assert member.post(url, ACT).status_code == 403
            assert strangers[0].post(url, ACT).status_code == 302
            # Nothing happens by a link.
            assert browser.get(url).status_code == 302
    assert live.llen("celery") == 40
    with override_settings(
        QADMIN={"URL": f"redis://127.0.0.1:{live.get_connection_kwargs()['port']}", "PERMISSION": "qadmin.use_queues"}
    ):
        assert member.get(QUEUES).status_code == 403
        staff.user_permissions.add(Permission.objects.get(codename="use_queues"))
        assert "celery" in member.page("")
        assert "Queues" in member.page("/admin/")
        member.post(QUEUES + POSTS[0], ACT)
    ended(live, qadmin.Client(live).jobs("celery")[0].job_id)
    assert live.llen("celery") == 36
    assert logged()[0].user.get_username() == "staff"


def test_every_change_needs_the_token_of_a_page(live: Any, root: Any) -> None:
    fill(live, "celery", some(40))
    strict = Browser(enforce_csrf_checks=True)
    strict.force_login(root)
    for path in POSTS:
        assert strict.post(QUEUES + path, ACT).status_code == 403
    assert live.llen("celery") == 40
    page = strict.page("preview/", **WANTED)
    assert ended(live, job_of(strict.send(page, "action", action="all", confirm="celery"))).deleted == 4


# What people, browsers and programs could put into addresses and forms.
ODD = (
    *("", "celery", "odd", "text", "unacked", "%FF", "%zz", "\x00", "\u202e", "<b>", '"', "\\", "{}", "-1", "9" * 30),
    *("=", "IN", "GLOB", "EXISTS", "CONTAINS", "<", "all", "sidekiq", "task", "kwargs.*", 'headers."a.b"', "a,b,c,d,e"),
    *(
        "WHERE",
        "WHERE bytes > 0 OR task EXISTS",
        "TASK x OR",
        "now-1d",
        "0",
        "delete",
        "keepone",
        "dryrun",
        "x" * 3_000,
    ),
    "00000000-0000-4000-8000-000000000000",
)
QUERY = ("field", "op", "value", "where", "as", "priority", "index", "inexact", "fields", "by", "part", "now", "job")
FIELDS = ("form_id", "action", "destination", "confirm", "reason", "limit", "rate", "by", "front")


def test_no_request_is_an_error_of_the_server(live: Any, browser: Browser) -> None:
    fill(live, "celery", some(10))
    live.set("text", "no queue")
    live.lpush("odd", b"\xff\xfe", "{}", '{"headers": [], "body": 5}', message("x" * 2_000, "y" * 2_000))
    choose = random.Random(67)
    pages = ["", "queue/", "preview/", "jobs/", f"jobs/{ODD[-1]}/"]
    for _ in range(60):
        pairs = [(name, choose.choice(ODD)) for name in choose.sample(QUERY, choose.randrange(8))]
        query = urlencode([*pairs, ("queue", choose.choice(("celery", "odd")))])
        answer = browser.get(f"{QUEUES}{choose.choice(pages)}?{query}")
        assert answer.status_code == 200, query
        fields = {name: choose.choice(ODD) for name in choose.sample(FIELDS, choose.randrange(8))}
        fields.update(form_id=str(uuid.uuid4()), action=choose.choice(("all", "keepone", "dryrun")))
        answer = browser.post(f"{QUEUES}preview/act/?{query}", fields)
        assert answer.status_code in (200, 302), (query, fields)


def test_another_site_of_the_admin_has_pages_of_its_own(live: Any, browser: Browser) -> None:
    fill(live, "celery", some(40))
    home = "/operations/qadmin/queue/default/"
    text = browser.page(f"{home}preview/", **WANTED)
    assert "Operations" in text
    assert '"/admin/' not in text
    answer = browser.send(text, "action", action="all", confirm="celery")
    assert answer.redirect_chain[0][0].startswith(home)
    assert '"/admin/' not in answer.content.decode()


def test_the_entry_is_written_before_the_command_and_survives_the_request(
    live: Any, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(live, "celery", [message("app.send", account=3)])
    page = browser.page("preview/", **WANTED)
    seen: List[int] = []

    def watched(self: Any, *words: Any, **options: Any) -> Any:
        seen.append(len(logged()))
        raise RuntimeError("the process ends here")

    monkeypatch.setattr(qadmin.Client, "clear", watched)
    with pytest.raises(RuntimeError):
        browser.send(page, "action", action="all", confirm="celery")
    # The project has ATOMIC_REQUESTS.
    assert (seen, len(logged())) == ([1], 1)
