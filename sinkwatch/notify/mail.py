"""The transports: where finished messages go, be it a relay, a folder or a list in memory."""

from __future__ import annotations

import contextlib
import os
import re
import smtplib
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from sinkwatch.errors import ConfigError, DeliveryError
from sinkwatch.notify import addresses, replies
from sinkwatch.notify.replies import RelayError, Stage, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinkwatch.model import Message

CONNECT_TIMEOUT_S: Final = 30.0
"""Until the relay greets us, seconds."""

COMMAND_TIMEOUT_S: Final = 300.0
"""For each command (RFC 5321, 4.5.3.2), seconds."""

CONTENT_TIMEOUT_S: Final = 600.0
"""After the final dot (RFC 5321, 4.5.3.2.6), seconds; a shorter wait makes duplicates."""

_OK: Final = frozenset({250, 251})
_GO_AHEAD: Final = frozenset({354})
_BARE_LINE_END: Final = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_LEADING_DOT: Final = re.compile(rb"^\.", re.MULTILINE)
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpMailer:
    """
    Hands messages to a relay over verified TLS, one recipient at a time, and in no other way.

    Attributes
    ----------
    host, port
        The relay; its certificate must bear this name.
    security
        ``starttls`` or ``tls``.
    user, password
        Log-in, only ever sent within TLS; no log-in if the user is empty.
    ca_file
        Certificates to trust; None for the system's.
    connect_timeout_s, command_timeout_s, content_timeout_s
        How long to wait for the greeting, for each command, and after the final dot, seconds.
    """

    host: str
    port: int
    security: str = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    command_timeout_s: float = COMMAND_TIMEOUT_S
    content_timeout_s: float = CONTENT_TIMEOUT_S

    def __post_init__(self) -> None:
        """Refuse settings that could not work, before any message waits for them."""
        if self.security not in _OPENERS:
            raise ConfigError(
                f"smtp_security {self.security!r}",
                f"is none of {', '.join(_OPENERS)}",
                "Mail is never sent without TLS",
            )
        if not (self.user.isascii() and self.password.isascii()):
            raise ConfigError(
                "smtp_user or smtp_password", "must be plain ASCII", "Ask the relay for another"
            )

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
        with self._session(message, name) as smtp:
            _expect(_OK, smtp.mail(message.envelope_sender), Stage.SENDER, name)
            _expect(_OK, smtp.rcpt(message.recipient), Stage.RECIPIENT, name)
            _expect(_GO_AHEAD, smtp.docmd("DATA"), Stage.CONTENT, name)
            self._hand_over(smtp, message.mime, name)

    @contextlib.contextmanager
    def _session(self, message: Message, name: str) -> Iterator[smtplib.SMTP]:
        """Connect and log in; say in our own words whatever breaks before the final dot."""
        context = self._trust(name)
        our_name = message.envelope_sender.rpartition("@")[2]
        try:
            smtp = _OPENERS[self.security](self, our_name, context)
            try:
                _wait_at_most(smtp, self.command_timeout_s)
                self._log_in(smtp, name)
                yield smtp
            finally:
                _leave(smtp)
        except smtplib.SMTPResponseException as error:
            reply = error.smtp_code, error.smtp_error
            raise _refusal(reply, Stage.CONNECT, name) from error
        except smtplib.SMTPNotSupportedError as error:
            raise RelayError(name, Verdict.OURS, "it does not offer STARTTLS") from error
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError, smtplib.SMTPServerDisconnected) as error:
            raise RelayError(name, Verdict.RETRY, "the connection was closed") from error
        except ssl.SSLError as error:
            fault = getattr(error, "verify_message", "") or error.reason or "TLS failed"
            raise RelayError(name, Verdict.OURS, f"no TLS that can be trusted: {fault}") from error
        except OSError as error:
            raise RelayError(name, Verdict.RETRY, error.strerror or "timed out") from error

    def _trust(self, name: str) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise RelayError(
                name, Verdict.OURS, f"smtp_ca_file {self.ca_file} holds no certificate"
            ) from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def _log_in(self, smtp: smtplib.SMTP, name: str) -> None:
        smtp.ehlo_or_helo_if_needed()
        if not self.user:
            return
        try:
            smtp.login(self.user, self.password)
        except smtplib.SMTPResponseException as error:
            # Not chained: what the relay says of a log-in may repeat it.
            raise _refusal((error.smtp_code, error.smtp_error), Stage.LOGIN, name) from None
        except smtplib.SMTPServerDisconnected:
            raise
        except smtplib.SMTPException:
            raise RelayError(name, Verdict.OURS, "it offers no log-in that we know") from None

    def _hand_over(self, smtp: smtplib.SMTP, mime: bytes, name: str) -> None:
        smtp.send(_LEADING_DOT.sub(b"..", mime) + b".\r\n")
        _wait_at_most(smtp, self.content_timeout_s)
        try:
            reply = smtp.getreply()
        except smtplib.SMTPServerDisconnected as error:
            raise RelayError(name, Verdict.UNKNOWN, "no reply to the final dot") from error
        _expect(_OK, reply, Stage.CONTENT, name)


def _check(message: Message, name: str) -> None:
    """Refuse what would reach someone else, or end early, because a library reads it again."""
    for address in (message.recipient, message.envelope_sender):
        if smtplib.quoteaddr(address) != f"<{address}>" or addresses.address(address) != address:
            raise RelayError(name, Verdict.BAD_MESSAGE, "an address is not canonical")
    if _BARE_LINE_END.search(message.mime) or not message.mime.endswith(b"\r\n"):
        raise RelayError(name, Verdict.BAD_MESSAGE, "a line does not end in CRLF")


def _open_starttls(mailer: SmtpMailer, our_name: str, context: ssl.SSLContext) -> smtplib.SMTP:
    smtp = smtplib.SMTP(
        mailer.host, mailer.port, local_hostname=our_name, timeout=mailer.connect_timeout_s
    )
    try:
        smtp.starttls(context=context)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _open_tls(mailer: SmtpMailer, our_name: str, context: ssl.SSLContext) -> smtplib.SMTP:
    return smtplib.SMTP_SSL(
        mailer.host,
        mailer.port,
        local_hostname=our_name,
        timeout=mailer.connect_timeout_s,
        context=context,
    )


_OPENERS: Final = {"starttls": _open_starttls, "tls": _open_tls}


def _wait_at_most(smtp: smtplib.SMTP, seconds: float) -> None:
    if smtp.sock is not None:
        smtp.sock.settimeout(seconds)


def _expect(codes: frozenset[int], reply: tuple[int, bytes], stage: Stage, name: str) -> None:
    if reply[0] not in codes:
        raise _refusal(reply, stage, name)


def _refusal(reply: tuple[int, bytes | str], stage: Stage, name: str) -> RelayError:
    code, words = reply
    text = words.decode("ascii", "replace") if isinstance(words, bytes) else words
    answer = f"{code} {replies.enhanced(text)}".strip()
    return RelayError(name, replies.verdict(stage, code, text), f"{answer} to the {stage}")


def _leave(smtp: smtplib.SMTP) -> None:
    # The answer to QUIT is not awaited: what counts was said after the final dot.
    with contextlib.suppress(OSError):
        smtp.putcmd("quit")
    smtp.close()
