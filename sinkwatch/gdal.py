"""GDAL's options, which belong to the whole process: set for a while, then as they were."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pyogrio

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ARE_SHARED: Final = threading.RLock()  # by all threads; one that reads may write as well


@contextmanager
def told(options: Mapping[str, str]) -> Iterator[None]:
    """
    Set options while something is read or written.

    Parameters
    ----------
    options
        By name.

    Yields
    ------
    None
        While they are set; another thread that sets any waits.
    """
    with _ARE_SHARED:
        before = {name: pyogrio.get_gdal_config_option(name) for name in options}
        pyogrio.set_gdal_config_options(dict(options))
        try:
            yield
        finally:
            pyogrio.set_gdal_config_options(before)


def dated(day: str) -> dict[str, str]:
    """
    Have a GeoPackage name a day of its last change, not the present moment, and wait for no disk.

    Parameters
    ----------
    day
        As ISO 8601 has it.

    Returns
    -------
    options
        For `told`: the same rows then give the same bytes.
    """
    return {
        "OGR_CURRENT_DATE": f"{day}T00:00:00.000Z",
        "OGR_SQLITE_SYNCHRONOUS": "OFF",
    }
