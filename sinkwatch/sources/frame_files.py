"""Frames kept as GeoParquet: the same frame gives the same bytes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import geopandas as gpd
import pyarrow as pa

from sinkwatch.errors import SchemaError
from sinkwatch.sources import snapshots

if TYPE_CHECKING:
    from sinkwatch.model import Snapshot

ENDING: Final = ".parquet"
"""Of the name of such a file."""

_WAY_OUT: Final = "Remove this copy and run again: it is made anew"


def dumped(frame: gpd.GeoDataFrame) -> bytes:
    """
    Write a frame.

    Parameters
    ----------
    frame
        EPSG:27700, in its final order.

    Returns
    -------
    content
        GeoParquet.
    """
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def loaded(snapshot: Snapshot) -> gpd.GeoDataFrame:
    """
    Read a frame.

    Parameters
    ----------
    snapshot
        Whose file `dumped` made.

    Returns
    -------
    frame
        As it was written.

    Raises
    ------
    SchemaError
        If the file cannot be read, or is no such file.
    """
    name = snapshots.name_of(snapshot)
    try:
        return gpd.read_parquet(snapshot.path)
    except OSError as error:
        raise SchemaError(name, [f"it cannot be read ({error})"], _WAY_OUT) from error
    except (ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise SchemaError(name, ["it is no file that sinkwatch wrote"], _WAY_OUT) from error
