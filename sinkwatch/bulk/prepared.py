"""Layers and their index as arrays on the disk, by their content: mapped, not made, next time."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
import weakref
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely

from sinkwatch import __version__, assess, grid

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MOST_KEPT: Final = 3
"""How many prepared layers are kept: those in use and the ones before them."""

_NAME_LENGTH: Final = 16  # hexadecimal digits of a SHA-256 that a folder is named by
_HALFWAY: Final = "."  # how the names of folders begin that are not whole yet
_KILLED_AFTER_S: Final = 3_600  # no folder is half made for so long but by what was killed
_TOLD: Final = "told.json"
_SHAPES: Final = "zone_geometry"
_DAMAGED: Final = (OSError, ValueError, KeyError, TypeError, EOFError)  # or not there at all
_SQUARES: Final = "squares"
_LISTS: Final = ("touched", "near", "records")
_IDS: Final = ("zone_ids", "sinkhole_ids")
_TABLES: Final = ("row", "ground", "known_m", "raised")

_digests: dict[int, tuple[weakref.ref[NDArray[Any]], str]] = {}
"""Digests of arrays by identity: nobody writes to those of a hazard."""


def digest(hazard: assess.Hazard) -> str:
    """
    Return what stands for all that the assessment rests on.

    Parameters
    ----------
    hazard
        What `assess.prepare` returns.

    Returns
    -------
    digest
        SHA-256, hexadecimal: another one if any number, shape or id differs. An array that has
        been summed is not read again.
    """
    names = sorted(each.name for each in fields(hazard))
    lines = [f"{name} {_digest_of(name, getattr(hazard, name))}\n" for name in names]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _digest_of(name: str, array: NDArray[Any]) -> str:
    key = id(array)
    if key in _digests and _digests[key][0]() is array:
        return _digests[key][1]
    summed = hashlib.sha256()
    for part in _packed(name, array).values():
        summed.update(f"{part.dtype} {part.shape}\n".encode())
        summed.update(np.ascontiguousarray(part).data)
    found = summed.hexdigest()
    _digests[key] = weakref.ref(array, lambda _: _digests.pop(key, None)), found
    return found


def index(hazard: assess.Hazard, folder: Path | None, n_places: int) -> assess.Index:
    """
    Return the index of layers: mapped into memory if one is kept, else made and kept.

    Parameters
    ----------
    hazard
        What `assess.prepare` returns.
    folder
        Where prepared layers are kept, one folder for each; None to keep none.
    n_places
        About how many places will be asked about.

    Returns
    -------
    index
        For `assess.points`.
    """
    squares = assess.squares_over(hazard, max(n_places, 1))
    if folder is None:
        return assess.index(hazard, squares)
    place = folder / f"{_named(digest(hazard))}-{squares.n_squares}"
    with contextlib.suppress(*_DAMAGED):
        held = load(place)
        if held.squares == squares:
            return held
    made = assess.index(hazard, squares)
    with contextlib.suppress(OSError):  # what cannot be kept is made again the next time
        _keep(place, lambda part: save(part, made))
    return made


def to_send(hazard: assess.Hazard, folder: Path | None, n_places: int) -> dict[str, NDArray[Any]]:
    """
    Return the index of layers as `flat` does; what is kept is not put together for that.

    Parameters
    ----------
    hazard, folder, n_places
        As for `index`.

    Returns
    -------
    arrays
        For `together`, in another process.
    """
    squares = assess.squares_over(hazard, max(n_places, 1))
    if folder is not None:
        place = folder / f"{_named(digest(hazard))}-{squares.n_squares}"
        with contextlib.suppress(*_DAMAGED):
            held = _held_in(place)
            if _squares(held) == squares:
                return {path.stem: np.asarray(held(path.stem)) for path in place.glob("*.npy")}
    return flat(index(hazard, folder, n_places))


def _named(summed: str) -> str:
    # Another version may lay the same layers out otherwise.
    return hashlib.sha256(f"{__version__} {summed}".encode()).hexdigest()[:_NAME_LENGTH]


def keep(hazard: assess.Hazard, folder: Path) -> None:
    """
    Keep layers without an index, if they are not kept already and can be.

    Parameters
    ----------
    hazard
        What `assess.prepare` returns.
    folder
        Where prepared layers are kept.
    """
    name = _named(digest(hazard))
    with contextlib.suppress(OSError):
        if not any(folder.glob(f"{name}-*")):
            _keep(folder / f"{name}-layers", lambda part: _save(part, _arrays(hazard)))


def layers(folder: Path, wanted: str) -> assess.Hazard | None:
    """
    Map layers into memory that were kept, with an index or without.

    Parameters
    ----------
    folder
        Where prepared layers are kept.
    wanted
        What `digest` gave of them.

    Returns
    -------
    hazard
        Those and no others; None if they are no longer there, or damaged.
    """
    for place in folder.glob(f"{_named(wanted)}-*"):
        with contextlib.suppress(*_DAMAGED):
            return _hazard(_held_in(place))
    return None


def _keep(place: Path, saved_in: Callable[[Path], None]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=place.parent, prefix=_HALFWAY, ignore_cleanup_errors=True
    ) as part:
        saved_in(Path(part) / place.name)
        shutil.rmtree(place, ignore_errors=True)  # damaged, or another process was quicker
        (Path(part) / place.name).rename(place)
    held = sorted(
        (each for each in place.parent.iterdir() if not each.name.startswith(_HALFWAY)),
        key=lambda each: each.stat().st_mtime_ns,
    )
    killed = [
        each
        for each in place.parent.glob(f"{_HALFWAY}*")
        if place.stat().st_mtime - each.stat().st_mtime > _KILLED_AFTER_S
    ]
    for old in (*held[:-MOST_KEPT], *killed):
        shutil.rmtree(old, ignore_errors=True)


def save(folder: Path, made: assess.Index) -> None:
    """
    Write layers and their index.

    Parameters
    ----------
    folder
        An empty one, or none yet.
    made
        What `assess.index` returns.
    """
    _save(folder, flat(made))


def _save(folder: Path, arrays: dict[str, NDArray[Any]]) -> None:
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    told = {path.name: _summed(path) for path in folder.iterdir()}
    (folder / _TOLD).write_text(json.dumps(told), encoding="utf-8")


def load(folder: Path) -> assess.Index:
    """
    Map layers and their index into memory.

    Parameters
    ----------
    folder
        What `save` has written.

    Returns
    -------
    index
        With the layers it is of.

    Raises
    ------
    OSError
        If it is not there, or not all of it.
    ValueError
        If it is damaged.
    KeyError, TypeError
        If what it tells of itself is.
    """
    return together(_held_in(folder))


def flat(made: assess.Index) -> dict[str, NDArray[Any]]:
    """
    Take layers and their index apart into what any machine can be sent.

    Parameters
    ----------
    made
        What `assess.index` returns.

    Returns
    -------
    arrays
        Of numbers and text alone, by name.
    """
    arrays = _arrays(made.hazard) | {name: getattr(made, name) for name in _TABLES}
    for name in _LISTS:
        lists = getattr(made, name)
        arrays |= {f"{name}.start": lists.start, f"{name}.item": lists.item}
    told = {each.name: getattr(made.squares, each.name) for each in fields(made.squares)}
    return arrays | {_SQUARES: np.frombuffer(json.dumps(told).encode(), dtype=np.uint8)}


def together(held: Callable[[str], NDArray[Any]]) -> assess.Index:
    """
    Put layers and their index together again, ready to be asked.

    Parameters
    ----------
    held
        Gives the arrays of `flat` by their names.

    Returns
    -------
    index
        With the layers it is of.
    """
    hazard = _hazard(held)
    assess.make_ready(hazard)
    parts: dict[str, Any] = {name: held(name) for name in _TABLES}
    for name in _LISTS:
        parts[name] = grid.Lists(start=held(f"{name}.start"), item=held(f"{name}.item"))
    return assess.Index(hazard=hazard, squares=_squares(held), **parts)


def _squares(held: Callable[[str], NDArray[Any]]) -> grid.Grid:
    return grid.Grid(**json.loads(held(_SQUARES).tobytes()))


def _held_in(folder: Path) -> Callable[[str], NDArray[Any]]:
    told = json.loads((folder / _TOLD).read_text(encoding="utf-8"))

    def held(name: str) -> NDArray[Any]:
        path = folder / f"{name}.npy"
        # Arrays are believed as they are: a wrong one would give wrong answers without a word.
        if _summed(path) != told[path.name]:
            raise ValueError(f"{path} is not what was written")
        mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return mapped

    return held


def _summed(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hazard(held: Callable[[str], NDArray[Any]]) -> assess.Hazard:
    names = [each.name for each in fields(assess.Hazard) if each.name != _SHAPES]
    arrays: dict[str, Any] = {name: held(name) for name in names}
    for name in _IDS:
        arrays[name] = arrays[name].astype(object)
    arrays[_SHAPES] = _unpacked(held(_SHAPES), held(f"{_SHAPES}.ends"))
    return assess.Hazard(**arrays)


def _arrays(hazard: assess.Hazard) -> dict[str, NDArray[Any]]:
    """Return layers as arrays of numbers and text; shapes as WKB, end to end."""
    arrays: dict[str, NDArray[Any]] = {}
    for each in fields(hazard):
        arrays |= _packed(each.name, getattr(hazard, each.name))
    return arrays


def _packed(name: str, array: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return one of them as it can be written, shapes as two arrays."""
    if name in _IDS:
        return {name: array.astype(str)}
    if name != _SHAPES:
        return {name: array}
    written = shapely.to_wkb(array)
    ends = np.cumsum([len(each) for each in written], dtype=np.int64)
    packed = np.frombuffer(b"".join(written), dtype=np.uint8)
    return {name: packed, f"{name}.ends": ends}


def _unpacked(packed: NDArray[np.uint8], ends: NDArray[np.int64]) -> NDArray[np.object_]:
    starts = [0, *ends[:-1].tolist()]
    held = packed.tobytes()
    pieces = [held[start:end] for start, end in zip(starts, ends.tolist(), strict=True)]
    return np.asarray(shapely.from_wkb(np.array(pieces, dtype=object)), dtype=object)
