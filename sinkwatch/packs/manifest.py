"""What a pack says of its own making: of which bytes, how and when, and what came of it."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import stat
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sinkwatch.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


FILE: Final = "manifest.json"
FORMAT: Final = "sinkwatch evidence pack"
FORMAT_VERSION: Final = 1

MOST_BYTES: Final = 8_000_000
"""Longest manifest that is read, bytes: a boundary of 100,000 corners takes 3 MB."""

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
_Text = Annotated[str, Field(max_length=10_000)]
_Bytes = Annotated[int, Field(ge=0, le=10**12)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Program(_Entry):
    """
    What made a pack.

    Attributes
    ----------
    version
        Of sinkwatch.
    python
        Version of Python.
    tools
        Version of each library on which its bytes depend.
    """

    version: _Text
    python: _Text
    tools: dict[_Text, _Text]


class SubjectEntry(_Entry):
    """
    What a pack is about.

    Attributes
    ----------
    words
        By which it was asked for.
    place_id, label, kind
        Of the place.
    boundary_file
        File that its boundary was read from; empty if there was none.
    boundary_wkt
        That boundary, EPSG:27700, metres; empty if none was read from a file.
    """

    words: _Text
    place_id: _Text
    label: _Text
    kind: _Text
    boundary_file: _Text
    boundary_wkt: str


class ParametersEntry(_Entry):
    """
    What was asked for, and the numbers that the pack was made with.

    Attributes
    ----------
    scale
        As asked for; None for the finest that fits.
    paper, is_tiled, is_archive, title, draft_limit
        As `Order` has them.
    rings_m, records_within_m, default_radius_m, flag_within_m
        Metres.
    contact
        Where corrections go.
    """

    scale: int | None
    paper: Literal["a4", "a3"]
    is_tiled: bool
    is_archive: bool
    title: _Text
    draft_limit: int
    rings_m: tuple[float, ...]
    records_within_m: float
    default_radius_m: float
    flag_within_m: float
    contact: _Text


class SheetEntry(_Entry):
    """
    One sheet.

    Attributes
    ----------
    number, scale, paper, kind
        As `Sheet` has them.
    ratio
        In words.
    frame_m
        Least easting and northing, greatest easting and northing inside the neat line,
        EPSG:27700 metres.
    """

    number: int
    kind: Literal["site", "surroundings"]
    ratio: _Text
    scale: int
    paper: Literal["a4", "a3"]
    frame_m: tuple[float, float, float, float]


class SourceEntry(_Entry):
    """
    One source, with the copy that was used.

    Attributes
    ----------
    name, kind, title
        Of the source.
    status, standing
        How it stood, for programs and for people.
    edition, licence
        Of the copy, as its maker gives them.
    file
        What the copy was called; empty without one, or where it came from the web.
    url
        Where it came from, if that is on the web.
    sha256, n_bytes, n_rows
        Of the copy; empty and 0 without one.
    retrieved_on
        Day on which its bytes were first had; None without one.
    """

    name: _Text
    kind: _Text
    title: _Text
    status: _Text
    standing: _Text
    edition: _Text
    licence: _Text
    file: _Text
    url: _Text
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    n_bytes: _Bytes
    n_rows: int
    retrieved_on: date | None


class FileEntry(_Entry):
    """
    A file that is no source and was used all the same.

    Attributes
    ----------
    name
        What it is: area, bands, policies, boundary, or the basis.
    file
        What it was called.
    sha256, n_bytes
        Of its bytes.
    """

    name: _Text
    file: Annotated[str, Field(pattern=r"^[^/\\\x00-\x1f]{1,255}$")]
    sha256: _Sha256
    n_bytes: _Bytes


class OutputEntry(_Entry):
    """
    A file of the pack.

    Attributes
    ----------
    file
        Its name.
    sha256, n_bytes
        Of its bytes.
    """

    file: _FileName
    sha256: _Sha256
    n_bytes: _Bytes


class Manifest(_Entry):
    """
    All that a pack says of its own making.

    Attributes
    ----------
    format, format_version
        Of the manifest.
    map_id
        Printed on every page.
    key
        SHA-256 of what decides the content; the day and how fresh sources were are not in it.
    made_on
        Day of the pack, in London.
    program
        What made it.
    area_id
        Area watched.
    title
        As printed.
    subject
        What it is about.
    parameters
        What was asked for.
    sheets
        In order.
    sources
        Of the area.
    files
        Used besides.
    outputs
        Files of the pack but this one, by name.
    """

    format: Literal["sinkwatch evidence pack"]
    format_version: Literal[1]
    map_id: Annotated[str, Field(pattern=r"^SW-[0-9A-F]{8}$")]
    key: _Sha256
    made_on: date
    program: Program
    area_id: _Text
    title: _Text
    subject: SubjectEntry
    parameters: ParametersEntry
    sheets: tuple[SheetEntry, ...]
    sources: tuple[SourceEntry, ...]
    files: tuple[FileEntry, ...]
    outputs: tuple[OutputEntry, ...]

    def content(self) -> bytes:
        """Write it down: sorted, the same for the same pack."""
        return canonical(self.model_dump(mode="json"), indent=1) + b"\n"


def read(content: bytes, name: str) -> Manifest:
    """
    Read a manifest, which may be a stranger's.

    Parameters
    ----------
    content
        Its bytes.
    name
        What it is called in messages.

    Returns
    -------
    manifest
        Whose names of outputs are plain names, and each of which is there once.

    Raises
    ------
    DataError
        If it is none, or one of a version that is not known.
    """
    try:
        said = json.loads(content, object_pairs_hook=_without_repeats)
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise _no_manifest(name, "it does not say that it is one")
        if json.dumps(said.get("format_version")) != str(FORMAT_VERSION):
            raise DataError(
                name,
                f"is of another version than {FORMAT_VERSION}, the one that is understood",
                "Verify the pack with the version of sinkwatch that made it",
            )
        found = Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _no_manifest(name, f"its entry {where}: {first['msg']}"[:_MOST_SAID]) from error
    except (ValueError, RecursionError) as error:
        raise _no_manifest(name, f"it is no JSON ({str(error)[:80]})") from error
    named = [each.file for each in found.outputs]
    if any(each.file in (".", "..") for each in found.files):
        raise _no_manifest(name, "it names a folder as a file")
    if len(set(named)) < len(named) or FILE in named:
        raise _no_manifest(name, "it names an output twice, or itself")
    return found


def in_folder(folder: Path) -> Manifest:
    """
    Read the manifest of a pack, which may be a stranger's.

    Parameters
    ----------
    folder
        Of the pack.

    Returns
    -------
    manifest
        As `read` returns it.

    Raises
    ------
    DataError
        If there is none that can be read.
    """
    path = folder / FILE
    try:
        with opened(path) as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        why = f"there is no {FILE} in it that can be read ({error.strerror})"
        raise _no_manifest(str(folder), why) from error
    if len(content) > MOST_BYTES:
        raise _no_manifest(str(path), f"it is larger than {MOST_BYTES:,} bytes")
    return read(content, str(path))


def digest_of(path: Path) -> str:
    """
    Return the SHA-256 of a file of a folder that may be a stranger's.

    Parameters
    ----------
    path
        Of the file.

    Returns
    -------
    digest
        Hexadecimal.

    Raises
    ------
    OSError
        As `opened` does.
    """
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def opened(path: Path) -> io.BufferedReader:
    """
    Open a file of a folder that may be a stranger's.

    Parameters
    ----------
    path
        Of the file.

    Returns
    -------
    file
        To be closed.

    Raises
    ------
    OSError
        If it cannot be read, or is a link, a device or a pipe: one leads out of the folder, and
        the others may never end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    return os.fdopen(descriptor, "rb")


_MOST_SAID: Final = 200  # characters of what pydantic says


def _no_manifest(name: str, why: str) -> DataError:
    return DataError(
        name, f"is no evidence pack that can be read: {why}", "Name the folder of a whole pack"
    )


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that stands twice: readers differ on which of them counts."""
    found = dict(pairs)
    if len(found) < len(pairs):
        message = "a name stands twice in it"
        raise ValueError(message)
    return found


def canonical(value: object, indent: int | None = None) -> bytes:
    """
    Write plain values in one way only.

    Parameters
    ----------
    value
        Plain values.
    indent
        Spaces for each level; None for one line.

    Returns
    -------
    content
        JSON, UTF-8, names sorted.
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, indent=indent, allow_nan=False)
    return text.encode(errors="replace")
