"""Where the pages of an Idox register are now: links to hosts that it has left, made anew."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from sinkwatch.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from sinkwatch.model import SourceSpec

SUMMARY_PAGE: Final = "applicationDetails.do"
"""The page of one application, on every release of Idox Public Access."""

_KEY_VAL: Final = re.compile(r"[A-Za-z0-9_]{5,40}", re.ASCII)
_FOLDER: Final = re.compile(r"https?://[^/?#@\s]+(?:/[A-Za-z0-9._~-]+)*/", re.ASCII)
_LONGEST: Final = 2_000


class Portal(BaseModel):
    """
    One council's register, where it answers now and where it once did.

    Attributes
    ----------
    base_url
        Folder of its pages, with the slash at the end.
    retired_hosts
        Servers that it has left, such as "uniformonline.harrogate.gov.uk".
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str
    retired_hosts: tuple[str, ...] = Field(default=())

    @field_validator("base_url")
    @classmethod
    def _is_folder(cls, value: str) -> str:
        if not _FOLDER.fullmatch(value):
            raise ValueError("is not the address of a folder, like https://council.example/a/")
        return value

    @field_validator("retired_hosts")
    @classmethod
    def _in_lower_case(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(host.casefold() for host in value)


_PORTALS: Final = TypeAdapter(list[Portal])


def portals(spec: SourceSpec) -> tuple[Portal, ...]:
    """
    Return the registers that a source's links may lead to.

    Parameters
    ----------
    spec
        The source; its option ``idox`` is one table with ``base_url`` and ``retired_hosts``, or
        a list of them.

    Returns
    -------
    portals
        None if the option is not given.

    Raises
    ------
    ConfigError
        If the option is not understood.
    """
    option = spec.options.get("idox", [])
    try:
        return tuple(_PORTALS.validate_python([option] if isinstance(option, dict) else option))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise ConfigError(
            f"source {spec.name}",
            f"its option idox is not understood ({where}: {fault['msg']})",
            'Write idox = { base_url = "https://…/online-applications/", retired_hosts = ["…"] }',
        ) from error


def key_val(url: str) -> str:
    """
    Return the key under which Idox keeps an application, out of a link to it.

    Parameters
    ----------
    url
        Such as "https://council.example/online-applications/applicationDetails.do?keyVal=K".

    Returns
    -------
    key
        Letters, digits and underscores; empty if the link leads to no application.

    Examples
    --------
    >>> key_val("https://old.example/a/applicationDetails.do?activeTab=map&keyVal=ABCDEFGHIJK00")
    'ABCDEFGHIJK00'
    """
    if len(url) > _LONGEST:
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:  # such as a host in brackets that is no address
        return ""
    keys = parse_qs(parts.query).get("keyVal", [])
    is_one = parts.path.rpartition("/")[2] == SUMMARY_PAGE and len(keys) == 1
    return keys[0] if is_one and _KEY_VAL.fullmatch(keys[0]) else ""


def rebuilt(url: str, base_url: str) -> str:
    """
    Return the link to the same application at the place where the register is now.

    The keys of applications have outlived the moves of registers where that was tried.

    Parameters
    ----------
    url
        Link to the application at a host that the register has left.
    base_url
        Folder of the register's pages, with the slash at the end.

    Returns
    -------
    url
        Link to its summary; the form to search for it by reference if the old link names none.

    Examples
    --------
    >>> rebuilt("https://old.example/a/applicationDetails.do?keyVal=ABCDEFGHIJK00", "https://new.example/b/")
    'https://new.example/b/applicationDetails.do?activeTab=summary&keyVal=ABCDEFGHIJK00'
    """
    key = key_val(url)
    if not key:
        return urljoin(base_url, "search.do?action=simple")
    query = urlencode({"activeTab": "summary", "keyVal": key})
    return urljoin(base_url, f"{SUMMARY_PAGE}?{query}")


def relinked(table: pd.DataFrame, spec: SourceSpec) -> pd.DataFrame:
    """
    Make every link of a table to a host that a register has left anew.

    Parameters
    ----------
    table
        Applications; its column `url`, if it has one, holds text.
    spec
        The source; see `portals`.

    Returns
    -------
    table
        New table, or the same if there is nothing to do.
    """
    moved = {host: portal.base_url for portal in portals(spec) for host in portal.retired_hosts}
    if not moved or "url" not in table.columns:
        return table

    def now(url: str) -> str:
        base_url = moved.get(host_of(url))
        return url if base_url is None else rebuilt(url, base_url)

    return table.assign(url=table["url"].map(now, na_action="ignore").astype("str"))


def host_of(url: str) -> str:
    """
    Return the server of a link, in lower case.

    Parameters
    ----------
    url
        The link.

    Returns
    -------
    host
        Its name without port; empty if there is none.
    """
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
