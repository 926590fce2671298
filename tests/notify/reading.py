"""How a finished mail is read back: its text, its HTML, and every tag and word of that."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sinkwatch.model import Message

BANNED = re.compile(
    r"\b(safe|no risk|will collapse|danger zone|unsafe property|worth|uninsurable|guarantee|"
    r"caused by|urgent)\b",
    re.IGNORECASE,
)
VOID = {"meta", "img", "br"}


class Parsed(HTMLParser):
    """Every tag with its attributes, and the visible text of each element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.chunks: list[str] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, "every element is closed in its order"

    def handle_data(self, data: str) -> None:
        if data.strip() and not {"title", "style"} & set(self._open):
            self.chunks.append(normal(data))


def normal(text: str) -> str:
    return " ".join(text.split())


def text_of(message: Message) -> str:
    part = message_from_bytes(message.mime, policy=policy.default).get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def html_of(message: Message) -> str:
    part = message_from_bytes(message.mime, policy=policy.default).get_body(("html",))
    assert part is not None
    return str(part.get_content())
