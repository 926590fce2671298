"""
A folder of parts brought up to date: only what changed zones or records reach is assessed again.

What comes of it is, byte for byte, what assessing all anew would write. While parts are replaced
the manifest stands under another name, by which the same command goes on after a kill: a part is
whole, and as it was or as it will be.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import compute, parquet

from sinkwatch import assess
from sinkwatch.bulk import formats, manifest, parts, pieces, prepared, stream
from sinkwatch.bulk.request import BulkReport, Updated
from sinkwatch.bulk.rows import UNCERTAINTY_COLUMN, by_plain_name, point_axes
from sinkwatch.bulk.store import Store
from sinkwatch.errors import ConfigError
from sinkwatch.model import Band

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from sinkwatch.bulk.request import Basis, Request
    from sinkwatch.bulk.rows import Axes

_ANEW: Final = "Assess it anew: run without --update and with --overwrite"
_SAME: Final = ("sinkwatch", "uncertainty_m", "columns", "only_flagged", "flag_within_m", "layer")

_ROWS: Final = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("part", pa.string()),
        pa.field("band_before", pa.string()),
        pa.field("band", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    """A folder that is complete, or that an update was killed in."""

    store: Store
    told: dict[str, Any]
    is_halfway: bool
    squares: pa.Table

    @property
    def read_as(self) -> dict[str, Any]:
        """Return how its rows were read."""
        read: dict[str, Any] = json.loads(self.squares.schema.metadata[b"sinkwatch"])
        return read

    def near(self, reach: assess.Reach) -> list[dict[str, Any]]:
        """Return the parts with rows in squares that a reach comes into, as described."""
        output: list[dict[str, Any]] = self.told["output"]
        if reach.everywhere:
            return output
        square, part = (self.squares[name].to_numpy() for name in ("square", "part"))
        return [output[number] for number in np.unique(part[np.isin(square, reach.squares)])]

    def intact(self, described: dict[str, Any]) -> bytes | None:
        """Return the content of a part; None if it is not there or not what the manifest names."""
        try:
            content = self.store.read_bytes(described["name"])
        except FileNotFoundError:
            return None
        return content if hashlib.sha256(content).hexdigest() == described["sha256"] else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Again:
    """What is the same for all parts that are looked at; indexes are made when they are asked."""

    asking: pieces.Asking
    folder: _Folder
    reach: assess.Reach
    layers: assess.Hazard
    kept: Path | None
    made: dict[str, assess.Index] = field(default_factory=dict)
    making: Lock = field(default_factory=Lock)

    def within(self) -> tuple[assess.Index, assess.Index]:
        """Return what is near changes, before and now, to ask about rows within reach."""
        now = self.asking.basis.hazard
        return self._index("before", self.layers), self._index("now", now)

    def whole(self) -> pieces.Asking:
        """Return what a part is assessed anew by, as a whole."""
        return replace(self.asking, indexed=self._index("all", self.asking.basis.hazard))

    def _index(self, name: str, hazard: assess.Hazard) -> assess.Index:
        # Zones are prepared for what they are asked, which two threads must not do at once.
        with self.making:
            if name not in self.made:
                if name == "all" or self.reach.everywhere:
                    n_rows = self.asking.reading.n_rows or 0
                    self.made[name] = prepared.index(hazard, self.kept, n_rows)
                else:
                    self.made[name] = assess.index_within(hazard, self.reach)
            return self.made[name]


@dataclass(frozen=True, slots=True)
class _Found:
    """Rows of a part whose answers differ, as numbers within it."""

    n_looked_at: int
    row: NDArray[np.int64]
    band_before: NDArray[np.int8]
    band: NDArray[np.int8]
    n_flagged: int
    answers: list[pa.Array]

    @property
    def n_more(self) -> NDArray[np.int64]:
        """Return how many more rows are in each band."""
        n = len(Band)
        return np.bincount(self.band, minlength=n) - np.bincount(self.band_before, minlength=n)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """A part that was looked at; described only if it was written anew."""

    name: str
    n_rows: int
    found: _Found
    described: dict[str, Any] | None


def update(
    basis: Basis,
    request: Request,
    *,
    kept: Path | None,
    progress: Callable[[int, int | None], None],
    layers: assess.Hazard | None = None,
) -> BulkReport:
    """
    Bring a folder of parts up to date with what rows are assessed by now.

    Parameters
    ----------
    basis
        What rows are assessed by now.
    request
        What was asked for when the folder was made.
    kept
        Folder in which prepared layers are kept, those before among them.
    progress
        Told of rows in parts that have been looked at.
    layers
        Those before, if they are at hand.

    Returns
    -------
    report
        As of a folder that was made anew, and what the update took.

    Raises
    ------
    ConfigError
        If the folder is not of this request or is of boundaries, or the layers before are no
        longer kept.
    """
    folder = _opened(Store.at(request.target))
    plan = _same_work(folder, basis, request)
    was = _layers(folder, kept, layers)
    reach = assess.difference(was, basis.hazard)
    with formats.of(request.source, formats.SOURCES).read(request) as reading:
        if reading.is_ground:
            # Squares are those of middles: of a wide boundary a change could reach the edge alone.
            rule = "is of boundaries, which are not brought up to date"
            raise ConfigError(str(request.target), rule, "Assess them anew, with --overwrite")
        asking = pieces.Asking(
            basis=basis,
            indexed=None,
            reading=reading,
            laid=pieces.laid_out(formats.TARGETS[".parquet"], reading, request),
            request=request,
        )
        again = _Again(asking=asking, folder=folder, reach=reach, layers=was, kept=kept)
        if not folder.is_halfway:
            folder.store.move(parts.MANIFEST, parts.UPDATING)
        looked = _looked_at(again, progress)
    if kept is not None:
        prepared.keep(basis.hazard, kept)
    return _finish(folder, plan, looked)


def _opened(store: Store) -> _Folder:
    """Open a folder that is complete, or that an update was killed in."""
    names = store.names()
    found = next((name for name in (parts.MANIFEST, parts.UPDATING) if name in names), None)
    if found is None or parts.SQUARES not in names:
        rule = "holds no finished assessment to update"
        raise ConfigError(store.path, rule, "Run without --update first")
    return _Folder(
        store=store,
        told=json.loads(store.read_bytes(found)),
        is_halfway=found == parts.UPDATING,
        squares=parquet.read_table(pa.BufferReader(store.read_bytes(parts.SQUARES))),
    )


def _same_work(folder: _Folder, basis: Basis, request: Request) -> dict[str, Any]:
    """Refuse a folder that was made by another version, with other options or of another file."""
    plan, path = parts.planned(basis, request), folder.store.path
    # As JSON has them, where there is no difference between lists and tuples.
    asked = json.loads(json.dumps(plan))
    for name in _SAME:
        if folder.told[name] != asked[name]:
            rule = f"was made with {name} {folder.told[name]}, not {asked[name]}"
            raise ConfigError(path, rule, f"Ask for the same, or {_ANEW[0].lower()}{_ANEW[1:]}")
    for name in ("part_rows", "bounds"):
        if folder.read_as[name] != asked[name]:
            raise ConfigError(path, f"was made with other {name}", _ANEW)
    # A file that was only touched, or copied here, is told by its content.
    if folder.read_as["input"] != asked["input"]:
        now = manifest.described(request.source)
        if now != folder.told["input"]:
            rule = f"was made of another {folder.told['input']['name']}"
            raise ConfigError(path, rule, _ANEW)
    return plan


def _layers(folder: _Folder, kept: Path | None, at_hand: assess.Hazard | None) -> assess.Hazard:
    """Return the layers that a folder was made with."""
    wanted = folder.told["layers_sha256"]
    if at_hand is not None and prepared.digest(at_hand) == wanted:
        return at_hand
    found = None if kept is None else prepared.layers(kept, wanted)
    if found is None:
        raise ConfigError(
            folder.store.path, "was made with layers that are no longer kept to compare with", _ANEW
        )
    return found


def _looked_at(again: _Again, progress: Callable[[int, int | None], None]) -> list[_Looked]:
    """Look at all parts with rows within reach, and write those anew that have other answers."""
    folder = again.folder
    chosen = folder.near(again.reach)
    if folder.is_halfway:  # what was replaced before the kill is not what the manifest names
        names = {each["name"] for each in chosen}
        output = folder.told["output"]
        chosen = [each for each in output if each["name"] in names or folder.intact(each) is None]
    done: list[_Looked] = []
    for looked in _in_turn(again, chosen):
        done.append(looked)
        progress(sum(each.n_rows for each in done), None)
    return sorted(done, key=lambda each: each.name)


def _in_turn(again: _Again, chosen: list[dict[str, Any]]) -> Iterator[_Looked]:
    left = chosen
    if _can_patch(again.asking):
        left = []
        patched = stream.in_turn(partial(_patched, again), chosen)
        for described, looked in zip(chosen, patched, strict=True):
            if looked is None:
                left.append(described)
            else:
                yield looked
    if not left:
        return
    rows_of = {each["name"]: each for each in left}
    others = {each["name"] for each in again.folder.told["output"]} - rows_of.keys()
    for part in parts.cut(again.asking, frozenset(others)):
        if part.batch is not None:
            yield _remade(again, rows_of[part.name], part.batch)


def _can_patch(asking: pieces.Asking) -> bool:
    """Tell whether a part says of its rows all that the source does, to be written as it was."""
    known, written = (by_plain_name(each.schema.names) for each in (asking.reading, asking.laid))
    knows = UNCERTAINTY_COLUMN in written or UNCERTAINTY_COLUMN not in known
    own = asking.laid.schema.types[: -len(pieces.ADDED)]
    worded = any(pa.types.is_dictionary(kind) for kind in own)
    return knows and not worded and not asking.request.only_flagged


def _patched(again: _Again, described: dict[str, Any]) -> _Looked | None:
    """Put other answers into a part, by what it holds itself; None if it is not as it should be."""
    content, name = again.folder.intact(described), described["name"]
    if content is None:
        return None
    file = parquet.ParquetFile(pa.BufferReader(content))
    n_rows = file.metadata.num_rows
    # Points take longest to read: alone at first, and not twice.
    names = [each for each in again.asking.laid.schema.names if _places(again.asking, each)]
    (placed,) = file.iter_batches(batch_size=n_rows, columns=names, use_threads=False)
    axes = point_axes(name, placed.column(again.asking.laid.geometry))
    found = _found(again, again.asking.reading.placed(*axes), placed)
    if not len(found.row):
        return _Looked(name=name, n_rows=n_rows, found=found, described=None)
    written = _with_answers(again.asking.laid.schema, file, placed, found)
    said = json.loads(file.metadata.metadata[b"sinkwatch"])
    said["bands"] = (np.array(said["bands"]) + found.n_more).tolist()
    made = again.folder.store.write(name, written, said)
    return _Looked(name=name, n_rows=n_rows, found=replace(found, answers=[]), described=made)


def _places(asking: pieces.Asking, column: str) -> bool:
    """Tell whether a column says where rows are, or how well that is known."""
    return column == asking.laid.geometry or UNCERTAINTY_COLUMN in by_plain_name([column])


def _with_answers(
    schema: pa.Schema, file: parquet.ParquetFile, placed: pa.RecordBatch, found: _Found
) -> pa.RecordBatch:
    """Return the rows of a part with other answers, as they are written."""
    others = [name for name in schema.names if name not in placed.schema.names]
    (rest,) = file.iter_batches(
        batch_size=file.metadata.num_rows, columns=others, use_threads=False
    )
    held = dict(zip(placed.schema.names, placed.columns, strict=True))
    held |= dict(zip(rest.schema.names, rest.columns, strict=True))
    for column, other in zip(pieces.ADDED, found.answers, strict=True):
        held[column.name] = _replaced(found.row, held[column.name], other)
    return pa.RecordBatch.from_arrays([held[name] for name in schema.names], schema=schema)


def _replaced(row: NDArray[np.int64], column: pa.Array, other: pa.Array) -> pa.Array:
    """Return a column with other cells in some rows."""
    is_other = np.zeros(len(column), dtype=np.bool_)
    is_other[row] = True
    is_other = pa.array(is_other)
    if not pa.types.is_dictionary(other.type):
        return compute.replace_with_mask(column, is_other, other)
    words = other.dictionary
    number = compute.index_in(column.cast(words.type), words).cast(other.indices.type)
    return pa.DictionaryArray.from_arrays(
        compute.replace_with_mask(number, is_other, other.indices), words
    )


def _remade(again: _Again, described: dict[str, Any], batch: pa.RecordBatch) -> _Looked:
    """Assess a part by the rows of the source, if it is damaged or has other answers."""
    reading, name = again.asking.reading, described["name"]
    found = _found(again, reading.placed(*reading.axes(batch)), batch)
    found = replace(found, answers=[])
    if not len(found.row) and again.folder.intact(described) is not None:
        return _Looked(name=name, n_rows=batch.num_rows, found=found, described=None)
    part = parts.Part(name=name, batch=batch)
    made = parts.made(again.whole(), again.folder.store, part).described
    return _Looked(name=name, n_rows=batch.num_rows, found=found, described=made)


def _found(again: _Again, at: Axes, batch: pa.RecordBatch) -> _Found:
    """Find the rows of a part that had another answer before."""
    easting, northing = at
    doubt_m = pieces.uncertainty_m(batch, again.asking.request.uncertainty_m)
    row = np.flatnonzero(again.reach.holds(easting, northing))
    asked = easting[row], northing[row], doubt_m[row]
    # Of a part without rows within reach no index is needed, and perhaps none is ever made.
    indexes = again.within() if len(row) else ()
    found = [assess.points(each.hazard, *asked, each) for each in indexes]
    answers = [pieces.answers(each.hazard, one) for each, one in zip(indexes, found, strict=True)]
    if not found:
        nothing = np.empty(0, dtype=np.int8)
        return _Found(0, row, nothing, nothing, 0, [])
    differs = _differs(*answers)
    was, is_now = (pieces.is_flagged(again.asking.basis, each) for each in found)
    return _Found(
        n_looked_at=len(row),
        row=row[differs],
        band_before=found[0].band[differs],
        band=found[1].band[differs],
        n_flagged=int(is_now.sum() - was.sum()),
        answers=[column.filter(pa.array(differs)) for column in answers[1]],
    )


def _differs(before: list[pa.Array], now: list[pa.Array]) -> NDArray[np.bool_]:
    """Tell which rows have another answer in any column, as it is written."""
    differs = np.zeros(len(now[0]), dtype=np.bool_)
    for was, is_now in zip(before, now, strict=True):
        if pa.types.is_dictionary(is_now.type):
            was, is_now = was.indices, is_now.indices  # noqa: PLW2901 - the words are the same
        other = compute.fill_null(compute.not_equal(was, is_now), fill_value=False)
        came_or_went = compute.xor(was.is_null(), is_now.is_null())
        differs |= compute.or_(other, came_or_went).to_numpy(zero_copy_only=False)
    return differs


def _finish(folder: _Folder, plan: dict[str, Any], looked: list[_Looked]) -> BulkReport:
    """Say that all parts are up to date."""
    store, told = folder.store, folder.told
    more = sum((each.found.n_more for each in looked), np.zeros(len(Band), dtype=np.int64))
    n_flagged = sum(each.found.n_flagged for each in looked)
    anew = {each.name: each.described for each in looked if each.described is not None}
    report = BulkReport(
        n_rows=told["rows"],
        n_written=told["written"] + (n_flagged if plan["only_flagged"] else 0),
        n_unplaced=told["unplaced"],
        n_misread=told["misread"],
        bands={
            band: told["bands"][band.key] + int(more[band]) for band in sorted(Band, reverse=True)
        },
        updated=Updated(
            n_looked_at=sum(each.found.n_looked_at for each in looked),
            n_changed=sum(len(each.found.row) for each in looked),
            n_parts=len(anew),
        ),
    )
    store.write_bytes(parts.CHANGED, _listed(looked))
    if folder.read_as["input"] != plan["input"]:
        parts.store_squares(store, folder.squares, plan)
    output = [anew.get(each["name"], each) for each in told["output"]]
    parts.complete(store, plan, told["input"], output, report)
    return report


def _listed(looked: list[_Looked]) -> pa.Buffer:
    """Return a list of the rows that have other answers, as Parquet."""
    sink = pa.BufferOutputStream()
    with parquet.ParquetWriter(sink, _ROWS) as writer:
        for each in looked:
            found, first = each.found, parts.first_row(each.name)
            columns = [
                pa.array(found.row + first),
                pa.array([each.name] * len(found.row), pa.string()),
                pieces.BAND_KEYS.take(pa.array(found.band_before)),
                pieces.BAND_KEYS.take(pa.array(found.band)),
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=_ROWS))
    return sink.getvalue()
