"""Dated copies of the map: the last state of a day, which nothing changes when the day is over."""

from __future__ import annotations

import os
import stat
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest

from sinkwatch.errors import StoreError
from sinkwatch.model import History
from sinkwatch.packs import keepsakes
from sinkwatch.packs.edition import Edition
from sinkwatch.publish import release, site
from tests.conftest import NOW, Clock
from tests.packs import installed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sinkwatch.model import Findings
    from sinkwatch.services import Services

DAY = date(2026, 11, 20)
NEXT = DAY + timedelta(days=1)
NAMES = ("index.html", "map.png")


def dated(day: date, said: str) -> dict[str, bytes]:
    """Return the dated copy of an edition, as the site has it, beside a page of another kind."""
    folder = f"embed/as-at/{day.isoformat()}"
    return {
        f"{folder}/index.html": said.encode(),
        f"{folder}/map.png": b"PNG" + said.encode(),
        "embed/index.html": b"of no day",
    }


def read(copies: Mapping[date, Mapping[str, release.Ready]]) -> dict[date, dict[str, bytes]]:
    return {
        day: {path: ready.path.read_bytes() for path, ready in copy.items()}
        for day, copy in copies.items()
    }


def kept(day: date, said: str) -> dict[date, dict[str, bytes]]:
    pages = dated(day, said)
    return {day: {path: page for path, page in pages.items() if "as-at" in path}}


# ── The folder ───────────────────────────────────────────────────────────────────────────────


def test_what_is_kept_is_found_with_the_sum_of_each_file(tmp_path: Path) -> None:
    ready = keepsakes.keep(tmp_path / "kept", dated(DAY, "a"))
    assert keepsakes.upto(tmp_path / "kept", DAY) == {DAY: ready}
    assert read({DAY: ready}) == kept(DAY, "a")
    for each in ready.values():
        assert release.sha256_of(each.path) == each.sha256
        assert stat.S_IMODE(each.path.stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700
    assert keepsakes.files({DAY: ready}) == ready


def test_nothing_is_found_where_nothing_was_kept(tmp_path: Path) -> None:
    assert keepsakes.upto(tmp_path / "kept", DAY) == {}
    assert keepsakes.keep(tmp_path / "kept", {"embed/index.html": b"of no day"}) == {}
    assert not (tmp_path / "kept").exists()


def test_the_last_state_of_a_day_takes_the_place_of_those_before(tmp_path: Path) -> None:
    for said in ("a", "b", "b"):
        keepsakes.keep(tmp_path, dated(DAY, said))
    assert read(keepsakes.upto(tmp_path, DAY)) == kept(DAY, "b")
    assert len(list(tmp_path.iterdir())) == 1


def test_days_come_in_order_and_none_that_is_later(tmp_path: Path) -> None:
    for day in (NEXT, DAY):
        keepsakes.keep(tmp_path, dated(day, "a"))
    assert list(keepsakes.upto(tmp_path, NEXT)) == [DAY, NEXT]
    assert list(keepsakes.upto(tmp_path, DAY)) == [DAY]
    assert keepsakes.upto(tmp_path, DAY - timedelta(days=1)) == {}


@pytest.mark.parametrize("name", [*NAMES, "sums.json"])
def test_a_copy_that_is_not_whole_is_none_and_is_written_anew(tmp_path: Path, name: str) -> None:
    for is_gone in (True, False):
        (folder,) = {
            ready.path.parent for ready in keepsakes.keep(tmp_path, dated(DAY, "a")).values()
        }
        if is_gone:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(b"{}")
        assert keepsakes.upto(tmp_path, DAY) == {}
        keepsakes.keep(tmp_path, dated(DAY, "a"))
        assert read(keepsakes.upto(tmp_path, DAY)) == kept(DAY, "a")


@pytest.mark.parametrize(
    "name", ["2026-13-01-0123456789abcdef", "notes", "2026-11-20", "2026-11-20-0123456789abcdef"]
)
def test_what_else_lies_there_is_let_be_and_is_no_copy(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert keepsakes.upto(tmp_path, DAY) == {}


def test_a_list_of_sums_that_names_a_file_elsewhere_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_bytes(b"x")
    sums = b'{"../outside.txt": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}'
    (tmp_path / "sums.json").write_bytes(sums)
    digest = release.sha256_of(tmp_path / "sums.json")[:16]
    folder = tmp_path / "kept" / f"2026-11-20-{digest}"
    folder.mkdir(parents=True)
    (tmp_path / "sums.json").rename(folder / "sums.json")
    assert keepsakes.upto(tmp_path / "kept", DAY) == {}


def test_of_two_that_a_crash_left_the_newer_counts(tmp_path: Path) -> None:
    keepsakes.keep(tmp_path / "one", dated(DAY, "a"))
    keepsakes.keep(tmp_path / "two", dated(DAY, "b"))
    (first,) = (tmp_path / "one").iterdir()
    (second,) = (tmp_path / "two").iterdir()
    first.rename(tmp_path / "two" / first.name)
    assert second.exists()
    moved = tmp_path / "two" / first.name
    for newer, said in ((moved, "a"), (second, "b")):
        _touch(newer)
        assert read(keepsakes.upto(tmp_path / "two", DAY)) == kept(DAY, said)


def _touch(folder: Path) -> None:
    """Make a folder the newest beside the other, whatever the clock of the disk."""
    newest = max(each.stat().st_mtime_ns for each in folder.parent.iterdir()) + 1
    os.utime(folder, ns=(newest, newest))


def test_a_disk_that_refuses_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"a file where the folder should be")
    with pytest.raises(StoreError, match="the dated copy of the map cannot be kept there"):
        keepsakes.keep(tmp_path / "kept", dated(DAY, "a"))


def test_a_back_up_takes_what_it_lacks_and_gives_it_back(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    keepsakes.copy_all(ours, theirs)
    assert not theirs.exists()
    keepsakes.keep(ours, dated(DAY, "a"))
    keepsakes.keep(theirs, dated(NEXT, "theirs"))
    keepsakes.copy_all(ours, theirs)
    keepsakes.copy_all(theirs, ours)
    both = kept(DAY, "a") | kept(NEXT, "theirs")
    assert read(keepsakes.upto(theirs, NEXT)) == both
    assert read(keepsakes.upto(ours, NEXT)) == both
    keepsakes.keep(ours, dated(NEXT, "ours"))
    keepsakes.copy_all(theirs, ours)
    assert read(keepsakes.upto(ours, NEXT)) == kept(DAY, "a") | kept(NEXT, "ours")


# ── An edition ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def services(tmp_path: Path) -> Services:
    installed.lay_out(tmp_path / "area")
    return installed.services_in(
        tmp_path, Clock(NOW), evidence_packs=False, online=False, pictures=True
    )


def publish(
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    pages: dict[str, bytes],
    *,
    kept_in: Path | None = None,
) -> dict[str, bytes]:
    """Publish an edition that has these pages; return what readers see of dated copies."""
    monkeypatch.setattr(site, "build", lambda *_, **__: dict(pages))
    made = Edition(
        services=services,
        findings=cast("Findings", None),  # nothing looks at them
        plan=None,
        packs=None,
        history=History(),
        kept_in=kept_in,
    )
    seen = made.publish().written.path
    return {
        str(path.relative_to(seen)): path.read_bytes()
        for path in sorted(seen.rglob("*"))
        if "as-at" in str(path) and path.is_file()
    }


def at(services: Services, day: date) -> None:
    clock = services.clock
    assert isinstance(clock, Clock)
    clock.now = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)


def test_a_copy_stays_when_everything_else_of_the_site_has_changed(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(services, DAY)
    assert publish(services, monkeypatch, dated(DAY, "first")) == kept(DAY, "first")[DAY]
    assert publish(services, monkeypatch, dated(DAY, "last")) == kept(DAY, "last")[DAY]
    at(services, NEXT)
    # The day is over: another version of the program would draw it otherwise, and may not.
    assert publish(services, monkeypatch, dated(DAY, "redrawn")) == kept(DAY, "last")[DAY]
    both = kept(DAY, "last")[DAY] | kept(NEXT, "new")[NEXT]
    assert publish(services, monkeypatch, dated(NEXT, "new")) == both
    at(services, date(2031, 1, 1))
    assert publish(services, monkeypatch, {"index.html": b"all is new"}) == both


def test_a_copy_shares_its_bytes_with_the_releases(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(services, DAY)
    publish(services, monkeypatch, dated(DAY, "a"))
    (copy,) = keepsakes.upto(keepsakes.folder_of(services), DAY).values()
    current = services.settings.maps_folder / "current"
    for path, ready in copy.items():
        assert (current / path).samefile(ready.path)


def test_a_copy_removed_by_hand_is_gone_from_the_next_edition(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (DAY, NEXT):
        at(services, day)
        publish(services, monkeypatch, dated(day, "a"))
    (folder,) = keepsakes.folder_of(services).glob("2026-11-20-*")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert publish(services, monkeypatch, dated(NEXT, "a")) == kept(NEXT, "a")[NEXT]


def test_a_trial_shows_copies_and_keeps_none(
    services: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    at(services, DAY)
    publish(services, monkeypatch, dated(DAY, "a"))
    at(services, NEXT)
    seen = publish(services, monkeypatch, dated(NEXT, "trial"), kept_in=tmp_path / "trial")
    assert seen == kept(DAY, "a")[DAY] | kept(NEXT, "trial")[NEXT]
    assert list(keepsakes.upto(keepsakes.folder_of(services), NEXT)) == [DAY]
