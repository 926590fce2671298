"""What decides the content of a pack, so that one of which nothing has changed is kept."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Final

import shapely

from sinkwatch import wording
from sinkwatch.model import FRAME_OF_KIND
from sinkwatch.packs import recipe

if TYPE_CHECKING:
    from sinkwatch.model import Dossier, Sheet
    from sinkwatch.packs.basis import Basis

_DRAWN: Final = frozenset({"geology", "places", "names", "backdrop"})
"""Frames that sheets are drawn of as they are; of all others they show what the dossier says."""

_FORMAT: Final = 1
"""Raise it when a pack of the same content is to be made anew."""

_RETRIEVED: Final = re.compile(r"\b([Rr]etrieved) \d{1,2} [A-Z][a-z]+ \d{4}\b")


def of(dossier: Dossier, sheets: Sequence[Sheet], common: str) -> str:
    """
    Return the fingerprint of a pack: another if its content would be another.

    The day on which it is made is left out, and so is when the bytes of a source came and what
    they were: a list that is fetched every day and says the same of this place leaves its pack as
    it is, with the dates of its making.

    Parameters
    ----------
    dossier
        What it says.
    sheets
        What it is drawn on.
    common
        What `of_all` returns.

    Returns
    -------
    fingerprint
        SHA-256, hexadecimal.
    """
    lasting = replace(
        dossier,
        made_on=date.min,
        sources=tuple(replace(each, retrieved_text="", sha256="") for each in dossier.sources),
    )
    text = _text([common, lasting, tuple(sheets)])
    day = re.compile(rf"\b(made on|pack of) {wording.date_text(dossier.made_on)}\b")
    return _sha256(day.sub(r"\1", _RETRIEVED.sub(r"\1", text)))


def of_all(basis: Basis, contact: str) -> str:
    """
    Return the fingerprint of what is the same for all packs.

    Parameters
    ----------
    basis
        What they rest on.
    contact
        Where corrections go.

    Returns
    -------
    fingerprint
        SHA-256, hexadecimal.
    """
    drawn = {
        state.spec.name: state.snapshot.sha256
        for state in basis.states
        if state.snapshot is not None and FRAME_OF_KIND[state.spec.kind] in _DRAWN
    }
    area = replace(basis.area, sources=(), policies=())
    return _sha256(_text([_FORMAT, recipe.program().model_dump(), contact, area, drawn]))


def _text(value: object) -> str:
    return json.dumps(_plain(value), sort_keys=True)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()  # JSON, so that it is ASCII


def _plain(value: object) -> object:
    """Return what JSON can hold of a value of the model; the same for the same value."""
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, shapely.Geometry):
        return shapely.to_wkb(value, hex=True)
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    if isinstance(value, (str, int, float, type(None))) and not isinstance(value, enum.Enum):
        return value
    return str(value)
