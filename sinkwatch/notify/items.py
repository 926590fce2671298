"""What a digest tells, put in order: one numbered item a subject, the same in text and picture."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sinkwatch import wording
from sinkwatch.model import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sinkwatch.model import Alert, Digest, Subscription

MOST_TITLE: Final = 160
"""Characters of a title in a mail."""

_MOST_SENTENCE: Final = 600
_MOST_LINES: Final = 12
_MOST_URL: Final = 500

_LINK: Final = re.compile(r"(?:\b[a-z][a-z0-9+.-]{1,20}://|\bwww\.)\S+", re.IGNORECASE)
_SCHEMES: Final = frozenset({"http", "https"})
_URL: Final = re.compile(r"[!#$%&'()*+,./0-9:;=?@A-Z_a-z~\[\]-]+")


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
        return tuple(dict.fromkeys(wording.EVENT_TITLES[a.event.kind] for a in self.alerts))

    @property
    def happened(self) -> tuple[str, ...]:
        """Return the sentences that say what changed, fit to show, each once."""
        return _each_once(alert.event.happened for alert in self.alerts)

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the further facts, fit to show, each once."""
        return _each_once(line for alert in self.alerts for line in alert.event.lines)[:_MOST_LINES]

    @property
    def url(self) -> str:
        """Return the public record; empty if there is none or its address is not a plain link."""
        return next((link for link in (safe_url(a.event.url) for a in self.alerts) if link), "")

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


def of(digest: Digest) -> tuple[Item, ...]:
    """
    Group a digest by subject, in the order in which it names them.

    Parameters
    ----------
    digest
        The digest.

    Returns
    -------
    items
        Numbered from 1.
    """
    by_subject: dict[str, list[Alert]] = {}
    for alert in digest.alerts:
        by_subject.setdefault(alert.event.subject, []).append(alert)
    return tuple(
        Item(number=number, alerts=tuple(alerts))
        for number, alerts in enumerate(by_subject.values(), start=1)
    )


def where(item: Item, subscription: Subscription) -> str:
    """
    Say where an item is, as seen from the subscriber's postcode.

    Parameters
    ----------
    item
        The item.
    subscription
        Whose postcode.

    Returns
    -------
    sentence
        Such as "About 80 m (± 180 m) to the north-east of HG4 1HS."; an item that is not mapped
        is said to be so.
    """
    alert, postcode = item.first, subscription.postcode
    if item.is_own_band:
        return f"At {postcode}, your own postcode."
    if alert.distance_m is None or alert.distance_uncertainty_m is None:
        return (
            "Not mapped: its place is not known well enough, so nobody can say from here how far "
            f"it is from {postcode}."
        )
    distance = wording.about(alert.distance_m, alert.distance_uncertainty_m)
    direction = f" to the {alert.direction} of" if alert.direction else " from"
    return f"{distance[0].upper()}{distance[1:]}{direction} {postcode}."


def why(item: Item, subscription: Subscription) -> str:
    """
    Say why a subscriber hears of an item.

    Parameters
    ----------
    item
        The item.
    subscription
        Who asked for what.

    Returns
    -------
    sentence
        Names the radius asked for, and whether the item is flagged.
    """
    asked = f"{wording.distance_text(subscription.radius_m)} of {subscription.postcode}"
    distance_m = item.first.distance_m
    if item.is_own_band:
        reason = "it is about the postcode you gave"
    elif distance_m is None:
        reason = f"you asked about {asked}, and it may be there"
    elif distance_m <= subscription.radius_m:
        reason = f"it is within {asked}, as you asked"
    else:
        reason = f"it may be within {asked}: its place is not known exactly"
    flagged = ". It is flagged, for the reasons above" if item.is_flagged and item.lines else ""
    return f"You hear of it because {reason}{flagged}."


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
