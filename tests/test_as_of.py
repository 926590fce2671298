"""The site of a past day, built again: the same to the byte, or a plain reason why not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from sinkwatch import as_of, intake, pipeline
from sinkwatch.errors import BusyError, ConfigError, DataError
from sinkwatch.model import SourceStatus
from sinkwatch.packs import crew, making, noting
from sinkwatch.publish import locations, release, site
from sinkwatch.store import publications, tables
from tests.conftest import Clock, an_installation, subscribe
from tests.packs import installed

if TYPE_CHECKING:
    from sinkwatch.services import Services

FIRST, SECOND, THIRD = (date(2026, 11, day) for day in (20, 21, 22))
MORNING = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
NEW = "26/00600/FUL,<script>x</script>,Awaiting decision,,Here,,2026-11-02,,431585,471840,,,,,\n"


@dataclass(frozen=True)
class Story:
    """Three days of an installation, and the manifest that readers had at the end of each."""

    folder: Path
    manifests: dict[date, bytes]


def services_in(folder: Path, at: datetime, **changed: object) -> Services:
    values = {"evidence_packs": False, "online": False, **changed}
    return installed.services_in(folder, Clock(at), **values)


def manifest_of(services: Services) -> bytes:
    return (services.settings.maps_folder / "current" / release.MANIFEST).read_bytes()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """
    Live through three days; no test changes what is left of them.

    An application comes; a record is corrected and the planning file breaks; then what the area
    file says is edited, somebody is erased, and the files of the area go.
    """
    folder, clock = tmp_path_factory.mktemp("story"), Clock(MORNING)
    area = installed.lay_out(folder / "area").parent
    # With pictures, so that each day leaves a dated copy too.
    values = {"evidence_packs": False, "online": False, "pictures": True}
    services = installed.services_in(folder, clock, **values)
    subscribe(services, at="SM1 1AA")
    manifests: dict[date, bytes] = {}

    def one_day(day: date) -> pipeline.RunReport:
        report = pipeline.run(services)
        manifests[day] = manifest_of(services)
        for copy in services.snapshots().rglob("*.*"):
            os.utime(copy, (LONG_AGO, LONG_AGO))  # out of use, it would go with the next run
        clock.move(days=1)
        return report

    one_day(FIRST)
    with (area / "applications.csv").open("a", encoding="utf-8") as listed:
        listed.write(NEW)
    one_day(SECOND)
    installed.replaced(area / "sinkholes.csv", "Mill Lane hole", "Mill Road hole")
    (area / "applications.csv").write_text("reference\n", encoding="utf-8")
    (failed,) = one_day(THIRD).troubled
    assert failed.status is SourceStatus.FAILED
    installed.replaced(area / "area.toml", 'name = "Smallworld"', 'name = "Elsewhere"')
    for name in ("sinkholes.csv", "applications.csv"):
        (area / name).write_text("gone\n", encoding="utf-8")
    assert len(set(manifests.values())) == 3
    assert f'"{locations.as_at(FIRST)}/'.encode() in manifests[THIRD]  # kept since, and linked
    return Story(folder, manifests)


@pytest.fixture
def past(story: Story, tmp_path: Path) -> Services:
    """Return a copy of it, which lies elsewhere, two days later."""
    shutil.copytree(story.folder, tmp_path, symlinks=True, dirs_exist_ok=True)
    return services_in(tmp_path, datetime(2026, 11, 24, 9, 30, tzinfo=UTC))


@pytest.mark.parametrize("day", [FIRST, SECOND, THIRD], ids=str)
def test_each_day_gives_every_byte_that_readers_had_at_its_end(
    story: Story, past: Services, day: date
) -> None:
    current = manifest_of(past)
    rebuilt = as_of.rebuild(past, day)
    folder = past.settings.maps_folder / "as-of" / day.isoformat()
    assert (folder / release.MANIFEST).read_bytes() == story.manifests[day]
    assert rebuilt == as_of.Rebuilt(
        published_at=datetime(day.year, day.month, day.day, 9, 30, tzinfo=UTC),
        release=hashlib.sha256(story.manifests[day]).hexdigest(),
        now=rebuilt.release,
        folder=folder,
    )
    assert rebuilt.is_same
    then = past.settings.maps_folder / "releases" / rebuilt.release[:12]
    assert contents(folder) == contents(then)
    assert manifest_of(past) == current
    assert [left.name for left in folder.parent.iterdir()] == [day.isoformat()]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


class Quick:
    """Builds a site of one page in no time, as no version ever did."""

    pages: dict[str, bytes]

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pages = {"index.html": b"another"}
        monkeypatch.setattr(site, "build", lambda *_, **__: dict(self.pages))
        installed.remember(monkeypatch)

    def publish(self, services: Services, said: bytes) -> str:
        """Publish a site of one page; return the whole name of its release."""
        self.pages = {"index.html": said}
        pipeline.run(services)
        return hashlib.sha256(manifest_of(services)).hexdigest()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Quick:
    return Quick(monkeypatch)


class TestWhatDiffers:
    def test_another_version_is_named_with_the_files_and_nothing_is_written(
        self, story: Story, past: Services, quick: Quick, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        versions = {**noting.program(), "sinkwatch": "9.9.9", "folium": "77.0"}
        before = noting.program()
        monkeypatch.setattr(noting, "program", lambda: versions)
        rebuilt = as_of.rebuild(past, FIRST)
        assert not rebuilt.is_same
        assert rebuilt.now == hashlib.sha256(release.manifest_of(quick.pages)).hexdigest()
        assert rebuilt.reasons == (
            f"sinkwatch was {before['sinkwatch']} then and is 9.9.9 now",
            f"folium was {before['folium']} then and is 77.0 now",
        )
        assert rebuilt.folder is None
        assert not (past.settings.maps_folder / "as-of").exists()
        assert rebuilt.differing is not None
        assert list(rebuilt.differing) == sorted(json.loads(story.manifests[FIRST]))

    def test_where_no_version_differs_it_says_that_it_is_a_fault(
        self, past: Services, quick: Quick
    ) -> None:
        del quick
        rebuilt = as_of.rebuild(past, FIRST)
        assert len(rebuilt.reasons) == 1
        assert "fault of sinkwatch" in rebuilt.reasons[0]

    @pytest.mark.parametrize("damage", [b"", b"{}"], ids=["gone", "changed"])
    def test_without_the_release_of_then_nobody_can_name_the_files(
        self, past: Services, quick: Quick, damage: bytes
    ) -> None:
        del quick
        name = as_of.rebuild(past, FIRST).release[:12]
        listed = past.settings.maps_folder / "releases" / name / release.MANIFEST
        listed.unlink()
        if damage:
            listed.write_bytes(damage)
        rebuilt = as_of.rebuild(past, FIRST)
        assert rebuilt.differing is None
        assert not rebuilt.is_same

    def test_what_another_version_noted_and_this_cannot_read_is_no_traceback(
        self, past: Services
    ) -> None:
        with past.store() as store, store.begin() as connection:
            connection.execute(update(tables.publications).values(basis='{"area": 5}'))
        rebuilt = as_of.rebuild(past, FIRST)
        assert rebuilt.now == ""
        assert "cannot be read by this version of sinkwatch" in rebuilt.reasons[-1]


class TestCopiesThatAreGone:
    def copy(self, past: Services, source: str, day: date) -> Path:
        with past.store() as store, store.read() as connection:
            found = publications.upto(
                connection, datetime(day.year, day.month, day.day, 23, tzinfo=UTC)
            )
        assert found is not None
        (path,) = past.snapshots().glob(f"{source}/{found.edition.copies[source][:12]}.*")
        return path

    def test_a_source_is_named_with_the_first_day_that_can_be_built(self, past: Services) -> None:
        gone = self.copy(past, "planning", FIRST)
        gone.unlink()
        rebuilt = as_of.rebuild(past, FIRST)
        assert (rebuilt.now, rebuilt.folder, rebuilt.differing) == ("", None, None)
        assert rebuilt.reasons == (
            (
                f"source planning: its copy of then, sha256 {gone.stem}…, is no longer held; "
                "copies out of use are kept for 90 days"
            ),
            "the first later day that can be built again is 2026-11-21",
        )

    def test_a_copy_that_was_changed_is_none(self, past: Services) -> None:
        installed.damaged(self.copy(past, "geology", FIRST))  # the same on all three days
        (past.settings.maps_folder.parent / "area" / "zones.geojson").unlink()
        rebuilt = as_of.rebuild(past, FIRST)
        assert rebuilt.reasons[0].startswith("source geology: its copy of then")
        assert rebuilt.reasons[1].startswith("no later edition can be built again either")

    def test_after_90_days_out_of_sight_an_edition_goes_and_then_its_copies(
        self, past: Services
    ) -> None:
        gone, kept = (self.copy(past, "planning", day) for day in (FIRST, SECOND))
        assert gone != kept  # which the edition of the third day stands on too
        now = datetime(2027, 2, 20, 9, 30, tzinfo=UTC)
        with past.store() as store:
            intake.tidy(past, store, now - timedelta(days=2, seconds=1))
            assert gone.is_file()
            intake.tidy(past, store, now)
        assert not gone.exists()
        assert kept.is_file()
        with pytest.raises(DataError, match="which is of 2026-11-22"):
            as_of.rebuild(past, SECOND)


class TestDays:
    def test_one_without_a_run_gives_what_was_published_before(
        self, past: Services, quick: Quick
    ) -> None:
        del quick
        today = date(2026, 11, 24)
        assert as_of.rebuild(past, today).published_at == datetime(2026, 11, 22, 9, 30, tzinfo=UTC)

    def test_of_two_editions_of_a_day_the_later_counts_also_if_it_was_gone_back_to(
        self, past: Services, quick: Quick
    ) -> None:
        first = quick.publish(past, b"before noon")
        past.clock.move(hours=3)  # type: ignore[attr-defined]
        second = quick.publish(past, b"after noon")
        assert as_of.rebuild(past, date(2026, 11, 24)).release == second
        with past.store() as store, store.begin() as connection:
            publications.note_return(connection, first[:12], past.clock())
        quick.pages = {"index.html": b"before noon"}
        rebuilt = as_of.rebuild(past, date(2026, 11, 24))
        assert (rebuilt.release, rebuilt.is_same) == (first, True)

    def test_a_day_ends_at_midnight_in_london(self, tmp_path: Path, quick: Quick) -> None:
        at = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)  # half past midnight there
        services = an_installation(tmp_path, Clock(at), online=False)
        name = quick.publish(services, b"at night")
        with pytest.raises(DataError, match="which is of 2026-07-02"):
            as_of.rebuild(services, date(2026, 7, 1))
        assert as_of.rebuild(services, date(2026, 7, 2)).release == name

    def test_one_that_has_not_been_yet_is_refused(self, past: Services) -> None:
        with pytest.raises(DataError, match=r"not been yet\. Name 2026-11-24 or an earlier"):
            as_of.rebuild(past, date(2026, 11, 25))

    def test_without_a_database_nothing_is_noted_and_none_is_made(self, tmp_path: Path) -> None:
        services = services_in_nothing(tmp_path)
        with pytest.raises(DataError, match="no edition of the site is noted"):
            as_of.rebuild(services, FIRST)
        assert list(tmp_path.iterdir()) == []

    def test_a_database_without_an_edition_says_the_same(self, tmp_path: Path) -> None:
        services = services_in_nothing(tmp_path)
        with services.store():
            pass
        with pytest.raises(DataError, match="no edition of the site is noted"):
            as_of.rebuild(services, FIRST)

    def test_a_dry_run_and_a_site_without_a_database_are_noted_nowhere(
        self, past: Services, quick: Quick, tmp_path: Path
    ) -> None:
        quick.pages = {"index.html": b"dry"}
        pipeline.dry_run(past, tmp_path / "dry")
        with past.store() as store, store.read() as connection:
            assert len(publications.listing(connection)) == 3


def services_in_nothing(folder: Path) -> Services:
    return an_installation(folder, Clock(datetime(2026, 11, 24, tzinfo=UTC)), online=False)


class TestFolder:
    @pytest.fixture
    def published(self, past: Services, quick: Quick) -> Services:
        quick.publish(past, b"the site")
        return past

    DAY = date(2026, 11, 24)

    def test_that_is_named_is_made_or_filled_or_replaced_if_it_holds_such_a_site(
        self, published: Services, tmp_path: Path
    ) -> None:
        folder = tmp_path / "new" / "site"
        for _ in range(2):
            assert as_of.rebuild(published, self.DAY, folder).folder == folder
            assert (folder / "index.html").read_bytes() == b"the site"
            assert (folder / release.MANIFEST).read_bytes() == manifest_of(published)
            (folder / "index.html").write_bytes(b"touched")
        shutil.rmtree(folder)
        folder.mkdir()
        as_of.rebuild(published, self.DAY, folder)
        assert (folder / "index.html").read_bytes() == b"the site"

    @pytest.mark.parametrize("listed", [None, b"[]", b"no json", b'{"index.html": "0"}'])
    def test_that_holds_anything_else_is_left_as_it_is(
        self, published: Services, tmp_path: Path, listed: bytes | None
    ) -> None:
        folder = tmp_path / "letters"
        folder.mkdir()
        (folder / "mine.txt").write_text("mine", encoding="utf-8")
        if listed is not None:
            (folder / release.MANIFEST).write_bytes(listed)
        before = contents(folder)
        with pytest.raises(ConfigError, match="nothing was replaced"):
            as_of.rebuild(published, self.DAY, folder)
        assert contents(folder) == before

    def test_that_is_a_link_or_a_file_is_refused(self, published: Services, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("mine", encoding="utf-8")
        (tmp_path / "link").symlink_to(tmp_path / "nowhere")
        for name in ("file", "link"):
            with pytest.raises(ConfigError, match="is no folder"):
                as_of.rebuild(published, self.DAY, tmp_path / name)

    def test_waits_for_no_run_that_is_at_work(self, published: Services) -> None:
        with published.lock(), pytest.raises(BusyError):
            as_of.rebuild(published, self.DAY)


class TestPacks:
    @pytest.fixture
    def town(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: Quick) -> Services:
        """Return one whose run publishes twice: before its packs are made, and with them."""
        del quick
        monkeypatch.setattr(crew, "n_workers", lambda _: 1)
        monkeypatch.setattr(making, "Press", installed.PlainPress)  # what is drawn has tests
        installed.lay_out(tmp_path / "area")
        services = services_in(tmp_path, MORNING, evidence_packs=True, planning_files=[])
        assert pipeline.run(services).packs is not None
        return services

    def packs(self, town: Services) -> Path:
        return town.settings.maps_folder / "packs"

    def test_come_from_the_shelf_or_are_made_again_or_are_said_to_be_gone(
        self, town: Services
    ) -> None:
        with town.store() as store, store.read() as connection:
            before, after = publications.listing(connection)
        assert list((before.edition.packs or {}).values()) == [None]
        rebuilt = as_of.rebuild(town, FIRST)
        assert (rebuilt.release, rebuilt.is_same) == (after.edition.release, True)
        shutil.rmtree(self.packs(town))
        town.clock.move(days=3)  # type: ignore[attr-defined]
        again = as_of.rebuild(town, FIRST)
        assert again.is_same
        assert again.folder is not None
        assert list(again.folder.rglob("evidence.pdf"))
        assert not self.packs(town).exists()
        ((folder, noted),) = (after.edition.packs or {}).items()
        assert noted is not None
        kept = town.settings.state_folder / "evidence" / "inputs" / f"{noted['sha256']}.json"
        kept.unlink()
        (reason,) = as_of.rebuild(town, FIRST).reasons
        assert reason.startswith(f"the evidence pack {folder}: is no longer held")

    def test_made_again_otherwise_are_never_taken_for_those_of_then(
        self, town: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shutil.rmtree(self.packs(town))
        other = {"evidence.pdf": b"another"}
        monkeypatch.setattr(installed.PlainPress, "build", lambda *_, **__: other)
        (reason,) = as_of.rebuild(town, FIRST).reasons
        assert "comes out otherwise when it is made again" in reason
