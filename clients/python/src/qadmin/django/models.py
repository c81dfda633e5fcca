"""What stands for the queues in the index of the admin, in permissions and in its log. It has no table."""

from __future__ import annotations

from django.db import models


class Queue(models.Model):
    """A queue. No row of it is ever read or written: the queues are in Redis.

    The application has no migrations, so nothing is created for it in the database.
    """

    name: models.CharField[str, str] = models.CharField(primary_key=True, max_length=255)

    class Meta:
        managed = False
        default_permissions = ()
        permissions = (("use_queues", "Can see, clear and restore messages of queues"),)
        verbose_name = "queue"
        verbose_name_plural = "queues"

    def __str__(self) -> str:
        return str(self.name)
