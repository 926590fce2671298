"""CSV: kept to the letter, and refused where a cell would be lost."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.bulk.files import (
    ADDED,
    Assess,
    read,
    refused,
)


def test_a_csv_row_is_kept_to_the_letter_and_in_its_place(
    run: Assess, given: Path, made: Path
) -> None:
    rows = [
        ["id", "easting", "northing", "note", ""],
        ["007", "431579.50", "0471829", 'said "no", then\nleft', ""],
        ["1e5", " 431579 ", "471829", "", "x"],
        ["2026-01-05", "431579", "471829", "NULL", "NaN"],
        ["007", "431579", "471829", "=1+1", "café \u202e"],
    ]
    with given.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    report = run(given, made)
    with made.open(newline="", encoding="utf-8") as file:
        kept = list(csv.reader(file))
    assert [row[:5] for row in kept] == rows
    assert kept[0][5:] == ADDED
    assert {row[5] for row in kept[1:]} == {"high"}
    assert (report.n_rows, report.n_unplaced) == (4, 0)


def test_a_byte_order_mark_crlf_and_blank_lines_make_no_difference(
    run: Assess, given: Path, made: Path
) -> None:
    given.write_bytes(b"\xef\xbb\xbfeasting,northing\r\n\r\n431579,471829\r\n\r\n431000,471000")
    run(given, made)
    assert [row["easting"] for row in read(made)] == ["431579", "431000"]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "it has neither easting and northing nor longitude and latitude once, but nothing"),
        (b"easting,northing\n", "it holds no rows"),
        (b"e,n\n1,2\n", "but e, n. Name the two columns so"),
        (b"easting;northing\n1;2\n", "but easting;northing"),
        (b"easting,northing,Easting\n1,2,3\n", "but easting, northing, Easting"),
        (b"easting,northing,band,check_record\n1,2,,\n", "has a column band, check_record, which"),
        (b"easting,northing,id\n431579,471829,1\n431579,471", "Expected 3 columns, got 2"),
        (b'easting,northing,id\n431579,471829,1\n431579,471829,"a', "unexpected end of data"),
        (b'easting,northing,id\n431579,471829,"a\n431579,471829,b\n', "unexpected end of data"),
        (b"easting,northing,id\n431579,471829,\xff\n", "it cannot be read to its end"),
        ("easting,northing\n1,2\n".encode("utf-16"), "it cannot be read to its end"),
    ],
)
def test_a_csv_file_with_a_fault_is_refused(
    run: Assess, given: Path, made: Path, content: bytes, rule: str
) -> None:
    given.write_bytes(content)
    assert rule in refused(run, given, made)


def test_a_quotation_mark_within_a_cell_is_only_a_mark(
    run: Assess, given: Path, made: Path
) -> None:
    given.write_text('easting,northing,note\n431579,471829,a 5" pipe\n')
    run(given, made)
    assert [row["note"] for row in read(made)] == ['a 5" pipe']
