"""OGC API Features: how a collection is asked for page by page until nothing of it is missing."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from sinkwatch.errors import ConfigError, SchemaError, SourceError
from sinkwatch.sources.bgs.ogc_page import Page, Question, read_page
from sinkwatch.sources.outside.politeness import HostRule
from sinkwatch.sources.strict_json import MOST_ITEMS, strict_json

if TYPE_CHECKING:
    from sinkwatch.model import SourceSpec
    from sinkwatch.sources.errand import Errand
    from sinkwatch.sources.outside.download import Downloader

    ReadT = TypeVar("ReadT")

LOG = logging.getLogger(__name__)

RULE: Final = HostRule(spacing_s=1, most_bytes=200_000_000)
"""A request a second: BGS has been seen to hang up for half an hour after twenty quick ones. Its
polygons are not clipped, and one alone may take more than a megabyte."""

ROWS_A_PAGE: Final = 1_000
"""Page size asked for: few large pages are kinder than many small ones. A server gives fewer
without a word, so a short page is never the end."""

MOST_PAGES: Final = 200
"""Pages after which a server gives so little at a time that asking on would be a burden."""

MOST_FEATURES: Final = MOST_ITEMS
"""Most features of one collection (sinkwatch data gates)."""

FRESH_FOR: Final = timedelta(hours=24)
"""How long a page that was had and read is not asked for again: a long answer that broke off goes
on where it stopped."""

_MOST_LISTED: Final = 5
_KEPT: Final = "What is held stays in use; the next run asks again"


class IncompleteError(SourceError):
    """The answer is not whole, or nothing shows that it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """
    One server that speaks OGC API Features, on one errand.

    Attributes
    ----------
    source
        Name of the source, for messages.
    base_url
        Where it answers, without a slash at the end.
    downloader
        The way out.
    folder
        Where its answers are kept.
    now
        Time of the run, UTC.
    """

    source: str
    base_url: str
    downloader: Downloader
    folder: Path
    now: datetime

    def collection(self, wanted: str) -> str:
        """
        Ask what collections there are, and find one by its id.

        Parameters
        ----------
        wanted
            Its id, without regard to case; it may hold slashes.

        Returns
        -------
        collection
            Its id as the server writes it.

        Raises
        ------
        SourceError
            If it cannot be asked, or does not offer it.
        SchemaError
            If the answer is not as documented.
        """
        url = f"{self.base_url}/collections?f=json"
        path = self.folder / "collections.json"
        ids = self._read(url, path, self._collections)
        found = [each for each in ids if each == wanted]
        found += [each for each in ids if each.casefold() == wanted.casefold()]
        if not found:
            _forget(_note(path))  # it may be there the next time
            near = difflib.get_close_matches(wanted, ids, n=_MOST_LISTED, cutoff=0.3)
            listed = ", ".join(near or ids[:_MOST_LISTED]) or "none"
            raise SourceError(
                self.source,
                f"its server offers no collection {wanted}; among its {len(ids)} are: {listed}",
                "What is held stays in use; name the right one in the area file",
                url=url,
            )
        return found[0]

    def pages(self, question: Question) -> Iterator[Page]:
        """
        Ask for page after page, until there is proof that nothing is left out.

        Only who has taken the last page has the whole.

        Parameters
        ----------
        question
            What is asked for.

        Yields
        ------
        page
            One page.

        Raises
        ------
        IncompleteError
            If not as many came as there are, what there is changed meanwhile, or it has no end.
        SourceError
            If it cannot be asked.
        SchemaError
            If a page is not as documented, or there are too many features.
        """
        seen: set[str] = set()
        n_rows = n_pages = 0
        n_matched: int | None = None
        while n_matched is None or n_rows < n_matched:
            page = self._page(question, n_rows)
            n_pages += 1
            n_matched = page.n_matched if n_matched is None else n_matched
            self._check(page, n_matched, n_rows, n_pages, seen)
            yield page
            n_rows += page.n_rows
            seen |= page.ids
        LOG.info("%s: %d features of %s, %d pages", self.source, n_rows, self.base_url, n_pages)

    @contextlib.contextmanager
    def trusted(self) -> Iterator[None]:
        """Ask anew next time for pages that turn out, in the block, to be of no use."""
        try:
            yield
        except (SchemaError, IncompleteError):
            for note in self.folder.rglob("*.read.json"):
                _forget(note)
            raise

    def _collections(self, content: bytes, asked_at: datetime) -> list[str]:
        del asked_at
        name = f"{self.source} (collections)"
        document = strict_json(content, name=name)
        listed = document.get("collections") if isinstance(document, dict) else None
        ids = [_id(entry) for entry in listed] if isinstance(listed, list) else []
        if not isinstance(listed, list) or None in ids:
            raise SchemaError(name, ["it is no list of collections, each with its id"], _KEPT)
        return [each for each in ids if each is not None]

    def _page(self, question: Question, offset: int) -> Page:
        paging = {"limit": str(ROWS_A_PAGE), "offset": str(offset)}
        query = urlencode({"f": "json", "bbox": question.box.query(), **paging}, safe=",")
        collection = quote(question.collection, safe="/")
        url = f"{self.base_url}/collections/{collection}/items?{query}"
        path = self.folder / quote(question.collection, safe="") / f"page-{offset}.json"
        name = f"{self.source} ({question.collection}, from feature {offset})"

        def read(content: bytes, asked_at: datetime) -> Page:
            return read_page(content, question, asked_at=asked_at, name=name)

        return self._read(url, path, read)

    def _read(self, url: str, path: Path, read: Callable[[bytes, datetime], ReadT]) -> ReadT:
        """Ask, unless what was had and read the last time is fresh enough."""
        asked_at = self._asked_at(url, path)
        if asked_at is not None:
            return read(path.read_bytes(), asked_at)
        self.downloader.get(self.source, url, path)
        result = read(path.read_bytes(), self.now)
        # Noted only once it was read: a page that is of no use must be asked for again.
        _write_note(path, url, self.now)
        return result

    def _asked_at(self, url: str, path: Path) -> datetime | None:
        """Return when a page was asked for that is held, whole and fresh."""
        said = _noted(_note(path))
        try:
            asked_at = datetime.fromisoformat(said["asked_at"])
            is_it = said["url"] == url and said["sha256"] == _digest(path)
        except (OSError, KeyError, TypeError, ValueError):
            return None
        is_fresh = timedelta() <= self.now - asked_at < FRESH_FOR
        return asked_at if is_it and is_fresh else None

    def _check(
        self, page: Page, n_matched: int, n_before: int, n_pages: int, seen: set[str]
    ) -> None:
        """Refuse a page after which the answer cannot become whole."""
        if n_matched > MOST_FEATURES:
            fault = f"it holds {n_matched:,} features, more than {MOST_FEATURES:,}"
            raise SchemaError(self.source, [fault], _KEPT)
        if page.n_matched != n_matched:
            raise self.refusal(
                f"there were {n_matched:,} features, and {page.n_matched:,} a page later"
            )
        n_now = n_before + page.n_rows
        if not page.n_rows and n_now < n_matched:
            raise self.refusal(f"it ends after {n_now:,} of {n_matched:,} features")
        if n_now > n_matched:
            raise self.refusal(f"it holds {n_now:,} features and says {n_matched:,}")
        if page.ids and page.ids <= seen:
            raise self.refusal(f"page {n_pages} brings nothing that was not had before")
        if page.ids & seen:
            raise self.refusal(
                f"page {n_pages} repeats {len(page.ids & seen)} features, so as many are missing"
            )
        n_left = n_pages + (n_matched - n_now) / max(page.n_rows, 1)
        if n_left > MOST_PAGES:
            raise self.refusal(
                f"it gives {page.n_rows} of {n_matched:,} features at a time, which would take "
                f"more than {MOST_PAGES} pages"
            )

    def refusal(self, rule: str) -> IncompleteError:
        """
        Return why an answer is not believed.

        Parameters
        ----------
        rule
            What it breaks.

        Returns
        -------
        error
            To be raised inside `trusted`.
        """
        return IncompleteError(
            self.source,
            f"its answer is not whole: {rule}",
            _KEPT,
            url=self.base_url,
            retryable=True,
        )


def service(spec: SourceSpec, errand: Errand, base_url: str) -> Service:
    """
    Return the server of a source, to be asked on an errand.

    Parameters
    ----------
    spec
        The source.
    errand
        With the way out.
    base_url
        What `base_url` returns.

    Returns
    -------
    service
        With answers kept in a folder of the source's own.

    Raises
    ------
    SourceError
        If there is no way out on this installation.
    """
    return Service(
        source=spec.name,
        base_url=base_url,
        downloader=errand.way_out(spec),
        folder=errand.folder / spec.name / "answer",
        now=errand.now,
    )


def base_url(spec: SourceSpec, default: str = "") -> str:
    """
    Return where the server of a source answers.

    Parameters
    ----------
    spec
        The source; its option ``base_url``.
    default
        If it names none; empty if it must.

    Returns
    -------
    url
        Without a slash at the end.

    Raises
    ------
    ConfigError
        If none is named, or it is no web address.
    """
    url = spec.options.get("base_url", default)
    if not isinstance(url, str) or not urlsplit(url).netloc:
        raise ConfigError(
            f"source {spec.name}",
            f'its base_url "{url}" is no web address',
            "Write it like https://ogcapi.example.org in the area file",
        )
    return url.rstrip("/")


def host_rules(url: str) -> dict[str, HostRule]:
    """
    Return how a server may be asked.

    Parameters
    ----------
    url
        What `base_url` returns.

    Returns
    -------
    rules
        By server, such as "ogcapi.bgs.ac.uk".
    """
    return {urlsplit(url).netloc: RULE}


def _id(entry: object) -> str | None:
    found = entry.get("id") if isinstance(entry, dict) else None
    return found if isinstance(found, str) and found else None


# ── What was had and read already ────────────────────────────────────────────────────────────


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.read.json")


def _noted(note: Path) -> Mapping[str, Any]:
    try:
        said = json.loads(note.read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _write_note(path: Path, url: str, now: datetime) -> None:
    said = {"url": url, "sha256": _digest(path), "asked_at": now.astimezone(UTC).isoformat()}
    with contextlib.suppress(OSError):  # then the next run asks again
        _note(path).write_text(json.dumps(said, indent=1), encoding="utf-8")


def _forget(note: Path) -> None:
    with contextlib.suppress(OSError):
        note.unlink()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
