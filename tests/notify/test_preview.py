from __future__ import annotations

import re
from email import message_from_bytes, policy
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from sinkwatch.notify import notices
from sinkwatch.notify.preview import preview
from tests.notify.builders import AT, MESSAGE_ID, a_digest, an_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.model import Area, Message
    from sinkwatch.notify.render import Sender


class Page(HTMLParser):
    """The tags, the frame's document and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def framed(self) -> str:
        (frame,) = [attributes for tag, attributes in self.tags if tag == "iframe"]
        return frame["srcdoc"] or ""


@pytest.fixture
def page(message: Message) -> Page:
    return Page(preview(message).decode())


def test_the_preview_shows_every_header_and_where_bounces_go(page: Page, message: Message) -> None:
    mail = message_from_bytes(message.mime, policy=policy.default)
    for name, value in mail.items():
        assert name in page.text
        assert str(value) in page.text
    assert message.envelope_sender in page.text


def test_the_preview_shows_both_parts_as_they_are(page: Page, message: Message) -> None:
    mail = message_from_bytes(message.mime, policy=policy.default)
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content() in page.text
    assert re.sub(r'src="[^"]*"', "", page.framed) == re.sub(r'src="[^"]*"', "", html.get_content())


def test_the_preview_asks_for_nothing_from_anywhere(page: Page, message: Message) -> None:
    asked = [
        attributes.get("src") or attributes.get("data") or attributes.get("srcset")
        for tag, attributes in [*page.tags, *Page(page.framed).tags]
        if tag in ("img", "script", "link", "iframe", "object", "embed", "video", "audio")
    ]
    sources = [source for source in asked if source]
    assert len(sources) == 1
    assert sources[0].startswith("data:image/png;base64,")
    assert b"default-src 'none'" in preview(message)


def test_the_preview_runs_no_script_and_its_frame_may_do_nothing(page: Page) -> None:
    assert "script" not in {tag for tag, _ in page.tags}
    (frame,) = [attributes for tag, attributes in page.tags if tag == "iframe"]
    assert frame["sandbox"] == ""


def test_hostile_text_is_shown_and_not_obeyed(rendered: Callable[..., Message]) -> None:
    hostile = '"></iframe></pre><script>alert(1)</script>'
    page = Page(preview(rendered(a_digest(an_event(title=hostile)))).decode())
    assert "script" not in {tag for tag, _ in [*page.tags, *Page(page.framed).tags]}
    assert hostile in " ".join(page.text.split())
    assert hostile in Page(page.framed).text


def test_the_preview_names_what_is_attached(sender: Sender, ripon: Area) -> None:
    message = notices.export(
        "a@example.org", {}, sender=sender, area=ripon, message_id=MESSAGE_ID, at=AT
    )
    page = Page(preview(message).decode())
    assert "what-we-keep.json (application/json, 3 bytes)" in page.text


def test_the_preview_of_a_mail_without_a_picture_has_none(
    rendered: Callable[..., Message],
) -> None:
    assert "data:image" not in preview(rendered(pictures=[])).decode()
