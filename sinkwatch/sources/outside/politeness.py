"""How each server outside may be asked, and what must be remembered to keep to it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRule:
    """
    What one allowed server may be asked, and how much it may answer.

    Attributes
    ----------
    spacing_s
        Least time between two requests, seconds.
    most_bytes
        Largest answer, decoded, bytes.
    connect_s, read_s, whole_s
        How long it may take to be reached, to say anything more, and to answer whole, seconds.
    least_bytes_per_s
        For large files: each so many bytes that have come, as they travel, allow a second more
        than `whole_s`. An answer that drips earns none; one of 600 MB at 100,000 bytes a second
        has 6,000 s. Without it `whole_s` holds whatever the size.
    is_a_peer_of_tests
        Whether it lies on this machine and speaks plain HTTP; no setting leads here.
    """

    spacing_s: float = 1.0
    most_bytes: int = 50_000_000
    connect_s: float = 10.0
    read_s: float = 60.0
    whole_s: float = 120.0
    least_bytes_per_s: float = math.inf
    is_a_peer_of_tests: bool = False


class HostNotes(Protocol):
    """What outlives a run: when each server was last asked, and when it may be asked again."""

    def last_request_at(self, host: str) -> datetime | None:
        """
        Return when a server was last asked, UTC.

        Parameters
        ----------
        host
            Its name.
        """

    def not_before(self, host: str) -> datetime | None:
        """
        Return until when a server wants to be left alone, UTC.

        Parameters
        ----------
        host
            Its name.
        """

    def note_request(self, host: str, at: datetime) -> None:
        """
        Keep that a server is being asked.

        Parameters
        ----------
        host
            Its name.
        at
            Time, UTC.
        """

    def note_not_before(self, host: str, until: datetime) -> None:
        """
        Keep that a server wants to be left alone.

        Parameters
        ----------
        host
            Its name.
        until
            Time, UTC.
        """
