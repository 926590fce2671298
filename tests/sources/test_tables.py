"""CSV tables of points: each cell as its column promises, or the file refused with the line."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import shapely

from sinkwatch import geo
from sinkwatch.errors import SchemaError
from sinkwatch.sources import tables
from tests.sources.samples import DATA

if TYPE_CHECKING:
    from tests.sources.conftest import Load

KINDS = {
    "sinkholes": tables.SINKHOLES,
    "places": tables.PLACES,
    "postcodes": tables.POSTCODES,
    "cases": tables.CASES,
}


def spoilt(kind: str, line: int, **cells: str) -> str:
    """Return the sample of that kind with some cells of a line changed."""
    rows = list(csv.DictReader(io.StringIO((DATA / f"{kind}.csv").read_text())))
    rows[line - 2] |= cells
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def faults(load: Load, kind: str, content: bytes | str) -> tuple[str, ...]:
    with pytest.raises(SchemaError) as refused:
        load(kind, f"{kind}.csv", content)
    return refused.value.faults


def test_each_cell_is_read_as_its_column_promises(load: Load) -> None:
    frame = load("sinkholes", "sinkholes.csv", (DATA / "sinkholes.csv").read_bytes())
    row = frame.set_index("sinkhole_id").loc["S1"].to_dict()
    assert row.pop("geometry") == shapely.Point(431610.5, 471740)
    assert {name for name, value in row.items() if pd.isna(value)} == {
        "length_m",
        "width_m",
        "source_url",
        "doubts",
    }
    assert (row["counts"], row["position_uncertainty_m"], row["depth_m"]) == (True, 150, 20)
    assert row["date_text"] == "April 1997"
    places = load("places", "places.csv", (DATA / "places.csv").read_bytes())
    assert places["label_rank"].tolist() == [1, 3, 1]
    assert places["label_rank"].dtype == np.int64
    assert places["is_watched"].tolist() == [False, False, True]


def test_further_columns_are_kept_as_text_in_the_order_of_the_file(load: Load) -> None:
    content = (DATA / "sinkholes.csv").read_text()
    frame = load("sinkholes", "sinkholes.csv", content)
    titles = content.splitlines()[0].split(",")
    kept = [name for name in titles if name not in ("easting", "northing")]
    assert list(frame.columns) == [*kept, "geometry"]
    assert frame["doubts"].tolist()[1] == "The Gazette says 9 m, the survey 8 m."


def test_a_column_called_geometry_does_not_stand_for_the_position(load: Load) -> None:
    content = (
        "postcode,easting,northing,position_uncertainty_m,geometry\nSM1 1AA,1,2,9,POINT(7 7)\n"
    )
    frame = load("postcodes", "postcodes.csv", content)
    assert list(frame.geometry) == [shapely.Point(1, 2)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_titles_alone_is_an_empty_frame(load: Load, kind: str) -> None:
    titles = (DATA / f"{kind}.csv").read_text().splitlines()[0]
    frame = load(kind, f"{kind}.csv", f"{titles}\n")
    made = KINDS[kind].empty()
    assert len(frame) == len(made) == 0
    assert made.crs == geo.BNG
    assert frame.crs == geo.BNG
    assert frame.dtypes.loc[made.columns].to_dict() == made.dtypes.to_dict()


@pytest.mark.parametrize(
    ("kind", "cells", "fault"),
    [
        ("places", {"easting": "nan"}, 'line 3: easting "nan" is not a finite number'),
        ("places", {"northing": "inf"}, 'line 3: northing "inf" is not a finite number'),
        ("places", {"easting": ""}, "1 of 3 without geometry: market"),
        ("places", {"is_watched": "yes"}, 'line 3: is_watched "yes" is not true or false'),
        ("places", {"is_watched": ""}, 'line 3: is_watched "" is not true or false'),
        ("places", {"label_rank": "1.5"}, 'line 3: label_rank "1.5" is not a whole number'),
        ("places", {"label_rank": ""}, 'line 3: label_rank "" is not a whole number'),
        ("places", {"label_rank": "12"}, "column label_rank holds 12, outside 1 to 9"),
        ("places", {"place_id": " "}, "line 3: place_id is empty"),
        ("places", {"place_id": "north-road"}, "place_id is repeated: north-road"),
        ("places", {"position_uncertainty_m": ""}, "line 3: position_uncertainty_m is empty"),
        ("cases", {"outcome": "\t"}, "line 3: outcome is empty"),
    ],
)
def test_a_cell_that_breaks_its_promise_is_named(
    load: Load, kind: str, cells: dict[str, str], fault: str
) -> None:
    assert faults(load, kind, spoilt(kind, 3, **cells)) == (fault,)


def test_an_evidence_grade_that_is_none_is_refused_with_those_that_are(load: Load) -> None:
    (fault,) = faults(load, "sinkholes", spoilt("sinkholes", 2, evidence="certain"))
    known = "confirmed, not_an_event, possible, probable"
    assert fault == f"column evidence holds certain, which is none of {known}"


def test_exchanged_axes_are_refused_with_their_lines(load: Load) -> None:
    content = spoilt("postcodes", 3, easting="471900", northing="431260")
    assert faults(load, "postcodes", content) == ("line 3: easting and northing look exchanged",)


def test_lines_are_those_of_the_file_whatever_lies_between(load: Load) -> None:
    content = (
        "postcode,easting,northing,position_uncertainty_m,note\n"
        '\nSM1 1AA,431260,471900,100,"three\nlines\nlong"\n\n'
        "SM1 1AB,about here,471900,100,\n"
        "SM1 1AC,431260,471900\n"
    )
    ragged = "line 8 has 3 of 5 values, as a truncated file has"
    assert faults(load, "postcodes", content) == (ragged,)
    mended = content.replace("SM1 1AC,431260,471900\n", "")
    assert faults(load, "postcodes", mended) == (
        'line 7: easting "about here" is not a finite number',
    )


def test_of_many_faults_the_first_are_told_and_the_rest_counted(load: Load) -> None:
    rows = "".join(f"SM1 {n}AA,x,471900,100\n" for n in range(9))
    given = faults(load, "postcodes", f"postcode,easting,northing,position_uncertainty_m\n{rows}")
    assert given[0] == 'line 2: easting "x" is not a finite number'
    assert (len(given), given[-1]) == (6, "and 4 more")


def test_every_missing_column_is_told_at_once_and_a_double_one_too(load: Load) -> None:
    assert faults(load, "postcodes", "postcode,easting,easting\nSM1 1AA,1,2\n") == (
        "column position_uncertainty_m is missing",
        "column northing is missing",
        "column easting is there twice",
    )


@pytest.mark.parametrize(
    "content",
    [
        "postcode\nSM1 1AA".encode("utf-16"),
        b"postcode,easting,northing,position_uncertainty_m\nSM1\xa01AA,1,2,9\n",
        b'postcode,easting,northing,position_uncertainty_m\n"SM1 1AA"x,1,2,9\n',
    ],
    ids=["utf-16", "latin-1", "quote in the middle"],
)
def test_what_is_no_utf_8_csv_is_refused_in_one_line(load: Load, content: bytes) -> None:
    (fault,) = faults(load, "postcodes", content)
    assert fault.startswith("it cannot be read as UTF-8 CSV (")
