"""Who asked to be forgotten or left, kept apart from the database: no back-up can undo it."""

from __future__ import annotations

import contextlib
import enum
import fcntl
import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sinkwatch.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sinkwatch.services import Services

KEPT: Final = timedelta(days=60)
"""How long a line is kept. Back-ups go after 35 days (sinkwatch privacy rules), so no back-up is
left that an older line could apply to; the rest is for one that was forgotten somewhere."""

_FILE: Final = "erasures.jsonl"
_FILE_MODE: Final = 0o600
_HMAC: Final = re.compile("[0-9a-f]{64}")


class What(enum.StrEnum):
    """What happened to an address."""

    ERASED = "erased"
    UNSUBSCRIBED = "unsubscribed"
    PLACE_REMOVED = "place removed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    BY_OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """
    One line of the log; no address stands in it.

    Attributes
    ----------
    at
        When, UTC.
    what
        What happened.
    address_hmac
        HMAC-SHA256 of the address under the key of this installation, 64 hexadecimal digits.
    subscriber_id
        Whose; empty if it does not matter.
    subscription_id
        Which place was removed; empty unless one was.
    """

    at: datetime
    what: What
    address_hmac: str
    subscriber_id: str = ""
    subscription_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    What a log says.

    Attributes
    ----------
    is_there
        Whether there is a log at all.
    erasures
        Oldest first.
    n_unreadable
        Lines passed over: a power cut tears the last one.
    """

    is_there: bool
    erasures: tuple[Erasure, ...]
    n_unreadable: int


def log_file(services: Services) -> Path:
    """
    Return where the log lies.

    Parameters
    ----------
    services
        With the settings.

    Returns
    -------
    path
        In the state folder; it need not be there yet.
    """
    return services.settings.state_folder / _FILE


def note(
    services: Services,
    what: What,
    address_hmac: str,
    *,
    subscriber_id: str = "",
    subscription_id: str = "",
) -> None:
    """
    Add a line, for good: it is on the disk when this returns.

    Call it *before* the transaction that erases. Were it called after, a power cut between the
    two would leave an erasure that the next restore undoes.

    Parameters
    ----------
    services
        With clock and state folder.
    what
        What happens to the address.
    address_hmac
        As `notify.addresses.address_hmac` returns it.
    subscriber_id
        Whose; empty if it does not matter.
    subscription_id
        Which place is removed, if one is.

    Raises
    ------
    StoreError
        If the line cannot be kept.
    """
    line = _line_of(
        Erasure(
            at=services.clock(),
            what=what,
            address_hmac=address_hmac,
            subscriber_id=subscriber_id,
            subscription_id=subscription_id,
        )
    )
    path = log_file(services)
    with _told_plainly(path), _alone(path):
        _append(path, line)


def since(path: Path, at: datetime | None = None) -> Reading:
    """
    Read the log.

    Parameters
    ----------
    path
        As `log_file` returns it.
    at
        Leave out what is older, UTC; None for all of it.

    Returns
    -------
    reading
        What can be read, whatever stands between.

    Raises
    ------
    StoreError
        If the file is there and cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Reading(is_there=False, erasures=(), n_unreadable=0)
    except OSError as error:
        raise StoreError(
            str(path), f"cannot be read ({error.strerror})", "Check its owner and rights"
        ) from error
    found = [_erasure_in(line) for line in content.splitlines() if line.strip()]
    erasures = tuple(one for one in found if one is not None and (at is None or one.at >= at))
    return Reading(is_there=True, erasures=erasures, n_unreadable=found.count(None))


def trim(services: Services) -> int:
    """
    Drop the lines that no back-up can need any more, and those that cannot be read.

    Parameters
    ----------
    services
        With clock and state folder.

    Returns
    -------
    n_dropped
        How many.

    Raises
    ------
    StoreError
        If the file cannot be read or written anew; it is then as it was.
    """
    path = log_file(services)
    if not path.is_file():
        return 0
    with _told_plainly(path), _alone(path):
        held = since(path)
        kept = [one for one in held.erasures if one.at >= services.clock() - KEPT]
        n_dropped = len(held.erasures) + held.n_unreadable - len(kept)
        if n_dropped:
            _replace(path, b"".join(map(_line_of, kept)))
    return n_dropped


def _line_of(one: Erasure) -> bytes:
    if not _HMAC.fullmatch(one.address_hmac):
        # Never the value: what is no hash may be the address itself.
        raise StoreError(
            "a line of the erasure log",
            "must hold the hash of an address, 64 hexadecimal digits",
            "Hand down what notify.addresses.address_hmac returns",
        )
    values = {
        "at": one.at.astimezone(UTC).isoformat(),
        "what": str(one.what),
        "address_hmac": one.address_hmac,
        "subscriber_id": one.subscriber_id,
        "subscription_id": one.subscription_id,
    }
    return json.dumps({name: value for name, value in values.items() if value}).encode() + b"\n"


def _erasure_in(line: bytes) -> Erasure | None:
    """Return what a line says; None if it was torn, or somebody else's."""
    try:
        values = json.loads(line)
        found = Erasure(
            **{
                **values,
                "at": datetime.fromisoformat(values["at"]).astimezone(UTC),
                "what": What(values["what"]),
            }
        )
        return found if _HMAC.fullmatch(found.address_hmac) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _append(path: Path, line: bytes) -> None:
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, _FILE_MODE)
    try:
        # After a line that a power cut tore, ours would become part of it.
        _write(descriptor, line if _is_ended(descriptor) else b"\n" + line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        _flush_folder(path)


def _is_ended(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def _write(descriptor: int, content: bytes) -> None:
    """Write all of it: a disk that fills up takes a part without a word."""
    while content:
        content = content[os.write(descriptor, content) :]


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_MODE)
    try:
        _write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(path)
    _flush_folder(path)


def _flush_folder(path: Path) -> None:
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes off; by a file beside it, since `trim` puts another in its place."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, _FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _told_plainly(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            str(path),
            f"the erasure log cannot be written ({error.strerror})",
            "Free some space, or check who owns the folder; nothing was changed",
        ) from error
