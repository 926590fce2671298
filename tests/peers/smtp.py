"""An SMTP relay on loopback that keeps to a script: it answers, hangs up or is mute."""

from __future__ import annotations

import contextlib
import enum
import socket
import ssl
import struct
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from io import BufferedReader


class Step(enum.StrEnum):
    """Where in a conversation the relay is."""

    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    EHLO_IN_TLS = "EHLO in TLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    DOT = "final dot"
    RSET = "RSET"
    QUIT = "QUIT"


class Fault(enum.Enum):
    """What the relay may do in place of an answer."""

    CLOSE = "close"
    RESET = "reset"
    SILENCE = "silence"


OK: Final = {
    Step.CONNECT: "",
    Step.GREETING: "220 relay.example ESMTP",
    Step.EHLO: "250-relay.example\r\n250-SIZE 10240000\r\n250-8BITMIME\r\n250 STARTTLS",
    Step.STARTTLS: "220 2.0.0 Ready",
    Step.EHLO_IN_TLS: "250-relay.example\r\n250-SIZE 10240000\r\n250-8BITMIME\r\n250 AUTH PLAIN",
    Step.AUTH: "235 2.7.0 Welcome",
    Step.MAIL: "250 2.1.0 OK",
    Step.RCPT: "250 2.1.5 OK",
    Step.DATA: "354 Go ahead",
    Step.DOT: "250 2.0.0 Queued",
    Step.RSET: "250 2.0.0 OK",
    Step.QUIT: "221 2.0.0 Bye",
}
_LINGER_NOT: Final = struct.pack("ii", 1, 0)  # closing sends a reset


@dataclass(frozen=True, kw_only=True)
class Mail:
    """What was taken: the envelope, and the content as it was before its dots were doubled."""

    sender: str
    recipient: str
    content: bytes


@dataclass(kw_only=True)
class Relay:
    """
    The relay while it runs.

    `script` gives, for a step, what is answered at each time that it is reached; when it is at an
    end, the answer is that of `OK`.
    """

    context: ssl.SSLContext
    script: dict[Step, Iterator[str | Fault]] = field(default_factory=dict)
    is_tls_at_once: bool = False
    port: int = 0
    heard: list[tuple[Step, str]] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    n_connections: int = 0
    _talks: list[_Talk] = field(default_factory=list)

    def says(self, step: Step, *answers: str | Fault) -> None:
        """Answer so for once each, when this step is reached."""
        self.script[step] = iter(answers)

    def always_says(self, step: Step, answers: Iterable[str | Fault]) -> None:
        """Answer so for ever; `itertools.repeat` gives the same each time."""
        self.script[step] = iter(answers)

    def steps(self) -> list[Step]:
        """Return the steps that were reached, but for the way to a session and out of it."""
        session = {
            Step.CONNECT,
            Step.GREETING,
            Step.EHLO,
            Step.STARTTLS,
            Step.EHLO_IN_TLS,
            Step.QUIT,
        }
        return [step for step, _ in self.heard if step not in session]

    def hang_up(self) -> None:
        """Close every connection, as a relay does with one that was idle for too long."""
        for talk in self._talks:
            talk.hang_up()

    @contextlib.contextmanager
    def running(self) -> Iterator[Relay]:
        """Listen on a port of its own."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        served = threading.Thread(target=self._serve, args=(listener,))
        served.start()
        try:
            yield self
        finally:
            # What ends the loop is a connection, not a closed listener: `accept` would not notice.
            self.port, port = 0, self.port
            with socket.create_connection(("127.0.0.1", port)):
                served.join()

    def _serve(self, listener: socket.socket) -> None:
        conversations = []
        with listener:
            while True:
                connection, _ = listener.accept()
                if not self.port:
                    connection.close()
                    break
                self.n_connections += 1
                talk = threading.Thread(target=self._talk, args=(connection,))
                talk.start()
                conversations.append(talk)
        for talk in conversations:
            talk.join()

    def _talk(self, connection: socket.socket) -> None:
        conversation = _Talk(self, connection)
        self._talks.append(conversation)
        # A client that goes away, or talks no SMTP, ends the conversation and nothing else.
        with contextlib.closing(conversation), contextlib.suppress(OSError, EOFError, ValueError):
            conversation.hold()


class _Talk:
    """One connection."""

    def __init__(self, relay: Relay, connection: socket.socket) -> None:
        self._relay = relay
        # Otherwise the reply after the handshake waits 40 ms for the client's acknowledgement.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._file: BufferedReader = connection.makefile("rb")
        self._envelope = {Step.MAIL: "", Step.RCPT: ""}

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def hang_up(self) -> None:
        # One that ended by itself is closed already.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def hold(self) -> None:
        if Step.CONNECT in self._relay.script:
            self._say(Step.CONNECT)
        if self._relay.is_tls_at_once:
            self.encrypt()
        self._say(Step.GREETING)
        while True:
            line = self._line().decode("ascii").rstrip("\r\n")
            step = self._step(line)
            if step in self._envelope:
                self._envelope[step] = line.partition(":")[2]
            if self._say(step, line) and step in _THEN:
                _THEN[step](self)

    def _step(self, line: str) -> Step:
        verb = line.split(" ", 1)[0].upper()
        if verb == "EHLO" and isinstance(self._socket, ssl.SSLSocket):
            return Step.EHLO_IN_TLS
        return Step(verb)

    def _line(self) -> bytes:
        line = self._file.readline()
        if not line:
            raise EOFError
        return line

    def _say(self, step: Step, argument: str = "") -> bool:
        """Answer, and tell whether it was a yes."""
        return self._give(self._answer(step, argument))

    def _answer(self, step: Step, argument: str = "") -> str | Fault:
        self._relay.heard.append((step, argument))
        return next(self._relay.script.get(step, iter(())), OK[step])

    def _give(self, answer: str | Fault) -> bool:
        if isinstance(answer, Fault):
            self._fail(answer)
        if not answer:
            return True
        # Latin-1, so that a script may hold any byte.
        self._socket.sendall(f"{answer}\r\n".encode("latin-1"))
        if answer.startswith("421"):
            raise EOFError
        return answer[0] in "23"

    def _fail(self, fault: Fault) -> NoReturn:
        if fault is Fault.RESET:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        if fault is Fault.SILENCE:
            while self._file.read(1):
                pass
        raise EOFError

    def encrypt(self) -> None:
        self._file.close()
        self._socket = self._relay.context.wrap_socket(self._socket, server_side=True)
        self._file = self._socket.makefile("rb")

    def take_content(self) -> None:
        lines = []
        while (line := self._line()) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        mail = Mail(
            sender=self._envelope[Step.MAIL].split(" ")[0].strip("<>"),
            recipient=self._envelope[Step.RCPT].split(" ")[0].strip("<>"),
            content=b"".join(lines),
        )
        answer = self._answer(Step.DOT)
        # Before it is said: whoever has heard it may look at once.
        if isinstance(answer, str) and answer.startswith("2"):
            self._relay.mails.append(mail)
        self._give(answer)

    def quit(self) -> None:
        raise EOFError


_THEN: Final = {
    Step.STARTTLS: _Talk.encrypt,
    Step.DATA: _Talk.take_content,
    Step.QUIT: _Talk.quit,
}


@contextlib.contextmanager
def mute_port() -> Iterator[int]:
    """Give a port that never takes a connection: the queue before it is full."""
    with socket.socket() as listener, contextlib.ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = int(listener.getsockname()[1])
        for _ in range(3):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)  # noqa: FBT003 - its only parameter
            client.connect_ex(("127.0.0.1", port))
        yield port


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
