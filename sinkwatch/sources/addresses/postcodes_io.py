"""Single postcodes that no list held has, from postcodes.io: asked one by one, and only those."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import pandas as pd

from sinkwatch import gazetteer, geo, schemas
from sinkwatch.errors import SchemaError, SourceError
from sinkwatch.sources import snapshots
from sinkwatch.sources.addresses.postcodes_io_answers import (
    dumped,
    loaded,
    read_live,
    read_terminated,
    read_validity,
    unknown,
)
from sinkwatch.sources.outside.politeness import HostRule

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd

    from sinkwatch.model import Area, Snapshot, SourceSpec
    from sinkwatch.sources.addresses.postcodes_io_answers import Known
    from sinkwatch.sources.errand import Errand

LOG = logging.getLogger(__name__)

BASE_URL: Final = "https://api.postcodes.io"
"""Where postcodes.io answers, unless the area file says otherwise."""

RULE: Final = HostRule(spacing_s=0.2, most_bytes=100_000)
"""Five a second at most; an answer is about 2 kB."""

MOST_A_RUN: Final = 100
"""Postcodes asked for in one run; the others wait for the next."""

GOOD_FOR: Final = timedelta(days=90)
"""How long an answer is used before it is asked for again: the list behind it comes quarterly."""

UNKNOWN_FOR: Final = timedelta(days=30)
"""How long a postcode that is not known is not asked for again."""

_NOT_FOUND: Final = 404
_KEPT: Final = "What is held stays in use; the next run asks again"


def host_rules(spec: SourceSpec) -> dict[str, HostRule]:
    """
    Return the servers that a source asks, and how each may be asked.

    Parameters
    ----------
    spec
        The source; its option ``base_url`` may name a service of one's own.

    Returns
    -------
    rules
        By server, such as "api.postcodes.io".
    """
    return {urlsplit(spec.address(BASE_URL)).netloc: RULE}


def fetch(spec: SourceSpec, errand: Errand) -> Snapshot:
    """
    Ask for the postcodes that are wanted and not held, and for nothing else.

    Parameters
    ----------
    spec
        The source.
    errand
        With the postcodes wanted, the way out, and the list held.

    Returns
    -------
    snapshot
        The whole list known, as JSON; the one held, checked now, if nobody had to be asked.

    Raises
    ------
    SourceError
        If it cannot be asked, or contradicts itself.
    SchemaError
        If an answer is not as documented, or tells of another postcode.
    """
    known = _held(errand, spec)
    due = _due(errand, known)
    if not due and errand.held is not None and known:
        # Nothing that is wanted is missing from it, however long nobody has wanted anything.
        return replace(errand.held, checked_at=errand.now)
    asker = _Asker(spec=spec, errand=errand, n_due=len(due))
    fresh = {postcode: asker.known(n, postcode) for n, postcode in enumerate(due, 1)}
    n_found = sum(found.easting is not None for found in fresh.values())
    LOG.info("%s: %d of %d postcodes asked for are known there", spec.name, n_found, len(due))
    content = dumped({**known, **fresh})
    return snapshots.answered(spec, errand, content, ".json", url=spec.address(BASE_URL))


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
        The area; postcodes outside it are left out.

    Returns
    -------
    postcodes
        Frame of `schemas.POSTCODES`, EPSG:27700, ordered by `postcode`, with `quality` (int64, in
        the tens of Code-Point Open: 10 is best), `district_code` (str, may be missing) and
        `is_retired` (bool).

    Raises
    ------
    SchemaError
        If it is no such list.
    """
    del spec
    known = loaded(snapshots.content(snapshot), name=snapshots.name_of(snapshot))
    placed = [row for row in known.values() if row.easting is not None and row.northing is not None]
    rows = pd.DataFrame([asdict(row) for row in placed], columns=list(_DTYPES))
    is_inside = [
        area.bounds.holds(east, north)
        for east, north in zip(rows["easting"], rows["northing"], strict=True)
    ]
    rows = rows.loc[is_inside].sort_values("postcode", ignore_index=True).astype(_DTYPES)
    easting, northing = rows.pop("easting"), rows.pop("northing")
    columns = {_NAMES.get(name, name): rows[name] for name in rows.columns}
    return schemas.POSTCODES.check(geo.bng_frame(columns, easting, northing))


_DTYPES: Final = {
    "postcode": "str",
    "uncertainty_m": "float64",
    "quality": "int64",
    "district_code": "str",
    "is_retired": "bool",
    "easting": "float64",
    "northing": "float64",
}
_NAMES: Final = {"uncertainty_m": "position_uncertainty_m"}


def _held(errand: Errand, spec: SourceSpec) -> dict[str, Known]:
    """Return the list held; nothing if there is none that can be read."""
    if errand.held is None:
        return {}
    try:
        return loaded(errand.held.path.read_bytes(), name=spec.name)
    except (OSError, SchemaError) as error:
        LOG.warning("%s: the list held is begun anew: %s", spec.name, error)
        return {}


def _due(errand: Errand, known: Mapping[str, Known]) -> list[str]:
    """Return what has to be asked for: first what was never asked for, then the oldest answers."""
    wanted = {
        postcode for text in errand.wanted if (postcode := gazetteer.normalised_postcode(text))
    }
    due = [postcode for postcode in wanted if _is_due(errand, known.get(postcode))]
    return sorted(due, key=lambda postcode: _order(postcode, known))[:MOST_A_RUN]


def _is_due(errand: Errand, known: Known | None) -> bool:
    if known is None:
        return True
    good_for = UNKNOWN_FOR if known.easting is None else GOOD_FOR
    return not timedelta(0) <= errand.now - known.asked_at < good_for


def _order(postcode: str, known: Mapping[str, Known]) -> tuple[str, str]:
    return (known[postcode].asked_at.isoformat() if postcode in known else "", postcode)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asker:
    """Asks for one postcode after the other; no message says which."""

    spec: SourceSpec
    errand: Errand
    n_due: int

    def known(self, n: int, postcode: str) -> Known:
        """Return what is known of a postcode, be it that nothing is."""
        content = self._ask(n, "postcodes", postcode)
        if content is not None:
            return read_live(content, postcode, now=self.errand.now, name=self._name(n))
        # A server that answers 404 to everything has not said that there is no such postcode.
        content = self._ask(n, "postcodes", postcode, "/validate")
        if content is None or read_validity(content, name=self._name(n)):
            raise SourceError(
                self.spec.name,
                f"it contradicts itself on {self._which(n)}: not found, and not said to be invalid",
                _KEPT,
                url=self.spec.address(BASE_URL),
                retryable=True,
            )
        content = self._ask(n, "terminated_postcodes", postcode)
        if content is None:
            return unknown(postcode, now=self.errand.now)
        return read_terminated(content, postcode, now=self.errand.now, name=self._name(n))

    def _ask(self, n: int, kind: str, postcode: str, more: str = "") -> bytes | None:
        """Return an answer; None if it is that there is no such thing."""
        url = f"{self.spec.address(BASE_URL)}/{kind}/{quote(postcode)}{more}"
        folder = self.errand.folder / self.spec.name / "answer"
        target = folder / f"{kind}{more.replace('/', '-')}-{n}.json"
        try:
            download = self.errand.way_out(self.spec).get(self.spec.name, url, target)
        except SourceError as error:
            if error.status != _NOT_FOUND:
                raise
            return None
        return download.path.read_bytes()

    def _which(self, n: int) -> str:
        return f"postcode {n} of {self.n_due}"

    def _name(self, n: int) -> str:
        return f"{self.spec.name} ({self._which(n)})"
