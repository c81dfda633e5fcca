"""The application."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks


class QueuesConfig(AppConfig):
    """Its label is that of the package, because `django` would say nothing in tables and permissions."""

    name = "qadmin.django"
    label = "qadmin"
    verbose_name = "Queues"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import conf

        checks.register(conf.check_setting)
