"""The one way out to the internet: to servers on a list, politely, and whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from sinkwatch.errors import SourceError
from sinkwatch.sources.wire import Line, WireError

if TYPE_CHECKING:
    import requests

    from sinkwatch.sources.politeness import HostNotes, HostRule

LOG = logging.getLogger(__name__)

TRIES: Final = 3
"""How often a request is made whose failure may pass (connector rules)."""

LONGEST_HOLD_OFF: Final = timedelta(hours=24)
"""A server that wants to be left alone for longer is believed this far (sinkwatch data gates)."""

HOLD_OFF_UNSAID: Final = timedelta(hours=1)
"""How long a server is left alone that answers 429 and does not say how long."""

MOST_REDIRECTS: Final = 3
"""Redirects that are followed, each checked like a first request (sinkwatch data gates)."""

_OK: Final = 200
_NOT_MODIFIED: Final = 304
_TOO_MANY: Final = 429
_UNAVAILABLE: Final = 503
_PASSING: Final = frozenset({408, 500, 502, 503, 504})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_BACK_OFF_S: Final = (2.0, 4.0, 8.0)
_URL: Final = re.compile(
    r"[!-\[\]-~]+"
)  # ASCII without space and backslash, which readers differ on
_KEPT: Final = "What is held stays in use; the next run asks again"
_LOOK: Final = "What is held stays in use; look at what has changed there"


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
        Whether its bytes were sent now, or the server vouched for those held.
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
class _Task:
    source: str
    url: str
    target: Path
    held: Download | None

    def refusal(self, rule: str, way_out: str = _LOOK, *, retryable: bool = False) -> SourceError:
        return SourceError(self.source, rule, way_out, url=self.url, retryable=retryable)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Say plainly that the disk is at fault, not the server."""
        try:
            yield
        except OSError as error:
            raise self.refusal(
                f"{self.target} cannot be written ({error.strerror})",
                "Check the folder's rights and the room left",
            ) from error


class _Moved(Exception):  # noqa: N818 - no error
    """The server says to ask elsewhere."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


def user_agent(version: str, public_url: str, contact: str) -> str:
    """
    Return the name under which sinkwatch asks.

    Parameters
    ----------
    version
        Of sinkwatch.
    public_url
        Where this installation's site answers.
    contact
        Where its operator can be reached.

    Returns
    -------
    agent
        Printable ASCII.

    Examples
    --------
    >>> user_agent("1.0", "https://holes.example", "me@holes.example")
    'sinkwatch/1.0 (+https://holes.example; me@holes.example)'
    """
    return f"sinkwatch/{version} (+{public_url}; {contact})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloader:
    """
    Gets files from servers on a list.

    Attributes
    ----------
    rules
        By server (its name, with the port if that is not the usual one), how it may be asked;
        no other is.
    notes
        When each was last asked, and when it may be asked again.
    agent
        What `user_agent` returns.
    clock
        Gives the present time, UTC.
    wait
        Waits that many seconds.
    """

    rules: Mapping[str, HostRule]
    notes: HostNotes
    agent: str
    clock: Callable[[], datetime]
    wait: Callable[[float], None]

    def get(self, source: str, url: str, target: Path) -> Download:
        """
        Get a file, or learn that the one held is still the same.

        Parameters
        ----------
        source
            Name of the source, for messages.
        url
            Address of the file.
        target
            Where its bytes are to lie. If they do already, and beside them what the server said
            of them, it is asked for them only if they have changed.

        Returns
        -------
        download
            With the file at `target`, whole.

        Raises
        ------
        SourceError
            If the server is not on the list or lies in a private network, wants to be left
            alone, refuses, answers too much, too little or too slowly, or the file cannot be
            written. What lay at `target` before is untouched then.
        """
        task = _Task(source=source, url=url, target=target, held=_held(url, target))
        asked = url
        for _ in range(MOST_REDIRECTS + 1):
            try:
                return self._tried(task, asked, self._rule(task, asked))
            except _Moved as moved:
                LOG.info("%s: %s leads to %s", source, asked, moved.url)
                asked = moved.url
        raise task.refusal(f"it leads elsewhere more than {MOST_REDIRECTS} times")

    def _rule(self, task: _Task, url: str) -> HostRule:
        """Return how a server may be asked; refuse one that is not on the list."""
        parts = urlsplit(url) if _URL.fullmatch(url) else urlsplit("")
        rule = self.rules.get(parts.netloc)
        if rule is None:
            raise task.refusal(f'"{url[:200]}" is at no server on the list of those asked')
        wanted = "http" if rule.is_a_peer_of_tests else "https"
        if parts.scheme != wanted:
            raise task.refusal(f"{url[:200]} is not {wanted}")
        return rule

    def _tried(self, task: _Task, url: str, rule: HostRule) -> Download:
        n_tries = 0
        while True:
            n_tries += 1
            self._keep_apart(task, urlsplit(url).netloc, rule)
            try:
                return self._asked(task, url, rule)
            except WireError as error:
                if not error.may_pass or n_tries == TRIES:
                    raise task.refusal(
                        error.rule, _KEPT if error.may_pass else _LOOK, retryable=error.may_pass
                    ) from error
                LOG.warning("%s: try %d of %d: %s", task.source, n_tries, TRIES, error.rule)
            # Not urllib3's own retries: they sleep by themselves, neither keep the spacing nor
            # note it, and read the whole of a refused answer into memory first.
            self.wait(_BACK_OFF_S[n_tries - 1] + random.random())  # noqa: S311 - spreads load only

    def _keep_apart(self, task: _Task, host: str, rule: HostRule) -> None:
        """Wait until a server may be asked, and note that it is asked now."""
        now = self.clock()
        not_before = self.notes.not_before(host)
        # Noted by a clock that was a year fast, it would otherwise hold for that year.
        if not_before is not None and now < not_before <= now + LONGEST_HOLD_OFF:
            raise task.refusal(
                f"{host} wants to be left alone until {not_before.astimezone(UTC):%H:%M} UTC on "
                f"{not_before.day} {not_before:%B %Y}",
                _KEPT,
                retryable=True,
            )
        last = self.notes.last_request_at(host)
        since_s = rule.spacing_s if last is None else (now - last).total_seconds()
        if 0 <= since_s < rule.spacing_s:
            self.wait(rule.spacing_s - since_s)
        self.notes.note_request(host, self.clock())

    def _asked(self, task: _Task, url: str, rule: HostRule) -> Download:
        with Line(rule) as line:
            response = line.ask(url, self._headers(task))
            self._refuse_unwilling(task, urlsplit(url).netloc, response)
            if response.status_code in _REDIRECTS:
                raise _Moved(_destination(url, response))
            if response.status_code == _NOT_MODIFIED and task.held is not None:
                LOG.info("%s: %s has not changed", task.source, task.url)
                return task.held
            if response.status_code != _OK:
                raise WireError(
                    f"it answered with status {response.status_code}",
                    may_pass=response.status_code in _PASSING,
                )
            return self._received(task, response, line.content(response))

    def _headers(self, task: _Task) -> dict[str, str]:
        headers = {
            "User-Agent": self.agent,
            "Accept": "*/*",
            "Accept-Encoding": "gzip",
            "Connection": "close",
        }
        if task.held is not None and task.held.etag:
            headers["If-None-Match"] = task.held.etag
        if task.held is not None and task.held.last_modified:
            headers["If-Modified-Since"] = task.held.last_modified
        return headers

    def _refuse_unwilling(self, task: _Task, host: str, response: requests.Response) -> None:
        """Keep for how long a server wants to be left alone; it is not asked again in this run."""
        said = response.headers.get("Retry-After", "")
        if response.status_code != _TOO_MANY and not (
            response.status_code == _UNAVAILABLE and said
        ):
            return
        now = self.clock()
        until = min(_retry_after(said, now), now + LONGEST_HOLD_OFF)
        self.notes.note_not_before(host, until)
        raise task.refusal(
            f"{host} answered with status {response.status_code} and wants to be left alone "
            f"until {until:%H:%M} UTC",
            _KEPT,
            retryable=True,
        )

    def _received(
        self, task: _Task, response: requests.Response, chunks: Iterable[bytes]
    ) -> Download:
        part = task.target.with_name(f".{task.target.name}.part")
        try:
            sha256, n_bytes = _written(task, part, chunks)
            download = Download(
                status=DownloadStatus.NEW,
                path=task.target,
                url=task.url,
                sha256=sha256,
                n_bytes=n_bytes,
                etag=response.headers.get("ETag", ""),
                last_modified=response.headers.get("Last-Modified", ""),
                content_type=response.headers.get("Content-Type", ""),
                retrieved_at=self.clock(),
            )
            with task.writing():
                part.replace(task.target)
                _note_beside(download)
        finally:
            with contextlib.suppress(OSError):
                part.unlink()
        LOG.info("%s: %d bytes of %s", task.source, n_bytes, task.url)
        return download


def _destination(url: str, response: requests.Response) -> str:
    location = response.headers.get("Location", "")
    if not location:
        raise WireError("it leads elsewhere and does not say where", may_pass=False)
    return urljoin(url, location)


def _retry_after(said: str, now: datetime) -> datetime:
    """Read Retry-After in both of its forms; something else says nothing."""
    if said.strip().isdecimal():
        return now + timedelta(seconds=min(int(said), LONGEST_HOLD_OFF.total_seconds()))
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        return now + HOLD_OFF_UNSAID
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def _written(task: _Task, part: Path, chunks: Iterable[bytes]) -> tuple[str, int]:
    """Write to a name that nobody reads, and return SHA-256 and size."""
    digest, n_bytes = hashlib.sha256(), 0
    with task.writing():
        part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = part.open("wb")
    with file:
        for chunk in chunks:  # what goes wrong here is the server's
            digest.update(chunk)
            n_bytes += len(chunk)
            with task.writing():
                file.write(chunk)
        with task.writing():
            file.flush()
            os.fsync(file.fileno())
    return digest.hexdigest(), n_bytes


# ── What the server said of a file, kept beside it ───────────────────────────────────────────


def _beside(target: Path) -> Path:
    return target.with_name(f"{target.name}.said.json")


def _note_beside(download: Download) -> None:
    said = asdict(download) | {
        "path": download.path.name,
        "retrieved_at": download.retrieved_at.isoformat(),
    }
    _beside(download.path).write_text(json.dumps(said, indent=1), encoding="utf-8")


def _held(url: str, target: Path) -> Download | None:
    """Return the file held, if it is what the server was asked for and still whole."""
    try:
        said = json.loads(_beside(target).read_bytes())
        held = Download(
            **said
            | {
                "status": DownloadStatus.UNCHANGED,
                "path": target,
                "retrieved_at": datetime.fromisoformat(said["retrieved_at"]),
            }
        )
        with target.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError, TypeError, KeyError):
        return None
    is_it = (held.url, held.sha256) == (url, digest)
    return held if is_it and (held.etag or held.last_modified) else None
