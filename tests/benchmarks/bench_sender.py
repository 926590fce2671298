"""
The sender: mails a second to a relay on loopback, each with a durable commit of its own.

Beside it, the same mails by bare smtplib without any store: once with a new connection for each
mail, as most notifiers send, and once over a single connection. Run with
`pytest -m benchmark -s tests/benchmarks/bench_sender.py`; the figures are printed.
`MAILS=10000` sends more.
"""

from __future__ import annotations

import contextlib
import os
import smtplib
import ssl
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from sinkwatch import delivery
from sinkwatch.notify.mail import SmtpMailer
from sinkwatch.notify.relay import Relay
from sinkwatch.services import Services
from sinkwatch.store import outbox
from tests.notify.messages import a_message
from tests.peers import certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sinkwatch.model import Message
    from sinkwatch.store import Store

pytestmark = pytest.mark.benchmark

N_MAILS: Final = int(os.environ.get("MAILS", "1000"))
N_DOMAINS: Final = 20
N_BYTES: Final = 30_000  # of a digest with its picture
LEAST_A_SECOND: Final = 100
LEAST_RATIO: Final = 1.0  # to bare smtplib on one connection, which keeps nothing
START: Final = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)

_SINK: Final = """
import sys
from pathlib import Path
from tests.peers import certificates, smtp
pair = certificates.Pair(certificate=Path(sys.argv[1]), key=Path(sys.argv[2]))
with smtp.Relay(context=pair.served()).running() as relay:
    print(relay.port, flush=True)
    sys.stdin.readline()
    print(len({mail.recipient for mail in relay.mails}), len(relay.mails), flush=True)
"""


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.made_in(tmp_path_factory.mktemp("certificates"))


@contextlib.contextmanager
def sink(certs: certificates.Certificates) -> Iterator[tuple[int, list[str]]]:
    """Run a relay in a process of its own; at the end, count its recipients and its mails."""
    command = [sys.executable, "-c", _SINK, str(certs.good.certificate), str(certs.good.key)]
    here = str(Path(__file__).parents[2])
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=here, **pipes) as process:  # type: ignore[call-overload]
        counted: list[str] = []
        try:
            yield int(process.stdout.readline()), counted
        finally:
            process.stdin.write("\n")
            process.stdin.flush()
            counted.extend(process.stdout.readline().split())


def mails() -> list[Message]:
    filling = b"x" * 76 + b"\r\n"
    return [
        a_message(
            number,
            recipient=f"resident{number}@domain{number % N_DOMAINS}.example",
            subscriber_id=None,
            mime=a_message(number).mime + filling * (N_BYTES // len(filling)),
        )
        for number in range(N_MAILS)
    ]


def by_smtplib(port: int, trusted: ssl.SSLContext, batches: Sequence[Sequence[Message]]) -> None:
    for batch in batches:
        with smtplib.SMTP("localhost", port) as smtp:
            smtp.starttls(context=trusted)
            for message in batch:
                smtp.sendmail(message.envelope_sender, [message.recipient], message.mime)


def enqueue(store: Store, messages: Sequence[Message]) -> None:
    with store.begin() as connection:
        for message in messages:
            outbox.enqueue(connection, message, START)


def test_a_hundred_mails_a_second_with_a_durable_commit_each(
    certs: certificates.Certificates, installation: Callable[..., Services]
) -> None:
    began = time.monotonic()
    unhurried = installation(
        mail_transport="smtp",
        smtp_host="relay.ripon.test",
        sender_domain="alerts.ripon.test",
        public_url="https://ripon.test",
        contact="corrections@ripon.test",
        mails_per_second=1000,
        mails_per_second_per_domain=1000,
    )
    services = Services(
        settings=unhurried.settings,
        area=unhurried.area,
        clock=lambda: START + timedelta(seconds=time.monotonic() - began),
    )
    messages = mails()
    trusted = ssl.create_default_context(cafile=certs.authority)
    rates = {}
    for name, batches in (("each", [[message] for message in messages]), ("one", [messages])):
        with sink(certs) as (port, counted):
            started = time.perf_counter()
            by_smtplib(port, trusted, batches)
            rates[name] = N_MAILS / (time.perf_counter() - started)
        assert counted == [str(N_MAILS)] * 2
    with sink(certs) as (port, counted), services.store() as store:
        enqueue(store, messages)
        where = Relay(
            host="localhost", port=port, our_name="alerts.ripon.test", ca_file=certs.authority
        )
        started = time.perf_counter()
        assert delivery.deliver(services, store, SmtpMailer(where)) == N_MAILS
        rates["ours"] = N_MAILS / (time.perf_counter() - started)
        kept = store.describe()
    assert counted == [str(N_MAILS)] * 2
    print(  # noqa: T201 - figures for whoever runs it
        f"\n{N_MAILS:,} mails of {N_BYTES / 1000:.0f} kB: ours {rates['ours']:.0f} a second with "
        f"{kept['engine']} {kept['version']} ({kept['journal_mode']}, {kept['synchronous']}); "
        f"smtplib without a store {rates['each']:.0f} with a connection each "
        f"(ratio {rates['ours'] / rates['each']:.2f}) and {rates['one']:.0f} on one connection "
        f"(ratio {rates['ours'] / rates['one']:.2f})"
    )
    assert rates["ours"] >= LEAST_A_SECOND
    assert rates["ours"] >= LEAST_RATIO * rates["one"]
