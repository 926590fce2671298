from __future__ import annotations

import dataclasses
import io
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sinkwatch.errors import ConfigError
from sinkwatch.notify import mime
from tests.notify.builders import AT, HOSTILE, MESSAGE_ID

if TYPE_CHECKING:
    from sinkwatch.notify.render import Sender


def parsed(written: bytes) -> EmailMessage:
    return message_from_bytes(written, policy=policy.default)


def a_mail(text: str = "Words.", html: str = "<p>Words.</p>", **more: object) -> bytes:
    parts = mime.Parts(text=text, html=html, **more)  # type: ignore[arg-type]
    return mime.written([("Subject", "HG4 1HS")], parts, MESSAGE_ID)


def a_picture(number: int) -> mime.Inline:
    file = io.BytesIO()
    Image.new("P", (90, 90 + number)).save(file, "PNG")
    return mime.Inline(cid=f"map{number}.x@example.org", png=file.getvalue())


def content(mail: EmailMessage, subtype: str) -> str:
    part = mail.get_body((subtype,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


_LINES = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=200)


@given(st.lists(_LINES, max_size=6))
def test_what_is_written_is_read_back_whatever_the_words(lines: list[str]) -> None:
    said = "".join(f"{line}\n" for line in lines).rstrip("\n") + "\n"
    written = a_mail(said, f"<p>{said}</p>\n")
    mail = parsed(written)
    assert content(mail, "plain") == said
    assert content(mail, "html") == f"<p>{said}</p>\n"
    assert not mail.defects
    assert written.isascii()
    body = written.partition(b"\r\n\r\n")[2]
    assert max(map(len, body.split(b"\r\n"))) <= 78
    assert b"\n" not in written.replace(b"\r\n", b"")
    assert b"\r" not in written.replace(b"\r\n", b"")


@pytest.mark.parametrize("line", [".", "..", "From here", "--", "--=_a.", " ", "=3D", "a" * 2_000])
def test_lines_that_mean_something_to_a_relay_come_through(line: str) -> None:
    said = f"before\n{line}\nafter\n"
    assert content(parsed(a_mail(said)), "plain") == said


def test_pictures_go_with_the_html_and_an_attachment_with_the_whole() -> None:
    pictures = (a_picture(1), a_picture(2))
    held = mime.Attachment(name="held.json", content_type="application/json", content=b"{}\n" * 99)
    mail = parsed(a_mail(inlines=pictures, attachment=held))
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "image/png",
        "application/json",
    ]
    shown = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert [part["Content-ID"] for part in shown] == [f"<{one.cid}>" for one in pictures]
    assert [part.get_content() for part in shown] == [one.png for one in pictures]
    (attached,) = mail.iter_attachments()
    assert attached.get_filename() == "held.json"
    assert attached.get_payload(decode=True) == held.content
    assert [part.defects for part in mail.walk() if part.defects] == []


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_value_can_end_its_header(hostile: str) -> None:
    headers = [("Subject", hostile), ("To", "a@example.org")]
    parts = mime.Parts(text="Words.", html="<p>Words.</p>")
    if "\n" in hostile:
        with pytest.raises(ValueError, match="linefeed"):
            mime.written(headers, parts, MESSAGE_ID)
    else:
        mail = parsed(mime.written(headers, parts, MESSAGE_ID))
        assert mail.keys() == ["Subject", "To", "MIME-Version", "Content-Type"]


def test_a_name_with_a_comma_stays_one_sender(sender: Sender) -> None:
    commas = dataclasses.replace(sender, from_name="Ripon, Sinkwatch")
    headers = mime.standing_headers(commas, "a@example.org")
    mail = parsed(mime.written(headers, mime.Parts(text="", html=""), MESSAGE_ID))
    (address,) = mail["From"].addresses
    assert address.display_name == "Ripon, Sinkwatch"


@pytest.mark.parametrize("email", ["Resident@EXAMPLE.org", " a@example.org", "a@exa mple.org", ""])
def test_an_address_that_is_not_canonical_is_refused_and_not_repeated(
    sender: Sender, email: str
) -> None:
    with pytest.raises(ConfigError, match="address") as refused:
        list(mime.standing_headers(sender, email))
    assert not email.strip() or email not in str(refused.value)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no zone"):
        list(mime.identity_headers(MESSAGE_ID, "HG4 1HS", AT.replace(tzinfo=None)))
