"""Where a sheet's map lies on the ground, written into its PDF so that GIS software places it."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import pikepdf
from pikepdf import Array, Dictionary, Name, String

from sinkwatch import geo
from sinkwatch.publish.evidence.manuscript import label_of
from sinkwatch.publish.evidence.paper import LAYOUTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sinkwatch.model import Bounds, Sheet

PT_PER_MM: Final = 72 / 25.4
"""Points of a PDF in a millimetre of paper."""

_CORNERS: Final = (0, 0, 0, 1, 1, 1, 1, 0)
"""Of the map, as shares of its width and height, from the south-west, clockwise."""

_DECIMALS: Final = 10
"""Of a degree: about 0.01 mm."""


def place(pdf: bytes, sheets: Iterable[Sheet]) -> bytes:
    """
    Say where the maps of a PDF lie on the ground.

    Each map becomes a viewport with a measure, as ISO 32000-2 and Adobe's extension level 3 of
    PDF 1.7 describe it: its corners in degrees on the datum of the National Grid, hence exact.

    Parameters
    ----------
    pdf
        As `typesetting` made it; what marks it as PDF/UA or PDF/A is kept.
    sheets
        Those in it: each is found by its label, whatever stands on the pages before it.

    Returns
    -------
    pdf
        The same bytes for the same PDF and sheets.
    """
    written = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as document:
        labelled = pikepdf.NameTree(document.Root.Names.Dests)
        for sheet in sheets:
            page = pikepdf.Page(labelled[label_of(sheet)][0])
            page.obj.VP = Array([_viewport(document, sheet, float(page.mediabox[3]))])
        document.Root.Extensions = Dictionary(
            ADBE=Dictionary(BaseVersion=Name("/1.7"), ExtensionLevel=3)
        )
        document.save(
            written,
            deterministic_id=True,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
        )
    return written.getvalue()


def neat_line_pt(sheet: Sheet, page_height_pt: float) -> tuple[float, float, float, float]:
    """
    Return where the neat line of a sheet lies on its page.

    Parameters
    ----------
    sheet
        The sheet.
    page_height_pt
        Height of its page, points.

    Returns
    -------
    left, bottom, right, top
        Points from the lower left corner of the page.
    """
    layout = LAYOUTS[sheet.paper]
    left, top = layout.map_left_mm * PT_PER_MM, page_height_pt - layout.map_top_mm * PT_PER_MM
    return (
        left,
        top - layout.map_height_mm * PT_PER_MM,
        left + layout.map_width_mm * PT_PER_MM,
        top,
    )


def _viewport(document: pikepdf.Pdf, sheet: Sheet, page_height_pt: float) -> pikepdf.Object:
    measure = Dictionary(
        Type=Name.Measure,
        Subtype=Name.GEO,
        Bounds=Array(_CORNERS),
        LPTS=Array(_CORNERS),
        GPTS=_numbers(_degrees(sheet.frame), _DECIMALS),
        GCS=Dictionary(Type=Name.PROJCS, EPSG=geo.BNG_EPSG, WKT=String(geo.bng_wkt())),
    )
    return Dictionary(
        Type=Name.Viewport,
        Name=String(f"Map, sheet {sheet.number}"),
        BBox=_numbers(neat_line_pt(sheet, page_height_pt), 4),
        Measure=document.make_indirect(measure),
    )


def _degrees(frame: Bounds) -> list[float]:
    """Return latitude and longitude of each corner, in the order of `_CORNERS`."""
    west, south, east, north = frame.as_tuple()
    longitudes, latitudes = geo.osgb36_degrees(
        [west, west, east, east], [south, north, north, south]
    )
    return [
        float(degrees) for corner in zip(latitudes, longitudes, strict=True) for degrees in corner
    ]


def _numbers(values: Iterable[float], decimals: int) -> Array:
    return Array([Decimal(f"{value:.{decimals}f}") for value in values])
