"""Packs that lie ready: whole, believed only as far as their bytes bear them out, or not there."""

from __future__ import annotations

import functools
import os
import shutil
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sinkwatch.errors import StoreError
from sinkwatch.packs import manifest, recipe
from sinkwatch.packs.basis import Basis
from sinkwatch.packs.recipe import Order, Recipe, Subject
from sinkwatch.packs.shelf import Shelf
from sinkwatch.publish import release
from tests.world import a_place, an_area

if TYPE_CHECKING:
    from collections.abc import Mapping

A = "a" * 64
B = "b" * 64
FILES: Mapping[str, bytes] = {"evidence.pdf": b"%PDF of us", "map.png": b"PNG"}


@functools.cache
def said(made_on: date = date(2026, 11, 22)) -> bytes:
    made_of = Recipe(
        basis=Basis(area=an_area(), states=()),
        files=(),
        subject=Subject(words="mill-lane", place=a_place(431_000, 471_000)),
        order=Order(),
        made_on=made_on,
        contact="me@holes.org",
        program=recipe.program(),
    )
    return made_of.manifest("Mill Lane", (), FILES).content()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(folder=tmp_path / "maps" / "packs")


def test_what_is_put_there_is_found_with_its_day_and_the_sum_of_each_file(shelf: Shelf) -> None:
    shelf.put(A, said(), FILES)
    kept = shelf.find(A)
    assert kept is not None
    assert kept.made_on == date(2026, 11, 22)
    assert set(kept.files) == {"evidence.pdf", "map.png", "manifest.json"}
    for ready in kept.files.values():
        assert release.sha256_of(ready.path) == ready.sha256
    assert kept.files["manifest.json"].path.read_bytes() == said()


def test_what_is_not_there_is_not_found(shelf: Shelf) -> None:
    assert shelf.find(A) is None
    shelf.put(A, said(), FILES)
    assert shelf.find(B) is None


@pytest.mark.parametrize("name", ["evidence.pdf", "map.png", "manifest.json"])
@pytest.mark.parametrize("damage", ["changed", "gone", "a folder"])
def test_a_pack_that_is_damaged_is_not_found_and_takes_its_place_when_it_is_made_anew(
    shelf: Shelf, name: str, damage: str
) -> None:
    shelf.put(A, said(), FILES)
    (file,) = shelf.folder.glob(f"*/{name}")
    content = file.read_bytes()
    file.unlink()
    if damage == "changed":
        file.write_bytes(content[:-1] + b" ")
    elif damage == "a folder":
        file.mkdir()
    assert shelf.find(A) is None
    shelf.put(A, said(), FILES)
    assert shelf.find(A) is not None
    assert len(list(shelf.folder.glob("[!.]*"))) == 1


def test_a_manifest_whose_sums_were_made_to_fit_is_not_believed(shelf: Shelf) -> None:
    shelf.put(A, said(), FILES)
    (file,) = shelf.folder.glob("*/manifest.json")
    file.write_bytes(said(date(2026, 11, 23)))  # a true manifest of these very files
    assert manifest.read(file.read_bytes(), "it").made_on == date(2026, 11, 23)
    assert shelf.find(A) is None


def test_one_made_anew_takes_the_place_of_the_old_one(shelf: Shelf) -> None:
    shelf.put(A, said(), FILES)
    shelf.put(A, said(date(2026, 11, 23)), FILES)
    kept = shelf.find(A)
    assert kept is not None
    assert kept.made_on == date(2026, 11, 23)
    assert len(list(shelf.folder.glob("[!.]*"))) == 1


def test_what_is_wanted_or_linked_stays_and_the_rest_goes(shelf: Shelf, tmp_path: Path) -> None:
    for fingerprint in (A, B, "c" * 64):
        shelf.put(fingerprint, said(), FILES)
    wanted, linked = shelf.find(A), shelf.find(B)
    assert wanted is not None
    assert linked is not None
    (tmp_path / "released.json").hardlink_to(linked.files["manifest.json"].path)
    mine = shelf.folder / "notes of mine"
    mine.mkdir()
    assert shelf.prune({wanted.folder}) == 1
    assert shelf.find(A)
    assert shelf.find(B)
    assert shelf.find("c" * 64) is None
    assert mine.is_dir()  # it is no pack
    (tmp_path / "released.json").unlink()
    assert shelf.prune({wanted.folder}) == 1
    assert shelf.find(B) is None


def test_a_shelf_that_is_not_there_has_nothing_to_prune(shelf: Shelf) -> None:
    assert shelf.prune(set()) == 0


def test_a_full_disk_leaves_nothing_half_done(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        shelf.put(A, said(), FILES)
    assert shelf.find(A) is None
    assert list(shelf.folder.iterdir()) == []
    monkeypatch.undo()
    shelf.put(A, said(), FILES)
    assert shelf.find(A)


def test_web_servers_may_read_what_is_linked_into_a_release(shelf: Shelf) -> None:
    shelf.put(A, said(), FILES)
    assert {path.stat().st_mode & 0o777 for path in shelf.folder.glob("*/*")} == {0o644}


def test_removing_the_shelf_loses_nothing_but_time(shelf: Shelf) -> None:
    shelf.put(A, said(), FILES)
    shutil.rmtree(shelf.folder)
    assert shelf.find(A) is None
    shelf.put(A, said(), FILES)
    assert shelf.find(A)
