"""How to read the map, and how it is made: for readers, reporters and those who doubt it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinkwatch import public
from sinkwatch.publish import frame, layers, locations, sources
from sinkwatch.publish.frame import Sheet

if TYPE_CHECKING:
    from sinkwatch.publish.publication import Publication


def pages(publication: Publication) -> dict[str, bytes]:
    """
    Make the page on how to read the map, and the one on how it is made.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    pages
        By path inside the site.
    """
    area = publication.findings.area
    reading = Sheet(
        folder=locations.READING,
        template="reading.html",
        title="How to read this map",
        description=f"What the map of {area.name} shows, what it cannot show, and how to quote it.",
    )
    method = Sheet(
        folder=locations.METHOD,
        template="method.html",
        title="Method",
        description=f"How ground, records and applications around {area.name} become a band.",
    )
    said = _said(publication)
    return {
        **frame.render(publication, reading, **said),
        **frame.render(publication, method, **said),
    }


def _said(publication: Publication) -> dict[str, object]:
    findings, records = publication.findings, publication.things.records
    years = sorted(record.when[:4] for record in records if record.when[:4].isdigit())
    return {
        "n_records": len(records),
        "n_drawn": sum(record.geometry is not None for record in records),
        "years": (years[0], years[-1]) if years else None,
        "edge_span": layers.edge_span(findings),
        "scale": sources.nominal_scale(findings),
        "rings": [f"{ring:g}" for ring in findings.area.parameters.table.rings_m],
        "rounded_to_m": public.ROUNDED_TO_M,
        "class_notes": findings.area.class_notes,
    }
