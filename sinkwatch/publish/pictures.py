"""The map of the area as a picture: for readers without scripts, and for print and quotation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sinkwatch import wording
from sinkwatch.model import FRAME_OF_KIND
from sinkwatch.publish import locations, page, sources
from sinkwatch.publish.overview import Overview
from sinkwatch.publish.painting import Setting, joined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinkwatch.publish.publication import Publication
    from sinkwatch.publish.things import Thing

WIDTH_PX: Final = 1_200
HEIGHT_PX: Final = 900
_PPI: Final = 127.0
"""240 mm make `WIDTH_PX`."""

MAP_MM: Final = (165.0, 139.0)
"""What of the picture is map."""

_DRAWN: Final = ("geology", "sinkholes", "places", "names", "backdrop", "applications")
"""Frames that the picture is drawn from."""

_MOST_ALT: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """
    What a page needs to show the picture.

    Attributes
    ----------
    path, drawing
        Of the PNG and of the SVG, inside the site.
    width, height
        Pixels.
    alt
        What it shows, in words.
    """

    path: str = locations.AREA_PICTURE
    drawing: str = locations.AREA_DRAWING
    width: int = WIDTH_PX
    height: int = HEIGHT_PX
    alt: str


def pages(publication: Publication) -> dict[str, bytes]:
    """
    Draw the area as the web map first shows it.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    pictures
        SVG, and PNG of `WIDTH_PX` by `HEIGHT_PX`; the same bytes for the same edition.

    Raises
    ------
    ConfigError
        If the typefaces are not in the installed package.
    DataError
        If it cannot be set; a fault of ours.
    """
    findings = publication.findings
    overview = Overview.of(findings, publication.things, size_mm=MAP_MM)
    setting = _setting(publication, overview)
    title = wording.clean(page.heading(publication))
    return {
        locations.AREA_DRAWING: setting.drawn(title=title, alt=alt(publication))[0],
        locations.AREA_PICTURE: setting.painted(ppi=_PPI, is_shaded=True)[0],
    }


def alt(publication: Publication) -> str:
    """
    Say what the picture shows, for those who hear it.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    text
        What is recorded, in counts; 600 characters at most.
    """
    findings, things = publication.findings, publication.things
    counted = [
        _records_text(things.records),
        wording.count_text(len(things.sites), "watched site") if things.sites else "",
        sources.count_applications(findings),
    ]
    zones = "Zones of the ground fade where their edges are uncertain. "
    shown_here = wording.joined([text for text in counted if text])
    said = (
        f"Map of {findings.area.name} and its surroundings: {shown_here}. "
        f"Of sites and applications {len(things.flagged())} are flagged. "
        f"{zones if len(findings.zones) else ''}The tables on this page hold the same facts."
    )
    return wording.trimmed(wording.clean(said), _MOST_ALT)


def shown(publication: Publication) -> Shown:
    """
    Return what a page needs to show the picture.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    shown
        Paths, size and words.
    """
    return Shown(alt=alt(publication))


def credits_of(publication: Publication, frames: Sequence[str] = _DRAWN) -> str:
    """
    Return who must be named beside a picture.

    Parameters
    ----------
    publication
        The edition.
    frames
        What it is drawn from.

    Returns
    -------
    text
        Each credit once.
    """
    held = {FRAME_OF_KIND[state.spec.kind] for state in publication.findings.sources}
    named = [sources.credit(publication.findings, name) for name in frames if name in held]
    return joined(named)


def _records_text(records: Sequence[Thing]) -> str:
    """Return such as "19 records of ground collapse, 1834 to 2023, 18 of them drawn"."""
    if not records:
        return wording.NO_RECORDS
    counted = wording.count_text(len(records), "record")
    n_drawn = sum(thing.geometry is not None for thing in records)
    years = sorted(thing.when[:4] for thing in records if thing.when[:4].isdecimal())
    span = f" from {years[0]} to {years[-1]}" if years else ""
    return (
        f"{counted} of ground collapse or subsidence{span} "
        f"({n_drawn} of them drawn, each with a circle of doubt)"
    )


def _setting(publication: Publication, overview: Overview) -> Setting:
    entries = overview.key()
    metres, bar_mm = overview.bar
    width_mm, height_mm = MAP_MM
    day = publication.changed_on
    bands = overview.band_styles()
    said = {
        "title": page.heading(publication),
        "published": f"As published on {wording.date_text(day)}" if day else "",
        "address": publication.address(""),
        "map": {"art": "map", "width": width_mm, "height": height_mm},
        "key": [{"art": f"key-{n}", "text": each.text} for n, each in enumerate(entries)],
        "bands": [
            {"colour": each.colour, "hatch": each.hatch, "text": each.label} for each in bands
        ],
        "bar": {"width": bar_mm, "text": _length(metres)},
        "caveat": wording.disclaimer(publication.findings.area.rock),
        "credits": f"sinkwatch · Sources: {credits_of(publication)}",
    }
    art = {f"key-{n}": each.svg for n, each in enumerate(entries)}
    return Setting(template="picture.typ", said=said, art={"map": overview.svg(), **art})


def _length(metres: int) -> str:
    return f"{metres / 1_000:g} km" if metres >= 1_000 else f"{metres} m"  # noqa: PLR2004 - a km
