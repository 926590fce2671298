"""A table that is quoted has the right ratios in it, whichever runs it is put together from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.benchmarks import tables
from tests.benchmarks.tables import Measured

if TYPE_CHECKING:
    from pathlib import Path

OURS = Measured(
    rows=1_000_000,
    order="register",
    program=tables.OURS,
    wall_s=2.0,
    cpu_s=4.0,
    n_bytes=500_000_000,
    own_wall_s=2.0,
    own_cpu_s=4.0,
)
PEER = replace(OURS, program="DuckDB spatial", wall_s=9.0, cpu_s=24.0, n_differ=3, version="1.5")


def written(*found: Measured) -> str:
    return tables.markdown({measured.key: measured for measured in found}, "today")


def test_results_are_kept_line_by_line_and_the_last_of_each_counts(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    assert tables.read(path) == {}
    for measured in (OURS, PEER, replace(PEER, wall_s=8.0, stages={"index": 1.5})):
        tables.keep(measured, path)
    kept = tables.read(path)
    assert list(kept.values()) == [OURS, replace(PEER, wall_s=8.0, stages={"index": 1.5})]


def test_results_that_nobody_wants_kept_are_not() -> None:
    tables.keep(OURS, None)
    assert tables.read(None) == {}


def test_a_ratio_is_that_of_one_run_though_we_were_measured_again_since() -> None:
    text = written(replace(OURS, wall_s=1.0, own_wall_s=1.0), PEER)
    assert "| sinkwatch | 1.00 | 4.00 | 1.00 | 1.00 | 500 |  |" in text
    assert "| DuckDB spatial | 9.00 | 24.00 | 4.50 | 6.00 | 500 | 3 |" in text
    assert "DuckDB spatial 1.5" in text.splitlines()[0]
    assert "1,000,000 rows a second" in text


def test_programs_stand_by_the_time_that_they_take_below_decoding_and_us() -> None:
    usual = replace(OURS, program=tables.USUAL, cpu_s=9.0, version="1.2")
    tuned = replace(OURS, program="geopandas, tuned", cpu_s=0.5, wall_s=0.01, version="1.2")
    gone = Measured(rows=1_000_000, order="register", program="SedonaDB", why="not installed")
    decode = replace(OURS, program=tables.DECODING)
    text = written(gone, usual, tuned, OURS, decode)
    named = [line.split("|")[1].strip() for line in text.splitlines() if "| " in line][2:7]
    assert named == [tables.DECODING, tables.OURS, tuned.program, tables.USUAL, gone.program]
    assert "| geopandas, tuned | 0.0100 | 0.50 |" in text
    assert text.splitlines()[0].count("geopandas 1.2") == 1


def test_what_was_not_measured_is_named_with_the_reason() -> None:
    gone = Measured(rows=1_000_000, order="register", program="SedonaDB", why="did not finish")
    assert "| SedonaDB | did not finish |" in written(OURS, gone)


def test_decoding_and_the_arrays_are_told_beside_the_table() -> None:
    decode = replace(OURS, program=tables.DECODING, wall_s=0.5, cpu_s=0.5)
    arrays = replace(OURS, program=tables.ARRAYS, stages={"index": 1.25})
    text = written(decode, arrays, OURS)
    assert "4.0 × as long as decoding the input alone (8.0 × the processor time)" in text
    assert "processor time: index 1.25 s" in text
    assert "| the arrays alone |" not in text


def test_growth_is_against_a_million_rows_and_only_of_what_has_both() -> None:
    most = replace(OURS, rows=41_000_000, wall_s=41.0, cpu_s=164.0)
    text = written(OURS, PEER, most)
    assert "| program | 41 × the rows |" in text
    assert "| sinkwatch | 20.5 × (41.0 ×) |" in text
    assert text.count("DuckDB spatial |") == 1  # in its table alone


def test_geopandas_is_compared_by_the_row_there_and_at_the_most() -> None:
    usual = replace(OURS, program=tables.USUAL, wall_s=20.0, cpu_s=20.0)
    most = replace(OURS, rows=10_000_000, wall_s=10.0, cpu_s=10.0)
    text = written(OURS, usual, most)
    assert "geopandas takes 20.00 µs a row (20.00 µs of processor time)" in text
    assert "| 1,000,000 | 2.00 | 4.00 | 10.0 | 5.0 |" in text
    assert "| 10,000,000 | 1.00 | 1.00 | 20.0 | 20.0 |" in text


def test_the_two_orders_of_a_file_have_tables_of_their_own() -> None:
    text = written(OURS, replace(OURS, order="random"))
    assert text.index("order of a register") < text.index("random order")
    assert text.count("| sinkwatch |") == 2
