"""An installation in a given state, put there row by row: what health and metrics look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert

from sinkwatch import timetable
from sinkwatch.model import (
    MailKind,
    Message,
    MessageId,
    Subscriber,
    SubscriberId,
    Subscription,
    SubscriptionId,
)
from sinkwatch.store import jobs, outbox, subscribers, tables
from tests.conftest import NOW

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Connection

    from sinkwatch.services import Services

ADDRESS = "resident@example.org"


def write(services: Services, *changes: Callable[[Connection], object]) -> None:
    with services.store() as store, store.begin() as connection:
        for change in changes:
            change(connection)


def daily_run(at: datetime = NOW) -> Callable[[Connection], object]:
    return lambda connection: jobs.note_success(connection, timetable.DAILY_RUN, at)


def a_run(connection: Connection) -> None:
    row = {"started_at": NOW, "finished_at": NOW, "outcome": "done", "summary": {}}
    connection.execute(insert(tables.runs).values(run_id=1, **row))


def a_person(number: int) -> Callable[[Connection], object]:
    place = Subscription(
        subscription_id=SubscriptionId(f"p{number}"),
        postcode="HG4 1HS",
        radius_m=500.0,
        easting=431_600.0,
        northing=471_745.0,
        confirmed_at=NOW,
    )
    person = Subscriber(
        subscriber_id=SubscriberId(f"s{number}"),
        email=f"{number}{ADDRESS}",
        subscriptions=(place,),
        confirmed_at=NOW,
    )
    return lambda connection: subscribers.add(connection, person, {})


def a_mail(number: int = 1, at: datetime = NOW) -> Callable[[Connection], object]:
    mail = Message(
        message_id=MessageId(f"{number:032}@sinkwatch.example"),
        kind=MailKind.DIGEST,
        recipient=ADDRESS,
        envelope_sender="bounces@sinkwatch.example",
        subject="1 change near HG4 1HS",
        mime=b"\r\n",
        dedupe_key=str(number),
    )
    return lambda connection: outbox.enqueue(connection, mail, at)
