"""`run`, `publish` and their bad inputs, as a person would type them."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch import survey
from sinkwatch.cli import progress
from sinkwatch.packs import crew, publishing
from tests.packs import workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.model import Area

    Sinkwatch = Callable[..., Any]

PLANNING = (
    "reference,description,status,received_on,easting,northing\n"
    "ZC26/01234/FUL,Erection of 20 dwellings,Awaiting decision,2026-11-02,431579,471829\n"
)


@pytest.fixture
def planning(tmp_path: Path) -> Path:
    path = tmp_path / "applications.csv"
    path.write_text(PLANNING)
    return path


class TestRun:
    def test_says_where_everything_lies(self, sinkwatch: Sinkwatch, tmp_path: Path) -> None:
        answer = sinkwatch("run")
        assert answer.code == 0
        lines = dict(line.split(":", 1) for line in answer.out.splitlines() if ":" in line)
        for name in ("Map", "Map, one file", "Flagged places"):
            assert (tmp_path / lines[name].strip()).is_file()
        assert "auction-mart" in answer.out
        assert "Source planit: not set up." in answer.out
        assert "sources on the internet were not asked: set `contact` to your own" in answer.out

    def test_tells_programs_the_same(self, sinkwatch: Sinkwatch, planning: Path) -> None:
        answer = sinkwatch("run", "--json", "--planning", str(planning))
        assert answer.code == 0
        assert answer.json["events"] == [
            {"kind": "application_new", "subject": "North Yorkshire/ZC26/01234/FUL"}
        ]
        again = sinkwatch("run", "--json", "--planning", str(planning)).json
        assert again["events"] == []
        assert again["site_changed"] is False

    @pytest.mark.usefixtures("blank_site")
    def test_one_subscriber_gets_one_mail(
        self, sinkwatch: Sinkwatch, planning: Path, tmp_path: Path
    ) -> None:
        added = sinkwatch("subscribers", "add", "resident@example.org", "HG4 1HS")
        assert added.code == 0
        assert "resident" not in added.out
        sinkwatch("run", "--planning", str(planning))
        assert len(list((tmp_path / "var" / "mail").glob("*.eml"))) == 1
        listed = sinkwatch("outbox", "list", "--json").json
        assert [row["state"] for row in listed] == ["sent"]
        shown = sinkwatch("outbox", "show", listed[0]["message_id"][:12])
        assert "ZC26/01234/FUL" in shown.out

    @pytest.mark.usefixtures("blank_site")
    def test_without_naming_the_file_again_the_held_copy_is_used(
        self, sinkwatch: Sinkwatch, planning: Path
    ) -> None:
        sinkwatch("run", "--planning", str(planning))
        planning.unlink()
        answer = sinkwatch("run", "--json")
        assert answer.code == 0
        assert answer.json["events"] == []
        found = sinkwatch("check", "ZC26/01234/FUL", "--json").json
        assert found["band"] == "high"

    @pytest.mark.usefixtures("blank_site")
    def test_a_site_with_a_boundary_is_answered_with_the_share_of_each_band(
        self, sinkwatch: Sinkwatch, tmp_path: Path
    ) -> None:
        ground = (
            "POLYGON ((-1.519 54.140, -1.515 54.140, -1.515 54.143, -1.519 54.143, -1.519 54.140))"
        )
        path = tmp_path / "applications.csv"
        path.write_text(
            "reference,description,status,longitude,latitude,boundary\n"
            f'B1,Houses,Pending,-1.517,54.1415,"{ground}"\n'
        )
        assert sinkwatch("run", "--planning", str(path)).code == 0
        found = sinkwatch("check", "B1", "--json").json
        # The record of 2014 lies within its edge, but is known to 150 m: the ring of 250 m.
        assert (found["band"], found["sinkhole_distance_m"]) == ("high", 0.0)
        assert sum(found["shares"].values()) == pytest.approx(1, abs=0.001)
        assert any(reason["code"] == "shares" for reason in found["reasons"])

    @pytest.mark.usefixtures("blank_site")
    def test_a_dry_run_leaves_nothing_behind_but_its_folder(
        self, sinkwatch: Sinkwatch, planning: Path, tmp_path: Path
    ) -> None:
        sinkwatch("subscribers", "add", "resident@example.org", "HG4 1HS")
        assert sinkwatch("run", "--dry-run", "--planning", str(planning)).code == 0
        assert len(list((tmp_path / "var" / "dry-run" / "mail").glob("*.eml"))) == 1
        assert not (tmp_path / "maps").exists()
        assert sinkwatch("outbox", "list", "--json").json == []

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (PLANNING[:-20], "as a truncated file has"),
            (PLANNING.replace("431579,471829", "471829,431579"), "look exchanged"),
            (PLANNING.replace("431579", "nan"), '"nan" is not a finite number'),
            (PLANNING.replace("2026-11-02", "2.11.26"), "is not a date like 2026-11-22"),
            (PLANNING.replace("reference,", "number,"), "column reference is missing"),
            ("", "is empty"),
        ],
        ids=["truncated", "exchanged axes", "NaN", "date", "column", "empty"],
    )
    def test_a_bad_file_named_by_hand_is_one_line_and_nothing_is_recorded(
        self, sinkwatch: Sinkwatch, planning: Path, tmp_path: Path, content: str, says: str
    ) -> None:
        planning.write_text(content)
        answer = sinkwatch("run", "--planning", str(planning))
        assert answer.code == 1
        complaint = answer.err.splitlines()[-1]
        assert complaint.startswith("sinkwatch: planning: ")
        assert says in complaint
        assert not (tmp_path / "maps").exists()

    @pytest.mark.usefixtures("blank_site")
    def test_a_broken_file_in_the_settings_is_a_troubled_source_and_the_rest_goes_on(
        self, sinkwatch: Sinkwatch, planning: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "sinkwatch.toml").write_text('planning_files = ["applications.csv"]\n')
        assert sinkwatch("run").code == 0
        planning.write_text(PLANNING[:-20])
        answer = sinkwatch("run")
        assert answer.code == 3
        assert "the last good copy is in use" in answer.out
        assert sinkwatch("sources", "list").code == 0  # it asks nobody: the copy held is good

    @pytest.mark.parametrize(
        ("geometry", "says"),
        [
            (
                '{"type":"Polygon","coordinates":[[[-1.52,54.14],[-1.51,54.15],[-1.51,54.14],[-1.52,54.15],[-1.52,54.14]]]}',
                "its boundary crosses itself",
            ),
            ('{"type":"Point","coordinates":[-1.52,54.14]}', "it is no polygon"),
        ],
        ids=["bow-tie", "point"],
    )
    def test_geology_that_would_hide_a_hazard_stops_the_run(
        self,
        sinkwatch: Sinkwatch,
        ripon: Area,
        tmp_path: Path,
        geometry: str,
        says: str,
    ) -> None:
        source = ripon.sources[0].path.parent
        shutil.copytree(source, tmp_path / "area" / "ripon")
        shutil.copy(source.parent / "bands.toml", tmp_path / "area")
        (tmp_path / "area" / "ripon" / "datapackage.json").unlink()
        (tmp_path / "area" / "ripon" / "gypsum_zones.geojson").write_text(
            '{"type":"FeatureCollection","features":[{"type":"Feature","properties":'
            '{"zone_id":"C-1","class":"C","title":"t","position_uncertainty_m":500},'
            f'"geometry":{geometry}}}]}}'
        )
        (tmp_path / "sinkwatch.toml").write_text('area = "area/ripon/area.toml"\n')
        answer = sinkwatch("run")
        assert answer.code == 1
        assert says in answer.err.splitlines()[-1]
        assert not (tmp_path / "maps").exists()

    def test_a_file_that_was_changed_by_hand_is_noticed(
        self,
        sinkwatch: Sinkwatch,
        ripon: Area,
        tmp_path: Path,
    ) -> None:
        source = ripon.sources[0].path.parent
        shutil.copytree(source, tmp_path / "area" / "ripon")
        shutil.copy(source.parent / "bands.toml", tmp_path / "area")
        path = tmp_path / "area" / "ripon" / "sinkholes.csv"
        path.write_text(path.read_text().replace("confirmed", "probable", 1))
        (tmp_path / "sinkwatch.toml").write_text('area = "area/ripon/area.toml"\n')
        answer = sinkwatch("run")
        assert answer.code == 1
        assert "datapackage.json says" in answer.err.splitlines()[-1]


class TestPublish:
    def test_builds_the_site_without_a_database(self, sinkwatch: Sinkwatch, tmp_path: Path) -> None:
        answer = sinkwatch("publish", "--json")
        assert answer.code == 0
        assert (tmp_path / answer.json["map"]).is_file()
        assert not (tmp_path / "var" / "sinkwatch.db").exists()

    def test_a_second_time_changes_nothing(self, sinkwatch: Sinkwatch) -> None:
        assert sinkwatch("publish", "--json").json["changed"] is True
        assert sinkwatch("publish", "--json").json["changed"] is False
        assert sinkwatch("publish").out == "Map: maps/current/index.html\n"


@pytest.mark.usefixtures("blank_site")
class TestEvidencePacks:
    """Whose making is tested elsewhere: here, what a person and a program are told of it."""

    @pytest.fixture(autouse=True)
    def _quickly(self, sinkwatch: Sinkwatch, monkeypatch: pytest.MonkeyPatch) -> None:
        del sinkwatch  # which switches them off first
        monkeypatch.setenv("SINKWATCH_EVIDENCE_PACKS", "true")
        monkeypatch.setattr(crew, "n_workers", lambda _: 1)
        flagged = frozenset({"auction-mart", "leisure-centre"})
        monkeypatch.setattr(survey, "_flagged", lambda *_: flagged)
        monkeypatch.setattr(publishing, "Workshop", workers.Quick)

    def test_a_person_is_told_where_they_lie_and_how_many_are_new(
        self, sinkwatch: Sinkwatch
    ) -> None:
        first = "maps/current/sites/auction-mart/evidence.pdf and 1 more"
        assert f"Evidence packs: {first} (2 made, 0 kept)\n" in sinkwatch("publish").out
        assert f"Evidence packs: {first} (0 made, 2 kept)\n" in sinkwatch("run").out

    def test_a_program_is_told_the_same(self, sinkwatch: Sinkwatch, tmp_path: Path) -> None:
        found = sinkwatch("publish", "--json").json["evidence_packs"]
        assert (found["n_made"], found["n_kept"], found["failed"]) == (2, 0, [])
        assert all((tmp_path / pdf).is_file() for pdf in found["pdfs"])
        assert sinkwatch("run", "--json").json["evidence_packs"]["n_kept"] == 2

    @pytest.mark.parametrize("words", [("publish",), ("run",)])
    def test_one_that_cannot_be_made_is_named_and_the_exit_code_tells_of_it(
        self, sinkwatch: Sinkwatch, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
    ) -> None:
        broken = functools.partial(workers.Quick, befalls={"auction-mart": "refuse"})
        monkeypatch.setattr(publishing, "Workshop", broken)
        answer = sinkwatch(*words)
        assert answer.code == 3
        assert "(1 made, 0 kept, 1 failed)" in answer.out
        assert "No evidence pack of auction-mart: refuse: is too large." in answer.out

    def test_none_at_all_is_said_so(
        self, sinkwatch: Sinkwatch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(survey, "_flagged", lambda *_: frozenset[str]())
        assert "Evidence packs: none (0 made, 0 kept)\n" in sinkwatch("publish").out

    def test_the_bar_is_for_a_terminal_alone(self, capsys: pytest.CaptureFixture[str]) -> None:
        with progress.counting("Evidence packs", 2) as count:
            count()
        assert capsys.readouterr() == ("", "")


class TestWrongUse:
    @pytest.mark.parametrize(
        "words", [["frobnicate"], ["check"], ["run", "--no-such"], ["outbox", "preview"]]
    )
    def test_words_that_make_no_command_end_with_2(
        self, sinkwatch: Sinkwatch, words: list[str]
    ) -> None:
        assert sinkwatch(*words).code == 2

    def test_settings_that_are_not_there_are_named(self, sinkwatch: Sinkwatch) -> None:
        answer = sinkwatch("run", "--config", "gone.toml")
        assert answer.code == 2
        assert "gone.toml" in answer.err

    def test_help_names_every_command_without_importing_one(self, sinkwatch: Sinkwatch) -> None:
        answer = sinkwatch("--help")
        assert answer.code == 0
        assert "doctor" in answer.out
