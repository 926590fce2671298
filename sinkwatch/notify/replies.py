"""What a relay's reply means: whose problem it is, and whether the same bytes may succeed later."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final

from sinkwatch.errors import DeliveryError


class Stage(enum.StrEnum):
    """How far a message had come when the reply arrived."""

    CONNECT = "connection"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"


class Verdict(enum.Enum):
    """
    Whose problem it is, and so what happens next.

    Parameters
    ----------
    is_permanent
        Whether trying the same bytes again is pointless.
    means
        What it means, for the operator.
    way_out
        What happens next, or what the operator can do.

    Attributes
    ----------
    is_permanent, means, way_out
        As given.
    """

    RETRY = (False, "cannot take it now", "It is tried again later")
    SLOW_DOWN = (False, "asks us to send more slowly", "Wait ten minutes, then send singly")
    UNKNOWN = (
        False,
        "went away after the whole message was handed over, so it may have arrived",
        "The same bytes are sent again; a second copy has the same Message-ID",
    )
    OURS = (
        False,
        "refuses us and not the recipient",
        "Stop sending and mend the relay's settings; the recipient stays",
    )
    NO_SUCH_RECIPIENT = (True, "knows no such recipient", "The address is not written to again")
    REFUSED = (True, "refuses this message for this recipient", "This message is given up")
    BAD_MESSAGE = (
        True,
        "finds fault with the message itself",
        "It is put aside: look at it with `sinkwatch outbox show`",
    )

    def __init__(self, is_permanent: bool, means: str, way_out: str) -> None:  # noqa: FBT001 - a row
        self.is_permanent = is_permanent
        self.means = means
        self.way_out = way_out


class RelayError(DeliveryError):
    """
    A relay did not take a message.

    Parameters
    ----------
    message
        Which one, by the local part of its id; never the address.
    verdict
        Whose problem it is.
    answer
        Codes of the reply, or what broke; never the reply's own words, which repeat addresses.
    stage
        How far the message had come.
    status
        Enhanced code of the reply, such as ``5.2.2``; empty if there was none.

    Attributes
    ----------
    verdict, stage, status
        As given.
    """

    def __init__(
        self,
        message: str,
        verdict: Verdict,
        answer: str,
        *,
        stage: Stage = Stage.CONTENT,
        status: str = "",
    ) -> None:
        rule = f"the relay {verdict.means} ({answer})"
        super().__init__(message, rule, verdict.way_out, permanent=verdict.is_permanent)
        self.verdict = verdict
        self.stage = stage
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """One row of the table; a pattern that is empty fits everything."""

    code: str
    enhanced: str = ""
    words: str = ""
    stages: frozenset[Stage]
    verdict: Verdict

    def fits(self, stage: Stage, code: int, enhanced: str, words: str) -> bool:
        return (
            stage in self.stages
            and re.fullmatch(self.code, str(code)) is not None
            and (not self.enhanced or re.fullmatch(self.enhanced, enhanced) is not None)
            and (not self.words or re.search(self.words, words, re.IGNORECASE) is not None)
        )


_ANY: Final = frozenset(Stage)
_BEFORE: Final = frozenset({Stage.CONNECT, Stage.LOGIN, Stage.SENDER})
_AFTER: Final = frozenset({Stage.RECIPIENT, Stage.CONTENT})
_TRANSACTION: Final = frozenset({Stage.SENDER, Stage.RECIPIENT, Stage.CONTENT})


def _rule(
    verdict: Verdict, stages: frozenset[Stage], code: str, enhanced: str = "", words: str = ""
) -> _Rule:
    return _Rule(code=code, enhanced=enhanced, words=words, stages=stages, verdict=verdict)


# The first row that fits decides. Codes from RFC 5321, enhanced codes from RFC 3463 and 7372 and
# what the great mailbox providers publish. A relay that speaks before it has heard the recipient
# cannot mean the recipient.
_TABLE: Final = (
    _rule(Verdict.SLOW_DOWN, _ANY, "421|450", r"4\.7\.\d+"),
    _rule(Verdict.RETRY, _ANY, "4.."),
    _rule(Verdict.BAD_MESSAGE, _TRANSACTION, "501|503|555"),
    _rule(Verdict.BAD_MESSAGE, _TRANSACTION, "552|554", r"5\.3\.4|5\.6\.\d+"),
    _rule(Verdict.OURS, _BEFORE, "5.."),
    _rule(Verdict.OURS, _AFTER, "530|535"),
    _rule(Verdict.OURS, _AFTER, "5..", r"5\.7\.(?:0|1|2[5-9]|30|515)"),
    _rule(Verdict.OURS, _AFTER, "550", r"5\.4\.5"),
    _rule(Verdict.OURS, _AFTER, "5..", r"5\.1\.[78]"),  # RFC 3463: the sender's address, so ours
    _rule(Verdict.NO_SUCH_RECIPIENT, _AFTER, "550", r"5\.1\.(?:1|2|3|10)"),
    _rule(Verdict.NO_SUCH_RECIPIENT, _AFTER, "553", r"5\.1\.\d+"),
    _rule(Verdict.NO_SUCH_RECIPIENT, _AFTER, "5..", r"5\.2\.1", "inactive|disabled|suspended"),
    _rule(Verdict.REFUSED, _AFTER, "5.."),
)

# What a reply bears that has such a status (RFC 5248, 2.4): a report may give the status alone.
_CODES: Final = (
    (r"4\.7\.\d+", 450),
    (r"4\.\d+\.\d+", 451),
    (r"5\.3\.4|5\.6\.\d+", 554),
    (r"5\.5\.1", 503),
    (r"5\.5\.[24]", 501),
    (r"5\.7\.8", 535),
    (r"5\.\d+\.\d+", 550),
)

_OF_THE_SENDER: Final = frozenset({"5.1.7", "5.1.8"})
"""Find fault with the sender's address (RFC 3463, 3.2), though they look like the recipient's."""

_ENHANCED: Final = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")


def verdict(stage: Stage, code: int, reply: str) -> Verdict:
    """
    Look a reply up in the table.

    Parameters
    ----------
    stage
        How far the message had come.
    code
        Of the reply, three digits.
    reply
        Its words, which begin with the enhanced code if it has one.

    Returns
    -------
    verdict
        To try again if the reply makes no sense at all.
    """
    code_of_reply = enhanced(reply)
    fitting = (rule.verdict for rule in _TABLE if rule.fits(stage, code, code_of_reply, reply))
    return next(fitting, Verdict.RETRY)


def verdict_of_status(status: str, *, code: int = 0, words: str = "") -> Verdict:
    """
    Look a status from a report up in the table of replies: a report does not tell the stage.

    The status decides. Where it says nothing in particular, the code of the reply does, if it is
    known. That the recipient was refused, and not we, is never read out of the stage that is
    missing: what finds fault with the sender's address is ours.

    Parameters
    ----------
    status
        Such as ``5.1.1``.
    code
        Of the reply that the report repeats, three digits; 0 if it repeats none.
    words
        Of that reply.

    Returns
    -------
    verdict
        To try again if the status makes no sense.
    """
    if status in _OF_THE_SENDER:
        return Verdict.OURS
    reply = f"{status} {words}"
    usual = next((usual for form, usual in _CODES if re.fullmatch(form, status)), 0)
    by_status = verdict(Stage.RECIPIENT, usual, reply)
    if by_status is not Verdict.REFUSED or status[:1] != str(code)[:1]:
        return by_status
    return verdict(Stage.RECIPIENT, code, reply)


def enhanced(reply: str) -> str:
    """
    Return the enhanced status code that a reply begins with.

    Parameters
    ----------
    reply
        Its words, without the three digits.

    Returns
    -------
    code
        Such as ``5.1.1``; empty if there is none.
    """
    found = _ENHANCED.match(reply)
    return found.group(1) if found else ""
