"""The headers that every answer bears, and whether a form was sent from a page of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.datastructures import Headers

PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "object-src 'none'; frame-ancestors 'none'"
)
"""What a page of the service may load: its style sheet, its pictures, no script (sinkwatch web
rules)."""

EVERYWHERE: Final[Mapping[str, str]] = {
    "Content-Security-Policy": PAGE_POLICY,
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Headers of an answer that sets none of that name itself (sinkwatch web rules)."""

TOKEN_PAGES: Final[Mapping[str, str]] = {
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Headers of every answer whose address holds a token: no one else is to learn it."""

_OURS: Final = frozenset({"same-origin"})


def is_from_our_page(headers: Headers, origins: frozenset[str]) -> bool:
    """
    Tell whether a form comes from a page of this service, as far as its browser says.

    Parameters
    ----------
    headers
        Of the request.
    origins
        Origins under which the service answers, such as ``https://example.org``.

    Returns
    -------
    is_ours
        False if the browser says otherwise, or says nothing at all.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is None and origin is None:
        return False
    return (site is None or site in _OURS) and (origin is None or origin.lower() in origins)


def is_not_from_elsewhere(headers: Headers, origins: frozenset[str]) -> bool:
    """
    Tell whether a form to an address with a token may act: only another's page is refused.

    The token itself cannot be guessed; and from a page that sends no referrer, a browser gives its
    origin as ``null``.

    Parameters
    ----------
    headers
        Of the request.
    origins
        Origins under which the service answers.

    Returns
    -------
    may_act
        False if the browser names another origin.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    is_same_site = site is None or site in _OURS
    return is_same_site and (origin is None or origin.lower() in origins | {"null"})
