"""What the mail of a digest says: its text and its HTML, from one set of words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sinkwatch import explain, wording
from sinkwatch.model import MailKind
from sinkwatch.notify import items, provenance, sentences, subjects
from sinkwatch.notify.stationery import templates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from sinkwatch.model import (
        Area,
        Assessment,
        Band,
        BandStyle,
        Digest,
        SourceState,
        Subscriber,
        Subscription,
    )
    from sinkwatch.notify.items import Group, Item

MOST_HTML_BYTES: Final = 100_000
"""Clients cut longer mails, and with them the link to leave."""

_FULL_ITEMS: Final = (40, 20, 10, 5, 0)
"""How many items to tell in full, tried in turn until the mail is short enough."""

_BRIEF_ITEMS: Final = 60
_MOST_SENTENCE: Final = 1_000

_CAPTION: Final = (
    "The numbers are those of the items above; × and a number stand for several records at one "
    "place. Records are drawn to the nearest 50 m; grid north is up."
)
_REPLY: Final = "Or reply to this e-mail and ask us to stop."
_CORRECTIONS: Final = (
    "Something wrong here, or a question? Corrections are answered within 5 working days:"
)
_ON_APPLICATIONS: Final = (
    "Read the application, and comment on it, in the planning authority's own record; only the "
    "authority decides."
)
_ON_RECORDS: Final = "If you know more about a recorded place, write to the address below."


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """
    What a digest is read against.

    Attributes
    ----------
    area
        The area.
    sources
        How each source stands after the run.
    assessments
        Of each of the subscriber's postcodes, with reasons.
    editions
        What the assessments used, a sentence for each source.
    """

    area: Area
    sources: tuple[SourceState, ...]
    assessments: Mapping[str, Assessment]
    editions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """
    One inline map.

    Attributes
    ----------
    cid
        Its Content-ID.
    alt
        The words for it.
    """

    cid: str
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """
    What stands round the words: names and links of this installation and this mail.

    Attributes
    ----------
    sender_name, contact
        Who writes, and the address for corrections.
    public_url
        Where the published map and the standing pages answer, without a last slash.
    unsubscribe_url, manage_url
        Links to the pages where the reader leaves, or changes what they hear of.
    figures
        The inline maps.
    """

    sender_name: str
    contact: str
    public_url: str
    unsubscribe_url: str
    manage_url: str
    figures: tuple[Figure, ...] = ()


def bodies(digest: Digest, context: Context, frame: Frame, today: date) -> tuple[str, str]:
    """
    Write a digest as text and as HTML; both say the same.

    Where there is too much for one mail, the items furthest away are told in a line each, and
    beyond that only counted.

    Parameters
    ----------
    digest
        The digest.
    context
        The area, its sources and the subscriber's own postcodes.
    frame
        Names and links.
    today
        Date of the mail, Europe/London.

    Returns
    -------
    text, html
        The HTML with its styles in place and at most `MOST_HTML_BYTES` long.
    """
    groups = items.groups(digest, today)
    telling = _Telling(digest.subscriber, frame.public_url, today)
    words = _words(digest, context, frame, today)
    told, html = words, ""
    for n_full in _FULL_ITEMS:
        told = {**words, **_told(groups, telling, n_full)}
        html = templates().get_template("digest.html").render(told)
        if len(html.encode()) <= MOST_HTML_BYTES:
            break
    return templates().get_template("digest.txt").render(told), html


def gaps(digest: Digest, context: Context) -> tuple[str, ...]:
    """
    Say what of a quiet month could not be read.

    Parameters
    ----------
    digest
        The digest.
    context
        With the sources.

    Returns
    -------
    gaps
        Empty if all of it could, or if the digest tells of no quiet month.
    """
    if digest.quiet_month is None:
        return ()
    return provenance.gaps(context.sources, digest.quiet_month)


@dataclass(frozen=True, slots=True)
class _Telling:
    """Tells items to one reader."""

    subscriber: Subscriber
    public_url: str
    today: date

    def group(self, group: Group, most: int) -> dict[str, object]:
        return {
            "heading": group.heading,
            "told": [self.item(item) for item in group.items if item.number <= most],
        }

    def item(self, item: Item) -> dict[str, object]:
        day = item.deadline(self.today)
        repeated = "" if day is None else f"Consultation date {wording.date_text(day)}."
        site = (f"at {item.site}, a watched site",) if item.site and day is not None else ()
        return {
            "number": str(item.number),
            "title": item.title,
            "kinds": (*item.kinds, *site),
            "deadline": "" if day is None else sentences.deadline(day),
            "happened": item.happened,
            "where": sentences.where(item, self.subscriber),
            "lines": [line for line in item.lines if line != repeated],
            "why": sentences.why(item, self.subscriber),
            "links": tuple(self._links(item)),
        }

    def _links(self, item: Item) -> Iterator[tuple[str, str]]:
        if item.url:
            yield "The council's record" if item.is_application else "Public record", item.url
        if item.anchor:
            # An event recorded before there were such pages has the id of a row of the map's page.
            path = f"{item.anchor}/" if "/" in item.anchor else f"#{item.anchor}"
            yield "Its page on our site", f"{self.public_url}/{path}"


def _told(groups: Sequence[Group], telling: _Telling, n_full: int) -> dict[str, object]:
    rest = [item for group in groups for item in group.items if item.number > n_full]
    n_left_out = len(rest[_BRIEF_ITEMS:])
    left_out = wording.count_text(n_left_out, "more change")
    return {
        "groups": [
            telling.group(group, n_full) for group in groups if group.items[0].number <= n_full
        ],
        "briefs": [telling.item(item) for item in rest[:_BRIEF_ITEMS]],
        "left_out": f"And {left_out}, too many for one e-mail: see the map." if n_left_out else "",
    }


def _words(digest: Digest, context: Context, frame: Frame, today: date) -> dict[str, object]:
    missing = gaps(digest, context)
    return {
        "subject": subjects.subject(digest, today, gaps=missing),
        "heading": subjects.heading(digest, today, gaps=missing),
        "frame": frame,
        "banners": missing or provenance.banners(context.sources),
        "opening": tuple(_opening(digest, missing, context.area.rock)),
        "caption": _CAPTION,
        "ground": _ground(digest.subscriber, context),
        "what_to_do": tuple(_what_to_do(digest, context)),
        "sources": provenance.listed(context.sources),
        "credits": provenance.credits(context.sources),
        "limits": wording.LIMITS,
        "consent": tuple(_consent(digest.subscriber, context.area.rock)),
        "reply": _REPLY,
        "corrections": _CORRECTIONS,
    }


def _opening(digest: Digest, missing: Sequence[str], rock: str) -> Iterator[str]:
    if digest.kind is MailKind.CORRECTION:
        yield "Something that we told you has been put right since. This is what it says now."
    if digest.paused_from is not None:
        yield (
            "You had paused these e-mails; this tells what has come since "
            f"{wording.date_text(digest.paused_from)}."
        )
    if digest.silent_since is not None:
        yield (
            "This is one catch-up. Planning applications could last be read on "
            f"{wording.date_text(digest.silent_since)}; what has changed since then is told here "
            "at once."
        )
    if digest.quiet_month is not None:
        yield from _quiet(digest.quiet_month, missing)
        yield f"We watch what lies {sentences.asked(digest.subscriber.subscriptions, rock)}."


def _quiet(month: date, missing: Sequence[str]) -> Iterator[str]:
    name = wording.month_text(month)
    if missing:
        yield (
            f"We cannot say that nothing happened in {name}: not all that we watch could be read. "
            "In what could be read we found nothing to tell you."
        )
    else:
        yield (
            f"In what the sources below gave for {name} we found nothing to tell you. Something "
            "may still have happened that is not recorded yet."
        )


def _ground(subscriber: Subscriber, context: Context) -> Mapping[str, object]:
    styles = context.area.parameters.table.styles
    places = subscriber.subscriptions
    bands = dict.fromkeys(context.assessments[place.postcode].band for place in places)
    only = f" at {places[0].postcode}" if len(places) == 1 else " at your places"
    return {
        "title": f"What is recorded about the ground{only}",
        "places": [
            _place(place, context.assessments[place.postcode], styles, len(places))
            for place in places
        ],
        "meanings": [f"{styles[band].label} means: {styles[band].meaning}" for band in bands],
        "editions": [items.shown(edition, _MOST_SENTENCE) for edition in context.editions],
    }


def _place(
    place: Subscription, found: Assessment, styles: Mapping[Band, BandStyle], n_places: int
) -> dict[str, str]:
    band = styles[found.band]
    return {
        "label": band.label if n_places == 1 else f"{place.postcode}: {band.label}",
        "colour": band.colour,
        "headline": items.shown(explain.headline(found, styles), _MOST_SENTENCE),
    }


def _what_to_do(digest: Digest, context: Context) -> Iterator[str]:
    kinds = {alert.event.kind for alert in digest.alerts}
    if kinds & items.APPLICATIONS:
        yield _ON_APPLICATIONS
    if kinds & items.RECORDS:
        yield _ON_RECORDS
    by_advice: dict[str, list[str]] = {}
    for place in digest.subscriber.subscriptions:
        band = context.assessments[place.postcode].band
        advice = context.area.parameters.table.styles[band].advice
        by_advice.setdefault(advice, []).append(place.postcode)
    if len(by_advice) == 1:
        yield from by_advice
    else:
        yield from (f"At {wording.joined(codes)}: {text}" for text, codes in by_advice.items())


def _consent(subscriber: Subscriber, rock: str) -> Iterator[str]:
    day = wording.date_text(wording.london_date(subscriber.confirmed_at))
    often = wording.FREQUENCIES[subscriber.frequency]
    yield (
        f"On {day} you asked for e-mails, {often}, about ground stability "
        f"{wording.joined([sentences.within(place) for place in subscriber.subscriptions])}."
    )
    yield f"You hear of what lies {sentences.asked(subscriber.subscriptions, rock)}."
