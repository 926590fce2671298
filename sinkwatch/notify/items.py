"""What a digest tells, put in order: one numbered item a subject, the same in text and picture."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sinkwatch import wording
from sinkwatch.alerts import CORRECTIONS
from sinkwatch.model import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from sinkwatch.model import Alert, Digest, Subscription

MOST_TITLE: Final = 160
"""Characters of a title in a mail."""

_MOST_SENTENCE: Final = 600
_MOST_LINES: Final = 12
_MOST_URL: Final = 500

_LINK: Final = re.compile(r"(?:\b[a-z][a-z0-9+.-]{1,20}://|\bwww\.)\S+", re.IGNORECASE)
_SCHEMES: Final = frozenset({"http", "https"})
_URL: Final = re.compile(r"[!#$%&'()*+,./0-9:;=?@A-Z_a-z~\[\]-]+")
_ANCHOR: Final = re.compile(r"(?:[a-z]{1,20}/)?[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")

APPLICATIONS: Final = frozenset(kind for kind in EventKind if kind.name.startswith("APPLICATION"))
"""What happens to planning applications."""

RECORDS: Final = frozenset(kind for kind in EventKind if kind.name.startswith("SINKHOLE"))
"""What happens to records of ground collapse."""

_CLOSED: Final = frozenset(
    {
        EventKind.APPLICATION_DECIDED,
        EventKind.APPLICATION_WITHDRAWN,
        EventKind.APPLICATION_UNLISTED,
        EventKind.RETRACTED,
    }
)
"""After any of these nobody can comment any more."""

_RANK: Final = {kind: rank for rank, kind in enumerate(EventKind)}
_DATED: Final = "With a date to keep in mind"
_OTHERS: Final = "Other news"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """
    All that is new about one subject.

    Attributes
    ----------
    number
        From 1; the pin on the picture bears the same.
    alerts
        Its alerts, in the order of the digest.
    """

    number: int
    alerts: tuple[Alert, ...]

    @property
    def first(self) -> Alert:
        """Return the alert that says where the subject is."""
        return self.alerts[0]

    @property
    def title(self) -> str:
        """Return what it concerns, fit to show."""
        return shown(self.first.event.title, MOST_TITLE)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return what happened to it, such as "Planning application decided"."""
        return tuple(dict.fromkeys(wording.EVENT_TITLES[a.event.kind] for a in self._as_it_went()))

    @property
    def happened(self) -> tuple[str, ...]:
        """Return the sentences that say what changed, fit to show, each once."""
        sentences = (_sentence(alert) for alert in self._as_it_went())
        return tuple(dict.fromkeys(sentence for sentence in sentences if sentence))

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the further facts, fit to show, each once."""
        return _each_once(line for alert in self.alerts for line in alert.event.lines)[:_MOST_LINES]

    @property
    def url(self) -> str:
        """Return the public record; empty if there is none or its address is not a plain link."""
        return next((link for link in (safe_url(a.event.url) for a in self.alerts) if link), "")

    @property
    def anchor(self) -> str:
        """Return where the published page tells of it; empty if nowhere."""
        anchors = (alert.event.anchor for alert in self.alerts)
        return next((anchor for anchor in anchors if _ANCHOR.fullmatch(anchor)), "")

    @property
    def site(self) -> str:
        """Return the watched site that it touches, fit to show; empty if none."""
        return shown(self.first.event.site, MOST_TITLE)

    @property
    def told_on(self) -> date | None:
        """Return when the reader was last told of it; None if never."""
        days = [alert.told_on for alert in self.alerts if alert.told_on is not None]
        return max(days, default=None)

    @property
    def is_application(self) -> bool:
        """Tell whether it is a planning application."""
        return self.first.event.kind in APPLICATIONS

    @property
    def is_correction(self) -> bool:
        """Tell whether it puts right something that the reader was told."""
        return self.told_on is not None and any(a.event.kind in CORRECTIONS for a in self.alerts)

    def deadline(self, today: date) -> date | None:
        """
        Return the consultation date to keep in mind.

        Parameters
        ----------
        today
            Date of the mail, Europe/London.

        Returns
        -------
        deadline
            The latest that is known: an application that is consulted on again has another date.
            None if it has passed, or if nobody can comment any more.
        """
        days = [a.event.deadline for a in self.alerts if a.event.deadline is not None]
        is_closed = any(alert.event.kind in _CLOSED for alert in self.alerts)
        return max(days) if days and not is_closed and max(days) >= today else None

    def concerns(self, postcode: str) -> bool:
        """
        Tell whether it concerns a place of the reader's.

        Parameters
        ----------
        postcode
            The place.

        Returns
        -------
        concerns
            True for what is seen from there or near it too, and for all that is not mapped.
        """
        if self.first.distance_m is None and not self.is_own_band:
            return True
        return postcode in (self.first.subscription.postcode, *self.first.also_near)

    def _as_it_went(self) -> tuple[Alert, ...]:
        """Return its alerts in the order in which such things happen; a digest has another."""
        return tuple(sorted(self.alerts, key=lambda alert: _RANK[alert.event.kind]))

    @property
    def is_own_band(self) -> bool:
        """Tell whether it is about the reader's own postcode and so about no other place."""
        return self.first.event.kind is EventKind.BAND_CHANGED

    @property
    def pin_at(self) -> tuple[float, float] | None:
        """Return easting and northing, EPSG:27700; None if not mapped or the reader's own place."""
        event = self.first.event
        if event.easting is None or event.northing is None or self.is_own_band:
            return None
        return event.easting, event.northing

    @property
    def is_flagged(self) -> bool:
        """Tell whether any of it is flagged."""
        return any(alert.event.is_flagged for alert in self.alerts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """
    Items that stand together.

    Attributes
    ----------
    heading
        What they have in common; empty if there is nothing to set apart.
    items
        Numbered through from one group to the next.
    """

    heading: str
    items: tuple[Item, ...]


def groups(digest: Digest, today: date) -> tuple[Group, ...]:
    """
    Group a digest by subject and then by what a reader looks for.

    Parameters
    ----------
    digest
        The digest.
    today
        Date of the mail, Europe/London.

    Returns
    -------
    groups
        What has a date to keep in mind first. Then what touches one watched site stands together,
        and so does what touches none; each such group stands where its first item would.
    """
    by_subject: dict[str, list[Alert]] = {}
    for alert in digest.alerts:
        by_subject.setdefault(alert.event.subject, []).append(alert)
    unnumbered = [Item(number=0, alerts=tuple(alerts)) for alerts in by_subject.values()]
    by_heading: dict[str, list[Item]] = {}
    for item in sorted(unnumbered, key=lambda item: item.deadline(today) is None):
        by_heading.setdefault(_heading(item, today), []).append(item)
    return tuple(_numbered(by_heading))


def _heading(item: Item, today: date) -> str:
    if item.deadline(today) is not None:
        return _DATED
    return f"At {item.site}, a watched site" if item.site else _OTHERS


def _numbered(by_heading: dict[str, list[Item]]) -> Iterable[Group]:
    number = 0
    for heading, found in by_heading.items():
        numbered = tuple(
            Item(number=number + n, alerts=item.alerts) for n, item in enumerate(found, start=1)
        )
        number += len(found)
        is_alone = len(by_heading) == 1 and heading == _OTHERS
        yield Group(heading="" if is_alone else heading, items=numbered)


def of(digest: Digest, today: date) -> tuple[Item, ...]:
    """
    Group a digest by subject.

    Parameters
    ----------
    digest
        The digest.
    today
        Date of the mail, Europe/London.

    Returns
    -------
    items
        Numbered from 1, in the order in which the mail tells them.
    """
    return tuple(item for group in groups(digest, today) for item in group.items)


def maps(digest: Digest, today: date) -> tuple[tuple[Subscription, tuple[Item, ...]], ...]:
    """
    Say which maps a mail needs.

    Parameters
    ----------
    digest
        The digest.
    today
        Date of the mail, Europe/London.

    Returns
    -------
    maps
        Each place from which something that is mapped is seen, with all that is to be drawn round
        it.
    """
    mapped = [item for item in of(digest, today) if item.pin_at is not None]
    seen_from = {item.first.subscription.postcode for item in mapped}
    return tuple(
        (place, tuple(item for item in mapped if item.concerns(place.postcode)))
        for place in digest.subscriber.subscriptions
        if place.postcode in seen_from
    )


def _sentence(alert: Alert) -> str:
    """Say what changed; what puts right something told before says so, and when it was told."""
    happened = shown(alert.event.happened, _MOST_SENTENCE)
    if alert.told_on is None:
        return happened
    day = wording.date_text(alert.told_on)
    if alert.event.kind is EventKind.RETRACTED:
        return f"We told you of this on {day}. It was wrong: {happened}"
    if alert.event.kind in CORRECTIONS:
        title = shown(alert.event.title, MOST_TITLE)
        return f"On {day} we told you of {title}. That has been corrected: {_put_right(happened)}"
    return f"{happened} We last told you of it on {day}."


def _put_right(happened: str) -> str:
    """Take off what the words before it have said already."""
    said = happened.removeprefix("The record has been corrected: ")
    return f"the {said.removeprefix('The ')}" if said.startswith("The ") else said


@functools.lru_cache(maxsize=4096)
def shown(text: str, most: int) -> str:
    """
    Make outside text fit for a mail: one line, no links but our own, not too long.

    A council's text may hold a link that someone wrote into an application; relayed under our
    name it would be trusted.

    Parameters
    ----------
    text
        As it came.
    most
        Characters at most.

    Returns
    -------
    text
        Still to be escaped where markup is read.
    """
    return wording.trimmed(_LINK.sub("[link removed]", wording.clean(text)), most)


@functools.lru_cache(maxsize=4096)
def safe_url(url: str) -> str:
    """
    Return a link if it is a plain one to a web page.

    Parameters
    ----------
    url
        As it came.

    Returns
    -------
    url
        The same; empty if it is not http or https, names no host, holds a user name or a
        character that no link holds.
    """
    if len(url) > _MOST_URL or not _URL.fullmatch(url):
        return ""
    try:
        parts = urlsplit(url)
        is_plain = parts.scheme in _SCHEMES and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return ""
    return url if is_plain else ""


def _each_once(texts: Iterable[str]) -> tuple[str, ...]:
    cleaned = (shown(text, _MOST_SENTENCE) for text in texts)
    return tuple(dict.fromkeys(text for text in cleaned if text))
