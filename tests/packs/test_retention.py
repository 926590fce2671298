"""Copies of what packs were made of: which of them stay, how long, and what is never touched."""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import logging
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch import starter
from sinkwatch.errors import StoreError
from sinkwatch.packs import manifest, recipe, retention
from sinkwatch.packs.basis import Basis
from sinkwatch.packs.inputs import Cellar, InputFile, described
from sinkwatch.packs.recipe import Order, Recipe, Subject
from sinkwatch.packs.shelf import Shelf
from sinkwatch.publish import release
from tests.conftest import NOW
from tests.world import a_place, an_area

if TYPE_CHECKING:
    from sinkwatch.services import Services

TODAY = NOW.date()
LONG_AGO = timedelta(days=91)
OF_US = {"evidence.pdf": b"%PDF of us"}


def sha256(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


@functools.cache
def said(*names: str, made_on: date = TODAY) -> bytes:
    """Return the manifest of a pack that was made of the files of those names."""
    files = tuple(
        InputFile(name=name, file=f"{name}.csv", sha256=sha256(name), n_bytes=1, path=None)
        for name in names
    )
    made_of = Recipe(
        basis=Basis(area=an_area(), states=()),
        files=files,
        subject=Subject(words="mill-lane", place=a_place(431_000, 471_000)),
        order=Order(),
        made_on=made_on,
        contact="me@holes.org",
        program=recipe.program(),
    )
    return made_of.manifest("Mill Lane", (), OF_US).content()


class Keep:
    """An installation in which only copies, packs and notes lie."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.cellar = Cellar.of(services)
        self.cellar.open()
        self.shelf = Shelf.of(services)
        self.notes = services.settings.state_folder / "evidence" / "packs"

    def copy(self, name: str, age: timedelta = LONG_AGO) -> Path:
        """Lay a copy down that was last written so long ago."""
        path = self.cellar.folder / f"{sha256(name)}.csv"
        path.write_text(name)
        return written(path, age)

    def note(self, *names: str, made_on: date = TODAY, map_id: str = "SW-00000001") -> Path:
        retention.note(self.services, map_id, said(*names, made_on=made_on))
        return self.notes / f"{map_id}.json"

    def left(self) -> set[str]:
        """Tidy, and return the names of the copies that are left."""
        self.n_removed = retention.tidy(self.services, NOW)
        return {path.read_text() for path in self.cellar.folder.iterdir()}


def written(path: Path, age: timedelta) -> Path:
    moment = (NOW - age).timestamp()
    os.utime(path, (moment, moment))
    return path


def written_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


@pytest.fixture
def keep(services: Services) -> Keep:
    return Keep(services)


def test_what_no_pack_names_goes_after_ninety_days(keep: Keep) -> None:
    keep.copy("young", timedelta(days=90))
    keep.copy("old")
    assert keep.left() == {"young"}
    assert keep.n_removed == 1


def test_what_a_pack_of_the_site_names_stays_however_old(keep: Keep) -> None:
    keep.shelf.put("a" * 64, said("named", "lost"), OF_US)
    keep.copy("named", timedelta(days=4_000))
    keep.copy("old")
    assert keep.left() == {"named"}


def test_a_pack_that_left_the_site_can_be_checked_for_ninety_days_more(keep: Keep) -> None:
    keep.shelf.put("a" * 64, said("named"), OF_US)
    copy = keep.copy("named", timedelta(days=4_000))
    keep.left()
    assert keep.shelf.prune(()) == 1
    assert keep.left() == {"named"}
    assert written_at(copy) == NOW
    written(copy, LONG_AGO)
    assert keep.left() == set()


def test_a_copy_that_was_used_later_than_now_is_not_made_older(keep: Keep) -> None:
    keep.shelf.put("a" * 64, said("named"), OF_US)
    copy = keep.copy("named", timedelta(hours=-5))
    keep.left()
    assert written_at(copy) == NOW + timedelta(hours=5)


def test_what_a_pack_that_was_asked_for_was_made_of_stays_three_years(keep: Keep) -> None:
    keep.note("kept", made_on=date(2023, 11, 25))
    gone = keep.note("given up", made_on=date(2023, 11, 1), map_id="SW-00000002")
    keep.copy("kept")
    keep.copy("given up")
    assert keep.left() == {"kept"}
    assert [path.name for path in keep.notes.iterdir()] == ["SW-00000001.json"]
    assert not gone.exists()


def test_a_copy_that_two_packs_share_stays_as_long_as_one_of_them_needs_it(keep: Keep) -> None:
    keep.note("shared", made_on=date(2020, 1, 1))
    keep.note("shared", made_on=TODAY, map_id="SW-00000002")
    keep.copy("shared")
    assert keep.left() == {"shared"}


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"\xff", b"[" * 100_000, said("old").replace(b'"map_id"', b'"another"')],
    ids=["empty", "no manifest", "no text", "deep", "another format"],
)
def test_a_note_that_cannot_be_understood_keeps_nothing_and_stops_nothing(
    keep: Keep, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    broken = keep.note("old")
    broken.write_bytes(content)
    keep.note("kept", map_id="SW-00000002")
    keep.copy("old")
    keep.copy("kept")
    assert keep.left() == {"kept"}
    assert "SW-00000001.json: is " in caplog.text
    written(broken, timedelta(days=1_099))
    assert keep.left() == {"kept"}
    assert not broken.exists()  # nor does it lie there for ever


def test_what_is_no_note_is_left_alone(keep: Keep) -> None:
    keep.note("kept")
    (keep.notes / "folder").mkdir()
    (keep.notes / "link.json").symlink_to("/etc/hostname")
    keep.copy("kept")
    assert keep.left() == {"kept"}
    assert len(list(keep.notes.iterdir())) == 3


def test_a_torn_pack_on_the_shelf_keeps_nothing(keep: Keep) -> None:
    keep.shelf.put("a" * 64, said("old"), OF_US)
    (torn,) = keep.shelf.folder.glob("*/manifest.json")
    torn.write_bytes(b"torn")
    (keep.shelf.folder / "mine").mkdir()
    keep.copy("old")
    assert keep.left() == set()


def test_files_that_are_none_of_ours_stay_and_copies_half_written_go(keep: Keep) -> None:
    for name in ("letter.txt", f"{'a' * 63}.csv", f".{'a' * 15}"):
        written_file(keep.cellar.folder / name)
    half = written_file(keep.cellar.folder / f".{'a' * 16}")
    assert keep.left() == {"mine"}
    assert len(list(keep.cellar.folder.iterdir())) == 3
    assert not half.exists()


def written_file(path: Path) -> Path:
    path.write_text("mine")
    return written(path, LONG_AGO)


def test_an_installation_without_copies_has_nothing_to_tidy(services: Services) -> None:
    assert retention.tidy(services, NOW) == 0
    assert not services.settings.state_folder.exists()


class TestWhatIsOutOfReach:
    """The tests run as root too, whom no rights stop: what cannot be read is made to fail."""

    @pytest.mark.parametrize("where", ["shelf", "notes"])
    def test_a_manifest_that_cannot_be_read_now_costs_no_copy(
        self,
        keep: Keep,
        where: str,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        if where == "shelf":
            keep.shelf.put("a" * 64, said("old"), OF_US)
        else:
            keep.note("old")

        def refused(path: Path) -> None:
            raise OSError(errno.EIO, "Input/output error", str(path))

        monkeypatch.setattr(manifest, "opened", refused)
        keep.copy("old")
        keep.copy("older")
        assert keep.left() == {"old", "older"}
        assert "all copies are kept, since not all is readable" in caplog.text
        monkeypatch.undo()
        assert keep.left() == {"old"}

    @pytest.mark.parametrize("where", ["packs", "evidence"])
    def test_a_folder_that_cannot_be_listed_costs_no_copy(self, keep: Keep, where: str) -> None:
        place = keep.shelf.folder if where == "packs" else keep.notes
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("in the way")
        keep.copy("old")
        assert keep.left() == {"old"}

    def test_a_copy_that_cannot_be_removed_is_named_and_the_others_go(
        self, keep: Keep, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        stuck = keep.copy("stuck")
        keep.copy("old")
        unlink = Path.unlink

        def refuse(self: Path, **how: Any) -> None:  # noqa: ANN401 - as unlink
            if self == stuck:
                raise PermissionError(errno.EPERM, "Operation not permitted", str(self))
            unlink(self, **how)

        monkeypatch.setattr(Path, "unlink", refuse)
        assert keep.left() == {"stuck"}
        assert keep.n_removed == 1
        assert f"{stuck} cannot be removed (Operation not permitted)" in caplog.text


def test_what_was_removed_is_counted_in_the_log(
    keep: Keep, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    keep.copy("old")
    keep.left()
    assert "evidence: copies removed on which no pack rests any more: 1" in caplog.text


class TestTheNote:
    def test_it_is_the_manifest_for_the_owner_alone(self, keep: Keep) -> None:
        path = keep.note("a")
        assert path.read_bytes() == said("a")
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert json.loads(path.read_bytes())["files"][0]["sha256"] == sha256("a")

    def test_a_full_disk_leaves_the_note_of_before_and_is_told(
        self, keep: Keep, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = keep.note("a")

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match=r"no note .* \(No space left on device\)"):
            keep.note("b")
        assert path.read_bytes() == said("a")
        assert list(keep.notes.iterdir()) == [path]


def test_a_copy_that_is_used_again_begins_its_time_anew(keep: Keep, tmp_path: Path) -> None:
    path = tmp_path / "again.csv"
    path.write_text("again")
    found = described("planning", path)
    keep.cellar.keep([found])
    copy = written(keep.cellar.place_of(found.sha256, found.file), timedelta(days=4_000))
    keep.cellar.keep([found])
    assert written_at(copy) > NOW - timedelta(days=90)


def test_the_papers_of_an_operator_have_the_same_numbers() -> None:
    papers = Path(starter.__file__).parent / "papers"
    record = (papers / "record-of-processing.md").read_text()
    for said_so in (
        f"one of its last {release.KEPT} releases has a pack made of them",
        f"and {retention.LET_BE_FOR.days} days more",
        f"for {retention.NOTED_FOR_YEARS} years after the day of a pack that somebody asked for",
        f"{retention.NOTED_FOR_YEARS} years from the day of the pack",
    ):
        assert said_so in record
    assert f"go {retention.LET_BE_FOR.days} days after the last" in (papers / "dpia.md").read_text()


def test_the_rule_is_told_in_words() -> None:
    assert retention.KEPT == (
        "copies are kept where a pack was made: for 3 years if the command evidence made it, "
        "otherwise until 90 days after the site last had it"
    )
