"""A name server on loopback, UDP and TCP on one port, that answers from a table."""

from __future__ import annotations

import contextlib
import socketserver
import struct
import threading
from typing import TYPE_CHECKING, Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN_BYTES = 512
"""Most that an answer by UDP holds unless the question allows more (RFC 1035)."""


class NameServer:
    """
    What is asked is noted; what is answered can be changed between questions.

    Attributes
    ----------
    zone
        Name and kind to the texts of its records.
    silent, failing
        Names that get no answer, or SERVFAIL.
    asked
        Names and kinds asked for, in order.
    port
        Where it listens.
    """

    def __init__(self, port: int) -> None:
        self.zone: dict[tuple[str, str], list[str]] = {}
        self.silent: set[str] = set()
        self.failing: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.port = port

    def text(self, name: str, *texts: str) -> None:
        """Publish TXT records, each cut into strings as DNS wants them."""
        self.zone[name, "TXT"] = [
            " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255)) or '""'
            for text in texts
        ]

    def resolver(self) -> dns.resolver.Resolver:
        """Return a resolver that asks this server alone, and is quick to give up."""
        made = dns.resolver.Resolver(configure=False)
        made.nameservers = ["127.0.0.1"]
        made.port = self.port
        made.timeout = 0.1
        return made

    def answer(self, wire: bytes, *, is_udp: bool) -> bytes | None:
        """Return the answer to a question; None for silence."""
        question = dns.message.from_wire(wire)
        name = str(question.question[0].name).rstrip(".")
        kind = dns.rdatatype.to_text(question.question[0].rdtype)
        self.asked.append((name, kind))
        if name in self.silent:
            return None
        made = dns.message.make_response(question)
        self._fill(made, name, kind)
        content = made.to_wire(max_size=65_535)
        if is_udp and len(content) > max(question.payload, PLAIN_BYTES):
            made = dns.message.make_response(question)
            made.flags |= dns.flags.TC
            content = made.to_wire()
        return content

    def _fill(self, made: dns.message.Message, name: str, kind: str) -> None:
        if name in self.failing:
            made.set_rcode(dns.rcode.SERVFAIL)
        elif (name, kind) in self.zone:
            found = dns.rrset.from_text_list(f"{name}.", 60, "IN", kind, self.zone[name, kind])
            made.answer.append(found)
        elif name not in {held for held, _ in self.zone}:
            made.set_rcode(dns.rcode.NXDOMAIN)


@contextlib.contextmanager
def name_server() -> Iterator[NameServer]:
    """Serve in this process until the block ends."""

    class ByUdp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            content, socket = self.request
            answer = peer.answer(content, is_udp=True)
            if answer is not None:
                socket.sendto(answer, self.client_address)

    class ByTcp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            (length,) = struct.unpack("!H", self.rfile.read(2))
            answer = peer.answer(self.rfile.read(length), is_udp=False)
            if answer is not None:
                self.wfile.write(struct.pack("!H", len(answer)) + answer)

    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(socketserver.TCPServer(("127.0.0.1", 0), ByTcp))
        port = tcp.server_address[1]
        udp = stack.enter_context(socketserver.UDPServer(("127.0.0.1", port), ByUdp))
        peer = NameServer(port)
        servers: tuple[Any, ...] = (tcp, udp)
        threads = [
            threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
            for one in servers
        ]
        for thread in threads:
            thread.start()
        try:
            yield peer
        finally:
            for one in servers:
                one.shutdown()
            for thread in threads:
                thread.join()
