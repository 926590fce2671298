"""Applications that mean harm, sources in every state, and a reader of pages."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sinkwatch import geo, schemas, survey
from sinkwatch.model import Findings, Snapshot, SourceState, SourceStatus

if TYPE_CHECKING:
    import geopandas as gpd

    from sinkwatch.model import Area, Inputs

CHECKED = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
CONTACT = "corrections@sinkwatch.example"

SCRIPT = "<script>document.title='owned';window.owned=1</script>"
IMAGE = '"><img src=x onerror="window.owned=1">'
JINJA = "{{7*7}}{% raw %}{# note"
CLOSING = "</script></style></textarea>]]>--><svg onload=window.owned=1>"
BIDI = "\u202eevil\u2066\u200b\u0000\u0007"
PERSONAL = "01765 123456 a@b.example"
FORMULA = "=cmd|' /C calc'!A0"
HOSTILE = f"{FORMULA} {SCRIPT} {IMAGE} {JINJA} {CLOSING} {BIDI} {PERSONAL}"
HOSTILE_SHOWN = f"{FORMULA} {SCRIPT} {IMAGE} {JINJA} {CLOSING} evil"

AUCTION_MART = "24/00001/OUT"
HOSTILE_REFERENCE = f"24/00002/FUL{HOSTILE}"
UNMAPPED = "24/00003/FUL"
FAR = "24/00004/FUL"

_VOID = frozenset({"meta", "link", "img", "br", "hr", "input"})


def _text(values: list[str | None]) -> pd.Series:
    return pd.Series(values, dtype="str")


def applications() -> gpd.GeoDataFrame:
    """Four: on the auction mart, hostile in every field, not mapped, far from everything."""
    references = [AUCTION_MART, HOSTILE_REFERENCE, UNMAPPED, FAR]
    columns = {
        "application_key": _text([f"North Yorkshire/{each}" for each in references]),
        "reference": _text(references),
        "authority": _text(["North Yorkshire", f"North{HOSTILE}", "North Yorkshire", "X"]),
        "address": _text(["Old Auction Mart, North Road", HOSTILE, "Land at Ripon", "Far Farm"]),
        "description": _text(
            [
                "Outline application for 60 homes, with access from North Road",
                HOSTILE,
                "Change of use. Agent: Mr A Smith, 01765 123456, agent@firm.example",
                "Single-storey extension",
            ]
        ),
        "status": _text(["undecided", "other", "refused", "approved"]),
        "status_text": _text(["Awaiting decision", HOSTILE, "Refused", None]),
        "received_on": pd.to_datetime(["2026-11-02", "2026-10-05", None, None]),
        "decided_on": pd.to_datetime([None, None, "2026-11-10", None]),
        "position_uncertainty_m": [80.0, 50.0, np.nan, 20.0],
        "position_basis": _text(
            ["the site's point", HOSTILE, "no address was given", "address point"]
        ),
        "postcode": _text([None, None, None, None]),
        "url": _text(
            [
                "https://planning.example/24-00001",
                "javascript:window.owned=1",
                "https://user:secret@planning.example/",
                None,
            ]
        ),
    }
    eastings, northings = [431579, 431300, np.nan, 428500], [471829, 471300, np.nan, 471000]
    return schemas.APPLICATIONS.check(geo.bng_frame(columns, eastings, northings))


def findings(area: Area, inputs: Inputs) -> Findings:
    """Return the findings of a run to which all these applications were given."""
    frame = applications()
    states = tuple(
        as_read(state, len(frame)) if state.spec.kind == "applications" else state
        for state in inputs.states
    )
    return survey.findings(area, replace(inputs, applications=frame, states=states))


def as_read(state: SourceState, n_rows: int) -> SourceState:
    """Return a source as if a file of that many rows had been read this morning."""
    snapshot = Snapshot(
        source=state.spec.name,
        path=Path("applications.csv"),
        url="applications.csv",
        sha256="0" * 64,
        n_bytes=1,
        retrieved_at=CHECKED,
        checked_at=CHECKED,
        edition="2026-11-22",
        licence=state.spec.licence,
        attribution=state.spec.attribution,
    )
    return replace(state, status=SourceStatus.GOOD, snapshot=snapshot, problem="", n_rows=n_rows)


def with_source(findings: Findings, name: str, **changed: object) -> Findings:
    """Return the findings with one source changed."""
    states = tuple(
        replace(state, **changed) if state.spec.name == name else state
        for state in findings.sources
    )
    return replace(findings, sources=states)


def without_applications(findings: Findings) -> Findings:
    """Return the findings without a single application."""
    none = findings.applications.iloc[:0]
    keys = set(findings.applications["application_key"])
    return replace(findings, applications=none, applied=(), flagged=findings.flagged - keys)


def with_nothing(findings: Findings) -> Findings:
    """Return findings of an area where zones are all that is held."""
    frames = ("sinkholes", "places", "postcodes", "cases", "applications", "postcode_bands")
    emptied = {name: getattr(findings, name).iloc[:0] for name in frames}
    return replace(findings, **emptied, sites=(), applied=(), flagged=frozenset())


@dataclass
class Tag:
    """One element as it stands in a page."""

    name: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """A page read by rule, as a browser would: what is not markup is text."""

    source: str
    tags: list[Tag] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[Tag] = []
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in _VOID:
            self._open.append(self.tags[-1])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(Tag(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().name != tag:
            pass

    def handle_data(self, data: str) -> None:
        for tag in self._open:
            tag.text += data
        if not any(tag.name in ("script", "style") for tag in self._open):
            self.text += data

    def all(self, *names: str) -> list[Tag]:
        """Return every element of those names, in order."""
        return [tag for tag in self.tags if tag.name in names]

    def ids(self) -> list[str]:
        """Return every id, in order."""
        return [tag.attributes["id"] for tag in self.tags if "id" in tag.attributes]
