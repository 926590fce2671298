"""One run's findings for Ripon, with applications that mean harm, and the site made from them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sinkwatch import survey
from sinkwatch.publish import site
from tests.publish.builders import CONTACT, Page, applications, as_read

if TYPE_CHECKING:
    from sinkwatch.model import Area, Findings, Inputs


@pytest.fixture(scope="session")
def findings(ripon: Area, ripon_inputs: Inputs) -> Findings:
    frame = applications()
    states = tuple(
        as_read(state, len(frame)) if state.spec.kind == "applications" else state
        for state in ripon_inputs.states
    )
    return survey.findings(ripon, replace(ripon_inputs, applications=frame, states=states))


@pytest.fixture(scope="session")
def pages(findings: Findings) -> dict[str, bytes]:
    return site.build(findings, site.Imprint(version="0.1.0", contact=CONTACT))


@pytest.fixture(scope="session")
def index(pages: dict[str, bytes]) -> Page:
    return Page(pages["index.html"].decode())


@pytest.fixture(scope="session")
def offline(pages: dict[str, bytes]) -> Page:
    return Page(pages["offline.html"].decode())
