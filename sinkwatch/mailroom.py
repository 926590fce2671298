"""One round of the mailroom: answer requests, write what is due, deliver, tidy, wipe."""

from __future__ import annotations

import functools
import logging
import traceback
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sinkwatch import compose, delivery, erasures, intake, reminders, signup, survey
from sinkwatch.errors import SinkwatchError, StoreError
from sinkwatch.store import jobs, retention

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sinkwatch.services import Services
    from sinkwatch.store import Store
    from sinkwatch.survey import Surveyed

LOG = logging.getLogger(__name__)

TIDY: Final = "tidy"
"""Name in the database of the daily job that deletes what is past its time."""

_ROUND: Final = timedelta(seconds=20)
"""How long one round sends: a confirmation that comes meanwhile waits no longer than that."""

_TIDY_EVERY: Final = timedelta(days=1)
_WIPE_EVERY: Final = timedelta(seconds=30)
"""Erased bytes are gone within a minute, however many leave in it (sinkwatch privacy rules)."""


def work(
    services: Services, store: Store, *, surveyed: Callable[[], Surveyed] | None = None
) -> int:
    """
    Do one round; any number of workers may, at the same time.

    Parameters
    ----------
    services
        Clock, secret, sender and mailer.
    store
        The open store.
    surveyed
        Gives what the last run found; None to work it out from the copies held.

    Returns
    -------
    n_delivered
        Messages handed over.

    Raises
    ------
    StoreError
        If the database cannot be used.
    """
    now = services.clock()
    _wipe(store, now)  # before anything that may take long
    signup.handle(services, store)
    found = surveyed or functools.cache(lambda: _surveyed(services))
    _apart("what is to be asked waits", lambda: reminders.remind(services, store, now))
    _apart("what is due waits", lambda: compose.compose(services, store, found, now))
    n_delivered = delivery.deliver(services, store, services.mailer(), until=now + _ROUND)
    _tidy(services, store, now)
    _wipe(store, services.clock())
    return n_delivered


def _apart(what: str, act: Callable[[], object]) -> None:
    """Do one part of a round; whatever it fails at, the other mail goes out all the same."""
    try:
        act()
    except StoreError:
        raise
    except SinkwatchError as error:
        LOG.error("mailroom: %s, it cannot be written: %s", what, error)  # noqa: TRY400 - one line for the operator, no traceback
    except Exception as error:  # noqa: BLE001 - as above
        # Without the error's own words, which may hold an address.
        trace = "".join(traceback.format_tb(error.__traceback__))
        LOG.error("mailroom: %s: %s, a fault in sinkwatch\n%s", what, type(error).__name__, trace)  # noqa: TRY400


def _surveyed(services: Services) -> Surveyed:
    return survey.surveyed(services.area, intake.recall(services))


def _tidy(services: Services, store: Store, now: datetime) -> None:
    with store.read() as connection:
        last = jobs.last_success(connection, TIDY)
    if last is not None and last <= now < last + _TIDY_EVERY:
        return
    with store.begin() as connection:
        n_tidied = retention.tidy(connection, now)
        jobs.note_success(connection, TIDY, now)
        if n_tidied:
            jobs.note_failure(connection, signup.WIPE, now, "deleted rows may have bytes left")
    erasures.trim(services)


def _wipe(store: Store, now: datetime) -> None:
    """Leave no byte of what was erased since the last time."""
    with store.read() as connection:
        wanted = jobs.get(connection, signup.WIPE)
    if wanted is None or not wanted.failures:
        return
    last = wanted.last_success_at
    if last is not None and last <= now < last + _WIPE_EVERY:
        return
    try:
        store.checkpoint()
    except StoreError as error:
        # A copy is being made, or someone reads for long: the next round tries again, and the
        # mail goes out meanwhile.
        LOG.warning("mailroom: erased bytes are not wiped yet: %s", error)
        return
    with store.begin() as connection:
        # Somebody who left while we wiped is not done yet.
        if jobs.get(connection, signup.WIPE) == wanted:
            jobs.note_success(connection, signup.WIPE, now)
