from __future__ import annotations

import base64
import logging
import os
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinkwatch.notify import addresses, returned
from sinkwatch.notify.mailboxes import MOST_BYTES
from sinkwatch.notify.replies import Verdict
from sinkwatch.notify.returned import Bounce, Complaint, Ignored, Leaving, Reason
from sinkwatch.notify.tokens import Purpose, Signer
from tests.notify.builders import AT, MESSAGE_ID, SECRET

if TYPE_CHECKING:
    from sinkwatch.model import Message

DOMAIN = "alerts.example.org"
SIGNER = Signer(SECRET)
LOCAL = addresses.local_part(MESSAGE_ID)
BOUNCE = SIGNER.bounce_address(MESSAGE_ID, DOMAIN)
FORGED = f"bounces+{LOCAL}.aaaaaaaaaaaaaaaa@{DOMAIN}"
SUBSCRIBER = "5ub5cr1b3r"
TOKEN = SIGNER.sign(Purpose.UNSUBSCRIBE, SUBSCRIBER, at=AT)
LEAVE = f"unsubscribe@{DOMAIN}"

SAMPLES = Path(__file__).parent / "returns"


def a_sample(name: str) -> bytes:
    text = (SAMPLES / f"{name}.eml").read_text(encoding="utf-8")
    return text.replace("@BOUNCE@", BOUNCE).replace("@TOKEN@", TOKEN).encode()


def read(content: bytes, recipient: str = "") -> returned.Returned:
    return returned.read(content, recipient=recipient, signer=SIGNER, domain=DOMAIN, now=AT)


def a_bounce(status: str = "5.1.1", verdict: Verdict = Verdict.NO_SUCH_RECIPIENT) -> Bounce:
    return Bounce(message_local=LOCAL, status=status, verdict=verdict)


def a_complaint(
    message_local: str | None = LOCAL, subscriber_id: str | None = SUBSCRIBER
) -> Complaint:
    return Complaint(message_local=message_local, subscriber_id=subscriber_id)


def a_group(
    action: str = "failed",
    status: str = "5.1.1",
    *,
    to: str = "resident@example.org",
    diagnostic: str = "",
) -> str:
    fields = (
        ("Final-Recipient", f"rfc822; {to}" if to else ""),
        ("Action", action),
        ("Status", status),
        ("Diagnostic-Code", diagnostic),
    )
    return "".join(f"{name}: {value}\n" for name, value in fields if value)


def a_report(  # noqa: PLR0913 - what a report is made of, each part by its name
    *groups: str,
    to: str = BOUNCE,
    header: str = "",
    report_type: str = "; report-type=delivery-status",
    type_of_status: str = "message/delivery-status",
    original: str = "To: resident@example.org\n",
    end: str = "\n--b--\n",
) -> bytes:
    status = "\n".join(("Reporting-MTA: dns; relay.example.org\n", *(groups or (a_group(),))))
    return (
        f"To: {to}\n{header}Content-Type: multipart/report{report_type}; boundary=b\n\n"
        f"--b\nContent-Type: text/plain\n\nUndelivered.\n"
        f"--b\nContent-Type: {type_of_status}\n\n{status}\n"
        f"--b\nContent-Type: message/rfc822\n\n{original}\n75 homes.{end}"
    ).encode()


def feedback(
    original: str = f"Return-Path: <{BOUNCE}>\n",
    *,
    fields: str = "Feedback-Type: abuse\nVersion: 1\n",
    type_of_original: str = "message/rfc822",
) -> bytes:
    return (
        f"To: complaints@{DOMAIN}\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
        f"--b\nContent-Type: text/plain\n\nA complaint.\n"
        f"--b\nContent-Type: message/feedback-report\n\n{fields}\n"
        f"--b\nContent-Type: {type_of_original}\n\n{original}\n75 homes.\n--b--\n"
    ).encode()


def a_request(subject: str = TOKEN, to: str = LEAVE) -> bytes:
    return f"From: resident@example.org\nTo: {to}\nSubject: {subject}\n\n\n".encode()


def ignored(reason: Reason) -> Ignored:
    return Ignored(reason)


# ── As the great mailbox providers write it ──────────────────────────────────────────────────────


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize(
    ("sample", "means"),
    [
        ("postfix-unknown-user", a_bounce()),
        ("postfix-delayed", ignored(Reason.DELAYED)),
        ("exim-unknown-user", a_bounce()),
        ("exchange-online-not-found", a_bounce("5.1.10")),
        ("exchange-online-policy", a_bounce("5.7.133", Verdict.REFUSED)),
        ("gmail-no-such-user", a_bounce()),
        ("gmail-over-quota", a_bounce("5.2.2", Verdict.REFUSED)),
        ("yahoo-arf", a_complaint(subscriber_id=None)),
        ("microsoft-arf", a_complaint(message_local=None)),
        ("microsoft-jmrp-old", a_complaint()),
        ("leave-from-a-phone", Leaving(subscriber_id=SUBSCRIBER)),
        ("qmail-text", ignored(Reason.NOT_A_REPORT)),
        ("exchange-without-report", ignored(Reason.NOT_A_REPORT)),
        ("read-receipt", ignored(Reason.NOT_A_REPORT)),
        ("out-of-office", ignored(Reason.AUTO_REPLY)),
    ],
)
def test_a_mail_in_a_known_form_means_what_its_sender_meant(
    sample: str, means: returned.Returned, line_end: bytes
) -> None:
    assert read(a_sample(sample).replace(b"\n", line_end)) == means


def test_every_sample_is_read_by_a_test() -> None:
    marks = test_a_mail_in_a_known_form_means_what_its_sender_meant.pytestmark  # type: ignore[attr-defined]
    named = {row[0] for mark in marks if mark.args[0] != "line_end" for row in mark.args[1]}
    assert {path.stem for path in SAMPLES.iterdir()} == named


def test_a_report_on_a_mail_that_we_really_made_leads_back_to_it(message: Message) -> None:
    found = read(feedback(message.mime.decode().partition("\r\n\r\n")[0]))
    assert isinstance(found, Complaint)
    assert found.message_local is None  # a mail carries its envelope sender only once delivered
    assert found.subscriber_id
    report = a_report(to=message.envelope_sender)
    assert read(report) == a_bounce()


# ── Bounces ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "diagnostic", "known_as", "verdict", "is_soft"),
    [
        ("5.1.1", "", "5.1.1", Verdict.NO_SUCH_RECIPIENT, False),
        ("5.1.1", "smtp; 554 No", "5.1.1", Verdict.NO_SUCH_RECIPIENT, False),
        ("5.1.1 (no such user)", "", "5.1.1", Verdict.NO_SUCH_RECIPIENT, False),
        ("", "smtp; 550 5.1.1 No", "5.1.1", Verdict.NO_SUCH_RECIPIENT, False),
        ("", "smtp;550-5.1.1 No", "5.1.1", Verdict.NO_SUCH_RECIPIENT, False),
        ("", "SMTP; 5.1.1 No", "5.1.1", Verdict.NO_SUCH_RECIPIENT, False),
        ("5.0.0", "smtp; 550 5.1.2 No", "5.1.2", Verdict.NO_SUCH_RECIPIENT, False),
        ("5.1.0", "smtp; 553 No", "5.1.0", Verdict.NO_SUCH_RECIPIENT, False),
        ("5.2.1", "smtp; 550 5.2.1 disabled", "5.2.1", Verdict.NO_SUCH_RECIPIENT, False),
        ("5.2.1", "x-unix; account disabled", "5.2.1", Verdict.NO_SUCH_RECIPIENT, False),
        # Counts towards the score.
        ("5.2.1", "smtp; 550 5.2.1 rate", "5.2.1", Verdict.REFUSED, True),
        ("5.2.2", "", "5.2.2", Verdict.REFUSED, True),
        ("5.0.0", "smtp; 550 No thanks", "5.0.0", Verdict.REFUSED, True),
        ("5.0.0", "x-unix; 550 5.1.1 No", "5.0.0", Verdict.REFUSED, True),
        ("5.0.0", "550 5.1.1 No", "5.0.0", Verdict.REFUSED, True),
        ("5.4.4", "X-Postfix; Host not found", "5.4.4", Verdict.REFUSED, True),
        ("", "smtp; 554 No", "5.0.0", Verdict.REFUSED, True),
        ("4.2.2", "smtp; 452 4.2.2 Full", "4.2.2", Verdict.RETRY, True),
        ("5.0.0", "smtp; 452 4.2.2 Full", "4.2.2", Verdict.RETRY, True),
        # May be our own relay's fault: nobody is left out because it was cut off.
        ("4.4.1", "X-Postfix; timed out", "4.4.1", Verdict.RETRY, False),
        ("4.0.0", "smtp; 451 Later", "4.0.0", Verdict.RETRY, False),
        ("", "smtp; 451 Later", "4.0.0", Verdict.RETRY, False),
        # A policy, which never scores.
        ("5.7.1", "", "5.7.1", Verdict.OURS, False),
        ("5.7.26", "", "5.7.26", Verdict.OURS, False),
        ("5.7.8", "", "5.7.8", Verdict.OURS, False),
        ("5.7.133", "", "5.7.133", Verdict.REFUSED, False),
        ("4.7.28", "", "4.7.28", Verdict.SLOW_DOWN, False),
        ("5.1.1", "smtp; 550 5.7.1 Blocked", "5.7.1", Verdict.OURS, False),
        ("5.0.0", "smtp; 550-5.7.1 Blocked", "5.7.1", Verdict.OURS, False),
        # Ours in another way, or the message's.
        ("5.1.8", "smtp; 553 5.1.8 Sender", "5.1.8", Verdict.OURS, False),
        ("5.4.5", "", "5.4.5", Verdict.OURS, False),
        ("5.3.4", "", "5.3.4", Verdict.BAD_MESSAGE, False),
        ("5.6.0", "smtp; 550 5.6.0 No", "5.6.0", Verdict.BAD_MESSAGE, False),
        ("5.5.4", "", "5.5.4", Verdict.BAD_MESSAGE, False),
    ],
)
def test_a_failure_is_classed_as_the_live_reply_would_be(
    status: str, diagnostic: str, known_as: str, verdict: Verdict, *, is_soft: bool
) -> None:
    bounce = read(a_report(a_group(status=status, diagnostic=diagnostic)))
    assert bounce == a_bounce(known_as, verdict)
    assert isinstance(bounce, Bounce)
    assert bounce.is_soft is is_soft
    assert bounce.is_policy is (known_as.split(".")[1] == "7")


OURS, OTHER = "resident@example.org", "other@example.org"


@pytest.mark.parametrize(
    ("groups", "means"),
    [
        # Ours among several.
        ([a_group(to=OURS), a_group("delayed", "4.4.1", to=OTHER)], a_bounce()),
        ([a_group("delivered", "2.0.0", to=OTHER), a_group(to=OURS)], a_bounce()),
        ([a_group(to=OTHER), a_group("delayed", to=OURS)], ignored(Reason.DELAYED)),
        ([a_group(to=OTHER), a_group("5.2.2", to=OURS)], ignored(Reason.MALFORMED)),
        ([a_group(to=OTHER), a_group(status="5.2.2", to=OURS)], a_bounce("5.2.2", Verdict.REFUSED)),
        ([a_group(to="RESIDENT@EXAMPLE.org"), a_group("delayed", to=OTHER)], a_bounce()),
        ([a_group(to=f"<{OURS}>"), a_group("delayed", to=OTHER)], a_bounce()),
        (
            [f"Original-Recipient: rfc822;{OURS}\n" + a_group(to=OTHER), a_group("delayed", to="")],
            a_bounce(),
        ),
        # Ours goes on to several: one of them may still be read.
        (
            [
                f"Original-Recipient: rfc822;{OURS}\n" + a_group(to=OTHER),
                f"Original-Recipient: rfc822;{OURS}\n"
                + a_group("relayed", "2.0.0", to="a@b.example"),
            ],
            ignored(Reason.DELIVERED),
        ),
        # Ours not among them, or nobody named.
        ([a_group(to=OTHER)], a_bounce()),
        ([a_group(to="")], a_bounce()),
        ([a_group(to=OTHER), a_group("delayed", to="a@b.example")], ignored(Reason.DELAYED)),
        ([a_group(to=OTHER), a_group(status="5.7.1", to="")], a_bounce("5.7.1", Verdict.OURS)),
        ([a_group("expanded", "2.0.0", to=OTHER)], ignored(Reason.DELIVERED)),
    ],
)
def test_of_several_recipients_only_ours_counts_and_in_doubt_the_mildest(
    groups: list[str], means: returned.Returned
) -> None:
    assert read(a_report(*groups)) == means


def test_a_report_without_the_message_still_counts() -> None:
    assert read(a_report(original="")) == a_bounce()
    assert read(a_report().partition(b"--b\nContent-Type: message/rfc822")[0]) == a_bounce()


@pytest.mark.parametrize(
    "header",
    [
        f"Delivered-To: {BOUNCE}\n",
        f"Delivered-To: bounces@{DOMAIN}\nX-Original-To: {BOUNCE}\n",
        f"Envelope-To: <{BOUNCE.upper()}>\n",
        f"delivered-to:{BOUNCE}\n",
        f"X-Original-To:\n {BOUNCE}\n",
        f"Delivered-To: {FORGED}\nX-Original-To: {BOUNCE}\n",
    ],
)
def test_a_bounce_is_known_by_where_the_relay_delivered_it(header: str) -> None:
    assert read(a_report(to="postmaster@example.org", header=header)) == a_bounce()


def test_a_bounce_is_known_by_the_envelope_if_the_relay_hands_it_down() -> None:
    report = a_report(to="postmaster@example.org")
    assert read(report) == ignored(Reason.NO_ADDRESS)
    assert read(report, recipient=BOUNCE) == a_bounce()
    assert read(report, recipient=FORGED) == ignored(Reason.FORGED)


# ── Complaints ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "means"),
    [
        (feedback(), a_complaint(subscriber_id=None)),
        (feedback(fields="FEEDBACK-TYPE:  Abuse \n"), a_complaint(subscriber_id=None)),
        (feedback(fields="Feedback-Type: fraud\n"), a_complaint(subscriber_id=None)),
        (feedback(fields="Feedback-Type: not-spam\n"), ignored(Reason.NOT_A_COMPLAINT)),
        (feedback(fields="Feedback-Type: auth-failure\n"), ignored(Reason.NOT_A_COMPLAINT)),
        (feedback(fields="Feedback-Type: virus\n"), ignored(Reason.NOT_A_COMPLAINT)),
        (feedback(fields="Version: 1\n"), ignored(Reason.MALFORMED)),
        (
            feedback("", fields=f"Feedback-Type: abuse\nOriginal-Mail-From: <{BOUNCE}>\n"),
            a_complaint(subscriber_id=None),
        ),
        (
            feedback(f"Received-SPF: pass; envelope-from={BOUNCE}; helo=x\n"),
            a_complaint(subscriber_id=None),
        ),
        (
            feedback(f"Return-Path: <{FORGED}>\nX-Sender: {BOUNCE}\n"),
            a_complaint(subscriber_id=None),
        ),
        (
            feedback(f"List-Unsubscribe: <MAILTO:{LEAVE}?subject={TOKEN}>\n"),
            a_complaint(message_local=None),
        ),
        (
            feedback(f"Return-Path: <{BOUNCE}>\n", type_of_original="text/rfc822-headers"),
            a_complaint(subscriber_id=None),
        ),
        # The Message-ID alone travels in every reply to a mail: it proves nothing.
        (feedback(f"Message-ID: <{MESSAGE_ID}>\n"), ignored(Reason.NO_ADDRESS)),
        (feedback(f"Return-Path: <{FORGED}>\n"), ignored(Reason.FORGED)),
        (
            feedback(f"List-Unsubscribe: <mailto:{LEAVE}?subject={TOKEN}x>\n"),
            ignored(Reason.NO_ADDRESS),
        ),
        (
            feedback(f"Subject: {TOKEN}\nList-Unsubscribe: <mailto:a@b.example>\n"),
            ignored(Reason.NO_ADDRESS),
        ),
        # In the body anybody may write anything.
        (feedback(f"Subject: Hello\n\nReturn-Path: <{BOUNCE}>\n"), ignored(Reason.NO_ADDRESS)),
    ],
)
def test_a_complaint_counts_if_what_it_came_with_was_signed_by_us(
    content: bytes, means: returned.Returned
) -> None:
    assert read(content) == means


def test_a_mail_that_somebody_forwards_to_us_is_no_complaint() -> None:
    forwarded = a_sample("microsoft-jmrp-old").replace(b"staff@hotmail.com", b"a@hotmail.com")
    assert read(forwarded) == ignored(Reason.NOT_A_REPORT)
    other = a_sample("microsoft-jmrp-old").replace(b"Subject: complaint", b"Subject: FW: complaint")
    assert read(other) == ignored(Reason.NOT_A_REPORT)


# ── Leaving ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "subject",
    [
        TOKEN,
        f"Re: {TOKEN}",
        f"AW: Re:  {TOKEN}  ",
        f"RE:{TOKEN}",
        f"\n {TOKEN}",
        f"Re:\n\t{TOKEN}",
        f"{TOKEN[:30]}\n {TOKEN[30:]}",
        f"unsubscribe {TOKEN}",
        f"{TOKEN} please",
        f"=?utf-8?Q?{TOKEN}?=",
        f"=?UTF-8?B?{base64.b64encode(TOKEN.encode()).decode()}?=",
        f"=?utf-8?Q?Re:_{TOKEN[:20]}?=\n =?utf-8?Q?{TOKEN[20:]}?=",
    ],
)
def test_a_person_leaves_however_the_mail_program_writes_the_subject(subject: str) -> None:
    assert read(a_request(subject)) == Leaving(subscriber_id=SUBSCRIBER)


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "Please stop",
        TOKEN[:-2],
        TOKEN.swapcase(),
        "x" * 5_000,
        f"{'x ' * 11}{TOKEN}",
        f"{'x ' * 600}{TOKEN}",
        "=?utf-8?B?!!!?=",
        "=?utf-8?B?x?=",
        "=?no-such-charset?Q?x?=",
        "=?a\0b?Q?x?=",
        "=?utf-\x9d?Q?x?=",
        SIGNER.sign(Purpose.CONFIRM, SUBSCRIBER, at=AT),
        Signer(bytes(32)).sign(Purpose.UNSUBSCRIBE, SUBSCRIBER, at=AT),
        BOUNCE,
    ],
)
def test_nobody_leaves_without_a_token_made_for_that(subject: str) -> None:
    assert read(a_request(subject)) == ignored(Reason.NO_TOKEN)


@pytest.mark.parametrize(
    "to",
    [
        f"alerts@{DOMAIN}",
        f"xunsubscribe@{DOMAIN}",
        f"{LEAVE}.evil.example",
        "unsubscribe@alerts-example.org",
        "unsubscribe@example.org",
    ],
)
def test_a_token_sent_elsewhere_does_nothing(to: str) -> None:
    assert read(a_request(to=to)) == ignored(Reason.NOT_A_REPORT)
    assert read(a_request(to=to), recipient=LEAVE.upper()) == Leaving(subscriber_id=SUBSCRIBER)


def test_a_token_works_as_long_as_a_mail_with_it_may_be_read() -> None:
    later = AT + timedelta(days=3_650)
    found = returned.read(a_request(), signer=SIGNER, domain=DOMAIN, now=later)
    assert found == Leaving(subscriber_id=SUBSCRIBER)


# ── What only looks like one of these ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: Auto-Generated (rejected)",
        "Auto-Submitted: auto-replied; owner-email=a@b.example",
        "Precedence: auto_reply",
        "X-Autoreply: yes",
        "X-Autorespond: I am away",
    ],
)
def test_an_automatic_reply_to_a_bounce_address_is_no_bounce(header: str) -> None:
    reply = f"To: {BOUNCE}\n{header}\nSubject: Undeliverable 5.1.1\n\n550 5.1.1\n".encode()
    assert read(reply) == ignored(Reason.AUTO_REPLY)
    assert read(reply.replace(header.encode(), b"Auto-Submitted: no")) == ignored(
        Reason.NOT_A_REPORT
    )


NUL = "\0"
MANY = 10_000
NESTED = "".join(f"--{n}\nContent-Type: multipart/mixed; boundary={n + 1}\n\n" for n in range(MANY))
RECURSIVE = "Content-Type: message/rfc822\n\n" * MANY
ANY_TYPE = f"To: {BOUNCE}\nContent-Type: multipart/report; report-type=delivery-status"

HOSTILE: dict[str, tuple[bytes, returned.Returned]] = {
    # Nothing, or nothing like a mail.
    "nothing": (b"", ignored(Reason.MALFORMED)),
    "one line end": (b"\n", ignored(Reason.MALFORMED)),
    "line ends": (b"\r\n" * MANY, ignored(Reason.MALFORMED)),
    "one NUL": (b"\0", ignored(Reason.MALFORMED)),
    "NULs": (b"\0" * MOST_BYTES, ignored(Reason.MALFORMED)),
    "every byte": (bytes(range(256)) * 40, ignored(Reason.MALFORMED)),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), ignored(Reason.MALFORMED)),
    "prose": (b"Dear all,\n\nno header here.\n", ignored(Reason.MALFORMED)),
    "a body alone": (b"\nTo: " + BOUNCE.encode(), ignored(Reason.MALFORMED)),
    "a colon": (b":\n\n", ignored(Reason.MALFORMED)),
    "colons": (b":\n" * MANY, ignored(Reason.MALFORMED)),
    "a continuation first": (b" x\n" + a_report(), a_bounce()),
    "an envelope line first": (
        b"From MAILER-DAEMON Sun Nov 22 09:31:04 2026\n" + a_report(),
        a_bounce(),
    ),
    "UTF-16": (a_report().decode().encode("utf-16"), ignored(Reason.MALFORMED)),
    "JSON": (b'{"Action": "failed"}', ignored(Reason.NOT_A_REPORT)),
    # Headers.
    "a header without end": (b"X: y\n" * 40_000, ignored(Reason.MALFORMED)),
    "one endless field": (b"X: " + b"y" * 900_000, ignored(Reason.MALFORMED)),
    "more fields than a mail has": (b"X: y\n" * 3_000 + b"\n", ignored(Reason.MALFORMED)),
    "a field of 100 kB": (a_report(header=f"X: {'y ' * 50_000}\n"), a_bounce()),
    "a field of 20,000 lines": (a_report(header="X:" + " y\n" * 20_000), a_bounce()),
    "a field of quotation marks": (a_report(header=f"X: {chr(34) * 90_000}\n"), a_bounce()),
    "a field of brackets": (a_report(header=f"X: {'(' * 90_000}\n"), a_bounce()),
    "8-bit letters": (a_report(header="Subject: Zurückgewiesen\n"), a_bounce()),
    "letters of no charset": (
        a_report(header="Subject: @@\n").replace(b"@@", b"\xff\xfe\x80"),
        a_bounce(),
    ),
    "an unknown charset": (a_report(header="Subject: =?x-none?B?////?=\n"), a_bounce()),
    "NULs in the header": (a_report(header=f"Subject: {NUL * 100}\n"), a_bounce()),
    "a thousand addresses": (
        a_report(to=", ".join(f"a{n}@b.example" for n in range(1_000)) + f", {BOUNCE}"),
        a_bounce(),
    ),
    "a thousand forged addresses": (
        a_report(to=",".join(f"bounces+{n:032x}.{'a' * 16}@{DOMAIN}" for n in range(1_000))),
        ignored(Reason.FORGED),
    ),
    # Addresses.
    "a forged MAC": (a_report(to=FORGED), ignored(Reason.FORGED)),
    "a MAC of another message": (
        a_report(to=BOUNCE.replace(LOCAL, "f" * 32)),
        ignored(Reason.FORGED),
    ),
    "a MAC that is cut": (a_report(to=BOUNCE.replace("@", "", 1)), ignored(Reason.NO_ADDRESS)),
    "another domain": (a_report(to=f"{BOUNCE}.evil.example"), ignored(Reason.NO_ADDRESS)),
    "another local part": (a_report(to=f"x{BOUNCE}"), ignored(Reason.NO_ADDRESS)),
    "a letter that lower() turns into ours": (
        a_report(to=BOUNCE.replace("bounces", "bounce\N{LATIN SMALL LETTER LONG S}")),
        ignored(Reason.NO_ADDRESS),
    ),
    "our address in the prose only": (
        a_report(to="postmaster@example.org", original=f"To: {BOUNCE}\n"),
        ignored(Reason.NO_ADDRESS),
    ),
    # Types and boundaries.
    "no boundary": (f"{ANY_TYPE}\n\n--b\n\n".encode(), ignored(Reason.MALFORMED)),
    "an empty boundary": (f'{ANY_TYPE}; boundary=""\n\n--\n'.encode(), ignored(Reason.MALFORMED)),
    "a boundary that never comes": (
        f"{ANY_TYPE}; boundary=b\n\nx\n".encode(),
        ignored(Reason.MALFORMED),
    ),
    "a boundary that is a pattern": (
        f'{ANY_TYPE}; boundary="(a+)+$"\n\n--{"a" * MANY}\n'.encode(),
        ignored(Reason.MALFORMED),
    ),
    "a boundary of 50 kB": (
        f"{ANY_TYPE}; boundary={'b' * 50_000}\n\n".encode(),
        ignored(Reason.MALFORMED),
    ),
    "a boundary with a meaning of its own in patterns": (
        a_report().replace(b"=b\n", b'="b+(.)"\n').replace(b"--b", b"--b+(.)"),
        a_bounce(),
    ),
    "a type that goes on before it names its boundary": (
        a_report().replace(b"; boundary=b", b"; a=b" * 900 + b"; boundary=b"),
        ignored(Reason.MALFORMED),
    ),
    "a boundary in pieces": (
        a_report().replace(b"boundary=b", b"boundary*1=; boundary*0=b"),
        a_bounce(),
    ),
    "a boundary in a charset with NUL": (
        f"{ANY_TYPE}; boundary*=a\0b''x%FF\n\n".encode(),
        ignored(Reason.MALFORMED),
    ),
    "a boundary in no charset": (
        f"{ANY_TYPE}; boundary*=none''%FF\n\n".encode(),
        ignored(Reason.MALFORMED),
    ),
    "a type of 900 parameters": (
        f"{ANY_TYPE}{'; a=b' * 900}; boundary=b\n\n".encode(),
        ignored(Reason.MALFORMED),
    ),
    "a type of semicolons": (f"{ANY_TYPE}{';' * 90_000}\n\n".encode(), ignored(Reason.MALFORMED)),
    "no end boundary": (a_report(end=""), a_bounce()),
    "an end in the midst": (
        a_report().replace(b"--b\nContent-Type: message/d", b"--b--\nContent-Type: message/d"),
        ignored(Reason.MALFORMED),
    ),
    "spaces after the boundaries": (a_report().replace(b"--b\n", b"--b \t\n"), a_bounce()),
    "mixed line ends": (a_report().replace(b"--b\n", b"--b\r\n"), a_bounce()),
    "CR alone": (a_report().replace(b"\n", b"\r"), ignored(Reason.MALFORMED)),
    "upper case": (
        a_report(
            type_of_status="MESSAGE/DELIVERY-STATUS", report_type="; Report-Type=DELIVERY-STATUS"
        ),
        a_bounce(),
    ),
    "no report-type": (a_report(report_type=""), a_bounce()),
    "another report-type": (
        a_report(report_type="; report-type=disposition-notification"),
        ignored(Reason.MALFORMED),
    ),
    "a report type and no report": (
        a_report(type_of_status="text/plain"),
        ignored(Reason.MALFORMED),
    ),
    "an international report": (
        a_report(type_of_status="message/global-delivery-status"),
        a_bounce(),
    ),
    "two types": (a_report(header="Content-Type: text/plain\n"), ignored(Reason.NOT_A_REPORT)),
    # Shape.
    "a million parts": (
        f"{ANY_TYPE}; boundary=b\n\n{'--b' + chr(10)}".encode() + b"--b\n" * 249_000,
        ignored(Reason.MALFORMED),
    ),
    "the report as the twentieth part": (
        a_report().replace(b"--b\n", b"--b\n\n\n" * 18 + b"--b\n", 1),
        a_bounce(),
    ),
    "the report as the twenty-first part": (
        a_report().replace(b"--b\n", b"--b\n\n\n" * 19 + b"--b\n", 1),
        ignored(Reason.MALFORMED),
    ),
    "the report after a thousand parts": (
        a_report().replace(b"--b\n", b"--b\n\n\n" * 1_000 + b"--b\n", 1),
        ignored(Reason.MALFORMED),
    ),
    "nested ten thousand deep": (
        f"{ANY_TYPE}; boundary=0\n\n{NESTED}".encode(),
        ignored(Reason.MALFORMED),
    ),
    "nested and long": (
        f"{ANY_TYPE}; boundary=0\n\n{NESTED[:90_000]}".encode() + b"\n" * 900_000,
        ignored(Reason.MALFORMED),
    ),
    "messages in messages": (RECURSIVE.encode(), ignored(Reason.NOT_A_REPORT)),
    "messages in messages in a report": (
        a_report(original=RECURSIVE),
        a_bounce(),
    ),
    "a report inside a report": (
        a_report(
            a_group("delayed", "4.4.1"),
            original=a_report().decode().replace("--b", "--c").replace("=b", "=c"),
        ),
        ignored(Reason.DELAYED),
    ),
    "a report as a text": (
        a_report(type_of_status="text/plain", report_type=""),
        ignored(Reason.NOT_A_REPORT),
    ),
    "a report beside the real one": (
        a_report(a_group("delayed", "4.4.1")).replace(
            b"--b--",
            b"--b\nContent-Type: message/delivery-status\n\n" + a_group().encode() + b"--b--",
        ),
        ignored(Reason.DELAYED),
    ),
    "feedback that came to a bounce address": (
        feedback("Subject: Hello\n").replace(
            f"To: complaints@{DOMAIN}".encode(), f"To: {BOUNCE}".encode()
        ),
        ignored(Reason.NO_ADDRESS),
    ),
    # Groups.
    "no groups": (a_report("\n"), ignored(Reason.MALFORMED)),
    "a group of nonsense": (a_report("\0\xff\n"), ignored(Reason.MALFORMED)),
    "five hundred recipients": (a_report(*[a_group()] * 500), ignored(Reason.MALFORMED)),
    "a report of 200 kB": (
        a_report(f"X: {'y' * 200_000}\n{a_group()}"),
        ignored(Reason.MALFORMED),
    ),
    "a report of blank lines": (a_report("\n \n" * 30_000 + a_group()), a_bounce()),
    "one group for all": (
        a_report().replace(b"relay.example.org\n\nFinal", b"relay.example.org\nFinal"),
        a_bounce(),
    ),
    "no action": (
        a_report("Final-Recipient: rfc822; a@b.example\nStatus: 5.1.1\n"),
        ignored(Reason.MALFORMED),
    ),
    "an unknown action": (a_report(a_group("exploded")), ignored(Reason.MALFORMED)),
    "a failure that says it went well": (
        a_report(a_group(status="2.0.0")),
        ignored(Reason.MALFORMED),
    ),
    "no status at all": (a_report(a_group(status="")), ignored(Reason.MALFORMED)),
    "a status of nonsense": (a_report(a_group(status="9.9.9")), ignored(Reason.MALFORMED)),
    "a status in other digits": (
        a_report(a_group(status="\u0665.\u0661.\u0661")),
        ignored(Reason.MALFORMED),
    ),
    "a status without end": (a_report(a_group(status="5." * 30_000)), ignored(Reason.MALFORMED)),
    "a diagnostic of 100 kB": (
        a_report(a_group(diagnostic="smtp; 550 " + "x" * 100_000)),
        a_bounce(),
    ),
    "an action of 100 kB": (a_report(a_group("failed" * 15_000)), ignored(Reason.MALFORMED)),
    # Encodings.
    "not base64": (
        a_report(type_of_status="message/delivery-status\nContent-Transfer-Encoding: base64"),
        ignored(Reason.MALFORMED),
    ),
    "a quoted report": (
        a_report(
            type_of_status="message/delivery-status\nContent-Transfer-Encoding: quoted-printable"
        ),
        a_bounce(),
    ),
    "an unknown encoding": (
        a_report(type_of_status="message/delivery-status\nContent-Transfer-Encoding: x-zip"),
        a_bounce(),
    ),
    "prose that is not encoded as it says": (
        a_report().replace(b"text/plain\n", b"text/plain\nContent-Transfer-Encoding: base64\n"),
        a_bounce(),
    ),
    "prose whose header has no end": (
        a_report()
        .replace(b"Undelivered.", b"")
        .replace(b"text/plain\n\n", b"text/plain\n" + b"X: y\n" * 30_000),
        a_bounce(),
    ),
    "a copy that is not encoded as it says": (
        feedback(type_of_original="message/rfc822\nContent-Transfer-Encoding: base64"),
        ignored(Reason.NO_ADDRESS),
    ),
    "a copy whose header has no end": (feedback("X: y\n" * 40_000), ignored(Reason.NO_ADDRESS)),
    # Size.
    "a report and a long copy": (
        a_report(original="To: a@b.example\n\n" + "x" * 2_000_000),
        a_bounce(),
    ),
    "too large to say anything": (b"\0" * (MOST_BYTES + 1), ignored(Reason.TOO_LARGE)),
    "a report after a megabyte": (
        a_report().replace(b"Undelivered.", b"x" * MOST_BYTES),
        ignored(Reason.TOO_LARGE),
    ),
    "a large mail": (b"Subject: x\n\n" + b"x" * 2 * MOST_BYTES, ignored(Reason.NOT_A_REPORT)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_mail_does_harm(name: str) -> None:
    content, means = HOSTILE[name]
    assert read(content) == means


def test_every_hostile_mail_together_costs_little_memory() -> None:
    tracemalloc.start()
    for content, _ in HOSTILE.values():
        read(content)
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most_bytes < 20_000_000


WHOLE = [*(a_sample(path.stem) for path in sorted(SAMPLES.iterdir())), a_report(), a_request()]
SPOILERS = st.sampled_from(
    [b"=?", b"?=", b"*=", b"*0*=", b"''", b'"', b";", b":", b"--b\n", b"\n", b"\r", b"\0", b"\xff"]
)


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """Cut a mail up here and there, and put anything in between."""
    content = draw(st.sampled_from(WHOLE))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(content)))
        end = start + draw(st.sampled_from([0, 0, 1, 3, 40, 400]))
        between = draw(SPOILERS | st.binary(max_size=30) | st.sampled_from(WHOLE))
        content = content[:start] + between + content[end:]
    return content


@settings(max_examples=int(os.environ.get("SPOILT_MAILS", "200")), deadline=None)
@given(spoilt())
def test_whatever_comes_is_read_without_a_fault_of_ours(content: bytes) -> None:
    found = read(content)
    assert isinstance(found, (Bounce, Complaint, Leaving, Ignored))
    assert found != ignored(Reason.UNREADABLE)


class BrokenSigner(Signer):
    """Fails as nothing of ours should."""

    def bounced(self, address: str) -> str:
        raise RuntimeError(address)


def test_a_fault_of_ours_stops_no_other_mail_and_shows_no_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        found = returned.read(a_report(), signer=BrokenSigner(SECRET), domain=DOMAIN, now=AT)
    assert found == ignored(Reason.UNREADABLE)
    assert "RuntimeError" in caplog.text
    assert "@" not in caplog.text
