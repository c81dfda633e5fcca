"""What pages show of texts, numbers and times that come from Redis."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any, Optional
from urllib.parse import quote, unquote_to_bytes

# Half of a pair of UTF-16. In replies such a character stands for a byte that is not UTF-8.
_SURROGATE = re.compile("[\ud800-\udfff]")
# The limit of a name of an actor, bytes.
_ACTOR_MAX = 256


def shown(value: Any) -> str:
    """The value as a text of printable characters. All others (controls, marks that change the direction of text,
    bytes that are not UTF-8) are escaped."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list, tuple)) else str(value)
    return text if text.isprintable() else "".join(map(_shown_character, text))


def _shown_character(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if character.isprintable():
        return character
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{{{code:x}}}"


def encodable(text: str) -> str:
    """The text without characters that a page in UTF-8 cannot have."""
    return _SURROGATE.sub(lambda match: _shown_character(match.group()), text)


def token(name: str) -> str:
    """The name of a key as ASCII: addresses and fields of forms cannot have all bytes. Usual names stay as they are."""
    return quote(name.encode(errors="surrogateescape"), safe="/:{}@,+*!()' ")


def named(text: str) -> str:
    """The name of a key from its token."""
    return unquote_to_bytes(text).decode(errors="surrogateescape")


def confirmed(typed: str, name: str) -> str:
    """The name that a person typed; `name` itself if they typed what the page shows of it."""
    return name if typed == shown(name) else typed


def actor(name: str) -> str:
    """The name of a user, as long as an ACTOR may be."""
    return name.encode(errors="replace")[:_ACTOR_MAX].decode(errors="ignore")


def duration(milliseconds: Optional[int], at_least: Any = False) -> str:
    """A time that passed, in two digits or three."""
    if milliseconds is None:
        return ""
    amount, unit = float(milliseconds), "ms"
    for size, larger in ((1_000, "s"), (60, "min"), (60, "h"), (24, "d")):
        if amount < size:
            break
        amount, unit = amount / size, larger
    text = f"{amount:.1f}" if amount < 10 and unit != "ms" else f"{amount:.0f}"
    return f"{'≥ ' if at_least else ''}{text.removesuffix('.0')} {unit}"


def moment(milliseconds: Optional[int]) -> str:
    """A time as text, in UTC."""
    if milliseconds is None:
        return ""
    try:
        when = dt.datetime.fromtimestamp(milliseconds / 1_000, dt.timezone.utc)
    except (OverflowError, ValueError, OSError):
        return str(milliseconds)
    return when.strftime("%Y-%m-%d %H:%M:%S UTC")


def number(value: Optional[int]) -> str:
    """A number with its thousands separated."""
    return "" if value is None else f"{value:,}"


def size(value: Optional[int]) -> str:
    """A number of bytes."""
    if value is None:
        return ""
    amount, unit = float(value), "B"
    for larger in ("kB", "MB", "GB"):
        if amount < 1_000:
            break
        amount, unit = amount / 1_000, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
