"""The pages in a real browser, with clicks."""

from __future__ import annotations

import base64
import os
import threading
from pathlib import Path
from typing import Any, Iterator

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from messages import fill, some

from .chromium import Chromium


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The project of the tests on a port of its own, with its static files."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(StaticFilesHandler(get_wsgi_application()))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def chromium(root: Any, site: str) -> Iterator[Chromium]:
    """A browser in which a superuser has logged in."""
    running = Chromium()
    try:
        running.go(f"{site}/admin/")
        running.type("#id_username", "root")
        running.type("#id_password", "secret")
        running.click("[type=submit]")
        running.element("#user-tools")
        yield running
    finally:
        running.stop()


def test_from_the_queues_to_an_undo_with_clicks(live: Any, site: str, chromium: Chromium) -> None:
    fill(live, "celery", some(4_000))
    before = live.lrange("celery", 0, -1)
    chromium.go(f"{site}/admin/qadmin/queue/")
    chromium.click("a[href*='queue=celery']")
    # The script has fetched the groups.
    chromium.click(".qadmin-region a[href*='app.send']")
    assert "/preview/" in chromium.until("the count is there", lambda: chromium.text(".qadmin-count") and chromium.url)
    assert chromium.text(".qadmin-count") == "4,000"
    chromium.click("input[name=action][value=all]")
    chromium.type("input[name=confirm]", "celery")
    chromium.click("details:has(input[name=rate]) summary")
    # The job would take a quarter of an hour, so that it is seen at work and throttled.
    chromium.type("input[name=rate]", "5")
    chromium.click("#action [type=submit]")
    chromium.until("the job moves messages", lambda: chromium.text(".qadmin-deleted") not in ("", "0"))
    moved = int(chromium.text(".qadmin-deleted"))
    chromium.until("its progress goes on by itself", lambda: int(chromium.text(".qadmin-deleted") or 0) > moved)
    assert chromium.script("return document.querySelector('#job').dataset.state") == "live"
    job_id = chromium.url.partition("/jobs/")[2][:36]
    live.execute_command("QADMIN.THROTTLE", job_id, "RATE", 0)
    # The page notices the end, and offers what is possible then.
    chromium.type("#undo input[name=confirm]", chromium.text(".qadmin-to"))
    assert chromium.text(".qadmin-status") == "completed"
    assert live.llen("celery") == 0
    chromium.click("#undo [value=undo]")
    chromium.until("the undo is completed", lambda: job_id not in chromium.url and chromium.text(".qadmin-status"))
    chromium.until("the undo is completed", lambda: chromium.text(".qadmin-status") == "completed")
    assert live.lrange("celery", 0, -1) == before
    assert [entry.change_message[:6] for entry in LogEntry.objects.order_by("pk")] == ["Parked", "Undid "]
    assert chromium.complaints() == []


def test_a_count_by_a_job_arrives_by_itself(live: Any, site: str, chromium: Chromium) -> None:
    live.config_set("qadmin.inline-limit", 0)
    fill(live, "celery", some(2_000))
    chromium.go(f"{site}/admin/qadmin/queue/default/preview/?queue=celery&field=kwargs.account&op=%3D&value=3")
    chromium.until("the job has counted", lambda: chromium.text(".qadmin-count") == "200")
    assert chromium.complaints() == []
    # Nothing of a message becomes a part of the page.
    fill(live, "bad", some(1, task="<img src=x onerror=\"document.title='bad'\">"))
    chromium.go(f"{site}/admin/qadmin/queue/default/queue/?queue=bad")
    chromium.until("the groups are there", lambda: "<img src=x" in chromium.text(".qadmin-region"))
    assert chromium.script("return document.querySelectorAll('.qadmin-region img').length") == 0
    assert chromium.complaints() == []


@pytest.mark.skipif("QADMIN_PICTURE" not in os.environ, reason="renews the picture of docs/django.md")
def test_picture(live: Any, site: str, chromium: Chromium) -> None:
    tasks = {"app.tasks.upload.Upload": 60, "app.tasks.notify.Notify": 90, "app.tasks.sync.Sync": 30}
    fill(live, "celery", [text for task, count in tasks.items() for text in some(count, task=task)])
    query = "queue=celery&field=task&op=%3D&value=app.tasks.upload.Upload&field=kwargs.account&op=%3D&value=7"
    chromium.go(f"{site}/admin/qadmin/queue/default/preview/?{query}&fields=task+args+kwargs+retries")
    chromium.until("the count is there", lambda: chromium.text(".qadmin-count"))
    Path(os.environ["QADMIN_PICTURE"]).write_bytes(base64.b64decode(chromium.picture()))
