"""A sheet as a picture that other programs open: PNG with its resolution, SVG in one piece."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from typing import Final

from sinkwatch.publish.evidence.typesetting import PNG_PPI

_METRES_PER_INCH: Final = 0.0254
_IN_METRES: Final = 1
_END_OF_HEADER: Final = 33
"""Bytes of a PNG's signature and of its first chunk, which has one size (PNG specification, 5.2
and 11.2.2); the chunk pHYs may follow it."""

_NESTED: Final = re.compile(
    r'<image((?: transform="[^"]*")?) xlink:href="data:image/svg\+xml;base64,([^"]*)"'
    r' width="([\d.]+)" height="([\d.]+)" preserveAspectRatio="none"/>'
)
_PROLOGUE: Final = re.compile(r"^.*?(?=<svg\b)", re.DOTALL)
_VIEW_BOX: Final = re.compile(r'\bviewBox="([^"]*)"')
_ID: Final = re.compile(r'(\bid="|href="#|url\(#)([^")]+)')


def png(page: bytes) -> bytes:
    """
    Say in a page's picture how large it is on paper.

    Parameters
    ----------
    page
        PNG of `PNG_PPI` pixels per inch, as typst paints it.

    Returns
    -------
    png
        The same with its resolution.
    """
    per_metre = round(PNG_PPI / _METRES_PER_INCH)
    chunk = b"pHYs" + struct.pack(">IIB", per_metre, per_metre, _IN_METRES)
    # Painted anew, the picture would take as long again as typst needs for it.
    return b"".join(
        (
            page[:_END_OF_HEADER],
            struct.pack(">I", len(chunk) - 4),
            chunk,
            struct.pack(">I", zlib.crc32(chunk)),
            page[_END_OF_HEADER:],
        )
    )


def svg(page: bytes) -> bytes:
    """
    Make one drawing of a page whose drawings typst has packed up as pictures.

    Drawing programs take a picture inside a drawing for a photograph, and GIS software leaves it
    out.

    Parameters
    ----------
    page
        As typst draws it.

    Returns
    -------
    svg
        The same drawing with every line in it, no identifier twice.
    """
    numbers = iter(range(1_000_000))
    return _NESTED.sub(lambda found: _unpacked(found, next(numbers)), page.decode()).encode()


def _unpacked(found: re.Match[str], number: int) -> str:
    transform, packed, width, height = found.groups()
    inner = _PROLOGUE.sub("", base64.b64decode(packed).decode())
    inner = _ID.sub(rf"\g<1>d{number}-\g<2>", inner)
    opening, body = inner.split(">", 1)
    box = _VIEW_BOX.search(opening)
    seen = f' viewBox="{box[1]}"' if box else ""
    return (
        f'<g{transform}><svg width="{width}" height="{height}"{seen} preserveAspectRatio="none">'
        f"{body}</g>"
    )
