from __future__ import annotations

import re

import pytest

from sinkwatch.notify import stationery

MAILS = ["digest.html", "notice.html"]


def source(name: str) -> str:
    loader = stationery.templates().loader
    assert loader is not None
    return loader.get_source(stationery.templates(), name)[0]


@pytest.mark.parametrize("name", MAILS)
def test_the_rules_stand_on_the_elements_before_anything_is_rendered(name: str) -> None:
    whole = source(name)
    assert "class=" not in whole
    assert "<style" not in whole
    assert whole.count("<h1 style=") == 1
    assert re.search(r'<body style="margin:0;padding:0;background:#[0-9a-f]{6}">', whole)


@pytest.mark.parametrize("name", MAILS)
def test_every_class_of_a_mail_is_in_the_sheet(name: str) -> None:
    raw = stationery.templates().get_template("mail.css").render()
    loader = stationery.templates().loader
    assert loader is not None
    text = super(type(loader), loader).get_source(stationery.templates(), name)[0]
    for classes in re.findall(r'class="([^"]+)"', text):
        for one in classes.split():
            assert f".{one} {{" in raw


def test_a_rule_of_its_own_stands_behind_those_of_the_sheet() -> None:
    (band,) = re.findall(r'<p style="([^"]*border-left-color[^"]*)"', source("digest.html"))
    assert band.index("border-left:") < band.index("border-left-color: {{")


def test_a_page_that_is_no_mail_keeps_its_own_sheet() -> None:
    assert "<style>" in source("preview.html")


def test_text_is_wrapped_at_spaces_and_links_stay_whole() -> None:
    link = f"https://example.org/{'a-' * 60}"
    wrapped = stationery.templates().filters["wrap"](f"{'word ' * 20}{link} end", "- ", "  ")
    lines = wrapped.split("\n")
    assert lines[0].startswith("- word")
    assert all(line.startswith("  ") for line in lines[1:])
    assert f"  {link}" in lines
    assert max(len(line) for line in lines if link not in line) <= 72
