"""What a user's boundary file holds: its one feature, opened with care, as it stands there."""

from __future__ import annotations

import codecs
import hashlib
import re
import struct
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from xml.parsers import expat

import pyogrio
import shapely

from sinkwatch import geo
from sinkwatch.dossier import words
from sinkwatch.errors import SchemaError, SourceError
from sinkwatch.sources import archives
from sinkwatch.sources.archives import ArchiveLimits
from sinkwatch.sources.geology.archives import SHAPEFILE, parts_beside
from sinkwatch.sources.strict_json import strict_json

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

ENDINGS: Final = (".geojson", ".json", ".gpkg", ".shp", ".kml", ".zip")
"""Files that are read; an archive is one that holds one of the others."""

MOST_BYTES: Final = 20_000_000
"""Largest file, packed or unpacked: 100,000 corners take 5 MB in the wordiest format."""

_LIMITS: Final = ArchiveLimits(most_bytes=MOST_BYTES)
_SAVE: Final = "Export the site's boundary again, as GeoJSON or GeoPackage"
_ONE: Final = "Keep the one that is the site, or merge them into one"
_HERE: Final = "Give a file on this machine that ends in " + ", ".join(ENDINGS)
_SHOWN_LENGTH: Final = 80
_MOST_SHOWN: Final = 5
_MOST_DEPTH: Final = 64  # of elements (sinkwatch data gates)
_LEAST_CORNERS: Final = 3

# GDAL goes by what it finds inside and not by the name: a recipe would lead it to other files.
_BEGINS: Final = {".gpkg": b"SQLite format 3\x00", ".shp": b"\x00\x00\x27\x0a"}
_READING_FAILED: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    expat.ExpatError,
    shapely.errors.ShapelyError,
)
# As GeoJSON of before RFC 7946 names a CRS; nothing that a library could take for a file.
_CODE: Final = re.compile(r"(?:urn:ogc:def:crs:)?(EPSG|OGC|ESRI):(?:[\d.]*:)?([A-Za-z0-9]{2,10})")

_Properties = Mapping[str, object]
_Feature = tuple["BaseGeometry | None", object, _Properties]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """
    The one feature of a file.

    Attributes
    ----------
    shape
        In the file's own CRS.
    crs
        As declared; None if it is not.
    properties
        What else is said of it.
    sha256
        Of the file that was named, hexadecimal.
    """

    shape: BaseGeometry
    crs: object
    properties: _Properties
    sha256: str


def shown(path: Path) -> str:
    """
    Name a file for people.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    name
        Without its folder, masked and trimmed.
    """
    return words.fit(path.name)[:_SHOWN_LENGTH] or "the file"


def only(path: Path) -> Held:
    """
    Read the one feature of a file.

    Parameters
    ----------
    path
        A file on this machine: GeoJSON, GeoPackage, KML, or a shapefile, alone or in an archive.

    Returns
    -------
    held
        As it stands there.

    Raises
    ------
    SchemaError
        If there is no such file, it is too large, cannot be read, or does not hold one feature.
    """
    name = shown(path)
    digest = _digest(path, name)
    with _copied(path, name) as copy, _understood(name):
        _refuse_disguised(copy, name)
        shape, crs, properties = _READERS[copy.suffix](copy, name)
    if shape is None or shape.is_empty:
        raise SchemaError(name, ["its feature has no geometry"], _SAVE)
    return Held(shape=shape, crs=crs, properties=properties, sha256=digest)


# ── Files ────────────────────────────────────────────────────────────────────────────────────


def _digest(path: Path, name: str) -> str:
    """Return a file's SHA-256; refuse what is no plain file of a size and sort that is read."""
    if not path.is_file():
        rule = "it is a folder" if path.is_dir() else "there is no such file"
        raise SchemaError(name, [rule], _HERE)
    if path.suffix.lower() not in ENDINGS:
        raise SchemaError(name, [f"it ends in {path.suffix or 'nothing'}"], _HERE)
    try:
        n_bytes = sum(part.stat().st_size for part in _parts(path))
        if n_bytes > MOST_BYTES:
            rule = f"it has {n_bytes:,} bytes, more than {MOST_BYTES:,}"
            raise SchemaError(name, [rule], "Leave out everything but the site's boundary")
        content = path.read_bytes()
    except OSError as error:
        raise SchemaError(
            name, [f"it cannot be read ({error.strerror})"], "Check the file and its rights"
        ) from error
    if not content:
        raise SchemaError(name, ["it is empty"], _SAVE)
    return hashlib.sha256(content).hexdigest()


def _parts(path: Path) -> list[Path]:
    return parts_beside(path) if path.suffix.lower() == SHAPEFILE[0] else [path]


@contextmanager
def _copied(path: Path, name: str) -> Iterator[Path]:
    """Copy a file to a folder of ours, so that GDAL sees no name of others, nor writes beside."""
    with tempfile.TemporaryDirectory(prefix="sinkwatch-") as there:
        folder = Path(there)
        if path.suffix.lower() == ".zip":
            yield _unpacked(path, folder, name)
            return
        _refuse_open(path, name)
        for part in _parts(path):
            target = folder / f"boundary{part.suffix.lower()}"
            target.write_bytes(part.read_bytes())
        yield folder / f"boundary{path.suffix.lower()}"


def _refuse_open(path: Path, name: str) -> None:
    """Refuse a GeoPackage whose latest changes are not in it yet, but in a journal beside it."""
    journal = path.with_name(f"{path.name}-wal")
    if path.suffix.lower() == ".gpkg" and journal.is_file() and journal.stat().st_size:
        raise SchemaError(
            name,
            ["it is open in another program, which has not saved all of it yet"],
            "Close it there, then try again",
        )


def _unpacked(path: Path, folder: Path, name: str) -> Path:
    try:
        with archives.opened(path, source=name, limits=_LIMITS) as archive:
            members = {
                PurePosixPath(member.name): member
                for member in archive.members()
                if not member.name.startswith(("__MACOSX", "."))
            }
            main = _main(list(members), name)
            for each, member in members.items():
                if each == main or _is_part(each, main):
                    archive.unpack(member, folder / f"boundary{each.suffix.lower()}")
    except SourceError as error:
        fault = error.rule.removeprefix(f"{path.name} ")
        raise SchemaError(name, [f"it {fault}"], _SAVE) from error
    return folder / f"boundary{main.suffix.lower()}"


def _main(members: list[PurePosixPath], name: str) -> PurePosixPath:
    found = [each for each in members if each.suffix.lower() in ENDINGS[:-1]]
    if len(found) != 1:
        rule = f"the archive holds {len(found)} map files ({_listed(found or members)})"
        raise SchemaError(name, [rule], "Pack one shapefile's own files alone")
    return found[0]


def _is_part(each: PurePosixPath, main: PurePosixPath) -> bool:
    return (
        main.suffix.lower() == SHAPEFILE[0]
        and each.suffix.lower() in SHAPEFILE
        and str(each.with_suffix("")).casefold() == str(main.with_suffix("")).casefold()
    )


def _listed(names: list[Any]) -> str:
    return ", ".join(words.quoted(str(each), _SHOWN_LENGTH) for each in names[:_MOST_SHOWN])


@contextmanager
def _understood(name: str) -> Iterator[None]:
    try:
        yield
    except _READING_FAILED as error:
        # GDAL names the folder of our copy, which is nothing to anybody.
        said = re.sub(r"\S*sinkwatch-\S*", "it", " ".join(str(error).split()))[:200]
        rule = f"it cannot be read as a map ({said or type(error).__name__})"
        raise SchemaError(name, [rule], _SAVE) from error


def _refuse_disguised(copy: Path, name: str) -> None:
    begins = _BEGINS.get(copy.suffix, b"")
    with copy.open("rb") as file:
        if file.read(len(begins)) != begins:
            rule = f"it ends in {copy.suffix}, but does not begin as such a file does"
            raise SchemaError(name, [rule], _SAVE)


# ── Formats ──────────────────────────────────────────────────────────────────────────────────


def _of_shapefile(copy: Path, name: str) -> _Feature:
    missing = [each for each in SHAPEFILE[1:3] if not copy.with_suffix(each).is_file()]
    if missing:
        rule = f"its {' and '.join(missing)} {'files are' if missing[1:] else 'file is'} missing"
        raise SchemaError(name, [rule], "Keep all files of a shapefile together, or zip them")
    return _of_gdal(copy, name)


def _of_kml(copy: Path, name: str) -> _Feature:
    """Read KML once it is known that it leads nowhere else."""
    faults: list[str] = []
    depth = 0

    def opened(element: str, _: object) -> None:
        nonlocal depth
        local = element.rpartition(":")[2]
        if depth == 0 and local != "kml":
            raise ValueError(f"it begins with {words.quoted(element, _SHOWN_LENGTH)}")
        if local == "NetworkLink":
            faults.append("it names another file (NetworkLink), which is not fetched")
        depth += 1
        if depth > _MOST_DEPTH:
            raise ValueError(f"it is nested deeper than {_MOST_DEPTH}")

    def closed(_: object) -> None:
        nonlocal depth
        depth -= 1

    def declared(*_: object) -> None:
        raise ValueError("it declares a document type, which KML has none of")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = opened, closed
    parser.StartDoctypeDeclHandler = declared
    parser.Parse(copy.read_bytes(), True)  # noqa: FBT003 - its only form: the last piece
    if faults:
        raise SchemaError(name, faults[:1], _SAVE)
    return _of_gdal(copy, name)


def _of_gdal(copy: Path, name: str) -> _Feature:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # measures left out, rings not closed: looked at later
        layer = _layer(copy, name)
        # A ring that is not closed is; whatever else is wrong with it is looked at later.
        frame = pyogrio.read_dataframe(copy, layer=layer, on_invalid="fix")
    row = {str(key): value for key, value in frame.iloc[0].items() if key != "geometry"}
    crs = frame.crs
    # What GeoPackages say that do not know: srs_id 0 and -1.
    is_declared = crs is not None and not crs.name.casefold().startswith("undefined")
    return frame.geometry.iloc[0], crs if is_declared else None, row


def _layer(copy: Path, name: str) -> str:
    """Return the layer that holds the one feature."""
    kinds = {str(found): str(kind) for found, kind in pyogrio.list_layers(copy) if kind is not None}
    counts = {
        each: int(pyogrio.read_info(copy, layer=each, force_feature_count=True)["features"])
        for each in kinds
    }
    held = [each for each in kinds if counts[each]]
    if len(held) > 1:
        surfaces = [each for each in held if re.search("Polygon|Surface", kinds[each])]
        if len(surfaces) != 1:
            rule = f"it holds features in {len(held)} layers ({_listed(held)})"
            raise SchemaError(name, [rule], "Keep the one layer that holds the site's boundary")
        held = surfaces
    _refuse_many(sum(counts[each] for each in held), name)
    return held[0]


def _refuse_many(n_features: int, name: str) -> None:
    if n_features == 0:
        raise SchemaError(name, ["it holds no feature"], _SAVE)
    if n_features > 1:
        raise SchemaError(name, [f"it holds {n_features:,} features"], _ONE)


def _of_geojson(copy: Path, name: str) -> _Feature:
    # Not through GDAL, which reads NaN as no position and guesses what it cannot read.
    content = copy.read_bytes().removeprefix(codecs.BOM_UTF8)
    try:
        document = strict_json(content, name=name)
    except SchemaError as error:
        raise SchemaError(name, error.faults, _SAVE) from error
    match document:
        case {"type": "FeatureCollection", "features": [*features]}:
            _refuse_many(len(features), name)
            feature = _mapping(features[0])
        case {"type": "Feature"}:
            feature = document
        case {"type": str(), "coordinates": _} | {"type": "GeometryCollection"}:
            feature = {"geometry": document}
        case _:
            raise SchemaError(name, ["it is JSON, but no GeoJSON"], _SAVE)
    crs = _crs(document["crs"], name) if "crs" in document else geo.WGS84
    geometry = feature.get("geometry")
    shape = None if geometry is None else shapely.geometry.shape(_without_slits(geometry))
    return shape, crs, _mapping(feature.get("properties"))


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _crs(declared: object, name: str) -> str | None:
    """Read the member by which GeoJSON named a CRS before RFC 7946; null means that it has none."""
    if declared is None:
        return None
    code = _CODE.fullmatch(str(_mapping(_mapping(declared).get("properties")).get("name")))
    if code is None:
        raise SchemaError(
            name, ["the CRS that it declares is not known"], f"Save it in {geo.BNG} or {geo.WGS84}"
        )
    return f"{code[1]}:{code[2]}"


def _without_slits(geometry: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Leave out holes of fewer than three corners, which no polygon can be made of."""
    match geometry:
        case {"type": "Polygon", "coordinates": [shell, *holes]}:
            return {**geometry, "coordinates": [shell, *_wide(holes)]}
        case {"type": "MultiPolygon", "coordinates": [*parts]}:
            whole = [[shell, *_wide(holes)] for shell, *holes in parts]
            return {**geometry, "coordinates": whole}
    return geometry


def _wide(rings: list[Any]) -> list[Any]:
    return [ring for ring in rings if len({tuple(at[:2]) for at in ring}) >= _LEAST_CORNERS]


_READERS: Final = {
    ".geojson": _of_geojson,
    ".json": _of_geojson,
    ".gpkg": _of_gdal,
    ".shp": _of_shapefile,
    ".kml": _of_kml,
}
