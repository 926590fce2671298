"""The one design: colours, patterns and symbols that web map, e-mail and print share."""

from __future__ import annotations

from typing import Final

from sinkwatch.model import Evidence, GeologyClass

INK: Final = "#1d2a30"
"""Text and outlines."""

PAPER: Final = "#fbfaf7"
"""Background of maps and pages."""

MUTED: Final = "#5b6b73"
"""Secondary text; 5.3:1 on paper."""

LINE: Final = "#d5d9d6"
"""Rules and frames."""

ACCENT: Final = "#1b5e6b"
"""Links, the reader's own place."""

WARNING: Final = "#8a4b00"
"""Words about sources that are out of date; never the only mark."""

LONG_OUT_OF_DATE: Final = "#9b1c1c"
"""Words about sources that are long out of date."""

SCREEN: Final = {
    "ink": INK,
    "paper": PAPER,
    "sheet": "#ffffff",
    "muted": MUTED,
    "line": LINE,
    "field": "#6d7c83",
    "accent": ACCENT,
    "on-accent": "#ffffff",
    "warning": WARNING,
    "urgent": LONG_OUT_OF_DATE,
    "caution": "#fff8ec",
    "alarm": "#fdf1ef",
    "chosen": "#f2f5ef",
}
"""Colours of linked pages on a screen, by the name their style sheet gives each; maps always."""

SCREEN_IN_THE_DARK: Final = {
    "ink": "#e4e9e6",
    "paper": "#14191c",
    "sheet": "#1c2326",
    "muted": "#a6b3b7",
    "line": "#364247",
    "field": "#83939a",
    "accent": "#82c7d3",
    "on-accent": "#0f1719",
    "warning": "#efb873",
    "urgent": "#f3a59d",
    "caution": "#2a2318",
    "alarm": "#2d1e1d",
    "chosen": "#24302f",
}
"""The same where the reader's device asks for a dark page; nothing printed is ever dark."""

FONT: Final = "'Source Sans 3', 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
"""System faces only: no font is fetched."""

ZONE_COLOURS: Final = {
    GeologyClass.C: "#b98a3e",
    GeologyClass.B: "#c9b98f",
    GeologyClass.A: "#b9c4bf",
}
"""Fill of each class of ground; always drawn with its pattern as well."""

ZONE_PATTERNS: Final = {
    GeologyClass.C: "cross",
    GeologyClass.B: "lines",
    GeologyClass.A: "dots",
}
"""Pattern of each class, so that grey print and colour-blind readers can tell them apart."""

MATPLOTLIB_HATCHES: Final = {
    "none": "",
    "dots": "..",
    "lines": "//",
    "cross": "xx",
    "dense": "xxxx",
}
"""Each pattern in matplotlib's notation."""

EVIDENCE_COLOURS: Final = {
    Evidence.CONFIRMED: "#5c1a3b",
    Evidence.PROBABLE: "#8d3b63",
    Evidence.POSSIBLE: "#b98aa2",
    Evidence.NOT_AN_EVENT: "#8b9499",
}
"""Fill of a record's mark."""

EVIDENCE_SYMBOLS: Final = {
    Evidence.CONFIRMED: "●",
    Evidence.PROBABLE: "◐",
    Evidence.POSSIBLE: "○",
    Evidence.NOT_AN_EVENT: "◇",
}
"""Mark of a record in text and tables; on maps the fill says the same."""
