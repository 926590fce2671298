"""Copies of files: what vouches for them, and what cannot be kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sinkwatch.errors import SourceError
from sinkwatch.sources import snapshots
from tests.sources.samples import NOW, a_spec, an_errand

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sources.conftest import Write


def packaged(write: Write, **described: object) -> Path:
    resource = {"path": "planning.csv", **described}
    write("datapackage.json", json.dumps({"resources": [{"data": []}, resource]}))
    return write("planning.csv", "reference\n1\n")


def test_only_a_file_that_its_package_describes_ships_with_it(write: Write) -> None:
    path = write("other.csv", "a\n")
    assert not snapshots.ships(a_spec("applications", path))
    packaged(write)
    assert not snapshots.ships(a_spec("applications", path))
    assert snapshots.ships(a_spec("applications", path.with_name("planning.csv")))
    assert not snapshots.ships(a_spec("applications", None))


def test_the_area_file_goes_before_the_package(write: Write) -> None:
    path = packaged(write, edition="1", licenses=[{"title": "OGL"}], attribution="© A")
    spec = a_spec("applications", path, edition="2", licence="CC BY", attribution="© B")
    snapshot = snapshots.in_place(spec, now=NOW)
    assert (snapshot.edition, snapshot.licence, snapshot.attribution) == ("2", "CC BY", "© B")


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"name": "x"}', '{"resources": [1]}', '{"resources": 7}']
)
def test_a_package_that_cannot_be_understood_vouches_for_nothing(
    write: Write, content: str
) -> None:
    path = write("planning.csv", "reference\n1\n")
    write("datapackage.json", content)
    with pytest.raises(SourceError, match=r"datapackage\.json cannot be understood"):
        snapshots.in_place(a_spec("applications", path), now=NOW)


@pytest.mark.parametrize("written", ["md5:d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204"])
def test_a_hash_that_is_not_sha_256_vouches_for_nothing(write: Write, written: str) -> None:
    path = packaged(write, hash=written)
    with pytest.raises(SourceError, match=r"Write its SHA-256 there: sha256:[0-9a-f]{64}"):
        snapshots.in_place(a_spec("applications", path), now=NOW)


def test_a_retrieval_date_that_is_none_is_refused(write: Write) -> None:
    path = packaged(write, retrieved="last May")
    with pytest.raises(SourceError, match="was retrieved on last May, which is no date"):
        snapshots.in_place(a_spec("applications", path), now=NOW)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot be read \(Is a directory\)"):
        snapshots.in_place(a_spec("applications", tmp_path), now=NOW)


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "MOST_BYTES", 10)
    path = write("planning.csv", "reference\n1\n")
    with pytest.raises(SourceError, match="is larger than 10 bytes"):
        snapshots.in_place(a_spec("applications", path), now=NOW)


def test_a_folder_that_cannot_be_written_is_a_failure_that_names_it(
    write: Write, folder: Path
) -> None:
    folder.parent.mkdir()
    folder.write_text("a file where the folder should be")
    spec = a_spec("applications", write("planning.csv", "reference\n1\n"))
    with pytest.raises(SourceError, match=rf"{folder / 'applications'} cannot be written"):
        snapshots.take(spec, an_errand(folder))


def test_a_copy_appears_only_when_it_is_whole(write: Write, folder: Path) -> None:
    spec = a_spec("applications", write("planning.csv", "reference\n1\n"))
    taken = snapshots.take(spec, an_errand(folder))
    taken.path.unlink()
    # What the copy is moved over cannot be replaced: the move fails after all was written.
    (taken.path / "in the way").mkdir(parents=True)
    with pytest.raises(SourceError, match="cannot be written"):
        snapshots.take(spec, an_errand(folder))
    assert list(taken.path.parent.iterdir()) == [taken.path]
