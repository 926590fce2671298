"""Files that take long to write, kept for the next time that the same is to be written."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

import geopandas as gpd
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd


class Kept:
    """
    The last few files that were made, by what they were made of.

    A run publishes twice, before and after its evidence packs, and most of what it publishes is
    that of the day before.

    Parameters
    ----------
    most
        Files that are kept in memory.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._made: OrderedDict[str, bytes] = OrderedDict()

    def of(self, frames: Iterable[pd.DataFrame], said: object, make: Callable[[], bytes]) -> bytes:
        """
        Return a file, made now if it was not made of the same before.

        Parameters
        ----------
        frames
            What goes into it.
        said
            All else that it depends on; its ``repr`` tells one from another.
        make
            Makes it.

        Returns
        -------
        content
            Its bytes.
        """
        key = _digest(frames, said)
        content = self._made.pop(key, None) or make()
        self._made[key] = content
        while len(self._made) > self._most:
            self._made.popitem(last=False)
        return content


def _digest(frames: Iterable[pd.DataFrame], said: object) -> str:
    digest = hashlib.sha256(repr(said).encode())
    for frame in frames:
        plain = frame.to_wkb() if isinstance(frame, gpd.GeoDataFrame) else frame
        table = pa.Table.from_pandas(plain)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        digest.update(sink.getvalue())
    return digest.hexdigest()
