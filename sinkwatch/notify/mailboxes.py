"""Where returned mail lies: an mbox, a Maildir or one message, each read to a bounded size."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, BinaryIO, Final

from sinkwatch.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOG = logging.getLogger(__name__)

MOST_BYTES: Final = 1_000_000
"""Read of one message. Ours have less than half, and what a report says stands before its copy."""

_MOST_LINE_BYTES: Final = 64 * 1024
"""Read at once; a line of a mail has at most 998 (RFC 5322, 2.1.1)."""

_SEPARATOR: Final = re.compile(rb"From .*\d\d:\d\d")
"""First line of each message of an mbox, with its time (RFC 4155, appendix A)."""

_QUOTED: Final = re.compile(rb">+From ")
_FOLDERS: Final = ("new", "cur")


def messages_in(path: Path) -> Iterator[bytes]:
    """
    Read the messages of a mailbox one by one; nothing is moved, marked or deleted.

    Parameters
    ----------
    path
        An mbox file, a Maildir, or a file that is one message.

    Yields
    ------
    content
        Of one message. One that is larger than `MOST_BYTES` is cut a byte beyond it, by which
        `sinkwatch.notify.returned.read` knows that it was cut.

    Raises
    ------
    ConfigError
        If it is none of these.
    StoreError
        If the file cannot be read. A single message of a Maildir that cannot is passed over.
    """
    if path.is_dir():
        yield from _in_maildir(path)
        return
    if not path.is_file():
        raise ConfigError(
            f"mailbox {path}",
            "is neither a file nor a Maildir",
            "Name an mbox, a Maildir, an .eml file, or - for one message on standard input",
        )
    try:
        with path.open("rb") as file:
            yield from _in_file(file, str(path))
    except OSError as error:
        raise StoreError(
            f"mailbox {path}",
            f"cannot be read ({error.strerror})",
            "Let the user who runs sinkwatch read it",
        ) from error


def message_in(stream: BinaryIO) -> bytes:
    """
    Read one message as a relay pipes it, to its end, so that the relay does not take it for lost.

    Parameters
    ----------
    stream
        Such as standard input.

    Returns
    -------
    content
        Cut as by `messages_in`.
    """
    content = stream.read(MOST_BYTES + 1)
    while stream.read(_MOST_LINE_BYTES):
        pass
    return _said_if_cut(content, "the message given")


def _in_file(file: BinaryIO, name: str) -> Iterator[bytes]:
    first = file.readline(_MOST_LINE_BYTES)
    if _SEPARATOR.match(first):
        yield from _in_mbox(file, name)
        return
    content = first + file.read(MOST_BYTES + 1 - len(first))
    if content:
        yield _said_if_cut(content, name)


def _in_mbox(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield from after the first separator; what follows a separator and an empty line is new."""
    message = bytearray()
    number = 1
    is_after_blank = False
    is_at_start = True
    while line := file.readline(_MOST_LINE_BYTES):
        if is_after_blank and _SEPARATOR.match(line):
            yield _said_if_cut(bytes(message), f"message {number} of {name}")
            message.clear()
            number += 1
        else:
            is_quoted = is_at_start and _QUOTED.match(line)
            message += (line[1:] if is_quoted else line)[: MOST_BYTES + 1 - len(message)]
        is_after_blank = is_at_start and line in {b"\n", b"\r\n"}
        is_at_start = line.endswith(b"\n")
    yield _said_if_cut(bytes(message), f"message {number} of {name}")


def _in_maildir(folder: Path) -> Iterator[bytes]:
    folders = [folder / name for name in _FOLDERS]
    if not all(inside.is_dir() for inside in folders):
        raise ConfigError(
            f"mailbox {folder}",
            f"is a folder without {' and '.join(_FOLDERS)}",
            "Name the Maildir itself, or an mbox file",
        )
    for path in sorted(path for inside in folders for path in inside.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        try:
            with path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except OSError as error:
            # A mail program moves what it has shown; whatever it was, it is there the next time.
            LOG.warning("message %s: cannot be read (%s)", path.name, error.strerror)
            continue
        yield _said_if_cut(content, f"message {path.name}")


def _said_if_cut(content: bytes, name: str) -> bytes:
    if len(content) > MOST_BYTES:
        LOG.info("%s: larger than %d bytes, only its first part is read", name, MOST_BYTES)
    return content
