"""A council's own Idox register: a few pages a run, to see what PlanIt has yet to notice."""

from __future__ import annotations

import contextlib
import json
import logging
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from sinkwatch import wording
from sinkwatch.errors import ConfigError, SourceError
from sinkwatch.sources import snapshots
from sinkwatch.sources.outside.politeness import HostRule
from sinkwatch.sources.planning.idox_links import Portal, host_of, key_val, rebuilt
from sinkwatch.sources.planning.idox_pages import BlockedError, Summary, read_summary
from sinkwatch.sources.planning.planit import load
from sinkwatch.sources.planning.planit_records import Record, dumped, loaded, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sinkwatch.model import Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand
    from sinkwatch.sources.outside.download import Downloader

__all__ = ["fetch", "host_rules", "load", "rebuilt"]

LOG = logging.getLogger(__name__)

RULE: Final = HostRule(spacing_s=5, most_bytes=400_000)
"""Five seconds apart (connector rules); a summary page is about 50 kB."""

PAGES_A_RUN: Final = 10
"""Pages that are read in one run, the longest unread first."""

READ_AGAIN_AFTER: Final = timedelta(days=7)
"""Age at which a page is read again."""

LEFT_ALONE_FOR: Final = timedelta(days=7)
"""How long a register is not asked that has shown a page to keep programs out."""

_DECIDED: Final = frozenset({"permitted", "conditions", "rejected", "refused", "withdrawn"})
_BLOCKED: Final = "blocked.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    """What is remembered of one page: when it was asked for, and what it said."""

    asked_at: str
    planit_said: str | None
    state: str | None = None
    decided_on: str | None = None


def host_rules(spec: SourceSpec) -> dict[str, HostRule]:
    """
    Return the servers that a source asks, and how each may be asked.

    Parameters
    ----------
    spec
        The source, with the option ``base_url``.

    Returns
    -------
    rules
        By server.

    Raises
    ------
    ConfigError
        If the option is missing or wrong.
    """
    return {urlsplit(_portal(spec).base_url).netloc: RULE}


def fetch(spec: SourceSpec, errand: Errand) -> Snapshot:
    """
    Read a few pages of applications that are still open as far as PlanIt knows.

    Parameters
    ----------
    spec
        The source; its option ``base_url`` names the folder of the register's pages, and
        ``retired_hosts`` the servers that it has left.
    errand
        With the way out, and the folder in which PlanIt's list is kept.

    Returns
    -------
    snapshot
        A list like PlanIt's, of the applications whose pages have been read: as PlanIt has
        them, but for how they stand where the council says more.

    Raises
    ------
    SourceError
        If PlanIt's list is not held, or the register cannot be asked or keeps programs out.
    SchemaError
        If a page is none of an application, or of another.
    ConfigError
        If an option is missing or wrong.
    """
    portal = _portal(spec)
    listed = [record for record in shown(_planit(spec, errand)) if _is_of(record, portal)]
    notes = _Notes(errand.folder / spec.name / "answer")
    downloader = errand.way_out(spec)
    _refuse_blocked(spec, notes, errand.now)
    due = [record for record in listed if notes.is_due(record, errand.now)]
    for record in sorted(due, key=notes.longest_unread_first)[:PAGES_A_RUN]:
        _read(spec, record, downloader, notes, errand.now)
    known = [
        _amended(record, note, portal)
        for record in listed
        if (note := notes.of(record)) is not None
    ]
    LOG.info("%s: %d due, %d known", spec.name, len(due), len(known))
    content = dumped(sorted(known, key=lambda record: record.name))
    return snapshots.answered(spec, errand, content, ".json", url=portal.base_url)


def _portal(spec: SourceSpec) -> Portal:
    given = {name: spec.options[name] for name in Portal.model_fields if name in spec.options}
    try:
        return Portal.model_validate(given)
    except ValidationError as error:
        fault = error.errors()[0]
        raise ConfigError(
            f"source {spec.name}",
            f"its option {fault['loc'][0]} cannot be used ({fault['msg']})",
            'Write base_url = "https://…/online-applications/" in the area file',
        ) from error


def _planit(spec: SourceSpec, errand: Errand) -> tuple[Record, ...]:
    """Return PlanIt's list in use: one that waits for a person is not believed here either."""
    names = [source.name for source in errand.area.sources if source.kind == "planit"]
    lists = [errand.in_use[name] for name in names if name in errand.in_use]
    if not lists:
        raise SourceError(
            spec.name,
            "it reads pages of applications that PlanIt lists, and no list of PlanIt's is held",
            "Name a source of kind planit before it, and run again",
        )
    return loaded(snapshots.content(lists[0]), name=snapshots.name_of(lists[0]))


def _is_of(record: Record, portal: Portal) -> bool:
    host = host_of(record.url or "")
    is_there = host in (host_of(portal.base_url), *portal.retired_hosts)
    return is_there and bool(key_val(record.url or ""))


def _refuse_blocked(spec: SourceSpec, notes: _Notes, now: datetime) -> None:
    until = notes.blocked_until()
    if until is not None and now < until <= now + LEFT_ALONE_FOR:
        raise SourceError(
            spec.name,
            "it has shown a page that keeps programs out, and is left alone until "
            + wording.date_text(wording.london_date(until)),
            "Read the register by hand, or switch this source off",
        )


def _read(
    spec: SourceSpec, record: Record, downloader: Downloader, notes: _Notes, now: datetime
) -> None:
    # Noted before it is asked: a page that fails goes to the end of the queue.
    notes.keep(record, _Note(asked_at=now.isoformat(), planit_said=record.state))
    url = rebuilt(record.url or "", _portal(spec).base_url)
    target = notes.folder / f"{key_val(url)}.html"
    download = downloader.get(spec.name, url, target)
    try:
        summary = read_summary(
            download.path.read_bytes(),
            content_type=download.content_type,
            reference=record.reference,
            now=now,
            name=f"{spec.name} (page of {record.reference})",
        )
    except BlockedError:
        notes.block(now)
        raise
    notes.keep(record, _note(record, summary, now))


def _note(record: Record, summary: Summary, now: datetime) -> _Note:
    return _Note(
        asked_at=now.isoformat(),
        planit_said=record.state,
        state=summary.state,
        decided_on=summary.decided_on,
    )


def _amended(record: Record, note: _Note, portal: Portal) -> Record:
    """Let the council say how it stands, until PlanIt says something new of that."""
    linked = replace(record, url=rebuilt(record.url or "", portal.base_url))
    if note.state is None or note.planit_said != record.state or _is_decided(record):
        return linked
    return replace(linked, state=note.state, decided_on=note.decided_on or record.decided_on)


def _is_decided(record: Record) -> bool:
    return (record.state or "").casefold() in _DECIDED


class _Notes:
    """What is remembered of pages from run to run, a file for each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, record: Record) -> _Note | None:
        """Return what is remembered; a note that cannot be read is none."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            return _Note(**json.loads(self._path(record).read_bytes()))
        return None

    def keep(self, record: Record, note: _Note) -> None:
        with self._writing():
            self._path(record).write_text(json.dumps(asdict(note), indent=1), encoding="utf-8")

    def is_due(self, record: Record, now: datetime) -> bool:
        if _is_decided(record):
            return False
        asked_at = self._asked_at(record)
        return not asked_at or not (
            timedelta(0) <= now - datetime.fromisoformat(asked_at) <= READ_AGAIN_AFTER
        )

    def longest_unread_first(self, record: Record) -> tuple[str, str]:
        return self._asked_at(record), record.name

    def block(self, now: datetime) -> None:
        with self._writing():
            text = json.dumps({"until": (now + LEFT_ALONE_FOR).isoformat()})
            (self.folder / _BLOCKED).write_text(text, encoding="utf-8")

    def blocked_until(self) -> datetime | None:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            document = json.loads((self.folder / _BLOCKED).read_bytes())
            return datetime.fromisoformat(document["until"])
        return None

    def _asked_at(self, record: Record) -> str:
        note = self.of(record)
        return "" if note is None else note.asked_at

    def _path(self, record: Record) -> Path:
        return self.folder / f"{key_val(record.url or '')}.note.json"

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            yield
        except OSError as error:
            raise SourceError(
                self.folder.parent.name,
                f"{self.folder} cannot be written ({error.strerror})",
                "Check its rights",
            ) from error
