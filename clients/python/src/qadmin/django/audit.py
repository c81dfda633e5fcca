"""Entries in the admin's log. An entry is written before its command is sent, so that nothing is changed without one;
where the server refuses the command, the entry is taken back."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType

from .models import Queue
from .texts import shown

# The longest text of what an entry is about.
_NAME_MAX = 200
_UNCERTAIN = "; no reply came, so it is not known whether it was done"


class Entry:
    """The entry of one action."""

    def __init__(self, page: Any, job_id: str, queue: str, text: str, *, is_deletion: bool = False) -> None:
        self.row = LogEntry(
            user_id=page.request.user.pk,
            content_type_id=ContentType.objects.get_for_model(Queue, for_concrete_model=False).pk,
            # The admin makes a link of it, which leads to the job.
            object_id=f"{page.server.name}:{job_id}",
            object_repr=shown(queue)[:_NAME_MAX],
            action_flag=DELETION if is_deletion else CHANGE,
            change_message=shown(text),
        )
        self.row.save()

    def lost(self) -> None:
        """No reply came."""
        self.add(_UNCERTAIN)

    def merge(self) -> bool:
        """Removes it if the log has another entry of the same job, and returns whether it has.

        The server said that it knows the job. It says so as well where the client sent the command again after a lost
        reply, and then there is no other entry.
        """
        others = LogEntry.objects.filter(object_id=self.row.object_id, content_type=self.row.content_type)
        others = others.exclude(pk=self.row.pk)
        if not others.exists():
            return False
        for row in others.filter(change_message__endswith=_UNCERTAIN):
            row.change_message += "; it was"
            row.save()
        self.withdraw()
        return True

    def add(self, text: str) -> None:
        """Adds what is known only now."""
        self.row.change_message += shown(text)
        self.row.save()

    def withdraw(self) -> None:
        """Removes it: nothing was changed."""
        self.row.delete()
