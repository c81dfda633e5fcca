"""A project with the pages in two sites of the admin, for the tests. Its pages forbid inline scripts and styles."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Callable

import django
import redis
from django.conf import settings

FOLDER = Path(tempfile.mkdtemp(prefix="qadmin-django-"))
POLICY = "default-src 'self'"


def policy(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A middleware that sends the policy."""

    def called(request: Any) -> Any:
        response = get_response(request)
        response["Content-Security-Policy"] = POLICY
        return response

    return called


def client() -> Any:
    """The CLIENT of a setting: a client for the port that another setting names, which decodes replies."""
    return redis.Redis(port=settings.QADMIN_TEST_PORT, decode_responses=True)


def configure() -> None:
    """Settings of a small project as `startproject` makes it, and the tables of its database."""
    contrib = [
        f"django.contrib.{name}" for name in ("admin", "auth", "contenttypes", "sessions", "messages", "staticfiles")
    ]
    middleware = [
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
        "admin.project.policy",
    ]
    processors = [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]
    templates = "django.template.backends.django.DjangoTemplates"
    settings.configure(
        SECRET_KEY="for tests",
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=[*contrib, "qadmin.django"],
        MIDDLEWARE=middleware,
        ROOT_URLCONF="admin.urls",
        TEMPLATES=[{"BACKEND": templates, "APP_DIRS": True, "OPTIONS": {"context_processors": processors}}],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": FOLDER / "db.sqlite3",
                "ATOMIC_REQUESTS": True,
                "OPTIONS": {"timeout": 60},
            }
        },
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        STATIC_URL="/static/",
        USE_TZ=True,
        QADMIN={"URL": "redis://127.0.0.1:1"},
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
