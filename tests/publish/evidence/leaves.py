"""Sheets with next to nothing on them, for what does not ask what a map shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sinkwatch.publish.evidence.key import KeyEntry
from sinkwatch.publish.evidence.manuscript import Colophon, Drawn
from sinkwatch.publish.evidence.paper import LAYOUTS

if TYPE_CHECKING:
    from sinkwatch.model import Sheet

COLOPHON = Colophon(map_id="SW-3F9A21C0", version="0.1.0", contact="maps@example.org")


def a_drawing(wide_mm: float, high_mm: float) -> bytes:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide_mm}mm" height="{high_mm}mm" '
        f'viewBox="0 0 {wide_mm} {high_mm}"><defs><path id="a" d="M 0 0 H 1"/></defs>'
        f'<use href="#a"/><rect width="{wide_mm}" height="{high_mm}" fill="#eee"/></svg>'
    ).encode()


def an_entry(text: str) -> KeyEntry:
    return KeyEntry(svg=a_drawing(9, 4.5), text=text)


def a_drawn_sheet(sheet: Sheet, **changes: Any) -> Drawn:  # noqa: ANN401 - whatever `Drawn` takes
    layout = LAYOUTS[sheet.paper]
    collars_mm = 2 * layout.collar_mm
    parts: dict[str, Any] = {
        "map_svg": a_drawing(layout.map_width_mm + collars_mm, layout.map_height_mm + collars_mm),
        "alt": f"Map of the yard, sheet {sheet.number}.",
        "key": (an_entry("Site"), an_entry("Record, confirmed")),
        "locator_svg": a_drawing(44, 44),
        "notes": ("The zones are enlarged 40 times here.",),
        "frames": frozenset({"geology", "sinkholes"}),
        **changes,
    }
    return Drawn(sheet=sheet, **parts)
