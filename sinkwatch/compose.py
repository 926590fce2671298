"""From what waits to be told to messages in the outbox: one for each subscriber who is due."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import time
from typing import TYPE_CHECKING, Final

from sinkwatch import alerts, explain, gazetteer, timetable, wording
from sinkwatch.errors import SinkwatchError
from sinkwatch.model import Digest, Frequency, MailKind
from sinkwatch.notify import picture, render
from sinkwatch.store import alerts as stored
from sinkwatch.store import jobs, outbox, subscribers

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy import Connection

    from sinkwatch.model import (
        Assessment,
        Event,
        Message,
        Subscriber,
        Subscription,
    )
    from sinkwatch.services import Services
    from sinkwatch.store import Store
    from sinkwatch.survey import Surveyed

LOG = logging.getLogger(__name__)

LOOKED: Final = "digests"
"""Name in the database of the look, once in each day of mails, for who is due."""

_BATCH: Final = 50
"""Messages queued in one transaction: large enough that the disk is not what one waits for, small
enough that a crash has but a second's rendering to do again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """
    Renders digests against the findings of one run.

    Attributes
    ----------
    services
        With the sender.
    surveyed
        What the run found, and what each postcode is asked against.
    painter
        Draws the maps.
    sender
        In whose name.
    assessed
        What was found about each postcode that was asked for so far.
    """

    services: Services
    surveyed: Surveyed
    painter: picture.Painter
    sender: render.Sender
    assessed: dict[str, Assessment] = field(default_factory=dict)

    @classmethod
    def of(cls, services: Services, surveyed: Surveyed) -> Letters:
        """
        Put the findings in order once, for any number of digests.

        Parameters
        ----------
        services
            With the sender.
        surveyed
            What the run found.

        Returns
        -------
        letters
            For `render`.
        """
        return cls(
            services=services,
            surveyed=surveyed,
            painter=picture.Painter.of(surveyed.findings),
            sender=services.sender(),
        )

    def render(self, digest: Digest, now: datetime) -> Message:
        """
        Render a digest, with its maps and what is recorded about the ground at each place.

        Parameters
        ----------
        digest
            What to tell, and whom.
        now
            Date of the mail, UTC.

        Returns
        -------
        message
            With a new Message-ID.
        """
        places = digest.subscriber.subscriptions
        return render.message(
            digest,
            sender=self.sender,
            context=render.Context(
                area=self.surveyed.findings.area,
                sources=self.surveyed.findings.sources,
                assessments={place.postcode: self._assessment(place) for place in places},
                editions=self.surveyed.knowledge.editions,
            ),
            pictures=tuple(self._pictures(digest, now)),
            message_id=self.services.new_message_id(),
            at=now,
        )

    def _assessment(self, home: Subscription) -> Assessment:
        if home.postcode not in self.assessed:
            place = gazetteer.of_postcode(
                home.postcode, home.easting, home.northing, alerts.POSTCODE_UNCERTAINTY_M
            )
            self.assessed[home.postcode] = explain.place(self.surveyed.knowledge, place)
        return self.assessed[home.postcode]

    def _pictures(self, digest: Digest, now: datetime) -> Iterator[tuple[str, picture.Picture]]:
        """Draw a map for each place that something mapped is told of."""
        for place, told in render.maps(digest, at=now):
            yield place.postcode, self.painter.draw(place, told)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    """One mail to write: what it tells, and what waited but concerns no place any more."""

    digest: Digest
    dropped: tuple[str, ...] = ()


def compose(
    services: Services, store: Store, surveyed: Callable[[], Surveyed], now: datetime
) -> int:
    """
    Queue a message for everyone for whom something waits and who is due.

    Nothing is rendered within a transaction. What is told is marked in the transaction that queues
    the message: a crash between any two steps can neither lose an alert nor tell it twice.

    Parameters
    ----------
    services
        With the sender.
    store
        The open store.
    surveyed
        Gives what the last run found; asked for only if there is something to write.
    now
        Time, UTC.

    Returns
    -------
    n_queued
        Messages queued.
    """
    at = services.digest_at()
    with store.read() as connection:
        due = [*_due(connection, at, now), *_quiet(connection, at, now)]
    n_queued = _write(services, store, due, surveyed, now) if due else 0
    _note_looked(store, at, now)
    if n_queued:
        LOG.info("compose: %d messages queued", n_queued)
    return n_queued


def digests(connection: Connection, at: time, now: datetime) -> tuple[Digest, ...]:
    """
    Return what would be told now, and tell nobody.

    Parameters
    ----------
    connection
        Of any transaction.
    at
        Time of day at which a day of mails begins, Europe/London.
    now
        Time, UTC.

    Returns
    -------
    digests
        One for each mail that would be written, but for those of a quiet month.
    """
    return tuple(one.digest for one in _due(connection, at, now) if one.digest.alerts)


def _note_looked(store: Store, at: time, now: datetime) -> None:
    """Note once a day, week or month that what waited for those who want it so rarely was seen."""
    starts = {
        frequency: timetable.period_start(frequency, at, now)
        for frequency in Frequency
        if frequency is not Frequency.AT_ONCE
    }
    with store.read() as connection:
        last = _looked_at(connection, now)
    if last is not None and last >= max(starts.values()):
        return
    with store.begin() as connection:
        for frequency, start in starts.items():
            subscribers.note_period(connection, frequency, start, now)
        jobs.note_success(connection, LOOKED, now)


def _looked_at(connection: Connection, now: datetime) -> datetime | None:
    """Return when it was last looked who is due; what a clock noted that was fast says nothing."""
    last = jobs.last_success(connection, LOOKED)
    return None if last is not None and last - now > timetable.CLOCK_MISTAKE else last


def _due(connection: Connection, at: time, now: datetime) -> Iterator[_Due]:
    """Decide who is told what now; a correction waits for no Monday."""
    waiting = stored.waiting(connection)
    if not waiting:
        return
    people = subscribers.some(connection, waiting.keys())
    subjects = {event.subject for events in waiting.values() for event in events}
    told = stored.told(connection, subjects)
    since = stored.oldest_waiting(connection)
    today = wording.london_date(now)
    for person in people:
        if person.paused_until is not None and person.paused_until > today:
            continue
        for kind, events in _sorted_by_kind(person, waiting[person.subscriber_id], told):
            if kind is MailKind.CORRECTION or _is_due(person, since[person.subscriber_id], at, now):
                digest = alerts.digest(person, kind, events, told, today=today)
                yield _one(digest, events, since[person.subscriber_id])


def _is_due(person: Subscriber, since: datetime, at: time, now: datetime) -> bool:
    """Tell whether a person is told now, or should have been when it was last their turn."""
    # A run that waited for approval, a pause, a mail that could not be written or delivered: what
    # was there when their day came does not wait a whole month for the next.
    was_left_over = person.digested_at is not None and since < person.digested_at
    return was_left_over or timetable.is_digest_due(person.frequency, person.digested_at, at, now)


def _sorted_by_kind(
    person: Subscriber, events: Sequence[Event], told: alerts.Told
) -> Iterator[tuple[MailKind, list[Event]]]:
    """Part what puts right something that was told from what is new."""
    corrections: list[Event] = []
    news: list[Event] = []
    for event in events:
        was_told = (person.subscriber_id, event.subject) in told
        is_correction = event.kind in alerts.CORRECTIONS and was_told
        (corrections if is_correction else news).append(event)
    is_at_once = person.frequency is Frequency.AT_ONCE
    if corrections:
        yield MailKind.CORRECTION, corrections
    if news:
        yield (MailKind.ALERT if is_at_once else MailKind.DIGEST), news


def _one(digest: Digest, events: Sequence[Event], since: datetime) -> _Due:
    """Say what of it concerns no place any more, and whether a pause held it back."""
    kept = {alert.event.key for alert in digest.alerts}
    dropped = tuple(event.key for event in events if event.key not in kept)
    paused_until = digest.subscriber.paused_until
    # A pause that ended long ago, with nothing to tell meanwhile, has held nothing back.
    if paused_until is not None and wording.london_date(since) < paused_until:
        digest = replace(digest, paused_from=wording.london_date(since))
    return _Due(digest=digest, dropped=dropped)


def _quiet(connection: Connection, at: time, now: datetime) -> list[_Due]:
    """Return who heard nothing in the whole of the month that has ended, looked at once."""
    month = timetable.quiet_month(at, now)
    begins = timetable.month_start(month, at)
    ends = timetable.period_start(Frequency.MONTHLY, at, now)
    looked_at = _looked_at(connection, now)
    if looked_at is not None and looked_at >= ends:
        return []
    people = subscribers.unheard(connection, begins, ends)
    today = wording.london_date(now)
    return [
        _Due(digest=Digest(subscriber=person, kind=MailKind.QUIET, alerts=(), quiet_month=month))
        for person in people
        if person.paused_until is None or person.paused_until <= today
    ]


def _write(
    services: Services,
    store: Store,
    due: Sequence[_Due],
    surveyed: Callable[[], Surveyed],
    now: datetime,
) -> int:
    letters = Letters.of(services, surveyed())
    n_queued, ordered = 0, sorted(due, key=_where)
    for start in range(0, len(ordered), _BATCH):
        batch = ordered[start : start + _BATCH]
        rendered = [(one, _rendered(letters, one.digest, now)) for one in batch]
        with store.begin() as connection:
            n_queued += _queue_all(connection, rendered, now)
    return n_queued


def _where(due: _Due) -> tuple[int, float]:
    """Order mails by place, a strip of a kilometre at a time: neighbours share a drawn ground."""
    home = due.digest.subscriber.subscriptions[0]
    return int(home.easting // 1000), home.northing


def _rendered(letters: Letters, digest: Digest, now: datetime) -> Message | None:
    """Render a digest; one that cannot be rendered is told to the operator and waits."""
    if not digest.alerts and digest.kind is not MailKind.QUIET:
        return None
    try:
        return letters.render(digest, now)
    except SinkwatchError as error:
        # Without the value that it names, which may be their postcode.
        _complain(digest, f"{error.rule}. {error.way_out}")
    except Exception as error:  # noqa: BLE001 - one mail that we fail at must not cost the others
        # Without the error's own words, which may hold an address, and without its lines.
        _complain(digest, f"{type(error).__name__}, a fault in sinkwatch")
    return None


def _complain(digest: Digest, problem: str) -> None:
    who = digest.subscriber.subscriber_id
    LOG.error("compose: the mail to subscriber %s waits, it cannot be written: %s", who, problem)


def _queue_all(
    connection: Connection, rendered: Sequence[tuple[_Due, Message | None]], now: datetime
) -> int:
    """Queue what was rendered, for each who is still there."""
    ids = {due.digest.subscriber.subscriber_id for due, _ in rendered}
    here = {person.subscriber_id: person for person in subscribers.some(connection, ids)}
    n_queued = 0
    for due, message in rendered:
        person = due.digest.subscriber
        stored.drop(connection, person.subscriber_id, due.dropped)
        present = here.get(person.subscriber_id)
        if message is None or present is None:
            continue
        if _queue(connection, present, message, now):
            n_queued += 1
            _end_pause(connection, present, person.paused_until)
    return n_queued


def _queue(connection: Connection, person: Subscriber, message: Message, now: datetime) -> bool:
    """Queue a message and mark what it tells, both or neither."""
    with connection.begin_nested() as both:
        goes_at = timetable.after_night(now) if person.is_quiet_at_night else now
        is_ours = (
            subscribers.is_at(connection, person.subscriber_id, message.recipient)
            and outbox.enqueue(connection, message, now, goes_at)
            and stored.mark_told(
                connection,
                person.subscriber_id,
                message.event_keys,
                message.message_id,
                now,
            )
        )
        if not is_ours:
            both.rollback()  # another worker told it, or the person has left meanwhile
    return is_ours


def _end_pause(connection: Connection, person: Subscriber, paused_until: date | None) -> None:
    """Forget a pause that is over, unless another was chosen while the mail was written."""
    if paused_until is not None and person.paused_until == paused_until:
        subscribers.choose(connection, replace(person, paused_until=None))
