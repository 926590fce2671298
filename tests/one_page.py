"""Sites of one page, for tests of what a run finds and tells: the others take longest of all."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from sinkwatch.publish import site, things, webmap
from sinkwatch.publish.pages import home
from sinkwatch.publish.publication import Publication

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinkwatch.model import Findings, History
    from sinkwatch.publish.things import Offers

FRONT = "index.html"


@contextmanager
def blank() -> Iterator[None]:
    """Let a site be one page that says nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "build", lambda *_, **__: {FRONT: b"<!doctype html>"})
        yield


@contextmanager
def front() -> Iterator[None]:
    """Let a site be its front page, as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "build", _front)
        yield


def _front(
    findings: Findings,
    imprint: site.Imprint,
    *,
    history: History,
    offers: Offers | None = None,
    copies: object = (),
) -> dict[str, bytes]:
    del copies
    shown = things.gather(findings, offers)
    publication = Publication(findings=findings, things=shown, imprint=imprint, history=history)
    pages = home.pages(publication, webmap.Sketch.of(findings, shown))
    return {FRONT: pages[FRONT]}
