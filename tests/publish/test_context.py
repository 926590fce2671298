"""What the page tells of rain and water: dated sentences, and nothing where nothing is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from sinkwatch import geo, schemas
from sinkwatch.model import Surroundings
from sinkwatch.publish import context, site

if TYPE_CHECKING:
    from sinkwatch.model import Findings

HOSTILE = "<script>alert(1)</script> {{ 7 * 7 }}"


def with_context(findings: Findings, *texts: str) -> Findings:
    n = len(texts)
    frame = geo.bng_frame(
        {
            "context_id": [f"rain-{number}" for number in range(n)],
            "topic": ["rainfall"] * n,
            "title": ["Rain at the reservoir"] * n,
            "text": list(texts),
            "observed_on": pd.Series(
                [pd.Timestamp(2026, 11, 21), *[pd.NaT] * (n - 1)], dtype="datetime64[s]"
            ),
        },
        [422_500.0] * n,
        [470_500.0] * n,
    )
    around = Surroundings(context=schemas.CONTEXT.check(frame))
    return replace(findings, surroundings=around)


def page_of(findings: Findings) -> str:
    pages = site.build(
        findings, site.Imprint(version="1", contact="me@holes.example", pictures=False)
    )
    return " ".join(pages["index.html"].decode().split())


def test_a_remark_is_told_with_its_day(findings: Findings) -> None:
    told = with_context(findings, "In October 2026 182 mm of rain fell.", "The well is low.")
    assert [(each.text, each.observed) for each in context.gather(told)] == [
        ("In October 2026 182 mm of rain fell.", "21 November 2026"),
        ("The well is low.", ""),
    ]


def test_without_a_source_of_it_the_page_has_no_such_part(findings: Findings) -> None:
    assert context.gather(findings) == ()
    assert "wider ground" not in page_of(findings)


def test_the_page_tells_it_as_text_and_says_that_it_is_in_no_band(findings: Findings) -> None:
    page = page_of(with_context(findings, f"Wet. {HOSTILE}"))
    assert "none of it is part of a band" in page
    assert "As of 21 November 2026." in page
    assert HOSTILE not in page
    assert "{{ 7 * 7 }}" in page
