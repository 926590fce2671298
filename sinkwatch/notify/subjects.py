"""What stands in the subject and the heading of a digest: places and counts, nothing finer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sinkwatch import wording
from sinkwatch.model import EventKind, MailKind
from sinkwatch.notify import items
from sinkwatch.notify.stationery import templates

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from sinkwatch.model import Digest
    from sinkwatch.notify.items import Item

MOST_SUBJECT: Final = 78
"""Characters of a subject: one header line."""

_MOST_PLACES: Final = 3
"""Named one by one; of more, the first and how many there are besides."""


def subject(digest: Digest, today: date, *, gaps: Sequence[str] = ()) -> str:
    """
    Compose the subject: postcodes and a count, nothing more exact and nothing alarming.

    Parameters
    ----------
    digest
        The digest.
    today
        Date of the mail, Europe/London.
    gaps
        What of a quiet month could not be read.

    Returns
    -------
    subject
        Such as "HG4 1HS: 1 planning application near you"; at most `MOST_SUBJECT` characters.
    """
    found = items.of(digest, today)
    postcodes = concerned(digest, found)
    template = templates().get_template("digest_subject.txt")
    composed = ""
    for words in _wordings(digest, found, gaps):
        for places in (named(postcodes), _counted(postcodes)):
            composed = template.render(places=places, words=words).strip()
            if len(composed) <= MOST_SUBJECT:
                return composed
    return wording.trimmed(composed, MOST_SUBJECT)


def heading(digest: Digest, today: date, *, gaps: Sequence[str] = ()) -> str:
    """
    Compose the heading that stands above the mail.

    Parameters
    ----------
    digest
        The digest.
    today
        Date of the mail, Europe/London.
    gaps
        What of a quiet month could not be read.

    Returns
    -------
    heading
        Such as "What is new near HG4 1HS and HG4 2AB".
    """
    found = items.of(digest, today)
    if digest.kind is MailKind.QUIET:
        return _first_upper(_quiet(digest, gaps))
    if digest.kind is MailKind.CORRECTION:
        return _first_upper(_correction(found))
    return f"What is new near {named(concerned(digest, found))}"


def concerned(digest: Digest, found: Sequence[Item]) -> tuple[str, ...]:
    """
    Pick out the places that a digest concerns.

    Parameters
    ----------
    digest
        The digest.
    found
        Its items.

    Returns
    -------
    postcodes
        In the subscriber's order; all of them if something is not mapped, or nothing is told.
    """
    postcodes = [place.postcode for place in digest.subscriber.subscriptions]
    near = [code for code in postcodes if any(item.concerns(code) for item in found)]
    return tuple(wording.clean(postcode) for postcode in near or postcodes)


def named(postcodes: Sequence[str]) -> str:
    """
    Name some places.

    Parameters
    ----------
    postcodes
        One or more.

    Returns
    -------
    text
        Such as "HG4 1HS and HG4 2AB", or "HG4 1HS and 3 more places".
    """
    return wording.joined(postcodes) if len(postcodes) <= _MOST_PLACES else _counted(postcodes)


def _counted(postcodes: Sequence[str]) -> str:
    if len(postcodes) == 1:
        return postcodes[0]
    return f"{postcodes[0]} and {wording.count_text(len(postcodes) - 1, 'more place')}"


def _wordings(digest: Digest, found: Sequence[Item], gaps: Sequence[str]) -> Iterable[str]:
    """Yield what may follow the places, the longest first."""
    if digest.kind is MailKind.QUIET:
        yield _quiet(digest, gaps)
    elif digest.kind is MailKind.CORRECTION:
        yield _correction(found)
    else:
        label = "catch-up, " if digest.silent_since is not None else ""
        yield f"{label}{_counts(found)}"
        yield f"{label}{wording.count_text(len(found), 'change')}"


def _quiet(digest: Digest, gaps: Sequence[str]) -> str:
    month = "" if digest.quiet_month is None else wording.month_text(digest.quiet_month)
    return f"what could not be read in {month}" if gaps else f"nothing to tell for {month}"


def _correction(found: Sequence[Item]) -> str:
    words = "a correction" if len(found) == 1 else "corrections"
    return f"{words} to what we told you"


def _counts(found: Sequence[Item]) -> str:
    near = [
        wording.count_text(n, noun)
        for noun, kinds in _NOUNS
        if (n := sum(item.first.event.kind in kinds and _is_mapped(item) for item in found))
    ]
    n_unmapped = sum(not _is_mapped(item) and not item.is_own_band for item in found)
    n_bands = sum(item.is_own_band for item in found)
    parts = [
        f"{wording.joined(near)} near you" if near else "",
        f"{wording.count_text(n_unmapped, 'change')} not mapped" if n_unmapped else "",
        "your postcode's band changed" if n_bands == 1 else "",
        f"bands of {n_bands} of your postcodes changed" if n_bands > 1 else "",
    ]
    return ", ".join(part for part in parts if part)


_NOUNS: Final = (
    ("planning application", items.APPLICATIONS),
    ("ground record", items.RECORDS),
    ("correction", frozenset({EventKind.RETRACTED})),
)


def _is_mapped(item: Item) -> bool:
    return item.pin_at is not None


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]
