"""Two hundred texts that mean harm, and a world in which every field of every source says one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from sinkwatch import geo, schemas, survey
from sinkwatch.model import Evidence, History
from tests.publish.builders import applications, as_read
from tests.publish.editions import ENTRY

if TYPE_CHECKING:
    import geopandas as gpd

    from sinkwatch.model import Area, Findings, Inputs, SourceState

_SCRIPTS: Final = (
    "<script>window.owned=1</script>",
    "<img src=x onerror=window.owned=1>",
    "<svg/onload=window.owned=1>",
    "<body onload=window.owned=1>",
    "<iframe src=javascript:window.owned=1></iframe>",
    '<a href="javascript:window.owned=1">x</a>',
    "<object data=data:text/html,x></object>",
    "<embed src=//evil.example>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>*{display:none}</style>",
    "<form action=//evil.example><button>x</button></form>",
    "<math><mtext></mtext><script>window.owned=1</script></math>",
    "<template><script>window.owned=1</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=window.owned=1>'>",
    "<details open ontoggle=window.owned=1>",
    "<input autofocus onfocus=window.owned=1>",
)
_WAYS_OUT: Final = (
    "{}",
    '">{}',
    "'>{}",
    "-->{}",
    "</script>{}",
    "</title></textarea></style>{}",
    "]]>{}",
    "\u2028{}",
)
"""How a text may get out of where it stands: attribute, comment, script, XML, a line of script."""

_FORMULAS: Final = (
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "\u00a0=1+1",
    "\u200b=1+1",
    "\uff1d1+1",
    "\uff0b1+1",
    "\uff20SUM(1)",
    '"=1+1',
    '=HYPERLINK("https://evil.example","x")',
    ';=1+1,"=2+2"',
)
_OTHERS: Final = (
    "{{7*7}}{% raw %}{# note",
    "${7*7}#{7*7}<%= 7*7 %>",
    '#read("/etc/passwd")#import "x"',
    "\u202eevil\u2066",
    "\ufeff\ufffe\uffff",
    "a\x00b\x1bc\x7fd",
    "Robert'); DROP TABLE applications;--",
    "../../../../etc/passwd",
    "a/../../b",
    "CON",
    ".",
    "..",
    "/",
    "\\\\evil\\share",
    "x\r\nSet-Cookie: a=b",
    "x\r\n\r\n<script>window.owned=1</script>",
    "/* x */ ! Header",
    "javascript:window.owned=1",
    "data:text/html,<script>window.owned=1</script>",
    "//evil.example/x",
    "https://user:secret@evil.example/",
    'https://evil.example/" onclick="window.owned=1',
    '{"a":1}',
    "[x](javascript:window.owned=1)",
    "&lt;script&gt;window.owned=1&lt;/script&gt;",
    "&#60;script&#62;window.owned=1&#60;/script&#62;",
    "%3Cscript%3Ewindow.owned=1%3C/script%3E",
    "<!ENTITY x SYSTEM 'file:///etc/passwd'>&x;",
    "<?xml-stylesheet href='//evil.example'?>",
    "e\u0301" * 40,
    "\U0001f573\ufe0f\u200d",
    "W" * 500,
    "long words " * 50,
    "mailto:a@b.example?bcc=all@evil.example",
    "a@b.example 01765 123456",
    "`backticks` $(id) ; rm -rf x",
    "<",
    "&",
    '"',
    "'",
)

TEXTS: Final = tuple(
    dict.fromkeys(
        [
            *(way.format(script) for script, way in product(_SCRIPTS, _WAYS_OUT)),
            *_FORMULAS,
            *_OTHERS,
        ]
    )
)
"""Each once; the formulas stand at the beginning of their cells."""


def findings(area: Area, inputs: Inputs) -> Findings:
    """Return the findings of a run in which every text of every source means harm."""
    frames = {
        name: _said(getattr(inputs, name), schema.key)
        for name, schema in {
            "sinkholes": schemas.SINKHOLES,
            "places": schemas.PLACES,
            "cases": schemas.CASES,
        }.items()
    }
    frames["sinkholes"]["evidence"] = _text([*Evidence])
    frames["places"]["is_watched"] = True
    applied = _said(applications(), "application_key")
    applied["received_on"] = pd.to_datetime("2026-11-02")
    geology = inputs.geology.copy()
    # A zone is one of four, so each says a quarter of them.
    geology["title"] = ["".join(TEXTS[start::4]) for start in range(len(geology))]
    said = replace(
        inputs,
        **frames,
        applications=applied,
        geology=geology,
        states=_states(inputs, len(applied)),
    )
    return survey.findings(area, said)


def history() -> History:
    """Return changes published before, of which each says one of the texts."""
    return History(
        entries=tuple(
            replace(
                ENTRY,
                at=ENTRY.at + timedelta(minutes=number),
                kind=("sinkhole", "application", "site")[number % 3],
                subject=_key(number),
                version=str(number),
                title=text,
                happened=text,
            )
            for number, text in enumerate(TEXTS)
        ),
        began_on=ENTRY.on,
    )


def _key(number: int) -> str:
    """Return an id that is as hostile as the rest, and unlike every other."""
    return f"{TEXTS[number]}{number}"


def _text(values: list[str]) -> pd.Series:
    """Return so many of the values, over and over."""
    return pd.Series(np.resize(np.asarray(values, dtype=object), len(TEXTS)), dtype="str")


def _said(frame: gpd.GeoDataFrame, key: str) -> gpd.GeoDataFrame:
    """Return as many rows as there are texts, each saying one in every column of free text."""
    rows = frame.iloc[np.resize(np.arange(len(frame)), len(TEXTS))].reset_index(drop=True)
    free = set(rows.columns) - {"kind", "evidence", "status", "observed", "decided", "postcode"}
    for column in free & set(rows.select_dtypes("str").columns):
        rows[column] = _text([*TEXTS])
    rows[key] = pd.Series([_key(number) for number in range(len(TEXTS))], dtype="str")
    if "site_id" in rows:
        rows["site_id"] = None
    points = rows.geometry.iloc[0]
    spread = np.arange(len(rows)) * 7.0
    return geo.bng_frame(rows.drop(columns="geometry"), points.x + spread, points.y + spread)


def _states(inputs: Inputs, n_applications: int) -> tuple[SourceState, ...]:
    """Return sources that say harm where they may say anything: credit, licence, edition, fault."""
    read = (
        as_read(state, n_applications) if state.spec.kind == "applications" else state
        for state in inputs.states
    )
    n_states = len(inputs.states)
    return tuple(_state(state, "".join(TEXTS[start::n_states])) for start, state in enumerate(read))


def _state(state: SourceState, text: str) -> SourceState:
    snapshot = state.snapshot and replace(
        state.snapshot, licence=text, attribution=text, edition=text, url=text
    )
    return replace(state, snapshot=snapshot, problem=text)
