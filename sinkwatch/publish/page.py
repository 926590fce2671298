"""The page: its frame, its policy, and everything in it that needs no script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import jinja2

from sinkwatch import public, style, survey, wording
from sinkwatch.model import Band, Evidence, GeologyClass
from sinkwatch.publish import assets, context, layers, overlay, sources, webmap

if TYPE_CHECKING:
    from sinkwatch.model import Findings
    from sinkwatch.publish.assets import Asset
    from sinkwatch.publish.downloads import Download
    from sinkwatch.publish.things import Things
    from sinkwatch.publish.webmap import Drawing

_TEMPLATES: Final = Path(__file__).parent / "templates"
_ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    f'<g fill="{style.PAPER}" stroke="{style.ACCENT}" stroke-width="3">'
    '<circle cx="16" cy="16" r="14"/><circle cx="16" cy="16" r="5"/></g></svg>'
)
_LIGHT_INK: Final = "#ffffff"
_DARK_BANDS: Final = frozenset({Band.VERY_HIGH, Band.HIGH})
"""Bands whose colour is dark: their pattern is drawn in white."""

_ZONE_OPACITY: Final = 0.5
"""Of the zones as a whole, so that marks, names and a background can be read over them."""

_ZONE_INKS: Final = {
    GeologyClass.C: "#8a6222",
    GeologyClass.B: "#9d8c5c",
    GeologyClass.A: "#8e9c96",
}
"""Lines of each zone's pattern: its own colour, darker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """
    What the two editions of the page share.

    Attributes
    ----------
    findings
        Of one run.
    things
        What is drawn and listed.
    version
        Of sinkwatch.
    contact
        Where corrections go; empty if the installation names none.
    signup_url
        Where a reader subscribes to e-mails; empty if nobody can.
    """

    findings: Findings
    things: Things
    version: str
    contact: str
    signup_url: str = ""


def styles() -> tuple[Asset, ...]:
    """Return the style sheets, in the order in which they apply."""
    text = _environment().get_template("site.css").render(style=style, zone_opacity=_ZONE_OPACITY)
    return (assets.leaflet_styles(), assets.Asset(stem="sinkwatch", suffix="css", text=text))


def scripts(drawing: Drawing) -> tuple[Asset, ...]:
    """
    Return the scripts, in the order in which they run.

    Parameters
    ----------
    drawing
        What draws the map.

    Returns
    -------
    scripts
        Leaflet, ours, what is said, what is drawn, the page's own.
    """
    return (
        assets.leaflet_script(),
        assets.own("map.js", stem="sinkwatch"),
        assets.Asset(stem="words", suffix="js", text=drawing.words),
        assets.Asset(stem="map", suffix="js", text=drawing.script),
        assets.own("page.js", stem="page"),
    )


def linked(frame: Frame, drawing: Drawing, downloads: Iterable[Download]) -> bytes:
    """
    Return the page that stands in its site, with scripts and styles beside it.

    Parameters
    ----------
    frame
        What is shown.
    drawing
        What draws the map.
    downloads
        Files offered.

    Returns
    -------
    page
        HTML, UTF-8.
    """
    policy = {
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": [
            "'self'",
            "data:",
            webmap.OPENSTREETMAP.origin,
            *overlay.origins(frame.findings.area.overlays),
        ],
    }
    return _render(
        frame,
        drawing,
        policy=policy,
        style_tags=[each.link for each in styles()],
        script_tags=[each.link for each in scripts(drawing)],
        downloads=list(downloads),
        leaflet_licence="",
    )


def single(frame: Frame, drawing: Drawing, pack: Mapping[str, object] | None = None) -> bytes:
    """
    Return the page as one file, which its own policy keeps from making any request.

    Parameters
    ----------
    frame
        What is shown.
    drawing
        What draws the map, without a background from elsewhere.
    pack
        What the page of an evidence pack says of its place, by the names that ``pack.html`` has
        for it; None for the page of the area.

    Returns
    -------
    page
        HTML, UTF-8.
    """
    policy = {
        "script-src": [each.policy_hash for each in scripts(drawing)],
        "style-src": [each.policy_hash for each in styles()],
        "img-src": ["data:"],
    }
    return _render(
        frame,
        drawing,
        pack,
        policy=policy,
        style_tags=[each.inline for each in styles()],
        script_tags=[each.inline for each in scripts(drawing)],
        downloads=[],
        leaflet_licence=assets.leaflet_licence().decode(),
    )


def _render(
    frame: Frame,
    drawing: Drawing,
    pack: Mapping[str, object] | None = None,
    *,
    policy: Mapping[str, list[str]],
    **parts: object,
) -> bytes:
    page = _environment().get_template("pack.html" if pack else "page.html")
    said = {**_context(frame), **(pack or {}), **parts}
    return page.render(**said, drawing=drawing, policy=_policy(policy)).encode()


def _policy(sources_by_kind: Mapping[str, list[str]]) -> str:
    closed = {"default-src": ["'none'"], "base-uri": ["'none'"], "form-action": ["'none'"]}
    rules = {**closed, **sources_by_kind}
    return "; ".join(f"{kind} {' '.join(allowed)}" for kind, allowed in rules.items())


def _context(frame: Frame) -> dict[str, object]:
    findings, area = frame.findings, frame.findings.area
    table = area.parameters.table
    return {
        "area": area,
        "things": frame.things,
        "version": frame.version,
        "contact": frame.contact,
        "signup_url": frame.signup_url,
        "sources": sources.gather(findings),
        "warnings": sources.warnings(findings),
        "remarks": context.gather(findings),
        "applications_shown": sources.count_applications(findings),
        "about_applications": sources.about_applications(findings),
        "title": f"Recorded ground collapse and the {area.ground} around {area.name}",
        "description": f"What is recorded about the ground around {area.name}, with its sources.",
        "icon": f"data:image/svg+xml,{quote(_ICON)}",
        "disclaimer": wording.DISCLAIMER,
        "limits": wording.LIMITS,
        "evidence_notes": wording.EVIDENCE_NOTES,
        "count": wording.count_text,
        "date_text": wording.date_text,
        "style": style,
        "probable_colour": style.EVIDENCE_COLOURS[Evidence.PROBABLE],
        "zone_c_colour": style.ZONE_COLOURS[GeologyClass.C],
        "zone_inks": _ZONE_INKS,
        "zone_opacity": _ZONE_OPACITY,
        "classes": sorted(style.ZONE_COLOURS, reverse=True),
        "band_styles": [table.styles[band] for band in sorted(table.styles, reverse=True)],
        "band_inks": {band: _LIGHT_INK if band in _DARK_BANDS else style.INK for band in Band},
        "high_label": table.styles[Band.HIGH].label,
        "flag_within_m": f"{area.parameters.flag_within_m:g}",
        "dossier": None,
        "drawn_records": sum(thing.geometry is not None for thing in frame.things.records),
        "rounded_to_m": public.ROUNDED_TO_M,
        "edge_span": layers.edge_span(findings),
        "outlines_withheld": (
            survey.OUTLINES_WITHHELD if survey.withholds_outlines(findings) else ""
        ),
    }


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
