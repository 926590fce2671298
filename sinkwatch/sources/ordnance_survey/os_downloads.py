"""The OS Downloads API, which gives away OS's open products and two of BGS's: what is new there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sinkwatch import __version__
from sinkwatch.errors import ConfigError, SchemaError, SourceError
from sinkwatch.sources.outside.politeness import HostRule
from sinkwatch.sources.outside.receipts import Expected
from sinkwatch.sources.strict_json import strict_json

if TYPE_CHECKING:
    from sinkwatch.model import Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand

LOG = logging.getLogger(__name__)

_SAFE: Final = "%/:?#[]@!$&'()*+,;=~"
"""What may stand in an address as it is; the sign in "ESRI® Shapefile" may not."""

BASE_URL: Final = "https://api.os.uk/downloads/v1"
"""Where the OS Downloads API answers, unless the area file says otherwise."""

MOST_BYTES: Final = 4_000_000_000
"""Largest file taken, bytes: the largest product used here, OS Open UPRN, is some 600 MB."""

MOST_JSON_BYTES: Final = 5_000_000
"""Largest description taken, bytes; those of one product are a few kB."""

RULE: Final = HostRule(spacing_s=1, most_bytes=MOST_BYTES, least_bytes_per_s=100_000)
"""OS gives no rate; its products change four to eight times a year, so there is little to ask.
At 100 kB/s its largest file takes under two hours; slower than that is not waited for."""

_AHEAD: Final = timedelta(days=31)  # a release may bear the name of the month it is meant for
_MOST_FAULTS: Final = 3
_SERVER: Final = re.compile(r"[a-z0-9.-]+(:\d+)?", re.ASCII)
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9]+")
_WAY_OUT: Final = "What is held stays in use; the next run asks again"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """
    One file of a product.

    Attributes
    ----------
    product
        Id of the product, such as "CodePointOpen".
    area
        Which part of the country, such as "GB" or "SE".
    file_format, subformat
        In OS's words, such as "CSV"; no subformat if the format has none.
    """

    product: str
    area: str
    file_format: str
    subformat: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """
    One file, on disk and whole.

    Attributes
    ----------
    path
        Where it lies; by its name alone nothing can be told of what it holds.
    edition
        Release of the product, such as "2026-08"; for a file given by hand, what the area file
        says, or else the first figures of its SHA-256.
    url
        Where it came from: a file name for one given by hand.
    sha256
        Of its bytes, hexadecimal.
    """

    path: Path
    edition: str
    url: str
    sha256: str


def host_rules(spec: SourceSpec) -> dict[str, HostRule]:
    """
    Return the servers that a source asks, and how each may be asked.

    Parameters
    ----------
    spec
        The source; its option ``base_url`` may name another than OS's own, and
        ``download_hosts`` the servers to which OS sends those who want a file.

    Returns
    -------
    rules
        By server, such as "api.os.uk".

    Raises
    ------
    ConfigError
        If ``download_hosts`` is no list of server names.
    """
    said = spec.options.get("download_hosts", ())
    if not isinstance(said, list | tuple) or not all(
        isinstance(host, str) and _SERVER.fullmatch(host) for host in said
    ):
        raise ConfigError(
            f"source {spec.name}",
            f"its download_hosts {said} is no list of server names",
            'Write it like ["files.example"]',
        )
    return dict.fromkeys((urlsplit(spec.address(BASE_URL)).netloc, *said), RULE)


def unchanged(spec: SourceSpec, errand: Errand, product: str) -> Snapshot | None:
    """
    Ask which release of a product is the newest, and tell whether the copy held was made of it.

    A connector calls this first; only if there is nothing to keep does it call `fetched` and make
    a copy anew. So it does if the bounds of the area, an option of the source or sinkwatch itself
    has changed since, or if the last try to make one came to nothing.

    Parameters
    ----------
    spec
        The source. If it names a file given by hand, nobody is asked: that file is the release.
    errand
        With the way out, and the copy held.
    product
        Id of the product, such as "CodePointOpen".

    Returns
    -------
    snapshot
        The copy held, checked now; None if there is none, or it was made of something else.

    Raises
    ------
    SourceError
        If it cannot be asked, or the file given by hand cannot be read.
    SchemaError
        If the answer is not as documented.
    """
    held = errand.held
    if held is None:
        return None
    note = _noted(spec, errand, product)
    if spec.path is None:
        edition = _version(spec, errand, product)
        is_it = note is not None and note.edition == edition
    else:
        sha256 = _sha256(spec, spec.path)
        edition = _edition_by_hand(spec, sha256)
        is_it = note is not None and note.sha256 == sha256
    if (
        note is None
        or not is_it
        or held.edition != edition
        or note.recipe != _recipe(spec, errand)
        # Else it was fetched later, and no copy could be made of it.
        or held.checked_at < note.fetched_at.replace(microsecond=0)
    ):
        return None
    LOG.info("%s: %s %s is held", spec.name, product, edition)
    with contextlib.suppress(OSError):  # in use, however old: `snapshots.prune` looks at its time
        _note_path(spec, errand, product).touch()
    return replace(held, checked_at=errand.now, licence=spec.licence, attribution=spec.attribution)


def fetched(spec: SourceSpec, errand: Errand, wanted: Wanted) -> Fetched:
    """
    Get one file of the newest release of a product; one that lies here whole is not sent again.

    Parameters
    ----------
    spec
        The source. If it names a file given by hand, nobody is asked and that file is taken.
    errand
        With the way out.
    wanted
        The file.

    Returns
    -------
    fetched
        Of the length and the MD5 that OS states.

    Raises
    ------
    SourceError
        If it cannot be asked, offers no such file or several, or the file is not what it states.
    SchemaError
        If an answer is not as documented.
    """
    if spec.path is not None:
        sha256 = _sha256(spec, spec.path)
        edition = _edition_by_hand(spec, sha256)
        found = Fetched(path=spec.path, edition=edition, url=spec.path.name, sha256=sha256)
    else:
        edition = _version(spec, errand, wanted.product)
        offer = _offer(spec, errand, wanted)
        download = errand.way_out(spec).get(
            spec.name,
            quote(offer.url, safe=_SAFE),
            _folder(spec, errand) / f"{_stem(wanted)}.zip",
            expected=Expected(n_bytes=offer.size, md5=offer.md5.lower()),
        )
        found = Fetched(path=download.path, edition=edition, url=offer.url, sha256=download.sha256)
    _note(spec, errand, wanted.product, found)
    return found


# ── What is asked ────────────────────────────────────────────────────────────────────────────


class _Product(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    id: str
    version: Annotated[str, Field(pattern=r"^(19|20)\d\d-(0[1-9]|1[0-2])$")]


class _Offer(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    url: Annotated[str, Field(min_length=1, max_length=2_000)]
    file_name: Annotated[str, Field(alias="fileName", pattern=r"^[\w. ()-]{1,200}$")]
    size: Annotated[int, Field(gt=0, le=MOST_BYTES)]
    md5: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{32}$")]
    area: str
    format: str
    subformat: str | None = None

    def fits(self, wanted: Wanted) -> bool:
        """Tell whether it is the file wanted: a server may pass over what it does not know."""
        mine = (self.area, self.format, self.subformat or "")
        theirs = (wanted.area, wanted.file_format, wanted.subformat or self.subformat or "")
        return [word.casefold() for word in mine] == [word.casefold() for word in theirs]


_PRODUCT: Final = TypeAdapter(_Product)
_OFFERS: Final = TypeAdapter(list[_Offer])


def _version(spec: SourceSpec, errand: Errand, product: str) -> str:
    """Ask which release is the newest."""
    url = f"{spec.address(BASE_URL)}/products/{product}"
    found = _answer(spec, errand, url, _PRODUCT, f"{product}.json")
    if found.id != product:
        raise _refused(spec, url, f'it describes "{found.id[:80]}", and {product} was asked for')
    if found.version > f"{errand.now + _AHEAD:%Y-%m}":
        raise _refused(spec, url, f"its version {found.version} lies in the future")
    return found.version


def _offer(spec: SourceSpec, errand: Errand, wanted: Wanted) -> _Offer:
    """Ask where the file lies; that there is exactly one is part of the question."""
    query = {"area": wanted.area, "format": wanted.file_format}
    if wanted.subformat:
        query["subformat"] = wanted.subformat
    url = f"{spec.address(BASE_URL)}/products/{wanted.product}/downloads?{urlencode(query)}"
    offers = _answer(spec, errand, url, _OFFERS, f"{_stem(wanted)}.json")
    fitting = [offer for offer in offers if offer.fits(wanted)]
    if len(fitting) != 1:
        names = ", ".join(offer.file_name for offer in fitting[:_MOST_FAULTS])
        raise _refused(
            spec,
            url,
            f"{len(fitting)} of the {len(offers)} files that it offers are {wanted.product} for "
            f"{wanted.area} as {wanted.file_format}, and one was asked for"
            + (f": {names}" if names else ""),
        )
    return fitting[0]


def _answer(spec: SourceSpec, errand: Errand, url: str, shape: TypeAdapter[T], file_name: str) -> T:
    way_out = errand.way_out(spec)
    # The same server sends files of hundreds of megabytes; a description is never so large.
    rules = {
        host: replace(rule, most_bytes=min(rule.most_bytes, MOST_JSON_BYTES))
        for host, rule in way_out.rules.items()
    }
    download = replace(way_out, rules=rules).get(spec.name, url, _folder(spec, errand) / file_name)
    name = f"{spec.name} (answer of {urlsplit(url).path.rpartition('/products/')[2]})"
    value = strict_json(download.path.read_bytes(), name=name)
    if isinstance(value, dict) and "message" in value and "id" not in value:
        raise _refused(spec, url, f'it says "{str(value["message"])[:200]}"')
    try:
        return shape.validate_python(value)
    except ValidationError as error:
        raise SchemaError(name, _faults(error), _WAY_OUT) from error


def _faults(error: ValidationError) -> list[str]:
    found = error.errors(include_url=False, include_input=False)
    faults = [
        f"{'.'.join(str(part) for part in fault['loc']) or 'it'}: {fault['msg']}"
        for fault in found[:_MOST_FAULTS]
    ]
    more = len(found) - _MOST_FAULTS
    return [*faults, f"and {more} more"] if more > 0 else faults


def _refused(spec: SourceSpec, url: str, rule: str) -> SourceError:
    return SourceError(spec.name, rule, _WAY_OUT, url=url)


def _folder(spec: SourceSpec, errand: Errand) -> Path:
    return errand.folder / spec.name / "answer"


def _stem(wanted: Wanted) -> str:
    """Return a file name of our own: theirs may be any."""
    words = (wanted.product, wanted.area, wanted.file_format, wanted.subformat)
    return "-".join(_NOT_IN_A_NAME.sub("-", word).strip("-") for word in words if word)


# ── A file given by hand ─────────────────────────────────────────────────────────────────────


def _sha256(spec: SourceSpec, path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(
            spec.name, f"{path} cannot be read ({error.strerror})", "Check its name and rights"
        ) from error


def _edition_by_hand(spec: SourceSpec, sha256: str) -> str:
    return spec.edition or f"sha256:{sha256[:12]}"


# ── What was fetched last, and for what ──────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    edition: str
    sha256: str
    recipe: str
    fetched_at: datetime


def _recipe(spec: SourceSpec, errand: Errand) -> str:
    """Return all that a copy depends on besides the file: another asks for another copy."""
    options = json.dumps(dict(spec.options), sort_keys=True, default=str)
    return f"sinkwatch {__version__}, {errand.area.bounds.as_tuple()}, {options}"


def _note_path(spec: SourceSpec, errand: Errand, product: str) -> Path:
    return _folder(spec, errand) / f"{product}.note.json"


def _note(spec: SourceSpec, errand: Errand, product: str, found: Fetched) -> None:
    note = _Note(
        edition=found.edition,
        sha256=found.sha256,
        recipe=_recipe(spec, errand),
        fetched_at=errand.now,
    )
    path = _note_path(spec, errand, product)
    with contextlib.suppress(OSError):  # without it the next run makes the copy anew
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(
            json.dumps(asdict(note) | {"fetched_at": note.fetched_at.isoformat()}, indent=1),
            encoding="utf-8",
        )


def _noted(spec: SourceSpec, errand: Errand, product: str) -> _Note | None:
    try:
        said: Mapping[str, Any] = json.loads(_note_path(spec, errand, product).read_bytes())
        return _Note(**{**said, "fetched_at": datetime.fromisoformat(said["fetched_at"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
