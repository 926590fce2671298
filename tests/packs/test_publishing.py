"""Packs of the published site: made once, kept while nothing of them changes, linked and served."""

from __future__ import annotations

import functools
import json
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch import dossier, intake, pipeline, survey
from sinkwatch.errors import StoreError
from sinkwatch.model import History
from sinkwatch.packs import crew, inputs, making, manifest, publishing, retention, workshop
from sinkwatch.packs.basis import Basis
from sinkwatch.packs.edition import Edition
from sinkwatch.packs.recipe import Order
from sinkwatch.publish import release, things
from tests.conftest import NOW, Clock, subscribe
from tests.packs import installed, workers

if TYPE_CHECKING:
    from sinkwatch.services import Services

PLACES = {"station-yard", "mill-field", "far-field"}
"""The flagged places of the town."""

MORE_PLACES = """\
mill-field,Mill Field,Mill Field,site,431700,471650,80,published point,true,1
far-field,Far Field,Far Field,site,431520,474480,80,published point,true,1
"""
FAR_RECORD = (
    "S4,far,Far hole,collapse,confirmed,A collapse.,true,A confirmed collapse.,true,2016-05-01,"
    "1 May 2016,431500,474500,50,4,4,,The Smallworld Gazette,https://gazette.example/far,\n"
)
"""2.6 km from the other two, so that no pack of theirs has it."""

APPLICATIONS = (
    "reference,description,status,address,received_on,easting,northing\n"
    "ZC26/01234/FUL,Twenty dwellings,Awaiting decision,North Road,2026-11-02,431579,471829\n"
    "../../etc/passwd,A barn,Awaiting decision,North Road,2026-11-02,431585,471840\n"
    "ZC26/9,Station Yard site,Awaiting decision,Nowhere known,2026-11-02,,\n"
)


class Befalling:
    """Says what befalls the packs of places while they are made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.befalls()

    def befalls(self, **what: str) -> None:
        """Let things befall the packs of places, whose names have "_" for "-"."""
        befalls = {name.replace("_", "-"): each for name, each in what.items()}
        self.made_with(functools.partial(workers.Quick, befalls=befalls))

    def made_with(self, opened: Callable[..., workshop.Workshop]) -> None:
        """Let packs be made in another workshop."""
        self._patch.setattr(publishing, "Workshop", opened)


def _quickly(monkeypatch: pytest.MonkeyPatch) -> Befalling:
    monkeypatch.setattr(crew, "n_workers", lambda _: 1)
    installed.remember(monkeypatch)
    return Befalling(monkeypatch)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> Befalling:
    """Let packs be three short files that this process writes."""
    return _quickly(monkeypatch)


def in_town(folder: Path, clock: Clock, **changed: object) -> Services:
    """Return the installation that lies in that folder: packs are wanted, nobody is asked."""
    settings = {"evidence_packs": True, "planning_files": [], "online": False, **changed}
    return installed.services_in(folder, clock, **settings)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay a town out once; no test changes it."""
    folder = tmp_path_factory.mktemp("built")
    area = installed.lay_out(folder / "area").parent
    for file, more in (("places.csv", MORE_PLACES), ("sinkholes.csv", FAR_RECORD)):
        with (area / file).open("a", encoding="utf-8") as listed:
            listed.write(more)
    return folder


@pytest.fixture(scope="session")
def published(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Services:
    """Return a town with all its packs, which no test changes."""
    folder = tmp_path_factory.mktemp("published") / "town"
    shutil.copytree(built, folder)
    services = in_town(folder, Clock(NOW))
    with pytest.MonkeyPatch.context() as patch:
        _quickly(patch)
        made = publish(services)
    assert (made.packs.n_made, made.packs.n_kept, made.packs.failed) == (3, 0, ())
    return services


@pytest.fixture
def town(built: Path, tmp_path: Path, clock: Clock) -> Services:
    """Return a town of which nothing is published yet."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return in_town(tmp_path, clock)


@pytest.fixture
def again(published: Services, tmp_path: Path, clock: Clock) -> Services:
    """Return a town that is published, with files that are linked there linked here."""
    there = published.settings.maps_folder.parent
    subprocess.run(["/bin/cp", "-a", f"{there}/.", tmp_path], check=True)
    return in_town(tmp_path, clock)


def publish(services: Services, **changed: Any) -> Any:  # noqa: ANN401 - what a run finds and gives
    findings = survey.findings(services.area, intake.recall(services))
    return pipeline.publish(services, replace(findings, **changed))


def page(services: Services) -> str:
    return (services.settings.maps_folder / "current" / "index.html").read_text()


def current(services: Services) -> Path:
    return services.settings.maps_folder / "current"


def shelf(services: Services) -> set[str]:
    return {path.name for path in (services.settings.maps_folder / "packs").glob("[!.]*")}


class TestWhatIsMade:
    def test_a_pack_for_every_flagged_place_beside_the_page_that_links_it(
        self, published: Services
    ) -> None:
        folder = current(published) / "sites"
        assert {path.parent.name for path in folder.rglob("evidence.pdf")} == PLACES
        text = page(published)
        linked = re.findall(r'href="(sites/[^"]+)"', text)
        for file in ("evidence.pdf", "map.png"):
            expected = sorted(f"sites/{name}/{file}" for name in PLACES)
            assert sorted(path for path in linked if path.endswith(f"/{file}")) == expected
        assert all((current(published) / path).is_file() for path in linked)
        assert text.count("made on 22 November 2026") == len(PLACES)

    def test_the_manifest_of_the_site_has_the_sum_of_each_of_their_files(
        self, published: Services
    ) -> None:
        sums = json.loads((current(published) / "manifest.json").read_text())
        folder = current(published) / "sites" / "station-yard"
        said = manifest.read((folder / "manifest.json").read_bytes(), "it")
        for output in said.outputs:
            assert sums[f"sites/station-yard/{output.file}"] == output.sha256
        assert "sites/station-yard/manifest.json" in sums

    def test_the_page_as_one_file_links_nothing_that_does_not_come_with_it(
        self, published: Services
    ) -> None:
        single = (current(published) / "offline.html").read_text()
        assert "evidence.pdf" not in single
        assert "Evidence pack" not in single

    def test_applications_have_theirs_in_folders_that_no_reference_can_choose(
        self, town: Services, tmp_path: Path
    ) -> None:
        listed = tmp_path / "applications.csv"
        listed.write_text(APPLICATIONS)
        services = in_town(tmp_path, Clock(NOW), planning_files=[listed])
        keys = {"../../etc/passwd", "ZC26/01234/FUL", "ZC26/9"}
        made = publish(services, flagged=frozenset(f"Small Council/{key}" for key in keys))
        packs = (current(services) / "applications").rglob("evidence.pdf")
        folders = sorted(path.parent.name for path in packs)
        assert [re.sub("-[0-9a-f]{8}$", "", name) for name in folders] == [
            "small-council-etc-passwd",
            "small-council-zc26-01234-ful",
        ]
        assert (made.packs.n_made, made.packs.failed) == (2, ())
        assert things.NO_POSITION in page(town)
        outside = [path for path in tmp_path.rglob("passwd*") if path.is_file()]
        assert outside == []

    def test_a_flagged_place_without_a_position_has_none_and_the_page_says_why(
        self, town: Services
    ) -> None:
        findings = survey.findings(town.area, intake.recall(town))
        nowhere = tuple(
            replace(each, place=replace(each.place, easting=None, northing=None))
            if each.place.place_id == "station-yard"
            else each
            for each in findings.sites
        )
        gathered = things.gather(replace(findings, sites=nowhere), offers={})
        (yard,) = (thing for thing in gathered.sites if thing.anchor == "site-station-yard")
        assert yard.no_offer == things.NO_POSITION

    def test_what_somebody_had_looked_up_is_in_no_pack(
        self, installation: Callable[..., Services], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ripon = installation(evidence_packs=True)  # the area that has postcodes looked up
        findings = survey.findings(ripon.area, intake.recall(ripon))
        assert "postcodes-io" in {state.spec.kind for state in findings.sources}
        monkeypatch.setattr(dossier, "gather", _never)
        planned = publishing.plan(ripon, replace(findings, flagged=frozenset()))
        assert "postcodes-io" not in {state.spec.kind for state in planned.basis.states}
        assert planned.surveyed is not None
        assert planned.surveyed.findings.surroundings.looked_up is None

    def test_a_copy_of_all_that_they_are_made_of_is_kept_for_whoever_checks_them(
        self, published: Services
    ) -> None:
        folder = current(published) / "sites" / "station-yard"
        said = manifest.read((folder / "manifest.json").read_bytes(), "it")
        cellar = inputs.Cellar.of(published)
        used = [(each.sha256, each.file) for each in said.sources if each.sha256]
        assert used
        for sha256, file in (*used, *((each.sha256, each.file) for each in said.files)):
            assert cellar.place_of(sha256, file).is_file(), file

    def test_none_are_made_nor_spoken_of_where_the_settings_want_none(
        self, town: Services, tmp_path: Path
    ) -> None:
        (town.settings.maps_folder / "packs" / "kept").mkdir(parents=True)
        services = in_town(tmp_path, Clock(NOW), evidence_packs=False)
        assert publish(services).packs is None
        assert "vidence pack" not in page(services)
        assert shelf(services) == {"kept"}

    def test_what_is_handed_to_another_process_arrives_there(
        self, town: Services, quickly: Befalling
    ) -> None:
        def sent(**shared: Any) -> workshop.Workshop:  # noqa: ANN401 - as a workshop
            arrived = ForkingPickler.loads(ForkingPickler.dumps(workers.Quick(**shared)))
            assert isinstance(arrived, workshop.Workshop)
            return arrived

        quickly.made_with(sent)
        assert publish(town).packs.n_made == len(PLACES)


def _never(*_: object, **__: object) -> None:
    pytest.fail("nothing is to be gathered")


class TestWhatIsKept:
    def test_a_second_time_nothing_is_made_and_nothing_changes(self, again: Services) -> None:
        found = publish(again)
        assert (found.packs.n_made, found.packs.n_kept) == (0, len(PLACES))
        assert not found.written.changed

    def test_the_next_day_they_are_kept_with_the_day_of_their_making(
        self, again: Services, clock: Clock
    ) -> None:
        clock.move(days=3)
        assert publish(again).packs.n_made == 0
        assert page(again).count("made on 22 November 2026") == len(PLACES)

    @pytest.mark.usefixtures("blank_site")
    def test_one_record_changed_makes_anew_only_the_packs_within_its_reach(
        self, again: Services, tmp_path: Path
    ) -> None:
        before = {path: path.stat().st_ino for path in current(again).glob("sites/*/*.pdf")}
        assert len(before) == len(PLACES)
        installed.replaced(tmp_path / "area" / "sinkholes.csv", "1 May 2016", "2 May 2016")
        report = pipeline.run(again).packs
        assert report is not None
        anew = {path.parent.name for path in before if path.stat().st_ino != before[path]}
        assert anew == {"far-field"}
        assert (report.n_made, report.n_kept) == (1, 2)

    @pytest.mark.usefixtures("blank_site")
    def test_another_contact_makes_all_of_them_anew_for_it_stands_in_each(
        self, again: Services, tmp_path: Path, clock: Clock
    ) -> None:
        del again
        found = publish(in_town(tmp_path, clock, contact="b@holes.org"))
        assert found.packs.n_made == len(PLACES)

    def test_a_pack_damaged_on_disk_is_made_anew_and_the_site_mended(self, again: Services) -> None:
        pdf = current(again) / "sites" / "station-yard" / "evidence.pdf"
        whole = pdf.read_bytes()
        with pdf.open("r+b") as file:  # in the release and on the shelf alike: it is one file
            file.write(b"torn")
        found = publish(again)
        assert (found.packs.n_made, found.packs.n_kept) == (1, len(PLACES) - 1)
        assert pdf.read_bytes() == whole

    @pytest.mark.usefixtures("blank_site")
    def test_packs_of_kept_releases_stay_and_those_of_none_are_removed(
        self, again: Services, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(release, "KEPT", 2)
        for contact in ("b@holes.org", "c@holes.org", "c@holes.org"):
            publish(in_town(tmp_path, clock, contact=contact))
        releases = list((again.settings.maps_folder / "releases").iterdir())
        pdfs = [pdf for each in releases for pdf in each.glob("sites/station-yard/evidence.pdf")]
        assert len(pdfs) == 2
        assert all(pdf.stat().st_nlink == 2 for pdf in pdfs)
        assert len(shelf(again)) == 2 * len(PLACES)

    @pytest.mark.usefixtures("blank_site")
    def test_going_back_to_what_was_finds_its_packs_still(
        self, again: Services, tmp_path: Path, clock: Clock
    ) -> None:
        publish(in_town(tmp_path, clock, contact="b@holes.org"))
        back = publish(again)
        assert (back.packs.n_made, back.packs.n_kept) == (0, len(PLACES))


@pytest.mark.usefixtures("blank_site")
class TestCopiesOfInputs:
    """How long each stays has tests of its own."""

    @pytest.mark.parametrize("wanted", [True, False])
    def test_old_ones_go_when_all_is_published_and_those_of_packs_stay(
        self, again: Services, tmp_path: Path, clock: Clock, *, wanted: bool
    ) -> None:
        cellar = inputs.Cellar.of(again).folder
        used = set(cellar.iterdir())
        old = cellar / f"{'0' * 64}.csv"
        old.touch()
        for path in (*used, old):
            os.utime(path, (0, 0))
        services = in_town(tmp_path, clock, evidence_packs=wanted)
        (publish if wanted else pipeline.run)(services)
        assert set(cellar.iterdir()) == used

    def test_a_trial_removes_nothing(self, again: Services, tmp_path: Path) -> None:
        old = inputs.Cellar.of(again).folder / f"{'0' * 64}.csv"
        old.touch()
        os.utime(old, (0, 0))
        mine = tmp_path / "dry" / "inputs" / f"{'1' * 64}.csv"
        mine.parent.mkdir(parents=True)
        mine.touch()
        os.utime(mine, (0, 0))
        pipeline.dry_run(again, tmp_path / "dry")
        assert old.exists()
        assert mine.exists()

    def test_what_cannot_be_tidied_costs_nothing_but_room(
        self, again: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def refused(*_: object) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(retention, "_tidied", refused)
        assert publish(again).packs.n_kept == len(PLACES)
        assert "all copies are kept" in caplog.text


class TestWhatGoesWrong:
    @pytest.mark.usefixtures("front_page")
    def test_one_that_fails_is_told_of_and_the_others_are_made(
        self, town: Services, quickly: Befalling, caplog: pytest.LogCaptureFixture
    ) -> None:
        quickly.befalls(station_yard="refuse", far_field="fail")
        found = publish(town)
        assert found.packs.n_made == len(PLACES) - 2
        assert dict(found.packs.failed) == {
            "station-yard": "refuse: is too large. Choose a coarser scale.",
            "far-field": "ValueError, a fault in sinkwatch",
        }
        assert page(town).count(things.NOT_MADE) == 2
        assert "packs: none of station-yard: refuse: is too large" in caplog.text
        assert "stranger" not in caplog.text

    def test_it_is_tried_again_the_next_time_and_the_site_does_not_change_back_and_forth(
        self, town: Services, quickly: Befalling
    ) -> None:
        quickly.befalls(station_yard="refuse")
        pipeline.run(town)
        found = pipeline.run(town)
        assert found.packs is not None
        assert (found.packs.n_made, len(found.packs.failed)) == (0, 1)
        assert not found.published.changed
        quickly.befalls()
        mended = publish(town)
        assert mended.packs.n_made == 1
        assert things.NOT_MADE not in page(town)

    def test_a_place_of_which_nothing_can_be_said_keeps_no_other_back(
        self, town: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gather = dossier.gather

        def refuse(surveyed: Any, place: Any, **how: Any) -> Any:  # noqa: ANN401 - as gather
            if place.place_id == "station-yard":
                raise KeyError(place.label)
            return gather(surveyed, place, **how)

        monkeypatch.setattr(dossier, "gather", refuse)
        found = publish(town)
        assert found.packs.failed == (("station-yard", "KeyError, a fault in sinkwatch"),)
        assert found.packs.n_made == len(PLACES) - 1

    def test_inputs_that_cannot_be_read_again_cost_the_packs_and_not_the_site(
        self, town: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def gone(_: object) -> None:
            raise StoreError("a copy", "is gone", "Run again")

        monkeypatch.setattr(Basis, "surveyed", gone)
        found = publish(town)
        assert {place_id for place_id, _ in found.packs.failed} == PLACES
        assert page(town).count(things.NOT_MADE) == len(PLACES)

    def test_copies_that_cannot_be_kept_cost_the_packs_and_not_the_site(
        self, town: Services
    ) -> None:
        evidence = town.settings.state_folder / "evidence"
        evidence.parent.mkdir(parents=True, exist_ok=True)
        evidence.write_text("in the way")
        found = publish(town)
        assert len(found.packs.failed) == len(PLACES)
        assert "cannot be kept there" in found.packs.failed[0][1]
        assert (current(town) / "index.html").is_file()

    @pytest.mark.usefixtures("front_page")
    def test_mail_goes_before_packs_are_made_whatever_becomes_of_them(
        self, town: Services, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listed = tmp_path / "applications.csv"
        listed.write_text(APPLICATIONS)
        services = in_town(tmp_path, clock, planning_files=[listed])
        subscribe(services, at="SM1 1AA")
        sent: list[int] = []

        def crash(*_: object, **__: object) -> None:
            sent.append(len(list(town.settings.mails().glob("*.eml"))))
            assert "made on" not in page(town)  # the site is there already, without packs
            raise StoreError("maps", "is full", "Free some space")

        monkeypatch.setattr(publishing, "make", crash)
        with pytest.raises(StoreError, match="is full"):
            pipeline.run(services)
        assert sent == [1]

    def test_where_nothing_can_be_linked_files_are_copied(
        self, town: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
        publish(town)
        found = publish(town)
        assert found.packs.n_kept == len(PLACES)
        assert not found.written.changed


class TestRun:
    @pytest.mark.usefixtures("blank_site")
    def test_says_how_many_were_made_in_the_log_and_to_whoever_looks_on(
        self, town: Services, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        counted: list[int] = []

        @contextmanager
        def counting(title: str, n: int) -> Iterator[Callable[[], None]]:
            assert (title, n) == ("Evidence packs", len(PLACES))
            yield lambda: counted.append(1)

        report = pipeline.run(town, counting=counting)
        assert len(counted) == len(PLACES)
        assert report.packs is not None
        assert report.published.changed
        assert "packs: 3 made in 0 s, 0 kept, 0 failed" in caplog.text
        found = pipeline.run(town, counting=counting)
        assert len(counted) == len(PLACES)
        assert not found.published.changed

    def test_a_dry_run_makes_them_in_its_own_folder_and_nowhere_else(
        self, town: Services, tmp_path: Path
    ) -> None:
        report = pipeline.dry_run(town, tmp_path / "dry")
        assert report.packs is not None
        assert report.packs.n_made == len(PLACES)
        assert (tmp_path / "dry" / "maps" / "current" / "sites" / "station-yard").is_dir()
        assert not town.settings.maps_folder.exists()
        assert not (town.settings.state_folder / "evidence").exists()


@pytest.mark.usefixtures("blank_site")
def test_of_a_plan_no_pack_is_held_in_memory(again: Services) -> None:
    findings = survey.findings(again.area, intake.recall(again))
    edition = Edition.of(again, findings, History())
    assert edition.packs is not None
    for kept in edition.packs.values():
        assert kept is not None
        assert all(isinstance(ready.path, Path) for ready in kept.files.values())
    shutil.rmtree(again.settings.maps_folder / "packs")
    for pack in current(again).rglob("evidence.pdf"):
        pack.unlink()  # what the release before has whole would be taken from there
    with pytest.raises(StoreError, match="cannot be written"):  # nothing was read beforehand
        edition.publish()


def test_a_published_pack_is_the_one_that_the_command_makes_and_holds_what_it_lists(
    town: Services, quickly: Befalling, monkeypatch: pytest.MonkeyPatch
) -> None:
    quickly.made_with(workshop.Workshop)
    monkeypatch.setattr(making, "Press", installed.PlainPress)  # what is drawn has tests elsewhere
    assert publish(town).packs.failed == ()
    folder = current(town) / "sites" / "station-yard"
    shown = {path.name: path.read_bytes() for path in folder.iterdir()}
    del shown["index.html"]  # the page that offers it
    assert {"evidence.pdf", "map.png", "evidence.csv", "manifest.json"} == set(shown)
    made = making.make(town, "station-yard", Order())
    assert shown == {path.name: path.read_bytes() for path in made.folder.iterdir()}


@pytest.mark.usefixtures("blank_site")
def test_told_to_stop_it_begins_no_other_pack_and_the_next_run_makes_the_rest(
    town: Services,
) -> None:
    told = iter([False, True, True, True, True, True])
    stopping = replace(town, is_stopping=lambda: next(told))
    first = publish(stopping)
    assert (first.packs.n_made, len(first.packs.failed)) == (1, 2)
    assert {problem for _, problem in first.packs.failed} == {
        "sinkwatch was told to stop before it was made; the next run makes it"
    }
    second = publish(town)
    assert (second.packs.n_made, second.packs.n_kept, second.packs.failed) == (2, 1, ())
