"""The service as a process: uvicorn without a word of its own, ended cleanly by a signal."""

from __future__ import annotations

import asyncio
import logging
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from sinkwatch.errors import ConfigError
from sinkwatch.web import headers
from sinkwatch.web.app import create_app
from sinkwatch.web.post import Post

if TYPE_CHECKING:
    from fastapi import FastAPI

    from sinkwatch.services import Services

LOG = logging.getLogger(__name__)

_END_WITHIN_S: Final = 10
"""How long requests may go on once the service stops, seconds."""

_HEAD_WITHIN_S: Final = 15.0
"""How long a client may take to say what it wants, seconds."""

_MOST_HEAD_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    Where the service listens.

    Attributes
    ----------
    host
        Address of an interface.
    port
        TCP port; 0 for any that is free.
    certificate, key
        PEM files; None, both, behind a proxy that speaks TLS for us.
    """

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        """Refuse half of what TLS needs."""
        if (self.certificate is None) is not (self.key is None):
            raise ConfigError(
                "TLS", "needs both --certificate and --key", "Give both, or none behind a proxy"
            )
        for path in (self.certificate, self.key):
            if path is not None and not path.is_file():
                raise ConfigError(str(path), "is not there", "Name a PEM file")


class Protocol(H11Protocol):
    """
    HTTP/1.1 that does not wait for ever for a request, and refuses with our headers too.

    Parameters
    ----------
    *args, **kwargs
        Of uvicorn's own.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **kwargs)
        self.access_log = False  # whatever handlers there are: its lines hold tokens

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """
        Begin to wait for the first request.

        Parameters
        ----------
        transport
            The connection.
        """
        super().connection_made(transport)
        self._waiting = self.loop.call_later(_HEAD_WITHIN_S, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """
        Wait no longer.

        Parameters
        ----------
        exc
            Why it ended; None if it simply did.
        """
        self._waiting.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """End a connection that nobody uses at once: a client that is gone answers no good-bye."""
        is_answered = getattr(self.cycle, "response_complete", True)  # none before a request
        # One that is closing already must not be asked: with TLS it has let go of its socket.
        is_done = is_answered and not (
            self.transport.is_closing() or self.transport.get_write_buffer_size()
        )
        super().shutdown()
        if is_done:
            self.transport.abort()

    def _give_up(self) -> None:
        if self.cycle is None:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """
        Refuse what is no HTTP, in a line that repeats nothing of it.

        Parameters
        ----------
        msg
            What h11 says of it.
        """
        del msg
        if not getattr(self.cycle, "response_complete", True):
            self.transport.close()  # a page is on its way: nothing may be written into it
            return
        fixed = "".join(f"{name}: {value}\r\n" for name, value in headers.EVERYWHERE.items())
        body = "Bad request\n"
        self.transport.write(
            f"HTTP/1.1 400 Bad Request\r\n{fixed}Content-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode("ascii")
        )
        self.transport.close()


def serve(services: Services, place: Place) -> None:
    """
    Answer requests and work the mailroom, until SIGTERM or SIGINT.

    Parameters
    ----------
    services
        Settings, area, clock, secret.
    place
        Where to listen.

    Raises
    ------
    StoreError
        If the database cannot be used.
    """
    with services.store():
        pass  # what is wrong with the database is said before anything listens
    LOG.info("serve: listening on %s port %d", place.host, place.port)
    for name in (signal.SIGTERM, signal.SIGINT):
        # uvicorn ends on them and then raises them anew: here they have done their work by then.
        signal.signal(name, lambda *_: None)
    server_of(create_app(services, beside=Post), place).run()
    LOG.info("serve: stopped")


def server_of(app: FastAPI, place: Place) -> uvicorn.Server:
    """
    Return a server that is not running yet.

    Parameters
    ----------
    app
        Of `create_app`.
    place
        Where to listen.

    Returns
    -------
    server
        Quiet: requests are logged by the gate alone, which knows what must not be written down.
    """
    options: dict[str, Any] = {}
    if place.certificate is not None:
        options = {"ssl_certfile": str(place.certificate), "ssl_keyfile": str(place.key)}
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=place.host,
            port=place.port,
            http=Protocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=_MOST_HEAD_BYTES,
            timeout_graceful_shutdown=_END_WITHIN_S,
            **options,
        )
    )
