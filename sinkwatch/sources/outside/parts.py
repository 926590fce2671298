"""A file that is still coming: what of it is on disk, and how to ask for the rest of the same."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, Self

from sinkwatch.sources.outside.wire import WireError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RESUMED_FROM: Final = 1_000_000
"""Bytes from which a file is gone on with: less is had anew as quickly."""

CHECKPOINT: Final = 16_777_216
"""Bytes after which what has come is put on disk for good, so that a crash loses no more."""

_CHUNK: Final = 1_048_576

_SETTLED: Final = timedelta(minutes=1)
"""Age from which a Last-Modified names one content only (RFC 9110, 8.8.2.2, as RFC 7232 had it):
it knows seconds, and a file may be written twice in one."""

_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """
    A file that a server has begun to send.

    Attributes
    ----------
    url
        What was asked for, before any redirect.
    validator
        What names its content when the rest is asked for; empty if nothing does.
    etag, last_modified, content_type
        As the server says them; empty if it does not.
    n_whole
        Bytes of the whole file, if the server says so.
    n_bytes, sha256
        Of what is on disk.
    """

    url: str
    validator: str
    etag: str
    last_modified: str
    content_type: str
    n_whole: int | None
    n_bytes: int = 0
    sha256: str = ""

    def headers(self) -> dict[str, str]:
        """
        Return how to ask for the rest.

        Returns
        -------
        headers
            For the whole if the file has changed since; not packed, since the bytes of a packed
            answer are counted packed.
        """
        return {
            "Range": f"bytes={self.n_bytes}-",
            "If-Range": self.validator,
            "Accept-Encoding": "identity",
        }

    def gone_on_with(self, headers: Mapping[str, str]) -> Begun | None:
        """
        Look whether an answer with status 206 is the rest of the same file, and all of it.

        Parameters
        ----------
        headers
            Of the answer.

        Returns
        -------
        begun
            The same, with the size of the whole; None if it is another part, or packed.
        """
        found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
        if found is None or not _is_plain(headers):
            return None
        first, last, whole = (int(number) for number in found.groups())
        is_rest = first == self.n_bytes <= last == whole - 1
        is_same = headers.get("ETag", self.etag) == self.etag and self.n_whole in {None, whole}
        return replace(self, n_whole=whole) if is_rest and is_same else None


def anew(url: str, headers: Mapping[str, str]) -> Begun:
    """
    Return what an answer with status 200 says of the file that it begins to send.

    Parameters
    ----------
    url
        What was asked for, before any redirect.
    headers
        Of the answer.

    Returns
    -------
    begun
        With nothing on disk yet.
    """
    length = headers.get("Content-Length", "")
    return Begun(
        url=url,
        validator=_validator(headers),
        etag=headers.get("ETag", ""),
        last_modified=headers.get("Last-Modified", ""),
        content_type=headers.get("Content-Type", ""),
        n_whole=int(length) if length.isdecimal() and _is_plain(headers) else None,
    )


def earlier(target: Path, url: str) -> Begun | None:
    """
    Return what of a file came before the transfer broke off.

    Parameters
    ----------
    target
        Where the file is to lie.
    url
        What is to be asked for.

    Returns
    -------
    begun
        None, and nothing is left of it, if it is of another address or has suffered.
    """
    part, note = _paths(target)
    try:
        begun = Begun(**json.loads(note.read_bytes()))
        os.truncate(part, min(begun.n_bytes, part.stat().st_size))
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if (begun.url, begun.sha256) == (url, digest):
            return begun
    except (OSError, ValueError, TypeError):
        pass
    discard(target)
    return None


def discard(target: Path) -> None:
    """
    Leave nothing of a file that has not come whole.

    Parameters
    ----------
    target
        Where it was to lie.
    """
    for path in _paths(target):
        with contextlib.suppress(OSError):
            path.unlink()


class Part:
    """
    The bytes of one file as they come, under a name that nobody else reads.

    It is a context manager. If what ends it is a transfer that broke off, the bytes stay to be
    gone on with, provided that the server has named their content and they are many; after
    anything else nothing stays.

    Parameters
    ----------
    target
        Where the file is to lie once it is whole.
    begun
        As `anew` or `Begun.gone_on_with` returned it.

    Attributes
    ----------
    n_bytes
        How many there are.
    """

    def __init__(self, target: Path, begun: Begun) -> None:
        self._target = target
        self._path, self._note = _paths(target)
        self._begun = begun
        self._sha256 = hashlib.sha256()
        self.n_bytes = 0

    def __enter__(self) -> Self:
        """Open it, at its end."""
        if not self._begun.n_bytes:
            discard(self._target)
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = self._path.open("r+b" if self._begun.n_bytes else "w+b")
        while chunk := self._file.read(_CHUNK):
            self._count(chunk)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Close it, and keep it only for a reason."""
        # An interrupted run (no Exception) goes on later like one that lost its line.
        is_refused = isinstance(error, Exception) and not (
            isinstance(error, WireError) and error.may_pass
        )
        try:
            with self._file:
                if not is_refused and error is not None:
                    self._checkpoint()
        except OSError:
            is_refused = True
        if is_refused or not self._begun.n_bytes:
            discard(self._target)

    def add(self, chunk: bytes) -> None:
        """
        Put more bytes behind those that are there.

        Parameters
        ----------
        chunk
            The bytes.

        Raises
        ------
        OSError
            If the disk does not take them.
        """
        self._file.write(chunk)
        self._count(chunk)
        if self.n_bytes - self._begun.n_bytes >= CHECKPOINT:
            self._checkpoint()

    def sha256(self) -> str:
        """
        Return the SHA-256 of all bytes.

        Returns
        -------
        digest
            Hexadecimal.
        """
        return self._sha256.hexdigest()

    def md5(self) -> str:
        """
        Return the MD5 of all bytes, as they lie on disk.

        Returns
        -------
        digest
            Hexadecimal.

        Raises
        ------
        OSError
            If the disk does not give them back.
        """
        self._file.seek(0)
        return hashlib.file_digest(self._file, _md5).hexdigest()

    def finish(self) -> None:
        """
        Put the file where it is to lie.

        Raises
        ------
        OSError
            If the disk does not take it.
        """
        self._flush()
        self._path.replace(self._target)
        self._begun = replace(self._begun, n_bytes=0)

    def _count(self, chunk: bytes) -> None:
        self._sha256.update(chunk)
        self.n_bytes += len(chunk)

    def _flush(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def _checkpoint(self) -> None:
        """Note what is on disk for good; what is not noted is not believed later."""
        if not self._begun.validator or self.n_bytes <= RESUMED_FROM:
            return
        self._flush()
        self._begun = replace(self._begun, n_bytes=self.n_bytes, sha256=self.sha256())
        self._note.write_text(json.dumps(asdict(self._begun), indent=1), encoding="utf-8")


def _md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)


def _paths(target: Path) -> tuple[Path, Path]:
    return (
        target.with_name(f".{target.name}.part"),
        target.with_name(f".{target.name}.part.said.json"),
    )


def _is_plain(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Encoding", "").strip().lower() in {"", "identity"}


def _validator(headers: Mapping[str, str]) -> str:
    """Return a strong ETag, or a Last-Modified that is old enough; empty if there is neither."""
    etag, modified = headers.get("ETag", "").strip(), headers.get("Last-Modified", "").strip()
    if etag or not _is_plain(headers):
        return etag if etag.startswith('"') and _is_plain(headers) else ""
    try:
        age = parsedate_to_datetime(headers.get("Date", "")) - parsedate_to_datetime(modified)
    except (ValueError, TypeError):  # no date, or one with a zone and one without
        return ""
    return modified if age >= _SETTLED else ""
