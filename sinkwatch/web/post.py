"""The mailroom's thread: round after round beside the pages, whatever one round meets."""

from __future__ import annotations

import logging
import threading
import traceback
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from sinkwatch import mailroom
from sinkwatch.errors import SinkwatchError

if TYPE_CHECKING:
    from sinkwatch.web.desk import Desk

LOG = logging.getLogger(__name__)

EVERY_S: Final = 2.0
"""Between two rounds, seconds: who has just asked is looking into their inbox."""

_STOP_WITHIN_S: Final = 30.0
"""How long a round may go on once the service stops, seconds; a mail half sent goes again later."""


class Post:
    """
    Runs the mailroom as long as the service does; to be used in a `with`.

    Parameters
    ----------
    desk
        With services and store.
    every_s
        Between two rounds, seconds.
    """

    def __init__(self, desk: Desk, *, every_s: float = EVERY_S) -> None:
        self._desk = desk
        self._every_s = every_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="post", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        """End after the present round."""
        self._stopped.set()
        self._thread.join(_STOP_WITHIN_S)

    def _work(self) -> None:
        while not self._stopped.is_set():
            self._round()
            self._stopped.wait(self._every_s)

    def _round(self) -> None:
        desk = self._desk
        try:
            mailroom.work(desk.services, desk.store, surveyed=desk.outlook.surveyed)
        except (SinkwatchError, OSError) as error:
            LOG.error("post: %s", error)  # noqa: TRY400 - one line for the operator, no traceback
        except Exception as error:  # noqa: BLE001 - a fault of ours now must not cost later mails
            # Without the error's own words, which may hold an address.
            trace = "".join(traceback.format_tb(error.__traceback__))
            LOG.error("post: %s, a fault in sinkwatch\n%s", type(error).__name__, trace)  # noqa: TRY400
