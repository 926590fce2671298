"""What a server said of a file that it sent, kept beside the file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path


class DownloadStatus(StrEnum):
    """Whether a server answered with other bytes than before."""

    NEW = "new"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """
    One answer, on disk.

    Attributes
    ----------
    status
        Whether its bytes were sent now, or are known to be those held.
    path
        Where they lie.
    url
        What was asked for, before any redirect.
    sha256, n_bytes
        Of the decoded bytes.
    etag, last_modified, content_type
        As the server says them; empty if it does not.
    retrieved_at
        When these bytes were had, UTC.
    """

    status: DownloadStatus
    path: Path
    url: str
    sha256: str
    n_bytes: int
    etag: str
    last_modified: str
    content_type: str
    retrieved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """
    What a publisher says of a file before it is asked for.

    Attributes
    ----------
    n_bytes
        Its size.
    md5
        Its MD5, hexadecimal: tells a broken file from a whole one, not a forged one.
    """

    n_bytes: int
    md5: str

    def fits(self, n_bytes: int, md5: str) -> bool:
        """
        Tell whether a file is the one meant.

        Parameters
        ----------
        n_bytes
            Its size.
        md5
            Its MD5, hexadecimal.

        Returns
        -------
        fits
            True if both agree.
        """
        return (n_bytes, md5.lower()) == (self.n_bytes, self.md5.lower())


def keep(download: Download) -> None:
    """
    Write beside a file what the server said of it.

    Parameters
    ----------
    download
        The file, in its place.
    """
    said = asdict(download) | {
        "path": download.path.name,
        "retrieved_at": download.retrieved_at.isoformat(),
    }
    _beside(download.path).write_text(json.dumps(said, indent=1), encoding="utf-8")


def held(url: str, target: Path) -> Download | None:
    """
    Return the file held, if a server can be asked whether it has changed.

    Parameters
    ----------
    url
        What is to be asked for.
    target
        Where the file may lie.

    Returns
    -------
    download
        None if it is another's, is not whole, or the server gave nothing to ask by.
    """
    kept = _kept(target)
    if kept is None or kept.url != url:
        return None
    return kept if kept.etag or kept.last_modified else None


def had(url: str, target: Path, expected: Expected) -> Download | None:
    """
    Return the file held, if it is already the one expected.

    Parameters
    ----------
    url
        What is to be asked for.
    target
        Where the file may lie, put there by an earlier download or by hand.
    expected
        What its publisher says of it.

    Returns
    -------
    download
        None if it is not there, or is another.
    """
    try:
        if target.stat().st_size != expected.n_bytes:
            return None
        with target.open("rb") as file:
            md5 = hashlib.file_digest(file, _md5).hexdigest()
        if not expected.fits(expected.n_bytes, md5):
            return None
        return replace(_kept(target) or _put_there(target), url=url)
    except OSError:
        return None


def _md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)


def _beside(target: Path) -> Path:
    return target.with_name(f"{target.name}.said.json")


def _kept(target: Path) -> Download | None:
    """Return what was kept of a file, if it is still the same, byte for byte."""
    try:
        said = json.loads(_beside(target).read_bytes())
        kept = Download(
            **said
            | {
                "status": DownloadStatus.UNCHANGED,
                "path": target,
                "retrieved_at": datetime.fromisoformat(said["retrieved_at"]),
            }
        )
        return kept if kept.sha256 == _sha256(target) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _put_there(target: Path) -> Download:
    stat = target.stat()
    return Download(
        status=DownloadStatus.UNCHANGED,
        path=target,
        url="",
        sha256=_sha256(target),
        n_bytes=stat.st_size,
        etag="",
        last_modified="",
        content_type="",
        retrieved_at=datetime.fromtimestamp(stat.st_mtime, UTC),
    )


def _sha256(target: Path) -> str:
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
