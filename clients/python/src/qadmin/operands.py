"""Python's values as operands of a filter.

The module decides by its text what an operand is compared as: `12` is a number, `true` a boolean. A text that would be
read as another value than itself is put between double quotes, as docs/filter.md says. Which texts these are is decided
here by the same rules, because quotes around any other text would be part of it.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, List, Mapping, Optional, Sequence, Union

from .errors import FilterError

# The fields that are not compared as any value, and what they are compared as. docs/filter.md has the table.
KINDS = {
    **dict.fromkeys(("enqueued", "eta", "expires", "arrived"), "time"),
    **dict.fromkeys(("retries", "priority", "bytes"), "integer"),
    **dict.fromkeys(("redelivered", "undecodable"), "flag"),
    "age": "duration",
}


@dataclass(frozen=True)
class Raw:
    """An operand as one types it after an operator, without any quoting by the client: `Raw("now-1d")`."""

    text: str


Value = Union[
    None, bool, int, float, str, Decimal, uuid.UUID, dt.datetime, dt.timedelta, Raw, Sequence[Any], Mapping[str, Any]
]

_INTEGER = re.compile(rb"-?[0-9]+")
_DECIMAL = re.compile(rb"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
_STRING = rb'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"'
_NUMBER = rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_TOKEN = re.compile(
    rb"[ \n\r\t]*(?:(?P<mark>[\[\]{},:])|(?P<string>" + _STRING + rb")"
    rb"|(?P<word>null|true|false|NaN|-?Infinity)|(?P<number>" + _NUMBER + rb"))"
)
# The module limits the exponents of numbers to these.
_EXPONENT_MAX = 1 << 60
_MAGNITUDE_MAX = 1 << 59
# A longer run of zeros is written as an exponent.
_ZEROS_MAX = 20


def operand(field: str, value: Value, *, ordered: bool = False) -> bytes:
    """Returns the operand that means `value` in a condition on `field`.

    `ordered` is true for `<`, `<=`, `>` and `>=`. They compare numbers and times only, so a text after them is an
    operand as one types it (`2h`, `now-1d`), as it is for fields that are numbers and times.

    Raises FilterError for a value that no message can hold or that no operand can mean.
    """
    kind = KINDS.get(field, "value")
    if isinstance(value, Raw):
        return _encoded(value.text)
    if isinstance(value, str):
        return _encoded(value) if ordered or kind != "value" else text_operand(_encoded(value))
    written = _encoded(_written(field, kind, value, ordered))
    # In another spelling it would also mean the string that is spelled like that.
    if isinstance(value, (float, Decimal)):
        return shortest(written) or written
    return (compact(written) or written) if isinstance(value, (list, tuple, dict)) else written


def _written(field: str, kind: str, value: Value, ordered: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # Enumerations and the numbers of other packages are written as the numbers that they are.
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, (float, Decimal)) and math.isfinite(value):
        return float.__repr__(value) if isinstance(value, float) else str(value)
    if isinstance(value, dt.datetime):
        if value.utcoffset() is None:
            raise FilterError(f"{field}: a datetime needs a time zone, because messages come from other machines")
        return value.astimezone(dt.timezone.utc).replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, dt.timedelta) and kind == "duration":
        return str(value // dt.timedelta(milliseconds=1))
    if isinstance(value, (list, tuple, dict)) and not ordered:
        try:
            return json.dumps(value, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise FilterError(f"{field}: {error}") from error
    raise FilterError(f"{field} cannot be compared with {value!r}")


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise FilterError(f"{text!r} is not a sequence of characters, so it is equal to nothing") from error


def text_operand(text: bytes) -> bytes:
    """Returns the operand that means this text, given in UTF-8.

    A text that spells an integer, a UUID or a moment also means the other values that the module takes for the same
    one: docs/filter.md, "How values compare".
    """
    return b'"' + text + b'"' if needs_quotes(text) else text


def needs_quotes(text: bytes) -> bool:
    """Returns whether the text, without all quotes around it, is empty or spells a value in another way than the
    module shows it."""
    while len(text) > 1 and text.startswith(b'"') and text.endswith(b'"'):
        text = text[1:-1]
    if not text or text in (b"True", b"False"):
        return True
    if text[:1] in b"-0123456789":
        shown = None if _INTEGER.fullmatch(text) else shortest(text)
    elif text[:1] in b"[{":
        shown = compact(text)
    else:
        return False
    return shown is not None and shown != text


def shortest(text: bytes) -> Optional[bytes]:
    """Returns the module's text for a decimal number of any size; None if this is none."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return None
    sign, whole, fraction, exponent = match.group(1), match.group(2), match.group(3) or b"", match.group(4) or b"0"
    power = max(-_EXPONENT_MAX, min(_EXPONENT_MAX, int(exponent)))
    whole = whole.lstrip(b"0")
    digits = fraction if whole else fraction.lstrip(b"0")
    magnitude = len(whole) + power if whole else power - (len(fraction) - len(digits))
    digits = (whole + digits).rstrip(b"0")
    if not digits:
        return b"0"
    magnitude = max(-_MAGNITUDE_MAX, min(_MAGNITUDE_MAX, magnitude))
    count = len(digits)
    if 0 <= magnitude - count <= _ZEROS_MAX:
        return sign + digits + b"0" * (magnitude - count)
    if 0 < magnitude < count:
        return sign + digits[:magnitude] + b"." + digits[magnitude:]
    if -_ZEROS_MAX < magnitude <= 0:
        return sign + b"0." + b"0" * -magnitude + digits
    return sign + digits + b"e%d" % (magnitude - count)


def compact(text: bytes) -> Optional[bytes]:
    """Returns the module's text for an array or an object; None if this is not one JSON value that is valid."""
    out: List[bytes] = []
    closing: List[bytes] = []
    at = 0
    # What may come next: a value, a value or the end of an empty array, a key, a key or the end of an empty object, a
    # colon, or what follows a value.
    state = "value"
    while state != "after" or closing:
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        at = match.end()
        token = match.group(match.lastgroup or 0)
        taken = _next_state(state, token, match.lastgroup == "string", closing)
        if taken is None:
            return None
        state = taken
        out.append(_compact_token(token, match.lastgroup or ""))
    return b"".join(out) if not text[at:].strip(b" \n\r\t") else None


def _next_state(state: str, token: bytes, is_string: bool, closing: List[bytes]) -> Optional[str]:
    """Returns the state after the token; None if it may not stand there. `closing` has the brackets to come."""
    if state in ("value", "value or end") and token in (b"[", b"{"):
        closing.append(b"]" if token == b"[" else b"}")
        return "value or end" if token == b"[" else "key or end"
    if token in (b"]", b"}") and closing and token == closing[-1] and state in ("after", "value or end", "key or end"):
        closing.pop()
        return "after"
    if token in (b"[", b"]", b"{", b"}"):
        return None
    if state == "after":
        return ("value" if closing[-1] == b"]" else "key") if token == b"," else None
    if state == "colon":
        return "value" if token == b":" else None
    if token in (b",", b":"):
        return None
    if state in ("key", "key or end"):
        return "colon" if is_string else None
    return "after"


def _compact_token(token: bytes, kind: str) -> bytes:
    if kind == "number":
        return shortest(token) or token
    if kind != "string":
        return token
    try:
        decoded = json.loads(token.decode(), strict=True).encode()
    except UnicodeError:
        return token
    return b'"' + re.sub(rb'["\\\x00-\x1f]', _escaped, decoded) + b'"'


def _escaped(match: "re.Match[bytes]") -> bytes:
    byte = match.group()
    return b"\\" + byte if byte in b'"\\' else b"\\u%04x" % byte[0]
