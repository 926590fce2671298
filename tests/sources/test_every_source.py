"""What every kind of source promises, whatever it reads."""

from __future__ import annotations

import hashlib
import json
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sinkwatch import geo
from sinkwatch.errors import DataError, SchemaError, SourceError
from sinkwatch.model import ONLINE_KINDS, Snapshot
from sinkwatch.sources import KINDS, snapshots
from tests.sources.samples import NOW, SAMPLES, Sample, a_spec, an_errand, loaded

if TYPE_CHECKING:
    from tests.sources.conftest import Write


def test_every_kind_that_reads_a_file_is_in_this_suite() -> None:
    assert {sample.kind for sample in SAMPLES} == set(KINDS) - ONLINE_KINDS


# ── Fetch ────────────────────────────────────────────────────────────────────────────────────


def test_a_copy_holds_the_very_bytes_and_says_where_they_came_from(
    each: Sample, taken: Snapshot, folder: Path
) -> None:
    digest = hashlib.sha256(each.content).hexdigest()
    assert taken.path.read_bytes() == each.content
    assert taken == Snapshot(
        source=each.kind,
        path=folder / each.kind / f"{digest[:12]}{Path(each.file).suffix}",
        url=each.file,
        sha256=digest,
        n_bytes=len(each.content),
        retrieved_at=NOW,
        checked_at=NOW,
        edition="",
        licence="",
        attribution="",
    )


def test_the_same_bytes_are_kept_once_and_only_checked_again(
    each: Sample, taken: Snapshot, write: Write, folder: Path
) -> None:
    kept_at = taken.path.stat().st_mtime_ns
    later = NOW + timedelta(days=1)
    again = each.source.fetch(
        a_spec(each.kind, write(each.file, each.content)), an_errand(folder, now=later)
    )
    assert snapshots.seen_again(taken, again) == replace(taken, checked_at=later)
    assert list(taken.path.parent.iterdir()) == [taken.path]
    assert taken.path.stat().st_mtime_ns == kept_at


def test_other_bytes_are_kept_beside_the_first(
    each: Sample, taken: Snapshot, write: Write, folder: Path
) -> None:
    changed = each.content + b"\n"
    new = each.source.fetch(a_spec(each.kind, write(each.file, changed)), an_errand(folder))
    assert (new.path.read_bytes(), taken.path.read_bytes()) == (changed, each.content)
    assert {path.name for path in taken.path.parent.iterdir()} == {new.path.name, taken.path.name}


def test_a_damaged_copy_of_the_same_bytes_is_written_anew(
    each: Sample, taken: Snapshot, write: Write, folder: Path
) -> None:
    taken.path.write_bytes(b"half")
    assert not snapshots.is_whole(taken)
    each.source.fetch(a_spec(each.kind, write(each.file, each.content)), an_errand(folder))
    assert snapshots.is_whole(taken)


def test_what_the_area_file_says_is_kept_with_the_copy(
    each: Sample, write: Write, folder: Path
) -> None:
    spec = a_spec(
        each.kind, write(each.file, each.content), edition="May", licence="OGL", attribution="© X"
    )
    taken = each.source.fetch(spec, an_errand(folder))
    assert (taken.edition, taken.licence, taken.attribution) == ("May", "OGL", "© X")


def test_copies_are_for_their_owner_only(each: Sample, taken: Snapshot) -> None:
    assert stat.S_IMODE(taken.path.parent.stat().st_mode) == 0o700, each.file


def test_a_file_that_is_gone_is_a_failure_that_names_it(
    each: Sample, write: Write, folder: Path
) -> None:
    path = write(each.file, each.content)
    path.unlink()
    with pytest.raises(SourceError, match=rf"{path} cannot be read \(No such file") as refused:
        each.source.fetch(a_spec(each.kind, path), an_errand(folder))
    assert refused.value.source == each.kind
    assert not folder.exists()


@pytest.mark.parametrize("content", [b"", b"\r\n \n"], ids=["no byte", "blank lines"])
def test_an_empty_file_is_a_failure_and_not_an_empty_frame(
    each: Sample, write: Write, folder: Path, content: bytes
) -> None:
    with pytest.raises(SourceError, match="is empty"):
        each.source.fetch(a_spec(each.kind, write(each.file, content)), an_errand(folder))
    assert not folder.exists()


def test_a_source_without_a_file_says_so(each: Sample, folder: Path) -> None:
    with pytest.raises(SourceError, match="no file is named"):
        each.source.fetch(a_spec(each.kind, None), an_errand(folder))


def test_a_file_that_its_data_package_does_not_vouch_for_is_refused(
    each: Sample, write: Write, folder: Path
) -> None:
    path = write(each.file, each.content)
    described = {"path": each.file, "hash": f"sha256:{'0' * 64}"}
    write("datapackage.json", json.dumps({"resources": [described]}))
    digest = hashlib.sha256(each.content).hexdigest()
    rule = f"{path} has SHA-256 {digest[:12]}…, but datapackage.json says 000000000000…"
    with pytest.raises(SourceError, match=rule):
        each.source.fetch(a_spec(each.kind, path), an_errand(folder))
    assert not folder.exists()


def test_what_its_data_package_says_goes_with_a_file_that_it_vouches_for(
    each: Sample, write: Write, folder: Path
) -> None:
    described = {
        "path": each.file,
        "hash": f"sha256:{hashlib.sha256(each.content).hexdigest()}",
        "retrieved": "2026-02-03",
        "edition": "3",
        "licenses": [{"title": "OGL"}, {"title": "CC BY"}],
        "attribution": "© Y",
    }
    write("datapackage.json", json.dumps({"resources": [{"path": "other"}, described]}))
    taken = each.source.fetch(a_spec(each.kind, write(each.file, each.content)), an_errand(folder))
    assert taken.retrieved_at == taken.checked_at == datetime(2026, 2, 3, tzinfo=UTC)
    assert (taken.edition, taken.licence, taken.attribution) == ("3", "OGL, CC BY", "© Y")


# ── Load ─────────────────────────────────────────────────────────────────────────────────────


def test_a_copy_becomes_a_checked_frame_on_the_national_grid(each: Sample, taken: Snapshot) -> None:
    frame = loaded(each, taken)
    assert each.schema.check(frame) is frame
    assert frame.crs == geo.BNG
    east, north, *_ = frame.total_bounds
    assert 424_000 < east < 438_000
    assert 464_000 < north < 478_000


def test_rows_are_ordered_by_key_and_counted_from_0(each: Sample, taken: Snapshot) -> None:
    frame = loaded(each, taken)
    assert tuple(frame[each.schema.key]) == each.keys
    assert list(frame.index) == list(range(len(each.keys)))


def test_loading_leaves_the_copy_as_it_is_and_writes_nothing_beside_it(
    each: Sample, taken: Snapshot
) -> None:
    loaded(each, taken)
    assert snapshots.is_whole(taken)
    assert list(taken.path.parent.iterdir()) == [taken.path]


def test_a_file_is_described_in_place_without_copying_it(each: Sample, write: Write) -> None:
    path = write(each.file, each.content)
    snapshot = snapshots.in_place(a_spec(each.kind, path), now=NOW)
    assert snapshot.path == path
    assert tuple(loaded(each, snapshot)[each.schema.key]) == each.keys
    assert list(path.parent.iterdir()) == [path]


def test_an_ending_in_capitals_is_read_as_well(each: Sample, write: Write) -> None:
    path = write(each.file.upper(), each.content)
    snapshot = snapshots.in_place(a_spec(each.kind, path), now=NOW)
    assert len(loaded(each, snapshot)) == len(each.keys)


def refused(each: Sample, content: bytes, write: Write, folder: Path) -> DataError:
    taken = each.source.fetch(a_spec(each.kind, write(each.file, content)), an_errand(folder))
    with pytest.raises(DataError) as error:
        loaded(each, taken)
    assert each.file in str(error.value)
    return error.value


def test_a_truncated_file_is_refused_whole(each: Sample, write: Write, folder: Path) -> None:
    refused(each, each.truncated(), write, folder)


def test_a_missing_column_is_named(each: Sample, write: Write, folder: Path) -> None:
    error = refused(each, each.without(each.column), write, folder)
    assert isinstance(error, SchemaError)
    assert error.faults == (f"column {each.column} is missing",)


def test_a_picture_is_no_such_file(each: Sample, write: Write, folder: Path) -> None:
    refused(each, b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\xfe", write, folder)


def test_a_copy_that_is_gone_is_an_error_and_not_an_empty_frame(
    each: Sample, taken: Snapshot
) -> None:
    taken.path.unlink()
    assert not snapshots.is_whole(taken)
    with pytest.raises(SchemaError, match="cannot be read"):
        loaded(each, taken)
