"""The ground and its names: zones that fade, where drawing stopped, postcodes, labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from sinkwatch import public, style, survey, wording
from sinkwatch.model import Band, GeologyClass
from sinkwatch.publish import ground, sources
from sinkwatch.publish.shapes import Shape

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import Findings
    from sinkwatch.public import Row

_PLAIN: Final = {"stroke": False, "fill": True, "interactive": False, "smoothFactor": 0.5}
POSTCODE_OPACITY: Final = 0.75
POSTCODE_FACTS: Final = (("Outline", "an aid to reading, not the postcode's own"),)
"""What the card of every postcode says besides its band."""


def zone_fades(findings: Findings) -> list[Shape]:
    """
    Return every step of every zone's fade, the least susceptible class first.

    Parameters
    ----------
    findings
        With zones and edges.

    Returns
    -------
    shapes
        Polygons.
    """
    ordered = findings.zones.sort_values(["geology_class", "zone_id"])
    coverage = shapely.union_all(ordered.geometry.to_numpy())
    zones = zip(ordered["zone_id"], ordered["geology_class"], ordered.geometry, strict=True)
    return [
        Shape(
            shape_id=f"{public.anchor('fade', zone_id)}-{step}",
            geometry=fade.geometry,
            style={
                **_PLAIN,
                "fillColor": _zone_fill(GeologyClass(int(code))),
                "fillOpacity": round(fade.opacity, 4),
            },
        )
        for zone_id, code, geometry in zones
        for step, fade in enumerate(ground.fades(geometry, findings.edges, coverage))
    ]


def zone_outlines(findings: Findings) -> list[Shape]:
    """
    Return the zones themselves, unseen, so that one can be asked what it is.

    Parameters
    ----------
    findings
        With zones.

    Returns
    -------
    shapes
        Polygons, each with its `card`.
    """
    return [
        Shape(
            shape_id=public.anchor("zone", public.text(row, "zone_id")),
            geometry=geometry,
            style={**_PLAIN, "fillOpacity": 0, "interactive": True},
            words={"card": _zone_card(findings, row)},
        )
        for row, geometry in zip(public.rows(findings.zones), findings.zones.geometry, strict=True)
    ]


def zone_limits(findings: Findings) -> list[Shape]:
    """
    Return the lines where drawing stopped.

    Parameters
    ----------
    findings
        With zones and edges.

    Returns
    -------
    shapes
        One, or none.
    """
    lines = ground.limits(findings.zones, findings.edges)
    dotted = {
        "color": style.MUTED,
        "weight": 1.5,
        "opacity": 0.7,
        "dashArray": "1 6",
        "fill": False,
        "interactive": False,
    }
    return [] if lines.is_empty else [Shape(shape_id="limit", geometry=lines, style=dotted)]


def postcode_cells(findings: Findings) -> list[Shape]:
    """
    Return the ground of each postcode, shaded by band; postcodes at one point share a cell.

    Parameters
    ----------
    findings
        With postcodes and their bands.

    Returns
    -------
    shapes
        Polygons, each with its `card`, by postcode.
    """
    bands = dict(
        zip(findings.postcode_bands["place_id"], findings.postcode_bands["band"], strict=True)
    )
    ordered = findings.postcodes.sort_values("postcode", ignore_index=True)
    sharing: dict[tuple[float, float], list[str]] = {}
    for postcode, point in zip(ordered["postcode"], public.points(ordered), strict=True):
        if point is not None and postcode in bands:
            sharing.setdefault((point.x, point.y), []).append(postcode)
    radii_m = np.full(len(sharing), findings.postcodes["position_uncertainty_m"].max())
    points = np.asarray(shapely.points(np.reshape(list(sharing), (-1, 2))))
    cells = ground.cells(points, radii_m)
    return [
        _postcode(findings, names, cell, Band(max(int(bands[name]) for name in names)))
        for names, cell in zip(sharing.values(), cells, strict=True)
    ]


def place_names(findings: Findings) -> list[Shape]:
    """
    Return the names by which the map is read without a background.

    Parameters
    ----------
    findings
        With places.

    Returns
    -------
    shapes
        Points, each with its `label`, the most important first.
    """
    ordered = findings.places.sort_values(["label_rank", "place_id"], ignore_index=True)
    return [
        Shape(
            shape_id=f"name-{index}",
            geometry=geometry,
            words={
                "label": {
                    "text": public.text(row, "short_name"),
                    "kind": public.text(row, "kind"),
                    "rank": int(public.number(row, "label_rank") or 0),
                }
            },
        )
        for index, (row, geometry) in enumerate(
            zip(public.rows(ordered), ordered.geometry, strict=True)
        )
    ]


def notice(findings: Findings) -> str:
    """
    Say how finely the zones are drawn, for views closer than they can bear.

    Parameters
    ----------
    findings
        With zones and edges.

    Returns
    -------
    sentence
        Such as "Zones are drawn at about 1:100 000; their edge is uncertain by ± 500 to 1,000 m.",
        or why none are shown.
    """
    if why := survey.why_withheld(findings):
        return why
    scale = sources.nominal_scale(findings)
    drawn = f"drawn at about {scale}" if scale else "drawn roughly"
    span = edge_span(findings)
    doubt = f"; their edge is uncertain by {span}" if span else ""
    return f"Zones are {drawn}{doubt}."


def edge_span(findings: Findings) -> str:
    """
    Say how well the zones' edges are known, from the best to the least.

    Parameters
    ----------
    findings
        With edges.

    Returns
    -------
    text
        Such as "± 500 to 1,000 m"; empty if no edge is known.
    """
    known_m = findings.edges["uncertainty_m"]
    if known_m.empty:
        return ""
    least, most = wording.plus_minus(known_m.min()), wording.plus_minus(known_m.max())
    if least == most:
        return least
    return f"{least.removesuffix(' m')} to {most.removeprefix('± ')}"


def _zone_fill(geology_class: GeologyClass) -> str:
    """Return a class's pattern, and its plain colour for where patterns fail."""
    return f"url(#zone-{geology_class.name.lower()}) {style.ZONE_COLOURS[geology_class]}"


def _zone_card(findings: Findings, row: Row) -> dict[str, object]:
    geology_class = GeologyClass(int(public.number(row, "geology_class") or 0))
    known = wording.plus_minus(public.number(row, "position_uncertainty_m") or 0.0)
    scale = sources.nominal_scale(findings)
    facts = {
        f"Class {geology_class.name}": findings.area.class_notes[geology_class],
        "Edge": f"drawn to {known}" + (f", at about {scale}" if scale else ""),
        "Credit": sources.credit(findings, "geology"),
    }
    return {
        "title": public.text(row, "title"),
        "kind": "indicative zone",
        "facts": [[label, said] for label, said in facts.items() if said],
    }


def _postcode(findings: Findings, postcodes: list[str], cell: BaseGeometry, band: Band) -> Shape:
    band_style = findings.area.parameters.table.styles[band]
    return Shape(
        shape_id=public.anchor("postcode", postcodes[0].replace(" ", "-")),
        geometry=cell,
        style={
            "color": style.PAPER,
            "weight": 1,
            "opacity": 0.9,
            "fillColor": f"url(#band-{band.key}) {band_style.colour}",
            "fillOpacity": POSTCODE_OPACITY,
        },
        words={
            "card": {
                "title": ", ".join(wording.clean(postcode) for postcode in postcodes),
                "kind": "postcode" if len(postcodes) == 1 else "postcodes",
                "band": band.key,
                "explains_band": True,
                "facts": [list(fact) for fact in POSTCODE_FACTS],
            }
        },
    )
