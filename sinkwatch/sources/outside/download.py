"""The one way out to the internet: to servers on a list, politely, and whole or not at all."""

from __future__ import annotations

import contextlib
import logging
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from sinkwatch.errors import SourceError
from sinkwatch.sources.outside import parts, receipts
from sinkwatch.sources.outside.progress import QUIET, Meter, Progress
from sinkwatch.sources.outside.receipts import Download, DownloadStatus, Expected
from sinkwatch.sources.outside.wire import Line, WireError

if TYPE_CHECKING:
    import requests

    from sinkwatch.sources.outside.politeness import HostNotes, HostRule

__all__ = ["Download", "DownloadStatus", "Downloader", "Expected", "user_agent"]

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
_PARTIAL: Final = 206
_NOT_MODIFIED: Final = 304
_NO_SUCH_RANGE: Final = 416
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    source: str
    url: str
    target: Path
    held: Download | None
    expected: Expected | None

    def refusal(
        self, rule: str, way_out: str = _LOOK, *, retryable: bool = False, status: int = 0
    ) -> SourceError:
        return SourceError(
            self.source, rule, way_out, url=self.url, retryable=retryable, status=status
        )

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
    progress
        Shows large files while they come.
    """

    rules: Mapping[str, HostRule]
    notes: HostNotes
    agent: str
    clock: Callable[[], datetime]
    wait: Callable[[float], None]
    progress: Progress = QUIET

    def get(
        self, source: str, url: str, target: Path, *, expected: Expected | None = None
    ) -> Download:
        """
        Get a file, or learn that the one held is still the same.

        What has come of a large file when the line is lost stays beside `target`; the next time
        it is gone on with, if the server can tell that it is still the same.

        Parameters
        ----------
        source
            Name of the source, for messages.
        url
            Address of the file.
        target
            Where its bytes are to lie. If they do already, and beside them what the server said
            of them, it is asked for them only if they have changed.
        expected
            What the publisher says of the file elsewhere. If it lies at `target` already, nobody
            is asked.

        Returns
        -------
        download
            With the file at `target`, whole.

        Raises
        ------
        SourceError
            If the server is not on the list or lies in a private network, wants to be left
            alone, refuses, answers too much, too little, too slowly or another file than the one
            expected, or the file cannot be written. What lay at `target` before is untouched then.
        """
        had = None if expected is None else receipts.had(url, target, expected)
        if had is not None:
            LOG.info("%s: %s is the one that is published", source, target.name)
            return had
        # What is held and is not what is expected has changed, whatever a server says of it.
        held = receipts.held(url, target) if expected is None else None
        task = _Task(source=source, url=url, target=target, held=held, expected=expected)
        try:
            return self._followed(task)
        except SourceError as error:
            if not error.retryable:
                parts.discard(target)
            raise

    def _followed(self, task: _Task) -> Download:
        asked = task.url
        for _ in range(MOST_REDIRECTS + 1):
            try:
                return self._tried(task, asked, self._rule(task, asked))
            except _Moved as moved:
                LOG.info("%s: %s leads to %s", task.source, _site(asked), _site(moved.url))
                asked = moved.url
        raise task.refusal(f"it leads elsewhere more than {MOST_REDIRECTS} times")

    def _rule(self, task: _Task, url: str) -> HostRule:
        """Return how a server may be asked; refuse one that is not on the list."""
        parts = urlsplit(url) if _URL.fullmatch(url) else urlsplit("")
        rule = self.rules.get(parts.netloc)
        if rule is None:
            where = parts.netloc or "an address that cannot be read"
            raise task.refusal(f'"{where}" is at no server on the list of those asked')
        wanted = "http" if rule.is_a_peer_of_tests else "https"
        if parts.scheme != wanted:
            raise task.refusal(f"{parts.scheme}://{parts.netloc} is not {wanted}")
        return rule

    def _tried(self, task: _Task, url: str, rule: HostRule) -> Download:
        n_tries, spacing_s = 0, rule.spacing_s
        while True:
            n_tries += 1
            self._keep_apart(task, urlsplit(url).netloc, spacing_s)
            try:
                return self._asked(task, url, rule)
            except WireError as error:
                if not error.may_pass or n_tries == TRIES:
                    raise task.refusal(
                        error.rule,
                        _KEPT if error.may_pass else _LOOK,
                        retryable=error.may_pass,
                        status=error.status,
                    ) from error
                LOG.warning("%s: try %d of %d: %s", task.source, n_tries, TRIES, error.rule)
                # Who was not reached was not asked: the wait below is enough.
                spacing_s = rule.spacing_s if error.reached else 0.0
            # Not urllib3's own retries: they sleep by themselves, neither keep the spacing nor
            # note it, and read the whole of a refused answer into memory first.
            self.wait(_BACK_OFF_S[n_tries - 1] + random.random())  # noqa: S311 - spreads load only

    def _keep_apart(self, task: _Task, host: str, spacing_s: float) -> None:
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
        since_s = spacing_s if last is None else (now - last).total_seconds()
        if 0 <= since_s < spacing_s:
            self.wait(spacing_s - since_s)
        self.notes.note_request(host, self.clock())

    def _asked(self, task: _Task, url: str, rule: HostRule) -> Download:
        earlier = parts.earlier(task.target, task.url)
        with Line(rule) as line:
            response = line.ask(url, self._headers(task, earlier))
            self._refuse_unwilling(task, urlsplit(url).netloc, response)
            if response.status_code in _REDIRECTS:
                raise _Moved(_destination(url, response))
            if response.status_code == _NOT_MODIFIED and task.held is not None:
                LOG.info("%s: %s has not changed", task.source, _said_of(task))
                parts.discard(task.target)
                return task.held
            begun = _begun(task, earlier, response)
            return self._received(task, begun, line.content(response, n_before=begun.n_bytes))

    def _headers(self, task: _Task, earlier: parts.Begun | None) -> dict[str, str]:
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
        return headers | (earlier.headers() if earlier is not None else {})

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

    def _received(self, task: _Task, begun: parts.Begun, chunks: Iterator[bytes]) -> Download:
        size = begun.n_whole if task.expected is None else task.expected.n_bytes
        with contextlib.ExitStack() as closing:
            with task.writing():
                part = closing.enter_context(parts.Part(task.target, begun))
            if begun.n_whole is not None:
                _refuse_another_size(task, begun.n_whole)
            title = f"{task.source}: {task.target.name}"
            meter = closing.enter_context(Meter(self.progress, title, size))
            meter.count(part.n_bytes)
            for chunk in chunks:  # what goes wrong here is the server's
                with task.writing():
                    part.add(chunk)
                meter.count(len(chunk))
                _refuse_longer(task, part.n_bytes)
            _refuse_another(task, begun, part)
            return self._finished(task, begun, part)

    def _finished(self, task: _Task, begun: parts.Begun, part: parts.Part) -> Download:
        download = Download(
            status=DownloadStatus.NEW,
            path=task.target,
            url=task.url,
            sha256=part.sha256(),
            n_bytes=part.n_bytes,
            etag=begun.etag,
            last_modified=begun.last_modified,
            content_type=begun.content_type,
            retrieved_at=self.clock(),
        )
        with task.writing():
            part.finish()
            receipts.keep(download)
        LOG.info("%s: %d bytes of %s", task.source, download.n_bytes, _said_of(task))
        return download


# A log says which server and which file, never the whole address: that may hold a postcode that
# somebody looked up, or a signature that opens a store.


def _site(url: str) -> str:
    return urlsplit(url).netloc


def _said_of(task: _Task) -> str:
    return f"{_site(task.url)} ({task.target.name})"


def _begun(task: _Task, earlier: parts.Begun | None, response: requests.Response) -> parts.Begun:
    """Return what an answer begins to send, or goes on with; refuse what does neither."""
    status = response.status_code
    if status == _OK:
        return parts.anew(task.url, response.headers)
    if earlier is not None and status in {_PARTIAL, _NO_SUCH_RANGE}:
        begun = earlier.gone_on_with(response.headers) if status == _PARTIAL else None
        if begun is not None:
            LOG.info("%s: %s goes on from byte %d", task.source, _said_of(task), begun.n_bytes)
            return begun
        parts.discard(task.target)  # so that the next try is for the whole
        raise WireError(
            f"it was asked for the bytes from {earlier.n_bytes:,} on and does not send them "
            f"(status {status})",
            may_pass=True,
        )
    may_pass = status in _PASSING
    raise WireError(f"it answered with status {status}", may_pass=may_pass, status=status)


def _refuse_another_size(task: _Task, n_bytes: int) -> None:
    if task.expected is not None and n_bytes != task.expected.n_bytes:
        raise task.refusal(
            f"its answer has {n_bytes:,} bytes, not the {task.expected.n_bytes:,} that its "
            "publisher states",
            _KEPT,
            retryable=True,
        )


def _refuse_longer(task: _Task, n_bytes: int) -> None:
    if task.expected is not None and n_bytes > task.expected.n_bytes:
        raise task.refusal(
            f"its answer is longer than the {task.expected.n_bytes:,} bytes that its publisher "
            "states",
            _KEPT,
            retryable=True,
        )


def _refuse_another(task: _Task, begun: parts.Begun, part: parts.Part) -> None:
    """Refuse a file that has come to its end and is not whole, or not the one meant."""
    if begun.n_whole is not None and part.n_bytes != begun.n_whole:
        raise WireError("its answer breaks off", may_pass=True)
    _refuse_another_size(task, part.n_bytes)
    if task.expected is None:
        return
    with task.writing():
        md5 = part.md5()
    if not task.expected.fits(part.n_bytes, md5):
        raise task.refusal(
            f"its answer has MD5 {md5}, not the {task.expected.md5[:32]} that its publisher states",
            _KEPT,
            retryable=True,
        )


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
