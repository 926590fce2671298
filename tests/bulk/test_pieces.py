"""Every row kept as it was, with the answer that one row alone gets."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from sinkwatch import bulk, explain, geo, survey
from sinkwatch.bulk.formats import comma_separated, geoparquet
from sinkwatch.errors import SchemaError
from sinkwatch.model import Band
from tests import world
from tests.bulk.files import (
    ADDED,
    DEFAULT_M,
    ELSEWHERE,
    MART,
    Assess,
    a_file,
    random_positions,
    read,
    refused,
)
from tests.reference import Answer, Reference

if TYPE_CHECKING:
    from sinkwatch.model import Area, Findings, Inputs


def as_cells(answer: Answer) -> dict[str, str]:
    return {
        "band": answer.band.key,
        "geology_class": answer.geology.name.replace("OUTSIDE", "outside"),
        "scored_as": answer.scored_as.name.replace("OUTSIDE", "outside"),
        "sinkhole_id": answer.sinkhole_id or "",
        "n_features": str(answer.n_features),
        "check_record": str(answer.check_record).lower(),
    }


def test_10_000_random_rows_have_the_answers_that_the_rules_give_each_alone(
    run: Assess, given: Path, made: Path, ripon: Area, ripon_findings: Findings
) -> None:
    everywhere = zip(*(axis.tolist() for axis in random_positions(5_000, ripon)), strict=True)
    in_town = np.random.default_rng(2).uniform(-1_500, 1_500, (5_000, 2)) + MART
    positions = [*everywhere, *in_town.tolist()]
    known_to = np.random.default_rng(3).choice(["", "10", "100", "0", "350.5"], 10_000)
    lines = [f"{e!r},{n!r},{u}" for (e, n), u in zip(positions, known_to, strict=True)]
    given.write_text("\n".join(["easting,northing,position_uncertainty_m", *lines]))
    report = run(given, made)
    reference = Reference(ripon_findings.zones, ripon_findings.sinkholes, ripon.parameters)
    rows = read(made)
    for (easting, northing), known, row in zip(positions, known_to, rows, strict=True):
        answer = reference.answer(easting, northing, float(known or 0) or DEFAULT_M)
        assert as_cells(answer).items() <= row.items()
        for name, value in (
            ("sinkhole_distance_m", answer.distance_m),
            ("sinkhole_uncertainty_m", answer.uncertainty_m),
        ):
            assert row[name] == "" if value is None else abs(float(row[name]) - value) <= 0.00501
    assert report == bulk.BulkReport(
        n_rows=10_000, n_written=10_000, n_unplaced=0, bands=_counted(row["band"] for row in rows)
    )
    # No record of Ripon is placed well enough for the highest band.
    assert {band for band, n in report.bands.items() if not n} == {Band.VERY_HIGH}


def _counted(keys: Any) -> dict[Band, int]:  # noqa: ANN401 - any iterable of text
    found = Counter(keys)
    return {band: found[band.key] for band in sorted(Band, reverse=True)}


def test_metres_and_degrees_of_one_place_get_one_answer(
    run: Assess, given: Path, made: Path, ripon: Area
) -> None:
    easting, northing = random_positions(500, ripon)
    longitude, latitude = geo.to_wgs84(easting, northing)
    pd.DataFrame({"easting": easting, "northing": northing}).to_csv(given, index=False)
    run(given, made)
    in_metres = read(made)
    pd.DataFrame({"Latitude": latitude, "Longitude": longitude}).to_csv(given, index=False)
    run(given, made)
    for one, other in zip(in_metres, read(made), strict=True):
        same = [name for name in ADDED if not name.startswith("sinkhole_d")]
        assert [one[name] for name in same] == [other[name] for name in same]


@pytest.mark.parametrize(
    "titles",
    [
        "easting,northing",
        "Easting , NORTHING",
        "X_COORDINATE,Y_COORDINATE",
        "easting,northing,lon,lat",
    ],
)
def test_the_usual_names_of_the_axes_are_known(
    run: Assess, given: Path, made: Path, titles: str
) -> None:
    more = ",9,9" if "lon" in titles else ""
    given.write_text(f"{titles}\n{MART[0]},{MART[1]}{more}\n")
    assert run(given, made).bands[Band.HIGH] == 1


@pytest.mark.parametrize("cell", ["", "nan", "inf", "-inf", "about 431579", "431,579"])
def test_a_row_without_a_position_is_kept_counted_and_not_assessed(
    run: Assess, given: Path, made: Path, cell: str
) -> None:
    given.write_text(f'easting,northing,id\n"{cell}",471829,a\n431579,471829,b\n')
    report = run(given, made)
    lost, found = read(made)
    assert (lost["easting"], lost["id"], lost["band"]) == (cell, "a", "not_assessed")
    assert (lost["geology_class"], lost["sinkhole_id"], lost["sinkhole_distance_m"]) == (
        "outside",
        "",
        "",
    )
    assert found["band"] == "high"
    assert (report.n_rows, report.n_unplaced) == (2, 1)
    assert report.bands[Band.NOT_ASSESSED] == 1


def test_a_row_far_outside_is_placed_and_not_assessed(run: Assess, given: Path, made: Path) -> None:
    given.write_text(f"easting,northing\n{ELSEWHERE[0]},{ELSEWHERE[1]}\n")
    report = run(given, made)
    assert (report.n_unplaced, report.bands[Band.NOT_ASSESSED]) == (0, 1)


@pytest.mark.parametrize("cell", ["", "0", "-5", "nan", "inf", "some"])
def test_an_uncertainty_that_says_nothing_is_the_default(
    run: Assess, given: Path, made: Path, cell: str
) -> None:
    given.write_text(f"easting,northing\n{MART[0]},{MART[1]}\n")
    run(given, made)
    (plain,) = read(made)
    given.write_text(f"easting,northing,Position_Uncertainty_m\n{MART[0]},{MART[1]},{cell}\n")
    run(given, made)
    (row,) = read(made)
    assert {name: row[name] for name in ADDED} == {name: plain[name] for name in ADDED}


def test_rows_pass_in_pieces_and_none_is_lost_between_them(
    run: Assess, given: Path, made: Path, ripon: Area, monkeypatch: pytest.MonkeyPatch
) -> None:
    easting, northing = random_positions(2_000, ripon)
    frame = pd.DataFrame(
        {
            "id": range(2_000),
            "note": 'two\nlines, "quoted"',
            "easting": easting,
            "northing": northing,
        }
    )
    frame.to_csv(given, index=False)
    run(given, made)
    whole = made.read_bytes()
    monkeypatch.setattr(comma_separated, "BLOCK_BYTES", 5_000)
    done: list[int] = []
    run(given, made, done.append)
    assert made.read_bytes() == whole
    assert len(done) > 20
    assert done == sorted(set(done))
    assert done[-1] == 2_000


@pytest.mark.parametrize("titles", ["northing,easting", "latitude,longitude"])
def test_exchanged_axes_are_refused(run: Assess, given: Path, made: Path, titles: str) -> None:
    first, second = MART if "easting" in titles else (-1.51811846, 54.14134578)
    rows = f"{first},{second}\n" * 3
    given.write_text(f"{titles}\n{rows}")
    message = refused(run, given, made)
    assert "3 of 3 rows would lie in the area with their two axes exchanged" in message
    assert "Exchange the two columns" in message


def test_one_exchanged_row_among_many_is_kept_and_not_assessed(
    run: Assess, given: Path, made: Path
) -> None:
    rows = "431579,471829\n" * 19 + "471829,431579\n"
    given.write_text(f"easting,northing\n{rows}")
    assert run(given, made).bands[Band.NOT_ASSESSED] == 1
    given.write_text(f"easting,northing\n{rows}471829,431579\n")
    assert "2 of 21 rows" in refused(run, given, made)


# ── Rows in another system than the rest ─────────────────────────────────────────────────────


LONGITUDE, LATITUDE = (float(axis[0]) for axis in geo.to_wgs84(*MART))


@pytest.mark.parametrize("source", [".csv", ".parquet", ".gpkg", ".fgb"])
@pytest.mark.parametrize(
    ("declared", "places"),
    [
        (geo.BNG, (LONGITUDE, LATITUDE)),
        (geo.BNG, (LATITUDE, LONGITUDE)),
        (geo.WGS84, MART),
    ],
    ids=["degrees as metres", "degrees as metres, exchanged", "metres as degrees"],
)
def test_a_file_that_is_declared_to_be_what_it_is_not_is_refused(
    run: Assess, tmp_path: Path, source: str, declared: str, places: tuple[float, float]
) -> None:
    given = a_file(tmp_path / f"given{source}", [places] * 3, declared)
    for target in ("made.csv", "made"):
        message = refused(run, given, tmp_path / target)
        assert "3 of 3 rows would lie in the area if metres were taken for degrees" in message
        assert "Name the columns, or declare the CRS, as what they are; nothing was" in message


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("source", [".csv", ".parquet"])
def test_few_rows_in_degrees_are_kept_and_counted_and_more_are_refused_wherever_they_stand(
    run: Assess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    *,
    is_first: bool,
) -> None:
    monkeypatch.setattr(comma_separated, "BLOCK_BYTES", 400)  # some 20 rows
    monkeypatch.setattr(geoparquet, "CHUNK_ROWS", 20)
    order = slice(None, None, -1 if is_first else 1)
    few = ([MART] * 190 + [(LONGITUDE, LATITUDE)] * 10)[order]
    given, made = a_file(tmp_path / f"given{source}", few), tmp_path / "made.csv"
    report = run(given, made)
    assert (report.n_rows, report.n_written, report.n_misread) == (200, 200, 10)
    assert (report.bands[Band.HIGH], report.bands[Band.NOT_ASSESSED]) == (190, 10)
    assert json.loads((tmp_path / "made.csv.manifest.json").read_text())["misread"] == 10
    many = ([MART] * 190 + [(LONGITUDE, LATITUDE)] * 11)[order]
    a_file(given, many)
    assert "11 of" in refused(run, given, made)
    assert len(read(made)) == 200


def test_a_file_whose_length_is_known_is_refused_before_it_is_read_to_its_end(
    run: Assess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geoparquet, "CHUNK_ROWS", 10)
    given = a_file(tmp_path / "given.parquet", [(MART[1], MART[0])] * 100)
    done: list[int] = []
    with pytest.raises(SchemaError, match="10 of 10 rows would lie in the area with their two"):
        run(given, tmp_path / "made.csv", done.append)
    assert not done


def test_flagged_is_what_check_calls_flagged(
    run: Assess, tmp_path: Path, ripon: Area, ripon_inputs: Inputs
) -> None:
    in_town = (np.random.default_rng(8).uniform(-1_500, 1_500, (200, 2)) + MART).tolist()
    given = a_file(tmp_path / "given.csv", in_town, id=range(200))
    run(given, tmp_path / "made.csv", only_flagged=True, uncertainty_m=10.0)
    knowledge = survey.know(ripon, ripon_inputs)
    expected = [
        str(number)
        for number, at in enumerate(in_town)
        if explain.is_flagged(
            explain.place(knowledge, world.a_place(*at, position_uncertainty_m=10.0)),
            ripon.parameters,
        )
    ]
    assert 0 < len(expected) < 200
    assert [row["id"] for row in read(tmp_path / "made.csv")] == expected
