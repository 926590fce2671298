"""Packs asked for by hand: what they are about, what is kept, and where they lie."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import shapely

from sinkwatch import config
from sinkwatch.errors import (
    ConfigError,
    CoverageError,
    DataError,
    PlaceError,
    SinkwatchError,
    SourceError,
    StoreError,
    WordingError,
)
from sinkwatch.model import Paper, PlaceKind, SourceSpec
from sinkwatch.packs import basis as bases
from sinkwatch.packs import folders, inputs, making, subjects
from sinkwatch.packs.basis import Basis
from sinkwatch.packs.recipe import Order
from sinkwatch.publish.evidence.paper import Format
from tests.conftest import NOW, Clock
from tests.packs import installed

if TYPE_CHECKING:
    from sinkwatch.packs.making import Made
    from sinkwatch.services import Services


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn has tests of its own."""
    monkeypatch.setattr(making, "Press", installed.PlainPress)
    installed.remember(monkeypatch)


@pytest.fixture
def smallworld(tmp_path: Path, clock: Clock) -> Services:
    installed.lay_out(tmp_path / "area")
    return installed.services_in(tmp_path, clock)


def make(services: Services, words: str = "station-yard", **asked: Any) -> Made:  # noqa: ANN401
    places = {name: asked.pop(name) for name in ("boundary", "output") if name in asked}
    return making.make(services, words, Order(**asked), **places)


def said(made: Made) -> dict[str, object]:
    found: dict[str, object] = json.loads((made.folder / "manifest.json").read_bytes())
    return found


class TestThePack:
    def test_it_lies_among_the_maps_and_is_not_published(self, smallworld: Services) -> None:
        made = make(smallworld)
        assert made.folder == smallworld.settings.maps_folder / "evidence" / "station-yard"
        assert {found.name for found in made.folder.iterdir()} == set(made.pack.files)
        assert stat.S_IMODE(made.folder.stat().st_mode) == 0o755
        assert not (smallworld.settings.maps_folder / "current").exists()

    def test_the_same_data_on_the_same_day_gives_the_same_bytes(
        self, smallworld: Services, clock: Clock, tmp_path: Path
    ) -> None:
        first = make(smallworld)
        clock.move(hours=5)
        second = make(smallworld, output=tmp_path / "again")
        assert second.pack.files == first.pack.files

    def test_another_day_is_another_map_of_the_same_content(
        self, smallworld: Services, clock: Clock
    ) -> None:
        first = make(smallworld).pack.recipe
        clock.move(days=1)
        second = make(smallworld).pack.recipe
        assert first.key == second.key
        assert first.map_id != second.map_id

    @pytest.mark.parametrize(
        "asked",
        [
            {"title": "Objection of the parish"},
            {"draft_limit": 900},
            {"is_archive": True},
            {"format": Format(scale=5_000)},
            {"format": Format(paper=Paper.A3)},
        ],
        ids=lambda asked: next(iter(asked)),
    )
    def test_whatever_is_asked_for_is_in_its_id_and_its_manifest(
        self, smallworld: Services, asked: dict[str, object]
    ) -> None:
        plain, other = make(smallworld), make(smallworld, "station-yard", **asked)
        assert plain.pack.recipe.key != other.pack.recipe.key
        assert plain.pack.recipe.map_id != other.pack.recipe.map_id
        assert said(other)["map_id"] == other.pack.recipe.map_id

    def test_the_london_day_counts(self, smallworld: Services, clock: Clock) -> None:
        clock.now = clock.now.replace(month=7, hour=23, minute=30)
        assert make(smallworld).pack.dossier.made_on.isoformat() == "2026-07-23"

    def test_by_whatever_name_a_place_is_asked_for_its_pack_is_the_same(
        self, smallworld: Services, tmp_path: Path
    ) -> None:
        one = make(smallworld, "26/00311/FUL")
        other = make(smallworld, "Small Council/26/00311/FUL", output=tmp_path / "other")
        assert one.pack.files == other.pack.files

    def test_an_application_is_found_by_its_reference(self, smallworld: Services) -> None:
        made = make(smallworld, "26/00311/FUL")
        assert made.pack.dossier.reference == "26/00311/FUL"
        assert made.folder.parent == smallworld.settings.maps_folder / "evidence"


class TestTheManifest:
    def test_it_has_the_digest_of_every_file(self, smallworld: Services) -> None:
        made = make(smallworld)
        listed = {
            each["file"]: (each["sha256"], each["n_bytes"])
            for each in said(made)["outputs"]  # type: ignore[attr-defined]
        }
        held = {path.name: path.read_bytes() for path in made.folder.iterdir()}
        del held["manifest.json"]
        assert listed == {
            name: (hashlib.sha256(content).hexdigest(), len(content))
            for name, content in held.items()
        }

    def test_it_names_every_input_with_its_digest(
        self, smallworld: Services, tmp_path: Path
    ) -> None:
        listed = said(make(smallworld))
        found = {
            each["name"]: each["sha256"]
            for each in (*listed["sources"], *listed["files"])  # type: ignore[misc]
        }
        files = {**installed.FILES, "planning": "applications.csv", "area": "area.toml"}
        files |= {"bands": "bands.toml", "policies": "policies.toml"}
        basis = found.pop("basis")
        assert found == {
            name: hashlib.sha256((tmp_path / "area" / file).read_bytes()).hexdigest()
            for name, file in files.items()
        }
        assert inputs.Cellar.of(smallworld).place_of(basis, "basis.json").is_file()

    def test_no_folder_of_this_machine_is_in_it_or_in_what_is_kept(
        self, smallworld: Services, tmp_path: Path
    ) -> None:
        boundary = installed.a_boundary(tmp_path / "yard.geojson")
        made = make(smallworld, boundary=boundary)
        content = b"".join(made.pack.files.values()) + made.pack.recipe.basis.content()
        assert str(tmp_path).encode() not in content

    def test_it_has_the_ground_that_a_file_gave(self, smallworld: Services, tmp_path: Path) -> None:
        boundary = installed.a_boundary(tmp_path / "yard.gpkg")
        listed = said(make(smallworld, boundary=boundary))
        subject = listed["subject"]
        assert isinstance(subject, dict)
        assert subject["boundary_file"] == "yard.gpkg"
        ground = shapely.box(431_550, 471_800, 431_610, 471_860)
        assert ground.equals(shapely.from_wkt(subject["boundary_wkt"]))

    def test_it_says_of_a_source_what_it_was_and_when(self, smallworld: Services) -> None:
        listed = said(make(smallworld))["sources"]
        sinkholes = next(each for each in listed if each["name"] == "sinkholes")  # type: ignore[attr-defined]
        del sinkholes["sha256"], sinkholes["n_bytes"]
        assert sinkholes == {
            "name": "sinkholes",
            "kind": "sinkholes",
            "title": "Made-up sinkholes",
            "status": "good",
            "standing": "up to date",
            "edition": "2026-11-22",
            "licence": "Open Government Licence v3.0",
            "file": "sinkholes.csv",
            "url": "",
            "n_rows": 3,
            "retrieved_on": "2026-11-22",
        }

    def test_what_people_looked_up_is_no_part_of_it(self, smallworld: Services) -> None:
        spec = SourceSpec(
            name="asked",
            kind="postcodes-io",
            title="Postcodes",
            path=None,
            licence="",
            attribution="",
        )
        area = replace(smallworld.area, sources=(*smallworld.area.sources, spec))
        listed = said(make(replace(smallworld, area=area)))
        assert "asked" not in json.dumps(listed)


class TestWhatIsKept:
    def test_a_copy_of_each_input_lies_under_its_digest_for_the_owner_alone(
        self, smallworld: Services
    ) -> None:
        make(smallworld)
        folder = smallworld.settings.state_folder / "evidence" / "inputs"
        kept = sorted(folder.iterdir())
        assert len(kept) == len(installed.FILES) + 5
        for path in kept:
            assert path.stem == hashlib.sha256(path.read_bytes()).hexdigest()
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for private in (folder, folder.parent, folder.parent.parent):
            assert stat.S_IMODE(private.stat().st_mode) == 0o700

    def test_its_manifest_is_noted_so_that_the_copies_stay_for_years(
        self, smallworld: Services
    ) -> None:
        made = make(smallworld)
        folder = smallworld.settings.state_folder / "evidence" / "packs"
        (noted,) = folder.iterdir()
        assert noted.name == f"{made.pack.recipe.map_id}.json"
        assert noted.read_bytes() == (made.folder / "manifest.json").read_bytes()

    def test_a_pack_that_cannot_be_noted_is_not_made(self, smallworld: Services) -> None:
        folder = smallworld.settings.state_folder / "evidence"
        folder.mkdir(parents=True)
        (folder / "packs").write_text("in the way")
        with pytest.raises(StoreError, match="no note of the pack can be kept there"):
            make(smallworld)
        assert not smallworld.settings.maps_folder.exists()

    def test_a_damaged_copy_is_mended(self, smallworld: Services) -> None:
        make(smallworld)
        kept = next(inputs.Cellar.of(smallworld).folder.glob("*.geojson"))
        installed.damaged(kept)
        make(smallworld)
        assert kept.stem == hashlib.sha256(kept.read_bytes()).hexdigest()

    def test_all_parts_of_a_shapefile_are_kept(self, smallworld: Services, tmp_path: Path) -> None:
        boundary = installed.a_boundary(tmp_path / "yard.shp")
        (tmp_path / "yard.txt").write_text("no part of it")
        listed = said(make(smallworld, boundary=boundary))["files"]
        parts = [each["file"] for each in listed if each["name"] == "boundary"]  # type: ignore[attr-defined]
        assert parts == ["yard.shp", "yard.cpg", "yard.dbf", "yard.prj", "yard.shx"]

    def test_a_file_that_changed_while_the_pack_was_made_stops_it(self, tmp_path: Path) -> None:
        path = tmp_path / "sinkholes.csv"
        path.write_text("one")
        found = inputs.described("sinkholes", path)
        path.write_text("two")
        cellar = inputs.Cellar(folder=tmp_path / "cellar")
        with pytest.raises(SourceError, match="changed while the pack was made"):
            cellar.keep([found])
        assert not list(cellar.folder.iterdir())

    def test_a_full_disk_for_copies_leaves_no_pack(
        self, smallworld: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(inputs.Cellar, "_keep", full)
        with pytest.raises(StoreError, match="No space left"):
            make(smallworld)
        assert not smallworld.settings.maps_folder.exists()

    def test_an_input_that_cannot_be_read_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"bands: .*bands\.toml cannot be read \(No such"):
            inputs.described("bands", tmp_path / "bands.toml")

    def test_an_area_file_that_went_meanwhile_stops_it(
        self, smallworld: Services, tmp_path: Path
    ) -> None:
        (tmp_path / "area" / "area.toml").unlink()
        with pytest.raises(SourceError, match="cannot be read any more"):
            make(smallworld)
        assert not smallworld.settings.maps_folder.exists()

    def test_a_state_folder_that_is_a_file_is_told(self, smallworld: Services) -> None:
        smallworld.settings.state_folder.write_text("in the way")
        with pytest.raises(StoreError, match="cannot be kept there"):
            make(smallworld)


class TestWhatItIsAbout:
    @pytest.mark.parametrize(
        ("words", "kind", "rule"),
        [
            ("SM1 1AA", PlaceError, "SM1 1AA: is a postcode; packs are for sites and applications"),
            ("zz99 9zz", PlaceError, "ZZ99 9ZZ: is a postcode"),
            ("431579,471829", PlaceError, "is a position; packs are for sites and applications"),
            ("SE 318 726", PlaceError, "is a position"),
            ("north-road", PlaceError, "North Road: is a street"),
            ("Market Place", PlaceError, "Market Place: is a landmark"),
            ("station-yerd", PlaceError, "names no place that is held; close to it are station-ya"),
            ("", PlaceError, "a place must be named"),
            ("26/00500/FUL", PlaceError, r"has no position .*\. Give its ground .* --boundary"),
            ("gone.geojson", SinkwatchError, "gone.geojson"),
            ("x" * 5_000, PlaceError, "names no place"),
        ],
    )
    def test_other_words_are_refused_with_a_way_out(
        self, smallworld: Services, words: str, kind: type[Exception], rule: str
    ) -> None:
        with pytest.raises(kind, match=rule):
            make(smallworld, words)
        assert not smallworld.settings.maps_folder.exists()

    def test_a_boundary_file_is_a_site_of_its_own(
        self, smallworld: Services, tmp_path: Path
    ) -> None:
        made = make(smallworld, str(installed.a_boundary(tmp_path / "My Field.geojson")))
        place = made.pack.dossier.place
        assert place.kind is PlaceKind.SITE
        assert place.label == "The yard"
        assert made.pack.recipe.subject.words == "My Field.geojson"
        assert made.pack.dossier.shares

    @pytest.mark.parametrize(
        ("name", "file", "label"),
        [
            ("Danger zone: not safe", "field.geojson", "field"),
            ("<b>x</b>", "field.geojson", "field"),
            ("Danger zone", "not safe.geojson", "Site of the boundary given"),
        ],
    )
    def test_a_name_in_a_boundary_file_is_printed_only_if_a_title_might_be(
        self, tmp_path: Path, name: str, file: str, label: str
    ) -> None:
        path = installed.a_boundary(tmp_path / file, name=name)
        assert subjects.of_file(config.load_area("ripon"), path).place.label == label

    def test_a_boundary_gives_the_ground_of_the_site_named(
        self, smallworld: Services, tmp_path: Path
    ) -> None:
        boundary = installed.a_boundary(tmp_path / "yard.gpkg")
        place = make(smallworld, boundary=boundary).pack.dossier.place
        assert (place.place_id, place.label) == ("station-yard", "Station Yard, North Road")
        assert place.geometry is not None
        assert place.position_uncertainty_m < 20

    def test_a_boundary_stands_in_for_a_position_that_is_not_known(
        self, smallworld: Services, tmp_path: Path
    ) -> None:
        boundary = installed.a_boundary(tmp_path / "homes.gpkg")
        place = make(smallworld, "26/00500/FUL", boundary=boundary).pack.dossier.place
        assert place.kind is PlaceKind.APPLICATION
        assert place.easting == pytest.approx(431_580, abs=1)

    def test_the_boundary_of_another_site_is_refused(
        self, smallworld: Services, tmp_path: Path
    ) -> None:
        far = installed.a_boundary(tmp_path / "far.geojson", west=433_550)
        with pytest.raises(PlaceError, match=r"is published about .* from the ground of that"):
            make(smallworld, boundary=far)

    def test_two_boundaries_are_one_too_many(self, smallworld: Services, tmp_path: Path) -> None:
        boundary = installed.a_boundary(tmp_path / "yard.geojson")
        with pytest.raises(PlaceError, match="is a boundary already"):
            make(smallworld, str(boundary), boundary=boundary)

    @pytest.mark.parametrize(
        ("west", "rule"),
        [(400_000.0, "lies outside Smallworld"), (438_080.0, "lies partly outside Smallworld")],
    )
    def test_ground_of_which_nothing_is_held_is_refused(
        self, smallworld: Services, tmp_path: Path, west: float, rule: str
    ) -> None:
        far = installed.a_boundary(tmp_path / "far.gpkg", west=west, side_m=30)
        with pytest.raises(CoverageError, match=rule):
            make(smallworld, str(far))

    def test_a_site_too_large_for_its_sheet_says_what_fits(
        self, smallworld: Services, tmp_path: Path
    ) -> None:
        wide = installed.a_boundary(tmp_path / "wide.gpkg", side_m=900)
        with pytest.raises(ConfigError, match=r"is too large for one sheet.*It fits 1:.*--sheets"):
            make(smallworld, str(wide), format=Format(scale=1_250))
        tiled = make(smallworld, str(wide), format=Format(scale=2_500, is_tiled=True))
        assert len(tiled.pack.sheets) > 2

    @pytest.mark.parametrize("title", ["<b>No</b>", "a\nb", "It will collapse", "x" * 200, " "])
    def test_a_title_that_none_may_print_is_refused(self, smallworld: Services, title: str) -> None:
        with pytest.raises(WordingError):
            make(smallworld, title=title)

    def test_a_draft_too_short_for_a_sentence_is_refused(self, smallworld: Services) -> None:
        with pytest.raises(ConfigError, match="10"):
            make(smallworld, draft_limit=10)

    def test_a_boundary_without_a_crs_is_refused(
        self, smallworld: Services, tmp_path: Path
    ) -> None:
        boundary = installed.a_boundary(tmp_path / "yard.shp")
        (tmp_path / "yard.prj").unlink()
        with pytest.raises(DataError, match="CRS"):
            make(smallworld, str(boundary))


class TestTheFolder:
    def test_an_earlier_pack_is_replaced(self, smallworld: Services) -> None:
        first = make(smallworld)
        second = make(smallworld, title="Another")
        assert second.folder == first.folder
        assert said(second)["title"] == "Another"
        assert [found.name for found in first.folder.parent.iterdir()] == ["station-yard"]

    def test_an_empty_folder_is_used(self, smallworld: Services, tmp_path: Path) -> None:
        (tmp_path / "here").mkdir()
        assert make(smallworld, output=tmp_path / "here").folder == tmp_path / "here"

    def test_what_a_link_leads_to_is_written_and_the_link_stays(
        self, smallworld: Services, tmp_path: Path
    ) -> None:
        (tmp_path / "there").mkdir()
        (tmp_path / "here").symlink_to(tmp_path / "there")
        make(smallworld, output=tmp_path / "here")
        assert (tmp_path / "here").is_symlink()
        assert (tmp_path / "there" / "manifest.json").is_file()

    def test_a_folder_with_anything_else_is_left_alone(
        self, smallworld: Services, tmp_path: Path
    ) -> None:
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "letter.txt").write_text("mine")
        with pytest.raises(ConfigError, match=r"home: holds something, and it is no evidence pack"):
            make(smallworld, output=tmp_path / "home")
        assert (tmp_path / "home" / "letter.txt").read_text() == "mine"

    def test_a_note_laid_beside_a_pack_is_not_thrown_away(self, smallworld: Services) -> None:
        folder = make(smallworld).folder
        (folder / "my note.txt").write_text("mine")
        with pytest.raises(ConfigError, match=r"holds my note\.txt, which is no part of"):
            make(smallworld)
        assert (folder / "my note.txt").read_text() == "mine"

    def test_a_file_in_its_place_is_told(self, smallworld: Services, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("mine")
        with pytest.raises(ConfigError, match="is no folder"):
            make(smallworld, output=tmp_path / "file")

    def test_a_folder_that_cannot_be_made_is_told(
        self, smallworld: Services, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("mine")
        with pytest.raises(StoreError, match="the pack cannot be written there"):
            make(smallworld, output=tmp_path / "file" / "pack")


@pytest.fixture(scope="session")
def packs(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the files of two packs."""
    folder = tmp_path_factory.mktemp("two")
    installed.lay_out(folder / "area")
    services = installed.services_in(folder, Clock(NOW))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "Press", installed.PlainPress)
        older, newer = (make(services, title=title).pack.files for title in ("Older", "Newer"))
    return dict(older), dict(newer)


@pytest.fixture
def pack(
    tmp_path: Path, packs: tuple[dict[str, bytes], dict[str, bytes]]
) -> tuple[Path, dict[str, bytes]]:
    """A folder with a pack, and the files of the one that is to take its place."""
    older, newer = packs
    folders.write(older, tmp_path / "packs" / "yard")
    return tmp_path / "packs" / "yard", newer


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


Step = Callable[..., object]


class TestAWriteThatFails:
    @pytest.mark.parametrize("step", ["fsync", "fchmod"])
    @pytest.mark.parametrize("n_good", [0, 2])
    def test_a_full_disk_leaves_what_was_there(
        self,
        pack: tuple[Path, dict[str, bytes]],
        monkeypatch: pytest.MonkeyPatch,
        step: str,
        n_good: int,
    ) -> None:
        folder, newer = pack
        before = contents(folder)
        monkeypatch.setattr(os, step, _failing_after(n_good, getattr(os, step)))
        with pytest.raises(StoreError, match="No space left on device"):
            folders.write(newer, folder)
        assert contents(folder) == before
        assert [found.name for found in folder.parent.iterdir()] == [folder.name]

    def test_a_new_pack_that_cannot_take_its_place_lets_the_old_one_back(
        self, pack: tuple[Path, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder, newer = pack
        before, rename = contents(folder), Path.rename

        def once(self: Path, target: Path) -> Path:
            if self.name.startswith(".sinkwatch-new-"):
                raise OSError(errno.EIO, "Input/output error")
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", once)
        with pytest.raises(StoreError, match="Input/output error"):
            folders.write(newer, folder)
        assert contents(folder) == before

    @pytest.mark.parametrize("n_good", range(8))
    def test_a_process_killed_at_any_step_leaves_one_whole_pack(
        self, pack: tuple[Path, dict[str, bytes]], n_good: int
    ) -> None:
        folder, newer = pack
        before = contents(folder)
        process = os.fork()
        if process == 0:
            try:
                _die_after(n_good, newer, folder)
            finally:
                os._exit(1)
        _, status = os.waitpid(process, 0)
        assert os.WIFSIGNALED(status)
        assert os.WTERMSIG(status) == signal.SIGKILL
        held = contents(folder) if folder.exists() else None
        assert held in (None, before, newer)
        if held is None:  # between the two renames: whoever comes next puts it back
            folders.write(newer, folder.with_name("another"))
            assert contents(folder) == before
        folders.write(newer, folder)
        assert contents(folder) == newer
        left = {found.name for found in folder.parent.iterdir()} - {"another"}
        assert left == {folder.name}

    def test_two_that_write_at_once_leave_one_whole_pack(
        self, packs: tuple[dict[str, bytes], dict[str, bytes]], tmp_path: Path
    ) -> None:
        folder, writers = tmp_path / "yard", []
        for files in packs:
            process = os.fork()
            if process == 0:
                try:
                    for _ in range(10):
                        folders.write(files, folder)
                    os._exit(0)
                finally:
                    os._exit(1)
            writers.append(process)
        assert [os.waitpid(process, 0)[1] for process in writers] == [0, 0]
        assert contents(folder) in packs
        assert list(tmp_path.iterdir()) == [folder]


def _failing_after(n_good: int, step: Step) -> Step:
    calls = iter(range(n_good))

    def failing(*given: object) -> object:
        if next(calls, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return step(*given)

    return failing


def _die_after(n_good: int, files: dict[str, bytes], folder: Path) -> None:
    """End this process at one step of writing a pack, as a power cut would."""
    calls = iter(range(n_good))

    def dying(step: Step) -> Step:
        def die(*given: object, **named: object) -> object:
            if next(calls, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(*given, **named)

        return die

    patch = pytest.MonkeyPatch()
    for owner, name in ((os, "fsync"), (Path, "rename"), (shutil, "rmtree")):
        patch.setattr(owner, name, dying(getattr(owner, name)))
    folders.write(files, folder)
    os.kill(os.getpid(), signal.SIGKILL)


class TestTheBasis:
    def test_it_is_read_as_it_was_written(self, smallworld: Services) -> None:
        basis, _ = making.present(smallworld, copies=smallworld.snapshots())
        again = bases.read(basis.content())
        assert again.content() == basis.content()
        assert again.area.parameters == basis.area.parameters
        assert again.area.policies == basis.area.policies

    def test_the_time_of_day_is_not_in_it(self, smallworld: Services, clock: Clock) -> None:
        first, held = making.present(smallworld, copies=smallworld.snapshots())
        clock.move(hours=3)
        second, _ = making.present(smallworld, copies=smallworld.snapshots())
        assert first.content() == second.content()
        assert Basis.of(first.area, held.states) == first

    def test_anything_else_is_no_basis(self) -> None:
        with pytest.raises(DataError, match="cannot be read by this version"):
            bases.read(b'{"area": {}}')
