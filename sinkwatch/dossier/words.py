"""How a pack puts other people's words, numbers of things and days into its own sentences."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sinkwatch import public, wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinkwatch.model import SourceState

QUOTED_LENGTH: Final = 240
"""Longest text that is quoted within a sentence, characters; tables carry the whole."""

_QUOTES: Final = str.maketrans({"“": "'", "”": "'"})
_KILOMETRE_M: Final = 1_000.0
_BOTH: Final = 2

_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DATE: Final = re.compile(
    rf"(?:(?:\b([0-3]?[0-9])\s+)?\b({'|'.join(_MONTHS)})\s+)?"
    r"\b(1[5-9][0-9]{2}|20[0-9]{2})(?![0-9])"
)

Day = tuple[int, int, int]
"""Year, month and day; 0 for what is not said."""

UNDATED: Final[Day] = (0, 0, 0)
"""Of a text that names no year."""


def fit(text: str) -> str:
    """
    Make outside text fit to stand by itself in a table or a title.

    Parameters
    ----------
    text
        As it came.

    Returns
    -------
    text
        On one line, with personal data masked.
    """
    return wording.mask_personal_data(wording.clean(text))


def quoted(text: str, most: int = QUOTED_LENGTH) -> str:
    """
    Put outside text in a sentence of ours, where it can end neither its quotation nor the line.

    Parameters
    ----------
    text
        As it came.
    most
        Characters at most, quotation marks not counted.

    Returns
    -------
    text
        Cleaned, masked, trimmed, in “ ”.

    Examples
    --------
    >>> quoted("the “old” yard")
    "“the 'old' yard”"
    """
    return f"“{wording.trimmed(fit(text).translate(_QUOTES), most)}”"


def far(distance_m: float) -> str:
    """
    Write a search distance, which is round by design.

    Parameters
    ----------
    distance_m
        Metres.

    Returns
    -------
    text
        Such as "250 m" or "1 km".

    Examples
    --------
    >>> far(250.0), far(1_000.0), far(1_500.0)
    ('250 m', '1 km', '1.5 km')
    """
    if distance_m < _KILOMETRE_M:
        return f"{distance_m:g} m"
    return f"{distance_m / _KILOMETRE_M:g} km"


def numbered(numbers: Sequence[int]) -> str:
    """
    Name records by their numbers.

    Parameters
    ----------
    numbers
        Theirs, one or more.

    Returns
    -------
    text
        Such as "no. 2" or "nos 1, 3 and 4".
    """
    listed = wording.joined([str(number) for number in numbers])
    return f"no. {listed}" if len(numbers) == 1 else f"nos {listed}"


def verb(n: int, one: str, many: str) -> str:
    """
    Choose the form of a verb that a number asks for.

    Parameters
    ----------
    n
        How many.
    one, many
        Its forms, such as "lies" and "lie".

    Returns
    -------
    verb
        One of them.
    """
    return one if n == 1 else many


def out_of(n: int, total: int, one: str) -> str:
    """
    Write how many of some things, never without how many there are.

    Parameters
    ----------
    n, total
        How many, of how many; one or more.
    one
        What they are, in the singular.

    Returns
    -------
    text
        Such as "3 of the 17 records", "all 6 records", "both records" or "the only record".

    Examples
    --------
    >>> out_of(3, 17, "record"), out_of(6, 6, "record"), out_of(1, 1, "record")
    ('3 of the 17 records', 'all 6 records', 'the only record')
    """
    if total == 1:
        return f"the only {one}"
    if n < total:
        return f"{n} of the {total} {one}s"
    return f"both {one}s" if n == _BOTH else f"all {n} {one}s"


def started(text: str) -> str:
    """
    Begin a sentence.

    Parameters
    ----------
    text
        Its words.

    Returns
    -------
    text
        With a capital.
    """
    return f"{text[0].upper()}{text[1:]}"


def latest_day(text: str) -> Day:
    """
    Return the latest day, month or year that a text names, to put texts in order.

    Parameters
    ----------
    text
        Such as "November 2011 or November 2010 (inferred)".

    Returns
    -------
    day
        `UNDATED` if it names none.

    Examples
    --------
    >>> latest_day("by 13 November 2017"), latest_day("the 1850s"), latest_day("not recorded")
    ((2017, 11, 13), (1850, 0, 0), (0, 0, 0))
    """
    found = (
        (int(year), _MONTHS.index(month) + 1 if month else 0, int(day or 0))
        for day, month, year in _DATE.findall(text)
    )
    return max(found, default=UNDATED)


def edition(state: SourceState) -> str:
    """
    Name a source with the edition of it that is used.

    Parameters
    ----------
    state
        The source.

    Returns
    -------
    text
        Its title in “ ”, and its edition, or when it was had, or that nothing of it is held.
    """
    title = quoted(state.spec.title)
    if state.snapshot is None:
        return f"{title} ({wording.source_text(state)})"
    named = public.edition_text(state.snapshot.edition)
    if not named:
        day = wording.date_text(wording.london_date(state.snapshot.retrieved_at))
        return f"{title}, retrieved {day}"
    # A date in words is ours; whatever else an edition is called is its maker's.
    return f"{title}, edition {named if latest_day(named) != UNDATED else quoted(named)}"
