"""What every page works with, and the answers that pages and refusals share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from sinkwatch.web import clients, headers, stamp
from sinkwatch.web.forms import Typed, typed

if TYPE_CHECKING:
    from datetime import datetime

    from sinkwatch.config import Settings
    from sinkwatch.services import Services
    from sinkwatch.store import Store
    from sinkwatch.web.outlook import Outlook
    from sinkwatch.web.pages import Pages
    from sinkwatch.web.stamp import Verdict
    from sinkwatch.web.turnstile import Turnstile


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """
    What the pages work with.

    Attributes
    ----------
    services
        Clock, secret, settings and area.
    store
        Open as long as the service runs.
    pages
        Turns what is found into HTML.
    looks
        Bounds what one client may look at that costs us work.
    outlook
        What somebody would have been told.
    """

    services: Services
    store: Store
    pages: Pages
    looks: Turnstile
    outlook: Outlook

    def now(self) -> datetime:
        """Return the present time, UTC."""
        return self.services.clock()

    def stamp(self) -> str:
        """Return the stamp of a form that is handed out now."""
        return stamp.made(self.services.sender().signer, self.now())

    def verdict(self, given: str) -> Verdict:
        """
        Judge a form by the time it took.

        Parameters
        ----------
        given
            Its stamp.

        Returns
        -------
        verdict
            Good, too soon or too late.
        """
        return stamp.judge(self.services.sender().signer, given, self.now())


def hosts(settings: Settings) -> frozenset[str]:
    """
    Return the names under which the service answers.

    Parameters
    ----------
    settings
        Of the installation.

    Returns
    -------
    hosts
        Lower case, without a port.
    """
    own = urlsplit(settings.public_url).hostname or ""
    return frozenset(name.lower() for name in (own, *settings.serve_hosts))


def origins(request: Request) -> frozenset[str]:
    """
    Return the origins whose forms may act on this request.

    Parameters
    ----------
    request
        To a name that the gate has let through.

    Returns
    -------
    origins
        That of the public address, and that under which this request came if it is another.
    """
    desk: Desk = request.app.state.desk
    public = urlsplit(desk.services.settings.public_url)
    host = request.headers["host"].lower()
    return frozenset({f"https://{public.netloc.lower()}", f"https://{host}", f"http://{host}"})


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _client(request: Request) -> str:
    desk: Desk = request.app.state.desk
    peer = request.client.host if request.client else ""
    trusted = clients.networks(desk.services.settings.trusted_proxies)
    return clients.client(peer, request.headers.getlist("x-forwarded-for"), trusted)


def our_page(request: Request) -> None:
    """
    Refuse a form that another site has sent.

    Parameters
    ----------
    request
        A POST.

    Raises
    ------
    HTTPException
        If its browser does not say that it comes from a page of ours, 403.
    """
    if not headers.is_from_our_page(request.headers, origins(request)):
        raise HTTPException(HTTPStatus.FORBIDDEN)


def not_elsewhere(request: Request) -> None:
    """
    Refuse a form that another site has sent to an address with a token.

    Parameters
    ----------
    request
        A POST.

    Raises
    ------
    HTTPException
        If its browser says that it comes from elsewhere, 403.
    """
    if not headers.is_not_from_elsewhere(request.headers, origins(request)):
        raise HTTPException(HTTPStatus.FORBIDDEN)


AtDesk = Annotated[Desk, Depends(_desk)]
"""The desk, handed to a route."""

FromClient = Annotated[str, Depends(_client)]
"""The network that a request comes from, handed to a route."""

AsTyped = Annotated[Typed, Depends(typed)]
"""The fields of a form, handed to a route."""

OUR_PAGE: Final = Depends(our_page)
NOT_ELSEWHERE: Final = Depends(not_elsewhere)

_SAID: Final = {
    200: "A page",
    400: "Not a request that can be read",
    403: "The form was sent from another site",
    404: "No such page, or a link that is damaged or too old",
    405: "That page takes no such method",
    408: "The request took too long to arrive",
    413: "More than 8 KiB",
    422: "Something in the form is missing or wrong; the page says what",
    429: "Too many requests from one client; Retry-After says when",
    500: "A fault of ours",
    503: "Not just now; Retry-After says when",
}

ALWAYS: Final = (400, 405, 408, 413, 500)
"""Statuses that any address may answer with."""


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """
    Describe the statuses that a page answers with, for OpenAPI.

    Parameters
    ----------
    *statuses
        Besides those that any page has.

    Returns
    -------
    responses
        Each an HTML page.
    """
    return {status: said(status) for status in sorted({*statuses, *ALWAYS})}


def said(status: int) -> dict[str, Any]:
    """
    Describe one status.

    Parameters
    ----------
    status
        HTTP status.

    Returns
    -------
    response
        An HTML page, with Retry-After where the client has to wait.
    """
    described: dict[str, Any] = {
        "description": _SAID[status],
        "content": {"text/html": {"schema": {"type": "string"}}},
    }
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        described["headers"] = {
            "Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}
        }
    return described


def page(
    desk: Desk,
    name: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **facts: Any,  # noqa: ANN401 - whatever the page shows
) -> HTMLResponse:
    """
    Answer with a page.

    Parameters
    ----------
    desk
        With the templates.
    name
        Of the template.
    status
        HTTP status.
    headers
        Besides those that every answer bears.
    **facts
        What the page shows.

    Returns
    -------
    response
        HTML.
    """
    return HTMLResponse(desk.pages.render(name, **facts), status, headers=dict(headers or {}))
