"""When a form was handed out, signed: one sent back within moments was filled in by a program."""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sinkwatch.errors import TokenError
from sinkwatch.notify.tokens import Purpose

if TYPE_CHECKING:
    from sinkwatch.notify.tokens import Signer

SOONEST: Final = timedelta(seconds=3)
"""No person fills the form in faster (sinkwatch web rules)."""

LATEST: Final = timedelta(days=1)
"""After this the form is handed out anew."""


class Verdict(enum.Enum):
    """What the age of a form says."""

    GOOD = enum.auto()
    TOO_SOON = enum.auto()
    TOO_LATE = enum.auto()


def made(signer: Signer, now: datetime) -> str:
    """
    Return a stamp for a form that is handed out.

    Parameters
    ----------
    signer
        With the key of this installation.
    now
        Time, UTC.

    Returns
    -------
    stamp
        For a hidden field.
    """
    return signer.sign(Purpose.FORM, str(int(now.timestamp())), at=now)


def judge(signer: Signer, stamp: str, now: datetime) -> Verdict:
    """
    Tell whether a form came back after a time that a person may have taken.

    Parameters
    ----------
    signer
        With the key of this installation.
    stamp
        As it came back.
    now
        Time, UTC.

    Returns
    -------
    verdict
        `TOO_LATE` for one that is not ours as well: either way a new form is what helps.
    """
    try:
        handed_out = signer.unsign(Purpose.FORM, stamp, now=now, max_age=LATEST)
    except TokenError:
        return Verdict.TOO_LATE
    age = now - datetime.fromtimestamp(int(handed_out), UTC)
    return Verdict.TOO_SOON if age < SOONEST else Verdict.GOOD
