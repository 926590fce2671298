"""What it takes to render a digest, and one to start from."""

from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

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

    from sinkwatch.model import Area, Digest, Message


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
        assessments={"HG4 1HS": an_assessment(), "HG4 2AB": an_assessment()},
        editions=("Zones of 22 November 2026.",),
    )


@pytest.fixture(scope="session")
def drawn() -> picture.Picture:
    """Return the one picture that all these mails share; how maps look is tested elsewhere."""
    file = io.BytesIO()
    Image.new("P", (1120, 840)).save(file, "PNG")
    alt = "Map of 500 m round HG4 1HS. 1: 26/00001, about 130 m to the north-east."
    return picture.Picture(png=file.getvalue(), alt=alt)


@pytest.fixture(scope="session")
def rendered(
    sender: render.Sender, context: render.Context, drawn: picture.Picture
) -> Callable[..., Message]:
    """Render a digest with everything usual but what the test names."""

    def make(digest: Digest | None = None, **changed: object) -> Message:
        values: dict[str, object] = {
            "sender": sender,
            "context": context,
            "pictures": [("HG4 1HS", drawn)],
            "message_id": MESSAGE_ID,
            "at": AT,
        }
        if "assessments" in changed:
            assessed = {"assessments": changed.pop("assessments")}
            values["context"] = dataclasses.replace(context, **assessed)  # type: ignore[arg-type]
        return render.message(digest or a_digest(), **{**values, **changed})  # type: ignore[arg-type]

    return make


@pytest.fixture
def message(rendered: Callable[..., Message]) -> Message:
    return rendered()
