"""What the tests of the pages for Django's admin share."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from typing import Any, Dict, Iterator, List, Tuple

import pytest

from . import project

project.configure()

# These need the settings.
from django.contrib.admin.models import LogEntry  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.test import Client, override_settings  # noqa: E402
from servers import Server  # noqa: E402

QUEUES = "/admin/qadmin/queue/default/"


def pytest_sessionfinish() -> None:
    shutil.rmtree(project.FOLDER, ignore_errors=True)


class Form(HTMLParser):
    """The fields of the form with this id, as a browser would send them."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__()
        self.name, self.inside = name, False
        self.action = ""
        self.fields: Dict[str, str] = {}
        self.feed(text)
        assert self.action, f"the page has no form {name}"

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Any]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.inside = given.get("id") == self.name
            self.action = given["action"] if self.inside else self.action
        is_chosen = given.get("type") not in ("radio", "checkbox", "submit") or "checked" in given
        if self.inside and tag == "input" and is_chosen and given.get("name"):
            self.fields[given["name"]] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "form"


class Browser(Client):
    """Django's test client, with what the tests do often."""

    def page(self, path: str, **query: Any) -> str:
        """The text of a page that is there. None of them has inline scripts or styles."""
        answer = self.get(path if path.startswith("/") else QUEUES + path, query)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return checked(answer)

    def part(self, text: str) -> Any:
        """What the script of a page fetches for its first region."""
        found = re.search(r'data-url="([^"]+)"', text)
        assert found is not None, "the page has no region"
        return self.part_at(found.group(1).replace("&amp;", "&"))

    def part_at(self, url: str) -> Any:
        answer = self.get(url)
        assert answer.status_code == 200
        return answer.json()

    def send(self, text: str, form: str, **fields: str) -> Any:
        """Sends a form of a page with these fields filled in."""
        found = Form(text, form)
        answer = self.post(found.action, {**found.fields, **fields}, follow=True)
        assert answer.status_code == 200
        return answer


def checked(answer: Any) -> str:
    text: str = answer.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=|javascript:", text)
    return text


@pytest.fixture(scope="session")
def root() -> Any:
    return User.objects.create_superuser("root", password="secret")


@pytest.fixture
def live(clean: Server) -> Iterator[Any]:
    """A connection to the server that the pages are about."""
    LogEntry.objects.all().delete()
    with override_settings(QADMIN={"URL": f"redis://127.0.0.1:{clean.port}"}):
        connection = clean.connect()
        yield connection
        connection.close()


@pytest.fixture
def browser(root: Any) -> Browser:
    opened = Browser()
    opened.force_login(root)
    return opened
