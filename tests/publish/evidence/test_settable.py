"""What comes from outside can be set, can be searched for, and breaks where a line ends."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinkwatch.publish.evidence import typeface
from sinkwatch.publish.evidence.settable import settable, shortened, stopped

BREAK = "\u200b"


@pytest.mark.parametrize(
    "text",
    [
        "Uncharacteristically, undercompartmentalised.",
        "https://www.example.co.uk/news/auction-mart-plans-on-hold-1-4189094",
        "24/03097/FUL",
    ],
)
def test_words_that_people_search_for_are_left_whole(text: str) -> None:
    assert settable(text) == text


def test_a_word_without_end_breaks_every_six_letters() -> None:
    assert settable("W" * 26) == BREAK.join(["WWWWWW"] * 4 + ["WW"])


def test_dots_do_not_hide_a_word_without_end() -> None:
    text = settable("ab." * 20)
    assert isinstance(text, str)
    assert max(map(len, text.split(BREAK))) == 6


def test_names_of_drawings_colours_and_links_are_left_as_they_are() -> None:
    link = f"https://example.org/{'a' * 60}"
    assert settable({"url": link, "rows": [{"art": "W" * 60}, ("x", 1, None)]}) == {
        "url": link,
        "rows": [{"art": "W" * 60}, ["x", 1, None]],
    }


@given(st.text(max_size=60))
@settings(max_examples=60)
def test_every_character_that_is_left_has_a_shape(text: str) -> None:
    made = settable(text)
    assert isinstance(made, str)
    assert typeface.shown(made.replace(BREAK, "")) == made.replace(BREAK, "")
    assert all(character.isprintable() or character == BREAK for character in made)


def test_a_text_that_is_cut_says_so() -> None:
    assert shortened("A long name", 11) == "A long name"
    assert shortened("A long name", 8) == "A long…"


@pytest.mark.parametrize(
    ("text", "whole"), [("", ""), ("One", "One."), ("One.", "One."), ("One…", "One…")]
)
def test_a_sentence_ends_with_one_stop(text: str, whole: str) -> None:
    assert stopped(text) == whole
