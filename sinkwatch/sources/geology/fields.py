"""What the products of geology call their columns and classes, and what each class means here."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from sinkwatch import wording
from sinkwatch.errors import ConfigError, SchemaError
from sinkwatch.model import GeologyClass

if TYPE_CHECKING:
    from sinkwatch.model import SourceSpec

SIDES: Final = ("west", "east", "north", "south")
"""Sides of a zone that may each be known differently."""

COLUMNS: Final = {
    "zone_id": "zone_id",
    "source_class": "class",
    "title": "title",
    "position_uncertainty_m": "position_uncertainty_m",
}
"""Our columns to the file's, where no product is named."""

OPTIONAL: Final = ("boundary_uncertainty_m", "version")
"""Columns that a file may have."""

WAY_OUT: Final = "Mend the file, or name its columns under 'columns' in the area file"

_TABLE: Final = Path(__file__).with_name("products.toml")
_OURS: Final = frozenset(each.name for each in GeologyClass) - {GeologyClass.OUTSIDE.name}
_MOST_TEXT: Final = 300
_MOST_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """
    One product that sinkwatch knows by name.

    Attributes
    ----------
    title
        What a zone is called that says nothing of itself.
    source_class
        Columns that may hold its class.
    classes
        Its classes to ours.
    position_uncertainty_m
        How well its lines are known, metres.
    zone_id, text, version
        Columns that may hold an id, words for people, and the edition.
    uncertainty_by_class_m
        The same for classes whose lines are known otherwise, metres.
    class_ends_at
        Where a class ends within its cell; empty if it fills it.
    class_begins_after
        Words that may stand before it, lower case.
    """

    title: str
    source_class: tuple[str, ...]
    classes: Mapping[str, str]
    position_uncertainty_m: float
    zone_id: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    uncertainty_by_class_m: Mapping[str, float] = field(default_factory=dict)
    class_ends_at: str = ""
    class_begins_after: tuple[str, ...] = ()


@cache
def products() -> Mapping[str, Product]:
    """Return the products that an area file may name, by that name."""
    raw: dict[str, dict[str, Any]] = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    return {name: _product(each) for name, each in raw.items()}


def _product(entry: Mapping[str, Any]) -> Product:
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
    }
    return Product(**given)


def attributes(rows: pd.DataFrame, spec: SourceSpec, name: str) -> pd.DataFrame:
    """
    Read what a file says of its zones, under our names.

    Parameters
    ----------
    rows
        Columns as the file has them.
    spec
        The source: its options ``product``, ``columns``, ``classes`` and
        ``position_uncertainty_m`` say how.
    name
        What it is, for the message.

    Returns
    -------
    attributes
        With the index of `rows`: the columns of `schemas.GEOLOGY` but for the shape, `version`
        if there is one, and `our_class` (A, B or C) if a product is named.
        `zone_id` is missing where the file has none that tells its rows apart.

    Raises
    ------
    ConfigError
        If an option is impossible.
    SchemaError
        If a column is missing, a class is unknown or missing, or an uncertainty is no number.
    """
    product = _product_of(spec)
    wanted = _wanted(spec, product)
    found = _found(rows, wanted, name)
    default_m = _default_m(spec, product)
    _refuse_missing(found, wanted, name, default_m=default_m, product=product)
    given = pd.DataFrame({ours: rows[theirs] for ours, theirs in found.items()}, index=rows.index)
    said = pd.DataFrame({"zone_id": _zone_ids(rows, given, product, name)}, index=rows.index)
    labels = said["zone_id"].fillna(said.index.to_series().map("{} of the file".format))
    said = said.assign(**_classes(given, spec, product, name))
    said["title"] = _titles(given, product)
    if "version" in given:
        said["version"] = given["version"].map(_text_of).astype("str")
    whole_m = _drawn_to_m(said["source_class"], product, default_m)
    if "position_uncertainty_m" in given:
        whole_m = _numbers(given["position_uncertainty_m"], labels, name).fillna(whole_m)
    said["position_uncertainty_m"] = whole_m
    return said.assign(**_sides(given, labels, whole_m, name))


# ── Columns ──────────────────────────────────────────────────────────────────────────────────


def _product_of(spec: SourceSpec) -> Product | None:
    name = spec.options.get("product")
    if name is None:
        return None
    if name not in products():
        raise ConfigError(
            f"product {name}",
            f"of source {spec.name} is not known",
            f"Use one of {', '.join(products())}, or leave it out and name 'columns' and 'classes'",
        )
    return products()[str(name)]


def _wanted(spec: SourceSpec, product: Product | None) -> Mapping[str, tuple[str, ...]]:
    """Return the names that each column of ours may have in the file, the best first."""
    option = spec.options.get("columns", {})
    given = {str(k): str(v) for k, v in option.items()} if isinstance(option, dict) else {}
    known = (*COLUMNS, *OPTIONAL)
    strangers = [ours for ours in given if ours not in known]
    if strangers:
        rule = f"'columns' names {', '.join(strangers)}, which is none of {', '.join(known)}"
        raise SchemaError(spec.name, [rule], WAY_OUT)
    plain = {**COLUMNS, **{ours: ours for ours in OPTIONAL}}
    names: dict[str, tuple[str, ...]] = {ours: (theirs,) for ours, theirs in plain.items()}
    if product is not None:
        names |= {
            "zone_id": (*product.zone_id, "zone_id"),
            "source_class": product.source_class,
            "title": product.text,
            "version": product.version,
        }
    return {**names, **{ours: (theirs,) for ours, theirs in given.items()}}


def _found(
    rows: pd.DataFrame, wanted: Mapping[str, tuple[str, ...]], name: str
) -> Mapping[str, str]:
    """Return the column of the file for each of ours that it has."""
    held: dict[str, list[str]] = {}
    for column in map(str, rows.columns):
        held.setdefault(column.casefold(), []).append(column)
    found = {}
    for ours, names in wanted.items():
        theirs = next((held[each.casefold()] for each in names if each.casefold() in held), [])
        if len(theirs) > 1:
            rule = f"columns {' and '.join(theirs)} differ in nothing but their case"
            raise SchemaError(name, [rule], WAY_OUT)
        if theirs:
            found[ours] = theirs[0]
    return found


def _refuse_missing(
    found: Mapping[str, str],
    wanted: Mapping[str, tuple[str, ...]],
    name: str,
    *,
    default_m: float | None,
    product: Product | None,
) -> None:
    needed = {"source_class"} if product is not None else {"zone_id", "source_class", "title"}
    if default_m is None:
        needed.add("position_uncertainty_m")
    faults = [
        f"column {' or '.join(wanted[ours])} is missing"
        for ours in COLUMNS
        if ours in needed and ours not in found
    ]
    if faults:
        raise SchemaError(name, faults, WAY_OUT)


def _text_of(value: object) -> str | None:
    """Return a cell as one line of text; a whole number without the point that files give it."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    return wording.trimmed(wording.clean(str(value)), _MOST_TEXT) or None


def _texts(values: pd.Series[Any]) -> pd.Series[str]:
    return pd.Series([_text_of(value) for value in values], index=values.index, dtype="str")


def _zone_ids(
    rows: pd.DataFrame, given: pd.DataFrame, product: Product | None, name: str
) -> pd.Series[str]:
    """Return ids; of a product's columns the first that tells all rows apart, else none."""
    if product is None:
        ids = _texts(given["zone_id"])
        _refuse_empty(ids, "zone_id", name)
        return ids
    none = pd.Series(None, index=rows.index, dtype="str")
    if "zone_id" not in given:
        return none
    ids = _texts(given["zone_id"])
    return ids if ids.notna().all() and ids.is_unique else none


def _refuse_empty(cells: pd.Series[str], column: str, name: str) -> None:
    if cells.isna().any():
        rule = f"column {column} is empty in {int(cells.isna().sum())} of {len(cells)} rows"
        raise SchemaError(name, [rule], WAY_OUT)


def _titles(given: pd.DataFrame, product: Product | None) -> pd.Series[str]:
    if "title" in given:
        titles = _texts(given["title"])
        return titles if product is None else titles.fillna(product.title)
    return pd.Series("" if product is None else product.title, index=given.index, dtype="str")


# ── Classes ──────────────────────────────────────────────────────────────────────────────────


def _classes(
    given: pd.DataFrame, spec: SourceSpec, product: Product | None, name: str
) -> Mapping[str, pd.Series[str]]:
    """Read the class of every row; one that is empty or unknown is never "no hazard"."""
    meanings = _meanings(spec, product)
    cells = _texts(given["source_class"])
    _refuse_empty(cells, "source_class", name)
    if not meanings:
        return {"source_class": cells}
    spelt = {theirs.casefold(): theirs for theirs in meanings}
    classes = cells.map(lambda cell: spelt.get(_bare(cell, product)))
    unknown = sorted(set(cells[classes.isna()]))
    if unknown:
        shown = ", ".join(text[:80] for text in unknown[:_MOST_SHOWN])
        more = f" and {len(unknown) - _MOST_SHOWN} more" if len(unknown) > _MOST_SHOWN else ""
        raise SchemaError(
            name,
            [f"class {shown}{more} has no meaning here"],
            f"Name it under 'classes' in the area file; known are {', '.join(sorted(meanings))}",
        )
    read = {"source_class": classes.astype("str")}
    # Without a product the area file's own 'classes' say what they mean, as they always did.
    return read if product is None else {**read, "our_class": classes.map(meanings).astype("str")}


def _meanings(spec: SourceSpec, product: Product | None) -> Mapping[str, str]:
    option = spec.options.get("classes", {})
    given = {str(k): str(v) for k, v in option.items()} if isinstance(option, dict) else {}
    strangers = sorted(set(given.values()) - _OURS)
    if strangers:
        raise ConfigError(
            f"class {', '.join(strangers)}",
            "is none of sinkwatch's classes",
            f"Under 'classes' in the area file, map to {', '.join(sorted(_OURS))}",
        )
    theirs = {} if product is None else product.classes
    spelt = {each.casefold() for each in given}
    return {**{k: v for k, v in theirs.items() if k.casefold() not in spelt}, **given}


def _bare(cell: str, product: Product | None) -> str:
    """Return a class in lower case, without what a product writes round it."""
    bare = cell.casefold()
    if product is None:
        return bare
    for words in product.class_begins_after:
        bare = bare.removeprefix(words)
    if product.class_ends_at:
        bare = bare.split(product.class_ends_at, 1)[0]
    return bare.strip()


# ── Uncertainties ────────────────────────────────────────────────────────────────────────────


def _default_m(spec: SourceSpec, product: Product | None) -> float | None:
    """Return how well a line is known of which the file says nothing, metres; None if unknown."""
    option = spec.options.get("position_uncertainty_m")
    if option is None:
        return None if product is None else product.position_uncertainty_m
    is_number = isinstance(option, int | float) and not isinstance(option, bool)
    if not is_number or not 1 <= float(str(option)) <= 100_000:  # noqa: PLR2004 - the schema's own bounds
        raise ConfigError(
            f"position_uncertainty_m {option}",
            f"of source {spec.name} is not a number of metres from 1 to 100,000",
            "Write how well its lines are known, such as 50 for 1:50 000",
        )
    return float(str(option))


def _drawn_to_m(
    classes: pd.Series[str], product: Product | None, default_m: float | None
) -> pd.Series[float]:
    """Return how well each line is known of which the file says nothing, metres."""
    by_class = {} if product is None else product.uncertainty_by_class_m
    known_m = classes.map(by_class).astype("float64")
    return known_m if default_m is None else known_m.fillna(default_m)


def _numbers(values: pd.Series[Any], labels: Iterable[str], name: str) -> pd.Series[float]:
    """Read uncertainties, metres; NaN where there is none."""
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    wrong = values.notna() & ~np.isfinite(numbers)
    if wrong.any():
        faults = [
            f'zone {label}: {values.name} "{str(value)[:80]}" is not a number of metres'
            for label, value, is_wrong in zip(labels, values, wrong, strict=True)
            if is_wrong
        ]
        raise SchemaError(name, faults[:_MOST_SHOWN], WAY_OUT)
    return numbers


def _sides(
    given: pd.DataFrame, labels: pd.Series[str], whole_m: pd.Series[float], name: str
) -> Mapping[str, pd.Series[float]]:
    """Return the uncertainty of each side, metres; NaN where drawing stopped."""
    if "boundary_uncertainty_m" not in given:
        return {f"{side}_uncertainty_m": whole_m for side in SIDES}
    rows = zip(labels, given["boundary_uncertainty_m"], whole_m, strict=True)
    cells = [_sides_of(label, value, each_m, name) for label, value, each_m in rows]
    return {
        f"{side}_uncertainty_m": _numbers(
            pd.Series([cell[side] for cell in cells], index=given.index, name=side, dtype=object),
            labels,
            name,
        )
        for side in SIDES
    }


def _sides_of(label: str, value: object, whole_m: float, name: str) -> Mapping[str, Any]:
    """Read one cell; an empty one says nothing of the sides, so each is as the whole."""
    if value is None or value != value:  # noqa: PLR0124 - NaN is not itself
        return dict.fromkeys(SIDES, whole_m)
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        parsed = value
    # A side left out would read as "only where drawing stopped" and hide a line.
    if not isinstance(parsed, dict) or not set(SIDES) <= set(parsed):
        shown = str(value)[:200]
        fault = f'zone {label}: boundary_uncertainty_m "{shown}" does not give all four of '
        raise SchemaError(name, [f"{fault}{', '.join(SIDES)}"], WAY_OUT)
    return parsed
