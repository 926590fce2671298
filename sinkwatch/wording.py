"""The product's words: one form for every distance, date and standing sentence."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from sinkwatch.model import (
    ANY_ROCK,
    CONTEXT_KINDS,
    NOT_OPTED_IN,
    PLANNING_KINDS,
    Age,
    EventKind,
    Evidence,
    Frequency,
    SourceStatus,
    Topic,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date, datetime

    from sinkwatch.model import SourceState

LONDON: Final = ZoneInfo("Europe/London")
"""Where readers live: every time is stored in UTC and shown in this zone."""

LIMITS: Final = (
    "This is general information from public records, not a survey or advice about a property, "
    "and not an emergency warning. Records are incomplete and may be out of date; mail can be "
    "late or lost. Do not rely on it to buy, sell, insure or build: ask a chartered engineer or "
    "surveyor. If the ground is moving or a hole opens, keep away and call 999 if anyone is at "
    "risk; then tell the council."
)
"""Standard text of every mail and page."""

NO_RECORDS: Final = "no records in the data we hold"
"""How absence is put: of records, never of hazard."""

EVENT_TITLES: Final = {
    EventKind.APPLICATION_NEW: "New planning application",
    EventKind.APPLICATION_CHANGED: "Planning application changed",
    EventKind.APPLICATION_DECIDED: "Planning application decided",
    EventKind.APPLICATION_WITHDRAWN: "Planning application withdrawn",
    EventKind.APPLICATION_UNLISTED: "Planning application no longer listed",
    EventKind.APPLICATION_APPEALED: "Planning appeal",
    EventKind.SINKHOLE_NEW: "New record of ground collapse or subsidence",
    EventKind.SINKHOLE_CORRECTED: "Record corrected",
    EventKind.SINKHOLE_REMOVED: "Record removed",
    EventKind.BAND_CHANGED: "Your postcode's band changed",
    EventKind.RETRACTED: "What we told you was wrong",
}

FREQUENCIES: Final[Mapping[Frequency, str]] = {
    Frequency.AT_ONCE: "as soon as there is news",
    Frequency.DAILY: "once a day",
    Frequency.WEEKLY: "once a week",
    Frequency.MONTHLY: "once a month",
}
"""How often mail is wanted, if there is anything to tell, as it stands in a sentence."""

_ROCK: Final = "{rock}"
_STARTED_ROCK: Final = "{Rock}"

CONSENT_VERSION: Final = "2026-11"
"""Month in which the words of the consent were last changed; each consent is kept with it."""


def of_rock(text: str, rock: str) -> str:
    """
    Put an area's own word for its rock into a text that leaves it open.

    Parameters
    ----------
    text
        With "{rock}" where the word belongs, or "{Rock}" where that begins a sentence; whatever
        else it holds stays as it is.
    rock
        `Area.rock`, such as "gypsum".

    Returns
    -------
    text
        With the word.
    """
    return text.replace(_ROCK, rock).replace(_STARTED_ROCK, rock[:1].upper() + rock[1:])


def disclaimer(rock: str) -> str:
    """
    Return the short standing text that is on every map.

    Parameters
    ----------
    rock
        `Area.rock`, such as "gypsum".

    Returns
    -------
    text
        Five sentences.
    """
    return (
        f"This map shows where {rock} is thought to lie and where ground collapses have been "
        "recorded. It cannot say whether, where or when the ground will move. Positions are "
        "approximate. It is not a survey, a council map or a BGS product. For a decision about a "
        "property or a planning application, ask a chartered engineer or geologist and check the "
        "council's own map."
    )


def topics(rock: str) -> dict[Topic, str]:
    """
    Return what one may ask to hear of.

    Parameters
    ----------
    rock
        `Area.rock`, such as "gypsum".

    Returns
    -------
    words
        By topic, as they stand in a sentence.
    """
    return {
        Topic.FLAGGED: "flagged planning applications",
        Topic.BELT: f"every planning application where {rock} is present",
        Topic.RECORDS: "records of ground collapse",
        Topic.DECISIONS: "what becomes of planning applications",
    }


def ground_of(rock: str) -> str:
    """
    Name the ground that holds an area's rock.

    Parameters
    ----------
    rock
        `Area.rock`, such as "gypsum".

    Returns
    -------
    words
        Such as "gypsum ground"; an area that has no word of its own has ground that can dissolve.
    """
    return "ground that can dissolve" if rock == ANY_ROCK else f"{rock} ground"


def consent_text(postcodes: Sequence[str]) -> str:
    """
    Return what somebody agrees to who subscribes.

    Parameters
    ----------
    postcodes
        Theirs.

    Returns
    -------
    text
        One sentence.
    """
    return (
        f"I agree to be sent e-mails about ground stability near {' and '.join(postcodes)}, until "
        "I stop them."
    )


SOURCE_STATUSES: Final = {
    SourceStatus.GOOD: "up to date",
    SourceStatus.STALE: "out of date",
    SourceStatus.HELD: "on hold; the last good copy is in use",
    SourceStatus.FAILED: "could not be read; the last good copy is in use",
    SourceStatus.NOT_CONFIGURED: "not set up",
}

_AGES: Final = {Age.FRESH: "", Age.AMBER: "out of date", Age.RED: "long out of date"}

NOTHING_HELD: Final = "could not be read, and no earlier copy is held"
"""How a source stands that failed before it was ever read."""

EVIDENCE_NOTES: Final[Mapping[str, str]] = {
    Evidence.CONFIRMED: "a collapse with a known date, reported by a survey",
    Evidence.PROBABLE: "well reported; dissolution likely but not surveyed",
    Evidence.POSSIBLE: "unconfirmed, or of mixed or unknown cause",
    Evidence.NOT_AN_EVENT: "not an event; shown for context",
}

_LEAST_SHARE_SHOWN: Final = 0.005
"""Of a site's ground: less would be rounded to nothing."""

_FINE_M: Final = 100.0
_MIDDLE_M: Final = 250.0

_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")

# A British telephone number: the trunk 0 or +44, an area code of two digits or more, and the rest.
# Not after "SE " or the like (the figures of a grid reference may begin with 0), nor within a
# planning reference such as 24/03097/FUL.
_PHONE: Final = re.compile(
    r"(?<![\w/.-])(?<!\b[A-Z]{2}\s)"
    r"(?:(?P<abroad>(?:\+|00)44)[\s-]?(?:\(0\)[\s-]?)?\(?\d{2,4}|\(?0\d{2,4})\)?"
    r"(?:[\s-]{0,2}\d{2,}){1,4}(?![\w/-])"
)
_DIGITS_AT_HOME: Final = range(10, 12)
_DIGITS_FROM_ABROAD: Final = range(11, 16)

_TITLE: Final = r"(?:Mr|MR|Mrs|MRS|Ms|MS|Miss|MISS|Mx|MX|Dr|DR|Prof|PROF|Rev|REV)\b\.?"
_CAPITAL: Final = "[A-ZÀ-ÖØ-Þ]"
_WORD: Final = rf"{_CAPITAL}[^\W\d_]*(?:['’-][^\W\d_]+)*(?![\w/])"
_PERSON: Final = re.compile(
    # "12 Springfield Dr" is a street: it is found first, so that what follows it is left alone.
    rf"(?P<street>\b\d+[A-Za-z]?,?\s+(?:{_WORD}\s+){{1,3}}(?:Dr|DR)\b)"
    rf"|\b{_TITLE}(?:\s*(?:&|and|AND)\s*{_TITLE})?\s*"
    rf"(?:{_CAPITAL}\b\.?(?:\s*(?:&|and|AND)\s*|\s*)(?={_CAPITAL}))*"
    rf"(?:(?:van|von|der|de|la|le|du)\s+)*{_WORD}(?:\s+{_WORD}){{0,2}}"
)
_MASK: Final = "[removed]"
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""And their full-width forms, which spreadsheets set up for East Asia read alike."""

_BREAKS: Final = ("\t", "\r", "\n")


def distance_text(distance_m: float) -> str:
    """
    Write a distance no finer than it is known: to 5 m under 100 m, 10 m to 250 m, then 50 m.

    Parameters
    ----------
    distance_m
        Metres, not negative.

    Returns
    -------
    text
        Such as "80 m"; "under 5 m" for almost none.

    Examples
    --------
    >>> distance_text(79.1), distance_text(118), distance_text(312), distance_text(1)
    ('80 m', '120 m', '300 m', 'under 5 m')
    """
    rounded = _to_step(distance_m, round)
    return f"{rounded:,} m" if rounded else "under 5 m"


def about(distance_m: float, uncertainty_m: float) -> str:
    """
    Write a distance with its uncertainty; the uncertainty is rounded up.

    Parameters
    ----------
    distance_m, uncertainty_m
        Metres.

    Returns
    -------
    text
        Such as "about 80 m (± 170 m)".

    Examples
    --------
    >>> about(79.1, 166.2)
    'about 80 m (± 170 m)'
    >>> about(0, 12)
    'under 5 m (± 15 m)'
    """
    distance = distance_text(distance_m)
    close = distance if distance.startswith("under") else f"about {distance}"
    return f"{close} ({plus_minus(uncertainty_m)})"


def plus_minus(uncertainty_m: float) -> str:
    """
    Write an uncertainty, rounded up to the step of a distance of that size.

    Parameters
    ----------
    uncertainty_m
        Metres.

    Returns
    -------
    text
        Such as "± 500 m".

    Examples
    --------
    >>> plus_minus(501)
    '± 550 m'
    """
    return f"± {_to_step(uncertainty_m, math.ceil):,} m"


def _to_step(value_m: float, rounded: Callable[[float], int]) -> int:
    step = 5 if value_m < _FINE_M else 10 if value_m <= _MIDDLE_M else 50
    # A hair off, so that 500.0000001 from a square root is not taken up to the next step.
    return rounded(round(value_m / step, 6)) * step


def date_text(day: date) -> str:
    """
    Write a date in full.

    Parameters
    ----------
    day
        The date.

    Returns
    -------
    text
        Such as "17 February 2014".
    """
    return f"{day.day} {day:%B %Y}"


def month_text(day: date) -> str:
    """
    Write the month of a date.

    Parameters
    ----------
    day
        Any day of it.

    Returns
    -------
    text
        Such as "October 2026".
    """
    return f"{day:%B %Y}"


def joined(texts: Sequence[str]) -> str:
    """
    Write texts as one list.

    Parameters
    ----------
    texts
        In their order.

    Returns
    -------
    text
        Such as "a, b and c"; empty if there are none.

    Examples
    --------
    >>> joined(["HG4 1HS", "HG4 2AB", "HG4 3CD"])
    'HG4 1HS, HG4 2AB and HG4 3CD'
    """
    *others, last = texts or [""]
    return f"{', '.join(others)} and {last}" if others else last


def source_text(state: SourceState) -> str:
    """
    Say how a source stands.

    Parameters
    ----------
    state
        The source.

    Returns
    -------
    text
        Such as "up to date"; it speaks of an earlier copy only where there is one, and says so
        where that copy is old.
    """
    if state.status is SourceStatus.FAILED and state.snapshot is None:
        return NOTHING_HELD
    if state.status is SourceStatus.STALE:
        return _AGES[state.age] or SOURCE_STATUSES[state.status]
    age = f", and {_AGES[state.age]}" if state.age else ""
    return f"{SOURCE_STATUSES[state.status]}{age}"


def bearing(states: Iterable[SourceState]) -> tuple[SourceState, ...]:
    """
    Leave out the sources of which a reader would miss nothing.

    Parameters
    ----------
    states
        How each source stands.

    Returns
    -------
    bearing
        Those in use or in trouble, and one that is not set up only if nothing stands in for it.
    """
    return tuple(state for state in states if _bears(state, states))


def _bears(state: SourceState, states: Iterable[SourceState]) -> bool:
    if state.status is not SourceStatus.NOT_CONFIGURED:
        return True
    if state.spec.kind in CONTEXT_KINDS or state.spec.switched_off == NOT_OPTED_IN:
        return False
    family = PLANNING_KINDS if state.spec.kind in PLANNING_KINDS else {state.spec.kind}
    others = [other for other in states if other.spec.kind in family]
    stands_in = (other.status is not SourceStatus.NOT_CONFIGURED for other in others)
    offered = [other for other in others if other.spec.switched_off != NOT_OPTED_IN]
    return state is offered[0] and not any(stands_in)


def alarming(states: Iterable[SourceState]) -> tuple[SourceState, ...]:
    """
    Pick out the sources in trouble of which readers must hear before anything else.

    Parameters
    ----------
    states
        How each source stands.

    Returns
    -------
    alarming
        Those on which it rests what residents are told, that are stale, on hold or failed.
    """
    in_trouble = (SourceStatus.STALE, SourceStatus.HELD, SourceStatus.FAILED)
    return tuple(
        state
        for state in states
        if state.status in in_trouble and state.spec.kind not in CONTEXT_KINDS
    )


def london_date(moment: datetime) -> date:
    """
    Return the date on which a moment fell for a reader in London.

    Parameters
    ----------
    moment
        Aware time.

    Returns
    -------
    day
        The date there.
    """
    return moment.astimezone(LONDON).date()


def count_text(n: int, one: str, many: str = "") -> str:
    """
    Write a number with its noun.

    Parameters
    ----------
    n
        How many.
    one, many
        The noun in the singular and, where it is irregular, in the plural.

    Returns
    -------
    text
        Such as "1 record" or "12 records".
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def share_text(share: float) -> str:
    """
    Write a share of a site's ground; the smallest is still something.

    Parameters
    ----------
    share
        0 to 1, more than none.

    Returns
    -------
    text
        Such as "62%".

    Examples
    --------
    >>> share_text(0.618), share_text(0.004)
    ('62%', 'under 1%')
    """
    return "under 1%" if share < _LEAST_SHARE_SHOWN else f"{share:.0%}"


def clean(text: str) -> str:
    """
    Make outside text fit to show: composed, without control or direction-changing characters.

    Parameters
    ----------
    text
        As it came.

    Returns
    -------
    text
        On one line.
    """
    if text.isprintable():  # most of what there is, and nothing in it to take out
        return unicodedata.normalize("NFC", " ".join(text.split()))
    # Composed last: what was taken out may have stood between a letter and its accent.
    return unicodedata.normalize("NFC", " ".join(text.translate(_SHOWN).split()))


_UNSHOWN: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})


class _Shown(dict[int, str]):
    """What is shown for each character; each is looked up once."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        is_unshown = unicodedata.category(character) in _UNSHOWN
        self[code] = " " if character.isspace() else "" if is_unshown else character
        return self[code]


_SHOWN: Final = _Shown()


def mask_personal_data(text: str) -> str:
    """
    Take e-mail addresses, telephone numbers and titled names out of a planning text.

    Parameters
    ----------
    text
        As the council publishes it.

    Returns
    -------
    text
        With each of them replaced by "[removed]".

    Examples
    --------
    >>> mask_personal_data("Call Mr A Smith on 01765 123456 or a@b.uk")
    'Call [removed] on [removed] or [removed]'
    """
    masked = _PHONE.sub(_mask_of_phone, _EMAIL.sub(_MASK, text))
    return _PERSON.sub(lambda found: found["street"] or _MASK, masked)


def _mask_of_phone(found: re.Match[str]) -> str:
    digits = sum(character.isdigit() for character in found.group())
    is_phone = digits in (_DIGITS_FROM_ABROAD if found["abroad"] else _DIGITS_AT_HOME)
    return _MASK if is_phone else found.group()


def trimmed(text: str, most: int) -> str:
    """
    Shorten a text at a word's end.

    Parameters
    ----------
    text
        Any text.
    most
        Characters at most, the ellipsis included; one or more.

    Returns
    -------
    text
        The same if it is short enough.
    """
    if len(text) <= most:
        return text
    whole_words, _, _ = text[:most].rpartition(" ")
    return (whole_words or text[: most - 1]).rstrip(",;: ") + "…"


def spreadsheet_cell(text: str) -> str:
    """
    Keep a spreadsheet from taking a text for a formula.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    text
        With an apostrophe before it if a spreadsheet would calculate it.
    """
    is_read = text.startswith(_BREAKS) or text.lstrip().startswith(_FORMULA_STARTS)
    return f"'{text}" if is_read else text
