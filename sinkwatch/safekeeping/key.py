"""The key of an installation, which has to lie beside the copies of its database."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from sinkwatch.errors import ConfigError, StoreError
from sinkwatch.safekeeping import folders

if TYPE_CHECKING:
    from pathlib import Path

    from sinkwatch.services import Services

_FILE: Final = "secret"
_LOST: Final = (
    "There is no key here nor beside the back-up, so a new one was made: links in mails already "
    "sent do not work any more, and who must not be written to is not recognised."
)


def copy_into(services: Services, folder: Path) -> None:
    """
    Keep the key with the copies; another one that was there stays beside it.

    Without it no link in a mail already sent would work after a restore, and no hash of an address
    that must not be written to could be recognised.

    Parameters
    ----------
    services
        With the key.
    folder
        Of the copies.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    secret, path = services.secret(), folder / _FILE
    try:
        if path.is_file():
            if path.read_bytes() == secret:
                return
            stamp = services.clock().astimezone(UTC).strftime(folders.STAMP)
            path.replace(path.with_name(f"{_FILE}.until-{stamp}"))
        _write_durably(path, secret)
    except OSError as error:
        raise folders.unwritable(path, error) from error


def bring_back(services: Services, file: Path) -> tuple[str, ...]:
    """
    Take over the key that lies beside a back-up, if there is none here.

    Parameters
    ----------
    services
        With the state folder.
    file
        The back-up.

    Returns
    -------
    remarks
        What is lost with a key that is nowhere, a sentence; empty if there is one.

    Raises
    ------
    ConfigError
        If there is another key here.
    StoreError
        If it cannot be read or written.
    """
    ours, theirs = services.settings.state_folder / _FILE, file.with_name(_FILE)
    found = _content(theirs)
    if ours.is_file():
        if found not in {None, _content(ours)}:
            raise ConfigError(
                str(theirs),
                f"is not the key in {ours}, so links and hashes would not fit the back-up",
                "Move the wrong one of the two away; nothing was changed",
            )
        return ()
    if found is None:
        return (_LOST,)
    try:
        _write_durably(ours, found)
    except OSError as error:
        raise folders.unwritable(ours, error) from error
    return ()


def _content(path: Path) -> bytes | None:
    """Return what is in a file; None if it is not there."""
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise StoreError(
            str(path), f"cannot be read ({error.strerror})", "Check its owner and rights"
        ) from error


def _write_durably(path: Path, content: bytes) -> None:
    from sinkwatch.store import sqlite_files  # noqa: PLC0415 - with the store

    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_bytes(content)
    sqlite_files.move_durably(part, path)
