"""The demo: the pages beside real producers and a real worker of Celery."""

from __future__ import annotations

import http.cookiejar
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

import pytest
from servers import ROOT, eventually, free_port

DEMO = ROOT / "clients/python/examples/admin/demo.py"


def test_the_demo_shows_the_messages_of_celery() -> None:
    pytest.importorskip("celery")
    port = free_port()
    base = f"http://127.0.0.1:{port}/admin/"
    demo = subprocess.Popen([sys.executable, str(DEMO), str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    opened = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def text(path: str, **fields: str) -> str:
        data = urllib.parse.urlencode(fields).encode() if fields else None
        with opened.open(base + path, data) as answer:
            return str(answer.read().decode())

    def answers() -> bool:
        assert demo.poll() is None
        try:
            return "csrfmiddlewaretoken" in text("login/")
        except urllib.error.URLError:
            return False

    try:
        assert demo.stdout is not None
        assert b"password admin" in demo.stdout.readline()
        eventually("the demo answers", answers)
        token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', text("login/"))
        assert token is not None
        text("login/?next=/admin/", username="admin", password="admin", csrfmiddlewaretoken=token.group(1))
        path = "qadmin/queue/default/queue/?queue=mail&now=1&by=task"
        eventually("messages arrive", lambda: "shop.mail.send_receipt" in text(path))
    finally:
        demo.send_signal(signal.SIGTERM)
        assert demo.wait() == 0
        if demo.stdout is not None:
            demo.stdout.close()
