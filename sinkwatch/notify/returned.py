"""What mail that comes back means: a bounce, a complaint, a wish to leave, or nothing to act on."""

from __future__ import annotations

import contextlib
import enum
import logging
import re
from dataclasses import dataclass
from email.errors import MessageError
from email.header import decode_header, make_header
from typing import TYPE_CHECKING, Final, TypeAlias

from sinkwatch.errors import DataError
from sinkwatch.notify import parts, replies
from sinkwatch.notify.mailboxes import MOST_BYTES
from sinkwatch.notify.ours import Ours
from sinkwatch.notify.parts import Part
from sinkwatch.notify.replies import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sinkwatch.notify.tokens import Signer

LOG = logging.getLogger(__name__)


class Reason(enum.StrEnum):
    """Why a mail is not acted on."""

    AUTO_REPLY = "an automatic reply, such as an out-of-office note"
    DELAYED = "says that a message is delayed, not lost"
    DELIVERED = "says that a message was delivered or passed on"
    NO_ADDRESS = "names no message of ours by an address that we signed"
    FORGED = "names a message by an address that is damaged or not ours"
    NO_TOKEN = "asks to leave without a token that we signed"  # noqa: S105 - a sentence
    NOT_A_REPORT = "is not a report that a program can read"
    NOT_A_COMPLAINT = "is feedback, but not a complaint"
    MALFORMED = "is damaged"
    TOO_LARGE = "is too large, and its first part says nothing"
    UNREADABLE = "is more than our reader can take"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """
    A message that was given up on the way; a report of anything less is `Ignored`.

    Attributes
    ----------
    message_local
        Of the Message-ID, before the @.
    status
        Such as ``5.1.1`` (RFC 3463).
    verdict
        Whose problem it is, from the same table as a relay's live replies.
    """

    message_local: str
    status: str
    verdict: Verdict

    @property
    def is_policy(self) -> bool:
        """Whether a policy refused it (x.7.x), which never tells of the recipient."""
        return self.status.split(".")[1] == "7"

    @property
    def is_soft(self) -> bool:
        """Whether it counts towards the score of the address."""
        # What a relay could not reach for days (4.4.x) may be its own fault: were ours cut off for
        # a week, it would count against everybody. A mailbox that stays full (4.2.x) is not ours.
        is_refused = self.verdict is Verdict.REFUSED or self.status.startswith("4.2.")
        return is_refused and not self.is_policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """
    Somebody pressed "this is spam" on a message; one of its fields at least is known.

    Each was signed by us and stood in the copy that came with the complaint. The Message-ID alone
    is not taken for proof: though nobody could guess its 128 bits, it goes out with every reply to
    a mail or mention of it (In-Reply-To, References), and a complaint ends a person's alerts. Who
    holds the signed token could press "unsubscribe" just as well.

    Attributes
    ----------
    message_local
        Of the Message-ID, before the @, from the envelope sender; None if that was removed.
    subscriber_id
        From the List-Unsubscribe header; None if that was removed.
    """

    message_local: str | None
    subscriber_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """
    A person asked by mail to leave.

    Attributes
    ----------
    subscriber_id
        From the token in the subject.
    """

    subscriber_id: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """
    Nothing to act on.

    Attributes
    ----------
    reason
        Why.
    """

    reason: Reason


Returned: TypeAlias = Bounce | Complaint | Leaving | Ignored


def read(
    content: bytes, *, recipient: str = "", signer: Signer, domain: str, now: datetime
) -> Returned:
    """
    Say what a returned mail means. It acts on nothing and never raises.

    Parameters
    ----------
    content
        The mail as it came, `MOST_BYTES` of it at most.
    recipient
        Address that it was delivered to, if the relay says so; else the mail's own fields do.
    signer
        Knows our own addresses and tokens from forged ones.
    domain
        Our domain.
    now
        The time, aware.

    Returns
    -------
    returned
        What it means. Only a report in the form that the standards give it (RFC 3464, RFC 5965)
        about something that we signed counts; nothing is guessed from prose.
    """
    ours = Ours(signer=signer, domain=domain, now=now)
    try:
        returned = _sorted(parts.part(content[:MOST_BYTES]), recipient, ours)
    except DataError:
        returned = Ignored(Reason.MALFORMED)
    except Exception as error:  # noqa: BLE001 - one mail from a stranger never stops the others
        LOG.warning("returned mail: passed over, our reader failed (%s)", type(error).__name__)
        returned = Ignored(Reason.UNREADABLE)
    is_cut = len(content) > MOST_BYTES
    if is_cut and returned == Ignored(Reason.MALFORMED):
        return Ignored(Reason.TOO_LARGE)
    return returned


def _sorted(mail: Part, recipient: str, ours: Ours) -> Returned:
    came_to = (recipient, *(value for name in _CAME_TO for value in mail.all(name)))
    if not mail.fields:
        return Ignored(Reason.MALFORMED)
    if mail.content_type == "multipart/report":
        return _report(mail, came_to, ours)
    if _is_old_jmrp(mail):
        return _complaint(_original(parts.parts(mail)), (), ours)
    if ours.is_left_at(came_to):
        return _leaving(mail.first("subject"), ours)
    if _is_auto_reply(mail):
        return Ignored(Reason.AUTO_REPLY)
    return Ignored(Reason.NOT_A_REPORT)


_CAME_TO: Final = ("delivered-to", "x-original-to", "envelope-to", "to")
"""Where relays write down the address of delivery; To, which anyone writes, comes last."""


# ── Reports ──────────────────────────────────────────────────────────────────────────────────────


def _report(mail: Part, came_to: tuple[str, ...], ours: Ours) -> Returned:
    inside = parts.parts(mail)
    declared = mail.parameter("report-type").lower()
    report = next((piece for piece in inside if piece.content_type in _REPORTS), None)
    if report is None:
        is_lost = declared in {"delivery-status", "feedback-report"}
        return Ignored(Reason.MALFORMED if is_lost else Reason.NOT_A_REPORT)
    if not report.content_type.endswith(declared):
        return Ignored(Reason.MALFORMED)
    groups = parts.groups(parts.decoded(report))
    if report.content_type == _FEEDBACK:
        return _feedback(_original(inside), groups, ours)
    named = ours.message_named(came_to)
    if named is None:
        return _unnamed(came_to, ours)
    return _outcome(named, groups, _original(inside))


def _unnamed(texts: tuple[str, ...], ours: Ours) -> Ignored:
    return Ignored(Reason.FORGED if ours.has_bounce_address(texts) else Reason.NO_ADDRESS)


_FEEDBACK: Final = "message/feedback-report"
_REPORTS: Final = frozenset(
    {"message/delivery-status", "message/global-delivery-status", _FEEDBACK}
)
_ORIGINALS: Final = frozenset(
    {
        "message/rfc822",
        "message/rfc822-headers",
        "message/global",
        "message/global-headers",
        "text/rfc822-headers",
    }
)


def _original(inside: Iterable[Part]) -> Part:
    """Return the header of the message that a report is about; without fields if it has none."""
    for piece in inside:
        if piece.content_type in _ORIGINALS:
            with contextlib.suppress(DataError):
                return parts.part(parts.decoded(piece))
    return Part(fields=(), body=b"")


# ── Bounces ──────────────────────────────────────────────────────────────────────────────────────


def _outcome(message_local: str, groups: Iterable[Part], original: Part) -> Bounce | Ignored:
    """
    Read what became of our recipient.

    An address at the other end may stand for several, each with a group of its own. Where ours is
    not among them, or is several times, the mildest counts: somebody there may still be reading.
    """
    recipients = [group for group in groups if group.first("action")]
    ours = [group for group in recipients if _is_to(group, original.first("to"))]
    outcomes = [_outcome_of(group, message_local) for group in ours or recipients]
    return min(outcomes, key=_severity, default=Ignored(Reason.MALFORMED))


def _is_to(group: Part, to: str) -> bool:
    address = _ADDRESS.search(to)
    named = (group.first(name).partition(";")[2] for name in _RECIPIENTS)
    return address is not None and address[0].casefold() in {
        name.strip(" <>").casefold() for name in named
    }


_ADDRESS: Final = re.compile(r"[^\s<>,;]{1,64}@[^\s<>,;]{1,255}")
_RECIPIENTS: Final = ("original-recipient", "final-recipient")


def _outcome_of(group: Part, message_local: str) -> Bounce | Ignored:
    action = group.first("action").partition(" ")[0].lower()
    if action != "failed":
        return Ignored(_OTHER_ACTIONS.get(action, Reason.MALFORMED))
    kind, _, words = group.first("diagnostic-code").partition(";")
    said = words.strip() if kind.strip().lower() == "smtp" else ""
    reply = _REPLY.match(said)
    code = int(reply[1]) if reply else 0
    status = _status(group.first("status"), said[reply.end() :] if reply else said, code)
    if not status:
        return Ignored(Reason.MALFORMED)
    verdict = replies.verdict_of_status(status, code=code, words=words)
    return Bounce(message_local=message_local, status=status, verdict=verdict)


_OTHER_ACTIONS: Final = {
    "delayed": Reason.DELAYED,
    "delivered": Reason.DELIVERED,
    "relayed": Reason.DELIVERED,
    "expanded": Reason.DELIVERED,
}
_REPLY: Final = re.compile(r"([45]\d\d)[ -]?", re.ASCII)


def _status(stated: str, reply: str, code: int) -> str:
    """
    Return the status that says most, empty if there is none of a failure.

    Some relays state 5.0.0 whatever the other side replied. A policy of the other side counts as
    one even if the relay states something else: it must never be laid on the recipient.
    """
    status = _of_failure(stated)
    replied = _of_failure(reply)
    if replied and (not status or status.endswith(".0.0") or ".7." in replied):
        return replied
    return status or (f"{code // 100}.0.0" if code else "")


def _of_failure(words: str) -> str:
    status = replies.enhanced(words)
    return "" if status.startswith("2") else status


def _severity(outcome: Bounce | Ignored) -> int:
    return _SEVERITY.index(outcome.verdict) if isinstance(outcome, Bounce) else -1


_SEVERITY: Final = (
    Verdict.RETRY,
    Verdict.SLOW_DOWN,
    Verdict.UNKNOWN,
    Verdict.OURS,
    Verdict.BAD_MESSAGE,
    Verdict.REFUSED,
    Verdict.NO_SUCH_RECIPIENT,
)
"""From the mildest to what ends a person's alerts."""


# ── Complaints ───────────────────────────────────────────────────────────────────────────────────


def _feedback(original: Part, groups: Iterable[Part], ours: Ours) -> Complaint | Ignored:
    fields = [group for group in groups if group.first("feedback-type")]
    if not fields:
        return Ignored(Reason.MALFORMED)
    if fields[0].first("feedback-type").lower() not in _COMPLAINTS:
        return Ignored(Reason.NOT_A_COMPLAINT)
    return _complaint(original, fields[0].all("original-mail-from"), ours)


_COMPLAINTS: Final = frozenset({"abuse", "fraud"})
"""Of the types registered for feedback, those by which a person complains (RFC 5965, 7.3)."""


def _complaint(original: Part, senders: Iterable[str], ours: Ours) -> Complaint | Ignored:
    texts = (*original.all("return-path"), *senders, *(value for _, value in original.fields))
    message_local = ours.message_named(texts)
    subscriber_id = ours.subscriber_named(original.all("list-unsubscribe"))
    if message_local is None and subscriber_id is None:
        return _unnamed(texts, ours)
    return Complaint(message_local=message_local, subscriber_id=subscriber_id)


def _is_old_jmrp(mail: Part) -> bool:
    """Know the form in which Microsoft complains where it does not yet use the standard's."""
    return (
        mail.content_type == "multipart/mixed"
        and _JMRP.search(mail.first("from")) is not None
        and mail.first("subject").lower().startswith("complaint about message from")
    )


_JMRP: Final = re.compile(r"(?<![\w.+-])staff@hotmail\.com(?![\w.-])", re.IGNORECASE)


# ── Leaving, and all the rest ────────────────────────────────────────────────────────────────────


def _leaving(subject: str, ours: Ours) -> Leaving | Ignored:
    plain = _plain(subject)
    # A mail program may put "Re:" before the token, or fold the line in the midst of it.
    whole = "".join(plain.rpartition(":")[2].split())
    subscriber_id = ours.subscriber_of((whole, *plain.split()[:_MOST_WORDS]))
    if subscriber_id is None:
        return Ignored(Reason.NO_TOKEN)
    return Leaving(subscriber_id=subscriber_id)


_MOST_SUBJECT_CHARACTERS: Final = 1_000
"""Looked at; a token has about 80."""

_MOST_WORDS: Final = 10
"""Of a subject, tried as the token."""


def _plain(subject: str) -> str:
    """Return a subject without the encoding that some mail programs give every one."""
    short = subject[:_MOST_SUBJECT_CHARACTERS]
    try:
        return str(make_header(decode_header(short)))
    except (MessageError, LookupError, ValueError):
        return short


def _is_auto_reply(mail: Part) -> bool:
    submitted = mail.first("auto-submitted").partition(";")[0].strip().lower()
    return (
        submitted not in {"", "no"}
        or mail.first("precedence").lower() == "auto_reply"
        or any(mail.all(name) for name in _OF_AUTO_REPLIES)
    )


_OF_AUTO_REPLIES: Final = ("x-autoreply", "x-autorespond", "x-auto-reply")
"""Fields by which answering programs gave themselves away before RFC 3834."""
