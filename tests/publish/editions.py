"""Editions with a made-up history, and what reads their XML."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from sinkwatch.model import Entry, History
from sinkwatch.publish import things
from sinkwatch.publish.publication import Imprint, Publication
from tests.publish.builders import HOSTILE

if TYPE_CHECKING:
    from sinkwatch.model import Findings

AT = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
ENTRY = Entry(
    at=AT,
    on=date(2026, 11, 20),
    kind="sinkhole",
    subject="RS009",
    version="1",
    title=HOSTILE,
    happened=f"\ufffe{HOSTILE}",
)
POSTCODES = tuple(
    replace(ENTRY, kind="postcode", subject=name, version=name) for name in ("HG4 2AB", "HG4 1HS")
)


def an_edition(findings: Findings, *entries: Entry, url: str = "") -> Publication:
    """Return an edition of which these changes were published before."""
    return Publication(
        findings=findings,
        things=things.gather(findings),
        imprint=Imprint(version="0.1.0", public_url=url),
        history=History(entries=entries, began_on=date(2026, 11, 1)),
    )


def as_xml(content: bytes) -> ET.Element:
    """Return what a reader of XML makes of a file."""
    return ET.fromstring(content)  # noqa: S314 - our own
