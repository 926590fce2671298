"""Looking after the sources: ask one now, let a person through, put one on hold."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sinkwatch import config, pipeline, upkeep
from sinkwatch.errors import ConfigError, SourceError
from sinkwatch.model import SourceStatus
from tests import one_page
from tests.conftest import NOW, Clock, an_installation, move_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.services import Services

pytestmark = pytest.mark.usefixtures("blank_site")

TITLES = "reference,description,status\n"


def applications(n: int) -> str:
    """Return a file of so many applications, none with a place."""
    rows = (f"26/{number},House {number},pending\n" for number in range(n))
    return TITLES + "".join(rows)


class Installation:
    """One with a file of forty applications that a first run has taken in."""

    def __init__(self, services: Services, file: Path, clock: Clock) -> None:
        self.services, self.file, self.clock = services, file, clock

    def run(self, content: str) -> pipeline.RunReport:
        self.file.write_text(content)
        self.clock.move(days=1)
        return pipeline.run(self.services)

    def refresh(self, content: str, *names: str) -> dict[str, SourceStatus]:
        self.file.write_text(content)
        self.clock.move(days=1)
        return {s.spec.name: s.status for s in upkeep.refresh(self.services, names)}

    def stands(self) -> tuple[SourceStatus, int]:
        state = upkeep.state(self.services, "planning")
        return state.status, state.n_rows


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """One for all tests, each of which has a copy of it."""
    folder, clock = tmp_path_factory.mktemp("first"), Clock(NOW)
    file = folder / "applications.csv"
    made = Installation(an_installation(folder, clock, planning=[file]), file, clock)
    with one_page.blank():
        made.run(applications(40))
    return made


@pytest.fixture
def installed(
    first_run: Installation,
    installation: Callable[..., Services],
    tmp_path: Path,
    clock: Clock,
) -> Installation:
    move_in(first_run.file.parent, tmp_path)
    clock.now = first_run.clock.now
    file = tmp_path / first_run.file.name
    return Installation(installation(planning=[file]), file, clock)


@pytest.mark.usefixtures("front_page")
def test_a_set_that_shrinks_is_held_is_shown_sends_nothing_and_is_used_once_accepted(
    installed: Installation,
) -> None:
    report = installed.run(applications(20))
    (state,) = report.troubled
    assert (state.spec.name, state.status) == ("planning", SourceStatus.HELD)
    assert len(report.findings.applications) == 40
    assert (report.events, report.n_queued) == ((), 0)
    page = (report.published.path / "index.html").read_text()
    assert "on hold; the last good copy is in use" in " ".join(page.split()).lower()
    assert installed.stands() == (SourceStatus.HELD, 40)

    accepted = upkeep.accept(installed.services, "planning")

    assert accepted is not None
    assert accepted.path.read_text() == applications(20)
    assert installed.stands() == (SourceStatus.GOOD, 20)
    after = installed.run(applications(20))
    assert (after.troubled, len(after.findings.applications)) == ((), 20)


def test_what_is_accepted_may_be_recalled_without_asking_again(installed: Installation) -> None:
    installed.run(applications(20))
    upkeep.accept(installed.services, "planning")
    installed.clock.move(days=1)
    report = pipeline.run(installed.services, offline=True)
    assert len(report.findings.applications) == 20


def test_a_source_that_answers_as_before_again_is_off_hold_by_itself(
    installed: Installation,
) -> None:
    installed.run(applications(20))
    assert installed.run(applications(40)).troubled == ()
    with pytest.raises(ConfigError, match="source planning: is not on hold"):
        upkeep.accept(installed.services, "planning")


def test_what_waits_and_is_gone_cannot_be_accepted(installed: Installation) -> None:
    installed.run(applications(20))
    hold = upkeep.state(installed.services, "planning").hold
    assert hold is not None
    assert hold.candidate is not None
    hold.candidate.path.unlink()
    with pytest.raises(SourceError, match=r"is gone or has changed.*sources refresh planning"):
        upkeep.accept(installed.services, "planning")
    assert installed.stands() == (SourceStatus.HELD, 40)


def test_on_hold_by_hand_nothing_new_is_taken_until_it_is_lifted(installed: Installation) -> None:
    upkeep.hold(installed.services, "planning")
    assert len(installed.run(applications(41)).findings.applications) == 40
    assert installed.stands() == (SourceStatus.HELD, 40)
    assert upkeep.accept(installed.services, "planning") is None
    assert len(installed.run(applications(41)).findings.applications) == 41


def test_a_hold_by_hand_drops_what_waits(installed: Installation) -> None:
    installed.run(applications(20))
    upkeep.hold(installed.services, "planning")
    assert upkeep.accept(installed.services, "planning") is None
    assert installed.stands() == (SourceStatus.GOOD, 40)


def test_a_refresh_takes_in_what_is_new_and_the_next_run_tells_it(installed: Installation) -> None:
    assert installed.refresh(applications(41), "planning") == {"planning": SourceStatus.GOOD}
    assert installed.stands() == (SourceStatus.GOOD, 41)
    report = pipeline.run(installed.services, offline=True)
    assert [event.subject for event in report.events] == ["North Yorkshire/26/40"]


def test_a_refresh_holds_what_a_run_would_hold(installed: Installation) -> None:
    assert installed.refresh(applications(3), "planning") == {"planning": SourceStatus.HELD}
    assert installed.stands() == (SourceStatus.HELD, 40)


def test_a_refresh_of_all_asks_every_source_that_is_set_up(installed: Installation) -> None:
    asked = installed.refresh(applications(40))
    assert asked == dict.fromkeys(
        ("geology", "sinkholes", "places", "postcodes", "cases", "planning"), SourceStatus.GOOD
    )


@pytest.mark.parametrize("verb", [upkeep.state, upkeep.hold, upkeep.accept])
def test_a_source_that_is_not_there_is_refused_with_those_that_are(
    services: Services, verb: Callable[[Services, str], object]
) -> None:
    with pytest.raises(ConfigError, match=r"source gelogy: is none of area ripon\. Use one of geo"):
        verb(services, "gelogy")


def test_a_source_that_is_not_asked_here_cannot_be_refreshed(services: Services) -> None:
    with pytest.raises(ConfigError, match="source planit: Not asked: set contact to your own"):
        upkeep.refresh(services, ["planit"])


def test_copies_in_use_are_kept_however_the_folder_is_spelt(
    installed: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = installed.services.settings.model_copy(update={"state_folder": Path("var")})
    elsewhere = replace(installed.services, settings=settings)
    installed.clock.move(days=200)
    assert len(pipeline.run(elsewhere).findings.applications) == 40
    installed.clock.move(days=200)
    pipeline.run(installed.services)
    assert upkeep.state(installed.services, "planning").n_rows == 40
    installed.file.unlink()
    assert upkeep.state(installed.services, "planning").n_rows == 40


@pytest.mark.usefixtures("front_page")  # each site that is another keeps its copies
def test_copies_out_of_use_for_90_days_are_removed_and_what_waits_is_kept(
    installed: Installation,
) -> None:
    folder = installed.services.snapshots() / "planning"
    first = set(folder.iterdir())
    installed.run(applications(41))
    installed.run(applications(2))
    waiting = {path for path in folder.iterdir() if path.read_text() == applications(2)}
    assert len(set(folder.iterdir())) == 3
    installed.clock.move(days=200)
    assert pipeline.run(installed.services).troubled[0].status is SourceStatus.HELD
    left = set(folder.iterdir())
    assert not first & left
    assert waiting <= left
    assert len(left) == 2


def test_the_operators_own_records_say_what_they_add_correct_and_may_repeat(
    installation: Callable[..., Services], tmp_path: Path
) -> None:
    shipped = (config.data_folder() / "ripon" / "sinkholes.csv").read_text().splitlines()
    rows = list(csv.DictReader(shipped))
    hole = next(row for row in rows if row["sinkhole_id"] == "RS009")
    own = [
        hole | {"name": "Magdalen's Close house"},
        hole | {"sinkhole_id": "OWN1", "feature_id": ""},
    ]
    file = tmp_path / "own.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(hole))
        writer.writeheader()
        writer.writerows(own)
    services = installation(inventory_files=[file])
    said = upkeep.remarks(services, "own-records")
    assert "Adds OWN1" in said
    assert any(
        line.startswith("Corrects RS009: name") and '"Magdalen\'s Close house"' in line
        for line in said
    )
    assert any(line.startswith("Perhaps one event: OWN1 and RS009") for line in said)
    assert upkeep.remarks(services, "geology") == ()
    assert any("RS003 and RS002" in line for line in upkeep.remarks(services, "sinkholes"))
    found = pipeline.run(services).findings.sinkholes.set_index("sinkhole_id")
    assert found.loc["RS009", "name"] == "Magdalen's Close house"
    assert len(found) == len(rows) + 1
