"""The main job over either database: the same run, the same mails, the same silence."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from sinkwatch import compose, pipeline, signup
from sinkwatch.model import (
    DEFAULT_TOPICS,
    Digest,
    EventKind,
    Frequency,
    Message,
    MessageId,
    Subscriber,
    SubscriberId,
)
from sinkwatch.store import Store, alerts, subscribers, tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sinkwatch.services import Services

HEADER = "reference,description,status,received_on,decided_on,easting,northing\n"
NOW = datetime(2014, 2, 17, 12, tzinfo=UTC)


@pytest.mark.usefixtures("front_page")
def test_an_application_is_told_once_its_decision_once_and_then_no_more(
    url: str, installation: Callable[..., Services], tmp_path: Path
) -> None:
    planning = tmp_path / "applications.csv"
    planning.write_text(f"{HEADER}A1,Twenty dwellings,Pending,2026-11-02,,431579,471829\n")
    services = installation(database_url=url, planning=[planning])
    wish = signup.Wish(postcode="HG4 1HS", radius_m=500.0, topics=DEFAULT_TOPICS)
    with services.store() as store:
        person = signup.add(
            services,
            store,
            "a@example.org",
            wish,
            frequency=Frequency.AT_ONCE,
            consent="on paper",
        )

    first = pipeline.run(services)
    assert [event.kind for event in first.events] == [EventKind.APPLICATION_NEW]
    assert (first.n_queued, first.n_delivered) == (1, 1)

    planning.write_text(
        f"{HEADER}A1,Twenty dwellings,Refused,2026-11-02,2026-11-20,431579,471829\n"
    )
    second = pipeline.run(services)
    assert [event.kind for event in second.events] == [EventKind.APPLICATION_DECIDED]
    assert (second.n_queued, second.n_delivered) == (1, 1)

    third = pipeline.run(services)
    assert third.events == ()
    assert (third.n_queued, third.n_delivered) == (0, 0)
    assert not third.published.changed

    with services.store() as store:
        signup.erase(services, store, person)
        assert signup.listing(store) == ()


# ── Two workers compose at once ──────────────────────────────────────────────────────────────


class MeetingLetters:
    """Short letters of two workers, neither of whom goes on before the other has begun too."""

    meeting = threading.Barrier(2)

    @classmethod
    def of(cls, *_: object) -> MeetingLetters:
        cls.meeting.wait()
        return cls()

    def render(self, digest: Digest, _: datetime) -> Message:
        keys = tuple(alert.event.key for alert in digest.alerts)
        who = digest.subscriber.subscriber_id
        return Message(
            message_id=MessageId(f"{who}-{threading.get_ident()}@x"),
            kind=digest.kind,
            recipient=digest.subscriber.email,
            envelope_sender="bounces@example.org",
            subject="News",
            mime=b"News\r\n",
            # Of their own each, so that nothing but the books keeps one of the two back.
            dedupe_key=f"{who}-{threading.get_ident()}",
            event_keys=keys,
            subscriber_id=who,
        )


def test_of_two_composers_at_once_each_tells_what_the_other_does_not(
    store: Store,
    services: Services,
    a_subscriber: Callable[..., Subscriber],
    heard: Callable[..., tuple[str, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compose, "Letters", MeetingLetters)
    everybody = [SubscriberId(f"s{n:02}") for n in range(20)]
    with store.begin() as connection:
        for who in everybody:
            subscribers.add(connection, a_subscriber(who), {})
    for who in everybody:
        alone = heard(f"A-{who}", f"B-{who}", who=who)
        assert len(alone) == 2
    still = replace(services, clock=lambda: NOW + timedelta(minutes=1))
    queued: list[int] = []
    faults: list[BaseException] = []

    def work() -> None:
        try:
            queued.append(compose.compose(still, store, lambda: None, still.clock()))  # type: ignore[arg-type, return-value]
        except BaseException as error:  # noqa: BLE001 - a thread has nobody else to tell
            faults.append(error)
            MeetingLetters.meeting.abort()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert sum(queued) == len(everybody)
    with store.read() as connection:
        assert alerts.waiting(connection) == {}
        told = connection.execute(
            select(tables.alerts.c.subscriber_id, tables.alerts.c.message_id).distinct()
        ).all()
        sent = connection.execute(
            select(tables.messages.c.subscriber_id, tables.messages.c.message_id)
        ).all()
    assert sorted(told) == sorted(sent)
    assert sorted(who for who, _ in sent) == everybody
