"""Where two packs of one place differ, and what has become of the data since one was made."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

import pikepdf

from sinkwatch import schemas, wording

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    import geopandas as gpd

    from sinkwatch.model import Dossier, Inputs, SourceState
    from sinkwatch.packs.basis import Basis
    from sinkwatch.packs.manifest import SourceEntry

_TEXTS: Final = frozenset({".csv", ".geojson", ".html", ".json", ".svg"})
_SHOWN: Final = 12  # hexadecimal digits of a SHA-256 in a message, as elsewhere
_MOST_NAMED: Final = 8  # things named in one line; the others are counted
_LONGEST_NAME: Final = 80  # characters
_NOTHING: Final = "nothing in use"
_NO_SOURCE: Final = "no source of that name"

_SAID_OF: Final[Mapping[str, schemas.FrameSchema]] = {
    "geology": schemas.GEOLOGY,
    "sinkholes": schemas.SINKHOLES,
    "places": schemas.PLACES,
    "cases": schemas.CASES,
    "applications": schemas.APPLICATIONS,
}
"""Frames of which a pack speaks row by row, under the names of `Inputs`."""


def where(file: str, then: bytes, now: bytes) -> str:
    """
    Say where two files of one name begin to differ.

    Parameters
    ----------
    file
        Name of both.
    then, now
        Their bytes, which are not the same.

    Returns
    -------
    text
        Such as "from line 12 on", "from page 3 on" or "from byte 1,024 on".
    """
    ending = PurePath(file).suffix.lower()
    if ending in _TEXTS:
        lines = zip(then.split(b"\n"), now.split(b"\n"), strict=False)
        n_alike = _n_alike(lines)
        return f"from line {n_alike + 1:,} on"
    if ending == ".pdf":
        page = _first_page(then, now)
        if page:
            return f"from page {page} on"
    return f"from byte {_n_alike(zip(then, now, strict=False)) + 1:,} on"


def _n_alike(pairs: Iterable[tuple[object, object]]) -> int:
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _first_page(then: bytes, now: bytes) -> int:
    """Return the number of the first page that differs; 0 if no page does or one is no PDF."""
    try:
        with pikepdf.open(io.BytesIO(then)) as one, pikepdf.open(io.BytesIO(now)) as other:
            pages = itertools.zip_longest(map(_drawn, one.pages), map(_drawn, other.pages))
            n_alike = _n_alike(pages)
            return n_alike + 1 if n_alike < max(len(one.pages), len(other.pages)) else 0
    except (pikepdf.PdfError, ValueError, TypeError, AttributeError, RuntimeError):
        return 0


def _drawn(page: pikepdf.Page) -> tuple[bytes, ...]:
    """Return what draws a page, the forms on it included."""
    forms = page.resources.get("/XObject", pikepdf.Dictionary())
    drawn = [form for _, form in sorted(forms.items()) if isinstance(form, pikepdf.Stream)]
    return (_contents(page), *(form.read_raw_bytes() for form in drawn))


def _contents(page: pikepdf.Page) -> bytes:
    contents = page.obj.get("/Contents")
    parts = contents if isinstance(contents, pikepdf.Array) else [contents]
    return b"\n".join(part.read_bytes() for part in parts if isinstance(part, pikepdf.Stream))


def digest_text(sha256: str) -> str:
    """
    Shorten a SHA-256 for a message.

    Parameters
    ----------
    sha256
        Hexadecimal.

    Returns
    -------
    text
        Its first digits, with an ellipsis.
    """
    return f"{sha256[:_SHOWN]}…"


def sources(then: Iterable[SourceEntry], now: Basis) -> tuple[str, ...]:
    """
    Say of which sources other bytes are in use.

    Parameters
    ----------
    then
        What the manifest of a pack says of its sources.
    now
        What a pack would be made of now.

    Returns
    -------
    lines
        One for each such source.
    """
    before = {entry.name: entry for entry in then}
    after = {state.spec.name: state for state in now.states}
    names = [*before, *(name for name in after if name not in before)]
    return tuple(
        f"{name}: {_edition_then(before.get(name))} then, {_edition_now(after.get(name))} now"
        for name in names
        if _sha256_then(before.get(name)) != _sha256_now(after.get(name))
    )


def _sha256_then(entry: SourceEntry | None) -> str:
    return entry.sha256 if entry is not None else ""


def _sha256_now(state: SourceState | None) -> str:
    return state.snapshot.sha256 if state is not None and state.snapshot is not None else ""


def _edition_then(entry: SourceEntry | None) -> str:
    if entry is None or entry.retrieved_on is None:
        return _NOTHING if entry is not None else _NO_SOURCE
    return _edition(entry.edition, entry.retrieved_on, entry.sha256)


def _edition_now(state: SourceState | None) -> str:
    if state is None or state.snapshot is None:
        return _NOTHING if state is not None else _NO_SOURCE
    held = state.snapshot
    return _edition(held.edition, wording.london_date(held.retrieved_at), held.sha256)


def _edition(edition: str, retrieved_on: date, sha256: str) -> str:
    cleaned = wording.clean(edition)
    named = f"edition {cleaned}" if cleaned else f"retrieved {wording.date_text(retrieved_on)}"
    return f"{named} (sha256 {digest_text(sha256)})"


def rows(then: Inputs, now: Inputs) -> tuple[str, ...]:
    """
    Count the rows that are new, gone or different in all that the area holds.

    Parameters
    ----------
    then, now
        What the sources gave.

    Returns
    -------
    lines
        One for each frame with a difference.
    """
    return tuple(
        line
        for name, schema in _SAID_OF.items()
        if (line := _counted(name, getattr(then, name), getattr(now, name), schema.key))
    )


def _counted(name: str, then: gpd.GeoDataFrame, now: gpd.GeoDataFrame, key: str) -> str:
    before, after = _by_key(then, key), _by_key(now, key)
    new, gone, different = _sorted_out(before, after)
    if not (new or gone or different):
        return ""
    return (
        f"{name}, in the whole area: {len(new)} of {len(after)} rows new, {len(gone)} gone, "
        f"{len(different)} different"
    )


def _by_key(frame: gpd.GeoDataFrame, key: str) -> dict[str, str]:
    said = frame.drop(columns=frame.geometry.name)
    columns = sorted(str(column) for column in said.columns if column != key)
    values = zip(*(said[column].astype(str) for column in columns), frame.geometry, strict=True)
    return dict(zip(map(str, said[key]), map(_row, values), strict=True))


def _row(values: tuple[object, ...]) -> str:
    *said, shape = values
    return "\x1f".join([*map(str, said), "" if shape is None else getattr(shape, "wkt", "")])


def _sorted_out(
    before: Mapping[str, object], after: Mapping[str, object]
) -> tuple[list[str], list[str], list[str]]:
    """Return the keys that are new, gone and different."""
    return (
        [key for key in after if key not in before],
        [key for key in before if key not in after],
        [key for key in after if key in before and before[key] != after[key]],
    )


def said(then: Dossier, now: Dossier) -> tuple[str, ...]:
    """
    Say what a pack of the same place would say differently for other data.

    Parameters
    ----------
    then, now
        What it said, and what it would say for the day on which it was made.

    Returns
    -------
    lines
        Empty if nothing that is listed has changed.
    """
    return tuple(_said(then, now))


def _said(then: Dossier, now: Dossier) -> Iterator[str]:
    if then.headline != now.headline:
        yield f"headline now: {now.headline}"
    for name, before, after in (
        ("description", then.description, now.description),
        ("address", then.address, now.address),
    ):
        if before != after:
            yield f"the application: its {name} is another now"
    if then.place != now.place or then.shares != now.shares:
        yield "the place: its position, boundary or share of ground in each band is another now"
    yield from _listed("records near the place", _records(then), _records(now))
    yield from _listed("planning history", _steps(then), _steps(now))
    if [line.policy for line in then.policies] != [line.policy for line in now.policies]:
        yield "planning documents: what the table of them holds is another now"


def _records(dossier: Dossier) -> dict[str, tuple[str, object]]:
    """Return each record by its id, with its name; a new neighbour's number is no change."""
    return {each.sinkhole_id: (each.name, replace(each, number=0)) for each in dossier.records}


def _steps(dossier: Dossier) -> dict[str, tuple[str, object]]:
    return {each.key: (each.title, each) for each in dossier.history}


def _listed(
    what: str, then: Mapping[str, tuple[str, object]], now: Mapping[str, tuple[str, object]]
) -> Iterator[str]:
    new, gone, different = _sorted_out(then, now)
    for kind, keys, named in (
        ("new", new, now),
        ("gone", gone, then),
        ("different", different, now),
    ):
        if keys:
            shown = [_label(key, named[key][0]) for key in keys[:_MOST_NAMED]]
            more = f" and {len(keys) - _MOST_NAMED} more" if len(keys) > _MOST_NAMED else ""
            yield f"{what}, {kind}: {'; '.join(shown)}{more}"


def _label(key: str, name: str) -> str:
    cleaned = wording.mask_personal_data(wording.clean(name)).replace("“", "'").replace("”", "'")
    return f"{wording.clean(key)} “{wording.trimmed(cleaned, _LONGEST_NAME)}”"
