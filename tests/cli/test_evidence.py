"""`evidence` and `verify`, as the README names them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch.cli import evidence as commands
from sinkwatch.dossier import DRAFT_LIMIT
from sinkwatch.packs import making
from sinkwatch.packs.verifying import Outcome
from sinkwatch.publish.evidence.paper import SCALES
from tests.packs import installed

if TYPE_CHECKING:
    from collections.abc import Callable

    Sinkwatch = Callable[..., Any]

PACK = "maps/evidence/station-yard"


@pytest.fixture(autouse=True)
def _smallworld(sinkwatch: Sinkwatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """A settings file in the folder where commands run; what is drawn has tests of its own."""
    del sinkwatch  # it goes to that folder
    monkeypatch.setattr(making, "Press", installed.PlainPress)
    installed.remember(monkeypatch)
    installed.lay_out(Path("area"))
    Path("sinkwatch.toml").write_text(
        'area = "area/area.toml"\nplanning_files = ["area/applications.csv"]\n'
    )


class TestEvidence:
    def test_it_says_what_was_made_and_where(self, sinkwatch: Sinkwatch) -> None:
        answer = sinkwatch("evidence", "station-yard")
        assert answer.code == 0
        assert answer.out.startswith("Station Yard, North Road: ")
        for line in (
            "Sheet 1 of 2: the site, 1:2500 at A4",
            "Map id: SW-",
            "evidence.csv",
            f"Pack:   {PACK}/evidence.pdf",
            f"Folder: {PACK}",
        ):
            assert line in answer.out
        assert answer.err.splitlines()[0] == "evidence: Station Yard, North Road"

    def test_programs_are_told_the_same(self, sinkwatch: Sinkwatch) -> None:
        found = sinkwatch("evidence", "26/00311/FUL", "--title", "Our view", "--json").json
        assert found["title"] == "Our view"
        assert found["sheets"][0] == {"number": 1, "kind": "site", "ratio": "1:1250 at A4"}
        held = {path.name: path.stat().st_size for path in Path(found["folder"]).iterdir()}
        assert found["files"] == held
        assert (
            found["map_id"]
            == json.loads(Path(found["folder"], "manifest.json").read_bytes())["map_id"]
        )
        assert found["troubled"] == []

    def test_every_option_reaches_the_pack(self, sinkwatch: Sinkwatch) -> None:
        boundary = str(installed.a_boundary(Path("wide.gpkg"), side_m=700))
        words = [
            "--scale",
            "1250",
            "--paper",
            "a3",
            "--sheets",
            "--characters",
            "900",
            "--archive",
            "--output",
            "out",
        ]
        assert sinkwatch("evidence", "station-yard", "--boundary", boundary, *words).code == 0
        asked = json.loads(Path("out", "manifest.json").read_bytes())["parameters"]
        assert {name: asked[name] for name in ("scale", "paper", "is_tiled", "is_archive")} == {
            "scale": 1250,
            "paper": "a3",
            "is_tiled": True,
            "is_archive": True,
        }
        assert asked["draft_limit"] == 900

    def test_a_source_in_trouble_is_told_to_whoever_makes_it(self, sinkwatch: Sinkwatch) -> None:
        Path("area/applications.csv").write_text("nonsense\n")
        answer = sinkwatch("evidence", "station-yard")
        assert answer.code == 0
        assert "Source planning: could not be read" in answer.out

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["SM1 1AA"], "SM1 1AA: is a postcode; packs are for sites and applications"),
            (["station-yerd"], '"station-yerd": names no place that is held; close to it are'),
            (["gone.gpkg"], "gone.gpkg"),
            (["station-yard", "--scale", "1000"], "Invalid value for '--scale'"),
            (["station-yard", "--paper", "a2"], "Invalid value for '--paper'"),
            (["station-yard", "--characters", "0"], "Invalid value for '--characters'"),
            (["station-yard", "--characters", "20"], "a draft of 20 characters"),
            (["station-yard", "--title", "<i>No</i>"], "it holds markup"),
            (["station-yard", "--output", "area"], "area: holds something, and it is no evidence"),
        ],
    )
    def test_wrong_use_is_told_in_one_line(
        self, sinkwatch: Sinkwatch, words: list[str], said: str
    ) -> None:
        answer = sinkwatch("evidence", *words)
        assert answer.code == 2
        assert said in answer.err.splitlines()[-1]
        assert "Traceback" not in answer.err
        assert not Path("maps").exists()

    def test_its_lists_are_those_of_the_sheets(self) -> None:
        assert set(map(int, commands._SCALES)) <= set(SCALES)  # noqa: SLF001 - not imported for --help
        assert commands._DRAFT_LIMIT == DRAFT_LIMIT  # noqa: SLF001 - as above


class TestVerify:
    @pytest.fixture(autouse=True)
    def _made(self, _smallworld: None, sinkwatch: Sinkwatch) -> None:
        assert sinkwatch("evidence", "station-yard").code == 0

    def test_untouched_it_is_the_same(self, sinkwatch: Sinkwatch) -> None:
        answer = sinkwatch("verify", PACK)
        assert answer.code == 0
        assert "\nSame: made again from the same data, every file is the same" in answer.out

    def test_a_changed_file_is_named_and_the_code_is_1(self, sinkwatch: Sinkwatch) -> None:
        installed.replaced(Path(PACK, "evidence.csv"), "Mill Lane", "Hill Lane")
        answer = sinkwatch("verify", PACK)
        assert answer.code == 1
        assert "Different: " in answer.out
        assert "  evidence.csv: has sha256 " in answer.out

    def test_changed_data_is_listed_and_the_code_is_3(self, sinkwatch: Sinkwatch) -> None:
        installed.replaced(Path("area/sinkholes.csv"), "Earlier Mill", "Older Mill")
        answer = sinkwatch("verify", PACK)
        assert answer.code == 3
        assert "Same, byte for byte, when made again" in answer.out
        assert "  records near the place, different: S1 “Older Mill Lane hole”" in answer.out

    def test_lost_copies_are_named_and_the_code_is_3(self, sinkwatch: Sinkwatch) -> None:
        for kept in Path("var/evidence/inputs").glob("*.json"):
            kept.unlink()
        answer = sinkwatch("verify", PACK)
        assert answer.code == 3
        assert "It cannot be told whether it is the same." in answer.out
        assert "  basis: no copy with sha256 " in answer.out
        assert (
            "Not made again: 1 of its inputs is not held any more; copies are kept where"
            in answer.out
        )

    def test_what_is_no_pack_is_wrong_use(self, sinkwatch: Sinkwatch) -> None:
        answer = sinkwatch("verify", "area")
        assert answer.code == 2
        assert answer.err.startswith("sinkwatch: area: is no evidence pack that can be read")
        assert len(answer.err.splitlines()) == 1

    def test_programs_are_told_the_same(self, sinkwatch: Sinkwatch) -> None:
        found = sinkwatch("verify", PACK, "--json").json
        assert (found["outcome"], found["made_again"]) == ("same", True)
        assert found["since"] == found["outputs"] == found["inputs"] == []

    def test_every_outcome_has_its_code_and_its_sentence(self) -> None:
        every = {outcome.value for outcome in Outcome}
        assert every == set(commands._CODES) == set(commands._SENTENCES)  # noqa: SLF001 - the tables
