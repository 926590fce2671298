"""A page that shows a finished e-mail as its reader will see it."""

from __future__ import annotations

import base64
from email import message_from_bytes, policy
from typing import TYPE_CHECKING

from sinkwatch.notify.stationery import templates

if TYPE_CHECKING:
    from email.message import EmailMessage

    from sinkwatch.model import Message


def preview(message: Message) -> bytes:
    """
    Show a message on one page that asks for nothing from anywhere: headers, HTML part, text part.

    Parameters
    ----------
    message
        As in the outbox.

    Returns
    -------
    page
        HTML, UTF-8; the mail's own HTML in a sandboxed frame, its picture within.
    """
    mail = message_from_bytes(message.mime, policy=policy.default)
    page = templates().get_template("preview.html")
    return page.render(
        subject=message.subject,
        headers=[
            ("Envelope sender", message.envelope_sender),
            *mail.items(),
            *(("Attachment", _attachment(part)) for part in mail.iter_attachments()),
        ],
        html=_with_pictures(mail),
        text=_content(mail, "plain"),
    ).encode()


def _attachment(part: EmailMessage) -> str:
    n_bytes = len(part.get_payload(decode=True))
    return f"{part.get_filename()} ({part.get_content_type()}, {n_bytes:,} bytes)"


def _with_pictures(mail: EmailMessage) -> str:
    html = _content(mail, "html")
    for part in mail.walk():
        cid = str(part["Content-ID"] or "").strip("<>")
        if cid:
            encoded = base64.b64encode(part.get_content()).decode("ascii")
            html = html.replace(f"cid:{cid}", f"data:{part.get_content_type()};base64,{encoded}")
    return html


def _content(mail: EmailMessage, subtype: str) -> str:
    part = mail.get_body((subtype,))
    return "" if part is None else str(part.get_content())
