"""`check` and `assess`, as the README names them."""

from __future__ import annotations

import csv
import json
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import shapely

from sinkwatch.cli import progress
from sinkwatch.services import open_services
from sinkwatch.sources import snapshots
from sinkwatch.sources.bgs import bgs_records
from sinkwatch.sources.bgs.bgs_records import Record
from sinkwatch.sources.errand import Errand
from sinkwatch.store import runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.model import Area

    Sinkwatch = Callable[..., Any]

ROCK = (
    "BGS's map at 1:625 000 shows here: Example Group, mudstone (bedrock). At that scale it "
    "cannot locate gypsum."
)
BOREHOLE = (
    "BGS's index lists 1 borehole within 250 m; it is about 40 m (± 85 m) away (SE37SW12, 30 m "
    "deep, 1985). That one was drilled is recorded, not what it found."
)
NONE_NEAR = "BGS's index lists no borehole within 250 m."

KEPT = {
    "bgs-rocks": Record(
        key="bedrock/1",
        said={
            "layer": "bedrock",
            "name": "EXAMPLE GROUP",
            "rock": "MUDSTONE",
            "period": "PERMIAN",
        },
        geometry=shapely.box(-1.62, 54.06, -1.42, 54.2),
    ),
    "bgs-boreholes": Record(
        key="borehole/12",
        said={
            "reference": "SE37SW12",
            "name": "NORTH ROAD RIPON",
            "length_m": 30.0,
            "year": 1985.0,
            "position_uncertainty_m": 10.0,
            "url": None,
            "easting": 431_619.0,
            "northing": 471_829.0,
        },
        geometry=shapely.Point(-1.5175, 54.1413),
    ),
}
"""What a run has kept of BGS: one rock beneath all of Ripon, one borehole by the auction mart."""


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that has asked BGS before."""
    monkeypatch.chdir(tmp_path)
    Path("sinkwatch.toml").write_text('contact = "operator@council.test"\n')
    services = open_services()
    errand = Errand(area=services.area, folder=services.snapshots(), now=services.clock())
    with services.store() as store, store.begin() as connection:
        for spec in services.area.sources:
            if spec.name in KEPT:
                content = bgs_records.dumped([KEPT[spec.name]])
                runs.hold(
                    connection, snapshots.answered(spec, errand, content, ".geojson", url="peer")
                )


class TestCheck:
    def test_the_auction_mart_is_high_with_every_reason(self, sinkwatch: Sinkwatch) -> None:
        answer = sinkwatch("check", "auction-mart", "--json")
        assert answer.code == 0
        found = answer.json
        assert found["band"] == "high"
        texts = {
            code: [r["text"] for r in found["reasons"] if r["code"] == code]
            for code in ("ground", "sinkhole", "left_out", "edition", "position")
        }
        assert "gypsum belt" in texts["ground"][0]
        assert "± 500 m" in texts["ground"][0]
        assert "17 February 2014" in texts["sinkhole"][0]
        assert "about 80 m (± 170 m)" in texts["sinkhole"][0]
        assert "Source: BGS" in texts["sinkhole"][0]
        assert "9 November 2016" in texts["sinkhole"][1]
        assert "about 120 m (± 170 m)" in texts["sinkhole"][1]
        assert "Source: BBC News" in texts["sinkhole"][1]
        assert any("known only to within 5 km" in text for text in texts["left_out"])
        assert all("Source: " in text for text in texts["left_out"])
        assert len(texts["edition"]) == 3

    @pytest.mark.parametrize(
        ("place", "kind"),
        [
            ("HG4 1HS", "postcode"),
            ("431600,471745", "position"),
            ("54.1402,-1.5201", "position"),
            ("SE 318 726", "position"),
            ("auction-mart", "site"),
        ],
    )
    def test_every_way_of_naming_a_place_is_answered_in_one_form(
        self, sinkwatch: Sinkwatch, place: str, kind: str
    ) -> None:
        found = sinkwatch("check", place, "--json").json
        assert found["place"]["kind"] == kind
        assert set(found) == set(sinkwatch("check", "auction-mart", "--json").json)

    def test_the_same_point_in_two_systems_gets_the_same_answer(self, sinkwatch: Sinkwatch) -> None:
        by_degrees = sinkwatch("check", "54.1402000,-1.5201000", "--json").json
        metres = "{easting},{northing}".format(**by_degrees["place"])
        by_metres = sinkwatch("check", metres, "--json").json
        assert by_metres["band"] == by_degrees["band"]
        for one, other in zip(by_metres["reasons"], by_degrees["reasons"], strict=True):
            for name in ("distance_m", "uncertainty_m"):
                if name in one["facts"]:
                    assert one["facts"][name] == pytest.approx(other["facts"][name], abs=0.01)

    @pytest.mark.parametrize("place", ["YO1 7HH", "530000,180000", "51.5,-0.1"])
    def test_a_place_outside_is_not_assessed_and_no_error(
        self, sinkwatch: Sinkwatch, place: str
    ) -> None:
        answer = sinkwatch("check", place, "--json")
        assert answer.code == 0
        assert answer.json["band"] == "not_assessed"

    @pytest.mark.parametrize(
        ("place", "says"),
        [
            ("HG4 9ZZ", "HG4 9ZZ: is not in the list of postcodes held (edition 2014-08)"),
            ("471745,431600", "If you meant that, write 431600,471745"),
            ("nan,471745", "a coordinate must be a finite number"),
            ("10,10", "outside Great Britain"),
            ("auction-mort", "close to it are auction-mart"),
            ("", "a place must be named"),
            ("SE 318 7267", "as many figures east as north"),
        ],
    )
    def test_words_that_name_no_place_are_refused_in_one_line(
        self, sinkwatch: Sinkwatch, place: str, says: str
    ) -> None:
        answer = sinkwatch("check", place)
        assert answer.code == 2
        assert answer.out == ""
        assert says in answer.err
        assert answer.err.count("\n") == 1

    def test_nothing_is_written_by_asking(self, sinkwatch: Sinkwatch, tmp_path: Path) -> None:
        sinkwatch("check", "HG4 1HS")
        assert list(tmp_path.iterdir()) == []

    def test_a_question_waits_for_no_library_that_it_does_not_need(self) -> None:
        words = (
            "import sys; from sinkwatch import questions; from sinkwatch.services import "
            "open_services; questions.check(open_services(), 'HG4 1HS'); print(*sys.modules)"
        )
        loaded = subprocess.run(
            [sys.executable, "-c", words], check=True, capture_output=True, text=True
        ).stdout.split()
        assert "geopandas" in loaded
        assert not {"sqlalchemy", "folium", "matplotlib", "requests", "jinja2"} & set(loaded)

    def test_people_get_the_band_the_reasons_and_the_limits(self, sinkwatch: Sinkwatch) -> None:
        lines = sinkwatch("check", "HG4 1HS").out
        assert lines.startswith("HG4 1HS: High\n")
        assert "not a survey or advice about a property" in " ".join(lines.split())

    def test_a_band_table_with_a_hole_is_refused(
        self,
        sinkwatch: Sinkwatch,
        tmp_path: Path,
        ripon: Area,
    ) -> None:
        folder = ripon.sources[0].path.parent
        area = (folder / "area.toml").read_text()
        area = area.replace('"../bands.toml"', '"bands.toml"')
        (tmp_path / "area.toml").write_text(area)
        table = (folder.parent / "bands.toml").read_text()
        (tmp_path / "bands.toml").write_text(table.replace(', "none_identified"]', "]"))
        (tmp_path / "sinkwatch.toml").write_text('area = "area.toml"\n')
        answer = sinkwatch("check", "auction-mart")
        assert answer.code == 2
        assert "class A has 3 bands for 3 rings" in answer.err
        assert answer.err.count("\n") == 1

    def test_what_surrounds_a_place_is_told_to_people_and_programs(
        self, sinkwatch: Sinkwatch, kept: None
    ) -> None:
        del kept
        found = sinkwatch("check", "auction-mart", "--json").json
        assert found["context"] == [ROCK, BOREHOLE]
        lines = " ".join(sinkwatch("check", "auction-mart").out.split())
        assert f"Around it: - {ROCK} - {BOREHOLE} - " in lines

    def test_no_band_and_no_reason_rests_on_it(
        self, sinkwatch: Sinkwatch, kept: None, tmp_path: Path
    ) -> None:
        del kept
        told = sinkwatch("check", "HG4 1HS", "--json").json
        (tmp_path / "var" / "sinkwatch.db").unlink()
        bare = sinkwatch("check", "HG4 1HS", "--json").json
        assert (bool(told.pop("context")), bare.pop("context")) == (True, [])
        assert told == bare

    def test_where_nobody_looked_it_is_not_said_that_there_is_no_borehole(
        self, sinkwatch: Sinkwatch, kept: None
    ) -> None:
        del kept
        assert sinkwatch("check", "433600,475000", "--json").json["context"][1] == NONE_NEAR
        for outside in ("530000,180000", "YO1 7HH"):
            assert sinkwatch("check", outside, "--json").json["context"] == []

    def test_without_surroundings_nothing_is_said_of_them(self, sinkwatch: Sinkwatch) -> None:
        assert "Around it" not in sinkwatch("check", "HG4 1HS").out


class TestAssess:
    def points(self, path: Path, n: int, *, swapped: bool = False) -> list[dict[str, str]]:
        draw = random.Random(7)  # noqa: S311 - positions, not secrets
        rows = [
            {
                "id": f"{number:04d}",
                "easting": f"{draw.uniform(424_000, 439_000):.2f}",
                "northing": f"{draw.uniform(463_000, 490_000):.2f}",
            }
            for number in range(n)
        ]
        if swapped:
            rows = [{**r, "easting": r["northing"], "northing": r["easting"]} for r in rows]
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["id", "easting", "northing"])
            writer.writeheader()
            writer.writerows(rows)
        return rows

    def test_every_row_comes_back_with_the_answer_that_check_gives(
        self, sinkwatch: Sinkwatch, tmp_path: Path
    ) -> None:
        rows = self.points(tmp_path / "in.csv", 200)
        answer = sinkwatch("assess", "in.csv", "out.csv", "--json")
        assert answer.code == 0
        assert answer.json["rows"] == 200
        assert sum(answer.json["bands"].values()) == 200
        with (tmp_path / "out.csv").open(newline="") as file:
            written = list(csv.DictReader(file))
        assert [{k: row[k] for k in ("id", "easting", "northing")} for row in written] == rows
        for row in written[::40]:
            found = sinkwatch("check", f"{row['easting']},{row['northing']}", "--json").json
            assert row["band"] == found["band"]
            assert row["sinkhole_id"] == (found["sinkhole_id"] or "")

    def test_people_get_the_count_of_each_band(self, sinkwatch: Sinkwatch, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_text("easting,northing\n431579,471829\n,\n")
        lines = sinkwatch("assess", "in.csv", "out.csv").out.splitlines()
        assert lines[0] == "2 rows written to out.csv"
        assert lines[-1] == "  1 rows have no usable position; kept, not assessed"

    def test_a_file_that_is_there_is_not_replaced_unasked(
        self, sinkwatch: Sinkwatch, tmp_path: Path
    ) -> None:
        self.points(tmp_path / "in.csv", 3)
        (tmp_path / "out.csv").write_text("mine")
        answer = sinkwatch("assess", "in.csv", "out.csv")
        assert answer.code == 2
        assert "add --overwrite" in answer.err
        assert (tmp_path / "out.csv").read_text() == "mine"
        assert sinkwatch("assess", "in.csv", "out.csv", "--overwrite").code == 0

    def test_a_folder_is_brought_up_to_date(self, sinkwatch: Sinkwatch, tmp_path: Path) -> None:
        self.points(tmp_path / "in.csv", 20)
        assert sinkwatch("assess", "in.csv", "out").code == 0
        answer = sinkwatch("assess", "in.csv", "out", "--update", "--json")
        assert (answer.code, answer.json["rows"]) == (0, 20)
        assert answer.json["updated"] == {"looked_at": 0, "changed": 0, "parts": 0}
        lines = sinkwatch("assess", "in.csv", "out", "--update").out.splitlines()
        assert lines[0] == "20 rows are up to date in out"
        assert lines[-1] == (
            "  0 rows were assessed again, 0 have another answer, 0 parts were written anew"
        )
        answer = sinkwatch("assess", "in.csv", "out", "--update", "--uncertainty-m", "11")
        assert answer.code == 2
        assert "was made with uncertainty_m 10.0, not 11.0" in answer.err

    def test_exchanged_axes_are_refused_and_nothing_is_written(
        self, sinkwatch: Sinkwatch, tmp_path: Path
    ) -> None:
        self.points(tmp_path / "in.csv", 50, swapped=True)
        answer = sinkwatch("assess", "in.csv", "out.csv")
        assert answer.code == 2
        assert "their two axes exchanged" in answer.err
        assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]

    def test_a_truncated_file_is_refused_and_nothing_is_written(
        self, sinkwatch: Sinkwatch, tmp_path: Path
    ) -> None:
        (tmp_path / "in.csv").write_text("easting,northing\n431579,471829\n431580")
        answer = sinkwatch("assess", "in.csv", "out.csv")
        assert answer.code == 2
        assert "cannot be read to its end" in answer.err
        assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]

    def test_rows_in_another_system_are_told(self, sinkwatch: Sinkwatch, tmp_path: Path) -> None:
        rows = "431579,471829\n" * 19 + "471829,431579\n"
        (tmp_path / "in.csv").write_text(f"easting,northing\n{rows}")
        lines = sinkwatch("assess", "in.csv", "out.csv").out.splitlines()
        assert lines[-1].startswith("  1 rows would lie in the area if they were read otherwise")
        assert sinkwatch("assess", "in.csv", "out2.csv", "--json").json["misread"] == 1

    def test_a_log_gets_one_line_at_the_start_and_one_at_the_end(
        self, sinkwatch: Sinkwatch, tmp_path: Path
    ) -> None:
        self.points(tmp_path / "in.csv", 3)
        begun, ended = sinkwatch("assess", "in.csv", "out.csv").err.splitlines()
        assert begun == "assess in.csv: begun"
        assert re.fullmatch(r"assess in.csv: 3 rows in \d+\.\d s, \d+ rows/s", ended)

    def test_every_option_reaches_the_work(self, sinkwatch: Sinkwatch, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_text("id,easting,northing\n7,431579,471829\n8,1,2\n")
        words = ("--columns", "id, easting", "--only-flagged", "--uncertainty-m", "300")
        assert sinkwatch("assess", "in.csv", "out.csv", *words).code == 0
        told = json.loads((tmp_path / "out.csv.manifest.json").read_text())
        assert (told["columns"], told["uncertainty_m"]) == (["id", "easting"], 300.0)
        assert (told["only_flagged"], told["rows"]) == (True, 2)
        answer = sinkwatch("assess", "in.csv", "out2.csv", "--layer", "x")
        assert (answer.code, "--layer x: cannot be chosen" in answer.err) == (2, True)

    def test_where_there_is_a_terminal_rows_and_their_speed_are_shown(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "120"}.items():
            monkeypatch.setenv(name, value)
        with progress.rows("assess in.csv") as count:
            for done in range(0, 3_000, 1_000):
                count(done, 3_000)
                time.sleep(0.01)
        shown = capsys.readouterr().err
        assert "2,000 rows" in shown
        assert "rows/s" in shown
