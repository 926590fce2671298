"""A table of any size gives every row that is whole, and a word on every one that is not."""

from __future__ import annotations

import io
import logging
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow.csv import InvalidRow

from sinkwatch.errors import SchemaError, SourceError
from sinkwatch.sources.ordnance_survey import csv_stream
from sinkwatch.sources.ordnance_survey.csv_stream import Layout, refuse_share, texts

TABLE: Final = Layout(columns=("a", "b"), has_header=True)
BARE: Final = Layout(columns=("a", "b"), has_header=False)
UNQUOTED: Final = Layout(columns=("a", "b"), has_header=False, is_quoted=False)


def rows_of(content: bytes, layout: Layout = BARE) -> list[tuple[str, ...]]:
    batches = texts(io.BytesIO(content), layout, name="x")
    return [tuple(row.values()) for rows in batches for row in rows.to_pylist()]


@pytest.mark.parametrize(
    ("content", "layout"),
    [
        (b"a,b\n1,\n,2\n", TABLE),
        (b"\xef\xbb\xbfa,b\r\n1,\r\n,2\r\n", TABLE),
        (b"\xef\xbb\xbf1,\r\n,2", BARE),
        (b"1,\r,2\r", BARE),
        (b"1,\n\n\n,2\n", UNQUOTED),
        (b'"1",""\n,"2"\n', BARE),
    ],
    ids=["header", "as OS writes", "bare", "CR", "blank lines", "quoted"],
)
def test_every_cell_is_text_and_an_empty_one_is_empty(content: bytes, layout: Layout) -> None:
    assert rows_of(content, layout) == [("1", ""), ("", "2")]


@pytest.mark.parametrize("cell", ["NaN", "null", "#N/A", "1e999", "true", "2026-11-22", "\0", "é"])
def test_no_cell_is_taken_for_something_else(cell: str) -> None:
    assert rows_of(f"{cell},x\n".encode()) == [(cell, "x")]


def test_only_the_columns_wanted_are_given() -> None:
    layout = Layout(columns=("a", "b", "c"), has_header=False, wanted=("c", "a"))
    assert rows_of(b"1,2,3\n", layout) == [("3", "1")]


def test_quotes_mean_nothing_where_no_cell_is_quoted() -> None:
    assert rows_of(b'"1,2"\n', UNQUOTED) == [('"1', '2"')]


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(["é", "x" * 40, "a,b", 'a"b', " "]))),
    st.integers(64, 300),
)
def test_where_a_block_ends_never_matters(cells: list[tuple[int, str]], block: int) -> None:
    written = [(str(number), text) for number, text in cells] or [("1", "2")]
    lines = [",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) for row in written]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_stream, "BLOCK_BYTES", block)
        assert rows_of("\n".join(lines).encode() + b"\n") == written


def test_lines_that_a_quote_takes_along_are_counted_as_lost() -> None:
    content = b"1,2\n" * 300 + b'"3\n' + b"4,5\n" * 9
    with pytest.raises(SchemaError, match="11 of 311 rows have not 2 cells"):
        rows_of(content + b"6,7\n")


def test_one_row_in_a_hundred_may_be_lost_and_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert len(rows_of(b"1,2\n" * 99 + b"1,2,3\n")) == 99
    assert caplog.messages == [
        "x: left out 1 of 100 rows that have not 2 cells (3 of 2 cells in '1,2,3')"
    ]
    with pytest.raises(SchemaError, match="1 of 99 rows have not 2 cells"):
        rows_of(b"1,2\n" * 98 + b"1,2,3\n")


@pytest.mark.parametrize("ending", [b"1", b'"1', b"1,2,3", "é".encode()])
def test_a_last_row_that_breaks_off_is_a_table_cut_off(ending: bytes) -> None:
    with pytest.raises(SchemaError, match=r"its last row breaks off after \d of 2 cells"):
        rows_of(b"1,2\n" * 300 + ending)


@pytest.mark.parametrize("spoilt", [b"\xff,2\n", b"1,2,\xff\n", b"1,2\n\xc3", b"\xc3\n1,2\n"])
def test_what_is_not_utf_8_is_refused_in_a_whole_row_and_in_a_broken_one(spoilt: bytes) -> None:
    with pytest.raises(SchemaError, match="it is not UTF-8"):
        rows_of(b"1,2\n" * 300 + spoilt)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"a,b\n", b"\xef\xbb\xbf"])
def test_a_table_without_a_row_is_no_answer(content: bytes) -> None:
    with pytest.raises(SchemaError, match="it holds no row"):
        rows_of(content, TABLE)


@pytest.mark.parametrize("header", [b"a", b"a,b,c", b"b,a", b"A,b", b"1,2"])
def test_another_header_is_refused(header: bytes) -> None:
    with pytest.raises(SchemaError, match=f'its first row is "{header.decode()}", not "a,b"'):
        rows_of(header + b"\n1,2\n", TABLE)


class _Failing(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        if not chunk:
            raise SourceError("x", "it is damaged", "Fetch it again")
        return chunk


def test_an_error_while_reading_comes_through_as_it_is() -> None:
    with pytest.raises(SourceError, match="it is damaged"):
        list(texts(_Failing(b"1,2\n"), BARE, name="x"))


def test_so_many_broken_rows_end_the_reading() -> None:
    # Called here by itself too: pyarrow does so in a thread of its own.
    broken = csv_stream._Broken(n_rows=csv_stream.MOST_BROKEN_ROWS - 2)  # noqa: SLF001
    row = InvalidRow(2, 1, None, "1")
    assert [broken.skip(row) for _ in range(3)] == ["skip", "skip", "error"]
    assert broken.example == "1 of 2 cells in '1'"


@pytest.mark.parametrize(("n_bad", "n_rows"), [(0, 0), (0, 9), (5, 100)])
def test_a_share_of_bad_rows_up_to_the_most_is_let_pass(n_bad: int, n_rows: int) -> None:
    refuse_share(n_bad, n_rows, 0.05, "are bad", name="x")


@pytest.mark.parametrize(("n_bad", "n_rows"), [(1, 1), (6, 100), (1, 19)])
def test_a_greater_share_of_bad_rows_is_refused(n_bad: int, n_rows: int) -> None:
    with pytest.raises(SchemaError, match=f"{n_bad} of {n_rows} rows are bad; more than 5%"):
        refuse_share(n_bad, n_rows, 0.05, "are bad", name="x")
