"""How often a client may ask for what costs us work but sends nothing; kept in memory alone."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

_MOST_CLIENTS: Final = 10_000
"""Clients remembered at most: about 10 MB."""


@dataclass(slots=True)
class Turnstile:
    """
    Lets so many through within so long.

    Attributes
    ----------
    most
        How many of one client.
    within
        In which time.
    clock
        Gives the present time.
    """

    most: int
    within: timedelta
    clock: Callable[[], datetime]
    _passed: dict[str, deque[datetime]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def wait_s(self, client: str) -> int:
        """
        Let a client through, or say how long it has to wait.

        Parameters
        ----------
        client
            As `clients.client` names it.

        Returns
        -------
        wait_s
            Seconds; 0 if it is through.
        """
        now = self.clock()
        with self._guard:
            passed = self._passed.setdefault(client, deque())
            while passed and passed[0] <= now - self.within:
                passed.popleft()
            if len(passed) >= self.most:
                return max(1, int((passed[0] + self.within - now).total_seconds()))
            passed.append(now)
            if len(self._passed) > _MOST_CLIENTS:
                self._forget_oldest()
        return 0

    def _forget_oldest(self) -> None:
        by_age = sorted(self._passed, key=lambda client: self._passed[client][-1])
        for client in by_age[: len(by_age) // 2]:
            del self._passed[client]
