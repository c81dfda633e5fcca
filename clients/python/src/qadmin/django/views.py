"""The pages that change nothing."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any, Dict, List, Optional

from django.contrib.admin.utils import unquote
from django.http import Http404, HttpResponse
from django.urls import NoReverseMatch

from .. import JobNotFound, Status
from . import conf, counting
from .page import POLL_MS, Page, Region
from .selection import KINDS, NAMES, OPERATORS, Action, Selection
from .texts import duration, named, token

# The most jobs that the list of jobs shows.
_JOBS = 50
# The commands for a job that have a button.
CONTROLS = ("cancel", "pause", "resume")


def first(page: Page) -> HttpResponse:
    """Leads to the queues of the first server."""
    return page.go(page.url("queues"))


def logged(page: Page, object_id: str) -> HttpResponse:
    """Leads to the job of an entry of the log."""
    server, _, job_id = unquote(object_id).partition(":")
    try:
        return page.go(page.url("job", job_id, server=server))
    except NoReverseMatch:
        raise Http404(f"{object_id} is no job") from None


def queues(page: Page) -> HttpResponse:
    """The queues of a server."""
    if "name" in page.request.GET:
        # A form in which a person types the name of a key.
        return page.go(page.url("queue", queue=token(page.request.GET["name"])))
    glob = page.request.GET.get("glob", "").strip()
    tried = page.attempt(lambda: page.client(patient=True).queues(glob or None))
    rows: List[Dict[str, Any]] = []
    for row in tried.result.queues if tried.result else ():
        kind = row.looks_like if row.looks_like in KINDS else ""
        waits = {
            "next": duration(row.next_age, row.next_at_least),
            "oldest": duration(row.oldest_age, row.oldest_at_least),
            "mean": duration(row.wait_mean_ms),
        }
        found = Selection(row.queue, kind=kind)
        steps = [
            ("all lists", "all"),
            *((f"{step.depth:,} in step {step.step}", str(step.step)) for step in row.priorities),
        ]
        lists = [(text, page.url("queue", query=replace(found, step=step).query())) for text, step in steps]
        rows.append({"row": row, "url": page.url("queue", query=found.query()), "waits": waits, "lists": lists})
    links = [
        (name, page.url("queue", query=Selection(name, by=("routing_key", "task")).query()))
        for name in page.server.unacked
    ]
    return page.render(
        "queues.html",
        "Queues",
        error=tried.error,
        found=tried.result,
        rows=rows,
        has_ages=any(row["row"].next_age is not None or row["row"].waits is not None for row in rows),
        glob=glob,
        unacked=links,
        servers=[(name, name == page.server.name, page.url("queues", server=name)) for name in page.servers],
    )


def form(page: Page, selection: Selection) -> Dict[str, Any]:
    """What the form of the conditions needs."""
    names = [*NAMES, *(name for name in (*selection.by, *selection.fields) if name not in NAMES)]
    return {
        "selection": selection,
        "operators": list(OPERATORS),
        "kinds": KINDS,
        "names": names,
        "queue_url": page.url("queue"),
        "preview_url": page.url("preview"),
        "has_options": bool(selection.kind or selection.step or selection.index or selection.inexact),
    }


def queue(page: Page) -> HttpResponse:
    """Who fills a queue."""
    selection = Selection.read(page.request.GET)
    if not selection.by:
        selection = replace(selection, by=tuple(conf.groupby()))
    if page.wants_part:
        return page.part(counting.stats_part(page, selection))
    return page.render(
        "queue.html",
        selection.queue,
        region=region(page, "queue", selection, counting.stats_part),
        **form(page, selection),
    )


def preview(page: Page) -> HttpResponse:
    """Which messages a filter selects. The page itself asks the server for nothing."""
    selection = Selection.read(page.request.GET)
    if page.wants_part:
        return page.part(counting.preview_part(page, selection))
    is_parked = not selection.not_parked(page.server.unacked)
    return preview_page(page, selection, Action(str(uuid.uuid4()), park=is_parked))


def preview_page(page: Page, selection: Selection, action: Action, error: str = "", link: str = "") -> HttpResponse:
    """The page of a preview, with the form of what can be done with the matches."""
    return page.render(
        "preview.html",
        selection.queue,
        region=region(page, "preview", selection, counting.preview_part),
        action=action,
        error=error,
        link=link,
        act_url=page.url("act", query=selection.query()),
        not_parked=selection.not_parked(page.server.unacked),
        **form(page, selection),
    )


def region(page: Page, name: str, selection: Selection, part: Any) -> Region:
    """A part that a script fetches, or that is in the page already because a person asked for it."""
    if page.is_started:
        found: Region = part(page, selection)
        return found
    carried = {key: page.request.GET.get(key, "") for key in ("bust", "nocount")}
    query = selection.query()
    return Region(
        url=page.url(name, query=query, part="1", **carried),
        start=page.url(name, query=query, now="1", **carried),
        asks=page.is_led_here,
        skip=page.url(name, query=query, now="1", nocount="1") if name == "preview" else "",
    )


def jobs(page: Page) -> HttpResponse:
    """The live and remembered jobs."""
    wanted = named(page.request.GET.get("queue", "")) or None
    tried = page.attempt(lambda: page.client().jobs(wanted, count=_JOBS))
    rows = [(row, page.job_url(row.job_id, row.queue), what(row)) for row in tried.result or ()]
    return page.render("jobs.html", "Jobs", error=tried.error, rows=rows, wanted=wanted)


def job(page: Page, job_id: uuid.UUID) -> HttpResponse:
    """A job: its progress, and what can be done about it."""
    return job_page(page, str(job_id), named(page.request.GET.get("queue", "")))


def job_page(
    page: Page, job_id: str, queue: str, undo: Optional[Dict[str, Any]] = None, error: str = ""
) -> HttpResponse:
    """The page of a job, with the form of an undo as it was sent, if that was refused."""
    tried = page.attempt(lambda: _status(page, job_id, queue))
    status: Optional[Status] = tried.result
    shown_state = state(status)
    if page.wants_part:
        part = _job_region(page, status, job_id, queue, tried.error)
        # Buttons are in the page itself.
        return page.part(part, reload=bool(status) and page.request.GET.get("state") != shown_state)
    moved = status is not None and status.ended and status.to and status.deleted and status.kind == "clear"
    # An undo that ended half-way can be continued.
    is_undoable = moved and status is not None and not status.dry_run and (status.undone or 0) < status.deleted
    return page.render(
        "job.html",
        f"Job {job_id[:8]}",
        region=_job_region(page, status, job_id, queue, tried.error),
        status=status,
        state=shown_state,
        error=error,
        undo=(undo or {"form_id": str(uuid.uuid4())}) if is_undoable else None,
        can_continue=status is not None and status.status == "interrupted" and status.kind == "clear",
        control_urls={name: page.url("control", job_id, name, queue=token(queue)) for name in CONTROLS},
        undo_url=page.url("undo", job_id, queue=token(queue)),
        queue_url=page.url("queue", queue=token(status.queue)) if status else "",
    )


def _status(page: Page, job_id: str, queue: str) -> Status:
    """A link can be without the queue, which only leads to the node of a cluster."""
    try:
        return page.client().status(job_id, queue or None)
    except JobNotFound:
        if not queue:
            raise
        return page.client().status(job_id)


def state(status: Optional[Status]) -> str:
    """What decides which buttons a page has."""
    if status is None:
        return ""
    return status.status if status.ended or status.status == "paused" else "live"


def _job_region(page: Page, status: Optional[Status], job_id: str, queue: str, error: str) -> Region:
    found = Region(html=page.fragment("_job.html", status=status, error=error, **_told(status)))
    if status is not None and status.ended:
        return found
    shown_state = page.request.GET.get("state", "") if page.wants_part else state(status)
    found.url = page.url("job", job_id, queue=token(queue), part="1", state=shown_state)
    found.start = page.url("job", job_id, queue=token(queue))
    found.wait = POLL_MS if status is not None else 10 * POLL_MS
    return found


def _told(status: Optional[Status]) -> Dict[str, Any]:
    if status is None:
        return {}
    facts = counting.facts(status, status.matched)
    return {"what": what(status), "table": counting.sample(status.sample), "facts": facts}


def what(status: Status) -> str:
    """What a job does, in words."""
    if status.kind == "undo":
        return "dry run of an undo" if status.dry_run else "undo"
    if status.kind != "clear":
        return {"preview": "count", "stats": "count by fields"}.get(status.kind, status.kind)
    verb = "move" if status.to else "clear"
    text = f"{verb} all but one" if status.keep_one else f"{verb} all"
    return f"dry run: {text}" if status.dry_run else text
