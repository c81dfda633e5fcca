"""The setting QADMIN: the servers, who may use the pages, and the fields that they show."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Type

import redis
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string
from redis.backoff import NoBackoff
from redis.retry import Retry

from .. import Client, QadminError

# Members of the setting, and those of a server where SERVERS names several.
OF_A_SERVER = ("URL", "CLIENT", "UNACKED")
OF_ALL = ("SERVERS", "PERMISSION", "FIELDS", "GROUPBY")
# The name of the one server of a setting without SERVERS.
ONLY = "default"
# Columns of samples. Those that are empty in all rows are not shown.
FIELDS = ("task", "id", "args", "kwargs", "retries", "eta", "redelivered")
GROUPBY = ("task",)
UNACKED = ("unacked",)
# What a client for a URL waits for, seconds. The server keeps a client for `inline-wait`, or 10 seconds for QUEUES; it
# answers all other commands at once. Those that start a job are sent up to five times.
CONNECT_TIMEOUT = 2
QUICK = 3
PATIENT = 12

# What a page shows as a message instead of its content.
FAILURES: Tuple[Type[Exception], ...] = (QadminError, redis.RedisError, OSError, ImproperlyConfigured)


@dataclass(frozen=True)
class Server:
    """One server, by the name that its pages have in their addresses."""

    name: str
    options: Mapping[str, Any]

    def client(self, *, patient: bool = False) -> Client:
        """The client, one for each process; `patient` for commands whose replies take time. Raises
        ImproperlyConfigured; nothing is sent."""
        return _client(self.name, PATIENT if patient else QUICK)

    @property
    def unacked(self) -> Tuple[str, ...]:
        """The hashes of unacknowledged messages."""
        return tuple(self.options.get("UNACKED", UNACKED))


def setting() -> Mapping[str, Any]:
    """The setting; empty where there is none."""
    found = getattr(settings, "QADMIN", None)
    return found if isinstance(found, Mapping) else {}


def servers() -> Dict[str, Server]:
    """The servers by name, the first one first."""
    named = setting().get("SERVERS")
    if named is None:
        named = {ONLY: setting()}
    return {name: Server(name, options) for name, options in named.items()}


def permission() -> Optional[str]:
    """The permission that the pages need; None: only superusers may use them."""
    return setting().get("PERMISSION")


def fields() -> Sequence[str]:
    """The columns of samples."""
    return tuple(setting().get("FIELDS", FIELDS))


def groupby() -> Sequence[str]:
    """The fields by which the page of a queue counts."""
    return tuple(setting().get("GROUPBY", GROUPBY))


@functools.cache
def _client(name: str, timeout: int) -> Client:
    options = servers()[name].options
    if "CLIENT" in options:
        # It has the time-outs of its maker.
        return Client(_made(name, options["CLIENT"])) if timeout == QUICK else _client(name, QUICK)
    try:
        return Client(
            redis.Redis.from_url(
                options["URL"],
                socket_connect_timeout=CONNECT_TIMEOUT,
                socket_timeout=timeout,
                retry=Retry(NoBackoff(), 0),
            )
        )
    except (KeyError, ValueError, TypeError, AttributeError):
        # The error of redis-py can repeat the URL, and its password with it.
        raise ImproperlyConfigured(f"QADMIN: the URL of server {name} is missing or is not one of redis-py") from None


def _made(name: str, maker: Any) -> Any:
    if isinstance(maker, str):
        try:
            maker = import_string(maker)
        except ImportError as error:
            raise ImproperlyConfigured(f"QADMIN: CLIENT of server {name}: {error}") from error
    if not callable(maker):
        raise ImproperlyConfigured(f"QADMIN: CLIENT of server {name} is not a function that returns a client")
    return maker()


def _forget(*, setting: str, **_: Any) -> None:
    """Tests change settings."""
    if setting == "QADMIN":
        _client.cache_clear()


setting_changed.connect(_forget, dispatch_uid="qadmin.django")


def check_setting(app_configs: Any, **_: Any) -> List[checks.CheckMessage]:
    """A check of Django: the setting is there, and has no member that does nothing."""
    found = getattr(settings, "QADMIN", None)
    if not isinstance(found, Mapping):
        return [checks.Error('the setting QADMIN must be a dict, such as {"URL": "redis://..."}', id="qadmin.E001")]
    wrong: List[str] = []
    several = found.get("SERVERS")
    wrong += [f"unknown member {name!r}" for name in found if name not in (*OF_A_SERVER, *OF_ALL)]
    if several is None:
        wrong += _wrong_server("QADMIN", found)
    elif not isinstance(several, Mapping) or not several:
        wrong.append("SERVERS must be a dict of servers by name")
    else:
        wrong += [f"{name} belongs into SERVERS" for name in OF_A_SERVER if name in found]
        for name, options in several.items():
            wrong += _wrong_server(f"server {name!r}", options)
            if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
                wrong.append(f"the name {name!r} is not of letters, digits, hyphens and underscores")
            if isinstance(options, Mapping):
                wrong += [f"server {name!r}: unknown member {key!r}" for key in options if key not in OF_A_SERVER]
    named = found.get("PERMISSION")
    if named is not None and (not isinstance(named, str) or "." not in named):
        wrong.append("PERMISSION must be like 'qadmin.use_queues'")
    wrong += [f"{name} must be a list of names" for name in ("FIELDS", "GROUPBY") if isinstance(found.get(name), str)]
    return [checks.Error(f"the setting QADMIN: {text}", id="qadmin.E002") for text in wrong]


def _wrong_server(what: str, options: Any) -> List[str]:
    if not isinstance(options, Mapping):
        return [f"{what} must be a dict"]
    if ("URL" in options) == ("CLIENT" in options):
        return [f"{what} needs either URL or CLIENT"]
    return [f"{what}: UNACKED must be a list of keys"] if isinstance(options.get("UNACKED"), str) else []
