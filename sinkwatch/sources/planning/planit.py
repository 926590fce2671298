"""Planning applications from PlanIt, which gathers the councils' registers; asked once a run."""

from __future__ import annotations

import contextlib
import logging
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

import pandas as pd

from sinkwatch import wording
from sinkwatch.errors import ConfigError, SchemaError, SourceError
from sinkwatch.sources import snapshots
from sinkwatch.sources.outside.politeness import HostRule
from sinkwatch.sources.planning import applications, idox_links
from sinkwatch.sources.planning.planit_records import (
    DisobeyedError,
    Page,
    Question,
    Record,
    dumped,
    loaded,
    merged,
    read_page,
    shown,
)

if TYPE_CHECKING:
    import geopandas as gpd

    from sinkwatch.model import Area, Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand
    from sinkwatch.sources.outside.download import Downloader

LOG = logging.getLogger(__name__)

BASE_URL: Final = "https://www.planit.org.uk"
"""Where PlanIt answers, unless the area file says otherwise."""

RULE: Final = HostRule(spacing_s=60, most_bytes=20_000_000)
"""One search request a minute is what PlanIt's own pages call the rate that always works; a page
of 100 records is about 200 kB."""

ROWS_A_PAGE: Final = 100
"""Page size asked for: larger ones have been seen to fail."""

MOST_ROWS: Final = 5_000
"""Rows after which PlanIt cuts every answer off."""

RECENT_DAYS: Final = 45
"""Window of start dates that is read where nothing is held: councils publish late, 99 % within
28 days."""

OVERLAP: Final = timedelta(days=2)
"""How far before the last good answer the next question begins: it knows days, not hours."""

_STATUS_WORDS: Final = {
    "undecided": "Undecided",
    "permitted": "Permitted",
    "conditions": "Permitted with conditions",
    "rejected": "Refused",
    "refused": "Refused",
    "withdrawn": "Withdrawn",
    "referred": "Referred",
    "unresolved": "Unresolved",
    "other": "Other",
}
"""PlanIt's words for the state of an application, in those of `applications.STATUSES` where one of
ours fits; the list is open, and a word that is not here is shown as it is."""

_MOST_CHARACTERS: Final = 1_000  # of a description; more is the council's to publish
_IGNORES_DAYS: Final = "changed-since-is-ignored"


def host_rules(spec: SourceSpec) -> dict[str, HostRule]:
    """
    Return the servers that a source asks, and how each may be asked.

    Parameters
    ----------
    spec
        The source; its option ``base_url`` may name another than PlanIt's own.

    Returns
    -------
    rules
        By server, such as "www.planit.org.uk".
    """
    return {urlsplit(spec.address(BASE_URL)).netloc: RULE}


def fetch(spec: SourceSpec, errand: Errand) -> Snapshot:
    """
    Ask for what has changed, and put it into what is known.

    Parameters
    ----------
    spec
        The source; its options ``latitude``, ``longitude`` (degrees, WGS84) and ``radius_km``
        say where.
    errand
        With the way out, and the list held.

    Returns
    -------
    snapshot
        The whole list known, as JSON; the same bytes if nothing has changed.

    Raises
    ------
    SourceError
        If it cannot be asked, or the answer is not whole.
    SchemaError
        If the answer is not as documented, or not what was asked for.
    ConfigError
        If an option is missing or wrong.
    """
    downloader = errand.way_out(spec)
    folder = errand.folder / spec.name
    held = _held(errand, spec)
    question = _question(
        spec, errand, is_known=bool(held) and not (folder / _IGNORES_DAYS).exists()
    )
    try:
        fresh = _answer(spec, question, downloader, folder / "answer")
    except DisobeyedError:
        # One search a run is all that is asked of a service run by one person: the other
        # question comes with the next.
        _remember(folder / _IGNORES_DAYS)
        raise
    content = dumped(merged(held, fresh))
    return snapshots.answered(spec, errand, content, ".json", url=_url(spec, question, 0))


def load(snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
    """
    Read the list.

    Parameters
    ----------
    snapshot
        What `fetch` returned.
    spec
        The source.
    area
        The area.

    Returns
    -------
    applications
        As `applications.load` returns them, each under the name that it was first known by.

    Raises
    ------
    SchemaError
        If it is no such list, or more than 5 % of the positions lie outside the area.
    """
    records = loaded(snapshots.content(snapshot), name=snapshots.name_of(snapshot))
    table = idox_links.relinked(_table(shown(records)), spec)
    given = applications.Given(keys=table["known_as"], as_of=table["last_different"])
    return applications.frame(table, snapshot, area, given)


def _table(records: tuple[Record, ...]) -> pd.DataFrame:
    index = pd.RangeIndex(1, len(records) + 1, name="record")
    columns = {
        "known_as": [record.known_as for record in records],
        "reference": [_clean(record.reference) for record in records],
        "authority": [_clean(record.authority) for record in records],
        "address": [_clean(record.address) for record in records],
        "postcode": [_clean(record.postcode) for record in records],
        "description": [_short(record.description) for record in records],
        "status": [_status(record.state) for record in records],
        "received_on": [record.received_on for record in records],
        "decided_on": [record.decided_on for record in records],
        "consulted_on": [record.consulted_on for record in records],
        "longitude": [_number(record.longitude) for record in records],
        "latitude": [_number(record.latitude) for record in records],
        "url": [_clean(record.url) for record in records],
        "last_different": [record.last_different for record in records],
    }
    return pd.DataFrame(columns, index=index, dtype="str")


def _clean(text: str | None) -> str | None:
    return wording.clean(text or "") or None


def _short(text: str | None) -> str | None:
    # Masked before it is cut: half an address would not be known for one.
    masked = wording.mask_personal_data(wording.clean(text or ""))
    return wording.trimmed(masked, _MOST_CHARACTERS) or None


def _status(state: str | None) -> str | None:
    text = _clean(state)
    return None if text is None else _STATUS_WORDS.get(text.casefold(), text)


def _number(value: float | None) -> str | None:
    return None if value is None else repr(value)


# ── The question ─────────────────────────────────────────────────────────────────────────────


def _question(spec: SourceSpec, errand: Errand, *, is_known: bool) -> Question:
    since = None
    if is_known and errand.held is not None:
        since = (errand.held.checked_at - OVERLAP).date()
    return Question(
        latitude=_degrees(spec, "latitude"),
        longitude=_degrees(spec, "longitude"),
        radius_km=_degrees(spec, "radius_km"),
        changed_since=since,
        recent_days=RECENT_DAYS,
        now=errand.now,
    )


def _degrees(spec: SourceSpec, name: str) -> float:
    value: Any = spec.options.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(
            f"source {spec.name}", f"its {name} {value} is not a number", "Mend it in the area file"
        )
    return float(value)


def _url(spec: SourceSpec, question: Question, index: int) -> str:
    # Oldest change first: what changes while we read moves to the end, where we have yet to come.
    paging = {"sort": "last_different", "pg_sz": str(ROWS_A_PAGE), "index": str(index)}
    query = urlencode(question.parameters() | paging)
    return f"{spec.address(BASE_URL)}/api/applics/json?{query}"


def _held(errand: Errand, spec: SourceSpec) -> tuple[Record, ...]:
    """Return the list held; nothing if there is none that can be read."""
    if errand.held is None:
        return ()
    try:
        return loaded(errand.held.path.read_bytes(), name=spec.name)
    except (OSError, SchemaError) as error:
        LOG.warning("%s: the list held is begun anew: %s", spec.name, error)
        return ()


def _remember(marker: Path) -> None:
    with contextlib.suppress(OSError):  # then the next run asks the same, and is told the same
        marker.touch()


# ── The answer ───────────────────────────────────────────────────────────────────────────────


def _answer(
    spec: SourceSpec, question: Question, downloader: Downloader, folder: Path
) -> list[Record]:
    """Read page after page, until there is proof that nothing is left out."""
    found: dict[str, Record] = {}
    index = n_pages = 0
    while index < MOST_ROWS:
        n_pages += 1
        page = _page(spec, question, downloader, folder / f"page-{n_pages}.json", index)
        if not page.n_rows:
            _refuse_unproven_end(spec, page, index)
            break
        new = {record.name: record for record in page.records}
        if index and new.keys() <= found.keys():
            raise _cut_short(spec, f"page {n_pages} brings nothing that was not had before")
        found |= {
            name: record
            for name, record in new.items()
            if name not in found or record.last_different >= found[name].last_different
        }
        index += page.n_rows
        if index == page.total:
            break
    else:
        raise _cut_short(spec, f"it goes on beyond {MOST_ROWS:,} rows, where PlanIt cuts it off")
    if not found and question.changed_since is None:
        raise _cut_short(
            spec, f"no application in {question.recent_days} days is hardly to be believed"
        )
    LOG.info("%s: %d records on %d pages", spec.name, len(found), n_pages)
    return list(found.values())


def _page(
    spec: SourceSpec, question: Question, downloader: Downloader, path: Path, index: int
) -> Page:
    download = downloader.get(spec.name, _url(spec, question, index), path)
    name = f"{spec.name} (answer from row {index})"
    return read_page(download.path.read_bytes(), question, index=index, name=name)


def _refuse_unproven_end(spec: SourceSpec, page: Page, index: int) -> None:
    """Refuse an empty page that may as well be a fault."""
    if not index and page.total is None:
        raise _cut_short(spec, "it holds no row and does not say that there is none")
    if page.total is not None and index < page.total:
        raise _cut_short(spec, f"it ends after {index} of {page.total} rows")


def _cut_short(spec: SourceSpec, rule: str) -> SourceError:
    return SourceError(
        spec.name,
        f"its answer is not whole: {rule}",
        "What is held stays in use; the next run asks again",
        url=spec.address(BASE_URL),
        retryable=True,
    )
