"""What a database's refusals mean, in words for the person who runs sinkwatch."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DatabaseError, DBAPIError, InternalError, OperationalError

from sinkwatch.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

_BUSY: Final = (
    "another process is using it",
    "Wait until that is done, then run the command again",
)
_READ_ONLY: Final = (
    "it cannot be written to",
    "Check who owns the file and its folder, and that the disk is not mounted read-only",
)
_FULL: Final = (
    "the disk is full, and nothing was changed",
    "Free some space, then run the command again",
)

# The drivers tell these apart by their words alone, which are stable; first match wins.
_MEANINGS: Final = (
    ("database is locked", *_BUSY),
    ("lock timeout", *_BUSY),
    ("readonly database", *_READ_ONLY),
    ("read-only transaction", *_READ_ONLY),
    ("disk is full", *_FULL),
    ("no space left", *_FULL),
    ("not a database", "the file is not a database", "Move it away, or name another file"),
    ("malformed", "the file is damaged", "Put the last back-up in its place"),
    (
        "unable to open",
        "the file cannot be opened",
        "Name a file in a folder that you may write to",
    ),
)


@contextmanager
def told_plainly(name: str) -> Iterator[None]:
    """
    Turn the failures of a database into one line each.

    A broken rule of a table and a wrong statement pass through: they are faults of the
    program, not of the disk or the server.

    Parameters
    ----------
    name
        What people call the database: its file, or its address without a password.

    Yields
    ------
    nothing
        The block runs.

    Raises
    ------
    StoreError
        If the database is busy, full, read-only, damaged, out of reach or no database.
    """
    try:
        yield
    except DBAPIError as error:
        if not _is_of_the_database(error):
            raise
        raise StoreError(name, *_meaning(error)) from error


def first_line(error: DBAPIError) -> str:
    """
    Return the driver's own first line; the others may quote the row, with the address in it.

    Parameters
    ----------
    error
        What SQLAlchemy raised.

    Returns
    -------
    line
        Without its full stop.
    """
    lines = str(error.orig).splitlines() or [type(error.orig).__name__]
    return lines[0].rstrip(". ")


def _is_of_the_database(error: DBAPIError) -> bool:
    """Tell whether disk, file or server failed; SQLite's damage is a bare DatabaseError."""
    return isinstance(error, OperationalError | InternalError) or type(error) is DatabaseError


def _meaning(error: DBAPIError) -> tuple[str, str]:
    """Return the rule that was broken and the way out."""
    words = str(error.orig).lower()
    for fragment, rule, way_out in _MEANINGS:
        if fragment in words:
            return rule, way_out
    return (
        f"the database answered: {first_line(error)}",
        "Check that it runs and that the setting names it",
    )
