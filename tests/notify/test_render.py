"""The finished bytes: headers, parts and what a reader's program makes of them."""

from __future__ import annotations

import dataclasses
import io
import re
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from sinkwatch.errors import ConfigError
from sinkwatch.model import MailKind, Message
from sinkwatch.notify import addresses, picture, render, tokens
from sinkwatch.notify.tokens import Purpose
from tests.notify.builders import (
    AT,
    MESSAGE_ID,
    a_digest,
    a_subscriber,
    a_subscription,
    an_alert,
    an_assessment,
    an_event,
    another_subscription,
)
from tests.notify.reading import html_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage

    from sinkwatch.model import Digest

    Rendered = Callable[..., Message]


def parsed(message: Message) -> EmailMessage:
    return message_from_bytes(message.mime, policy=policy.default)


@pytest.fixture
def mail(message: Message) -> EmailMessage:
    return parsed(message)


# ── Headers ──────────────────────────────────────────────────────────────────────────────────


def test_the_headers_are_these_each_once_and_no_other(mail: EmailMessage) -> None:
    assert mail.keys() == [
        "From",
        "To",
        "Date",
        "Message-ID",
        "Subject",
        "List-Id",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "Auto-Submitted",
        "Precedence",
        "X-Auto-Response-Suppress",
        "MIME-Version",
        "Content-Type",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("From", "Ripon Sinkwatch <alerts@alerts.example.org>"),
        ("To", "resident@example.org"),
        ("Date", "Sun, 22 Nov 2026 09:30:00 +0000"),
        ("Message-ID", "<0123456789abcdef0123456789abcdef@alerts.example.org>"),
        ("Subject", "HG4 1HS: 1 planning application near you"),
        ("List-Id", "Ripon sinkhole alerts <alerts.alerts.example.org>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("Auto-Submitted", "auto-generated"),
        ("Precedence", "bulk"),
        ("X-Auto-Response-Suppress", "OOF, AutoReply"),
        ("MIME-Version", "1.0"),
    ],
)
def test_each_header_says_what_it_must(mail: EmailMessage, name: str, value: str) -> None:
    assert mail[name] == value


def test_both_ways_to_leave_carry_the_subscribers_token(
    mail: EmailMessage, signer: tokens.Signer
) -> None:
    found = re.fullmatch(
        r"<https://ripon\.example\.org/u/([\w.-]+)>, "
        r"<mailto:unsubscribe@alerts\.example\.org\?subject=([\w.-]+)>",
        mail["List-Unsubscribe"],
    )
    assert found is not None
    assert found[1] == found[2]
    assert signer.unsign(Purpose.UNSUBSCRIBE, found[1], now=AT) == "5ub5cr1b3r"


@pytest.mark.parametrize(("path", "purpose"), [("u", Purpose.UNSUBSCRIBE), ("m", Purpose.MANAGE)])
def test_the_links_of_the_mail_carry_a_token_for_one_thing_each(
    message: Message, signer: tokens.Signer, path: str, purpose: Purpose
) -> None:
    for form in (text_of(message), html_of(message)):
        (token,) = re.findall(rf"https://ripon\.example\.org/{path}/([\w.-]+)", form)
        assert signer.unsign(purpose, token, now=AT).partition("-")[0] == "5ub5cr1b3r"


def test_headers_that_programs_read_are_never_encoded_as_words(message: Message) -> None:
    """The library's own folding would turn a long link into ``=?utf-8?q?…``, which no one obeys."""
    head = message.mime.partition(b"\r\n\r\n")[0].decode("ascii")
    assert "=?" not in head
    assert re.search(
        r"^List-Unsubscribe: <https://[^>\s]+>,\r\n <mailto:[^>\s]+>\r$", head, re.MULTILINE
    )
    assert re.search(r"^Message-ID: <[0-9a-f]{32}@[a-z.]+>\r$", head, re.MULTILINE)


def test_bounces_come_back_to_an_address_that_names_the_message(
    message: Message, signer: tokens.Signer
) -> None:
    assert signer.bounced(message.envelope_sender) == addresses.local_part(MESSAGE_ID)
    assert message.recipient == "resident@example.org"


def test_a_name_with_letters_beyond_ascii_is_encoded_where_people_read_it(
    rendered: Rendered, sender: render.Sender
) -> None:
    welsh = dataclasses.replace(sender, from_name="Tŷ Gŵydd Sinkwatch")
    message = rendered(sender=welsh)
    assert parsed(message)["From"].addresses[0].display_name == "Tŷ Gŵydd Sinkwatch"
    assert message.mime.isascii()


@pytest.mark.parametrize(
    "hostile", ["HG4 1HS\r\nBcc: victim@example.org", "HG4 1HS\nX: y", "HG4 1HS\r\n\r\n<script>"]
)
def test_no_text_from_outside_can_add_a_header(rendered: Rendered, hostile: str) -> None:
    home = a_subscription(postcode=hostile)
    alert = an_alert(an_event(title=hostile), subscription=home)
    digest = a_digest(alert, subscriber=a_subscriber(home))
    mail = parsed(rendered(digest, assessments={hostile: an_assessment()}))
    assert len(mail.keys()) == 13
    assert "Bcc" not in mail
    assert mail["Subject"].startswith("HG4 1HS ")


# ── Parts ────────────────────────────────────────────────────────────────────────────────────


def test_text_comes_first_then_html_with_its_picture(mail: EmailMessage) -> None:
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ]


def test_without_a_picture_there_are_two_parts(rendered: Rendered) -> None:
    mail = parsed(rendered(pictures=[]))
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    html = mail.get_body(("html",))
    assert html is not None
    assert "<img" not in html.get_content()


def test_the_picture_is_inline_and_the_html_shows_it_by_its_id(
    mail: EmailMessage, drawn: picture.Picture
) -> None:
    (image,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert image.get_content() == drawn.png
    assert image["Content-Disposition"] == "inline"
    assert Image.open(io.BytesIO(image.get_content())).format == "PNG"
    html = mail.get_body(("html",))
    assert html is not None
    assert f'src="cid:{image["Content-ID"].strip("<>")}"' in html.get_content()
    assert not list(mail.iter_attachments())


def test_the_bytes_are_ascii_with_crlf_and_short_lines(message: Message) -> None:
    assert message.mime.isascii()
    assert message.mime.endswith(b"\r\n")
    assert b"\n" not in message.mime.replace(b"\r\n", b"")
    assert b"\r" not in message.mime.replace(b"\r\n", b"")
    body = message.mime.partition(b"\r\n\r\n")[2]
    assert max(map(len, body.split(b"\r\n"))) <= 78


def test_reading_and_writing_the_mail_again_changes_nothing_in_it(message: Message) -> None:
    again = message_from_bytes(message.mime, policy=policy.default)
    for part, other in zip(parsed(message).walk(), again.walk(), strict=True):
        if not part.is_multipart():
            assert part.get_content() == other.get_content()


# ── The same arguments, the same bytes ───────────────────────────────────────────────────────


def test_the_same_arguments_give_the_same_bytes(rendered: Rendered, message: Message) -> None:
    assert rendered() == message


def test_each_message_has_boundaries_and_picture_id_of_its_own(
    rendered: Rendered, message: Message
) -> None:
    other = rendered(message_id=addresses.message_id("f" * 32, "alerts.example.org"))
    assert parsed(other).get_boundary() != parsed(message).get_boundary()
    assert b"0123456789abcdef0123456789abcdef" not in other.mime


def test_a_message_knows_all_that_it_tells(rendered: Rendered) -> None:
    digest = a_digest(an_event(), an_event(version="2"), an_event(subject="other"))
    message = rendered(digest)
    assert message.event_keys == tuple(alert.event.key for alert in digest.alerts)
    assert message.kind is MailKind.DIGEST
    assert message.subscriber_id == "5ub5cr1b3r"
    assert message.message_id == MESSAGE_ID
    assert message.subject == "HG4 1HS: 2 planning applications near you"


def test_the_same_telling_has_the_same_key_whenever_and_however_it_is_rendered(
    rendered: Rendered,
) -> None:
    one, two = an_event(), an_event(subject="other")
    key = rendered(a_digest(one, two)).dedupe_key
    assert re.fullmatch(r"digest:5ub5cr1b3r:[0-9a-f]{16}", key)
    later = rendered(a_digest(two, one), at=AT.replace(hour=18), pictures=[])
    assert later.dedupe_key == key


def test_another_telling_has_another_key(rendered: Rendered) -> None:
    keys = [
        rendered(digest).dedupe_key
        for digest in (
            a_digest(),
            a_digest(an_event(version="2")),
            a_digest(an_event(), an_event(version="2")),
            a_digest(kind=MailKind.CORRECTION),
            a_digest(subscriber=a_subscriber(subscriber_id="s0me0ne")),
            a_quiet(10),
            a_quiet(9),
        )
    ]
    assert len(set(keys)) == len(keys)


def a_quiet(month: int) -> Digest:
    return a_digest(kind=MailKind.QUIET, alerts=(), quiet_month=date(2026, month, 1))


def test_the_maps_to_draw_are_numbered_as_on_the_day_of_the_mail() -> None:
    dated = an_event(subject="dated", deadline=date(2026, 11, 22))
    digest = a_digest(an_event(subject="plain"), dated)
    for at, first in ((AT, "dated"), (AT + timedelta(days=1), "plain")):
        ((home, told),) = render.maps(digest, at=at)
        assert home == a_subscription()
        assert told[0].first.event.subject == first


def test_each_place_has_its_own_map(rendered: Rendered, drawn: picture.Picture) -> None:
    other = picture.Picture(png=drawn.png, alt="Map of 1,000 m round HG4 2AB.")
    both = a_subscriber(a_subscription(), another_subscription())
    near_other = an_alert(an_event(subject="x"), subscription=another_subscription())
    digest = a_digest(an_alert(an_event()), near_other, subscriber=both)
    message = rendered(digest, pictures=[("HG4 1HS", drawn), ("HG4 2AB", other)])
    images = [part for part in parsed(message).walk() if part.get_content_type() == "image/png"]
    shown = re.findall(r'src="cid:([^"]+)"', html_of(message))
    assert [image["Content-ID"] for image in images] == [f"<{cid}>" for cid in shown]
    assert len(set(shown)) == 2
    assert "THE MAPS" in text_of(message)
    assert other.alt in text_of(message)


# ── What is refused ──────────────────────────────────────────────────────────────────────────


def test_a_digest_without_news_is_no_mail(rendered: Rendered) -> None:
    with pytest.raises(ConfigError, match="nothing to tell"):
        rendered(a_digest(alerts=()))


@pytest.mark.parametrize(
    "changed",
    [{"kind": MailKind.QUIET, "alerts": ()}, {"quiet_month": date(2026, 10, 1)}],
    ids=["quiet, but of no month", "news, but of a quiet month"],
)
def test_a_digest_is_of_a_quiet_month_or_of_news(
    rendered: Rendered, changed: dict[str, object]
) -> None:
    with pytest.raises(ConfigError, match="quiet month"):
        rendered(a_digest(**changed))


def test_a_place_without_an_assessment_is_refused_by_its_id(rendered: Rendered) -> None:
    with pytest.raises(ConfigError, match="place 5ub5cr1pt10n: has no assessment") as refused:
        rendered(assessments={})
    assert "HG4" not in str(refused.value)


def test_a_time_without_a_zone_is_refused(rendered: Rendered) -> None:
    naive = datetime(2026, 11, 22, 9, 30, tzinfo=UTC).replace(tzinfo=None)
    with pytest.raises(ConfigError, match="has no zone"):
        rendered(at=naive)


@pytest.mark.parametrize("email", ["Resident@EXAMPLE.org", " a@example.org", "a@exa mple.org"])
def test_an_address_that_is_not_canonical_is_refused(rendered: Rendered, email: str) -> None:
    with pytest.raises(ConfigError, match="address"):
        rendered(a_digest(subscriber=a_subscriber(email=email)))


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"from_name": "Ripon\r\nBcc: a@example.org"}, "one plain line"),
        ({"from_name": ""}, "one plain line"),
        ({"from_address": "alerts"}, "one @"),
        ({"contact": "a@example.org, b@example.org"}, "a comma"),
        ({"domain": "Example.org"}, "canonical"),
        ({"domain": "example.org>\r\nBcc: a@example.org"}, "angle bracket|cannot be seen"),
        ({"public_url": "http://ripon.example.org"}, "https"),
        ({"public_url": "https://ripon.example.org/"}, "without a slash"),
        ({"public_url": "https://ripon.example.org/>,<mailto:x"}, "https link"),
    ],
)
def test_a_sender_that_could_not_stand_in_a_header_is_refused(
    sender: render.Sender, changed: dict[str, str], rule: str
) -> None:
    with pytest.raises(ConfigError, match=rule):
        dataclasses.replace(sender, **changed)
