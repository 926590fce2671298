"""An SMTP conversation that waits and listens within bounds, and its endings in our own words."""

from __future__ import annotations

import contextlib
import math
import smtplib
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any, Final

from sinkwatch.notify import replies
from sinkwatch.notify.replies import RelayError, Stage, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

_YES: Final = range(200, 300)  # RFC 5321, 4.2.1

Reply = tuple[int, bytes]
"""Code and words; the code is -1 if there is none."""

_MOST_LINE: Final = 8_192  # bytes of a line of a reply; RFC 5321 asks for 512
_MOST_LINES: Final = 100  # of one reply: an endless one would fill the memory


class Conversation(smtplib.SMTP):
    """
    An SMTP client that waits and listens within bounds, whatever the relay does.

    Parameters
    ----------
    *where
        Host and port, as smtplib wants them.
    until
        When the present business must be over, on the monotonic clock, seconds.
    **how
        The rest, as smtplib wants it.

    Attributes
    ----------
    timeout
        How long a single step may take, seconds.
    until
        As given.
    """

    timeout: float
    until: float = math.inf

    def __init__(self, *where: Any, until: float, **how: Any) -> None:  # noqa: ANN401 - smtplib's
        self.until = until
        super().__init__(*where, **how)
        # Otherwise the end of a longer mail waits until the relay acknowledges what came before,
        # and a relay that has nothing to answer yet takes 40 ms over that.
        if self.sock is not None:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, s: Any) -> None:  # noqa: ANN401 - smtplib's own signature
        """
        Hand bytes to the relay, for no longer than may be waited.

        Parameters
        ----------
        s
            As `smtplib.SMTP.send` wants them.
        """
        self._bound_the_wait()
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """
        Wait for a reply, but for none without an end.

        Returns
        -------
        reply
            Its code and words.

        Raises
        ------
        SMTPServerDisconnected
            If the relay is gone, silent, or talks nonsense; the socket is closed then.
        """
        words: list[bytes] = []
        for _ in range(_MOST_LINES):
            line = self._line()
            words.append(line[4:].strip())
            if line[3:4] != b"-":
                code = int(line[:3]) if line[:3].isdigit() else -1
                return code, b"\n".join(words)
        self.close()
        raise smtplib.SMTPServerDisconnected("talks without end")

    def _line(self) -> bytes:
        """Read one line; a socket that failed is closed."""
        self._bound_the_wait()
        try:
            if self.file is None:
                self.file = self.sock.makefile("rb")  # type: ignore[union-attr] # bounded: it is open
            line = self.file.readline(_MOST_LINE + 1)
        except OSError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected("no reply") from error
        if line.endswith(b"\n") and len(line) <= _MOST_LINE:
            return line
        self.close()
        raise smtplib.SMTPServerDisconnected("ended in the middle")

    def _bound_the_wait(self) -> None:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("is closed already")
        left_s = self.until - time.monotonic()
        if left_s <= 0:
            self.close()
            raise smtplib.SMTPServerDisconnected("no time left") from TimeoutError()
        self.sock.settimeout(min(self.timeout, left_s))


class ConversationInTls(Conversation, smtplib.SMTP_SSL):
    """The same, encrypted from the first byte."""


def is_yes(reply: Reply) -> bool:
    """
    Tell whether a relay agrees.

    Parameters
    ----------
    reply
        Its code and words.

    Returns
    -------
    is_yes
        As its first digit says, which alone counts (RFC 5321, 4.2.1).
    """
    return reply[0] in _YES


def refusal(reply: tuple[int, bytes | str], stage: Stage, name: str) -> RelayError:
    """
    Put a refusal into our own words: a relay's words repeat addresses, and log-ins.

    Parameters
    ----------
    reply
        Its code and words.
    stage
        How far the message had come.
    name
        What is being sent.

    Returns
    -------
    error
        With the verdict of the table.
    """
    code, words = reply
    text = words.decode("ascii", "replace") if isinstance(words, bytes) else words
    status = replies.enhanced(text)
    answer = f"{code} {status}".strip()
    verdict = replies.verdict(stage, code, text)
    return RelayError(name, verdict, f"{answer} to the {stage}", stage=stage, status=status)


@contextlib.contextmanager
def in_our_words(name: str, stage: Stage) -> Iterator[None]:
    """
    Say in our own words whatever breaks before the final dot.

    Parameters
    ----------
    name
        What is being sent.
    stage
        How far the message had come at least.

    Raises
    ------
    RelayError
        In place of what smtplib, ssl and the socket raise.
    """
    try:
        yield
    except smtplib.SMTPResponseException as error:
        raise refusal((error.smtp_code, error.smtp_error), stage, name) from error
    except OSError as error:
        verdict, how = _ending(error)
        raise RelayError(name, verdict, how, stage=stage) from error


def _ending(error: OSError) -> tuple[Verdict, str]:
    """Return whose problem it is that a conversation broke off, and how it did."""
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Verdict.OURS, "it does not offer STARTTLS"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Verdict.RETRY, "the connection was closed"
    if isinstance(error, ssl.SSLError):
        fault = getattr(error, "verify_message", "") or error.reason or "TLS failed"
        return Verdict.OURS, f"no TLS that can be trusted: {fault}"
    if isinstance(error, smtplib.SMTPServerDisconnected) and not is_silence(error):
        return Verdict.RETRY, "the connection was closed"
    return Verdict.RETRY, error.strerror or "timed out"


def is_silence(error: smtplib.SMTPServerDisconnected) -> bool:
    """
    Tell a relay that says nothing from one that is gone.

    Parameters
    ----------
    error
        As smtplib or a `Conversation` raised it.

    Returns
    -------
    is_silence
        Whether we gave up waiting.
    """
    return isinstance(error.__cause__ or error.__context__, TimeoutError)
