"""What is measured and rated round the area, as the page tells it: dated, and in no band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sinkwatch import public, wording

if TYPE_CHECKING:
    from sinkwatch.model import Findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """
    One sentence about the wider surroundings.

    Attributes
    ----------
    title
        What it is about.
    text
        The sentence.
    observed
        When it was so, in words; empty if it is no observation.
    """

    title: str
    text: str
    observed: str


def gather(findings: Findings) -> tuple[Remark, ...]:
    """
    Return what is told as context, in the order of its sources.

    Parameters
    ----------
    findings
        Of one run.

    Returns
    -------
    remarks
        None where no source of it is set up.
    """
    frame = findings.surroundings.context
    if frame is None:
        return ()
    return tuple(_remark(row) for row in public.rows(frame))


def _remark(row: public.Row) -> Remark:
    day = public.day(row, "observed_on")
    return Remark(
        title=public.text(row, "title"),
        text=public.text(row, "text"),
        observed="" if day is None else wording.date_text(day),
    )
