"""What the mail of a digest says: its subject, its text and its HTML, from one set of words."""

from __future__ import annotations

import functools
import re
import textwrap
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

import css_inline
import jinja2
from markupsafe import Markup

from sinkwatch import explain, style, wording
from sinkwatch.model import CONTEXT_KINDS, EventKind, SourceStatus
from sinkwatch.notify import items

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sinkwatch.model import Area, Assessment, Digest, SourceState, Subscription
    from sinkwatch.notify.items import Item

MOST_HTML_BYTES: Final = 100_000
"""Clients cut longer mails, and with them the link to leave."""

MOST_SUBJECT: Final = 78
"""Characters of a subject: one header line."""

_FULL_ITEMS: Final = (40, 20, 10, 5, 0)
"""How many items to tell in full, tried in turn until the mail is short enough."""

_BRIEF_ITEMS: Final = 60
_LINE_WIDTH: Final = 72
_MOST_SENTENCE: Final = 1_000
_MOST_NAME: Final = 200

_ISO_DAY: Final = re.compile(r"\d{4}-\d{2}(?:-\d{2})?")
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

FONT: Final = Markup(style.FONT)  # noqa: S704 - our own constant, with quotes that CSS needs
"""System faces, fit for a style sheet in a template."""

_APPLICATION_EVENTS: Final = frozenset(
    kind for kind in EventKind if kind.name.startswith("APPLICATION")
)
_RECORD_EVENTS: Final = frozenset(kind for kind in EventKind if kind.name.startswith("SINKHOLE"))


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
    assessment
        Of the subscriber's own postcode, with reasons.
    editions
        What the assessment used, a sentence for each source.
    """

    area: Area
    sources: tuple[SourceState, ...]
    assessment: Assessment
    editions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """
    What stands round the words: names and links of this installation and this mail.

    Attributes
    ----------
    sender_name, contact
        Who writes, and the address for corrections.
    map_url, unsubscribe_url
        Links to the published map and to the page where the reader leaves.
    picture_cid, picture_alt
        Content-ID of the inline map and the words for it; both empty if there is none.
    """

    sender_name: str
    contact: str
    map_url: str
    unsubscribe_url: str
    picture_cid: str = ""
    picture_alt: str = ""


def subject(digest: Digest) -> str:
    """
    Compose the subject: the postcode and a count, nothing more exact and nothing alarming.

    Parameters
    ----------
    digest
        The digest.

    Returns
    -------
    subject
        Such as "HG4 1HS: 1 planning application near you"; at most `MOST_SUBJECT` characters.
    """
    found = items.of(digest)
    template = templates().get_template("digest_subject.txt")
    postcode = wording.clean(digest.subscription.postcode)
    composed = ""
    label = "catch-up, " if digest.silent_since is not None else ""
    for changes in (_counts(found), wording.count_text(len(found), "change")):
        composed = template.render(postcode=postcode, changes=f"{label}{changes}").strip()
        if len(composed) <= MOST_SUBJECT:
            break
    return wording.trimmed(composed, MOST_SUBJECT)


def _counts(found: tuple[Item, ...]) -> str:
    applications = [item for item in found if item.first.event.kind in _APPLICATION_EVENTS]
    records = [item for item in found if item.first.event.kind in _RECORD_EVENTS]
    near = [
        wording.count_text(sum(item.pin_at is not None for item in group), noun)
        for group, noun in ((applications, "planning application"), (records, "ground record"))
        if any(item.pin_at is not None for item in group)
    ]
    n_unmapped = sum(item.pin_at is None and not item.is_own_band for item in found)
    parts = [
        f"{' and '.join(near)} near you" if near else "",
        f"{wording.count_text(n_unmapped, 'change')} not mapped" if n_unmapped else "",
        "your postcode's band changed" if any(item.is_own_band for item in found) else "",
    ]
    return ", ".join(part for part in parts if part)


def bodies(digest: Digest, context: Context, frame: Frame) -> tuple[str, str]:
    """
    Write a digest as text and as HTML; both say the same.

    Where there is too much for one mail, the items furthest away are told in a line each, and
    beyond that only counted.

    Parameters
    ----------
    digest
        The digest.
    context
        The area, its sources and the subscriber's own postcode.
    frame
        Names and links.

    Returns
    -------
    text, html
        The HTML with its styles in place and at most `MOST_HTML_BYTES` long.
    """
    found = items.of(digest)
    words = _words(digest, context, frame)
    text, html = "", ""
    for n_full in _FULL_ITEMS:
        told = {**words, **_told(found, digest.subscription, n_full)}
        html = _inliner().inline(templates().get_template("digest.html").render(told))
        text = templates().get_template("digest.txt").render(told)
        if len(html.encode()) <= MOST_HTML_BYTES:
            break
    return text, html


def _told(found: tuple[Item, ...], subscription: Subscription, n_full: int) -> dict[str, object]:
    rest = found[n_full:]
    n_left_out = len(rest[_BRIEF_ITEMS:])
    left_out = wording.count_text(n_left_out, "more change")
    return {
        "items": [_item(item, subscription) for item in found[:n_full]],
        "briefs": [_item(item, subscription) for item in rest[:_BRIEF_ITEMS]],
        "left_out": f"And {left_out}, too many for one e-mail: see the map." if n_left_out else "",
    }


def _item(item: Item, subscription: Subscription) -> dict[str, object]:
    return {
        "number": str(item.number),
        "title": item.title,
        "kinds": item.kinds,
        "happened": item.happened,
        "where": items.where(item, subscription),
        "lines": item.lines,
        "why": items.why(item, subscription),
        "url": item.url,
    }


def _words(digest: Digest, context: Context, frame: Frame) -> dict[str, object]:
    subscription = digest.subscription
    return {
        "subject": subject(digest),
        "postcode": subscription.postcode,
        "frame": frame,
        "banners": [*_catch_up(digest), *_banners(context.sources)],
        "caption": _CAPTION,
        "ground": _ground(subscription, context),
        "what_to_do": list(_what_to_do(digest, context)),
        "sources": [_source(state) for state in _used(context.sources)],
        "credits": _credits(_used(context.sources)),
        "limits": wording.LIMITS,
        "consent": (
            f"On {wording.date_text(wording.london_date(subscription.confirmed_at))} you asked "
            f"for e-mails about ground stability within "
            f"{wording.distance_text(subscription.radius_m)} of {subscription.postcode}."
        ),
        "reply": _REPLY,
        "corrections": _CORRECTIONS,
        "style": style,
        "font": FONT,
    }


def _catch_up(digest: Digest) -> Iterator[str]:
    if digest.silent_since is not None:
        day = wording.date_text(digest.silent_since)
        yield (
            f"This is one catch-up. Planning applications could last be read on {day}; what has "
            "changed since then is told here at once."
        )


def _banners(sources: tuple[SourceState, ...]) -> Iterator[str]:
    for state in wording.alarming(sources):
        standing = wording.source_text(state)
        yield f"{_name(state)}: {standing}. {_dates(state)} What is new may be missing here."


def _used(sources: tuple[SourceState, ...]) -> tuple[SourceState, ...]:
    """Leave out what no mail speaks of or draws on: rain, rocks, boreholes and the like."""
    return tuple(
        state
        for state in wording.bearing(sources)
        if state.spec.kind not in CONTEXT_KINDS or state.spec.kind in _IN_MAILS
    )


_IN_MAILS: Final = frozenset({"open-names", "openmap-local", "overpass"})
"""Sources of context that a mail places an application by, names a street by or is drawn on."""


def _source(state: SourceState) -> str:
    if state.status is SourceStatus.NOT_CONFIGURED:
        return f"{_name(state)}: not set up here, so none are told. That is not the same as none."
    return f"{_name(state)}: {wording.source_text(state)}. {_dates(state)}"


def _credits(sources: tuple[SourceState, ...]) -> list[str]:
    """Return each credit line once: several sources may come from one publication."""
    held = [state.snapshot for state in sources if state.snapshot is not None]
    credited = [
        " ".join(f"{part.rstrip('. ')}." for part in (one.attribution, one.licence) if part)
        for one in held
    ]
    # Our own words: the links that a licence asks for are not masked as a stranger's would be.
    shown = (wording.trimmed(wording.clean(credit), _MOST_SENTENCE) for credit in credited)
    return list(dict.fromkeys(credit for credit in shown if credit))


def _name(state: SourceState) -> str:
    return items.shown(state.spec.title, _MOST_NAME)


def _dates(state: SourceState) -> str:
    if state.snapshot is None:
        return "Nothing has ever been held."
    retrieved = wording.date_text(wording.london_date(state.snapshot.retrieved_at))
    checked = wording.date_text(wording.london_date(state.snapshot.checked_at))
    edition = items.shown(_edition(state.snapshot.edition), _MOST_NAME) or retrieved
    return f"Data of {edition}, last checked {checked}."


def _edition(edition: str) -> str:
    """Write an edition that is a day or a month as people do; leave any other as it is."""
    if not _ISO_DAY.fullmatch(edition):
        return edition
    try:
        day = date.fromisoformat(edition if len(edition) > len("2014-08") else f"{edition}-01")
    except ValueError:
        return edition
    return wording.date_text(day).removeprefix("" if edition.count("-") > 1 else "1 ")


def _ground(subscription: Subscription, context: Context) -> Mapping[str, object]:
    styles = context.area.parameters.table.styles
    band = styles[context.assessment.band]
    return {
        "title": f"What is recorded about the ground at {subscription.postcode}",
        "headline": items.shown(explain.headline(context.assessment, styles), _MOST_SENTENCE),
        "label": band.label,
        "colour": band.colour,
        "meaning": f"{band.label} means: {band.meaning}",
        "editions": [items.shown(edition, _MOST_SENTENCE) for edition in context.editions],
    }


def _what_to_do(digest: Digest, context: Context) -> Iterator[str]:
    kinds = {alert.event.kind for alert in digest.alerts}
    if kinds & _APPLICATION_EVENTS:
        yield _ON_APPLICATIONS
    if kinds & _RECORD_EVENTS:
        yield _ON_RECORDS
    yield context.area.parameters.table.styles[context.assessment.band].advice


def _wrap(text: str, first: str = "", rest: str = "") -> str:
    """Break a paragraph of a text mail at spaces only, so that links stay whole."""
    return textwrap.fill(
        text,
        _LINE_WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


@functools.cache
def templates() -> jinja2.Environment:
    """
    Return the templates of this package, read once.

    Returns
    -------
    environment
        Escapes in .html and nowhere else; a name that is not given is an error.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sinkwatch.notify"),
        autoescape=jinja2.select_autoescape(enabled_extensions=["html"], default=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["wrap"] = _wrap
    return environment


@functools.cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_style_tags=False, load_remote_stylesheets=False)
