"""`sources`: how each stands, and what a person may do about it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from sinkwatch.cli import progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.services import Services

    Sinkwatch = Callable[..., Any]

TITLES = "reference,description,status\n"


@pytest.fixture
def held(sinkwatch: Sinkwatch) -> Sinkwatch:
    """An installation whose file of applications has lost half of its rows overnight."""
    file = Path("applications.csv")
    Path("sinkwatch.toml").write_text(f'planning_files = ["{file}"]\n')
    for n in (40, 20):
        file.write_text(TITLES + "".join(f"26/{number},House,pending\n" for number in range(n)))
        assert sinkwatch("run").code == (0 if n == 40 else 3)
    return sinkwatch


def one(sinkwatch: Sinkwatch, name: str) -> dict[str, Any]:
    """Return what `sources show` says of one source."""
    shown: dict[str, Any] = sinkwatch("sources", "show", name, "--json").json
    return shown


def test_each_source_tells_its_edition_and_where_it_came_from(sinkwatch: Sinkwatch) -> None:
    listed = {each["name"]: each for each in sinkwatch("sources", "list", "--json").json}
    assert list(listed)[:5] == ["geology", "sinkholes", "places", "postcodes", "cases"]
    assert {"planit", "planning"} < set(listed)
    assert listed["sinkholes"]["rows"] == 19
    assert len(listed["sinkholes"]["sha256"]) == 64
    assert (listed["sinkholes"]["gate"], listed["sinkholes"]["age"]) == ("passed", "fresh")
    assert listed["postcodes"]["edition"] == "2014-08"
    assert "Ordnance Survey" in listed["postcodes"]["attribution"]
    assert listed["planning"]["status"] == "not_configured"
    assert (listed["planning"]["sha256"], listed["planning"]["gate"]) == (None, "not asked")
    assert listed["planit"]["status"] == "not_configured"
    assert "set contact to your own" in listed["planit"]["problem"]


def test_people_can_read_it(sinkwatch: Sinkwatch) -> None:
    lines = sinkwatch("sources", "list").out
    assert "geology: up to date" in lines
    assert "planning: not set up" in lines


def test_one_source_tells_its_credit_and_its_options(sinkwatch: Sinkwatch) -> None:
    shown = sinkwatch("sources", "show", "planit")
    assert shown.code == 0
    assert "radius_km = 4" in shown.out
    assert "Planning application data via PlanIt" in shown.out


def test_a_held_set_says_why_what_waits_and_how_to_use_it(held: Sinkwatch) -> None:
    listed = held("sources", "list")
    assert listed.code == 3
    for line in (
        "planning: on hold; the last good copy is in use",
        "it holds 20 rows, fewer than 80% of the last good 40",
        "Waiting: applications.csv, SHA-256 ",
        "Use it with `sinkwatch sources accept planning`",
    ):
        assert line in listed.out
    shown = one(held, "planning")
    assert (shown["status"], shown["gate"], shown["rows"]) == ("held", "held", 40)
    assert shown["hold"]["candidate"]["sha256"] != shown["sha256"]


def test_accept_lets_a_person_through(held: Sinkwatch) -> None:
    accepted = held("sources", "accept", "planning")
    assert accepted.code == 0
    assert accepted.out.startswith("planning: accepted applications.csv, ")
    assert (one(held, "planning")["status"], one(held, "planning")["rows"]) == ("good", 20)
    again = held("sources", "accept", "planning")
    assert (again.code, "source planning: is not on hold" in again.err) == (2, True)


def test_hold_and_accept_undo_each_other(sinkwatch: Sinkwatch) -> None:
    assert sinkwatch("sources", "hold", "cases").code == 0
    assert "Put on hold by hand" not in sinkwatch("sources", "list").out
    assert "put on hold by hand" in sinkwatch("sources", "list").out
    assert one(sinkwatch, "cases")["hold"]["candidate"] is None
    lifted = sinkwatch("sources", "accept", "cases")
    assert lifted.out == "cases is off hold; it is asked again at the next run\n"
    assert sinkwatch("sources", "list").code == 0


def test_refresh_asks_what_is_named_and_prints_how_it_stands(sinkwatch: Sinkwatch) -> None:
    refreshed = sinkwatch("sources", "refresh", "geology", "--json")
    assert refreshed.code == 0
    assert [(each["name"], each["status"]) for each in refreshed.json] == [("geology", "good")]
    assert one(sinkwatch, "geology")["next_due_at"] is None


@pytest.mark.parametrize("verb", ["show", "refresh", "accept", "hold"])
def test_a_source_that_is_not_there_is_wrong_use(sinkwatch: Sinkwatch, verb: str) -> None:
    refused = sinkwatch("sources", verb, "gelogy")
    assert refused.code == 2
    assert "source gelogy: is none of area ripon" in refused.err


def test_a_large_file_is_shown_on_a_terminal_while_it_comes() -> None:
    terminal = io.StringIO()
    bar = progress.Bar(Console(file=terminal, force_terminal=True, width=80))
    with bar.showing("uprn: [bold]osopenuprn.zip", 10_000_000) as advance:
        advance(4_000_000)
    assert "uprn: [bold]osopenuprn.zip" in terminal.getvalue()
    assert "4.0/10.0 MB" in terminal.getvalue()


def test_a_pipe_is_shown_no_bar(services: Services) -> None:
    assert progress.shown(services) is services
