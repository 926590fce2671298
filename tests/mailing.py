"""A town whose people, events and mail a test puts in place in milliseconds, and looks at."""

from __future__ import annotations

import email
import functools
import secrets
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import policy
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from sinkwatch import alerts, compose, config, delivery, signup, sources, survey
from sinkwatch.model import DEFAULT_TOPICS, Frequency, Subscriber, SubscriberId, Topic
from sinkwatch.notify.mail import MemoryMailer
from sinkwatch.notify.picture import Painter, Picture
from sinkwatch.store import Store, brakes, runs, subscribers, tables
from sinkwatch.store import alerts as stored
from tests.conftest import NOW, Clock, an_installation
from tests.notify.builders import a_subscription, an_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import EmailMessage
    from pathlib import Path

    import pytest

    from sinkwatch.gazetteer import Gazetteer
    from sinkwatch.model import Area, Event, Inputs, Message, Subscription
    from sinkwatch.services import Services
    from sinkwatch.survey import Surveyed

HOME = "HG4 1HS"
AWAY = "HG4 1TT"
"""A postcode 1.3 km to the south-east of the first."""

WHERE = {HOME: (431_480.0, 471_750.0), AWAY: (431_900.0, 470_490.0)}


@functools.cache
def surveyed() -> Surveyed:
    """Return what a run finds in Ripon with the data that ship, worked out once."""
    return survey.surveyed(*_ripon())


@functools.cache
def _ripon() -> tuple[Area, Inputs]:
    ripon = config.load_area("ripon")
    return ripon, sources.recall(ripon, None, lambda _: None, now=NOW)


def one_gazetteer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the lists of postcodes, which stay as they are, be read but once."""
    names = _names()
    monkeypatch.setattr(signup.wishes, "_names", lambda _: names)


@functools.cache
def _names() -> Gazetteer:
    return survey.names(*_ripon())


def plain_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all maps be one: what they show is tested elsewhere, and drawing them takes longest."""
    drawn = Picture(png=_ONE_PIXEL, alt="A map.")
    monkeypatch.setattr(Painter, "draw", lambda *_: drawn)


_ONE_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010100000000376ef9240000000a49444154"
    "789c63680000008200817749f0c70000000049454e44ae426082"
)


@functools.cache
def an_empty_database(folder: Path) -> Path:
    """Make a database once: making the tables takes longer than most tests."""
    path = folder / "empty.db"
    Store.open(f"sqlite:///{path}", now=NOW).close()
    return path


@contextmanager
def a_town(
    tmp_path: Path,
    shared: Path,
    **changed: Any,  # noqa: ANN401 - any setting
) -> Iterator[Town]:
    """Open an installation of Ripon with an empty database."""
    clock = Clock(NOW)
    services = an_installation(tmp_path, clock, **changed)
    services.settings.state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copy(an_empty_database(shared), services.database_file())
    with services.store() as store:
        yield Town(services, store, clock)


@dataclass
class Town:
    """One installation with its store open."""

    services: Services
    store: Store
    clock: Clock
    mailer: MemoryMailer = field(default_factory=MemoryMailer)

    def resident(
        self,
        who: str = "resident@example.org",
        *at: str | Subscription,
        days: float = 40,
        **changed: Any,  # noqa: ANN401 - any field
    ) -> Subscriber:
        """Add somebody who confirmed some days ago and was looked at since."""
        confirmed_at = self.clock() - timedelta(days=days)
        places = [
            a_place(place, confirmed_at=confirmed_at) if isinstance(place, str) else place
            for place in at or (HOME,)
        ]
        values: dict[str, Any] = {
            "subscriber_id": SubscriberId(secrets.token_hex(16)),
            "email": who,
            "subscriptions": tuple(sorted(places, key=lambda place: place.postcode)),
            "confirmed_at": confirmed_at,
            "digested_at": self.clock(),
        }
        person = Subscriber(**{**values, **changed})
        with self.store.begin() as connection:
            subscribers.add(connection, person, {"for": "on paper"})
        return person

    def happens(self, *events: Event, brake: bool = False) -> int:
        """Record events as a run does, and who is to hear of them; the run's number."""
        now = self.clock()
        with self.store.begin() as connection:
            run_id = runs.start(connection, now)
            new = stored.record(connection, run_id, events or (near(),), now)
            everyone = alerts.Audience.of(subscribers.places(connection))
            heard = stored.heard(connection, {event.subject for event in new})
            pairs = alerts.hearers(new, everyone, heard)
            n = stored.queue(connection, run_id, pairs, {e.key: e.subject for e in new}, now)
            runs.finish(connection, run_id, now, "done", {})
            if brake:
                held = brakes.Brake(run_id=run_id, since=now, n_concerned=n, rule="more than 10 %")
                brakes.pull(connection, held)
        return run_id

    def composes(self, found: Callable[[], Surveyed] = surveyed) -> int:
        return compose.compose(self.services, self.store, found, self.clock())

    def delivers(self) -> list[Message]:
        """Hand over what is due; return it in order."""
        before = len(self.mailer.sent)
        delivery.deliver(self.services, self.store, self.mailer)
        return self.mailer.sent[before:]

    def posts(self) -> list[Message]:
        """Answer requests, write what is due and hand over; return what went."""
        signup.handle(self.services, self.store)
        self.composes()
        return self.delivers()

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Return some columns of a table, whole and in order."""
        chosen = tables.metadata.tables[table]
        query = select(*(chosen.c[name] for name in columns)).order_by(
            *(chosen.c[name] for name in columns)
        )
        with self.store.read() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def people(self) -> tuple[Subscriber, ...]:
        return signup.listing(self.store)

    def person(self) -> Subscriber:
        """Return the only one there is."""
        (one,) = self.people()
        return one


def a_place(
    at: str = HOME,
    **changed: Any,  # noqa: ANN401 - any field
) -> Subscription:
    easting, northing = WHERE[at]
    values = {"subscription_id": secrets.token_hex(16), "postcode": at}
    return a_subscription(**{**values, "easting": easting, "northing": northing, **changed})


def near(
    subject: str = "26/1",
    at: str = HOME,
    **changed: Any,  # noqa: ANN401 - any field
) -> Event:
    """Return an event 50 m to the east of a postcode."""
    easting, northing = WHERE[at]
    values = {"subject": subject, "title": f"{subject}: a site", "version": "1"}
    return an_event(**{**values, "easting": easting + 50, "northing": northing, **changed})


def a_wish(postcode: str = HOME, radius_m: float = 500.0, *topics: Topic) -> signup.Wish:
    wanted = frozenset(topics) or DEFAULT_TOPICS
    return signup.Wish(postcode=postcode, radius_m=radius_m, topics=wanted)


def asks(
    town: Town,
    who: str = "resident@example.org",
    wish: signup.Wish | None = None,
    *,
    client: str = "192.0.2.1",
    frequency: Frequency = Frequency.AT_ONCE,
) -> None:
    """Fill in the form."""
    signup.ask(
        town.services,
        town.store,
        email=who,
        wish=wish or a_wish(),
        frequency=frequency,
        is_quiet_at_night=False,
        client=client,
    )


def parsed(message: Message) -> EmailMessage:
    return email.message_from_bytes(message.mime, policy=policy.default)


def text_of(message: Message) -> str:
    """Return the text part on one line."""
    body = parsed(message).get_body(preferencelist=("plain",))
    assert body is not None
    return " ".join(body.get_content().split())


def token_in(message: Message, page: str = "confirm") -> str:
    """Return the token of the link to a page."""
    body = parsed(message).get_body(preferencelist=("plain",))
    assert body is not None
    _, _, rest = body.get_content().partition(f"/{page}/")
    return rest.split()[0].rstrip(".>")
