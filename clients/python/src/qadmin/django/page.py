"""What all pages share: the server, addresses, the frame of the admin, and parts that are fetched later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from .. import Client, JobNotFound
from ..errors import is_lost
from . import conf
from .texts import encodable, shown, token

# How long a script waits before it asks about a live job again, milliseconds.
POLL_MS = 700


@dataclass
class Region:
    """A part of a page. If it has a `url`, a script fetches it from there and puts it into the place of `html`;
    `start` is the link to the same page with this part in it, for browsers without scripts; `skip` to one without a
    count."""

    html: str = ""
    url: str = ""
    start: str = ""
    wait: int = 0
    skip: str = ""
    # Whether a person has to ask for it, because another site led here.
    asks: bool = False


class Page:
    """One request, and what is needed to answer it."""

    def __init__(self, model_admin: Any, request: HttpRequest, server: str) -> None:
        self.admin = model_admin
        self.request = request
        self.servers = conf.servers()
        if server not in self.servers:
            raise Http404(f"there is no server {server!r} in the setting QADMIN")
        self.server = self.servers[server]
        # For the names of addresses in the templates of the admin.
        request.current_app = model_admin.admin_site.name

    def client(self, *, patient: bool = False) -> Client:
        return self.server.client(patient=patient)

    def url(self, name: str, *args: str, query: str = "", server: str = "", **more: str) -> str:
        """The address of a page, of this server if no other is named."""
        words = (server or self.server.name, *args)
        path: str = reverse(f"admin:qadmin_{name}", args=words, current_app=self.admin.admin_site.name)
        pairs = urlencode({key: value for key, value in more.items() if value})
        whole = "&".join(part for part in (query, pairs) if part)
        return f"{path}?{whole}" if whole else path

    def job_url(self, job_id: str, queue: str) -> str:
        """The address of the page of a job."""
        return self.url("job", job_id, queue=token(queue))

    @property
    def is_led_here(self) -> bool:
        """Whether a page of another site led here. Then nothing takes the server's time until a person asks for it."""
        return self.request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")

    @property
    def wants_part(self) -> bool:
        """Whether a script asks for a part of the page."""
        return "part" in self.request.GET and not self.is_led_here

    @property
    def is_started(self) -> bool:
        """Whether the page is to have all its parts, because a person without scripts asked for them."""
        return "now" in self.request.GET and not self.is_led_here

    def fragment(self, template: str, **context: Any) -> SafeString:
        """A part of a page, as HTML."""
        text = render_to_string(f"qadmin/{template}", {"page": self, **context}, request=self.request)
        # Templates escape what they insert.
        return mark_safe(encodable(text))

    def part(self, region: Region, **more: Any) -> JsonResponse:
        """A part of a page for the script."""
        return JsonResponse({"html": region.html, "url": region.url, "wait": region.wait, **more})

    def render(self, template: str, title: str, **context: Any) -> HttpResponse:
        """A page in the frame of the admin."""
        frame: Dict[str, Any] = {
            **self.admin.admin_site.each_context(self.request),
            "opts": self.admin.model._meta,
            "title": shown(title),
            "page": self,
            "home": self.url("queues"),
            "jobs_url": self.url("jobs"),
            "several": len(self.servers) > 1,
        }
        text = render_to_string(f"qadmin/{template}", {**frame, **context}, request=self.request)
        return HttpResponse(encodable(text))

    def attempt(self, do: Callable[[], Any]) -> "Attempt":
        """Does something that can fail; the error becomes a text for the page."""
        try:
            return Attempt(do(), "")
        except conf.FAILURES as error:
            return Attempt(None, problem(error))

    def go(self, url: str) -> HttpResponseRedirect:
        return HttpResponseRedirect(url)


@dataclass
class Attempt:
    """A result, or the text of an error."""

    result: Any
    error: str


def problem(error: Exception) -> str:
    """The text of an error for a page."""
    code = getattr(error, "code", "")
    text = shown(str(error)) or type(error).__name__
    if isinstance(error, JobNotFound):
        text += ". Ended jobs are forgotten after a day, unless the setting job-ttl says otherwise"
    if is_lost(error):
        text = f"Redis does not answer: {text}"
    text = text.rstrip(".")
    return f"{code}: {text}" if code and code != "ERR" else text
