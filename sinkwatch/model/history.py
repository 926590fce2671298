"""What was published before, and when it changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sinkwatch.model.telling import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """
    One change of one subject, as the store has it.

    Attributes
    ----------
    run_id
        The run that found it.
    at
        When that run began, UTC.
    change
        What was before and what was after.
    """

    run_id: int
    at: datetime
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One change of one subject, as a reader is told of it.

    Attributes
    ----------
    at
        When the run that found it began, UTC.
    on
        The day of that in London.
    kind
        Kind of state, such as ``application``, ``sinkhole``, ``postcode`` or ``site``.
    subject
        Application key, sinkhole id, postcode or place id.
    version
        Of the facts: the same facts have the same version for ever.
    title
        What it is about: plain text, outside words cleaned.
    happened
        What changed, one or more sentences.
    is_first
        Whether it only says that the subject was held from then on.
    """

    at: datetime
    on: date
    kind: str
    subject: str
    version: str
    title: str
    happened: str
    is_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """
    Every change that was published, the newest first.

    Attributes
    ----------
    entries
        By moment, then kind and subject.
    began_on
        London day of the first run; None if nothing was ever recorded.
    """

    entries: tuple[Entry, ...] = ()
    began_on: date | None = None

    @property
    def changed_on(self) -> date | None:
        """Return the day of the newest change; None if nothing was ever recorded."""
        return self.entries[0].on if self.entries else self.began_on

    def by_subject(self) -> dict[tuple[str, str], tuple[Entry, ...]]:
        """
        Group the changes by their subject.

        Returns
        -------
        entries
            By kind of state and subject; each the newest first.
        """
        grouped: dict[tuple[str, str], list[Entry]] = {}
        for entry in self.entries:
            grouped.setdefault((entry.kind, entry.subject), []).append(entry)
        return {key: tuple(entries) for key, entries in grouped.items()}
