"""A mailroom that may be killed at any instant: imported once, forked for each of its lives."""

from __future__ import annotations

import json
import os
import sys
import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from sqlalchemy import func, select

from sinkwatch import alerts, compose, config, delivery, mailroom, preview, signup, sources, survey
from sinkwatch.model import DEFAULT_TOPICS, Event, EventKind, Frequency, Outcome
from sinkwatch.services import Services
from sinkwatch.store import Store, outbox, runs, subscribers, tables
from sinkwatch.store import alerts as stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sinkwatch.survey import Surveyed

WARM: Final = (compose, delivery, preview)
"""Imported for the lives to come: a new interpreter for each would take longer than a life."""

PEOPLE: Final = (
    ("ann@a.example", Frequency.AT_ONCE),
    ("bob@b.example", Frequency.AT_ONCE),
    ("cat@c.example", Frequency.DAILY),
)
N_HOURS: Final = 26
"""How long the quiet end lasts, so that the mails of a day come too."""

MOST_WAITING: Final = 8
"""Nothing new happens while so many mails wait, so that none grows too old to be sent."""


@dataclass
class _Clock:
    """Stands still, but for those who wait and for each round."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def services_at(folder: Path, now: datetime, relay: Mapping[str, object]) -> Services:
    """Return an installation in a folder that hands its mail to a relay."""
    clock = _Clock(now)
    settings = config.Settings.model_validate(
        {
            "state_folder": folder / "var",
            "maps_folder": folder / "maps",
            "evidence_packs": False,
            "pictures": False,
            "mail_transport": "smtp",
            "sender_domain": "alerts.ripon.test",
            "public_url": "https://alerts.ripon.test",
            "contact": "operator@ripon.test",
            **relay,
        }
    )
    area = config.area_of(settings, [])
    return Services(settings=settings, area=area, clock=clock, wait=clock.wait)


def settle(services: Services, store: Store) -> None:
    """Let everybody be subscribed."""
    for address, frequency in PEOPLE:
        wish = signup.Wish(postcode="HG4 1HS", radius_m=500.0, topics=DEFAULT_TOPICS)
        signup.add(services, store, address, wish, frequency=frequency, consent="on paper")


def an_event(number: int) -> Event:
    return Event(
        kind=EventKind.APPLICATION_NEW,
        subject=f"Council/{number}",
        version="v1",
        title=f"Change {number} of this test",
        happened="A planning application has been submitted.",
        easting=431_579.0,
        northing=471_829.0,
        position_uncertainty_m=5.0,
        is_flagged=True,
        is_news=True,
    )


def happen(store: Store, now: datetime) -> None:
    """Find the next change, as a run does: the event, and who is to hear of it, or neither."""
    with store.begin() as connection:
        counts = outbox.counts(connection)
        if counts[Outcome.CREATED] + counts[Outcome.TEMPORARY_FAILURE] >= MOST_WAITING:
            return
        n_events = connection.execute(select(func.count()).select_from(tables.events))
        run_id = runs.start(connection, now)
        new = stored.record(connection, run_id, [an_event(n_events.scalar_one() + 1)], now)
        audience = alerts.Audience.of(subscribers.places(connection))
        subjects = {event.key: event.subject for event in new}
        stored.queue(connection, run_id, alerts.hearers(new, audience, {}), subjects, now)
        runs.finish(connection, run_id, now, "done", {})


def live(services: Services, surveyed: Surveyed, n_rounds: int) -> None:
    """Go on finding and telling, round by round, unless killed first."""
    with services.store() as store:
        for _ in range(n_rounds):
            happen(store, services.clock())
            mailroom.work(services, store, surveyed=lambda: surveyed)
            services.wait(60)


def finish(services: Services, surveyed: Surveyed) -> None:
    """Tell what is left to tell, in peace; what was set aside goes as the operator lets it."""
    with services.store() as store:
        for _ in range(N_HOURS):
            with store.begin() as connection:
                outbox.retry(connection, None, services.clock())
            mailroom.work(services, store, surveyed=lambda: surveyed)
            services.wait(3600)


def _one_life(
    folder: Path, relay: Mapping[str, object], life: Mapping[str, Any], found: Surveyed
) -> None:
    services = services_at(folder, datetime.fromisoformat(life["now"]), relay)
    if life["does"] == "live":
        live(services, found, life["n_rounds"])
    else:
        finish(services, found)


def _fork(
    folder: Path, relay: Mapping[str, object], life: Mapping[str, Any], found: Surveyed
) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        _one_life(folder, relay, life, found)
        status = 0
    except BaseException:  # noqa: BLE001 - nothing may get past the fork
        traceback.print_exc()
    finally:
        os._exit(status)


def _say(answer: object) -> None:
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()


def rehearse(folder: Path, at: datetime, found: Surveyed) -> None:
    """Do beforehand what each life would do again: templates, patterns and statements stay."""
    services = services_at(folder, at, {"mail_transport": "folder"})
    with services.store() as store:
        settle(services, store)
    live(services, found, 1)


def main() -> NoReturn:
    """Fork a life for each line of orders; say its number at its birth and how it ended."""
    folder, relay = Path(sys.argv[1]), json.loads(sys.argv[2])
    area = config.load_area("ripon")
    at = datetime.fromisoformat(sys.argv[3])
    inputs = sources.recall(area, None, lambda _: None, now=at)
    found = survey.surveyed(area, inputs)
    rehearse(folder / "rehearsal", at, found)
    services = services_at(folder, at, relay)
    with services.store() as store:
        settle(services, store)
    _say("ready")
    for line in sys.stdin:
        child = _fork(folder, relay, json.loads(line), found)
        _say(child)
        _, status = os.waitpid(child, 0)
        _say(os.waitstatus_to_exitcode(status))
    sys.exit(0)


if __name__ == "__main__":
    main()
