"""Shapefiles and archives: several files made into one, and one wanted layer taken out again."""

from __future__ import annotations

import io
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath, PurePosixPath
from typing import Final, TypeVar

from sinkwatch.errors import SchemaError

SHAPEFILE: Final = (".shp", ".shx", ".dbf", ".prj", ".cpg")
"""What makes a shapefile, the file of shapes first."""

LAYERS: Final = (".gpkg", ".geojson", ".json", ".fgb", ".parquet", ".geoparquet", ".shp")
"""Files that hold layers."""

ENDINGS: Final = (*LAYERS, ".zip")
"""Files that are read."""

MOST_MEMBERS: Final = 50
"""Most files in an archive (sinkwatch data gates)."""

MOST_UNPACKED: Final = 500_000_000
"""Most that an archive may unpack to, bytes (sinkwatch data gates)."""

WAY_OUT: Final = "Export or fetch the file again; nothing of it has been used"

_UNPACKING_FAILED: Final = (
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
_MOST_SHOWN: Final = 5

_PathT = TypeVar("_PathT", bound=PurePath)


def packed(path: Path, *, layer: str, name: str) -> bytes:
    """
    Put the files of a shapefile into one archive, the same bytes for the same files.

    Parameters
    ----------
    path
        Its file of shapes, or the folder that holds it.
    layer
        Which shapefile of a folder; empty if it holds one.
    name
        What it is, for the message.

    Returns
    -------
    content
        A zip archive without compression.

    Raises
    ------
    SchemaError
        If a part is missing, or the folder holds none or several.
    OSError
        If a file cannot be read.
    """
    main = path if path.is_file() else _one_of(sorted(path.iterdir()), layer, name)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for part in parts_beside(main):
            # Without the day and the rights of a file: a copy of it is the same geology.
            member = zipfile.ZipInfo(f"{main.stem}{part.suffix.lower()}")
            archive.writestr(member, part.read_bytes())
    return target.getvalue()


def size_of(path: Path) -> int:
    """
    Return how many bytes the parts of a shapefile have.

    Parameters
    ----------
    path
        Its file of shapes, or the folder that holds it.

    Returns
    -------
    n_bytes
        Of all files that `packed` could take.
    """
    parts = path.iterdir() if path.is_dir() else parts_beside(path)
    return sum(part.stat().st_size for part in parts if part.suffix.lower() in SHAPEFILE)


@contextmanager
def opened(path: Path, layer: str, name: str) -> Iterator[Path]:
    """
    Give a file that can be read at once, for as long as the block lasts.

    Parameters
    ----------
    path
        A file that holds layers, an archive of one, or the folder of a shapefile.
    layer
        Which file of an archive or folder; empty for the only one.
    name
        What it is, for the message.

    Yields
    ------
    path
        The path itself, or what the archive holds, in a folder of its own.

    Raises
    ------
    SchemaError
        If the archive is not whole, leads out of itself, is too large, or does not hold one
        such layer.
    """
    if path.suffix.lower() != ".zip" and not path.is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="sinkwatch-") as folder:
        if path.is_dir():
            archive: Path | io.BytesIO = io.BytesIO(packed(path, layer=layer, name=name))
        else:
            archive = path
        try:
            with zipfile.ZipFile(archive) as opened:
                found = _unpacked(opened, Path(folder), layer, name)
        except _UNPACKING_FAILED as error:
            rule = f"the archive cannot be unpacked ({' '.join(str(error).split())[:200]})"
            raise SchemaError(name, [rule], WAY_OUT) from error
        yield found


def _unpacked(archive: zipfile.ZipFile, folder: Path, layer: str, name: str) -> Path:
    """Unpack the one layer that is wanted, under names of our own."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    faults = _faults_of(members)
    if faults:
        raise SchemaError(name, faults, "Pack the layer's own files alone; nothing has been used")
    paths = [PurePosixPath(member.filename) for member in members]
    main = _one_of([path for path in paths if not _is_litter(path)], layer, name)
    for member, path in zip(members, paths, strict=True):
        if path == main or _is_part(path, main):
            # No member is named twice, so each of ours is written once; zipfile stops at the
            # size that was checked and compares the sum.
            target = folder / f"layer{path.suffix.lower()}"
            with archive.open(member) as source, target.open("xb") as file:
                shutil.copyfileobj(source, file)
    return folder / f"layer{main.suffix.lower()}"


def _faults_of(members: Sequence[zipfile.ZipInfo]) -> list[str]:
    n_bytes = sum(member.file_size for member in members)
    if len(members) > MOST_MEMBERS:
        return [f"the archive holds {len(members)} files, more than {MOST_MEMBERS}"]
    if n_bytes > MOST_UNPACKED:
        return [f"the archive unpacks to {n_bytes:,} bytes, more than {MOST_UNPACKED:,}"]
    faults = []
    for member in members:
        path = PurePosixPath(member.filename)
        shown = repr(member.filename[:80])
        if path.is_absolute() or ".." in path.parts or set(member.orig_filename) & set("\\:\0"):
            faults.append(f"member {shown} of the archive leads out of it")
        elif stat.S_ISLNK(member.external_attr >> 16):
            faults.append(f"member {shown} of the archive is a link")
        elif member.flag_bits & 1:
            faults.append(f"member {shown} of the archive is encrypted")
    names = [member.filename.casefold() for member in members]
    twice = sorted({shown for shown in names if names.count(shown) > 1})
    return [*faults, *(f"member {shown[:80]!r} is there twice" for shown in twice)]


def _is_litter(path: PurePosixPath) -> bool:
    """Tell whether a file is one that a desktop leaves in archives and folders."""
    return any(part.startswith((".", "__MACOSX")) for part in path.parts)


def _one_of(paths: Sequence[_PathT], layer: str, name: str) -> _PathT:
    """Choose the file that holds the layer; an archive in an archive holds none."""
    found = [path for path in paths if path.suffix.lower() in LAYERS]
    if layer and len(found) > 1:
        found = [path for path in found if path.stem.casefold() == layer.casefold()]
    if len(found) == 1:
        return found[0]
    held = ", ".join(sorted(path.name[:80] for path in paths)[:_MOST_SHOWN]) or "nothing"
    raise SchemaError(
        name,
        [f"{count_text(found, layer)} could be meant; it holds {held}"],
        f"Give one file that ends in {', '.join(ENDINGS)}, or name its layer under 'layer'",
    )


def count_text(found: Sequence[object], layer: str) -> str:
    """
    Count what could be the layer that is wanted.

    Parameters
    ----------
    found
        The candidates.
    layer
        The name asked for; empty if none was.

    Returns
    -------
    text
        Such as "2 layers" or "no layers named Soluble".
    """
    of_name = f" named {layer}" if layer else ""
    return f"{len(found) or 'no'} layer{'' if len(found) == 1 else 's'}{of_name}"


def _is_part(path: PurePosixPath, main: PurePosixPath) -> bool:
    return (
        main.suffix.lower() == ".shp"
        and path.suffix.lower() in SHAPEFILE
        and path.with_suffix("").as_posix().casefold() == main.with_suffix("").as_posix().casefold()
    )


def parts_beside(main: Path) -> list[Path]:
    """
    Find the files of a shapefile.

    Parameters
    ----------
    main
        Its file of shapes.

    Returns
    -------
    parts
        Itself and those of its name beside it, whatever the case of either.
    """
    beside = sorted(main.parent.iterdir())
    return [
        part
        for part in beside
        if part.is_file() and _is_part(PurePosixPath(part), PurePosixPath(main))
    ]
