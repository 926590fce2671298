"""A real Postfix takes our mail, and what comes out of it is what was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sinkwatch.notify.mail import SmtpMailer
from sinkwatch.notify.relay import Relay
from sinkwatch.notify.replies import RelayError, Verdict
from tests.notify.messages import DOMAIN, a_message
from tests.peers import certificates, postfix

if TYPE_CHECKING:
    from collections.abc import Iterator

LINES = [
    b".",
    b"..",
    b".a line that begins with a dot",
    b"",
    b".",
    b"RCPT TO:<other@example.org>",
    b"x" * 998,
    b"y" * 5_000,
    "Größe: 80 m (± 170 m), 50 % of £ 3".encode(),
    b"=3D is no equals sign, From here on",
    b"From here on",
    b"  indented, and blanks at the end  ",
    b".",
]


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.made_in(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(certs: certificates.Certificates) -> Iterator[postfix.Postfix]:
    with postfix.running(certs, message_size_limit="20000") as running:
        yield running


@pytest.fixture
def mailer(server: postfix.Postfix, certs: certificates.Certificates) -> Iterator[SmtpMailer]:
    relay = Relay(host="localhost", port=server.port, our_name=DOMAIN, ca_file=certs.authority)
    made = SmtpMailer(relay)
    yield made
    made.close()


def test_what_comes_out_of_postfix_is_what_was_sent(
    server: postfix.Postfix, mailer: SmtpMailer
) -> None:
    head = a_message().mime.partition(b"\r\n\r\n")[0]
    hostile = a_message(mime=b"\r\n".join([head, b"", *LINES, b""]))
    before = len(list((server.folder / "mail").rglob("new/*")))
    mailer.send(hostile)
    with pytest.raises(RelayError) as elsewhere:
        mailer.send(a_message(2, recipient="resident@elsewhere.example"))
    with pytest.raises(RelayError) as too_long:
        mailer.send(a_message(3, mime=hostile.mime * 4))
    mailer.send(a_message(4))
    delivered = server.mails(before + 2)[before:]
    assert [postfix.as_sent(mail) for mail in delivered] == [hostile.mime, a_message(4).mime]
    assert delivered[0].startswith(f"Return-Path: <{hostile.envelope_sender}>\n".encode())
    assert elsewhere.value.verdict is Verdict.OURS  # 554 5.7.1 Relay access denied
    assert too_long.value.verdict is Verdict.BAD_MESSAGE
    assert "TLSv1.3" in mailer.probe().says
    assert mailer.probe().offers == ("SIZE", "8BITMIME", "SMTPUTF8", "PIPELINING")
