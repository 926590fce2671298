"""The letters of a sheet: every character that is shown can be set, as wide as measured."""

from __future__ import annotations

import functools
import unicodedata

import pytest
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st

from sinkwatch.errors import ConfigError
from sinkwatch.publish.evidence import typeface
from sinkwatch.publish.evidence.typeface import Weight


@functools.cache
def codes(name: str) -> set[str]:
    path = next(path for path in typeface.paths() if path.name == name)
    return {chr(code) for code in TTFont(path).getBestCmap()}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ripon", "Ripon"),
        ("Ripon 里本", "Ripon […]"),
        ("里 a 本", "[…] a […]"),
        ("Cafe\u0301 ž Ωмега", "Café ž Ωмега"),
        ("one\ntwo\t3", "one\ntwo\t3"),
        ("● ◐ ○ ◇ ± × – “ ”", "● ◐ ○ ◇ ± × – “ ”"),
        ("\u0915\u093f", "[…]"),
        ("", ""),
    ],
)
def test_what_neither_face_has_is_shown_to_be_left_out(text: str, shown: str) -> None:
    assert typeface.shown(text) == shown


def test_a_mark_that_the_face_of_its_letter_lacks_takes_the_letter_with_it() -> None:
    # U+302A stands on Chinese letters; neither face has it, though both have the letter.
    assert typeface.shown("a\u302a b") == "[…] b"


@settings(max_examples=40)
@given(st.text(max_size=40))
def test_every_character_shown_is_in_a_face_of_every_weight(text: str) -> None:
    own = codes("SourceSans3-Regular.ttf") & codes("SourceSans3-Bold.ttf")
    spare = codes("DejaVuSans.ttf") & codes("DejaVuSans-Bold.ttf")
    shown = typeface.shown(text)
    assert set(shown) <= own | spare | {"\n", "\t", " "}
    assert unicodedata.is_normalized("NFC", shown)
    assert typeface.shown(shown) == shown
    label = typeface.label(text)
    assert set(label) <= own | {"\n", "\t", " "} or set(label) <= spare | {"\n", "\t", " "}


def test_a_label_stays_in_one_face_even_if_its_letters_stand_in_two() -> None:
    only_spare = next(iter(sorted(codes("DejaVuSans-Bold.ttf") - codes("SourceSans3-Bold.ttf"))))
    label = typeface.label(f"Ripon {only_spare}\N{PILE OF POO}")
    assert label == f"Ripon {only_spare}[…]"
    assert typeface.face(label).get_file().endswith("DejaVuSans.ttf")
    assert typeface.face("Ripon", Weight.BOLD).get_file().endswith("SourceSans3-Bold.ttf")


def test_a_label_is_as_wide_as_its_letters_and_wider_if_heavier() -> None:
    font = TTFont(next(p for p in typeface.paths() if p.name == "SourceSans3-Regular.ttf"))
    advance = font["hmtx"][font.getBestCmap()[ord("0")]][0] / font["head"].unitsPerEm
    wide, high = typeface.extent_mm("0000000000", 72.0)
    assert wide == pytest.approx(10 * advance * 25.4, rel=0.02)
    assert high == pytest.approx(25.4)
    assert typeface.extent_mm("Ripon", 9.0, Weight.BOLD)[0] > typeface.extent_mm("Ripon", 9.0)[0]


def test_every_face_is_named_once_source_sans_first() -> None:
    names = [path.name for path in typeface.paths()]
    assert names == [
        "SourceSans3-Bold.ttf",
        "SourceSans3-It.ttf",
        "SourceSans3-Regular.ttf",
        "SourceSans3-Semibold.ttf",
        "DejaVuSans-Bold.ttf",
        "DejaVuSans-Oblique.ttf",
        "DejaVuSans.ttf",
    ]


def test_a_face_that_was_not_installed_is_named_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = typeface.paths()[0].with_name("Gone.ttf")
    monkeypatch.setattr(typeface, "_ITALIC", (gone, gone))
    with pytest.raises(ConfigError, match=r"Gone.ttf.*Install sinkwatch again"):
        typeface.paths()
