"""The service as it runs: uvicorn on loopback, a client before it, and the mails that it writes."""

from __future__ import annotations

import email
import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import policy
from typing import TYPE_CHECKING, Any

import httpx
from sqlalchemy import text

from sinkwatch import mailroom
from sinkwatch.notify.tokens import Purpose
from sinkwatch.store import subscribers
from sinkwatch.web import server
from sinkwatch.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from email.message import EmailMessage

    from sinkwatch.services import Services
    from sinkwatch.store import Store
    from sinkwatch.web.desk import Desk

ORIGIN = "https://sinkwatch.example"
HOST = "sinkwatch.example"
PATIENCE_S = 20

ENDING: list[threading.Thread] = []
"""Services that were told to end: uvicorn takes a fifth of a second, for which no test waits."""


@dataclass
class Service:
    """One running service."""

    services: Services
    desk: Desk
    address: str
    http: httpx.Client
    n_clients: int = field(default=0)

    @property
    def store(self) -> Store:
        """Return the open store of the service."""
        return self.desk.store

    def headers(self, **changed: str) -> dict[str, str]:
        """Return what a browser sends from a page of ours, in a network of its own."""
        self.n_clients += 1
        n = self.n_clients
        return {
            "Host": HOST,
            "Origin": ORIGIN,
            "X-Forwarded-For": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}",
            **changed,
        }

    def client(self, **headers: str) -> httpx.Client:
        """Return a browser's worth of HTTP."""
        given = self.headers(**headers)
        return httpx.Client(
            base_url=self.address,
            headers=given,
            timeout=PATIENCE_S,
            verify=False,  # noqa: S501 - plain HTTP
        )

    def post(
        self, path: str, given: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send one form from a client of its own."""
        return self.http.post(path, data=given or {}, headers=self.headers(**headers or {}))

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.http.get(path, headers=self.headers(**headers))

    def stamp(self) -> str:
        """Open the form, and take the time that a person takes."""
        found = re.search(r'name="stamp" value="([^"]+)"', self.get("/subscribe").text)
        assert found is not None
        self.services.clock.move(seconds=5)  # type: ignore[attr-defined]
        return found[1]

    def subscribe(self, address: str, **changed: Any) -> httpx.Response:  # noqa: ANN401 - any field
        return self.post("/subscribe", {**a_form(address), "stamp": self.stamp(), **changed})

    def work(self) -> list[EmailMessage]:
        """Do one round of the mailroom and return the mails that are new."""
        before = set(self._mails())
        mailroom.work(self.services, self.store)
        return [
            email.message_from_bytes(path.read_bytes(), policy=policy.default)
            for path in self._mails()
            if path not in before
        ]

    def _mails(self) -> list[Any]:
        return sorted(self.services.settings.mails().glob("*.eml"))

    def confirmation(self, address: str, **changed: Any) -> str:  # noqa: ANN401 - any field
        """Sign up and return the path of the link in the mail that follows."""
        self.subscribe(address, **changed)
        return link(self.work()[-1], "confirm")

    def subscribed(self, address: str, **changed: Any) -> str:  # noqa: ANN401 - any field
        """Sign up, confirm, and return the path of the person's own page."""
        answer = self.post(self.confirmation(address, **changed))
        found = re.search(r'class="button" href="(/m/[^"]+)"', answer.text)
        assert found is not None
        return found[1]

    def leaving(self) -> str:
        """Return the path of the link that ends all mail to the only subscriber."""
        with self.store.read() as connection:
            (person,) = subscribers.all_of(connection)
        signer = self.services.sender().signer
        who = person.subscriber_id
        return f"/u/{signer.sign(Purpose.UNSUBSCRIBE, who, at=self.services.clock())}"

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row of every table."""
        with self.store.read() as connection:
            names = connection.execute(
                text("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            ).scalars()
            return {
                name: [tuple(row) for row in connection.execute(text(f'SELECT * FROM "{name}"'))]  # noqa: S608 - the table's own name
                for name in names.all()
            }


def a_form(address: str = "ann@example.org", **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    return {
        "postcode": "HG4 1HS",
        "radius": "500",
        "topic": ["flagged", "records"],
        "frequency": "daily",
        "email": address,
        "consent": "yes",
        **changed,
    }


def link(mail: EmailMessage, what: str) -> str:
    """Return the path of a link in a mail."""
    body = mail.get_body(("plain",))
    assert body is not None
    found = re.search(rf"https://{HOST}(/{what}/\S+)", body.get_content())
    assert found is not None, body.get_content()
    return found[1]


@contextmanager
def running(
    services: Services, beside: Callable[[Desk], AbstractContextManager[object]] | None = None
) -> Iterator[Service]:
    """Serve until the block ends."""
    app = create_app(services, beside=beside)
    served = server.server_of(app, server.Place(host="127.0.0.1", port=0))
    thread = threading.Thread(target=served.run)
    thread.start()
    try:
        for _ in range(PATIENCE_S * 100):
            if served.started or not thread.is_alive():
                break
            time.sleep(0.01)
        port = served.servers[0].sockets[0].getsockname()[1]
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=address, timeout=PATIENCE_S, verify=False) as http:  # noqa: S501 - plain HTTP
            yield Service(services, app.state.desk, address, http)
    finally:
        served.should_exit = True
        ENDING.append(thread)
