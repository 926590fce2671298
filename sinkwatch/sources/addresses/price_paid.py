"""Addresses of homes that were sold, out of HM Land Registry's lists; their prices are not kept."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from sinkwatch import geo, schemas, wording
from sinkwatch.errors import ConfigError, SchemaError, SourceError
from sinkwatch.sources import snapshots
from sinkwatch.sources.addresses.price_paid_rows import addresses_in
from sinkwatch.sources.outside.politeness import HostRule

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd

    from sinkwatch.model import Area, Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand

LOG = logging.getLogger(__name__)

RULE: Final = HostRule(spacing_s=10, most_bytes=8_000_000_000, least_bytes_per_s=100_000)
"""For a server that the operator names: the whole list is about 5 GB."""

COMPLETE: Final = "pp-complete.csv"
"""All sales since 1995."""

GOOD_FOR: Final = timedelta(days=28)
"""How long a list is used before it is fetched again: it is published monthly."""

_COLUMNS: Final = ["address_id", "address", "postcode"]
_BY_HAND: Final = (
    "Fetch pp-complete.csv from HM Land Registry by hand and give its path: it is published "
    "without https, and sinkwatch asks for nothing that way"
)


def host_rules(spec: SourceSpec) -> dict[str, HostRule]:
    """
    Return the servers that a source asks, and how each may be asked.

    Parameters
    ----------
    spec
        The source.

    Returns
    -------
    rules
        Only the server that the operator names as ``base_url``; none for a file of their own.
    """
    url = _base_url(spec)
    return {urlsplit(url).netloc: RULE} if url and spec.path is None else {}


def fetch(spec: SourceSpec, errand: Errand) -> Snapshot:
    """
    Take the addresses of the area out of a list of sales.

    Parameters
    ----------
    spec
        The source: its path, or its options ``base_url`` (https) and ``files``, the lists there.
    errand
        With the area, whose outcodes tell which addresses are wanted, and the copy held.

    Returns
    -------
    snapshot
        Addresses as CSV, without prices; the one held if the list has not changed or, for one on
        a server, is less than 28 days old.

    Raises
    ------
    SourceError
        If there is neither a file nor a server, or it cannot be read.
    SchemaError
        If it is not as documented.
    ConfigError
        If an option is wrong.
    """
    if spec.path is not None:
        return _of_own_file(spec, errand, spec.path)
    url = _base_url(spec)
    if not url:
        raise SourceError(spec.name, "no file is named", _BY_HAND)
    held, where = errand.held, _where(errand)
    is_fresh = held is not None and timedelta(0) <= errand.now - held.checked_at < GOOD_FOR
    if held is not None and is_fresh and held.edition.endswith(where):
        return held
    names = _files(spec)
    with _fetched(spec, errand, url, names) as paths:
        content = _content(spec, errand, paths)
    edition = f"{', '.join(names)} as of {wording.date_text(errand.now)}{where}"
    snapshot = snapshots.answered(spec, errand, content, ".csv", url=f"{url}/{names[0]}")
    return replace(snapshot, edition=edition)


def load(snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
    """
    Read the addresses.

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
    addresses
        Frame of `schemas.ADDRESSES`, EPSG:27700, without positions, ordered by `address_id`.

    Raises
    ------
    SchemaError
        If sinkwatch did not write it.
    """
    del spec, area
    name = snapshots.name_of(snapshot)
    try:
        rows = pd.read_csv(snapshot.path, dtype="str", keep_default_na=False, encoding="utf-8")
    except (OSError, ValueError) as error:
        fault = f"it cannot be read ({type(error).__name__})"
        raise SchemaError(name, [fault], "Run again to read the list anew") from error
    if list(rows.columns) != _COLUMNS:
        raise SchemaError(
            name, ["it is nothing that sinkwatch wrote"], "Run again to read the list anew"
        )
    nowhere = np.full(len(rows), np.nan)
    columns = {column: rows[column] for column in _COLUMNS}
    frame = geo.bng_frame({**columns, "position_uncertainty_m": nowhere}, nowhere, nowhere)
    return schemas.ADDRESSES.check(frame)


def _base_url(spec: SourceSpec) -> str:
    return str(spec.options.get("base_url", "")).rstrip("/")


def _files(spec: SourceSpec) -> list[str]:
    value: Any = spec.options.get("files", [COMPLETE])
    is_list = isinstance(value, list) and value and all(isinstance(v, str) for v in value)
    if not is_list or any(not v or v != Path(v).name or not v.endswith(".csv") for v in value):
        raise ConfigError(
            f"source {spec.name}",
            f"its files {value} are not names of CSV files",
            'Write them like ["pp-2026.csv"] in the area file',
        )
    return list(value)


def _where(errand: Errand) -> str:
    return f", {', '.join(errand.area.outcodes)}"


def _of_own_file(spec: SourceSpec, errand: Errand, path: Path) -> Snapshot:
    """Read an operator's file, unless it is the one that was read before."""
    try:
        stat = path.stat()
    except OSError as error:
        raise SourceError(
            spec.name, f"{path} cannot be read ({error.strerror})", "Check its name and rights"
        ) from error
    written_at = datetime.fromtimestamp(stat.st_mtime, UTC)
    edition = (
        f"{path.name} of {wording.date_text(written_at)}, {written_at:%H:%M:%S} UTC, "
        f"{stat.st_size:,} bytes{_where(errand)}"
    )
    if errand.held is not None and errand.held.edition == edition:
        return replace(errand.held, checked_at=errand.now)
    content = _content(spec, errand, [path])
    snapshot = snapshots.answered(spec, errand, content, ".csv", url=path.name)
    return replace(snapshot, edition=edition)


@contextlib.contextmanager
def _fetched(spec: SourceSpec, errand: Errand, url: str, names: list[str]) -> Iterator[list[Path]]:
    """Fetch the lists, and remove them afterwards: they tell prices, which nobody here needs."""
    folder = errand.folder / spec.name / "answer"
    paths = [folder / name for name in names]
    try:
        for name, path in zip(names, paths, strict=True):
            errand.way_out(spec).get(spec.name, f"{url}/{name}", path)
        yield paths
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def _content(spec: SourceSpec, errand: Errand, paths: list[Path]) -> bytes:
    name = f"{spec.name} ({', '.join(path.name for path in paths)})"
    try:
        found = addresses_in(paths, errand.area.outcodes, name=name)
    except OSError as error:
        raise SourceError(
            spec.name, f"{error.filename} cannot be read ({error.strerror})", "Check its rights"
        ) from error
    LOG.info("%s: %d addresses in %s", spec.name, len(found), ", ".join(errand.area.outcodes))
    rows = pd.DataFrame(found, columns=_COLUMNS).sort_values("address_id")
    return rows.to_csv(index=False, lineterminator="\n").encode()
