from __future__ import annotations

import re

import pytest

from sinkwatch import style
from sinkwatch.model import Band, Evidence, GeologyClass
from tests.world import band_table

TEXT_CONTRAST = 4.5
"""Least contrast of text with its ground (WCAG 2.2, 1.4.3)."""

EDGE_CONTRAST = 3
"""Least contrast of a control's edge with its ground (WCAG 2.2, 1.4.11)."""

COLOURS = {
    name: value
    for name, value in vars(style).items()
    if isinstance(value, str) and value.startswith("#")
}


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", ["INK", "MUTED", "ACCENT", "WARNING", "LONG_OUT_OF_DATE"])
def test_words_can_be_read_on_paper(name: str) -> None:
    assert contrast(COLOURS[name], style.PAPER) >= TEXT_CONTRAST


@pytest.mark.parametrize("palette", [style.SCREEN, style.SCREEN_IN_THE_DARK])
@pytest.mark.parametrize("ground", ["paper", "sheet", "caution", "alarm", "chosen"])
@pytest.mark.parametrize("words", ["ink", "muted", "accent", "warning", "urgent"])
def test_words_can_be_read_on_every_ground_by_day_and_in_the_dark(
    palette: dict[str, str], ground: str, words: str
) -> None:
    assert contrast(palette[words], palette[ground]) >= TEXT_CONTRAST


@pytest.mark.parametrize("palette", [style.SCREEN, style.SCREEN_IN_THE_DARK])
def test_a_button_can_be_read_and_a_field_has_an_edge(palette: dict[str, str]) -> None:
    assert contrast(palette["on-accent"], palette["accent"]) >= TEXT_CONTRAST
    for ground in ("paper", "sheet"):
        assert contrast(palette["field"], palette[ground]) >= EDGE_CONTRAST


def test_the_dark_gives_every_colour_of_the_screen_anew() -> None:
    assert list(style.SCREEN_IN_THE_DARK) == list(style.SCREEN)
    assert luminance(style.SCREEN_IN_THE_DARK["paper"]) < luminance(style.SCREEN["ink"])


@pytest.mark.parametrize(
    "colour",
    [
        *COLOURS.values(),
        *style.SCREEN.values(),
        *style.SCREEN_IN_THE_DARK.values(),
        *style.ZONE_COLOURS.values(),
        *style.EVIDENCE_COLOURS.values(),
        *(entry.colour for entry in band_table().styles.values()),
    ],
)
def test_every_colour_is_written_the_same_way(colour: str) -> None:
    assert re.fullmatch(r"#[0-9a-f]{6}", colour)


def test_every_class_of_ground_has_a_colour_and_a_pattern_of_its_own() -> None:
    classes = set(GeologyClass) - {GeologyClass.OUTSIDE}
    for table in (style.ZONE_COLOURS, style.ZONE_PATTERNS):
        assert set(table) == classes
        assert len(set(table.values())) == len(classes)
    assert set(style.ZONE_PATTERNS.values()) <= set(style.MATPLOTLIB_HATCHES)


def test_every_grade_of_evidence_has_a_colour_and_a_symbol_of_its_own() -> None:
    for table in (style.EVIDENCE_COLOURS, style.EVIDENCE_SYMBOLS):
        assert set(table) == set(Evidence)
        assert len(set(table.values())) == len(Evidence)


def test_assessed_bands_differ_in_pattern_as_well_as_in_colour() -> None:
    styles = band_table().styles
    assert {entry.hatch for entry in styles.values()} <= set(style.MATPLOTLIB_HATCHES)
    assessed = [styles[band] for band in Band if band is not Band.NOT_ASSESSED]
    assert len({entry.hatch for entry in assessed}) == len(assessed)
    assert len({entry.colour for entry in assessed}) == len(assessed)
