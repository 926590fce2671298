"""Which planning documents may be cited on a day, which want checking, and which are past."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sinkwatch import wording
from sinkwatch.dossier import words
from sinkwatch.model import PolicyLine, PolicyStanding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from sinkwatch.model import Policy

_ORDER: Final = (PolicyStanding.CITED, PolicyStanding.CHECK, PolicyStanding.PAST)


def table(policies: Iterable[Policy], day: date) -> tuple[PolicyLine, ...]:
    """
    Say how each planning document stands on a day.

    Parameters
    ----------
    policies
        Of the area.
    day
        Day of the pack.

    Returns
    -------
    lines
        Those that may be cited, then those to check, then those that are past; by title.
    """
    lines = [_line(policy, day) for policy in policies]
    return tuple(
        sorted(
            lines,
            key=lambda line: (
                _ORDER.index(line.standing),
                line.policy.title,
                line.policy.policy_id,
            ),
        )
    )


def _line(policy: Policy, day: date) -> PolicyLine:
    looked_at = f"Looked at on {wording.date_text(policy.checked_on)}."
    if policy.valid_until is not None and policy.valid_until < day:
        until = wording.date_text(policy.valid_until)
        why = f"It was in force up to {until}, before the day of this pack."
        return PolicyLine(policy=policy, standing=PolicyStanding.PAST, why=why)
    if policy.is_superseded:
        why = f"Something has replaced it. {looked_at}"
        return PolicyLine(policy=policy, standing=PolicyStanding.PAST, why=why)
    doubts = list(_doubts(policy, day))
    if doubts:
        why = f"Not cited here: {wording.joined(doubts)}. {looked_at}"
        return PolicyLine(policy=policy, standing=PolicyStanding.CHECK, why=why)
    why = f"{words.started(in_force(policy))}{_until(policy)}. {looked_at}"
    return PolicyLine(policy=policy, standing=PolicyStanding.CITED, why=why)


def _doubts(policy: Policy, day: date) -> Iterator[str]:
    if not policy.is_confirmed:
        yield "its text was not read at its source"
    has_no_end = policy.valid_until is None and not policy.is_open_ended
    if policy.valid_from is None and has_no_end:
        yield "no dates are known between which it holds"
    elif policy.valid_from is None:
        yield "the day from which it is in force is not known"
    elif has_no_end:
        yield "how long it stays in force is not known"
    if policy.valid_from is not None and policy.valid_from > day:
        yield f"it is not in force before {wording.date_text(policy.valid_from)}"


def in_force(policy: Policy) -> str:
    """
    Say since when a document that may be cited is in force.

    Parameters
    ----------
    policy
        With a first day.

    Returns
    -------
    text
        Such as "in force since 10 April 2019".
    """
    return f"in force since {wording.date_text(policy.valid_from)}" if policy.valid_from else ""


def _until(policy: Policy) -> str:
    # A plan "to 2030" names no day: when it is cited last is our rule and not its own.
    if policy.valid_until is None:
        return ", until something replaces it"
    return f", and cited here up to {wording.date_text(policy.valid_until)} at the latest"
