"""How a relay is reached: by TLS that proves who it is, and a log-in within that."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from sinkwatch import wording
from sinkwatch.errors import ConfigError
from sinkwatch.notify import conversation
from sinkwatch.notify.conversation import Conversation, ConversationInTls
from sinkwatch.notify.replies import RelayError, Stage, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECT_TIMEOUT_S: Final = 30.0
"""For each step until TLS stands (sinkwatch mail rules), seconds."""

COMMAND_TIMEOUT_S: Final = 300.0
"""For each command (RFC 5321, 4.5.3.2), seconds."""

CONTENT_TIMEOUT_S: Final = 600.0
"""After the final dot (RFC 5321, 4.5.3.2.6), seconds; a shorter wait makes duplicates."""

BEFORE_DOT_TIMEOUT_S: Final = 240.0
"""From the first step to the final dot, seconds. With `CONTENT_TIMEOUT_S` it is less than the
lease of 15 minutes: what is still under way is never claimed by another worker."""

_MECHANISMS: Final = ("PLAIN", "LOGIN", "CRAM-MD5")  # within TLS the plainest is the best
_EXTENSIONS: Final = ("SIZE", "8BITMIME", "SMTPUTF8", "PIPELINING")


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """
    Which relay takes our mail, and how far it is trusted and waited for.

    Attributes
    ----------
    host, port
        The relay; its certificate must bear this name.
    our_name
        The domain that we greet it with.
    security
        ``starttls`` or ``tls``.
    user, password
        Log-in, only ever sent within TLS; no log-in if the user is empty.
    ca_file
        Certificates to trust; None for the system's.
    connect_timeout_s, command_timeout_s, content_timeout_s
        How long to wait for each step until TLS stands, for each command, and after the final
        dot, seconds.
    before_dot_timeout_s
        How long everything before the final dot may take, seconds.
    """

    host: str
    port: int
    our_name: str
    security: str = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    command_timeout_s: float = COMMAND_TIMEOUT_S
    content_timeout_s: float = CONTENT_TIMEOUT_S
    before_dot_timeout_s: float = BEFORE_DOT_TIMEOUT_S

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """
    What a relay showed of itself when it was asked and given no mail.

    Attributes
    ----------
    tls_version, cipher
        What both sides agreed on, such as "TLSv1.3".
    subject, issuer
        Of its certificate, such as "smtp.example.org".
    expires_at
        When the certificate ends, UTC.
    offers
        Which of SIZE, 8BITMIME, SMTPUTF8 and PIPELINING it offers, in that order.
    is_logged_in
        Whether a log-in was asked for, and taken.
    """

    tls_version: str
    cipher: str
    subject: str
    issuer: str
    expires_at: datetime
    offers: tuple[str, ...]
    is_logged_in: bool

    @property
    def says(self) -> str:
        """All of it as one sentence for the operator."""
        log_in = "log-in taken" if self.is_logged_in else "no log-in asked for"
        return (
            f"{self.tls_version} ({self.cipher}); certificate of {self.subject} by {self.issuer}, "
            f"good until {wording.date_text(self.expires_at.date())}; {log_in}; "
            f"offers {', '.join(self.offers) or 'no extension that we use'}"
        )


def probe(relay: Relay) -> Probe:
    """
    Connect to a relay as if there were mail, look at it, and leave.

    Parameters
    ----------
    relay
        Which.

    Returns
    -------
    probe
        What it showed.

    Raises
    ------
    RelayError
        If no mail could be given to it: its verdict says whose problem that is.
    """
    name = f"relay {relay.host}"
    smtp = connect(relay, name)
    try:
        return _looked_at(smtp, relay)
    finally:
        leave(smtp)


def connect(relay: Relay, name: str) -> Conversation:
    """
    Connect, prove who it is, encrypt, and log in; or be told why not.

    Parameters
    ----------
    relay
        Which.
    name
        What wants to be sent, for the words of an error.

    Returns
    -------
    smtp
        Ready for MAIL FROM; its time until the final dot has begun.

    Raises
    ------
    RelayError
        If the relay cannot be reached, refuses a step, or its TLS proves nothing.
    """
    with conversation.in_our_words(name, Stage.CONNECT):
        smtp = _OPENERS[relay.security](relay, _trust(relay, name), name)
        try:
            smtp.timeout = relay.command_timeout_s
            _greet(smtp, name)
            if relay.user:
                _log_in(smtp, relay, name)
        except BaseException:
            smtp.close()
            raise
    return smtp


def leave(smtp: Conversation) -> None:
    """
    Say good-bye and close.

    Parameters
    ----------
    smtp
        Open or not. The answer is not awaited: what counts was said after the final dot.
    """
    # A relay that does not read may not hold us up for the sake of a courtesy.
    smtp.timeout = min(smtp.timeout, CONNECT_TIMEOUT_S)
    with contextlib.suppress(OSError):
        smtp.putcmd("QUIT")
    smtp.close()


def _trust(relay: Relay, name: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=relay.ca_file)
    except OSError as error:
        raise RelayError(
            name,
            Verdict.OURS,
            f"smtp_ca_file {relay.ca_file} holds no certificate",
            stage=Stage.CONNECT,
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _open_starttls(relay: Relay, context: ssl.SSLContext, name: str) -> Conversation:
    smtp = Conversation(
        relay.host,
        relay.port,
        local_hostname=relay.our_name,
        timeout=relay.connect_timeout_s,
        until=time.monotonic() + relay.before_dot_timeout_s,
    )
    try:
        _greet(smtp, name)
        smtp.starttls(context=context)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _open_tls(relay: Relay, context: ssl.SSLContext, name: str) -> Conversation:
    del name  # nothing is said here that could be refused
    return ConversationInTls(
        relay.host,
        relay.port,
        local_hostname=relay.our_name,
        timeout=relay.connect_timeout_s,
        until=time.monotonic() + relay.before_dot_timeout_s,
        context=context,
    )


_OPENERS: Final[Mapping[str, Callable[[Relay, ssl.SSLContext, str], Conversation]]] = (
    MappingProxyType({"starttls": _open_starttls, "tls": _open_tls})
)


def _greet(smtp: Conversation, name: str) -> None:
    """Say EHLO; an old relay that knows HELO alone has no TLS either."""
    reply = smtp.ehlo()
    if not conversation.is_yes(reply):
        raise conversation.refusal(reply, Stage.CONNECT, name)


def _log_in(smtp: Conversation, relay: Relay, name: str) -> None:
    """Log in by one way only: `smtplib.login` would send a wrong password once for each."""
    offered = smtp.esmtp_features.get("auth", "").upper().split()
    mechanism = next((known for known in _MECHANISMS if known in offered), None)
    if mechanism is None:
        raise _unknown_log_in(name, "it offers no log-in that we know")
    smtp.user, smtp.password = relay.user, relay.password
    answer = getattr(smtp, f"auth_{mechanism.lower().replace('-', '_')}")
    try:
        smtp.auth(mechanism, answer)
    except smtplib.SMTPAuthenticationError as error:
        # Not chained, here and below: what a relay says of a log-in may repeat it.
        raise conversation.refusal((error.smtp_code, error.smtp_error), Stage.LOGIN, name) from None
    except smtplib.SMTPServerDisconnected:
        raise
    except (smtplib.SMTPException, ValueError):
        raise _unknown_log_in(name, "its log-in makes no sense") from None


def _unknown_log_in(name: str, how: str) -> RelayError:
    return RelayError(name, Verdict.OURS, how, stage=Stage.LOGIN)


def _looked_at(smtp: Conversation, relay: Relay) -> Probe:
    secured = smtp.sock
    if not isinstance(secured, ssl.SSLSocket):
        raise TypeError(f"a {type(secured).__name__} is no TLS")
    certificate, cipher = secured.getpeercert() or {}, secured.cipher()
    ends_s = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return Probe(
        tls_version=secured.version() or "",
        cipher=cipher[0] if cipher else "",
        subject=_common_name(certificate["subject"]),
        issuer=_common_name(certificate["issuer"]),
        expires_at=datetime.fromtimestamp(ends_s, UTC),
        offers=tuple(name for name in _EXTENSIONS if smtp.has_extn(name)),
        is_logged_in=bool(relay.user),
    )


def _common_name(of: Any) -> str:  # noqa: ANN401 - as ssl gives it: a tuple of tuples of pairs
    """Return the most telling part of a name in a certificate."""
    parts = {key: value for group in of for key, value in group}
    return str(parts.get("commonName") or parts.get("organizationName") or "no name")
