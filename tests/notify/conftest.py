"""What it takes to render a digest, and one to start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sinkwatch.notify import picture, render, tokens
from tests.notify.builders import (
    AT,
    MESSAGE_ID,
    SECRET,
    a_digest,
    a_source,
    an_assessment,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.model import Area, Digest, Findings, Message


@pytest.fixture(scope="session")
def signer() -> tokens.Signer:
    return tokens.Signer(SECRET)


@pytest.fixture(scope="session")
def sender(ripon: Area, signer: tokens.Signer) -> render.Sender:
    return render.Sender.of(
        ripon,
        signer,
        domain="alerts.example.org",
        public_url="https://ripon.example.org",
        contact="corrections@example.org",
    )


@pytest.fixture(scope="session")
def context(ripon: Area) -> render.Context:
    return render.Context(
        area=ripon,
        sources=(a_source(),),
        assessment=an_assessment(),
        editions=("Zones of 22 November 2026.",),
    )


@pytest.fixture(scope="session")
def drawn(ripon_findings: Findings) -> picture.Picture:
    """Draw the one picture that all these mails share."""
    return picture.draw(picture.scene_of(a_digest(), ripon_findings))


@pytest.fixture(scope="session")
def rendered(
    sender: render.Sender, context: render.Context, drawn: picture.Picture
) -> Callable[..., Message]:
    """Render a digest with everything usual but what the test names."""

    def make(digest: Digest | None = None, **changed: object) -> Message:
        values: dict[str, object] = {
            "sender": sender,
            "context": context,
            "picture": drawn,
            "message_id": MESSAGE_ID,
            "at": AT,
        }
        return render.message(digest or a_digest(), **{**values, **changed})  # type: ignore[arg-type]

    return make


@pytest.fixture
def message(rendered: Callable[..., Message]) -> Message:
    return rendered()
