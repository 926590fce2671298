"""Files: whole under their name or not there, and each refusal in plain words."""

from __future__ import annotations

import dataclasses
import errno
import resource
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pyarrow import parquet

from sinkwatch.bulk import formats, manifest
from sinkwatch.bulk.formats import comma_separated
from sinkwatch.errors import ConfigError, SchemaError, SourceError
from tests.bulk.files import (
    ELSEWHERE,
    MART,
    Assess,
    a_file,
    answers,
    nothing_left,
    read,
    read_back,
    refused,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from sinkwatch.bulk.rows import Laid


def test_a_file_may_be_written_over_itself(run: Assess, given: Path) -> None:
    given.write_text(f"easting,northing\n{MART[0]},{MART[1]}\n")
    run(given, given)
    assert [row["band"] for row in read(given)] == ["high"]


def test_what_was_there_before_stays_when_a_later_piece_is_damaged(
    run: Assess, given: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comma_separated, "BLOCK_BYTES", 200)
    made.write_text("made before")
    given.write_text("easting,northing\n" + "431579,471829\n" * 100 + "431579\n")
    done: list[int] = []
    with pytest.raises(SchemaError, match="Expected 2 columns, got 1"):
        run(given, made, done.append)
    assert done
    assert made.read_text() == "made before"
    assert nothing_left(made.parent, given, made)


def test_nothing_is_there_under_the_name_until_all_of_it_is(
    run: Assess, given: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comma_separated, "BLOCK_BYTES", 200)
    given.write_text("easting,northing\n" + "431579,471829\n" * 100)
    seen: list[bool] = []
    run(given, made, lambda _: seen.append(made.exists()))
    assert len(seen) > 2
    assert not any(seen)
    assert nothing_left(made.parent, given, made)


def test_an_interruption_leaves_nothing_behind(run: Assess, given: Path, made: Path) -> None:
    given.write_text(f"easting,northing\n{MART[0]},{MART[1]}\n")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(given, made, interrupt)
    assert nothing_left(made.parent, given)


@pytest.mark.parametrize(
    ("source", "target", "rule"),
    [
        ("a.xlsx", "b.csv", "a.xlsx: its ending names no kind of file that is read. Use one of"),
        ("a", "b.csv", "a: its ending names no kind of file that is read. Use one of .csv (CSV)"),
        ("a.csv", "b.zip", "b.zip: its ending names no kind of file that is written. Use one of"),
    ],
)
def test_other_endings_are_refused(
    run: Assess, tmp_path: Path, source: str, target: str, rule: str
) -> None:
    (tmp_path / source).write_text("easting,northing\n1,2\n")
    assert refused(run, tmp_path / source, tmp_path / target, ConfigError).startswith(rule)


def test_endings_may_be_in_capitals(run: Assess, tmp_path: Path) -> None:
    source = tmp_path / "GIVEN.CSV"
    source.write_text(f"easting,northing\n{MART[0]},{MART[1]}\n")
    assert run(source, tmp_path / "made.csv").n_rows == 1


def test_a_file_that_is_not_there_is_named(run: Assess, given: Path, made: Path) -> None:
    message = refused(run, given, made, ConfigError)
    assert message.startswith(f"{given}: there is no such file")


def test_a_folder_that_is_not_there_is_named(run: Assess, given: Path, tmp_path: Path) -> None:
    given.write_text(f"easting,northing\n{MART[0]},{MART[1]}\n")
    target = tmp_path / "none" / "made.csv"
    assert f"{target.parent}" in refused(run, given, target, ConfigError)


def test_a_file_in_place_of_a_folder_is_named(run: Assess, given: Path) -> None:
    given.write_text(f"easting,northing\n{MART[0]},{MART[1]}\n")
    message = refused(run, given, given / "made.csv", ConfigError)
    assert message.startswith(f"{given}: there is no such folder")


def test_a_folder_in_place_of_the_output_is_named(run: Assess, given: Path, made: Path) -> None:
    given.write_text(f"easting,northing\n{MART[0]},{MART[1]}\n")
    made.mkdir()
    (made / "mine").touch()
    with pytest.raises(ConfigError, match=r"holds what sinkwatch has not written: mine"):
        run(given, made)
    assert [path.name for path in made.iterdir()] == ["mine"]


def test_a_full_disk_is_told_and_nothing_is_left(
    run: Assess, given: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given.write_text("easting,northing\n" + "431579,471829\n" * 10_000)
    full = dataclasses.replace(formats.TARGETS[".csv"], write=writes_to_a_full_disk)
    monkeypatch.setitem(formats.TARGETS, ".csv", full)
    message = refused(run, given, made, ConfigError)
    assert "No space left on device" in message


def writes_to_a_full_disk(path: Path, laid: Laid, batches: Iterable[pa.RecordBatch]) -> None:
    path.symlink_to("/dev/full")
    comma_separated.write(path, laid, batches)


@pytest.fixture
def little_room() -> Iterator[None]:
    """Let no file grow beyond 20 kB: what the system then says is what a full disk says."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("target", [".csv", ".parquet", ".gpkg", ".fgb"])
@pytest.mark.parametrize("source", [".csv", ".gpkg"])
def test_a_disk_that_fills_up_is_told_for_each_kind_and_nothing_is_left(
    run: Assess, tmp_path: Path, request: pytest.FixtureRequest, source: str, target: str
) -> None:
    places = np.random.default_rng(4).uniform(430_000, 432_000, (2_000, 2)).tolist()
    given, made = a_file(tmp_path / f"given{source}", places), tmp_path / f"made{target}"
    made.write_text("made before")
    request.getfixturevalue("little_room")
    message = refused(run, given, made, ConfigError)
    assert message.startswith(f"{made}: cannot be written (")
    assert "Nothing was written. Check that there is room" in message


def test_a_disk_that_fills_up_leaves_the_parts_that_are_whole(
    run: Assess, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    places = np.random.default_rng(4).uniform(430_000, 432_000, (3_000, 2)).tolist()
    given = a_file(tmp_path / "given.parquet", places)
    small = parquet.read_table(given)
    with parquet.ParquetWriter(given, small.schema) as writer:
        writer.write_table(small.slice(0, 50))
        writer.write_table(small.slice(50))
    request.getfixturevalue("little_room")
    made = tmp_path / "made"
    with pytest.raises(ConfigError, match=r"What is done is kept\. Check that there is room"):
        run(given, made, overwrite=False)
    assert "_manifest.json" not in {path.name for path in made.iterdir()}
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (before[1], before[1]))
    assert run(given, made, overwrite=False).n_rows == 3_000
    assert sorted(path.name for path in made.iterdir()) == [
        "_manifest.json",
        "_squares.parquet",
        "part-000000000000.parquet",
        "part-000000000050.parquet",
    ]


def test_a_folder_in_place_of_the_input_is_named(run: Assess, tmp_path: Path) -> None:
    (tmp_path / "given.csv").mkdir()
    message = refused_of_folder(run, tmp_path / "given.csv", tmp_path / "made.csv")
    assert message.startswith(f"{tmp_path / 'given.csv'}: is a folder, not a file. Name one file")


def refused_of_folder(run: Assess, source: Path, target: Path) -> str:
    with pytest.raises(ConfigError) as error:
        run(source, target)
    assert not target.exists()
    return str(error.value)


@pytest.mark.parametrize("target", [".csv", ".parquet", ".gpkg", ".fgb", ""])
def test_what_is_there_is_replaced_only_if_asked(run: Assess, tmp_path: Path, target: str) -> None:
    given, made = a_file(tmp_path / "given.csv", [MART] * 3), tmp_path / f"made{target}"
    run(given, made, overwrite=False)
    whole = made.stat().st_mtime_ns
    with pytest.raises(ConfigError, match=r"is there already.*add --overwrite"):
        run(given, made, overwrite=False)
    assert made.stat().st_mtime_ns == whole
    a_file(given, [MART] * 4)
    run(given, made)
    assert len(answers(made)) == 4


def test_a_folder_with_a_file_of_somebody_else_is_never_cleared(
    run: Assess, tmp_path: Path
) -> None:
    given, made = a_file(tmp_path / "given.csv", [MART]), tmp_path / "made"
    run(given, made)
    (made / "notes.txt").write_text("mine")
    (made / "inner").mkdir()
    with pytest.raises(ConfigError, match=r"holds what sinkwatch has not written: inner, notes"):
        run(given, made, overwrite=True)
    assert (made / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".gpkg", ".fgb"])
def test_any_kind_may_be_written_over_itself_once(run: Assess, tmp_path: Path, ending: str) -> None:
    given = a_file(tmp_path / f"given{ending}", [MART, None, ELSEWHERE], id=[5, 6, 7])
    assert "is there already" in refused(run, given, given, ConfigError, overwrite=False)
    run(given, given)
    assert read_back(given)["id"].tolist() == [5, 6, 7]
    assert answers(given)[0][0] == "high"
    again = refused(run, given, given)
    assert "it already has a column band, check_record, geology_class" in again
    assert "leave it out with --columns" in again


def test_a_file_that_may_not_be_read_is_named(
    run: Assess, given: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given.write_text(f"easting,northing\n{MART[0]},{MART[1]}\n")

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ConfigError) as error:
        run(given, made)
    assert str(error.value).startswith(f"{given}: cannot be read (Permission denied). Nothing was")


def test_a_kill_between_file_and_manifest_leaves_no_manifest_of_another_file(
    run: Assess, given: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given.write_text(f"easting,northing\n{MART[0]},{MART[1]}\n")
    run(given, made)
    beside = manifest.beside(made)
    replace = Path.replace

    def killed(path: Path, target: Path) -> Path:
        if target == beside:
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", killed)
    given.write_text(f"easting,northing\n{ELSEWHERE[0]},{ELSEWHERE[1]}\n")
    with pytest.raises(KeyboardInterrupt):
        run(given, made)
    assert not beside.exists()
    assert nothing_left(made.parent, given, made)


def test_a_zip_of_something_else_is_refused(run: Assess, tmp_path: Path) -> None:
    given = tmp_path / "given.zip"
    with zipfile.ZipFile(given, "w") as zipped:
        zipped.writestr("other.csv", "easting,northing\n1,2\n")
    assert "holds no file osopenuprn_*.csv" in refused(run, given, tmp_path / "made.csv")
    with zipfile.ZipFile(given, "w") as zipped:
        zipped.writestr("osopenuprn_202611.csv", "UPRN,X,Y\n1,2,3\n")
    message = refused(run, given, tmp_path / "made.csv")
    assert "its first row is" in message or "UPRN, X_COORDINATE" in message


def test_a_zip_bomb_is_refused_before_it_is_unpacked(run: Assess, tmp_path: Path) -> None:
    given = tmp_path / "given.zip"
    with zipfile.ZipFile(given, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("osopenuprn_202611.csv", "0" * 50_000_000)
    refused(run, given, tmp_path / "made.csv", SourceError)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".gpkg", ".fgb", ""])
def test_a_place_that_cannot_be_written_to_is_named(
    run: Assess, tmp_path: Path, ending: str
) -> None:
    given = a_file(tmp_path / "given.csv", [MART])
    made = Path(f"/proc/made{ending}")  # where nobody may make a file, whatever their rights
    with pytest.raises(ConfigError, match=f"^{made}: cannot be written "):
        run(given, made)
