"""The frame that every linked page shares: head, policy, navigation, how to cite it, foot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from sinkwatch import style, wording
from sinkwatch.model import Band, Evidence, GeologyClass
from sinkwatch.publish import assets, locations

if TYPE_CHECKING:
    from sinkwatch.publish.assets import Asset
    from sinkwatch.publish.publication import Publication

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

_SCRIPT_ESCAPES: Final = {
    ord(character): f"\\u{ord(character):04x}" for character in "<>&'\u2028\u2029"
}
"""What could end a script or a line of one."""

NAVIGATION: Final = (
    ("Map", locations.HOME),
    ("Look up", locations.LOOK_UP),
    ("Records", locations.RECORDS),
    ("Sites", locations.SITES),
    ("Applications", locations.APPLICATIONS),
    ("Timeline", locations.TIMELINE),
    ("How to read this", locations.READING),
)
"""What stands at the head of every page: title and folder."""

FOOTING: Final[tuple[tuple[str, str], ...]] = (
    ("What changed", locations.CHANGES),
    ("Method", locations.METHOD),
    ("Sources and status", locations.STATUS),
    ("Downloads", locations.DATA),
    ("Feeds", locations.FEEDS),
    ("Embed this map", locations.EMBED),
    ("Corrections", locations.CORRECTIONS),
    ("Privacy", locations.PRIVACY),
    ("Accessibility", locations.ACCESSIBILITY),
)
"""What stands at the foot of every page."""

_CLOSED: Final = {
    "default-src": ("'none'",),
    "base-uri": ("'none'",),
    "form-action": ("'none'",),
    "script-src": ("'self'",),
    "style-src": ("'self'",),
    "img-src": ("'self'", "data:"),
    "connect-src": ("'self'",),  # the look-up, cards on the map; and search engines' robots.txt
}
"""What a page may load unless it says otherwise."""


CARD_PX: Final = (1_200, 630)
"""Width and height of a card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """
    The picture that stands for a page where somebody shares a link to it.

    Attributes
    ----------
    path
        Of the picture, inside the site.
    alt
        What it shows, in words.
    """

    path: str
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """
    What one page says of itself.

    Attributes
    ----------
    folder
        Where it lies, such as "records/RS009"; empty for the map.
    template
        Name of its template, which extends ``base.html``.
    title
        Its heading: plain text.
    description
        One sentence for search engines and cards: plain text.
    changed_on
        The day since which it has said what it says; None if that is not known.
    section
        Folder under whose title the navigation shows it; its own if empty.
    scripts, styles
        What it needs beyond what every page has.
    policy
        What it may load beyond what every page may, by directive.
    structured
        What it says to programs in schema.org's words: JSON-LD objects.
    picture
        Its card; None for that of the area.
    """

    folder: str
    template: str
    title: str
    description: str
    changed_on: date | None = None
    section: str = ""
    scripts: Sequence[Asset] = ()
    styles: Sequence[Asset] = ()
    policy: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    structured: Sequence[Mapping[str, object]] = ()
    picture: Card | None = None

    @property
    def path(self) -> str:
        """Return its path inside the site."""
        return locations.page_in(self.folder)


@cache
def shared() -> tuple[Asset, ...]:
    """Return the styles and scripts that every page links."""
    return (styles(), assets.own("page.js", stem="page"))


def styles() -> Asset:
    """Return the style sheet that every page links."""
    text = environment().get_template("site.css").render(style=style, zone_opacity=_ZONE_OPACITY)
    return assets.Asset(stem="sinkwatch", suffix="css", text=text)


def render(publication: Publication, sheet: Sheet, **said: object) -> dict[str, bytes]:
    """
    Make one page.

    Parameters
    ----------
    publication
        Of which it is a part.
    sheet
        What it says of itself.
    **said
        What its template is given besides.

    Returns
    -------
    page
        Its path inside the site, and HTML in UTF-8.
    """
    root = "../" * len(sheet.folder.split("/")) if sheet.folder else ""
    style_sheet, script = shared()
    head = {
        "sheet": sheet,
        "root": root,
        "policy": policy({**_CLOSED, **sheet.policy}),
        "address": publication.address(sheet.folder),
        "public_url": publication.imprint.public_url,
        "current": sheet.section or sheet.folder,
        "navigation": NAVIGATION,
        "footing": _footing(publication),
        "style_tags": [each.link_from(root) for each in (*sheet.styles, style_sheet)],
        "script_tags": [each.link_from(root) for each in (*sheet.scripts, script)],
        "structured": [_script_json(each) for each in sheet.structured],
        "title": _title(publication, sheet),
        "description": sheet.description,
        "picture": _picture(publication, sheet),
        "picture_px": CARD_PX,
        "link": _Links(root),
    }
    page = environment().get_template(sheet.template)
    return {sheet.path: page.render(**common(publication), **head, **said).encode()}


class _Links:
    """Relative links to pages, as plain folders of files have them."""

    def __init__(self, root: str) -> None:
        self._root = root

    def __call__(self, folder: str) -> str:
        """Return the link to the page in a folder; it names the file, so it works from disk."""
        return quote(f"{self._root}{locations.page_in(folder)}", safe="/.")


def common(publication: Publication) -> dict[str, object]:
    """
    Return what every template may use.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    context
        By name.
    """
    area = publication.findings.area
    table = area.parameters.table
    return {
        "publication": publication,
        "area": area,
        "version": publication.imprint.version,
        "contact": publication.imprint.contact,
        "signup_url": publication.imprint.signup_url,
        "icon": f"data:image/svg+xml,{quote(_ICON)}",
        "disclaimer": wording.disclaimer(area.rock),
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
        "folders": locations,
    }


def policy(sources_by_kind: Mapping[str, Sequence[str]]) -> str:
    """
    Write a content security policy.

    Parameters
    ----------
    sources_by_kind
        What may be loaded, by directive.

    Returns
    -------
    policy
        As the header and the meta element have it.
    """
    return "; ".join(f"{kind} {' '.join(allowed)}" for kind, allowed in sources_by_kind.items())


def _footing(publication: Publication) -> list[tuple[str, str]]:
    """Return what stands at the foot of every page of an edition."""
    has_embeds = publication.imprint.pictures
    return [each for each in FOOTING if has_embeds or each[1] != locations.EMBED]


def _picture(publication: Publication, sheet: Sheet) -> Card | None:
    """Return what stands for a page elsewhere: its own card, or that of the area."""
    if not publication.imprint.pictures:
        return None
    if sheet.picture:
        return sheet.picture
    name = publication.findings.area.name
    return Card(path=locations.AREA_CARD, alt=f"Map of what is recorded about the ground: {name}")


def _title(publication: Publication, sheet: Sheet) -> str:
    area = publication.findings.area.name
    return sheet.title if not sheet.folder else f"{sheet.title} – {area} Sinkwatch"


def _script_json(value: Mapping[str, object]) -> Markup:
    plain = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Escaped for a script, so that nothing in it can end one: not to be escaped for HTML again.
    return Markup(plain.translate(_SCRIPT_ESCAPES))  # noqa: S704 - see above


@cache
def environment() -> jinja2.Environment:
    """Return what the pages' templates are read with."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=jinja2.select_autoescape(["html", "xml"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
