"""How either service of the Environment Agency wraps what it says, and how much may be wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from sinkwatch.errors import SchemaError
from sinkwatch.sources.strict_json import strict_json

LOG = logging.getLogger(__name__)

RowT = TypeVar("RowT", bound=BaseModel)

MOST_WRONG: Final = 0.01
"""Share of items that may be unreadable (sinkwatch data gates)."""

_MOST_FAULTS: Final = 3
_WAY_OUT: Final = "Nothing of it has been used; the next run asks again"


def refusal(name: str, *faults: str) -> SchemaError:
    """
    Say that an answer cannot be used.

    Parameters
    ----------
    name
        What it is.
    *faults
        Each a short sentence without its full stop.

    Returns
    -------
    error
        To be raised.
    """
    return SchemaError(name, faults, _WAY_OUT)


def items(content: bytes, *, name: str) -> list[dict[str, Any]]:
    """
    Return the items of an answer; a single one may stand for itself.

    Parameters
    ----------
    content
        JSON.
    name
        What it is, for the message.

    Returns
    -------
    items
        Objects, not looked at yet.

    Raises
    ------
    SchemaError
        If it is not as documented, or may be cut off.
    """
    document = strict_json(content, name=name)
    if not isinstance(document, dict) or "items" not in document:
        raise refusal(name, f'it holds no items; it says "{str(document)[:120]}"')
    found = document["items"]
    listed = found if isinstance(found, list) else [found]
    if not all(isinstance(item, dict) for item in listed):
        raise refusal(name, "items: one of them is not an object")
    _refuse_cut(document.get("meta"), len(listed), name)
    return listed


def _refuse_cut(meta: object, n_items: int, name: str) -> None:
    limit = meta.get("limit") if isinstance(meta, dict) else None
    if isinstance(limit, int) and n_items >= limit > 1:
        raise refusal(name, f"it holds as many items as its limit, {limit:,}: it may be cut off")


def rows(
    found: Iterable[dict[str, Any]], kind: type[RowT], name: str, fault_of: Callable[[RowT], str]
) -> list[RowT]:
    """
    Read the items; one in a hundred may be unreadable.

    Parameters
    ----------
    found
        What `items` returned, or some of them.
    kind
        What each must be.
    name
        What they are, for the message.
    fault_of
        Says what cannot be right about one that could be read; nothing if all can.

    Returns
    -------
    rows
        The readable ones, in order.

    Raises
    ------
    SchemaError
        If too many are not.
    """
    rows, faults, n_items = [], [], 0
    for number, item in enumerate(found, 1):
        n_items = number
        try:
            row = kind.model_validate(item)
            fault = fault_of(row)
        except ValidationError as error:
            fault = _first_fault(error)
        if fault:
            faults.append(f"item {number}: {fault}")
        else:
            rows.append(row)
    if len(faults) > MOST_WRONG * n_items:
        raise refusal(name, *faults[:_MOST_FAULTS])
    if faults:
        LOG.warning(
            "%s: %d of %d items left out: %s",
            name,
            len(faults),
            n_items,
            "; ".join(faults[:_MOST_FAULTS]),
        )
    return rows


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}"
