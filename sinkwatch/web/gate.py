"""What every request passes before a page sees it: host, size, patience; and what is logged."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders

from sinkwatch.web import headers as our_headers

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger(__name__)

MOST_BODY_BYTES: Final = 8 * 1024
"""Of a form; ours need a tenth of it (sinkwatch web rules)."""

BODY_WITHIN_S: Final = 10.0
"""How long a form may take to arrive, seconds: ours fit into one packet or two."""

SHOWN: Final = "sinkwatch.shown"
"""Name in a request's scope of the path that may stand in the log, where no route gives one."""

_TOKEN_PATHS: Final = ("/confirm/", "/u/", "/m/")


@dataclass(frozen=True, slots=True)
class Gate:
    """
    An ASGI application round another.

    Attributes
    ----------
    app
        The pages.
    hosts
        Names under which it answers, lower case.
    refusal
        Makes the page of a status that is refused here.
    """

    app: ASGIApp
    hosts: frozenset[str]
    refusal: Callable[[int], Response]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or answer it here."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        answer = _Answer(scope, send)
        # A HEAD is a GET whose body is kept back: no page can forget to answer it.
        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else dict(scope)
        try:
            await self._pass(inner, receive, answer)
        except Exception as error:  # noqa: BLE001 - a fault of ours is answered, logged and over
            # Without the error's own words, which may hold an address or a token.
            where = "".join(traceback.format_tb(error.__traceback__))
            LOG.error("%s, a fault in sinkwatch\n%s", type(error).__name__, where)  # noqa: TRY400
            await self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, inner, answer)
        took_ms = 1000 * (time.perf_counter() - began)
        LOG.info("%s %s %d %.0f ms", _method(scope), _shown(inner), answer.status, took_ms)

    async def _pass(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        if _host(scope) not in self.hosts:
            await self._refuse(HTTPStatus.BAD_REQUEST, scope, answer)
            return
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                body = await _body(scope, receive)
        except _Gone:
            return
        except _TooLarge:
            await self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, scope, answer)
            return
        except TimeoutError:
            await self._refuse(HTTPStatus.REQUEST_TIMEOUT, scope, answer)
            return
        await self.app(scope, _replay(body, receive), answer.send)

    async def _refuse(self, status: HTTPStatus, scope: Scope, answer: _Answer) -> None:
        if answer.status:
            return  # half of a page has gone out already; the connection ends
        response = self.refusal(status)
        # What is left of the request is not read: the connection is of no further use.
        response.headers["Connection"] = "close"
        await response(scope, _nothing, answer.send)


class _TooLarge(Exception):  # noqa: N818 - a signal, not an error that anybody reads
    """The request has more body than any form of ours."""


class _Gone(Exception):  # noqa: N818 - as above
    """The client hung up."""


@dataclass(slots=True)
class _Answer:
    """Sends an answer on, with the headers that all of them bear."""

    scope: Scope
    raw_send: Send
    status: int = field(default=0, init=False)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            _complete(MutableHeaders(scope=message), self.scope["path"])
        elif self.scope["method"] == "HEAD":
            message = {**message, "body": b""}
        await self.raw_send(message)


def _complete(headers: MutableHeaders, path: str) -> None:
    if path.startswith(_TOKEN_PATHS):
        headers.update(our_headers.TOKEN_PAGES)
    for name, value in our_headers.EVERYWHERE.items():
        headers.setdefault(name, value)


def _host(scope: Scope) -> str:
    """Return the name that a request is for; empty if it gives none, or several."""
    given = Headers(scope=scope).getlist("host")
    if len(given) != 1:
        return ""
    name, _, port = given[0].lower().rpartition(":")
    is_port = bool(name) and port.isdigit() and (":" not in name or name.endswith("]"))
    return (name if is_port else given[0].lower()).rstrip(".")


async def _body(scope: Scope, receive: Receive) -> bytes:
    """Read the whole body, and no more of it than a form of ours may have."""
    length = Headers(scope=scope).get("content-length", "0")
    if not length.isdigit() or int(length) > MOST_BODY_BYTES:
        raise _TooLarge
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message.get("body", b"")
        if len(body) > MOST_BODY_BYTES:
            raise _TooLarge
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that is read already, once."""
    waiting = [body]

    async def give() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return give


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _shown(scope: Scope) -> str:
    """Return the path as it may be logged: the route's own words, so that no token stands in it."""
    route = scope.get("route")
    return str(scope.get(SHOWN) or getattr(route, "path", "(no page)"))


def _method(scope: Scope) -> str:
    """Return the method, which a stranger may have made up."""
    return scope["method"] if scope["method"] in _METHODS else "(other)"


_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
)
