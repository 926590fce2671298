"""Messages to hand over: finished bytes, whoever has written them."""

from __future__ import annotations

from sinkwatch.model import MailKind, Message, SubscriberId
from sinkwatch.notify import addresses

DOMAIN = "alerts.example.org"


def a_message(number: int = 1, **changed: object) -> Message:
    """Make a message whose id and recipient bear its number."""
    message_id = addresses.message_id(f"{number:032x}", DOMAIN)
    recipient = f"resident{number}@example.org"
    values: dict[str, object] = {
        "message_id": message_id,
        "kind": MailKind.ALERT,
        "recipient": recipient,
        "envelope_sender": f"bounces+{number:032x}.0123456789abcdef@{DOMAIN}",
        "subject": "HG4 1HS: 1 planning application near you",
        "mime": (
            f"From: alerts@{DOMAIN}\r\nTo: {recipient}\r\nMessage-ID: <{message_id}>\r\n"
            "Date: Sun, 22 Nov 2026 09:30:00 +0000\r\n"
            f"Subject: HG4 1HS: 1 planning application near you\r\n\r\nNumber {number}.\r\n"
        ).encode(),
        "dedupe_key": f"message {number}",
        "subscriber_id": SubscriberId(f"{number:032x}"),
    }
    return Message(**{**values, **changed})  # type: ignore[arg-type]
