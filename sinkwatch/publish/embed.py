"""What other sites may frame: the map, cards, dated copies; and the page that says how."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from sinkwatch import events, style, wording
from sinkwatch.publish import (
    assets,
    cards,
    frame,
    locations,
    page,
    pictures,
    sources,
    webmap,
)
from sinkwatch.publish.frame import Sheet

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from sinkwatch.model import Entry
    from sinkwatch.publish.assets import Asset
    from sinkwatch.publish.publication import Publication
    from sinkwatch.publish.things import Thing
    from sinkwatch.publish.webmap import Sketch

WIDTH_PX: Final = 640
_MAP_HEIGHT_PX: Final = 560
_CARD_HEIGHT_PX: Final = 380
_ROUND_A_PICTURE_PX: Final = 250
"""Room for title, date and credit above and below the picture of a dated copy."""

_CACHE_AGE_S: Final = 86_400
_SCRIPTED: Final = "allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox"
_PLAIN: Final = "allow-popups allow-popups-to-escape-sandbox"
"""What a frame may do: a reader may follow a link into a window of its own, and the map may run its
scripts and read its own files."""

_NO_SCRIPT: Final = {"script-src": ("'none'",)}
_STATE_OF: Final = {locations.RECORDS: events.SINKHOLE, locations.SITES: events.SITE}
_IFRAME: Final = Markup(
    '<iframe src="{}" title="{}" width="{}" height="{}" loading="lazy" sandbox="{}" '
    'referrerpolicy="no-referrer" style="border:0;max-width:100%"></iframe>'
)
_IMAGE: Final = Markup(
    '<a href="{}"><img src="{}" alt="{}" width="{}" height="{}" loading="lazy" '
    'style="max-width:100%;height:auto"></a>'
)
_FIGURE: Final = Markup(
    "<figure>\n{}\n"
    '<figcaption><a href="{}">{}</a>. {}: sources, licences and limits are on that page.'
    "</figcaption>\n</figure>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """
    One thing that may be embedded.

    Attributes
    ----------
    folder
        Of its page, such as "embed/map".
    full
        Folder of the page that says all, such as "records/RS001"; empty for the map.
    title
        Plain text.
    height
        Of its frame at `WIDTH_PX`, pixels.
    is_scripted
        Whether it runs scripts.
    day
        Of a dated copy; None for what says what is known now.
    picture
        Path of a picture of it inside the site.
    picture_px
        Width and height of that.
    """

    folder: str
    full: str
    title: str
    height: int
    is_scripted: bool = False
    day: date | None = None
    picture: str = locations.AREA_PICTURE
    picture_px: tuple[int, int] = (pictures.WIDTH_PX, pictures.HEIGHT_PX)

    @property
    def oembed(self) -> str:
        """Return where programs read how to embed it, inside the site."""
        return f"{locations.OEMBED}/{self.folder.removeprefix(f'{locations.EMBED}/')}.json"


def pages(
    publication: Publication,
    sketch: Sketch,
    drawn: Mapping[str, bytes],
    copies: Collection[date] = (),
) -> dict[str, bytes]:
    """
    Make everything under ``embed/``.

    Parameters
    ----------
    publication
        The edition.
    sketch
        What its map shows.
    drawn
        Static pictures by path inside the site, those of the map among them.
    copies
        Days of which a dated copy is kept; that of the edition itself is made here.

    Returns
    -------
    pages
        By path inside the site.
    """
    live = _live(publication)
    of_things = [_card_of(publication, thing) for thing in cards.carded(publication)]
    dated = [_dated(publication, day) for day in _days(publication, copies)]
    shared = {"own_style": styles().path, "credits": _credits(publication)}
    made = _map_page(publication, sketch, live, shared)
    history = publication.history.by_subject()
    for thing, card in zip(cards.carded(publication), of_things, strict=True):
        kind = _STATE_OF[thing.folder.partition("/")[0]]
        entries = history.get((kind, thing.key), ())
        made |= _card_page(publication, thing, card, entries, shared)
    made |= _frozen(publication, drawn, shared)
    if publication.imprint.public_url:
        made |= {each.oembed: _oembed(publication, each) for each in (live, *of_things, *dated)}
    made |= _how_to(publication, live, of_things, dated)
    return made | {each.path: each.text.encode() for each in (styles(), _copying())}


def styles() -> Asset:
    """Return the style sheet of what may be framed; it needs no other."""
    text = frame.environment().get_template("embed.css").render(style=style)
    return assets.Asset(stem="embed", suffix="css", text=text)


def _copying() -> Asset:
    """Return what copies a snippet."""
    return assets.own("copy.js", stem="copy")


def _days(publication: Publication, copies: Collection[date]) -> list[date]:
    """Return the days of which there is a dated copy, the newest first."""
    own = publication.changed_on
    return sorted({*copies, own} if own else {*copies}, reverse=True)


def _live(publication: Publication) -> Piece:
    return Piece(
        folder=locations.EMBEDDED_MAP,
        full=locations.HOME,
        title=page.heading(publication),
        height=_MAP_HEIGHT_PX,
        is_scripted=True,
    )


def _card_of(publication: Publication, thing: Thing) -> Piece:
    return Piece(
        folder=locations.embedded(thing.folder),
        full=thing.folder,
        title=thing.name,
        height=_CARD_HEIGHT_PX,
        picture=cards.of_thing(publication, thing).path,
        picture_px=frame.CARD_PX,
    )


def _dated(publication: Publication, day: date) -> Piece:
    width, height = pictures.WIDTH_PX, pictures.HEIGHT_PX
    return Piece(
        folder=locations.as_at(day),
        full=locations.HOME,
        title=f"{page.heading(publication)}, as published on {wording.date_text(day)}",
        height=WIDTH_PX * height // width + _ROUND_A_PICTURE_PX,
        day=day,
    )


def _map_page(
    publication: Publication, sketch: Sketch, live: Piece, shared: Mapping[str, object]
) -> dict[str, bytes]:
    drawing = webmap.draw(sketch, tiles=webmap.OPENSTREETMAP, root=_root(live.folder))
    scripts = (*page.scripts(drawing), assets.own("embed.js", stem="framed"))
    sheet = Sheet(
        folder=live.folder,
        template="embed_map.html",
        title=live.title,
        description=page.description(publication),
        changed_on=publication.changed_on,
        scripts=scripts,
        styles=(assets.leaflet_styles(),),
        policy=webmap.policy(publication.findings),
    )
    said = {**page.tables(publication), **shared, **_said(publication, live), "drawing": drawing}
    return {
        **frame.render(publication, sheet, **said),
        **{each.path: each.text.encode() for each in (*scripts, *sheet.styles)},
    }


def _root(folder: str) -> str:
    return "../" * len(folder.split("/"))


def _card_page(
    publication: Publication,
    thing: Thing,
    piece: Piece,
    entries: Sequence[Entry],
    shared: Mapping[str, object],
) -> dict[str, bytes]:
    sheet = Sheet(
        folder=piece.folder,
        template="embed_card.html",
        title=piece.title,
        description=f"{thing.kind[:1].upper()}{thing.kind[1:]}: what is recorded.",
        changed_on=entries[0].on if entries else publication.history.began_on,
        policy=_NO_SCRIPT,
    )
    return frame.render(publication, sheet, **shared, **_said(publication, piece), thing=thing)


def _frozen(
    publication: Publication, drawn: Mapping[str, bytes], shared: Mapping[str, object]
) -> dict[str, bytes]:
    """Return the dated copy of the edition, which needs nothing else of the site to be read."""
    day = publication.changed_on
    if day is None:
        return {}
    piece = _dated(publication, day)
    sheet = Sheet(
        folder=piece.folder,
        template="embed_as_at.html",
        title=piece.title,
        description=page.description(publication),
        changed_on=day,
        policy=_NO_SCRIPT,
    )
    said = {
        **shared,
        **_said(publication, piece),
        "things": publication.things,
        "applications_shown": sources.count_applications(publication.findings),
    }
    return {
        **frame.render(publication, sheet, **said),
        f"{piece.folder}/map.png": drawn[locations.AREA_PICTURE],
        f"{piece.folder}/map.svg": drawn[locations.AREA_DRAWING],
        f"{piece.folder}/style.css": styles().text.encode(),
    }


def _said(publication: Publication, piece: Piece) -> dict[str, object]:
    """Return what each page says of itself that may be framed."""
    return {
        "piece": piece,
        "original": publication.address(piece.full),
        "oembed": f"{publication.imprint.public_url}/{piece.oembed}",
    }


def _credits(publication: Publication) -> list[tuple[str, str, str]]:
    """Return title, licence and credit of each source; no day, so that they stay as they are."""
    told = sources.gather(publication.findings)
    return [(each.title, each.licence, each.credit) for each in told if each.retrieved]


def _how_to(
    publication: Publication, live: Piece, of_things: Sequence[Piece], dated: Sequence[Piece]
) -> dict[str, bytes]:
    area = publication.findings.area.name
    sheet = Sheet(
        folder=locations.EMBED,
        template="embed.html",
        title="Embed this map",
        description=f"How to show the map of {area}, or a record of it, on another site.",
        changed_on=publication.changed_on,
        scripts=(_copying(),),
        styles=(styles(),),
    )
    return frame.render(
        publication,
        sheet,
        live=live,
        cards=of_things,
        dated=dated,
        snippet=lambda piece: snippet(publication, piece),
        picture_snippet=_picture_snippet(publication, live),
    )


def snippet(publication: Publication, piece: Piece) -> str:
    """
    Return what a newsroom pastes into its own page: a frame, and a caption that stays without it.

    Parameters
    ----------
    publication
        With the address of the site.
    piece
        What is to be shown.

    Returns
    -------
    html
        As plain text; empty while the site has no address of its own.
    """
    return _figure(publication, piece, _iframe(publication, piece))


def _picture_snippet(publication: Publication, piece: Piece) -> str:
    """Return the same with the picture, for systems that take no frame."""
    address = publication.address(piece.full)
    source = f"{publication.imprint.public_url}/{piece.picture}"
    image = _IMAGE.format(address, source, piece.title, *piece.picture_px)
    return _figure(publication, piece, image)


def _figure(publication: Publication, piece: Piece, shown: Markup) -> str:
    if not publication.imprint.public_url:
        return ""
    by = f"{publication.findings.area.name} Sinkwatch"
    return str(_FIGURE.format(shown, publication.address(piece.full), piece.title, by))


def _iframe(publication: Publication, piece: Piece) -> Markup:
    return _IFRAME.format(
        publication.address(piece.folder),
        piece.title,
        WIDTH_PX,
        piece.height,
        _SCRIPTED if piece.is_scripted else _PLAIN,
    )


def _oembed(publication: Publication, piece: Piece) -> bytes:
    """Say how to embed something, in the words of oEmbed 1.0."""
    site = publication.imprint.public_url
    width, height = piece.picture_px
    said = {
        "type": "rich",
        "version": "1.0",
        "title": piece.title,
        "provider_name": f"{publication.findings.area.name} Sinkwatch",
        "provider_url": f"{site}/",
        "html": str(_iframe(publication, piece)),
        "width": WIDTH_PX,
        "height": piece.height,
        "thumbnail_url": f"{site}/{piece.picture}",
        "thumbnail_width": width,
        "thumbnail_height": height,
        "cache_age": _CACHE_AGE_S,
    }
    return (json.dumps(said, ensure_ascii=False, indent=1) + "\n").encode()
