"""The transports: where finished messages go, be it a relay, a folder or a list in memory."""

from __future__ import annotations

import os
import re
import smtplib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from sinkwatch.errors import ConfigError, DeliveryError
from sinkwatch.notify import addresses, conversation
from sinkwatch.notify import relay as relays
from sinkwatch.notify.replies import RelayError, Stage, Verdict

if TYPE_CHECKING:
    from sinkwatch.model import Message
    from sinkwatch.notify.conversation import Conversation, Reply
    from sinkwatch.notify.relay import Probe, Relay

MOST_MESSAGES: Final = 100
"""Of one connection: relays grow wary of longer ones (Postfix reuses its own for 300 s)."""

_GO_AHEAD: Final = 354
_GOING_AWAY: Final = 421
_REFUSALS: Final = range(400, 600)
_BARE_LINE_END: Final = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_LEADING_DOT: Final = re.compile(rb"^\.", re.MULTILINE)
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600

# After any other refusal the relay has had enough of us, or we of it.
_ABOUT_THE_MAIL: Final = frozenset(
    {Verdict.RETRY, Verdict.NO_SUCH_RECIPIENT, Verdict.REFUSED, Verdict.BAD_MESSAGE}
)


class Mailer(Protocol):
    """Anything that takes a finished message over."""

    def send(self, message: Message) -> None:
        """
        Take a message over, or say why not.

        Parameters
        ----------
        message
            With its final bytes.

        Raises
        ------
        DeliveryError
            If it was not taken; `permanent` says whether another try is pointless.
        """

    def close(self) -> None:
        """Let go of what was kept open for the next message; it may be used again."""


class MemoryMailer:
    """
    Keeps what it is given: for dry runs and tests.

    Attributes
    ----------
    sent
        Messages taken, in order.
    """

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self._failures: list[DeliveryError] = []

    def fail_next(self, *failures: DeliveryError) -> None:
        """
        Refuse the next messages, one for each failure.

        Parameters
        ----------
        *failures
            What to raise, in order.
        """
        self._failures.extend(failures)

    def send(self, message: Message) -> None:
        """
        Keep a message.

        Parameters
        ----------
        message
            With its final bytes.

        Raises
        ------
        DeliveryError
            If told to by `fail_next`.
        """
        if self._failures:
            raise self._failures.pop(0)
        self.sent.append(message)

    def close(self) -> None:
        """Do nothing: nothing is open."""


@dataclass(frozen=True, slots=True)
class FolderMailer:
    """
    Writes each message as an ``.eml`` file, which any mail program opens.

    A message sent again replaces its own file with the same bytes.

    Attributes
    ----------
    folder
        Made if it is not there; only its owner may look inside.
    """

    folder: Path

    def send(self, message: Message) -> None:
        """
        Write a message, whole or not at all.

        Parameters
        ----------
        message
            With its final bytes.

        Raises
        ------
        DeliveryError
            If the folder cannot be written to.
        """
        local = addresses.local_part(message.message_id)
        try:
            self.folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            _write(self.folder / f"{local}.eml", message.mime)
        except OSError as error:
            raise DeliveryError(
                f"message {local}",
                f"{self.folder} cannot be written to ({error.strerror})",
                "Check the mail folder; the message is kept and tried again",
                permanent=False,
            ) from error

    def close(self) -> None:
        """Do nothing: nothing is open."""


def _write(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".part")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    # Without this a power cut may take the new name back after we said it was written.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class SmtpMailer:
    """
    Hands messages to a relay over verified TLS, one recipient at a time, and in no other way.

    Its session stays open for the next message, for `MOST_MESSAGES` or until a fault; whenever
    it connects anew, the relay has to prove again who it is.

    Parameters
    ----------
    relay
        Which, and how far it is trusted.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._session: _Session | None = None

    def send(self, message: Message) -> None:
        """
        Hand a message to the relay and wait until it says that it has it.

        Parameters
        ----------
        message
            With its final bytes.

        Raises
        ------
        RelayError
            If the relay did not take it; its verdict says whose problem that is.
        """
        name = f"message {addresses.local_part(message.message_id)}"
        _check(message, name)
        try:
            with conversation.in_our_words(name, Stage.SENDER):
                self._announced(message, name).hand_over(message, name)
        finally:
            if self._session is not None and not self._session.may_go_on():
                self.close()

    def close(self) -> None:
        """End the session, if one is open; the next message begins another."""
        kept, self._session = self._session, None
        if kept is not None:
            relays.leave(kept.smtp)

    def probe(self) -> Probe:
        """
        Connect as if there were mail, look at the relay, and leave.

        Returns
        -------
        probe
            What it showed.

        Raises
        ------
        RelayError
            If no mail could be given to it.
        """
        return relays.probe(self._relay)

    def _announced(self, message: Message, name: str) -> _Session:
        """Announce a message on the session kept, or on a new one if the relay has left that."""
        if self._session is not None and self._session.takes_up(message, name):
            return self._session
        self.close()
        self._session = _Session(relays.connect(self._relay, name), self._relay)
        self._session.announce(message, name)
        return self._session


class _Session:
    """One connection to a relay: encrypted, logged in, and kept as long as both are in step."""

    def __init__(self, smtp: Conversation, relay: Relay) -> None:
        self.smtp = smtp
        self._relay = relay
        self._n_messages = 0
        self._is_amid = False  # a message was announced, and neither taken nor called off
        self._is_in_step = True  # each side knows where the other is
        self._is_leaving = False  # the relay has said so

    def may_go_on(self) -> bool:
        return self._is_in_step and self._n_messages < MOST_MESSAGES

    def takes_up(self, message: Message, name: str) -> bool:
        """Announce another message; not if the relay has left, as it may between two."""
        self.smtp.until = time.monotonic() + self._relay.before_dot_timeout_s
        try:
            self.announce(message, name)
        except smtplib.SMTPServerDisconnected as error:
            if conversation.is_silence(error):
                raise
            return False
        except RelayError:
            if self._is_leaving:
                return False
            raise
        return True

    def announce(self, message: Message, name: str) -> None:
        options = self._options(message, name)
        self._is_in_step = False  # until a reply says otherwise
        if self._is_amid:
            self._expect(self.smtp.rset(), Stage.SENDER, name)
        self._n_messages += 1
        self._expect(self.smtp.mail(message.envelope_sender, options), Stage.SENDER, name)
        self._is_amid = True

    def hand_over(self, message: Message, name: str) -> None:
        """Name the recipient, hand the content over, and wait for the word that it is taken."""
        self._expect(self.smtp.rcpt(message.recipient), Stage.RECIPIENT, name)
        reply = self.smtp.docmd("DATA")
        if reply[0] != _GO_AHEAD:
            raise self._refusal(reply, Stage.CONTENT, name)
        self.smtp.send(_LEADING_DOT.sub(b"..", message.mime) + b".\r\n")
        self._await_the_word(name)

    def _await_the_word(self, name: str) -> None:
        self.smtp.timeout = self._relay.content_timeout_s
        self.smtp.until = time.monotonic() + self._relay.content_timeout_s
        try:
            reply = self.smtp.getreply()
        except smtplib.SMTPServerDisconnected as error:
            raise _no_word(name, "no reply to the final dot") from error
        self.smtp.timeout = self._relay.command_timeout_s
        if not conversation.is_yes(reply) and reply[0] not in _REFUSALS:
            raise _no_word(name, "no sense in the reply to the final dot")
        self._is_amid = False
        self._expect(reply, Stage.CONTENT, name)
        self._is_in_step = True

    def _expect(self, reply: Reply, stage: Stage, name: str) -> None:
        if not conversation.is_yes(reply):
            raise self._refusal(reply, stage, name)

    def _refusal(self, reply: Reply, stage: Stage, name: str) -> RelayError:
        """Judge a refusal, and whether the next message may follow it on this connection."""
        error = conversation.refusal(reply, stage, name)
        is_about_the_mail = error.verdict in _ABOUT_THE_MAIL and reply[0] in _REFUSALS
        self._is_leaving = reply[0] == _GOING_AWAY and error.verdict is Verdict.RETRY
        self._is_in_step = is_about_the_mail and reply[0] != _GOING_AWAY
        return error

    def _options(self, message: Message, name: str) -> tuple[str, ...]:
        """Tell beforehand what is coming, so that it is refused before it is sent."""
        options = (f"SIZE={len(message.mime)}",) if self.smtp.has_extn("size") else ()
        if message.mime.isascii():
            return options
        if not self.smtp.has_extn("8bitmime"):
            raise _at_fault(name, "it does not offer 8BITMIME")
        return (*options, "BODY=8BITMIME")


def _no_word(name: str, how: str) -> RelayError:
    return RelayError(name, Verdict.UNKNOWN, how, stage=Stage.CONTENT)


def _at_fault(name: str, how: str) -> RelayError:
    return RelayError(name, Verdict.BAD_MESSAGE, how, stage=Stage.SENDER)


def _check(message: Message, name: str) -> None:
    """Refuse what would reach someone else, or end early, because a library reads it again."""
    if not (_is_canonical(message.recipient) and _is_canonical(message.envelope_sender)):
        raise _at_fault(name, "an address is not canonical")
    if _BARE_LINE_END.search(message.mime) or not message.mime.endswith(b"\r\n"):
        raise _at_fault(name, "a line does not end in CRLF")


def _is_canonical(address: str) -> bool:
    try:
        return smtplib.quoteaddr(address) == f"<{addresses.address(address)}>" == f"<{address}>"
    except ConfigError:
        return False
