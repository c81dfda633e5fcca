"""What changes something: clears, undos, and the control of jobs. Only POST, each with an entry in the admin's log."""

from __future__ import annotations

import uuid
from typing import Any, Optional

from django.contrib import messages
from django.http import Http404, HttpResponse

from .. import RequestError, StartUncertain
from ..errors import FilterError, is_lost
from . import conf
from .audit import Entry
from .page import Page, problem
from .selection import Action, Selection
from .texts import actor, confirmed, named
from .views import job_page, preview_page


def _id(given: str, purpose: str) -> str:
    """The id of the job of a form. A form that is sent twice starts one job; a dry run is a job of its own, so that
    the same form can be used afterwards."""
    try:
        return str(uuid.uuid5(uuid.UUID(given), purpose))
    except ValueError:
        raise FilterError("this form has no id; open the page again") from None


def act(page: Page) -> HttpResponse:
    """Starts a clear or a dry run, and leads to its job."""
    selection = Selection.read(page.request.GET)
    if page.request.method != "POST":
        # After a login, a browser asks again without the form.
        return page.go(page.url("preview", query=selection.query()))
    action = Action.read(page.request.POST, page.request.POST.get("form_id", ""))
    entry: Optional[Entry] = None
    job_id = ""
    try:
        wanted = selection.filter()
        if wanted is None:
            raise FilterError("give at least one condition")
        arguments = action.arguments()
        job_id = _id(action.form_id, f"dry run {action.mode}" if action.dryrun else "clear")
        if not action.dryrun:
            arguments["confirm"] = confirmed(action.confirm, selection.queue)
            entry = Entry(page, job_id, selection.queue, _told(action, wanted, job_id), is_deletion=not action.park)
        by_whom = actor(page.request.user.get_username())
        job = page.client().clear(
            selection.queue, wanted, job_id=job_id, actor=by_whom, **arguments, **selection.options()
        )
    except conf.FAILURES as error:
        return _refused(page, selection, action, error, entry, job_id)
    if job.started is not None and job.started.deduplicated:
        if entry is not None:
            entry.merge()
        messages.info(page.request, "This form was sent before. It started this job once.")
    return page.go(page.job_url(job_id, selection.queue))


def _told(action: Action, wanted: Any, job_id: str) -> str:
    """The text of a clear in the log."""
    verb = "Parked" if action.park else "Cleared"
    which = "all matches but one" if action.mode == "keepone" else "all matches"
    options = {"one of each": action.by, "limit": action.limit, "rate": action.rate, "reason": action.reason}
    more = "".join(f"; {name}: {value}" for name, value in options.items() if value)
    return f"{verb} {which} of {wanted}{more}; job {job_id}"


def _settle(entry: Optional[Entry], error: Exception) -> None:
    """What becomes of the entry of a command that failed."""
    if entry is None:
        return
    if isinstance(error, (StartUncertain, OSError)) or is_lost(error):
        entry.lost()
    else:
        entry.withdraw()


def _refused(
    page: Page, selection: Selection, action: Action, error: Exception, entry: Optional[Entry], job_id: str
) -> HttpResponse:
    """The same page with the error, and the form as it was."""
    _settle(entry, error)
    text, link = problem(error), ""
    if isinstance(error, StartUncertain):
        text += ". Send the form again as it is: one job starts, however often that happens"
        link = page.job_url(job_id, selection.queue)
    elif isinstance(error, RequestError) and job_id and page.attempt(lambda: page.client().status(job_id)).result:
        # The next attempt needs an id of its own.
        action = Action(**{**vars(action), "form_id": str(uuid.uuid4())})
        text = f"This form has started a job before ({text}). Send it again to start another one"
        link = page.job_url(job_id, selection.queue)
    return preview_page(page, selection, action, text, link)


# What a person is told and the log says about the commands for a job.
_COMMANDS = {"cancel": "Cancelled", "pause": "Paused", "resume": "Resumed"}


def control(page: Page, job_id: uuid.UUID, command: str) -> HttpResponse:
    """Cancels, pauses or resumes a job."""
    if command not in _COMMANDS:
        raise Http404(f"there is no command {command!r}")
    queue = named(page.request.GET.get("queue", ""))
    back = page.job_url(str(job_id), queue)
    if page.request.method != "POST":
        return page.go(back)
    entry: Optional[Entry] = None
    try:
        client = page.client()
        before = client.status(str(job_id), queue or None)
        entry = Entry(page, str(job_id), before.queue, f"{_COMMANDS[command]} job {job_id}")
        after = getattr(client, command)(str(job_id), queue or None)
    except conf.FAILURES as error:
        _settle(entry, error)
        messages.error(page.request, problem(error))
        return page.go(back)
    if after.job_id != str(job_id):
        entry.add(f": job {after.job_id} continues it")
        messages.info(page.request, "This job continues the interrupted one.")
        return page.go(page.job_url(after.job_id, after.queue))
    if before.ended or (command == "cancel" and not after.cancel_requested):
        entry.withdraw()
        messages.warning(page.request, f"The job had ended before: it is {after.status}.")
    return page.go(back)


def undo(page: Page, job_id: uuid.UUID) -> HttpResponse:
    """Starts the undo of a job, and leads to its job."""
    queue = named(page.request.GET.get("queue", ""))
    undone = str(job_id)
    if page.request.method != "POST":
        return page.go(page.job_url(undone, queue))
    post = page.request.POST
    form = {name: post.get(name, "") for name in ("form_id", "confirm", "reason")}
    flags = {"front": "front" in post, "dryrun": post.get("action") == "dryrun"}
    entry: Optional[Entry] = None
    try:
        client = page.client()
        before = client.status(undone, queue or None)
        listed = before.to or ""
        chosen = _id(form["form_id"], "dry run of an undo" if flags["dryrun"] else "undo")
        if not flags["dryrun"]:
            reason = f"; reason: {form['reason']}" if form["reason"] else ""
            entry = Entry(page, chosen, before.queue, f"Undid job {undone}{reason}; job {chosen}")
        started = client.undo(
            undone,
            queue=queue or None,
            confirm=None if flags["dryrun"] else confirmed(form["confirm"], listed),
            job_id=chosen,
            actor=actor(page.request.user.get_username()),
            reason=form["reason"].strip() or None,
            **flags,
        )
    except conf.FAILURES as error:
        _settle(entry, error)
        return job_page(page, undone, queue, {**form, **flags}, problem(error))
    if entry is not None and started.started is not None and started.started.deduplicated:
        entry.merge()
    # The undo works on the other list.
    return page.go(page.job_url(chosen, listed))
