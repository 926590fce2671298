"""What somebody would have been told: worked out from the last run's findings, kept for minutes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sinkwatch import explain, intake, preview, survey, wording
from sinkwatch.errors import LimitError
from sinkwatch.model import BandStyle, Digest, MailKind, Topic
from sinkwatch.notify import items
from sinkwatch.notify.picture import Painter, Picture
from sinkwatch.store import runs

if TYPE_CHECKING:
    from sinkwatch.model import Subscription
    from sinkwatch.services import Services
    from sinkwatch.signup import Wish
    from sinkwatch.store import Store

_MOST_VIEWS: Final = 64
"""Views kept at most: 5 MB."""

_MOST_WAITING: Final = 4
"""Who may wait for a view at once: the threads that answer all other requests are not for that."""

_CROWDED_S: Final = 10
"""When to come back otherwise, seconds: longer than four views take."""

KEPT: Final = timedelta(minutes=5)
"""How long findings are taken for the last run's before they are worked out anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """
    What a newcomer is shown of one place.

    Attributes
    ----------
    home
        The place as it would be kept.
    items
        What they would have been told in the last twelve months, numbered as on the map.
    headline
        What is recorded about the ground there, one sentence.
    style
        Name, meaning and advice of its band.
    says
        Sentences on what is not known.
    picture
        The area on a map, with the words that stand for it.
    """

    home: Subscription
    items: tuple[items.Item, ...]
    headline: str
    style: BandStyle
    says: tuple[str, ...]
    picture: Picture


@dataclass(frozen=True, slots=True)
class _Known:
    """The findings of the last run, and until when they are taken for that."""

    surveyed: survey.Surveyed
    painter: Painter
    run_id: int
    until: datetime
    views: dict[tuple[str, float, frozenset[Topic]], View] = field(default_factory=dict)


@dataclass(slots=True)
class Outlook:
    """
    Works out views and maps, one at a time.

    Attributes
    ----------
    services
        Clock and area.
    store
        The open store.
    """

    services: Services
    store: Store
    _known: _Known | None = None
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _room: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_MOST_WAITING))

    def view(self, wish: Wish) -> View:
        """
        Say what somebody would have been told, and draw where.

        Parameters
        ----------
        wish
            The place, the radius and what they want to hear of.

        Returns
        -------
        view
            The one worked out a moment ago, if it was of the same: a page is followed by its map.

        Raises
        ------
        PlaceError
            If the postcode is not held or lies outside the area.
        LimitError
            If too many others wait for theirs.
        """
        if not self._room.acquire(blocking=False):
            raise LimitError(
                "this preview",
                "too many others wait for theirs",
                "Try again shortly",
                retry_after_s=_CROWDED_S,
                is_closed=True,
            )
        try:
            return self._kept(wish)
        finally:
            self._room.release()

    def _kept(self, wish: Wish) -> View:
        key = (" ".join(wish.postcode.upper().split()), wish.radius_m, wish.topics)
        with self._guard:
            known = self._fresh()
            if key not in known.views:
                while len(known.views) >= _MOST_VIEWS:
                    known.views.pop(next(iter(known.views)))
                known.views[key] = self._view(known, wish)
            return known.views[key]

    def _view(self, known: _Known, wish: Wish) -> View:
        would = preview.would_have(self.services, self.store, known.surveyed, wish)
        digest = Digest(subscriber=would.subscriber, kind=MailKind.DIGEST, alerts=would.alerts)
        told = items.of(digest, wording.london_date(self.services.clock()))
        styles = known.surveyed.findings.area.parameters.table.styles
        home = would.subscriber.subscriptions[0]
        return View(
            home=home,
            items=told,
            headline=explain.headline(would.assessment, styles),
            style=styles[would.assessment.band],
            says=would.says,
            picture=known.painter.draw(home, told),
        )

    def surveyed(self) -> survey.Surveyed:
        """Return what the last run found, for the mailroom too."""
        with self._guard:
            return self._fresh().surveyed

    def _fresh(self) -> _Known:
        known, now, run_id = self._known, self.services.clock(), self._run_id()
        # A mail must be written from what its own run found, however fresh the last look was.
        if known is None or known.run_id != run_id or not now < known.until <= now + KEPT:
            surveyed = survey.surveyed(self.services.area, intake.recall(self.services))
            known = _Known(surveyed, Painter.of(surveyed.findings), run_id, now + KEPT)
            self._known = known
        return known

    def _run_id(self) -> int:
        """Return the number of the last run; 0 if there was none."""
        with self.store.read() as connection:
            row = runs.last(connection)
        return 0 if row is None else row.run_id
