"""Packs of the published site: made once, kept while nothing of them changes, linked and served."""

from __future__ import annotations

import functools
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch import config, intake, pipeline, survey
from sinkwatch.errors import StoreError
from sinkwatch.packs import crew, inputs, making, manifest, publishing
from sinkwatch.packs.edition import Edition
from sinkwatch.packs.recipe import Order
from sinkwatch.publish import release, things
from tests.conftest import NOW, Clock, an_installation, subscribe
from tests.packs import workers

if TYPE_CHECKING:
    from sinkwatch.services import Services

    Installation = Callable[..., Services]

ALL = {
    "25-bondgate-green",
    "27-bondgate-green",
    "80-north-street",
    "allhallowgate",
    "auction-mart",
    "hutton-bank",
    "irelands-court",
    "leisure-centre",
    "tower-road-police-station",
    "victoria-grove-car-park",
}
"""The flagged places of Ripon as it ships."""

PLACES = {"25-bondgate-green", "auction-mart", "leisure-centre"}
"""Those that are flagged in most tests: each costs time."""

APPLICATIONS = (
    "reference,description,status,address,received_on,easting,northing\n"
    "ZC26/01234/FUL,Twenty dwellings,Awaiting decision,North Road,2026-11-02,431579,471829\n"
    "../../etc/passwd,A barn,Awaiting decision,North Road,2026-11-02,431585,471840\n"
    "ZC26/9,Old Auction Mart site,Awaiting decision,Nowhere known,2026-11-02,,\n"
)


class Befalling:
    """Says what befalls the packs of places while they are made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.befalls()

    def befalls(self, **what: str) -> None:
        """Let things befall the packs of places, whose names have "_" for "-"."""
        befalls = {name.replace("_", "-"): each for name, each in what.items()}
        quick = functools.partial(workers.Quick, befalls=befalls)
        self._patch.setattr(publishing, "Workshop", quick)


def _quickly(monkeypatch: pytest.MonkeyPatch) -> Befalling:
    monkeypatch.setattr(crew, "n_workers", lambda _: 1)
    monkeypatch.setattr(survey, "_flagged", lambda *_: frozenset(PLACES))
    return Befalling(monkeypatch)


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> Befalling:
    """Let packs be three short files that this process writes."""
    return _quickly(monkeypatch)


@pytest.fixture
def ripon_packs(installation: Installation, quickly: Befalling) -> Services:
    del quickly
    return installation(evidence_packs=True)


def _every_application(*found: Any) -> frozenset[str]:  # noqa: ANN401 - as survey has it
    return frozenset(found[3]["application_key"])


def publish(services: Services, **changed: Any) -> Any:  # noqa: ANN401 - what a run finds and gives
    findings = survey.findings(services.area, intake.recall(services))
    return pipeline.publish(services, replace(findings, **changed))


def page(services: Services) -> str:
    return (services.settings.maps_folder / "current" / "index.html").read_text()


def current(services: Services) -> Path:
    return services.settings.maps_folder / "current"


def shelf(services: Services) -> set[str]:
    return {path.name for path in (services.settings.maps_folder / "packs").glob("[!.]*")}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Services:
    """Return an installation with all ten packs, which no test changes."""
    services = an_installation(tmp_path_factory.mktemp("town"), Clock(NOW), evidence_packs=True)
    with pytest.MonkeyPatch.context() as patch:
        _quickly(patch)
        made = publish(services, flagged=frozenset(ALL))
    assert (made.packs.n_made, made.packs.n_kept, made.packs.failed) == (10, 0, ())
    return services


class TestWhatIsMade:
    def test_a_pack_for_every_flagged_place_beside_the_page_that_links_it(
        self, published: Services
    ) -> None:
        folder = current(published) / "sites"
        assert {path.name for path in folder.iterdir()} == ALL
        text = page(published)
        linked = re.findall(r'href="(sites/[^"]+)"', text)
        assert sorted(linked) == sorted(
            f"sites/{name}/{file}" for name in ALL for file in ("evidence.pdf", "map.png")
        )
        assert all((current(published) / path).is_file() for path in linked)
        assert text.count("made on 22 November 2026") == len(ALL)

    def test_the_manifest_of_the_site_has_the_sum_of_each_of_their_files(
        self, published: Services
    ) -> None:
        sums = json.loads((current(published) / "manifest.json").read_text())
        folder = current(published) / "sites" / "auction-mart"
        said = manifest.read((folder / "manifest.json").read_bytes(), "it")
        for output in said.outputs:
            assert sums[f"sites/auction-mart/{output.file}"] == output.sha256
        assert "sites/auction-mart/manifest.json" in sums

    def test_the_page_as_one_file_links_nothing_that_does_not_come_with_it(
        self, published: Services
    ) -> None:
        single = (current(published) / "offline.html").read_text()
        assert "evidence.pdf" not in single
        assert "Evidence pack" not in single

    def test_applications_have_theirs_in_folders_that_no_reference_can_choose(
        self,
        installation: Installation,
        quickly: Befalling,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        del quickly
        listed = tmp_path / "applications.csv"
        listed.write_text(APPLICATIONS)
        services = installation(evidence_packs=True, planning=[listed])
        monkeypatch.setattr(survey, "_flagged", _every_application)
        report = pipeline.run(services)
        assert report.packs is not None
        folders = sorted(path.name for path in (current(services) / "applications").iterdir())
        assert [re.sub("-[0-9a-f]{8}$", "", name) for name in folders] == [
            "north-yorkshire-etc-passwd",
            "north-yorkshire-zc26-01234-ful",
        ]
        assert report.packs.n_made == 2
        assert things.NO_POSITION in page(services)
        outside = [path for path in tmp_path.rglob("passwd*") if path.is_file()]
        assert outside == []

    def test_a_flagged_place_without_a_position_has_none_and_the_page_says_why(
        self, ripon_packs: Services
    ) -> None:
        findings = survey.findings(ripon_packs.area, intake.recall(ripon_packs))
        nowhere = tuple(
            replace(each, place=replace(each.place, easting=None, northing=None))
            if each.place.place_id == "auction-mart"
            else each
            for each in findings.sites
        )
        gathered = things.gather(replace(findings, sites=nowhere), offers={})
        (mart,) = (thing for thing in gathered.sites if thing.anchor == "site-auction-mart")
        assert mart.no_offer == things.NO_POSITION

    def test_what_somebody_had_looked_up_is_in_no_pack(
        self, ripon_packs: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[set[str]] = []
        real = workers.Quick.__call__

        def look(shared: workers.Quick) -> Any:  # noqa: ANN401 - as in Quick
            seen.append({state.spec.kind for state in shared.basis.states})
            assert shared.surveyed.findings.surroundings.looked_up is None
            return real(shared)

        monkeypatch.setattr(workers.Quick, "__call__", look)
        publish(ripon_packs)
        assert seen
        assert "postcodes-io" not in seen[0]

    def test_a_copy_of_all_that_they_are_made_of_is_kept_for_whoever_checks_them(
        self, published: Services
    ) -> None:
        folder = current(published) / "sites" / "auction-mart"
        said = manifest.read((folder / "manifest.json").read_bytes(), "it")
        cellar = inputs.Cellar.of(published)
        used = [each for each in said.sources if each.sha256]
        assert used
        for each in (*used, *said.files):
            assert cellar.place_of(each.sha256, each.file).is_file(), each.name

    def test_none_are_made_nor_spoken_of_where_the_settings_want_none(
        self, installation: Installation
    ) -> None:
        services = installation(evidence_packs=True)
        (services.settings.maps_folder / "packs" / "kept").mkdir(parents=True)
        services = installation(evidence_packs=False)
        assert publish(services).packs is None
        assert "vidence pack" not in page(services)
        assert shelf(services) == {"kept"}


class TestWhatIsKept:
    def test_a_second_time_nothing_is_made_and_nothing_changes(self, ripon_packs: Services) -> None:
        publish(ripon_packs)
        again = publish(ripon_packs)
        assert (again.packs.n_made, again.packs.n_kept) == (0, len(PLACES))
        assert not again.written.changed

    def test_the_next_day_they_are_kept_with_the_day_of_their_making(
        self, ripon_packs: Services, clock: Clock
    ) -> None:
        publish(ripon_packs)
        clock.move(days=3)
        again = publish(ripon_packs)
        assert again.packs.n_made == 0
        assert page(ripon_packs).count("made on 22 November 2026") == len(PLACES)

    def test_one_record_changed_makes_anew_only_the_packs_within_its_reach(
        self, installation: Installation, quickly: Befalling, tmp_path: Path
    ) -> None:
        del quickly
        shipped = config.data_folder() / "ripon" / "sinkholes.csv"
        header, row = shipped.read_text().splitlines()[:2]
        # South of the town: 910 m from the leisure centre, 1.3 and 2.2 km from the others.
        moved = row.replace("RS001,", "OWN1,", 1).replace("431900,472550,350", "431700,469600,50")
        own = tmp_path / "own.csv"
        services = installation(evidence_packs=True, inventory_files=[own])
        own.write_text(f"{header}\n{moved}\n")
        pipeline.run(services)
        before = {path: path.stat().st_ino for path in current(services).glob("sites/*/*.pdf")}
        own.write_text(f"{header}\n{moved.replace('18 June 1834', '19 June 1834')}\n")
        report = pipeline.run(services).packs
        assert report is not None
        anew = {path.parent.name for path in before if path.stat().st_ino != before[path]}
        assert anew == {"leisure-centre"}
        assert (report.n_made, report.n_kept) == (1, 2)

    def test_another_contact_makes_all_of_them_anew_for_it_stands_in_each(
        self, installation: Installation, quickly: Befalling
    ) -> None:
        del quickly
        publish(installation(evidence_packs=True, contact="a@holes.org", online=False))
        again = publish(installation(evidence_packs=True, contact="b@holes.org", online=False))
        assert again.packs.n_made == len(PLACES)

    def test_a_pack_damaged_on_disk_is_made_anew_and_the_site_mended(
        self, ripon_packs: Services
    ) -> None:
        publish(ripon_packs)
        pdf = current(ripon_packs) / "sites" / "auction-mart" / "evidence.pdf"
        whole = pdf.read_bytes()
        with pdf.open("r+b") as file:  # in the release and on the shelf alike: it is one file
            file.write(b"torn")
        again = publish(ripon_packs)
        assert (again.packs.n_made, again.packs.n_kept) == (1, len(PLACES) - 1)
        assert pdf.read_bytes() == whole

    def test_packs_of_kept_releases_stay_and_those_of_none_are_removed(
        self, installation: Installation, quickly: Befalling, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        del quickly
        monkeypatch.setattr(release, "KEPT", 2)
        for contact in ("a@holes.org", "b@holes.org", "c@holes.org", "c@holes.org"):
            services = installation(evidence_packs=True, contact=contact, online=False)
            publish(services)
        releases = list((services.settings.maps_folder / "releases").iterdir())
        pdfs = [pdf for each in releases for pdf in each.glob("sites/auction-mart/evidence.pdf")]
        assert len(pdfs) == 2
        assert all(pdf.stat().st_nlink == 2 for pdf in pdfs)
        assert len(shelf(services)) == 2 * len(PLACES)

    def test_going_back_to_what_was_finds_its_packs_still(
        self, installation: Installation, quickly: Befalling
    ) -> None:
        del quickly
        for contact in ("a@holes.org", "b@holes.org"):
            publish(installation(evidence_packs=True, contact=contact, online=False))
        back = publish(installation(evidence_packs=True, contact="a@holes.org", online=False))
        assert (back.packs.n_made, back.packs.n_kept) == (0, len(PLACES))


class TestWhatGoesWrong:
    def test_one_that_fails_is_told_of_and_the_others_are_made(
        self, ripon_packs: Services, quickly: Befalling, caplog: pytest.LogCaptureFixture
    ) -> None:
        quickly.befalls(auction_mart="refuse", leisure_centre="fail")
        published = publish(ripon_packs)
        assert published.packs.n_made == len(PLACES) - 2
        assert dict(published.packs.failed) == {
            "auction-mart": "refuse: is too large. Choose a coarser scale.",
            "leisure-centre": "ValueError, a fault in sinkwatch",
        }
        assert page(ripon_packs).count(things.NOT_MADE) == 2
        assert "packs: none of auction-mart: refuse: is too large" in caplog.text
        assert "stranger" not in caplog.text

    def test_it_is_tried_again_the_next_time_and_the_site_does_not_change_back_and_forth(
        self, ripon_packs: Services, quickly: Befalling
    ) -> None:
        quickly.befalls(auction_mart="refuse")
        publish(ripon_packs)
        again = pipeline.run(ripon_packs)
        assert again.packs is not None
        assert (again.packs.n_made, len(again.packs.failed)) == (0, 1)
        assert not again.published.changed
        quickly.befalls()
        mended = publish(ripon_packs)
        assert mended.packs.n_made == 1
        assert things.NOT_MADE not in page(ripon_packs)

    def test_a_place_of_which_nothing_can_be_said_keeps_no_other_back(
        self, ripon_packs: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gather = publishing.dossier.gather

        def refuse(surveyed: Any, place: Any, **how: Any) -> Any:  # noqa: ANN401 - as gather
            if place.place_id == "auction-mart":
                raise KeyError(place.label)
            return gather(surveyed, place, **how)

        monkeypatch.setattr(publishing.dossier, "gather", refuse)
        published = publish(ripon_packs)
        assert published.packs.failed == (("auction-mart", "KeyError, a fault in sinkwatch"),)
        assert published.packs.n_made == len(PLACES) - 1

    def test_inputs_that_cannot_be_read_again_cost_the_packs_and_not_the_site(
        self, ripon_packs: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def gone(_: object) -> None:
            raise StoreError("a copy", "is gone", "Run again")

        monkeypatch.setattr(publishing.Basis, "surveyed", gone)
        published = publish(ripon_packs)
        assert {place_id for place_id, _ in published.packs.failed} == PLACES
        assert page(ripon_packs).count(things.NOT_MADE) == len(PLACES)

    def test_copies_that_cannot_be_kept_cost_the_packs_and_not_the_site(
        self, ripon_packs: Services
    ) -> None:
        evidence = ripon_packs.settings.state_folder / "evidence"
        evidence.parent.mkdir(parents=True, exist_ok=True)
        evidence.write_text("in the way")
        published = publish(ripon_packs)
        assert len(published.packs.failed) == len(PLACES)
        assert "cannot be kept there" in published.packs.failed[0][1]
        assert (current(ripon_packs) / "index.html").is_file()

    def test_a_process_that_is_killed_costs_one_pack_and_no_more(
        self, ripon_packs: Services, quickly: Befalling, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(crew, "n_workers", lambda _: 2)
        quickly.befalls(auction_mart="die")
        published = publish(ripon_packs)
        assert [place_id for place_id, _ in published.packs.failed] == ["auction-mart"]
        assert published.packs.n_made == len(PLACES) - 1

    def test_mail_goes_before_packs_are_made_whatever_becomes_of_them(
        self,
        installation: Installation,
        quickly: Befalling,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        del quickly
        listed = tmp_path / "applications.csv"
        listed.write_text(APPLICATIONS)
        services = installation(evidence_packs=True, planning=[listed])
        subscribe(services)
        sent: list[int] = []

        def crash(*_: object, **__: object) -> None:
            sent.append(len(list(services.settings.mails().glob("*.eml"))))
            assert "made on" not in page(services)  # the site is there already, without packs
            raise StoreError("maps", "is full", "Free some space")

        monkeypatch.setattr(publishing, "make", crash)
        with pytest.raises(StoreError, match="is full"):
            pipeline.run(services)
        assert sent == [1]

    def test_where_nothing_can_be_linked_files_are_copied(
        self, ripon_packs: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
        publish(ripon_packs)
        again = publish(ripon_packs)
        assert again.packs.n_kept == len(PLACES)
        assert not again.written.changed


class TestRun:
    def test_says_how_many_were_made_in_the_log_and_to_whoever_looks_on(
        self, ripon_packs: Services, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        counted: list[int] = []

        @contextmanager
        def counting(title: str, n: int) -> Iterator[Callable[[], None]]:
            assert (title, n) == ("Evidence packs", len(PLACES))
            yield lambda: counted.append(1)

        report = pipeline.run(ripon_packs, counting=counting)
        assert len(counted) == len(PLACES)
        assert report.packs is not None
        assert report.published.changed
        assert "packs: 3 made in 0 s, 0 kept, 0 failed" in caplog.text
        again = pipeline.run(ripon_packs, counting=counting)
        assert len(counted) == len(PLACES)
        assert not again.published.changed

    def test_a_dry_run_makes_them_in_its_own_folder_and_nowhere_else(
        self, ripon_packs: Services, tmp_path: Path
    ) -> None:
        report = pipeline.dry_run(ripon_packs, tmp_path / "dry")
        assert report.packs is not None
        assert report.packs.n_made == len(PLACES)
        assert (tmp_path / "dry" / "maps" / "current" / "sites" / "auction-mart").is_dir()
        assert not ripon_packs.settings.maps_folder.exists()
        assert not (ripon_packs.settings.state_folder / "evidence").exists()


def test_of_a_plan_no_pack_is_held_in_memory(ripon_packs: Services) -> None:
    publish(ripon_packs)
    findings = survey.findings(ripon_packs.area, intake.recall(ripon_packs))
    edition = Edition.of(ripon_packs, findings)
    assert edition.packs is not None
    for kept in edition.packs.values():
        assert kept is not None
        assert all(isinstance(ready.path, Path) for ready in kept.files.values())
    shutil.rmtree(ripon_packs.settings.maps_folder / "packs")
    with pytest.raises(StoreError, match="cannot be written"):  # nothing was read beforehand
        edition.publish()


def test_a_published_pack_is_the_one_that_the_command_makes_and_holds_what_it_lists(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "_flagged", lambda *_: frozenset({"auction-mart"}))
    services = installation(evidence_packs=True)
    assert publish(services).packs.failed == ()
    folder = current(services) / "sites" / "auction-mart"
    shown = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert shown["evidence.pdf"].startswith(b"%PDF-")
    assert {"map.png", "map.pdf", "map.svg", "offline.html", "evidence.gpkg"} <= set(shown)
    made = making.make(services, "auction-mart", Order())
    assert shown == {path.name: path.read_bytes() for path in made.folder.iterdir()}


def test_told_to_stop_it_begins_no_other_pack_and_the_next_run_makes_the_rest(
    ripon_packs: Services,
) -> None:
    told = iter([False, True, True, True, True, True])
    stopping = replace(ripon_packs, is_stopping=lambda: next(told))
    first = publish(stopping)
    assert (first.packs.n_made, len(first.packs.failed)) == (1, 2)
    assert {problem for _, problem in first.packs.failed} == {
        "sinkwatch was told to stop before it was made; the next run makes it"
    }
    second = publish(ripon_packs)
    assert (second.packs.n_made, second.packs.n_kept, second.packs.failed) == (2, 1, ())
