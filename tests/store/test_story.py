"""The main job over either database: the same run, the same mails, the same silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinkwatch import pipeline, signup
from sinkwatch.model import EventKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sinkwatch.services import Services

HEADER = "reference,description,status,received_on,decided_on,easting,northing\n"


def test_an_application_is_told_once_its_decision_once_and_then_no_more(
    url: str, installation: Callable[..., Services], tmp_path: Path
) -> None:
    planning = tmp_path / "applications.csv"
    planning.write_text(f"{HEADER}A1,Twenty dwellings,Pending,2026-11-02,,431579,471829\n")
    services = installation(database_url=url, planning=[planning])
    signup.subscribe(services, "a@example.org", "HG4 1HS", radius_m=500.0, consent="on paper")

    first = pipeline.run(services)
    assert [event.kind for event in first.events] == [EventKind.APPLICATION_NEW]
    assert (first.n_queued, first.n_delivered) == (1, 1)

    planning.write_text(
        f"{HEADER}A1,Twenty dwellings,Refused,2026-11-02,2026-11-20,431579,471829\n"
    )
    second = pipeline.run(services)
    assert [event.kind for event in second.events] == [EventKind.APPLICATION_DECIDED]
    assert (second.n_queued, second.n_delivered) == (1, 1)

    third = pipeline.run(services)
    assert third.events == ()
    assert (third.n_queued, third.n_delivered) == (0, 0)
    assert not third.published.changed

    assert signup.erase(services, "a@example.org") == 1
    assert signup.listing(services) == ()
