"""What the pages show, and how they answer."""

from __future__ import annotations

import html
import json
import re
from io import StringIO
from typing import Any, Dict, List
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.test import override_settings
from messages import fill, message, some
from servers import ROOT, Server

import qadmin
from qadmin.django import conf

from .conftest import QUEUES, Browser


def filtered(text: str) -> str:
    """A page without its layout."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_the_index_of_the_admin_leads_to_the_queues(live: Any, browser: Browser) -> None:
    fill(live, "celery", some(12))
    assert '<a href="/admin/qadmin/queue/"' in browser.page("/admin/")
    answer = browser.get("/admin/qadmin/queue/", follow=True)
    assert answer.redirect_chain == [(QUEUES, 302)]
    text = filtered(answer.content.decode())
    assert "celery 12 ~" in text
    assert "app.send" in text
    live.execute_command("QADMIN.INDEX", "CREATE", "celery")
    assert "Oldest waits" in browser.page("")
    text = browser.page("preview/", queue="celery", field="task", op="=", value="app.send")
    assert "12 messages; the next message waits ≥" in filtered(browser.part(text)["html"])
    # FLUSHALL leaves it.
    live.execute_command("QADMIN.INDEX", "DROP", "celery")
    assert "No queues." in browser.page("", glob="mail*")


def test_the_application_needs_no_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
    call_command("check", fail_level="WARNING", stdout=StringIO(), stderr=StringIO())


def test_the_page_of_a_queue_shows_who_fills_it(live: Any, browser: Browser) -> None:
    fill(live, "celery", [*some(30), *some(10, task="app.other")])
    text = browser.page("queue/", queue="celery")
    assert "app.other" not in text
    part = browser.part(text)
    assert part["url"] == ""
    assert re.search(r"app\.send 30 75\.0 % .* Preview app\.other 10 25\.0 %", filtered(part["html"]))
    links = re.findall(r'href="([^"]*/preview/[^"]*)"', part["html"])
    counted = browser.part(browser.page(links[1].replace("&amp;", "&")))["html"]
    assert "Matches 10 (" in filtered(counted)
    by_two = browser.part(browser.page("queue/", queue="celery", by="task kwargs.account"))["html"]
    assert "app.send 0 3 7.5 %" in filtered(by_two)
    within = browser.part(
        browser.page("queue/", queue="celery", by="kwargs.account", field="task", op="=", value="app.other")
    )
    assert "10 matches" in filtered(within["html"])


def test_every_group_leads_to_a_preview_with_its_count(live: Any, browser: Browser) -> None:
    raw = message("app.send", value="RAW").replace('"app.send"', '"app.\\udc80"')
    values = [12, "12.50", "True", "", " x ", "a\nb", None, 1.5, True, "é\u202e", ["a"], "x" * 2_000, "<b>"]
    fill(live, "celery", [message("app.send", value=value) for value in values] + [raw])
    groups = browser.part(browser.page("queue/", queue="celery", by="kwargs.value"))["html"]
    links = re.findall(r'href="([^"]*/preview/[^"]*)"', groups)
    # What was cut has no link.
    assert len(links) == len(values)
    for link in links:
        counted = filtered(browser.part(browser.page(link.replace("&amp;", "&")))["html"])
        assert "Matches 1 (" in counted, (link, counted)


def test_a_preview_is_there_without_a_word_to_redis(browser: Browser) -> None:
    # Nothing listens on this port.
    with override_settings(QADMIN={"URL": "redis://127.0.0.1:1"}):
        text = browser.page("preview/", queue="celery", field="task", op="=", value="app.send")
        assert "What do you want to do with these messages?" in text
        part = browser.part(text)
        assert "Redis does not answer" in part["html"]


# Starts the preview that the page asks for, and pauses it.
PAUSED = """
local words = {'QADMIN.PREVIEW', KEYS[1], 'WHERE', 'kwargs.account', '=', '3', 'FORMAT', 'JSON', 'FIELDS'}
for at = 1, #ARGV do words[#words + 1] = ARGV[at] end
local id = cjson.decode(redis.call(unpack(words)))['job_id']
redis.call('QADMIN.PAUSE', id)
return id
"""


def test_the_four_tiers(live: Any, browser: Browser) -> None:
    fill(live, "celery", some(40))
    wanted = {"queue": "celery", "field": "kwargs.account", "op": "=", "value": "3"}
    counted = browser.part(browser.page("preview/", **wanted))
    assert "Matches 4 (" in filtered(counted["html"])
    assert "a13" in counted["html"]
    # A job that counts, and is at work until it may go on.
    fill(live, "deep", some(300))
    job_id = live.eval(PAUSED, 1, "deep", len(conf.FIELDS), *conf.FIELDS).decode()
    live.config_set("qadmin.inline-limit", 0)
    part = browser.part(browser.page("preview/", **{**wanted, "queue": "deep"}))
    live.config_set("qadmin.inline-limit", 200_000)
    followed = part["url"]
    assert "0 so far" in part["html"]
    assert "skip the count" in part["html"]
    assert browser.part_at(followed)["url"] == followed
    qadmin.Client(live).resume(job_id)
    qadmin.Client(live).job(job_id).wait()
    part = browser.part_at(followed)
    assert part["url"] == ""
    assert "Matches 30 (" in filtered(part["html"])
    # The job belongs to this filter: the address of another one does not show its count.
    other = browser.part_at(followed.replace("value=3", "value=42"))
    assert "Matches 0 (" in filtered(other["html"])
    skipped = browser.part(browser.page("preview/", **{**wanted, "nocount": "1"}))
    assert "not counted" in skipped["html"]
    # Without scripts, a link leads to the page with the count.
    assert "Matches 4 (" in filtered(browser.page("preview/", **{**wanted, "now": "1"}))


def test_a_page_of_another_site_makes_the_server_count_nothing(live: Any, browser: Browser) -> None:
    fill(live, "celery", some(4))
    live.config_resetstat()
    for more in ({}, {"now": "1"}, {"part": "1"}):
        query = {"queue": "celery", "field": "task", "op": "=", "value": "app.send", **more}
        text = browser.get(f"{QUEUES}preview/", query, headers={"sec-fetch-site": "cross-site"}).content.decode()
        assert "nothing was counted yet" in text
        assert "data-url" not in text
    assert live.info("commandstats").get("cmdstat_QADMIN.PREVIEW") is None


def test_conditions_of_all_kinds(live: Any, browser: Browser) -> None:
    fill(live, "celery", [*some(20), message("app.other", "x", eta=None, headers={"eta": "2030-01-02T03:04:05Z"})])
    cases = [
        ("task", "=", "app.send", 20),
        ("task", "!=", "app.send", 1),
        ("task", "starts with", "app.o", 1),
        ("task", "GLOB", "*.s[ae]?d", 20),
        ("kwargs.account", "IN", "1 2", 4),
        ("kwargs.account", ">=", "8", 4),
        ("kwargs.account", "<", "1", 2),
        ("args", "CONTAINS", "x", 1),
        ("eta", "EXISTS", "", 1),
        ("kwargs.account", "MISSING", "", 1),
    ]
    for name, operator, value, count in cases:
        text = browser.page("preview/", queue="celery", field=name, op=operator, value=value)
        assert f"Matches {count} (" in filtered(browser.part(text)["html"]), (name, operator)
    text = browser.page("preview/", queue="celery", where="WHERE kwargs.account = 1 OR kwargs.account = 2")
    assert "Matches 4 (" in filtered(browser.part(text)["html"])
    wrong: "List[Dict[str, Any]]" = [
        {"where": "WHERE task = a ALL CONFIRM celery"},
        {"field": "task", "op": "=", "value": ""},
        {"field": "", "op": "=", "value": "x"},
        {"field": "task", "op": "~", "value": "x"},
        {"field": "nofield", "op": "=", "value": "x"},
        {"field": "retries", "op": ">", "value": "many"},
        {"field": ["task", "args.0"], "op": "=", "value": "app.send"},
        {},
    ]
    for query in wrong:
        part = browser.part(browser.page("preview/", queue="celery", **query))
        assert "errornote" in part["html"], query
        assert "CONFIRM celery" in part["html"] or "where" not in query


def test_unacknowledged_messages_are_a_queue(live: Any, browser: Browser) -> None:
    live.hset("unacked", "tag", f'[{message("app.send", account=1)}, "", "celery"]')
    live.zadd("unacked_index", {"tag": 1_700_000_000})
    text = browser.page("")
    assert "Unacknowledged messages (unacked : 1)" in filtered(text) or "(unacked: 1)" in filtered(text)
    assert "celery app.send 1 100.0 %" in filtered(
        browser.part(browser.page("queue/", queue="unacked", by="routing_key task"))["html"]
    )
    preview = browser.page("preview/", queue="unacked", field="task", op="=", value="app.send")
    # Its messages cannot be parked.
    assert 'value="park"' not in preview
    assert "2023-11-14" in browser.part(preview)["html"]
    job = browser.send(preview, "action", action="all", confirm="unacked").content.decode()
    assert "clear all" in job
    assert live.hlen("unacked") == 0


def test_conditions_that_a_form_cannot_hold_are_kept_as_text(live: Any, browser: Browser) -> None:
    fill(live, "celery", [message("app.send", note=note) for note in ("a\u202eb", "a\nb", "ab", "a b")])
    for note in ("a\u202eb", "a\nb"):
        for query in ({"field": "kwargs.note", "op": "=", "value": note}, {"where": f'WHERE kwargs.note = "{note}"'}):
            text = browser.page("preview/", queue="celery", **query)
            assert "\u202e" not in text
            assert "Matches 1 (" in filtered(browser.part(text)["html"])
            # What the form then holds is the same filter.
            where = re.search(r'name="where" value="([^"]+)"', text)
            assert where is not None
            again = browser.page("preview/", queue="celery", where=html.unescape(where.group(1)))
            assert "Matches 1 (" in filtered(browser.part(again)["html"])
    refused = browser.part(browser.page("preview/", queue="celery", where='WHERE "kwargs.\\xff" = 1'))
    assert "is not UTF-8" in refused["html"]


def test_priority_lists_are_counted_together_or_one_by_one(live: Any, browser: Browser) -> None:
    fill(live, "celery", some(10))
    fill(live, "celery\x06\x163", some(5))
    text = browser.page("")
    assert "15 all lists 5 in step 3" in filtered(text)
    links = dict(zip(("all", "3"), re.findall(r'href="([^"]*priority=[^"]*)"', text)))
    for step, count in (("3", 5), ("all", 10)):
        groups = browser.part(browser.page(links[step].replace("&amp;", "&")))["html"]
        assert f"app.send {count} 100.0 %" in filtered(groups)
        preview = browser.page("preview/", queue="celery", priority=step, field="task", op="=", value="app.send")
        assert ("one step after the other" in preview) == (step == "all")
        answer = browser.send(preview, "action", action="all", confirm="celery", destination="delete")
        qadmin.Client(live).job(answer.redirect_chain[0][0].partition("/jobs/")[2][:36]).wait()
        assert live.llen("celery\x06\x163") == 0
        assert live.llen("celery") == (10 if step == "3" else 0)


HOSTILE = "<script>alert(1)</script>\"'&{{ 7|add:1 }}\u202e\x1b[31m"


def test_words_from_redis_are_text(live: Any, browser: Browser) -> None:
    name = HOSTILE.encode() + b"\xff\x00"
    fill(live, name, [message(HOSTILE, HOSTILE, key=HOSTILE), message("app.\udcff")])
    live.lpush(name, b'{"body": "\xff", "headers": {"task": "\xfe\xff"}}')
    pages = [browser.page("")]
    link = re.search(r'<th scope="row"><a href="([^"]*queue=[^"]+)"', pages[0])
    assert link is not None
    pages.append(browser.page(link.group(1).replace("&amp;", "&")))
    pages.append(browser.part(pages[-1])["html"])
    token = quote(name, safe="")
    preview = browser.page("preview/", queue=token, field="bytes", op=">", value="1", fields="task args kwargs")
    pages += [preview, browser.part(preview)["html"]]
    assert "Matches 3 (" in filtered(pages[-1])
    shown = re.search(r"type the name of the queue \(<code>(.*?)</code>\)", preview)
    assert shown is not None
    typed = html.unescape(shown.group(1))
    assert "\\xff\\x00" in typed
    reason = f"why {HOSTILE}"
    job = browser.send(preview, "action", action="all", confirm=typed, reason=reason)
    assert "/jobs/" in job.redirect_chain[0][0]
    pages += [job.content.decode(), browser.page("jobs/"), browser.page("/admin/")]
    assert live.llen(name) == 0
    for page in pages:
        assert "<script>alert" not in page
        assert "\x1b" not in page
        assert "\u202e" not in page.replace('value="why', "")
        assert "&lt;script&gt;alert(1)" in page


def test_errors_are_messages(live: Any, browser: Browser) -> None:
    live.set("text", "no queue")
    assert "WRONGTYPE" in browser.part(browser.page("queue/", queue="text"))["html"]
    missing = browser.page("jobs/00000000-0000-4000-8000-000000000000/")
    assert "NOJOB" in missing
    assert browser.get("/admin/qadmin/queue/other/").status_code == 404
    assert browser.get("/admin/qadmin/queue/nothing/change/").status_code == 404
    assert browser.post(f"{QUEUES}queue/").status_code == 405


def test_a_server_without_the_module_and_one_that_is_down(browser: Browser) -> None:
    plain = Server(with_module=False)
    action = {
        "action": "all",
        "confirm": "celery",
        "form_id": "00000000-0000-4000-8000-000000000000",
        "reason": "why not",
    }
    try:
        for port, told in ((plain.port, "has not loaded the module"), (1, "Redis does not answer|no reply")):
            servers = {
                "first": {"URL": f"redis://:secret-word@127.0.0.1:{port}"},
                "second": {"CLIENT": "nowhere.client"},
            }
            with override_settings(QADMIN={"SERVERS": servers}):
                path = "/admin/qadmin/queue/first/"
                texts = [browser.page(path), browser.page(f"{path}jobs/")]
                texts.append(browser.part(browser.page(f"{path}queue/", queue="celery"))["html"])
                text = browser.page(f"{path}preview/", queue="celery", field="task", op="=", value="a")
                texts.append(browser.part(text)["html"])
                url = f"{path}preview/act/?queue=celery&field=task&op=%3D&value=a"
                refused = browser.post(url, action)
                assert refused.status_code == 200
                assert "why not" in refused.content.decode()
                texts.append(refused.content.decode())
                texts.append(browser.page(f"{path}jobs/00000000-0000-4000-8000-000000000000/"))
                for shown in texts:
                    # redis-py logs in before the command.
                    assert re.search(f"{told}|AUTH", shown), shown
                    assert "secret-word" not in shown
                assert "CLIENT of server second" in browser.page("/admin/qadmin/queue/second/")
    finally:
        plain.stop()


def test_several_servers_and_clients_of_ones_own(clean: Server, browser: Browser) -> None:
    fill(clean.connect(), "celery", some(3))
    servers = {
        "eu": {"CLIENT": clean.connect},
        "us": {"URL": "redis://127.0.0.1:1"},
        "asia": {"CLIENT": "admin.project.client"},
    }
    setting = {"SERVERS": servers, "GROUPBY": ["kwargs.account"], "FIELDS": ["id"]}
    with override_settings(QADMIN=setting, QADMIN_TEST_PORT=clean.port):
        assert "celery" in browser.page("/admin/qadmin/queue/asia/")
        text = browser.page("/admin/qadmin/queue/eu/")
        assert "celery" in text
        assert 'href="/admin/qadmin/queue/us/"' in text
        part = browser.part(browser.page("/admin/qadmin/queue/eu/queue/", queue="celery"))["html"]
        assert "kwargs.account" in part


def test_the_redis_user_decides_what_can_be_done(live: Any, browser: Browser, clean: Server) -> None:
    fill(live, "celery", some(40))
    roles = {
        "looks": "~celery +qadmin.preview +qadmin.status +qadmin.jobs +qadmin.queues +qadmin.stats",
        "acts": "~celery ~celery:parked:* +qadmin.preview +qadmin.status +qadmin.jobs +qadmin.queues +qadmin.clearjob",
    }
    wanted = {"queue": "celery", "field": "kwargs.account", "op": "=", "value": "3"}
    for user, words in roles.items():
        live.execute_command("ACL", "SETUSER", user, "on", ">secret", *words.split())
        with override_settings(QADMIN={"URL": f"redis://{user}:secret@127.0.0.1:{clean.port}"}):
            assert "celery" in browser.page("")
            text = browser.page("preview/", **wanted)
            assert "Matches 4 (" in filtered(browser.part(text)["html"])
            answer = browser.send(text, "action", action="all", confirm="celery").content.decode()
            assert ("NOPERM" in answer) == (user == "looks")
            groups = browser.part(browser.page("queue/", queue="celery"))["html"]
            assert ("NOPERM" in groups) == (user == "acts")
        live.execute_command("ACL", "DELUSER", user)


def test_the_page_of_the_documentation_names_all_settings() -> None:
    text = (ROOT / "docs/django.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([A-Z]+)` \|", text, re.MULTILINE) == [
        *("URL", "CLIENT", "SERVERS", "UNACKED", "PERMISSION", "FIELDS", "GROUPBY")
    ]
    assert {*conf.OF_A_SERVER, *conf.OF_ALL} == set(re.findall(r"^\| `([A-Z]+)` \|", text, re.MULTILINE))
    for default in (conf.UNACKED, conf.FIELDS, conf.GROUPBY):
        assert f"| `{json.dumps(default)}` |" in text


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (None, "must be a dict"),
        ({}, "either URL or CLIENT"),
        ({"URL": "redis://x", "Url": "y"}, "unknown member 'Url'"),
        ({"SERVERS": {"a/b": {"URL": "redis://x"}}}, "the name 'a/b'"),
        ({"SERVERS": {"a": {"URL": "redis://x", "FIELDS": []}}}, "unknown member 'FIELDS'"),
        ({"SERVERS": {"a": "redis://x"}}, "must be a dict"),
        ({"SERVERS": {}}, "SERVERS must be"),
        ({"SERVERS": {"a": {"URL": "redis://x"}}, "URL": "redis://x"}, "belongs into SERVERS"),
        ({"URL": "redis://x", "PERMISSION": "use"}, "PERMISSION must be"),
        ({"URL": "redis://x", "FIELDS": "task"}, "FIELDS must be"),
        ({"URL": "redis://x", "UNACKED": "unacked"}, "UNACKED must be"),
    ],
)
def test_the_setting_is_checked(setting: Any, told: str) -> None:
    with override_settings(QADMIN=setting):
        assert told in " ".join(str(error.msg) for error in conf.check_setting(None))
