"""A result in parts: killed at any moment, it goes on to the bytes it would have come to."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pyarrow import parquet

from sinkwatch.bulk import manifest, parts
from sinkwatch.bulk.formats import comma_separated, vector
from sinkwatch.errors import ConfigError, SchemaError
from tests.bulk.files import (
    MART,
    Assess,
    a_file,
    answers,
    random_positions,
    read_back,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sinkwatch.bulk.store import Store
    from sinkwatch.model import Area


def in_groups(path: Path, n_rows: int, ripon: Area, group_rows: int) -> Path:
    """Write GeoParquet in small row groups, each of which comes to be a part."""
    a_file(path, list(zip(*random_positions(n_rows, ripon), strict=True)), id=range(n_rows))
    parquet.write_table(parquet.read_table(path), path, row_group_size=group_rows)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def marks(folder: Path) -> dict[str, tuple[int, int]]:
    """Return what changes where a file is written again."""
    found = {path.name: path.stat() for path in folder.glob("part-*.parquet")}
    return {name: (status.st_ino, status.st_mtime_ns) for name, status in found.items()}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def given(tmp_path: Path, ripon: Area) -> Path:
    return in_groups(tmp_path / "given.parquet", 500, ripon, 100)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return tmp_path / "made"


def test_parts_together_are_the_one_file(run: Assess, given: Path, made: Path) -> None:
    one = made.with_name("one.parquet")
    assert run(given, made) == run(given, one)
    assert len(marks(made)) == 5
    assert read_back(made).equals(read_back(one))


def test_a_row_group_larger_than_a_part_is_several(
    run: Assess, given: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 40)
    run(given, made)
    sizes = [parquet.read_metadata(path).num_rows for path in sorted(made.glob("part-*"))]
    assert sizes == [40, 40, 20] * 5
    assert read_back(made)["id"].tolist() == list(range(500))


@pytest.mark.parametrize("source", [".csv", ".gpkg", ".fgb"])
def test_other_kinds_come_to_parts_as_well_and_go_on_too(  # noqa: PLR0913, PLR0917 - fixtures
    run: Assess,
    tmp_path: Path,
    made: Path,
    ripon: Area,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
) -> None:
    monkeypatch.setattr(comma_separated, "BLOCK_BYTES", 4_000)
    monkeypatch.setattr(vector, "BATCH_ROWS", 100)
    places = list(zip(*random_positions(500, ripon), strict=True))
    given = a_file(tmp_path / f"given{source}", places, id=range(500))
    run(given, made)
    whole = contents(made)
    assert len(whole) > 4
    run(given, made.with_name("one.csv"))
    assert answers(made) == answers(made.with_name("one.csv"))
    halfway(made, given, run)
    run(given, made, overwrite=False)
    assert contents(made) == whole


def halfway(made: Path, given: Path, run: Assess) -> None:
    """Begin anew and stop after two parts, as an interruption does."""
    done: list[int] = []

    def interrupt(n: int) -> None:
        done.append(n)
        if len(done) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(given, made, interrupt)
    assert parts.PLAN in names(made)
    assert parts.MANIFEST not in names(made)


def test_parts_that_are_there_are_not_made_again(run: Assess, given: Path, made: Path) -> None:
    run(given, made)
    whole = contents(made)
    halfway(made, given, run)
    (made / "part-000000000400.parquet").unlink(missing_ok=True)
    (made / "_part-part-000000000400.parquet").write_bytes(b"half")
    before = marks(made)
    assert 2 <= len(before) < 5
    told: list[int] = []
    report = run(given, made, told.append, overwrite=False)
    assert marks(made).items() >= before.items()
    assert contents(made) == whole
    assert told == [100, 200, 300, 400, 500]
    assert report.n_rows == 500


@pytest.mark.parametrize("content", [b"", b"PAR1", bytes(2_000)])
def test_a_part_that_a_cut_in_the_power_has_left_empty_is_made_again(
    run: Assess, given: Path, made: Path, content: bytes
) -> None:
    run(given, made)
    whole = contents(made)
    halfway(made, given, run)
    (made / "part-000000000000.parquet").write_bytes(content)
    run(given, made, overwrite=False)
    assert contents(made) == whole


@pytest.mark.parametrize(
    "change",
    [
        {"uncertainty_m": 99.0},
        {"only_flagged": True},
        {"columns": ("id",)},
        {"layer": "given"},
    ],
)
@pytest.mark.parametrize("is_whole", [True, False])
def test_parts_of_other_work_are_refused_or_replaced_but_never_mixed(
    run: Assess, tmp_path: Path, made: Path, change: dict[str, Any], *, is_whole: bool
) -> None:
    given = a_file(tmp_path / "given.gpkg", [MART] * 3, id=[1, 2, 3])
    run(given, made)
    if not is_whole:
        halfway_of_one(made, given, run)
    before = contents(made)
    with pytest.raises(ConfigError, match=r"is not this work half done.*add --overwrite"):
        run(given, made, overwrite=False, **change)
    assert contents(made) == before
    run(given, made, **change)
    again = made.with_name("again")
    run(given, again, **change)
    assert contents(made) == contents(again)


def halfway_of_one(made: Path, given: Path, run: Assess) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(given, made, interrupt)


def test_parts_of_another_input_are_refused(run: Assess, given: Path, made: Path) -> None:
    halfway(made, given, run)
    os.utime(given, ns=(1, 1))
    with pytest.raises(ConfigError, match="is not this work half done"):
        run(given, made, overwrite=False)


def test_a_source_with_a_fault_leaves_the_earlier_result_as_it_was(
    run: Assess, given: Path, made: Path
) -> None:
    run(given, made)
    before = contents(made)
    other = a_file(given.with_name("other.parquet"), [MART])
    for columns, content in ((("gone",), None), (None, b"PAR1")):
        if content is not None:
            other.write_bytes(content)
        with pytest.raises(SchemaError):
            run(other, made, columns=columns)
        assert contents(made) == before


@pytest.mark.parametrize("was_there", [True, False])
def test_a_fault_in_a_later_part_leaves_nothing_behind(
    run: Assess, given: Path, made: Path, *, was_there: bool
) -> None:
    last = parquet.read_metadata(given).row_group(4).column(0)
    content = bytearray(given.read_bytes())
    content[last.data_page_offset : last.data_page_offset + 40] = bytes(40)
    given.write_bytes(content)
    if was_there:
        made.mkdir()
    done: list[int] = []
    with pytest.raises(SchemaError, match="cannot be read to its end"):
        run(given, made, done.append)
    assert done
    assert made.exists() == was_there
    assert not (was_there and names(made))


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_plan_that_is_damaged_is_that_of_other_work(
    run: Assess, given: Path, made: Path, content: str
) -> None:
    halfway(made, given, run)
    (made / parts.PLAN).write_text(content)
    with pytest.raises(ConfigError, match="is not this work half done"):
        run(given, made, overwrite=False)
    run(given, made)
    assert parts.MANIFEST in names(made)


def test_the_manifest_tells_every_file_and_comes_last(
    run: Assess, given: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write = parts.Store.write_bytes

    def noted(store: Store, name: str, content: bytes) -> None:
        written.append(name)
        write(store, name, content)

    monkeypatch.setattr(parts.Store, "write_bytes", noted)
    report = run(given, made)
    assert (written[0], written[-1]) == (parts.PLAN, parts.MANIFEST)
    told = json.loads((made / parts.MANIFEST).read_text())
    assert told["input"] == manifest.described(given)
    assert told["rows"] == report.n_rows == 500
    assert [each["name"] for each in told["output"]] == sorted(marks(made))
    for each in told["output"]:
        content = (made / each["name"]).read_bytes()
        assert each["bytes"] == len(content)
        assert each["sha256"] == hashlib.sha256(content).hexdigest()
    assert parts.PLAN not in names(made)


# ── Killed ───────────────────────────────────────────────────────────────────────────────────

N_KILLS = 2  # each costs the start of a process
_COMMAND = [sys.executable, "-m", "sinkwatch", "assess", "given.parquet", "made"]


def started(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        _COMMAND, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(
    run: Assess, tmp_path: Path, ripon: Area
) -> None:
    given = in_groups(tmp_path / "given.parquet", 4_000, ripon, 20)
    made = tmp_path / "made"
    # Each is killed once so many more parts are there, so no moment hangs on how fast it is.
    kills = np.random.default_rng(6).integers(5, 60, N_KILLS).tolist()
    there: dict[str, tuple[int, int]] = {}
    for n_more in kills:
        process = started(tmp_path)
        wait_for_parts(made, len(there) + n_more, process)
        process.kill()
        process.wait()
        assert marks(made).items() >= there.items()
        assert parts.MANIFEST not in names(made)
        there = marks(made)
    assert started(tmp_path).wait(60) == 0
    assert marks(made).items() >= there.items()
    assert names(made) == {*marks(made), parts.SQUARES, parts.MANIFEST}
    run(given, tmp_path / "unkilled", uncertainty_m=10.0)
    for path in made.glob("part-*"):
        assert path.read_bytes() == (tmp_path / "unkilled" / path.name).read_bytes()


def wait_for_parts(made: Path, n: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(6_000):
        if len(marks(made)) >= n:
            return
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    pytest.fail("it has not come so far within a minute")
