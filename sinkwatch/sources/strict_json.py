"""JSON from outside, read only if it can mean one thing and fits in memory."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Final

from sinkwatch.errors import SchemaError

MOST_DEPTH: Final = 64
"""Deepest nesting (sinkwatch data gates)."""

MOST_CHARACTERS: Final = 10_000
"""Longest text (sinkwatch data gates)."""

MOST_ITEMS: Final = 200_000
"""Most features or records in one list (sinkwatch data gates)."""

_MOST_SHOWN: Final = 40
_SPACE: Final = b" \t\r\n"


class _BrokenRuleError(ValueError):
    """A rule is broken; its words are the fault."""


def strict_json(content: bytes, *, name: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """
    Read JSON, and refuse what two readers could understand differently.

    Parameters
    ----------
    content
        As it came; UTF-8.
    name
        What it is, for the message.

    Returns
    -------
    value
        A dict or a list of finite numbers, texts, booleans, None, dicts and lists.

    Raises
    ------
    SchemaError
        If it does not begin with ``{`` or ``[`` (an error page with status 200 is HTML), is not
        UTF-8 or not JSON, repeats a key, holds NaN, infinity or a number beyond all floats, or
        goes beyond `MOST_DEPTH`, `MOST_CHARACTERS` or `MOST_ITEMS`.
    """
    try:
        value = _parsed(content)
        _check_whole(value)
    except _BrokenRuleError as error:
        raise _refusal(name, str(error)) from error
    except RecursionError as error:
        raise _refusal(name, f"it is nested deeper than {MOST_DEPTH}") from error
    return value


def _refusal(name: str, fault: str) -> SchemaError:
    return SchemaError(name, [fault], "Nothing of it has been used; the next run asks again")


def _parsed(content: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    if content.lstrip(_SPACE)[:1] not in (b"{", b"["):
        begin = content[:_MOST_SHOWN].decode("ascii", errors="replace")
        raise _BrokenRuleError(f'it begins with "{begin}" and not with {{ or [, so it is no JSON')
    try:
        return json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
    except UnicodeDecodeError as error:
        raise _BrokenRuleError(f"byte {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise _BrokenRuleError(f"it is not whole JSON ({error})") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise _BrokenRuleError(f'key "{repeated[:_MOST_SHOWN]}" is there twice')
    return found


def _constant(text: str) -> float:
    raise _BrokenRuleError(f"{text} is not a finite number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _constant(text[:_MOST_SHOWN])
    return value


def _whole(text: str) -> int:
    if not math.isfinite(float(text)):
        _constant(f"{text[:_MOST_SHOWN]}…")
    return int(text)


def _check_whole(value: object) -> None:
    """Walk through without recursion, however deep it is."""
    level, depth = [value], 1
    while level:
        if depth > MOST_DEPTH:
            raise _BrokenRuleError(f"it is nested deeper than {MOST_DEPTH}")
        level = [
            held
            for container in level
            for held in _held(container)
            if isinstance(held, dict | list) or _check_text(held)
        ]
        depth += 1


def _held(container: object) -> Iterator[object]:
    if isinstance(container, list):
        if len(container) > MOST_ITEMS:
            raise _BrokenRuleError(
                f"a list of {len(container):,} items is longer than {MOST_ITEMS:,}"
            )
        yield from container
    elif isinstance(container, dict):
        yield from container.keys()
        yield from container.values()


def _check_text(held: object) -> bool:
    """Refuse a text that is too long or no text at all; False, since it holds nothing more."""
    if isinstance(held, str):
        if len(held) > MOST_CHARACTERS:
            raise _BrokenRuleError(
                f"a text of {len(held):,} characters is longer than {MOST_CHARACTERS:,}"
            )
        if not held.isascii() and any("\ud800" <= character <= "\udfff" for character in held):
            raise _BrokenRuleError("a text holds half of a character (a lone surrogate)")
    return False
