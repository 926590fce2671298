"""Where the files of a place lie: a folder of its own, whatever a stranger calls the place."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinkwatch.publish import locations

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@settings(max_examples=60)
@given(WORDS)
@pytest.mark.parametrize("locate", [locations.of_site, locations.of_application])
def test_it_is_one_folder_below_its_own_and_of_plain_characters(locate: object, words: str) -> None:
    assert callable(locate)
    folder = locate(words)
    assert re.fullmatch(r"(sites|applications)/[a-z0-9]+(-[a-z0-9]+)*", folder)
    assert len(folder.partition("/")[2]) <= 80
    assert locate(words) == folder


@settings(max_examples=60)
@given(WORDS, WORDS)
def test_two_places_share_none(one: str, other: str) -> None:
    assert (locations.of_application(one) == locations.of_application(other)) == (one == other)


def test_references_that_read_alike_share_none() -> None:
    alike = [
        "24/03097/FUL",
        "24-03097-ful",
        "24/03097/ful",
        "24_03097_FUL",
        " 24/03097/FUL",
        "../24/03097/FUL",
    ]
    for one, other in combinations(alike, 2):
        assert locations.of_application(one) != locations.of_application(other)


def test_a_plain_site_keeps_its_name() -> None:
    assert locations.of_site("auction-mart") == "sites/auction-mart"
