"""When an address that keeps bouncing is no longer written to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import date

SUPPRESS_AT: Final = 5
"""Score at which an address is suppressed (sinkwatch mail rules)."""

FORGET_AFTER: Final = timedelta(days=7)
"""Days without a bounce after which the score starts anew (sinkwatch mail rules)."""


def score_after(score: int, last_scored_on: date | None, on: date) -> int:
    """
    Return the score of an address after one more soft bounce.

    A second bounce on one day counts nothing, nor does one dated before the last, as when a clock
    was set back. Seven whole days without one must lie between two bounces for the score to be
    forgotten: a weekly digest that bounces every time adds up.

    Parameters
    ----------
    score
        Until now; 0 if it never bounced.
    last_scored_on
        Day of the bounce that last counted; None if it never bounced.
    on
        Day of this one.

    Returns
    -------
    score
        At most one more than before.

    Examples
    --------
    >>> from datetime import date
    >>> score_after(3, date(2026, 11, 16), date(2026, 11, 23))
    4
    >>> score_after(3, date(2026, 11, 15), date(2026, 11, 23))
    1
    """
    if last_scored_on is None or on - last_scored_on > FORGET_AFTER:
        return 1
    if on <= last_scored_on:
        return score
    return score + 1


def is_spent(score: int) -> bool:
    """
    Say whether an address has bounced often enough to be suppressed.

    Parameters
    ----------
    score
        What `score_after` returns.

    Returns
    -------
    is_spent
        Whether it is not written to again.
    """
    return score >= SUPPRESS_AT
