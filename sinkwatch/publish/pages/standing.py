"""Sources with their age, and corrections with their dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinkwatch import events
from sinkwatch.publish import context, frame, locations, sources
from sinkwatch.publish.frame import Sheet

if TYPE_CHECKING:
    from sinkwatch.publish.publication import Publication


def pages(publication: Publication) -> dict[str, bytes]:
    """
    Make the page of the sources, and the log of corrections.

    Parameters
    ----------
    publication
        The edition.

    Returns
    -------
    pages
        By path inside the site.
    """
    return {**_status(publication), **_corrections(publication)}


def _status(publication: Publication) -> dict[str, bytes]:
    findings = publication.findings
    sheet = Sheet(
        folder=locations.STATUS,
        template="status.html",
        title="Sources and status",
        description="Where every fact on this site comes from, and how old each source is.",
    )
    return frame.render(
        publication,
        sheet,
        sources=sources.gather(findings),
        warnings=sources.warnings(findings),
        remarks=context.gather(findings),
    )


def _corrections(publication: Publication) -> dict[str, bytes]:
    history = publication.history
    entries = [each for each in history.entries if _is_correction(each.kind, each.is_first)]
    sheet = Sheet(
        folder=locations.CORRECTIONS,
        template="corrections.html",
        title="Corrections",
        description="How to have a record put right, and every change of a record so far.",
        changed_on=entries[0].on if entries else history.began_on,
    )
    folders = {record.key: record.folder for record in publication.things.records}
    return frame.render(
        publication, sheet, entries=entries, folders_of_records=folders, began_on=history.began_on
    )


def _is_correction(kind: str, is_first: bool) -> bool:  # noqa: FBT001 - a fact, no mode
    return kind == events.SINKHOLE and not is_first
