"""The rows of a pack's tables, each cell the words that stand in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from sinkwatch import public, style, wording
from sinkwatch.model import PolicyStanding
from sinkwatch.publish.evidence.settable import stopped

if TYPE_CHECKING:
    from sinkwatch.model import (
        Dossier,
        Evidence,
        NearbyRecord,
        PlanningStep,
        PolicyLine,
        Share,
        SourceLine,
    )

STANDINGS: Final = {
    PolicyStanding.CITED: "may be cited",
    PolicyStanding.CHECK: "check before citing",
    PolicyStanding.PAST: "no longer in force",
}
"""How a planning document stands, in the table of them."""

_RECORDS_INTRO: Final = (
    "Nearest first. The numbers are those on the sheets. Where the direction is not known, a "
    "record may lie on any side."
)
_SHA256_SHOWN: Final = 12
_ONE_PAGE: Final = 3_000
"""Characters of a record that its narrow columns surely hold on a page."""

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


def facts(dossier: Dossier) -> list[tuple[str, str]]:
    """
    Name what is known of the place itself.

    Parameters
    ----------
    dossier
        What is said.

    Returns
    -------
    facts
        Name and value; what is not known is left out.
    """
    facts = (
        ("Site", dossier.place.label),
        ("Application", dossier.reference),
        ("Authority", dossier.authority),
        ("Address", dossier.address),
        ("Proposal", f"“{dossier.description}”" if dossier.description else ""),
        ("Grid reference", dossier.grid_reference),
        ("Known from", dossier.place.basis),
    )
    return [(name, value) for name, value in facts if value]


def records(dossier: Dossier) -> dict[str, object]:
    """
    List the records with their grades and sources.

    Parameters
    ----------
    dossier
        What is said.

    Returns
    -------
    data
        By the names that the templates use.
    """
    named = dict.fromkeys((record.source_title, record.source_url) for record in dossier.records)
    letters = {source: _letter(index) for index, source in enumerate(named)}
    if dossier.records:
        intro = [_RECORDS_INTRO]
    else:
        intro = [f"Within this distance there are {wording.NO_RECORDS}."]
    return {
        "records_intro": intro,
        "grades": [
            {
                "symbol": style.EVIDENCE_SYMBOLS[grade],
                "name": _grade(grade),
                "note": note.removeprefix(f"{_grade(grade)}; "),
            }
            for grade, note in sorted(
                {record.evidence: record.evidence_note for record in dossier.records}.items(),
                key=lambda each: list(style.EVIDENCE_SYMBOLS).index(each[0]),
            )
        ],
        "records": [
            _record(record, letters[record.source_title, record.source_url])
            for record in dossier.records
        ],
        "record_sources": [
            {
                "letter": letter,
                "title": title,
                "url": public.web_link(url),
                "shown_url": public.web_link(url),
            }
            for (title, url), letter in letters.items()
        ],
    }


def _letter(index: int) -> str:
    """Return a, b, … z, aa, ab, … for 0, 1, …."""
    rest, last = divmod(index, len(_LETTERS))
    return (_letter(rest - 1) if rest else "") + _LETTERS[last]


def _record(record: NearbyRecord, letter: str) -> dict[str, object]:
    texts = (record.name, record.kind, record.date_text, record.size_text, record.doubts)
    return {
        # Its two rows stay on one page, if one page can hold them.
        "is_long": sum(map(len, (*texts, record.bearing_text, record.counts_text))) > _ONE_PAGE,
        "number": f"{record.number}",
        "name": record.name,
        "kind": f"{record.kind[:1].upper()}{record.kind[1:]}",
        "where": f"Drawn at {record.grid_reference}" if record.grid_reference else "Not drawn",
        "source": letter,
        "doubts": record.doubts,
        "date": record.date_text or "date not known",
        "size": stopped(record.size_text or "Size not known"),
        "symbol": style.EVIDENCE_SYMBOLS[record.evidence],
        "grade": _grade(record.evidence),
        "about": record.about,
        "bearing": record.bearing_text,
        "counts": record.counts_text,
    }


def _grade(grade: Evidence) -> str:
    return grade.replace("_", " ")


def share(share: Share) -> dict[str, object]:
    """
    Return a row of the shares.

    Parameters
    ----------
    share
        Of the site in one band.

    Returns
    -------
    row
        Its cells.
    """
    return {
        "label": share.style.label,
        "colour": share.style.colour,
        "hatch": share.style.hatch,
        "share": min(1.0, max(0.0, share.share)),
        "text": share.text,
    }


def step(step: PlanningStep, letter: str = "") -> dict[str, str]:
    """
    Return a row of the planning history.

    Parameters
    ----------
    step
        An application or a decision.
    letter
        On the sheets; empty if it has no published position.

    Returns
    -------
    row
        Its cells.
    """
    return {
        "letter": letter or "none",
        "date": step.date_text or "not known",
        "title": step.title,
        "reference": step.reference,
        "where": step.where,
        "outcome": step.outcome,
        "ground": step.ground or "Nothing known.",
        "doubts": step.doubts,
        "source": step.source_title,
        "url": public.web_link(step.source_url),
    }


def policies(lines: Sequence[PolicyLine]) -> list[dict[str, object]]:
    """
    Return the planning documents, those together that stand alike for the same reason.

    Parameters
    ----------
    lines
        Documents and their standing.

    Returns
    -------
    groups
        How they stand, why, and the rows of each, in the order in which a group is first met.
    """
    alike: dict[tuple[PolicyStanding, str], list[dict[str, str]]] = {}
    for line in lines:
        alike.setdefault((line.standing, line.why), []).append(_policy(line))
    return [
        {"standing": STANDINGS[standing], "why": why, "rows": rows}
        for (standing, why), rows in sorted(alike.items(), key=_by_standing)
    ]


def _by_standing(group: tuple[tuple[PolicyStanding, str], object]) -> int:
    """Keep those that may be cited first, whatever order they come in."""
    return list(STANDINGS).index(group[0][0])


def _policy(line: PolicyLine) -> dict[str, str]:
    return {
        "title": line.policy.title,
        "says": line.policy.says,
        "note": line.policy.note,
        "source": line.policy.source_title,
        "url": public.web_link(line.policy.source_url),
    }


def sources(lines: Sequence[SourceLine]) -> list[dict[str, str]]:
    """
    Return the sources, a credit that several share in full with the first of them only.

    Parameters
    ----------
    lines
        Sources used or missing.

    Returns
    -------
    rows
        Their cells.
    """
    firsts: dict[str, str] = {}
    for line in lines:
        if line.sha256:
            firsts.setdefault(line.credit, line.title)
    return [_source(line, credit_as=firsts.get(line.credit, line.title)) for line in lines]


def _source(line: SourceLine, *, credit_as: str) -> dict[str, str]:
    credit = line.credit if credit_as == line.title else f"Credit as for {credit_as}."
    return {
        "title": line.title,
        "name": line.name,
        "edition": line.edition,
        "retrieved": f"retrieved {line.retrieved_text}" if line.retrieved_text else "",
        "standing": line.standing,
        # Of what is not held nothing is used, so that nobody is to be credited with it.
        "licence": line.licence if line.sha256 else "",
        "credit": credit if line.credit and line.sha256 else "",
        "sha256": line.sha256[:_SHA256_SHOWN] or "none held",
        "url": public.web_link(line.url),
    }
