"""Where files are: on this machine by their paths, in object storage by their addresses."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from sinkwatch.errors import ConfigError

_SCHEME = "://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """
    What tells a file from an earlier one of its name, called as in `os.stat_result`.

    Attributes
    ----------
    st_size
        Bytes.
    st_mtime_ns
        When it was last changed, nanoseconds since 1970; None where that is not known.
    """

    st_size: int
    st_mtime_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """
    A file or folder in object storage; what it is asked is called as in `pathlib.Path`.

    Attributes
    ----------
    text
        Such as `s3://bucket/folder/file.parquet`. It may hold a password, so print the address
        itself, which leaves that out.
    """

    text: str = field(repr=False)

    def __str__(self) -> str:
        """Return the address without the account and the options that may stand in it."""
        cut = urlsplit(self.text)
        return f"{cut.scheme}://{cut.netloc.rpartition('@')[2]}{cut.path}"

    @property
    def name(self) -> str:
        """Return the last part of its path."""
        return unquote(PurePosixPath(urlsplit(self.text).path).name)

    @property
    def suffix(self) -> str:
        """Return the ending of its name, with the point; empty if there is none."""
        return PurePosixPath(self.name).suffix

    @property
    def files(self) -> fs.FileSystem:
        """Return the system of files that it is in."""
        return located(self.text)[0]

    @property
    def path(self) -> str:
        """Return its place in that system."""
        return located(self.text)[1]

    def is_file(self) -> bool:
        """Tell whether there is a file of that name."""
        return bool(self._info().type == fs.FileType.File)

    def is_dir(self) -> bool:
        """Tell whether there is a folder of that name."""
        return bool(self._info().type == fs.FileType.Directory)

    def stat(self) -> Status:
        """Return its size, and when it was last changed."""
        info = self._info()
        return Status(st_size=info.size, st_mtime_ns=info.mtime_ns)

    def open(self, mode: str = "rb") -> pa.NativeFile:
        """
        Open it.

        Parameters
        ----------
        mode
            As for `pathlib.Path.open`; it is only read.

        Returns
        -------
        file
            To be closed.
        """
        if mode != "rb":
            raise ValueError(mode)
        return self.files.open_input_file(self.path)

    def _info(self) -> fs.FileInfo:
        return self.files.get_file_info(self.path)


Location: TypeAlias = "Path | Address"
"""Where something is read or written."""


def location(text: str) -> Location:
    """
    Read a path or an address.

    Parameters
    ----------
    text
        As a person writes it.

    Returns
    -------
    location
        A path for what is on this machine.
    """
    if _SCHEME not in text:
        return Path(text)
    cut = urlsplit(text)
    return Path(unquote(cut.path)) if cut.scheme == "file" else Address(text=text)


def on_this_machine(place: Location) -> Path:
    """
    Return a path, for those kinds of file that are not read or written elsewhere.

    Parameters
    ----------
    place
        What was asked for.

    Returns
    -------
    path
        The same.

    Raises
    ------
    ConfigError
        If it is an address.
    """
    if isinstance(place, Address):
        rule = "only GeoParquet is read from an address, and only a folder of it written there"
        raise ConfigError(
            str(place), rule, "Name a .parquet file to read and, to write, a name without ending"
        )
    return place


def located(text: str) -> tuple[fs.FileSystem, str]:
    """
    Find the system of files that a path or address belongs to.

    Parameters
    ----------
    text
        A path on this machine, or an address.

    Returns
    -------
    files, path
        The system, and the path there.

    Raises
    ------
    ConfigError
        If no kind of storage that is installed has such addresses.
    """
    if _SCHEME not in text:
        return fs.LocalFileSystem(), text
    return _found(text)


@cache  # to find a bucket is a question to its host
def _found(text: str) -> tuple[fs.FileSystem, str]:
    try:
        found: tuple[Any, str] = fs.FileSystem.from_uri(text)
    except pa.ArrowInvalid:  # no kind that Arrow knows itself
        shown = str(Address(text=text))
        try:
            found = fs.FileSystem.from_uri(f"fsspec+{text}")
        except ImportError as error:
            rule = f"needs a package that is not installed ({error})"
            way_out = "Install fsspec and the package that it names, on every machine"
            raise ConfigError(shown, rule, way_out) from error
        except (ValueError, TypeError) as error:  # a scheme or options that nobody knows
            rule = f"is no address of storage that is known ({error})"
            raise ConfigError(
                shown, rule, "Use a path, s3://, gs:// or a scheme of fsspec's"
            ) from (error)
    return found
