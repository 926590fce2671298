"""A pack made again: the same, different and where, or data changed since and what."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pikepdf
import pytest

from sinkwatch.errors import DataError
from sinkwatch.packs import comparing, inputs, making, manifest, recipe, retention, verifying
from sinkwatch.packs.recipe import Order
from sinkwatch.packs.verifying import Outcome, Verdict
from tests.conftest import NOW, Clock
from tests.packs import installed

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.services import Services

NEAR = (
    "S9,hole,New hole,collapse,confirmed,A collapse.,true,A confirmed collapse.,true,2026-11-20,"
    "20 November 2026,431580,471830,5,4,4,,The Smallworld Gazette,https://gazette.example/new,\n"
)
FAR = NEAR.replace("431580,471830", "436000,476000")


@pytest.fixture
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn has tests of its own, and one here."""
    monkeypatch.setattr(making, "Press", installed.PlainPress)
    installed.remember(monkeypatch)


class World:
    """An installation that has made one pack."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self.area = folder / "area"
        self.clock = clock
        self.pack = folder / "maps" / "evidence" / "station-yard"

    @classmethod
    def made(cls, folder: Path, clock: Clock) -> Self:
        installed.lay_out(folder / "area")
        world = cls(folder, clock)
        making.make(world.services, "station-yard", Order())
        return world

    @property
    def services(self) -> Services:
        return installed.services_in(self.folder, self.clock)

    @property
    def cellar(self) -> Path:
        return inputs.Cellar.of(self.services).folder

    def kept(self, name: str) -> Path:
        """Return the copy that is kept of an input."""
        said = manifest.in_folder(self.pack)
        named = {each.name: each.sha256 for each in said.sources}
        named |= {each.name: each.sha256 for each in said.files}
        return next(self.cellar.glob(f"{named[name]}.*"))

    def verified(self, pack: Path | None = None) -> Verdict:
        return verifying.verify(self.services, pack or self.pack)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Made once; no test changes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "Press", installed.PlainPress)
        return World.made(tmp_path_factory.mktemp("packs"), Clock(NOW))


@pytest.fixture
def world(made: World, tmp_path: Path, clock: Clock, _plain: None) -> World:
    shutil.copytree(made.folder, tmp_path / "world")
    return World(tmp_path / "world", clock)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class TestUntouched:
    def test_a_real_pack_is_the_same_byte_for_byte(self, tmp_path: Path, clock: Clock) -> None:
        real = World.made(tmp_path, clock)
        assert {"evidence.pdf", "map.pdf", "map.png", "map.svg", "evidence.csv"} <= set(
            tree(real.pack)
        )
        clock.move(days=20)
        verdict = real.verified()
        assert (verdict.outcome, verdict.problem) == (Outcome.SAME, "")

    def test_another_day_another_title_and_a_boundary_make_no_difference(
        self, world: World, tmp_path: Path
    ) -> None:
        boundary = installed.a_boundary(tmp_path / "The yard.shp")
        order = Order(title="A parish’s view", draft_limit=700, is_archive=True)
        pack = making.make(world.services, "station-yard", order, boundary=boundary).folder
        for part in tmp_path.glob("The yard.*"):
            part.unlink()
        world.clock.move(days=400)
        assert world.verified(pack).outcome is Outcome.SAME

    def test_a_boundary_alone_is_made_again_from_its_copy(
        self, world: World, tmp_path: Path
    ) -> None:
        boundary = installed.a_boundary(tmp_path / "field.geojson")
        pack = making.make(world.services, str(boundary), Order()).folder
        boundary.unlink()
        assert world.verified(pack).outcome is Outcome.SAME

    def test_it_may_lie_anywhere(self, world: World, tmp_path: Path) -> None:
        shutil.copytree(world.pack, tmp_path / "from a mail")
        assert world.verified(tmp_path / "from a mail").outcome is Outcome.SAME

    def test_nothing_is_written(self, world: World) -> None:
        before = tree(world.folder)
        world.verified()
        assert tree(world.folder) == before

    def test_sources_that_only_grew_older_are_no_change(self, world: World) -> None:
        world.clock.move(days=3_000)
        assert world.verified().outcome is Outcome.SAME


INPUTS = ("geology", "sinkholes", "places", "postcodes", "cases", "planning")
SETTINGS = ("area", "bands", "policies", "basis")


class TestInputs:
    @pytest.mark.parametrize("name", [*INPUTS, *SETTINGS])
    def test_one_byte_of_a_kept_copy_changed_is_named(self, world: World, name: str) -> None:
        installed.damaged(world.kept(name))
        verdict = world.verified()
        assert verdict.outcome is not Outcome.SAME
        assert any(line.startswith(f"{name}: the copy kept of it has") for line in verdict.inputs)
        assert not any(
            line.startswith(f"{other}: ")
            for other in {*INPUTS, *SETTINGS} - {name}
            for line in verdict.inputs
        )
        if name == "basis":  # of all others a second copy lies in the area or the snapshots
            assert verdict.outcome is Outcome.UNPROVEN
        else:
            assert verdict.outcome is Outcome.CHANGED_SINCE

    @pytest.mark.parametrize("name", ["sinkholes", "planning", "bands"])
    def test_one_byte_of_every_copy_changed_cannot_be_made_again(
        self, world: World, name: str
    ) -> None:
        installed.damaged(world.kept(name))
        for copy in (world.services.snapshots() / name).glob("*"):
            installed.damaged(copy)
        file = {"planning": "applications.csv", "bands": "bands.toml", **installed.FILES}[name]
        (world.area / file).write_bytes((world.area / file).read_bytes() + b"\n")
        verdict = world.verified()
        assert verdict.outcome is Outcome.UNPROVEN
        assert verdict.problem == f"1 of its inputs is not held any more; {retention.KEPT}"
        assert [line.partition(":")[0] for line in verdict.inputs] == [name, name]
        assert "no copy with sha256" in verdict.inputs[1]

    @pytest.mark.parametrize("name", ["bands", "policies", "area"])
    def test_one_byte_of_the_areas_own_files_changed_is_named(
        self, world: World, name: str
    ) -> None:
        before = world.verified()
        file = world.area / f"{name}.toml"
        file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        verdict = world.verified()
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        assert before.since == ()
        assert verdict.outcome is Outcome.CHANGED_SINCE
        assert verdict.since[0].startswith(f"{name}: {name}.toml has sha256 {digest}… now, the p")

    def test_an_installation_that_did_not_make_it_cannot_tell(
        self, world: World, tmp_path: Path
    ) -> None:
        (tmp_path / "other").mkdir()
        installed.lay_out(tmp_path / "other" / "area")
        other = installed.services_in(tmp_path / "other", world.clock)
        verdict = verifying.verify(other, world.pack)
        assert verdict.outcome is Outcome.UNPROVEN
        assert verdict.inputs == (
            f"basis: no copy with sha256 {world.kept('basis').stem[:12]}… is held any more",
        )


class TestDataSince:
    def test_a_new_record_nearby_is_listed(self, world: World) -> None:
        path = world.area / "sinkholes.csv"
        path.write_text(path.read_text(encoding="utf-8") + NEAR, encoding="utf-8")
        installed.replaced(world.area / "area.toml", "2026-11-22", "2026-12-01")
        verdict = world.verified()
        assert verdict.outcome is Outcome.CHANGED_SINCE
        assert any(
            line.startswith("sinkholes: edition 2026-11-22 (sha256 ")
            and ") then, edition 2026-12-01 (sha256 " in line
            for line in verdict.since
        )
        assert "sinkholes, in the whole area: 1 of 4 rows new, 0 gone, 0 different" in verdict.since
        assert "records near the place, new: S9 “New hole”" in verdict.since
        assert any(line.startswith("headline now: ") for line in verdict.since)

    def test_a_record_far_away_is_counted_and_not_listed(self, world: World) -> None:
        path = world.area / "sinkholes.csv"
        path.write_text(path.read_text(encoding="utf-8") + FAR, encoding="utf-8")
        verdict = world.verified()
        assert verdict.since[1:] == (
            "sinkholes, in the whole area: 1 of 4 rows new, 0 gone, 0 different",
            "nothing that the pack lists has changed",
        )

    def test_an_application_decided_and_one_withdrawn_are_listed(self, world: World) -> None:
        path = world.area / "applications.csv"
        installed.replaced(path, 'garage each",Refused', 'garage each",Appeal lodged')
        said = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(row for row in said if "26/00102" not in row), encoding="utf-8")
        since = world.verified().since
        assert "applications, in the whole area: 0 of 3 rows new, 1 gone, 1 different" in since
        assert any(
            line.startswith("planning history, different: Small Council/26/00311/FUL “")
            for line in since
        )

    def test_an_application_that_now_asks_for_something_else_is_told(self, world: World) -> None:
        pack = making.make(world.services, "26/00311/FUL", Order()).folder
        installed.replaced(world.area / "applications.csv", "Four homes", "Forty homes")
        installed.replaced(world.area / "applications.csv", "Field off", "Land off")
        since = world.verified(pack).since
        assert "the application: its description is another now" in since
        assert "the application: its address is another now" in since

    def test_a_site_that_is_not_listed_any_more_is_told(self, world: World) -> None:
        installed.replaced(world.area / "places.csv", "station-yard", "goods-yard")
        since = world.verified().since
        assert any(line.startswith("no pack of the place could be made now: ") for line in since)

    def test_a_file_that_cannot_be_read_now_is_told_with_its_name(self, world: World) -> None:
        (world.area / "sinkholes.csv").write_text("nonsense\n")
        verdict = world.verified()
        assert verdict.outcome is Outcome.CHANGED_SINCE
        assert any("sinkholes" in line for line in verdict.since)

    def test_a_site_that_was_moved_and_other_documents_are_told(self, world: World) -> None:
        installed.replaced(world.area / "places.csv", "431579,471829", "431479,471829")
        installed.replaced(world.area / "policies.toml", "Smallworld Plan", "Plan to 2030")
        since = world.verified().since
        assert "policies: policies.toml has sha256 " in "".join(since)
        assert "the place: its position, boundary or share of ground in each band is" in str(since)
        assert "planning documents: what the table of them holds is another now" in since

    def test_a_source_that_came_and_one_that_went_are_told(self, world: World) -> None:
        before = world.services
        sources = before.area.sources
        path = world.area / "more.csv"
        shutil.copyfile(world.area / "applications.csv", path)
        renamed = replace(sources[-1], name="planning-new", path=path)
        services = replace(before, area=replace(before.area, sources=(*sources[:-1], renamed)))
        since = verifying.verify(services, world.pack).since
        assert any(
            line.startswith("planning: retrieved 22 November 2026 (sha256 ")
            and line.endswith(" then, no source of that name now")
            for line in since
        )
        assert any(
            line.startswith("planning-new: no source of that name then, retrieved ")
            for line in since
        )

    def test_a_planning_file_that_is_not_named_any_more_is_told(self, world: World) -> None:
        services = installed.services_in(world.folder, world.clock, planning_files=[])
        since = verifying.verify(services, world.pack).since
        assert since[0].endswith(" then, nothing in use now")

    def test_an_area_file_that_is_gone_is_told(self, world: World) -> None:
        services = world.services
        (world.area / "area.toml").unlink()
        verdict = verifying.verify(services, world.pack)
        assert verdict.outcome is Outcome.CHANGED_SINCE
        assert "area: area.toml is not there any more" in verdict.since

    def test_a_hostile_name_stays_in_its_quotes(self, world: World) -> None:
        hostile = NEAR.replace("New hole", "”\u202e <b>Mrs Jane Doe</b> 01765 123456")
        path = world.area / "sinkholes.csv"
        path.write_text(path.read_text(encoding="utf-8") + hostile, encoding="utf-8")
        line = next(line for line in world.verified().since if line.startswith("records near"))
        assert line.count("”") == 1
        assert "123456" not in line
        assert "\u202e" not in line


class TestOutputs:
    @pytest.mark.parametrize("name", ["evidence.pdf", "evidence.csv", "map.png"])
    def test_one_byte_changed_is_named_with_its_place(self, world: World, name: str) -> None:
        installed.damaged(world.pack / name)
        verdict = world.verified()
        assert verdict.outcome is Outcome.DIFFERENT
        (line,) = verdict.outputs
        assert line.startswith(f"{name}: has sha256 ")
        assert "; it differs from " in line
        assert verdict.differences == ()

    def test_a_changed_row_is_found_by_its_line(self, world: World) -> None:
        installed.replaced(world.pack / "evidence.csv", "Mill Lane", "Hill Lane")
        assert world.verified().outputs[0].endswith("; it differs from line 2 on")

    def test_files_gone_and_files_added_are_named(self, world: World) -> None:
        (world.pack / "map.png").unlink()
        (world.pack / "letter.txt").write_text("mine")
        (world.pack / "more").mkdir()
        (world.pack / "index.html").write_text("the page of the published site that offers it")
        verdict = world.verified()
        assert verdict.outcome is Outcome.DIFFERENT
        assert verdict.outputs == (
            "map.png: is missing or cannot be read (No such file or directory)",
            "letter.txt: is no part of the pack",
            "more: is no part of the pack",
        )

    def test_a_link_that_its_manifest_was_made_to_fit_is_not_read(self, world: World) -> None:
        (world.pack / "extra.csv").symlink_to("/etc/hostname")
        digest = hashlib.sha256(Path("/etc/hostname").read_bytes()).hexdigest()
        entry = {"file": "extra.csv", "sha256": digest, "n_bytes": 1}
        forged(world.pack, lambda said: said["outputs"].append(entry))
        assert "extra.csv: is missing or cannot be read" in world.verified().outputs[0]

    def test_many_added_files_are_counted(self, world: World) -> None:
        for number in range(30):
            (world.pack / f"{number:02}.txt").touch()
        assert world.verified().outputs[-1] == "10 more: are no part of the pack"

    def test_a_link_out_of_the_folder_is_not_followed(self, world: World, tmp_path: Path) -> None:
        shutil.move(world.pack / "evidence.csv", tmp_path / "evidence.csv")
        (world.pack / "evidence.csv").symlink_to(tmp_path / "evidence.csv")
        verdict = world.verified()
        assert verdict.outputs[0].startswith("evidence.csv: is missing or cannot be read (")

    def test_a_change_that_the_manifest_was_made_to_fit_comes_out(self, world: World) -> None:
        path = world.pack / "evidence.csv"
        installed.replaced(path, "Mill Lane", "Hill Lane")
        forged(
            world.pack,
            lambda said: output(said, "evidence.csv").update(
                sha256=hashlib.sha256(path.read_bytes()).hexdigest()
            ),
        )
        verdict = world.verified()
        assert verdict.outcome is Outcome.DIFFERENT
        assert verdict.differences[0] == "evidence.csv: comes out otherwise from line 2 on"

    @pytest.mark.parametrize(
        ("entry", "value"),
        [("title", "Another"), ("map_id", "SW-00000000"), ("made_on", "2020-01-01")],
    )
    def test_a_forged_manifest_comes_out(self, world: World, entry: str, value: str) -> None:
        forged(world.pack, lambda said: said.update({entry: value}))
        verdict = world.verified()
        assert verdict.outcome is Outcome.DIFFERENT
        assert verdict.differences[-1].startswith("manifest.json: comes out otherwise from line ")

    def test_a_file_that_is_made_now_and_was_not_then_is_named(self, world: World) -> None:
        (world.pack / "map.png").unlink()
        forged(world.pack, lambda said: said["outputs"].remove(output(said, "map.png")))
        verdict = world.verified()
        assert "map.png: is made now, and was not then" in verdict.differences

    def test_a_file_that_is_not_made_any_more_is_named(self, world: World) -> None:
        (world.pack / "extra.csv").write_bytes(b"a")
        digest = hashlib.sha256(b"a").hexdigest()
        entry = {"file": "extra.csv", "sha256": digest, "n_bytes": 1}
        forged(world.pack, lambda said: said["outputs"].append(entry))
        assert "extra.csv: is not made any more" in world.verified().differences


class TestAnotherProgram:
    def test_the_version_comes_first_and_the_same_bytes_are_the_same(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        later = recipe.program().model_copy(update={"version": "9.0"})
        monkeypatch.setattr(recipe, "program", lambda: later)
        verdict = world.verified()
        assert verdict.program == ("sinkwatch 0.1.0 then, 9.0 now",)
        assert verdict.outcome is Outcome.SAME

    def test_other_bytes_of_another_program_prove_nothing(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = recipe.program()
        later = here.model_copy(update={"tools": {**here.tools, "typst": "9", "new": "1"}})
        monkeypatch.setattr(recipe, "program", lambda: later)
        build = installed.PlainPress.build

        def other(self: installed.PlainPress, *given: Any, **named: Any) -> dict[str, bytes]:  # noqa: ANN401
            made = build(self, *given, **named)
            return made | {"evidence.csv": made["evidence.csv"] + b"!"}

        monkeypatch.setattr(installed.PlainPress, "build", other)
        verdict = world.verified()
        assert verdict.outcome is Outcome.UNPROVEN
        assert "new was not there then, 1 now" in verdict.program
        assert verdict.differences[0].startswith("evidence.csv: comes out otherwise")


def forged(pack: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = pack / "manifest.json"
    said = json.loads(path.read_bytes())
    change(said)
    path.write_bytes(manifest.canonical(said, indent=1) + b"\n")


def output(said: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in said["outputs"] if each["file"] == name)
    return found


def entry(part: str, **values: object) -> Callable[[dict[str, Any]], object]:
    return lambda said: said[part][0].update(values)


class TestNoPack:
    @pytest.mark.parametrize(
        "change",
        [
            entry("outputs", file="../../../etc/passwd"),
            entry("outputs", file="/etc/passwd"),
            entry("outputs", file=".."),
            entry("outputs", file="manifest.json"),
            entry("outputs", sha256="abc"),
            entry("outputs", n_bytes=-1),
            entry("outputs", n_bytes="12"),
            entry("files", file="../x"),
            entry("files", file=".."),
            entry("sources", sha256="../../secret"),
            lambda said: said["outputs"].append(dict(said["outputs"][0])),
            lambda said: said.update(format="another"),
            lambda said: said.update(format_version=2),
            lambda said: said.update(format_version=True),
            lambda said: said.update(made_on="yesterday"),
            lambda said: said.update(map_id="SW-<b>"),
            lambda said: said.update(extra=1),
            lambda said: said.pop("subject"),
            lambda said: said["parameters"].update(paper="a0"),
            lambda said: said["parameters"].update(rings_m=["50"]),
        ],
    )
    def test_a_manifest_that_is_not_ours_is_refused(
        self, made: World, tmp_path: Path, change: Callable[[dict[str, Any]], object]
    ) -> None:
        said = json.loads((made.pack / "manifest.json").read_bytes())
        change(said)
        (tmp_path / "manifest.json").write_text(json.dumps(said))
        with pytest.raises(DataError):
            manifest.in_folder(tmp_path)

    @pytest.mark.parametrize(
        ("content", "rule"),
        [
            (b"", "it is no JSON"),
            (b"[]", "does not say that it is one"),
            (b"\xff\xfe", "it is no JSON"),
            (b'{"format": NaN}', "does not say that it is one"),
            (b'{"format": "a", "format": "b"}', "a name stands twice"),
            (b"[" * 200_000, "it is no JSON"),
            (b'{"format": ' + b"9" * 5_000 + b"}", "it is no JSON"),
            (b" " * (manifest.MOST_BYTES + 1), "it is larger than"),
        ],
        ids=["empty", "list", "bytes", "nan", "twice", "deep", "long number", "huge"],
    )
    def test_what_is_no_manifest_is_refused(
        self, tmp_path: Path, content: bytes, rule: str
    ) -> None:
        (tmp_path / "manifest.json").write_bytes(content)
        with pytest.raises(DataError, match=rule):
            manifest.in_folder(tmp_path)

    def test_numbers_that_are_none_are_refused(self, made: World) -> None:
        said = (made.pack / "manifest.json").read_text(encoding="utf-8")
        for number in ("NaN", "Infinity", "1e999"):
            with pytest.raises(DataError):
                manifest.read(said.replace("7.5", number).encode(), "it")

    @pytest.mark.parametrize("made", ["nothing", "folder", "link", "pipe"])
    def test_a_manifest_that_is_no_plain_file_is_refused(self, tmp_path: Path, made: str) -> None:
        path = tmp_path / "manifest.json"
        if made == "folder":
            path.mkdir()
        elif made == "link":
            path.symlink_to("/etc/hostname")
        elif made == "pipe":
            os.mkfifo(path)
        with pytest.raises(DataError, match="is no evidence pack that can be read: there is no"):
            manifest.in_folder(tmp_path)

    def test_a_manifest_without_a_basis_cannot_be_made_again(self, world: World) -> None:
        forged(
            world.pack,
            lambda said: said.update(
                files=[each for each in said["files"] if each["name"] != "basis"]
            ),
        )
        verdict = world.verified()
        assert verdict.outcome is Outcome.UNPROVEN
        assert "does not name the basis" in verdict.problem

    def test_words_that_name_a_file_of_this_machine_are_words(
        self, world: World, tmp_path: Path
    ) -> None:
        secret = installed.a_boundary(tmp_path / "secret.geojson")
        forged(world.pack, lambda said: said["subject"].update(words=str(secret)))
        verdict = world.verified()
        assert verdict.outcome is Outcome.UNPROVEN
        assert "names no place that is held" in verdict.problem

    def test_a_manifest_that_names_other_copies_than_the_basis_comes_out(
        self, world: World
    ) -> None:
        forged(world.pack, lambda said: said.update(sources=said["sources"][1:]))
        assert "is not named by the manifest" in world.verified().problem


def a_pdf(*pages: str) -> bytes:
    pdf = pikepdf.new()
    for page in pages:
        pdf.add_blank_page()
        pdf.pages[-1].contents_add(page.encode())
    content = io.BytesIO()
    pdf.save(content, deterministic_id=True)
    return content.getvalue()


class TestWhere:
    @pytest.mark.parametrize(
        ("file", "then", "now", "place"),
        [
            ("a.csv", b"1\n2\n3", b"1\n2\n4", "from line 3 on"),
            ("a.csv", b"1\n2\n", b"1\n2\n3\n", "from line 3 on"),
            ("a.svg", b"", b"1", "from line 1 on"),
            ("a.png", b"abc", b"abd", "from byte 3 on"),
            ("a.png", b"abc", b"abcd", "from byte 4 on"),
            ("a.pdf", b"no PDF", b"no pdf", "from byte 4 on"),
            ("a.pdf", a_pdf("q", "q"), a_pdf("q", "Q"), "from page 2 on"),
            ("a.pdf", a_pdf("q", "q"), a_pdf("q"), "from page 2 on"),
            ("a.pdf", a_pdf("q"), a_pdf("q") + b"\n%", f"from byte {len(a_pdf('q')) + 1:,} on"),
        ],
    )
    def test_it_is_the_first_place(self, file: str, then: bytes, now: bytes, place: str) -> None:
        assert comparing.where(file, then, now) == place

    def test_a_drawing_on_a_page_counts(self) -> None:
        def drawn(line: bytes) -> bytes:
            pdf = pikepdf.open(io.BytesIO(a_pdf("/Map Do", "q")))
            form = pdf.make_stream(line, Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form)
            form.BBox = [0, 0, 9, 9]
            pdf.pages[1].obj.Resources = pikepdf.Dictionary(XObject={"/Map": form})
            content = io.BytesIO()
            pdf.save(content, deterministic_id=True)
            return content.getvalue()

        assert comparing.where("map.pdf", drawn(b"0 0 m"), drawn(b"0 1 m")) == "from page 2 on"


def test_an_installation_that_moved_verifies_what_it_made(world: World, tmp_path: Path) -> None:
    shutil.move(world.folder / "var", tmp_path / "elsewhere")
    services = world.services
    moved = services.settings.model_copy(update={"state_folder": tmp_path / "elsewhere"})
    verdict = verifying.verify(replace(services, settings=moved), world.pack)
    assert verdict.outcome is Outcome.SAME
