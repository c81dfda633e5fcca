"""The entry in the index of the admin, and the addresses of its pages.

The application registers itself with the default site of the admin. Another site takes it with
`site.register(Queue, QueueAdmin)`.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, List, Optional

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from . import actions, conf, views
from .models import Queue
from .page import Page

View = Callable[..., HttpResponse]


class QueueAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The pages. Only superusers may use them, or those who have the permission that QADMIN names."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user: Any = request.user
        needed = conf.permission()
        return bool(user.is_active and (user.has_perm(needed) if needed else user.is_superuser))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> List[Any]:
        """The pages. Those that the admin has for the rows of a table do not exist."""

        def page(route: str, view: View, name: str, *, is_action: bool = False) -> Any:
            return path(f"<str:server>/{route}", self._guarded(view, is_action), name=f"qadmin_{name}")

        return [
            path("", self._guarded(views.first), name="qadmin_queue_changelist"),
            # Where links of the admin's log lead.
            path("<path:object_id>/change/", self._guarded(views.logged), name="qadmin_queue_change"),
            page("", views.queues, "queues"),
            page("queue/", views.queue, "queue"),
            page("preview/", views.preview, "preview"),
            page("preview/act/", actions.act, "act", is_action=True),
            page("jobs/", views.jobs, "jobs"),
            page("jobs/<uuid:job_id>/", views.job, "job"),
            page("jobs/<uuid:job_id>/undo/", actions.undo, "undo", is_action=True),
            page("jobs/<uuid:job_id>/<str:command>/", actions.control, "control", is_action=True),
        ]

    def _guarded(self, view: View, is_action: bool = False) -> View:
        def called(request: HttpRequest, server: Optional[str] = None, **arguments: Any) -> HttpResponse:
            if not self.has_view_permission(request):
                raise PermissionDenied
            return view(Page(self, request, server or next(iter(conf.servers()), "")), **arguments)

        guarded: View = self.admin_site.admin_view(called if is_action else require_safe(called))
        functools.update_wrapper(guarded, view)
        # An entry of the log is to be there before its command is sent, whatever happens afterwards.
        for alias in connections:
            guarded = transaction.non_atomic_requests(using=alias)(guarded)
        return guarded


admin.site.register(Queue, QueueAdmin)
