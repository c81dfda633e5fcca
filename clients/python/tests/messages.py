"""Messages as Celery's protocol 2 has them."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any, Iterable


def message(task: str = "app.send", *args: Any, headers: Any = None, **kwargs: Any) -> str:
    body = base64.b64encode(json.dumps([list(args), kwargs, {}]).encode()).decode()
    head = {"task": task, "id": str(uuid.uuid4()), "retries": 0, "lang": "py", **(headers or {})}
    properties = {"body_encoding": "base64", "delivery_tag": str(uuid.uuid4()), "priority": 0}
    kinds = {"content-type": "application/json", "content-encoding": "utf-8"}
    return json.dumps({"body": body, "headers": head, "properties": properties, **kinds})


def fill(redis: Any, queue: Any, messages: Iterable[str]) -> int:
    """Pushes messages as kombu does; the first runs next."""
    texts = list(messages)
    if texts:
        redis.lpush(queue, *texts)
    return len(texts)


def some(count: int, task: str = "app.send") -> "list[str]":
    """Messages with `kwargs.account` from 0 to 9, again and again."""
    return [message(task, f"a{at}", account=at % 10) for at in range(count)]
