"""One run's findings for Ripon, with applications that mean harm, and the site made from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sinkwatch.publish import site
from tests.publish import builders
from tests.publish.builders import CONTACT, Page

if TYPE_CHECKING:
    from sinkwatch.model import Area, Findings, Inputs


@pytest.fixture(scope="session")
def findings(ripon: Area, ripon_inputs: Inputs) -> Findings:
    return builders.findings(ripon, ripon_inputs)


@pytest.fixture(scope="session")
def pages(findings: Findings) -> dict[str, bytes]:
    return site.build(findings, site.Imprint(version="0.1.0", contact=CONTACT))


@pytest.fixture(scope="session")
def index(pages: dict[str, bytes]) -> Page:
    return Page(pages["index.html"].decode())


@pytest.fixture(scope="session")
def offline(pages: dict[str, bytes]) -> Page:
    return Page(pages["offline.html"].decode())
