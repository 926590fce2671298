"""Layers of a map that came in a zip: under names of our own, and opened by no other driver."""

from __future__ import annotations

import re
import shutil
import struct
import tempfile
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

import geopandas as gpd
import pyogrio

from sinkwatch import geo
from sinkwatch.errors import SchemaError, SourceError
from sinkwatch.sources import archives

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinkwatch.model import Bounds, SourceSpec
    from sinkwatch.sources.archives import Archive, ArchiveLimits, Member
    from sinkwatch.sources.errand import Errand

_MAGIC: Final = {".shp": b"\x00\x00\x27\x0a", ".gpkg": b"SQLite format 3\x00"}
"""How a file of each format begins. GDAL goes by content and not by ending: what is no such file
could else be a virtual layer that leads to other files, or to a server."""

_TAKEN: Final = frozenset({".shp", ".shx", ".dbf", ".prj", ".cpg"})
_NEEDED: Final = frozenset({".shp", ".shx", ".dbf"})
_SHP_HEAD: Final = 100  # bytes, of .shp and .shx (ESRI Shapefile Technical Description)
_SHX_ROW: Final = 8
_CHUNK: Final = 1_048_576
_UNREADABLE: Final = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.FeatureError,
    ValueError,  # an encoding, or a value that is none of its column's type
)
_WAY_OUT: Final = "What is held stays in use; fetch it again, or look at what has changed in it"
_PREFIX: Final = re.compile(r"^(?:opmplc_)?(?:[a-z]{2}_)?")
_OTHER: Final = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class MapLayer:
    """
    One layer, on disk.

    Attributes
    ----------
    name
        What it is called in the file, for messages.
    path
        Where it lies.
    layer
        Its name as it was given.
    table
        Its name to GDAL.
    """

    name: str
    path: Path
    layer: str
    table: str

    def read(self, bounds: Bounds, *, most: int) -> gpd.GeoDataFrame:
        """
        Read what touches a rectangle.

        Parameters
        ----------
        bounds
            EPSG:27700 metres.
        most
            Rows after which the layer is taken for too much.

        Returns
        -------
        frame
            Columns in small letters, geometry EPSG:27700.

        Raises
        ------
        SchemaError
            If it cannot be read, declares another CRS than the National Grid, or holds more.
        """
        return self._read(bounds.as_tuple(), most)

    def looks_exchanged(self, bounds: Bounds) -> bool:
        """
        Tell whether the layer would reach the rectangle if its axes were exchanged.

        Parameters
        ----------
        bounds
            EPSG:27700 metres.

        Returns
        -------
        looks_exchanged
            True if it has a row there.
        """
        west, south, east, north = bounds.as_tuple()
        return not self._read((south, west, north, east), 1).empty

    def _read(self, box: tuple[float, float, float, float], most: int) -> gpd.GeoDataFrame:
        try:
            with _quietly():
                frame = pyogrio.read_dataframe(
                    self.path,
                    layer=self.table,
                    bbox=box,
                    force_2d=True,
                    max_features=most + 1,
                    on_invalid="ignore",
                )
        except _UNREADABLE as error:
            raise _refusal(self.name, f"it cannot be read as a map layer ({error})") from error
        crs = getattr(frame, "crs", None)  # a table without geometry has none
        if crs is None or geo.code_of(crs) != geo.BNG:
            declared = "none" if crs is None else geo.code_of(crs)
            raise _refusal(self.name, f"its CRS is {declared}, not {geo.BNG}")
        if len(frame) > most > 1:
            raise _refusal(self.name, f"more than {most:,} of its rows touch the area")
        named = {column: str(column).casefold() for column in frame.columns}
        if len(set(named.values())) < len(named):
            raise _refusal(self.name, "two of its columns have one name")
        geometry = frame.geometry.to_numpy()
        table = frame.drop(columns=frame.geometry.name).rename(columns=named)
        return gpd.GeoDataFrame(table, geometry=geometry, crs=geo.BNG)


@contextmanager
def unpacked(
    path: Path,
    spec: SourceSpec,
    errand: Errand,
    *,
    limits: ArchiveLimits,
    wanted: re.Pattern[str],
) -> Iterator[dict[str, MapLayer]]:
    """
    Unpack the layers that are wanted, for as long as they are read.

    Parameters
    ----------
    path
        A zip with shapefiles or with a GeoPackage, in whatever folders.
    spec
        The source, for messages.
    errand
        Under whose folder they lie meanwhile.
    limits
        How much the zip may hold.
    wanted
        The whole of a layer's `plain_name`; others are not looked at.

    Yields
    ------
    layers
        By `plain_name`.

    Raises
    ------
    SourceError
        If it is no such zip, holds more than the limits say, or cannot be written.
    SchemaError
        If a file in it is not what its name says, or a layer is there twice.
    """
    name = f"{spec.name} ({path.name})"
    with (
        archives.opened(path, source=spec.name, limits=limits) as archive,
        _room(spec, errand) as folder,
    ):
        found = [
            *_shapefiles(archive, folder, spec.name, wanted),
            *_tables(archive, folder, spec.name, wanted),
        ]
        layers = {plain_name(layer.layer): layer for layer in found}
        if len(layers) < len(found):
            raise _refusal(name, "it has two layers of one name")
        yield layers


def plain_name(name: str) -> str:
    """
    Return a layer's name as it can be compared.

    Parameters
    ----------
    name
        As the file gives it.

    Returns
    -------
    name
        In small letters, without a square's letters before it and without underscores.

    Examples
    --------
    >>> plain_name("SE_SurfaceWater_Area"), plain_name("surface_water_area")
    ('surfacewaterarea', 'surfacewaterarea')
    >>> plain_name("opmplc_gb_Road"), plain_name("Important_Building")
    ('road', 'importantbuilding')
    """
    return _OTHER.sub("", _PREFIX.sub("", name.casefold()))


@contextmanager
def _room(spec: SourceSpec, errand: Errand) -> Iterator[Path]:
    """Give a folder beside the copies: the system's own may lie in memory."""
    parent = errand.folder / spec.name
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        room = tempfile.TemporaryDirectory(prefix=".unpacked-", dir=parent)
    except OSError as error:
        raise SourceError(
            spec.name, f"{parent} cannot be written ({error.strerror})", "Check its rights"
        ) from error
    with room as folder:
        yield Path(folder)


def _shapefiles(
    archive: Archive, folder: Path, source: str, wanted: re.Pattern[str]
) -> Iterator[MapLayer]:
    for n, shape in enumerate(archive.members("*.shp")):
        path = PurePosixPath(shape.name)
        if not wanted.fullmatch(plain_name(path.stem)):
            continue
        stem = str(path.with_suffix("")).casefold()
        beside = {
            PurePosixPath(member.name).suffix.casefold(): member
            for member in archive.members(f"{_literal(path.stem)}.*")
            if str(PurePosixPath(member.name).with_suffix("")).casefold() == stem
        }
        missing = sorted(_NEEDED - beside.keys())
        title = f"{source} ({path.name})"
        if missing:
            raise _refusal(title, f"{', '.join(missing)} is missing beside it")
        # Under a name of our own: theirs may be any, and GDAL reads meaning into some.
        for ending in sorted(_TAKEN & beside.keys()):
            _unpack(archive, beside[ending], folder / f"{n}{ending}", source)
        target = _genuine(folder / f"{n}.shp", title)
        _refuse_cut_short(target, title)
        yield MapLayer(name=title, path=target, layer=path.stem, table=str(n))


def _tables(
    archive: Archive, folder: Path, source: str, wanted: re.Pattern[str]
) -> Iterator[MapLayer]:
    for n, member in enumerate(archive.members("*.gpkg")):
        target = folder / f"{n}.gpkg"
        _unpack(archive, member, target, source)
        title = f"{source} ({PurePosixPath(member.name).name})"
        try:
            with _quietly():
                tables = pyogrio.list_layers(_genuine(target, title))[:, 0]
        except _UNREADABLE as error:
            raise _refusal(title, f"it cannot be read as a GeoPackage ({error})") from error
        for table in map(str, tables):
            if wanted.fullmatch(plain_name(table)):
                yield MapLayer(name=f"{title}, {table}", path=target, layer=table, table=table)


def _unpack(archive: Archive, member: Member, target: Path, source: str) -> None:
    """Write a file that is gone again in a moment: nothing waits until it is safe on the disk."""
    try:
        with archive.reading(member) as file, target.open("wb") as out:
            shutil.copyfileobj(file, out, _CHUNK)
    except OSError as error:
        raise SourceError(
            source,
            f"{target.parent.parent} cannot be written ({error.strerror})",
            "Check its rights and the room left",
        ) from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep GDAL from warning on the terminal: what is wrong with a layer, our own checks say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def _literal(name: str) -> str:
    """Return a pattern that only that name fits."""
    return re.sub(r"([*?[])", r"[\1]", name)


def _genuine(path: Path, name: str) -> Path:
    with path.open("rb") as file:
        begin = file.read(len(_MAGIC[path.suffix]))
    if begin != _MAGIC[path.suffix]:
        raise _refusal(name, f"it begins with {begin!r}, so it is no file of that ending")
    return path


def _refuse_cut_short(path: Path, name: str) -> None:
    """Refuse a shapefile whose parts are not of one length: GDAL would pass over what is gone."""
    shapes, index, table = (path.with_suffix(ending) for ending in (".shp", ".shx", ".dbf"))
    for file in (shapes, index):
        (stated,) = struct.unpack(">i", _head(file)[24:28])
        n_bytes = file.stat().st_size
        if 2 * stated != n_bytes:
            raise _refusal(
                name, f"its {file.suffix} is {n_bytes:,} bytes long and states {2 * stated:,}"
            )
    n_shapes = (index.stat().st_size - _SHP_HEAD) // _SHX_ROW
    n_rows, n_head, n_each = struct.unpack("<IHH", _head(table)[4:12])
    if n_rows != n_shapes or table.stat().st_size < n_head + n_rows * n_each:
        raise _refusal(name, f"it has {n_shapes:,} shapes, and no row of the table for each")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_SHP_HEAD).ljust(_SHP_HEAD, b"\0")


def _refusal(name: str, fault: str) -> SchemaError:
    return SchemaError(name, [fault], _WAY_OUT)
