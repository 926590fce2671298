"""Pages that are one file: the map of an area or of a place with every table, and no request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinkwatch import public, survey
from sinkwatch.publish import assets, context, filters, frame, layers, sources, squares

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sinkwatch.publish.assets import Asset
    from sinkwatch.publish.publication import Publication
    from sinkwatch.publish.webmap import Drawing


def styles() -> tuple[Asset, ...]:
    """Return the style sheets of a page with a map, in the order in which they apply."""
    return (assets.leaflet_styles(), frame.styles())


def scripts(drawing: Drawing) -> tuple[Asset, ...]:
    """
    Return the scripts that draw a map, in the order in which they run.

    Parameters
    ----------
    drawing
        What draws the map.

    Returns
    -------
    scripts
        Leaflet, ours, what is said, what is drawn; for the map of an area also what draws a crowd
        of applications, filters it and names the view.
    """
    words = assets.Asset(stem="words", suffix="js", text=drawing.words)
    drawn = assets.Asset(stem="map", suffix="js", text=drawing.script)
    basis = (
        assets.leaflet_script(),
        assets.own("map.js", stem="sinkwatch"),
        assets.own("arrange.js", stem="arrange"),
    )
    if not drawing.crowd:
        return (*basis, words, drawn)
    return (
        *basis,
        assets.supercluster_script(),
        *(assets.own(f"{name}.js", stem=name) for name in ("crowd", "filter", "view")),
        words,
        assets.Asset(stem="applications", suffix="js", text=drawing.crowd),
        drawn,
    )


def sorting() -> Asset:
    """Return what lets a reader put a table in another order."""
    return assets.own("table.js", stem="table")


def single(
    publication: Publication, drawing: Drawing, pack: Mapping[str, object] | None = None
) -> bytes:
    """
    Return the page as one file, which its own policy keeps from making any request.

    Parameters
    ----------
    publication
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
    order = (sorting(),) if drawing.crowd else ()
    scripts_here = (*scripts(drawing), *order, assets.own("page.js", stem="page"))
    policy = {
        "default-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "script-src": [each.policy_hash for each in scripts_here],
        "style-src": [each.policy_hash for each in styles()],
        "img-src": ["data:"],
    }
    said = {
        **frame.common(publication),
        **tables(publication),
        "title": heading(publication),
        "description": description(publication),
        "drawing": drawing,
        "policy": frame.policy(policy),
        "style_tags": [each.inline for each in styles()],
        "script_tags": [each.inline for each in scripts_here],
        "is_linked": False,
        "leaflet_licence": assets.leaflet_licence().decode(),
        "supercluster_licence": assets.supercluster_licence().decode() if drawing.crowd else "",
        **(pack or {}),
    }
    page = frame.environment().get_template("pack.html" if pack else "page.html")
    return page.render(**said).encode()


def heading(publication: Publication) -> str:
    """
    Return the heading of the map.

    Parameters
    ----------
    publication
        With the area.

    Returns
    -------
    heading
        Plain text.
    """
    area = publication.findings.area
    return f"Recorded ground collapse and the {area.ground} around {area.name}"


def description(publication: Publication) -> str:
    """
    Say in one sentence what the map is.

    Parameters
    ----------
    publication
        With the area.

    Returns
    -------
    sentence
        Plain text.
    """
    name = publication.findings.area.name
    return f"What is recorded about the ground around {name}, with its sources."


def tables(publication: Publication) -> dict[str, object]:
    """
    Return what map, key and tables are made of.

    Parameters
    ----------
    publication
        What is shown.

    Returns
    -------
    context
        By the names that ``_map.html``, ``_filters.html``, ``_key.html`` and ``_tables.html`` have
        for it.
    """
    findings, things = publication.findings, publication.things
    traits = filters.gather(findings, things)
    return {
        "traits": traits,
        "choices": filters.choices(traits),
        "things": things,
        "listed": things,
        "n_left_out": 0,
        "listed_records": squares.shown(things.records),
        "n_records_left_out": len(things.records) - len(squares.shown(things.records)),
        "sources": sources.gather(findings),
        "warnings": sources.warnings(findings),
        "remarks": context.gather(findings),
        "applications_shown": sources.count_applications(findings),
        "about_applications": sources.about_applications(findings),
        "dossier": None,
        "drawn_records": sum(thing.geometry is not None for thing in things.records),
        "rounded_to_m": public.ROUNDED_TO_M,
        "edge_span": layers.edge_span(findings),
        "outlines_withheld": survey.why_withheld(findings),
    }
