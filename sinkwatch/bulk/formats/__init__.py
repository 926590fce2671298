"""
The kinds of file that rows come from and go to: each reads, lays out and writes.

A new kind is a module with these three, and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from sinkwatch.bulk.formats import comma_separated, geoparquet, vector
from sinkwatch.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from sinkwatch.bulk.addresses import Location
    from sinkwatch.bulk.request import Request
    from sinkwatch.bulk.rows import Laid, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """
    A kind of file that is read.

    Attributes
    ----------
    title
        What people call it.
    read
        Opens one.
    has_layers
        Whether one of several layers may be named.
    """

    title: str
    read: Callable[[Request], AbstractContextManager[Reading]]
    has_layers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    A kind of file that is written.

    Attributes
    ----------
    title
        What people call it.
    lay
        Tells how it holds the rows of a file with the columns that are kept.
    write
        Writes one.
    has_words
        Whether it holds each word once, and numbers in its place.
    is_alike
        Gives what it tells names of columns apart by; None if several may be called the same.
    """

    title: str
    lay: Callable[[Reading, pa.Schema], Laid]
    write: Callable[[Path, Laid, Iterable[pa.RecordBatch]], None]
    has_words: bool = False
    is_alike: Callable[[str], str] | None = str


SOURCES: Final[dict[str, Source]] = {
    ".csv": Source(title="CSV", read=comma_separated.read),
    ".parquet": Source(title="GeoParquet", read=geoparquet.read),
    ".gpkg": Source(title="GeoPackage", read=vector.read, has_layers=True),
    ".fgb": Source(title="FlatGeobuf", read=vector.read, has_layers=True),
    ".zip": Source(title="OS Open UPRN", read=comma_separated.read_open_uprn),
}
"""By ending, in small letters."""

TARGETS: Final[dict[str, Target]] = {
    ".csv": Target(
        title="CSV", lay=comma_separated.lay, write=comma_separated.write, is_alike=None
    ),
    ".parquet": Target(
        title="GeoParquet", lay=geoparquet.lay, write=geoparquet.write, has_words=True
    ),
    ".gpkg": Target(
        title="GeoPackage",
        lay=partial(vector.lay, ending=".gpkg"),
        write=vector.write,
        is_alike=str.casefold,
    ),
    ".fgb": Target(title="FlatGeobuf", lay=partial(vector.lay, ending=".fgb"), write=vector.write),
}
"""By ending, in small letters."""

_Kind = TypeVar("_Kind", Source, Target)


def of(path: Location, kinds: dict[str, _Kind]) -> _Kind:
    """
    Return the kind of a file by its ending.

    Parameters
    ----------
    path
        The file, there or not.
    kinds
        `SOURCES` or `TARGETS`.

    Returns
    -------
    kind
        Its kind.

    Raises
    ------
    ConfigError
        If there is no such kind.
    """
    found = kinds.get(path.suffix.lower())
    if found is None:
        known = ", ".join(f"{ending} ({kind.title})" for ending, kind in kinds.items())
        done = "read" if kinds is SOURCES else "written"
        raise ConfigError(
            path.name, f"its ending names no kind of file that is {done}", f"Use one of {known}"
        )
    return found
