"""What goes wrong with files, in words that a person can act on."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import shapely

from sinkwatch.bulk.rows import unreadable
from sinkwatch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinkwatch.bulk.request import Request

_AGAIN: Final = "Check that there is room and that it can be written, and run again"


@contextmanager
def told_plainly(request: Request) -> Iterator[None]:
    """
    Turn what libraries raise into what a person can act on.

    Parameters
    ----------
    request
        With the files that are meant.

    Yields
    ------
    None
        While they are read and written.

    Raises
    ------
    SchemaError
        If the source is damaged.
    ConfigError
        If the system refuses to read or to write.
    """
    try:
        yield
    except (pa.ArrowException, shapely.errors.ShapelyError, UnicodeDecodeError) as error:
        raise unreadable(request.source.name, error) from error
    except OSError as error:
        # Arrow tells of damaged data so too, but then without the number of a system's error;
        # storage that is asked over a network gives none for anything.
        is_here = isinstance(request.source, Path) and isinstance(request.target, Path)
        if error.errno is None and is_here:
            raise unreadable(request.source.name, error) from error
        is_source = error.filename == str(request.source)
        asked = request.target if is_here else f"{request.source} or {request.target}"
        kept = "What is done is kept" if request.is_in_parts else "Nothing was written"
        raise ConfigError(
            str(request.source if is_source else asked),
            f"cannot be {'read' if is_source else 'written'} ({error.strerror or error})",
            f"{kept}. {_AGAIN}",
        ) from error
