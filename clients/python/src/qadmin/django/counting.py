"""The parts of pages that count: PREVIEW and STATS, at once or by a job."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

from django.core.signing import BadSignature, Signer

from .. import JobNotFound, Status
from ..errors import FilterError
from ..filters import Filter
from .page import POLL_MS, Page, Region
from .selection import Selection
from .texts import duration, moment, number

# Members of a row of a sample that are moments.
_MOMENTS = ("delivered_at", "run_at")
_GROUPS = 50


@dataclass
class Table:
    """Rows of texts below heads."""

    heads: List[str]
    rows: List[List[Any]]


def preview_part(page: Page, selection: Selection) -> Region:
    """Count and sample of a preview, as far as they are known now."""
    return _part(page, "preview", "_count.html", selection, lambda: _preview(page, selection))


def stats_part(page: Page, selection: Selection) -> Region:
    """The groups of a queue, as far as they are known now."""
    return _part(page, "queue", "_groups.html", selection, lambda: _stats(page, selection))


def _part(page: Page, name: str, template: str, selection: Selection, do: Any) -> Region:
    tried = page.attempt(do)
    context: Dict[str, Any] = tried.result or {}
    query = selection.query()
    region = Region()
    job = context.get("job")
    if job is not None and not job.ended:
        signed = _signer(selection).sign(job.job_id)
        region.url = page.url(name, query=query, part="1", job=signed)
        region.start = page.url(name, query=query, now="1", job=signed)
        region.wait = POLL_MS
        context["skip_url"] = page.url(name, query=query, now="1", nocount="1") if name == "preview" else ""
    elif tried.error and page.request.GET.get("job"):
        # The connection is lost; the job goes on.
        region.url = page.url(name, query=query, part="1", job=page.request.GET["job"])
        region.wait = 5 * POLL_MS
    context.update(error=tried.error, again_url=page.url(name, query=query, bust="1"), region=region)
    region.html = page.fragment(template, selection=selection, **context)
    return region


def _signer(selection: Selection) -> Signer:
    """Signs ids of jobs, so that an address cannot show the count of one filter beside another."""
    return Signer(salt=f"qadmin.django:{selection.query()}")


def _followed(page: Page, selection: Selection) -> Optional[Status]:
    """The job that counts, if the address names one of this selection that is remembered."""
    signed = page.request.GET.get("job")
    if not signed:
        return None
    try:
        return page.client().status(_signer(selection).unsign(signed), selection.queue)
    except (BadSignature, JobNotFound):
        return None


def _preview(page: Page, selection: Selection) -> Dict[str, Any]:
    wanted = selection.filter()
    if wanted is None:
        raise FilterError("give at least one condition")
    job = _followed(page, selection)
    return _seen_job(job) if job is not None else _asked(page, selection, wanted)


def _seen_job(job: Status) -> Dict[str, Any]:
    """What the job knows that counts, or has counted."""
    count = job.matched if job.status == "completed" else None
    return {
        "seen": job,
        "job": job,
        "mode": "job",
        "depth": job.queue_depth,
        "count": count,
        "failed": _failure(job),
        "table": sample(job.sample),
        "facts": facts(job, count),
        "ages": _ages(job.ages),
    }


def _failure(job: Status) -> str:
    """Why a job has no count; empty of one that is live or completed."""
    return job.error or (f"the count was {job.status}" if job.ended and job.status != "completed" else "")


def _asked(page: Page, selection: Selection, wanted: Filter) -> Dict[str, Any]:
    """The reply to a PREVIEW."""
    seen = page.client(patient=True).preview(
        selection.queue,
        wanted,
        fields=selection.columns,
        nocount="nocount" in page.request.GET,
        bust="bust" in page.request.GET,
        **selection.options(),
    )
    if seen.mode == "job" and seen.match_count is None and seen.job_id:
        known = _seen_job(page.client().status(seen.job_id, selection.queue))
        # It shows at once what runs next; the job may not have come to a match.
        return {**known, "table": known["table"] or sample(seen.sample)}
    return {
        "seen": seen,
        "job": None,
        "mode": seen.mode,
        "depth": seen.depth,
        "count": seen.match_count,
        "failed": seen.count_error or "",
        "table": sample(seen.sample),
        "facts": facts(seen, seen.match_count),
        "ages": _ages(seen.ages),
    }


def facts(seen: Any, count: Optional[int]) -> List[str]:
    """What a reader of the count should know."""
    told: List[str] = []
    if count is not None:
        for member, text in (
            (
                "unreadable",
                "cannot be read: whether they match is unknown, so the count may be too low; a clear keeps them",
            ),
            ("inexact", "match only by the text that their sender wrote about the arguments"),
            ("in_chord", "of the matches belong to chords, whose callbacks would wait for ever"),
            ("in_group", "of the matches are members of groups"),
            ("with_eta", "of the matches have an eta"),
            ("redelivered", "of the matches were given back by a worker"),
            ("drifted", "were taken by workers while the count ran"),
        ):
            value = getattr(seen, member, None)
            if value:
                told.append(f"{number(value)} {text}")
    others = getattr(seen, "other_priorities_depth", None)
    if others:
        told.append(f"{number(others)} messages are in other priority lists of this queue: Priority “all” counts them")
    looks_like = getattr(seen, "looks_like", None)
    if looks_like:
        told.append(f"the messages look like those of {looks_like}: choose it as the kind")
    cached = getattr(seen, "cached_at", None)
    if cached:
        told.append(f"counted at {moment(cached)}")
    # The pages have buttons for what the end of a notice says to type.
    notice = re.sub(r"(^|; )QADMIN\..*$", "", getattr(seen, "notice", None) or "", flags=re.DOTALL)
    told += [text for text in (getattr(seen, "sample_error", None), notice) if text]
    return told


def sample(rows: Tuple[Any, ...]) -> Optional[Table]:
    """The rows without columns that are empty in all of them."""
    if not rows:
        return None
    columns = [name for name in rows[0].fields if any(row.fields.get(name) is not None for row in rows)]
    # Unacknowledged messages have no position.
    has_position = any(row.index is not None for row in rows)
    cells = [[row.bytes, *(_cell(name, row.fields.get(name)) for name in columns)] for row in rows]
    if not has_position:
        return Table(["bytes", *columns], cells)
    return Table(["runs", "bytes", *columns], [[_position(row.index), *rest] for row, rest in zip(rows, cells)])


def _position(index: Optional[int]) -> Optional[int]:
    """1 runs next."""
    return -index if index is not None and index < 0 else index


def _cell(name: str, value: Any) -> Any:
    return moment(value) if name in _MOMENTS and isinstance(value, int) else value


def _stats(page: Page, selection: Selection) -> Dict[str, Any]:
    wanted = selection.filter()
    job = _followed(page, selection)
    seen: Any = job
    if job is None:
        seen = page.client(patient=True).stats(
            selection.queue,
            selection.by,
            wanted,
            top=_GROUPS,
            bust="bust" in page.request.GET,
            **selection.options(),
        )
        if seen.mode == "job" and seen.groups is None and seen.job_id:
            seen = job = page.client().status(seen.job_id, selection.queue)
    depth = seen.queue_depth if isinstance(seen, Status) else seen.depth
    failed = _failure(seen) if isinstance(seen, Status) else seen.count_error or ""
    return {
        "seen": seen,
        "job": job,
        "depth": depth,
        "failed": failed,
        "facts": facts(seen, seen.matched),
        "table": _groups(page, selection, seen.groups or ()),
        "other": seen.other if seen.other is not None and seen.other.count else None,
        "ages": _ages(seen.ages),
    }


def _groups(page: Page, selection: Selection, groups: Tuple[Any, ...]) -> Optional[Table]:
    if not groups:
        return None
    has_ages = any(group.oldest_age is not None for group in groups)
    rows: List[List[Any]] = []
    for group in groups:
        within = selection.within(group.values)
        url = page.url("preview", query=within.query()) if within is not None else ""
        age = [duration(group.oldest_age, group.oldest_at_least)] if has_ages else []
        rows.append([url, list(group.values.values()), group.count, group.share / 10, group.bytes, age])
    return Table([*groups[0].values, *(["oldest waits"] if has_ages else [])], rows)


def _ages(ages: Any) -> str:
    if ages is None:
        return ""
    told = []
    if ages.next_age is not None:
        told.append(f"the next message waits {duration(ages.next_age, ages.next_at_least)}")
    if ages.oldest_age is not None:
        told.append(f"the oldest {duration(ages.oldest_age, ages.oldest_at_least)}")
    told.append(f"{number(ages.pushed_per_minute or 0)} in and {number(ages.popped_per_minute or 0)} out per minute")
    if ages.wait_mean_ms is not None:
        told.append(f"messages waited {duration(ages.wait_mean_ms)} on average")
    return ", ".join(told)
