"""How the site is served: headers by path and kinds of file, alike on every kind of host."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sinkwatch.errors import ConfigError
from sinkwatch.publish import assets, frame, locations, release

KINDS: Final[Mapping[str, str]] = {
    ".atom": "application/atom+xml",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".geojson": "application/geo+json",
    ".gpkg": "application/geopackage+sqlite3",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".pmtiles": "application/vnd.pmtiles",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".xml": "application/xml",
}
"""Media type of each kind of file that a site may hold, by the end of its name."""

ANY_KIND: Final = "application/octet-stream"

COMPRESSED: Final = frozenset(KINDS) - {".gpkg", ".pdf", ".pmtiles", ".png"}
"""Ends of names of text, which is worth compressing. The others are packed already, or read in
parts, which a compressed answer has none of."""

LEAST_COMPRESSED: Final = 500
"""Bytes below which compressing saves nothing."""

ALWAYS: Final[Mapping[str, str]] = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    # The map has a button "where am I"; nothing else of a reader's device is ever asked for.
    "Permissions-Policy": "geolocation=(self), camera=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Headers of every file of the site, the same for all (sinkwatch web rules)."""

POLICY: Final = "Content-Security-Policy"
CACHING: Final = "Cache-Control"

_FROM_ANYWHERE: Final = {"Cross-Origin-Resource-Policy": "cross-origin"}
_FOR_SCRIPTS: Final = {"Access-Control-Allow-Origin": "*"}

BY_FOLDER: Final[Mapping[str, Mapping[str, str]]] = {
    # A page says in its head what it may load; who may frame it counts in a header only.
    "": {
        POLICY: "frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        CACHING: "no-cache",
    },
    # Public data: a newsroom's own script may fetch it, and its page show our pictures.
    f"{locations.DATA}/": {**_FROM_ANYWHERE, **_FOR_SCRIPTS},
    f"{locations.FEEDS}/": {**_FROM_ANYWHERE, **_FOR_SCRIPTS},
    "pictures/": _FROM_ANYWHERE,
    # The only pages that may stand in another site's. There is no X-Frame-Options anywhere: it
    # cannot say "all", and what knows it knows `frame-ancestors` too.
    f"{locations.EMBED}/": {POLICY: "frame-ancestors *", **_FROM_ANYWHERE},
    f"{locations.OEMBED}/": _FOR_SCRIPTS,
}
"""Headers that differ, by the folder below which they hold: a later folder goes before an earlier
one. A folder inside another only adds headers, since static hosts join what two rules give."""

LASTING: Final = "public, max-age=31536000, immutable"
"""How long a file is kept whose name changes with what it holds."""

ASSETS: Final = "assets/"
NAMED_BY_HASH: Final = rf"-[0-9a-f]{{{assets.HASH_LENGTH}}}\.(?:css|js)$"
"""End of the name of such a file, in that folder."""

SERVICE: Final = ("/confirm/", "/m/", "/static-", "/subscribe", "/u/")
SERVICE_PAGES: Final = ("/privacy", "/why")
"""Beginnings of the paths that `sinkwatch serve` answers itself, and those that are one page.
`/health` and `/metrics` are for the operator and stay behind the host."""

_HASHED: Final = re.compile(NAMED_BY_HASH)
_FOLDER: Final = re.compile(r"/[\w ./+@,=~-]*")
_HOST: Final = re.compile(r"[a-z0-9.-]+|\[[0-9a-f:]+\]")
_BASE: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_HTTPS: Final = 443


class Host(StrEnum):
    """Kinds of host for which there is a configuration."""

    NGINX = "nginx"
    CADDY = "caddy"
    NETLIFY = "netlify"
    GITHUB_PAGES = "github-pages"


_TEMPLATES: Final = {
    Host.NGINX: "hosts/nginx.conf",
    Host.CADDY: "hosts/Caddyfile",
    Host.NETLIFY: "hosts/netlify.toml",
    Host.GITHUB_PAGES: "hosts/github-pages.yml",
}


def headers_of(path: str) -> dict[str, str]:
    """
    Return the headers of a file, but for its kind and what a page says of itself.

    Parameters
    ----------
    path
        Inside the site, such as "records/RS009/index.html".

    Returns
    -------
    headers
        By name.
    """
    headers = dict(ALWAYS)
    for folder, added in BY_FOLDER.items():
        if path.startswith(folder):
            headers |= added
    if is_lasting(path):
        headers[CACHING] = LASTING
    return headers


def is_lasting(path: str) -> bool:
    """
    Tell whether a file's name changes whenever its content does.

    Parameters
    ----------
    path
        Inside the site.

    Returns
    -------
    is_lasting
        False for a page, whose address stays.
    """
    return path.startswith(ASSETS) and _HASHED.search(path) is not None


def headers_file(paths: Iterable[str]) -> bytes:
    """
    Write the headers as Netlify, Cloudflare Pages and their like read them from ``_headers``.

    They join the values of all rules that match a path: one folder's rule must not repeat a header
    of another's. So the rules are one for all, one for each folder and file at the top, and one
    for each asset, whose folder says nothing of how long they are kept.

    Parameters
    ----------
    paths
        Of all files of the site.

    Returns
    -------
    text
        In UTF-8.
    """
    listed = sorted(paths)
    tops = sorted({path.partition("/")[0] + "/" * ("/" in path) for path in listed})
    rules: dict[str, Mapping[str, str]] = {"/*": ALWAYS, "/": _differing("")}
    for top in tops:
        if top == ASSETS:
            rules[f"/{top}*"] = _without(_differing(top), CACHING)
        elif top.endswith("/"):
            rules[f"/{top}*"] = _differing(top)
        elif not top.startswith("."):
            # Some of these hosts move a page to its name without the end.
            rules |= dict.fromkeys((f"/{top}", f"/{top.removesuffix('.html')}"), _differing(top))
    for folder, added in BY_FOLDER.items():
        if folder.count("/") > 1:
            rules[f"/{folder}*"] = added
    for path in listed:
        if path.startswith(ASSETS):
            rules[f"/{path}"] = {CACHING: headers_of(path)[CACHING]}
    blocks = [
        "\n".join([pattern, *(f"  {name}: {value}" for name, value in headers.items())])
        for pattern, headers in rules.items()
    ]
    return ("\n".join(blocks) + "\n").encode()


def configuration(host: Host, *, public_url: str, maps_folder: Path) -> str:
    """
    Write what a host needs in order to serve the site.

    Parameters
    ----------
    host
        Which kind.
    public_url
        Address of the site without a closing slash.
    maps_folder
        Where releases are kept.

    Returns
    -------
    text
        A file for that host.

    Raises
    ------
    ConfigError
        If the address or the folder holds characters that would mean something else there.
    """
    address = urlsplit(public_url)
    current = str(maps_folder.resolve() / release.CURRENT)
    _check(address.hostname or "", _HOST, "public_url", "letters, digits, dots and hyphens")
    _check(address.path, _BASE, "public_url", "folders of letters, digits, dots and hyphens")
    _check(current, _FOLDER, "maps_folder", "a path without quotes, $, braces or the like")
    plain = sorted({KINDS[suffix].partition(";")[0] for suffix in COMPRESSED})
    template = frame.environment().get_template(_TEMPLATES[host])
    return template.render(
        public_url=public_url,
        name=address.hostname,
        port=address.port or _HTTPS,
        base=address.path,
        current=current,
        always=ALWAYS,
        by_folder=BY_FOLDER,
        differing=sorted({name for headers in BY_FOLDER.values() for name in headers}),
        kinds={suffix: kind.partition(";")[0] for suffix, kind in KINDS.items()},
        full_kinds=KINDS,
        any_kind=ANY_KIND,
        suffixes=sorted(COMPRESSED),
        compressed=plain,
        least_compressed=LEAST_COMPRESSED,
        with_charset=[kind for kind in plain if kind.startswith("text/")],
        lasting=LASTING,
        caching=CACHING,
        hashed=f"/{ASSETS}[^/]+{NAMED_BY_HASH}",
        service=SERVICE,
        service_pages=SERVICE_PAGES,
    )


def _check(value: str, rule: re.Pattern[str], setting: str, must: str) -> None:
    if not rule.fullmatch(value):
        raise ConfigError(
            setting, f"{value} must be {must} to stand in a host's configuration", "Change it"
        )


def _differing(top: str) -> dict[str, str]:
    """Return the headers of a file or folder at the top that are not those of all."""
    return _without(headers_of(top), *ALWAYS)


def _without(headers: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in names}
