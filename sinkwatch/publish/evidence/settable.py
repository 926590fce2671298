"""Texts that a page can be set from: each character has a shape, each word somewhere to break."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from sinkwatch import wording
from sinkwatch.publish.evidence import typeface

_AS_IS: Final = frozenset({"art", "map", "locator", "url", "colour", "hatch", "colours", "layout"})
"""What is no text to be read."""

# Typst breaks a word at its hyphens and strokes; a part longer than this is given places to break
# at, which stay in the text when somebody searches or copies it: so no English word is cut.
_LONG_PART: Final = re.compile(r"[^\s/-]{40,}|[^\s/.-]{24,}")
_BREAK: Final = "\u200b"
_PIECE: Final = 6


def settable(value: object) -> object:
    """
    Return data of which every text can be set: no character without a shape, no endless word.

    Parameters
    ----------
    value
        Texts, numbers, lists and mappings of them.

    Returns
    -------
    value
        The same, each text cleaned and on one line.
    """
    if isinstance(value, str):
        return _breakable(typeface.shown(wording.clean(value)))
    if isinstance(value, Mapping):
        return {key: each if key in _AS_IS else settable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [settable(each) for each in value]
    return value


def _breakable(text: str) -> str:
    return _LONG_PART.sub(
        lambda part: _BREAK.join(
            part[0][start : start + _PIECE] for start in range(0, len(part[0]), _PIECE)
        ),
        text,
    )


def shortened(text: str, n_characters: int) -> str:
    """
    Cut a text that is far too long for where it stands.

    Parameters
    ----------
    text
        Any text.
    n_characters
        How many of it there is room for.

    Returns
    -------
    text
        The same, or its beginning and "…".
    """
    return text if len(text) <= n_characters else f"{text[: n_characters - 1].rstrip()}…"


def stopped(text: str) -> str:
    """
    End a text as a sentence ends.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    text
        With a full stop, unless it has one or is empty.
    """
    return text if not text or text.endswith((".", "…")) else f"{text}."
