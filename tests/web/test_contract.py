"""The service does what its own description says, whatever it is sent (schemathesis)."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch import timetable
from sinkwatch.store import jobs
from tests.web.service import HOST, ORIGIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.web.service import Service

EXAMPLES = int(os.environ.get("SINKWATCH_TEST_CONTRACT", "2"))
"""Made-up requests to each operation, besides those that cover its description; try 200 too."""

# What a schema cannot say: which postcodes are held, and which address is one mailbox.
ACCEPTED = ["2xx", "403", "404", "422", "429", "503"]

_CLIENTS = itertools.count(1)


def headers() -> dict[str, str]:
    """Return what a browser sends from a page of ours; each request comes from another client."""
    n = next(_CLIENTS)
    client = f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"
    return {"Host": HOST, "Origin": ORIGIN, "X-Forwarded-For": client}


# Schemathesis is imported by the one process that runs its test: it takes half a second.
# ruff: noqa: PLC0415


@pytest.fixture
def as_a_browser() -> Iterator[None]:
    import schemathesis

    def before_call(_: object, case: Any, __: object) -> None:  # noqa: ANN401 - schemathesis' own
        case.headers = {**(case.headers or {}), **headers()}

    schemathesis.hook(before_call)
    yield
    schemathesis.hooks.unregister(before_call)


@pytest.mark.usefixtures("as_a_browser")
def test_no_request_meets_a_server_error_or_breaks_the_description(service: Service) -> None:
    import schemathesis
    from schemathesis.config import PositiveDataAcceptanceConfig, SchemathesisConfig
    from schemathesis.engine import events, from_schema

    with service.store.begin() as connection:  # else it would rightly say that it is not well
        jobs.note_success(connection, timetable.DAILY_RUN, service.services.clock())
    config = SchemathesisConfig()
    config.projects.default.generation.max_examples = EXAMPLES
    config.projects.default.phases.stateful.enabled = (
        False  # no answer of ours is data to go on with
    )
    # All others are tried in test_gate.
    config.projects.default.phases.coverage.unexpected_methods = {"delete"}
    config.projects.default.checks.positive_data_acceptance = PositiveDataAcceptanceConfig(
        expected_statuses=ACCEPTED
    )
    address = f"{service.address}/openapi.json"
    schema = schemathesis.openapi.from_url(address, config=config, headers=headers())
    statuses, broken = set(), []
    for event in from_schema(schema).execute():
        assert not isinstance(event, events.NonFatalError | events.FatalError), event
        if isinstance(event, events.ScenarioFinished):
            answers = event.recorder.interactions.values()
            statuses |= {one.response.status_code for one in answers if one.response is not None}
            broken += [
                (event.label, check.name, str(check.failure_info.failure))
                for checks in event.recorder.checks.values()
                for check in checks
                if check.failure_info is not None
            ]
    assert broken == []
    assert {200, 404, 405, 422} <= statuses
