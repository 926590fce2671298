"""What every file of the downloads says of itself: licence, credit, caveats, its columns."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from sinkwatch import public, survey, wording
from sinkwatch.model import FRAME_OF_KIND
from sinkwatch.publish import columns, sources

if TYPE_CHECKING:
    from sinkwatch.model import Findings, SourceState

LONGEST_TERM: Final = 2_500
"""Longest licence or credit that is repeated row by row, characters; LICENCES.txt has it all."""

_NO_RECORD: Final = "Records are incomplete: none here means no records in the data we hold."
_BAND: Final = (
    "A band sums up what is recorded about the ground and how prone it is. It is not a survey, "
    "nor a forecast, and says nothing of the state of a building."
)
_ONLY_DRILLED: Final = "It says that a borehole was drilled, not what it found."

_NO_LOCATION: Final = "Drawn at 1:625 000: it cannot locate {rock}, and no band rests on it."

CAVEATS: Final[Mapping[str, str]] = {
    "sinkholes.csv": f"A record with its doubts, not a survey. {_NO_RECORD}",
    "sinkholes.geojson": f"A record with its doubts, not a survey. {_NO_RECORD}",
    "zones.geojson": "Indicative: each edge is known no better than its uncertainty says.",
    "sites.csv": _BAND,
    "applications.csv": _BAND,
    "flagged.csv": _BAND,
    "cases.csv": "What was decided then, as its source puts it. It decides no band.",
    "postcodes.csv": _BAND,
    "boreholes.csv": _ONLY_DRILLED,
    "regional-geology.geojson": _NO_LOCATION,
}
"""What the rows of each file cannot say, in a sentence or two; `caveat` names the rock in it."""

LICENCE_URLS: Final[Mapping[str, str]] = {
    "Open Government Licence v3.0": (
        "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/"
    ),
    "Creative Commons Attribution 4.0 International": (
        "https://creativecommons.org/licenses/by/4.0/"
    ),
    "Open Database Licence 1.0": "https://opendatacommons.org/licenses/odbl/1-0/",
}
"""Where the text of a licence stands."""

_ROUNDED: Final = f"Positions of records and past decisions are rounded to {public.ROUNDED_TO_M} m."
_ABOUT_FILES: Final = (
    f"{_ROUNDED} Columns are explained in dictionary.csv, with the licence of each. An apostrophe "
    "before a cell keeps a spreadsheet from calculating it and is no part of the text."
)
_DATATYPES: Final = {"text": "string", "number": "number", "integer": "integer"}


def licence(findings: Findings, frames: Iterable[str]) -> str:
    """
    Return the licences of some sorts of data.

    Parameters
    ----------
    findings
        Of one run.
    frames
        Such as "geology".

    Returns
    -------
    text
        Each once; empty if none is held.
    """
    named = (
        wording.clean(state.snapshot.licence)
        for state in held(findings, frames)
        if state.snapshot is not None
    )
    return wording.trimmed("; ".join(dict.fromkeys(text for text in named if text)), LONGEST_TERM)


def credit(findings: Findings, frames: Iterable[str]) -> str:
    """
    Return who must be named for some sorts of data.

    Parameters
    ----------
    findings
        Of one run.
    frames
        Such as "geology".

    Returns
    -------
    text
        Each once; empty if nobody asks for it.
    """
    named = (sources.credit(findings, frame) for frame in frames)
    return wording.trimmed(" ".join(dict.fromkeys(text for text in named if text)), LONGEST_TERM)


def held(findings: Findings, frames: Iterable[str]) -> list[SourceState]:
    """
    Return the sources that some sorts of data came from.

    Parameters
    ----------
    findings
        Of one run.
    frames
        Such as "geology".

    Returns
    -------
    states
        Of those of which a copy is held, in the area's order.
    """
    wanted = frozenset(frames)
    return [
        state
        for state in findings.sources
        if FRAME_OF_KIND[state.spec.kind] in wanted and state.snapshot is not None
    ]


def of_rows(findings: Findings, file: str) -> dict[str, str]:
    """
    Return what every row of a table ends with.

    Parameters
    ----------
    findings
        Of one run.
    file
        One of `columns.FILES`.

    Returns
    -------
    terms
        By the columns of `columns.TERMS`.
    """
    named = credit(findings, columns.frames_of(file))
    if "band" in columns.FILES[file]:
        named = f"{named} Bands: {_maker(findings)}; what they rest on: LICENCES.txt.".lstrip()
    return {
        "licence": licence(findings, columns.frames_of(file)),
        "attribution": named,
        "caveat": caveat(findings, file),
    }


def about(findings: Findings, file: str) -> dict[str, object]:
    """
    Return what a file says of itself before anything else.

    Parameters
    ----------
    findings
        Of one run.
    file
        One of `columns.FILES`.

    Returns
    -------
    members
        JSON-able: title, edition, caveats, licences, attribution and where columns are explained.
    """
    frames = columns.frames_of(file)
    return {
        "title": f"{_maker(findings)}: {file}",
        "edition": edition(findings, frames),
        "caveats": caveats(findings, file),
        "licences": [
            {"title": title, **({"url": url} if (url := LICENCE_URLS.get(title)) else {})}
            for title in filter(None, licence(findings, frames).split("; "))
        ],
        "attribution": credit(findings, frames),
        "dictionary": "dictionary.csv",
    }


def caveats(findings: Findings, file: str) -> list[str]:
    """
    Return all that a reader of a file must know before using it.

    Parameters
    ----------
    findings
        Of one run.
    file
        One of `columns.FILES`; empty for them all.

    Returns
    -------
    sentences
        The narrowest first.
    """
    own = narrow(findings, [file] if file else CAVEATS)
    is_rounded = not file or file.startswith(("sinkholes", "cases"))
    why = survey.why_withheld(findings)
    return [
        *own,
        *([_ROUNDED] if is_rounded else []),
        *([why] if why else []),
        wording.disclaimer(findings.area.rock),
        wording.LIMITS,
    ]


def caveat(findings: Findings, file: str) -> str:
    """
    Return what the rows of a file cannot say.

    Parameters
    ----------
    findings
        Of one run.
    file
        Its name.

    Returns
    -------
    sentences
        One or two; empty if there is nothing that holds for every row.
    """
    return wording.of_rock(CAVEATS.get(file, ""), findings.area.rock)


def narrow(findings: Findings, files: Iterable[str]) -> list[str]:
    """
    Return what the rows of some files cannot say.

    Parameters
    ----------
    findings
        Of one run.
    files
        Names, in the order wanted.

    Returns
    -------
    sentences
        Each once.
    """
    return list(dict.fromkeys(caveat(findings, name) for name in files if name in CAVEATS))


def edition(findings: Findings, frames: Iterable[str]) -> str:
    """
    Return the edition of the data that a file holds.

    Parameters
    ----------
    findings
        Of one run.
    frames
        Such as "geology".

    Returns
    -------
    text
        As the sources put it, each once; empty if none does.
    """
    named = (
        wording.clean(state.snapshot.edition)
        for state in held(findings, frames)
        if state.snapshot is not None
    )
    return "; ".join(dict.fromkeys(text for text in named if text))


def _maker(findings: Findings) -> str:
    return f"{findings.area.name} Sinkwatch"


# ── The dictionary ───────────────────────────────────────────────────────────────────────────


def dictionary(findings: Findings, files: Collection[str]) -> Iterator[dict[str, object]]:
    """
    Explain every column.

    Parameters
    ----------
    findings
        Of one run.
    files
        Those that are offered.

    Yields
    ------
    row
        By the columns of `columns.DICTIONARY`.
    """
    for file, meanings in columns.FILES.items():
        if file not in files:
            continue
        for column, meaning in meanings.items():
            behind = columns.frames_behind(file, column)
            titles = (wording.clean(state.spec.title) for state in held(findings, behind))
            yield {
                "file": file,
                "column": column,
                "meaning": meaning,
                "type": columns.kind_of(column),
                "unit": columns.unit_of(column),
                "allowed": ", ".join(columns.allowed_in(file, column)),
                "empty": columns.empty_means(file, column),
                "worked_out_by_us": columns.is_worked_out(file, column),
                "source": "; ".join(dict.fromkeys(titles)),
                "licence": licence(findings, behind),
                "attribution": credit(findings, behind),
            }


def for_programs(findings: Findings, files: Collection[str]) -> bytes:
    """
    Explain every table to programs that read W3C's "CSV on the Web".

    Parameters
    ----------
    findings
        Of one run.
    files
        Those that are offered.

    Returns
    -------
    content
        JSON, UTF-8; it belongs beside the tables as "csv-metadata.json".
    """
    tables = [name for name in columns.FILES if name in files and name.endswith(".csv")]
    said = {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "dc:title": _maker(findings),
        "dc:description": wording.disclaimer(findings.area.rock),
        "tables": [_csvw(findings, name) for name in tables],
    }
    return f"{json.dumps(said, ensure_ascii=False, indent=1)}\n".encode()


def _csvw(findings: Findings, file: str) -> dict[str, object]:
    frames = columns.frames_of(file)
    key = {"primaryKey": columns.KEYS[file]} if file in columns.KEYS else {}
    said = {
        "dc:license": licence(findings, frames),
        "dc:rights": credit(findings, frames),
        "dc:description": caveat(findings, file),
    }
    described = [
        {
            "name": column,
            "titles": column,
            "dc:description": meaning,
            "datatype": _DATATYPES.get(columns.kind_of(column), columns.kind_of(column)),
        }
        for column, meaning in columns.FILES[file].items()
    ]
    return {
        "url": file,
        **{name: text for name, text in said.items() if text},
        "tableSchema": {"columns": described, **key},
    }


# ── Licences ─────────────────────────────────────────────────────────────────────────────────


def licences(findings: Findings) -> bytes:
    """
    Write whose data these are, under which licence, and what they are not.

    Parameters
    ----------
    findings
        Of one run.

    Returns
    -------
    content
        Plain text, UTF-8.
    """
    why = survey.why_withheld(findings)
    paragraphs = [
        f"Data published by sinkwatch for {findings.area.name}",
        wording.disclaimer(findings.area.rock),
        _ABOUT_FILES,
        *([why] if why else ()),
        *(_licence(source) for source in sources.gather(findings)),
        wording.LIMITS,
    ]
    return ("\n\n".join(paragraphs) + "\n").encode()


def by_source(findings: Findings) -> list[tuple[str, str]]:
    """
    Return what is said of each source that does not change until its data do.

    Parameters
    ----------
    findings
        Of one run.

    Returns
    -------
    said
        Title, and edition, licence and credit in one text.
    """
    return [
        (
            source.title,
            f"Edition: {source.edition or 'not given'}. Licence: {source.licence or 'not given'}."
            + (f" Credit: {source.credit}" if source.credit else ""),
        )
        for source in sources.gather(findings)
    ]


def _licence(source: sources.Source) -> str:
    lines = [
        source.title,
        f"  Edition: {source.edition or 'not given'}",
        f"  Retrieved: {source.retrieved.text if source.retrieved else 'never'}",
        f"  Standing: {source.status_text}",
        f"  Licence: {source.licence or 'not given'}",
        f"  Credit: {source.credit or 'none asked for'}",
    ]
    return "\n".join(lines)
