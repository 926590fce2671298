"""The GeoPackage: what the tables say, in every mapping program, and the same bytes twice."""

from __future__ import annotations

import csv
import io
import subprocess
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest

from sinkwatch import geo, wording
from sinkwatch.model import Surroundings
from sinkwatch.publish import columns, downloads, geopackage, terms
from sinkwatch.publish.kept import Kept
from tests.programs import program
from tests.publish.builders import with_nothing
from tests.surroundings import a_borehole, a_rock, boreholes, rocks

if TYPE_CHECKING:
    from pathlib import Path

    from sinkwatch.model import Findings

TABLES = [layer for layer, file in columns.LAYERS.items() if file.endswith(".csv")]
HELD = Surroundings(rocks=rocks(a_rock()), boreholes=boreholes(a_borehole(2), a_borehole(1)))


@pytest.fixture(autouse=True)
def _everything_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geopackage, "_KEPT", Kept(most=0))


@pytest.fixture(scope="module")
def files(findings: Findings) -> dict[str, bytes]:
    held = replace(findings, surroundings=HELD)
    return {each.name: each.content for each in downloads.gather(held)}


@pytest.fixture(scope="module")
def package(files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "sinkwatch.gpkg"
    path.write_bytes(files["sinkwatch.gpkg"])
    return path


def _text(column: str, value: object) -> str:
    """A cell as the table writes it; some programs read a boolean as 0 or 1."""
    if value is None or value is pd.NA or value != value:  # noqa: PLR0124 - not a number
        return ""
    if columns.kind_of(column) == "boolean":
        return str(bool(value)).lower()
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _place(row: dict[str, str]) -> tuple[float, float] | None:
    return (float(row["easting"]), float(row["northing"])) if row["easting"] else None


@pytest.mark.parametrize("layer", TABLES)
def test_each_layer_says_row_by_row_what_its_table_says(
    files: dict[str, bytes], package: Path, layer: str
) -> None:
    table = files[columns.LAYERS[layer]].decode()
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    read = pyogrio.read_dataframe(package, layer=layer)
    plain = pd.DataFrame(read.drop(columns="geometry", errors="ignore"))
    assert rows
    assert [
        {column: _text(column, value) for column, value in row.items()}
        for row in plain.to_dict("records")
    ] == rows
    if isinstance(read, gpd.GeoDataFrame):
        points = [(point.x, point.y) if point else None for point in read.geometry]
        assert points == [pytest.approx(_place(row)) if _place(row) else None for row in rows]


def test_outlines_are_as_they_were_drawn_on_the_national_grid(
    package: Path, findings: Findings
) -> None:
    read = gpd.read_file(package, layer="zones")
    assert read.crs == geo.BNG
    ordered = findings.zones.sort_values("zone_id", ignore_index=True)
    assert read["zone_id"].tolist() == ordered["zone_id"].tolist()
    assert read.geometry.geom_equals(ordered.geometry).all()
    (rock,) = gpd.read_file(package, layer="regional_geology").to_dict("records")
    assert (rock["layer"], rock["disclaimer"]) == (
        "bedrock",
        "Drawn at 1:625 000: it cannot locate gypsum, and no band rests on it.",
    )


def test_it_says_what_it_is_and_what_it_cannot_say(package: Path, findings: Findings) -> None:
    about = pyogrio.read_dataframe(package, layer="about")
    said = {topic: set(part["said"]) for topic, part in about.groupby("topic")}
    assert {
        wording.disclaimer("gypsum"),
        wording.LIMITS,
        *terms.narrow(findings, terms.CAVEATS),
    } <= said["caveat"]
    for state in wording.bearing(findings.sources):
        if state.snapshot:
            assert any(state.snapshot.licence in text for text in said["source"])
    assert pyogrio.read_info(package, layer="sites")["layer_metadata"] == {
        "IDENTIFIER": "watched sites with their bands and reasons",
        "DESCRIPTION": terms.CAVEATS["sites.csv"],
    }


def test_it_is_the_same_until_its_facts_change(files: dict[str, bytes], findings: Findings) -> None:
    states = tuple(
        replace(
            state,
            snapshot=state.snapshot
            and replace(state.snapshot, checked_at=state.snapshot.checked_at + timedelta(days=9)),
        )
        for state in findings.sources
    )
    later = replace(findings, surroundings=HELD, sources=states)
    again = {each.name: each.content for each in downloads.gather(later)}
    assert again["sinkwatch.gpkg"] == files["sinkwatch.gpkg"]


def test_without_a_row_or_a_source_every_layer_is_there_and_empty(
    findings: Findings, tmp_path: Path
) -> None:
    nothing = replace(with_nothing(findings), sources=())
    path = tmp_path / "nothing.gpkg"
    path.write_bytes(
        next(each.content for each in downloads.gather(nothing) if each.name.endswith(".gpkg"))
    )
    assert set(pyogrio.list_layers(path)[:, 0]) == {
        *columns.LAYERS.keys() - {"boreholes", "regional_geology"},
        "about",
    }
    assert len(gpd.read_file(path, layer="applications")) == 0
    assert pyogrio.read_info(path, layer="sites")["fields"].tolist() == list(
        columns.FILES["sites.csv"]
    )


def test_other_programs_open_it_without_a_warning(package: Path) -> None:
    asked = [program("ogrinfo", "gdal-bin"), "-ro", "-al", "-so", str(package)]
    said = subprocess.run(asked, check=True, capture_output=True, text=True)
    assert said.stderr == ""
    for layer in (*columns.LAYERS, "about"):
        assert f"Layer name: {layer}\n" in said.stdout


def test_what_does_not_fit_its_column_is_kept_as_text(findings: Findings, tmp_path: Path) -> None:
    zones = findings.zones.copy()
    zones["is_official_planning_area"] = pd.Series(["=yes", None, True, 1.5], dtype=object)
    path = tmp_path / "odd.gpkg"
    made = downloads.gather(replace(findings, zones=zones))
    path.write_bytes(next(each.content for each in made if each.name.endswith(".gpkg")))
    read = pyogrio.read_dataframe(path, layer="zones")
    said = dict(zip(read["zone_id"], read["is_official_planning_area"], strict=True))
    expected = dict(zip(zones["zone_id"], ["'=yes", None, "true", "1.5"], strict=True))
    assert {key: None if pd.isna(cell) else cell for key, cell in said.items()} == expected
