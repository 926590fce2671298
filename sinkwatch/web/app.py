"""The application put together: gate, pages, published site, and what each error answers."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.routing import Match, Route

from sinkwatch import __version__
from sinkwatch.errors import LimitError, SinkwatchError, StoreError
from sinkwatch.web.desk import Desk, hosts
from sinkwatch.web.gate import Gate
from sinkwatch.web.outlook import Outlook
from sinkwatch.web.pages import Pages
from sinkwatch.web.published import Published
from sinkwatch.web.routes import about, links, managing, subscribing
from sinkwatch.web.turnstile import Turnstile

if TYPE_CHECKING:
    from sinkwatch.services import Services
    from sinkwatch.store import Store

LOG = logging.getLogger(__name__)

LOOKS: Final = (30, timedelta(minutes=10))
"""Previews and maps of one client: each takes us a quarter of a second of work."""

_BUSY_S: Final = 30
"""After how long to come back when the database was busy, seconds."""

_PROBLEMS: Final = {
    400: ("This address is not ours", "Type our address into your browser anew."),
    403: ("That form came from another site", "Open the page here, and send the form from there."),
    404: ("There is no such page", "Check the address, or begin at one of the links below."),
    405: ("That cannot be done here", "Begin at one of the links below."),
    408: ("That took too long to arrive", "Please send it again."),
    413: ("That was too much", "A form of ours never holds more than a few lines."),
    422: ("Something in the address is wrong", "Begin at one of the links below."),
    429: ("Too many requests for now", "We take only so many from one place. Come back later."),
    500: ("Something went wrong with us", "It has been noted. Please try again in a few minutes."),
    503: ("This cannot be done just now", "Nothing was changed. Please come back later."),
}
"""Each status as a person is told of it: a heading and what to do."""


_ROUTERS: Final = (subscribing.ROUTER, links.ROUTER, managing.ROUTER, about.ROUTER)


def create_app(
    services: Services,
    *,
    beside: Callable[[Desk], contextlib.AbstractContextManager[object]] | None = None,
) -> FastAPI:
    """
    Put the service together; nothing is opened until it starts.

    Parameters
    ----------
    services
        Settings, area, clock, secret.
    beside
        What runs as long as the service does, such as `post.Post`; None for nothing.

    Returns
    -------
    app
        For uvicorn.
    """
    app = FastAPI(
        title=f"{services.area.name} Sinkwatch",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=functools.partial(_lifespan, services, beside),
    )
    for router in _ROUTERS:
        app.include_router(router)
    app.router.default = Published(services.settings.maps_folder)
    pages = Pages.of(services.settings, services.area)
    app.state.pages = pages
    app.add_middleware(
        Gate,
        hosts=hosts(services.settings),
        refusal=functools.partial(_problem, pages),
    )
    for kind, answer in _ANSWERS.items():
        app.add_exception_handler(kind, functools.partial(_answered, pages, answer))
    app.openapi = functools.partial(_described, app)  # type: ignore[method-assign]
    return app


@contextlib.asynccontextmanager
async def _lifespan(
    services: Services,
    beside: Callable[[Desk], contextlib.AbstractContextManager[object]] | None,
    app: FastAPI,
) -> AsyncIterator[None]:
    """Open the store for as long as the service runs."""
    with services.store() as store:
        app.state.desk = desk = _desk(services, store, app.state.pages)
        with beside(desk) if beside is not None else contextlib.nullcontext():
            yield


def _desk(services: Services, store: Store, pages: Pages) -> Desk:
    most, within = LOOKS
    return Desk(
        services=services,
        store=store,
        pages=pages,
        looks=Turnstile(most, within, services.clock),
        outlook=Outlook(services, store),
    )


# ── Errors ───────────────────────────────────────────────────────────────────────────────────


def _problem(pages: Pages, status: int, headers: dict[str, str] | None = None) -> HTMLResponse:
    heading, advice = _PROBLEMS.get(status, _PROBLEMS[HTTPStatus.INTERNAL_SERVER_ERROR])
    html = pages.render("problem", heading=heading, advice=advice)
    return HTMLResponse(html, status, headers)


def _of_http(pages: Pages, request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
    if error.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        return HTMLResponse(pages.render("unpublished"), error.status_code, headers)
    return _problem(pages, error.status_code, headers)


def _allowed(request: Request) -> list[str]:
    """Return every method that some route takes for this path."""
    routes = [route for router in _ROUTERS for route in router.routes if isinstance(route, Route)]
    found = {
        method
        for route in routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    # The published site has all other paths; and a HEAD is answered wherever a GET is.
    return sorted(found | {"HEAD"} if "GET" in found else found or {"GET", "HEAD"})


def _of_input(pages: Pages, request: Request, error: RequestValidationError) -> Response:
    del request, error  # its own words repeat what was typed
    return _problem(pages, HTTPStatus.UNPROCESSABLE_ENTITY)


def _of_limit(pages: Pages, request: Request, error: LimitError) -> Response:
    del request
    status = HTTPStatus.SERVICE_UNAVAILABLE if error.is_closed else HTTPStatus.TOO_MANY_REQUESTS
    return _problem(pages, status, {"Retry-After": str(error.retry_after_s)})


def _of_store(pages: Pages, request: Request, error: StoreError) -> Response:
    del request
    LOG.error("%s", error)
    return _problem(pages, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": str(_BUSY_S)})


def _of_us(pages: Pages, request: Request, error: SinkwatchError) -> Response:
    del request
    LOG.error("%s", error)
    return _problem(pages, HTTPStatus.INTERNAL_SERVER_ERROR)


_ANSWERS: Final[dict[type[Exception], Callable[..., Response]]] = {
    HTTPException: _of_http,
    RequestValidationError: _of_input,
    LimitError: _of_limit,
    StoreError: _of_store,
    SinkwatchError: _of_us,
}
"""The one table from errors to what the outside is answered."""


async def _answered(
    pages: Pages, answer: Callable[..., Response], request: Request, error: Exception
) -> Response:
    return answer(pages, request, error)


# ── Description ──────────────────────────────────────────────────────────────────────────────


def _described(app: FastAPI) -> dict[str, Any]:
    """Describe the service; without FastAPI's own 422 in JSON, which no page of ours answers."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, routes=app.routes)
        for unused in ("HTTPValidationError", "ValidationError"):
            found["components"]["schemas"].pop(unused, None)
        for operations in found["paths"].values():
            for operation in operations.values():
                unsaid = operation["responses"].get("422", {}).get("content", {})
                if "application/json" in unsaid:
                    del operation["responses"]["422"]
        app.openapi_schema = found
    return app.openapi_schema
