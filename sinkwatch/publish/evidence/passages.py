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
        intro = ["Nearest first. The numbers are those on the sheets."]
    else:
        intro = [f"Within this distance there are {wording.NO_RECORDS}."]
    return {
        "records_intro": intro,
        "grades": [
            {"symbol": style.EVIDENCE_SYMBOLS[grade], "name": _grade(grade), "note": note}
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
        "kind": record.kind,
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


def step(step: PlanningStep) -> dict[str, str]:
    """
    Return a row of the planning history.

    Parameters
    ----------
    step
        An application or a decision.

    Returns
    -------
    row
        Its cells.
    """
    return {
        "date": step.date_text or "not known",
        "title": step.title,
        "reference": step.reference,
        "where": step.where,
        "outcome": step.outcome,
        "ground": step.ground or "Nothing is known of it.",
        "doubts": step.doubts,
        "source": step.source_title,
        "url": public.web_link(step.source_url),
    }


def policy(line: PolicyLine) -> dict[str, str]:
    """
    Return a row of the planning documents.

    Parameters
    ----------
    line
        A document and its standing.

    Returns
    -------
    row
        Its cells.
    """
    return {
        "title": line.policy.title,
        "says": line.policy.says,
        "note": line.policy.note,
        "standing": STANDINGS[line.standing],
        "why": line.why,
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
    return [_source(line, credit_as=firsts.setdefault(line.credit, line.title)) for line in lines]


def _source(line: SourceLine, *, credit_as: str) -> dict[str, str]:
    credit = line.credit if credit_as == line.title else f"Credit as for {credit_as}."
    return {
        "title": line.title,
        "name": line.name,
        "edition": line.edition,
        "retrieved": f"retrieved {line.retrieved_text}" if line.retrieved_text else "",
        "standing": line.standing,
        "licence": line.licence,
        "credit": credit if line.credit else "",
        "sha256": line.sha256[:_SHA256_SHOWN] or "none held",
        "url": public.web_link(line.url),
    }
