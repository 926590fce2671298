"""A site on disk: readers meet one whole version, whatever happens to the writer."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import shutil
import stat
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sinkwatch.errors import DataError, StoreError
from sinkwatch.publish import release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


def _site(version: int, *, n_files: int = 3) -> dict[str, bytes]:
    names = ["index.html", *(f"data/{i}.csv" for i in range(1, n_files))]
    return {name: f"version {version} of {name}".encode() for name in names}


def _read(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def _released(folder: Path) -> set[str]:
    return {path.name for path in (folder / "releases").iterdir()}


def _is_whole(pages: Mapping[str, bytes]) -> bool:
    manifest = json.loads(pages["manifest.json"])
    digests = {
        name: hashlib.sha256(content).hexdigest()
        for name, content in pages.items()
        if name != "manifest.json"
    }
    return bool(manifest == digests)


def test_a_site_is_written_whole_with_a_manifest_that_names_it(tmp_path: Path) -> None:
    written = release.write(_site(1), tmp_path)
    shown = _read(tmp_path / "current" / ".")
    manifest = shown.pop("manifest.json")
    assert shown == _site(1)
    assert written.release == hashlib.sha256(manifest).hexdigest()[:12]
    assert written.path == tmp_path / "current"
    assert written.changed
    assert _is_whole(_read(tmp_path / "current" / "."))
    assert (tmp_path / "current").readlink() == Path("releases", written.release)


def test_the_same_site_again_touches_nothing(tmp_path: Path) -> None:
    first = release.write(_site(1), tmp_path)
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    again = release.write(_site(1), tmp_path)
    assert (again.release, again.changed) == (first.release, False)
    after = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    unswitched = {path for path in before if path != tmp_path}
    assert {path: before[path] for path in unswitched} == {path: after[path] for path in after}


def test_the_last_five_releases_are_kept_and_older_ones_removed(tmp_path: Path) -> None:
    names = [release.write(_site(version), tmp_path).release for version in range(8)]
    assert _released(tmp_path) == set(names[-5:])
    assert _read(tmp_path / "current" / ".")["index.html"] == b"version 7 of index.html"


def test_going_back_to_a_kept_release_makes_it_the_newest(tmp_path: Path) -> None:
    names = [release.write(_site(version), tmp_path).release for version in range(5)]
    back = release.write(_site(0), tmp_path)
    assert (back.release, back.changed) == (names[0], True)
    release.write(_site(9), tmp_path)
    assert names[0] in _released(tmp_path)
    assert names[1] not in _released(tmp_path)


def test_a_release_damaged_on_disk_is_written_anew(tmp_path: Path) -> None:
    first = release.write(_site(1), tmp_path)
    (tmp_path / "current" / "index.html").write_bytes(b"torn")
    mended = release.write(_site(1), tmp_path)
    assert (mended.release, mended.changed) == (first.release, True)
    assert _is_whole(_read(tmp_path / "current" / "."))


def test_web_servers_may_read_it(tmp_path: Path) -> None:
    written = release.write(_site(1), tmp_path)
    target = tmp_path / "releases" / written.release
    modes = {stat.S_IMODE(path.stat().st_mode) for path in target.rglob("*") if path.is_file()}
    assert modes == {0o644}
    folders = [target, target / "data"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o755}


def test_a_reader_always_sees_one_whole_version(tmp_path: Path) -> None:
    release.write(_site(0, n_files=6), tmp_path)
    stop, seen, torn = threading.Event(), set(), []

    def read() -> None:
        while not stop.is_set():
            # As a web server does for one visit: the link is followed once, then files are read.
            folder = (tmp_path / "current").resolve(strict=True)
            pages = _read(folder)
            seen.add(pages["index.html"])
            if not _is_whole(pages):
                torn.append(pages)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        # Two versions in turn, so that none is pruned from under a reader.
        for version in (1, 2, 1, 2, 1, 2, 1, 2):
            release.write(_site(version, n_files=6), tmp_path)
    finally:
        stop.set()
        reader.join()
    assert torn == []
    assert seen <= {f"version {version} of index.html".encode() for version in (0, 1, 2)}


WRITE_AND_DIE = """
import os, sys
from pathlib import Path
from sinkwatch.publish import release
after = int(sys.argv[2])
real, done = os.fsync, [0]
def fsync(descriptor):
    real(descriptor)
    done[0] += 1
    if done[0] == after:
        os._exit(9)
os.fsync = fsync
release.write({"index.html": b"new", "a.csv": b"new", "data/b.csv": b"new"}, Path(sys.argv[1]))
"""


@pytest.mark.parametrize("after", range(1, 9))
def test_a_crash_at_any_moment_leaves_the_old_version_or_the_new_one(
    tmp_path: Path, after: int
) -> None:
    release.write(_site(1), tmp_path)
    died = subprocess.run(
        [sys.executable, "-c", WRITE_AND_DIE, str(tmp_path), str(after)],
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(release.__file__).parents[2])},
    )
    # Four files, two folders, the folder of releases, the folder of the link: eight syncs.
    assert died.returncode == 9
    shown = _read(tmp_path / "current" / ".")
    assert _is_whole(shown)
    is_switched = after == 8
    assert (shown["index.html"] == b"new") == is_switched
    recovered = release.write(_site(2), tmp_path)
    assert recovered.changed
    assert not [name for name in _released(tmp_path) if name.startswith(".")]


def test_a_folder_that_cannot_be_written_gives_one_line_and_leaves_what_is_current(
    tmp_path: Path,
) -> None:
    blocked = tmp_path / "maps"
    blocked.write_text("a file where the folder should be")
    with pytest.raises(StoreError) as caught:
        release.write(_site(1), blocked / "site")
    message = str(caught.value)
    assert str(blocked / "site") in message
    assert "\n" not in message
    assert "maps_folder" in message


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """Make a folder that this test may not write: root must lay its power down first."""
    user = os.geteuid()
    tmp_path.chmod(0o555)
    if user == 0:
        os.seteuid(65534)
    yield tmp_path
    os.seteuid(user)
    tmp_path.chmod(0o755)


def test_a_read_only_folder_gives_one_line(read_only: Path) -> None:
    with pytest.raises(StoreError, match="Permission denied"):
        release.write(_site(1), read_only)


def test_a_real_folder_named_current_is_not_overwritten(tmp_path: Path) -> None:
    kept = tmp_path / "current" / "mine.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    with pytest.raises(StoreError, match="directory"):
        release.write(_site(1), tmp_path)
    assert kept.read_text() == "mine"


@pytest.mark.parametrize("path", ["../index.html", "/etc/passwd", "a/../../b", "", "manifest.json"])
def test_a_page_that_would_leave_the_site_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(StoreError, match="must stay inside the site"):
        release.write({path: b"x"}, tmp_path / "maps")
    assert not (tmp_path / "maps").exists()


# ── Files that lie ready ─────────────────────────────────────────────────────────────────────


@pytest.fixture
def ready(tmp_path: Path) -> dict[str, release.Ready]:
    """Make two files that lie ready beside the site, as packs do."""
    folder = tmp_path / "packs"
    folder.mkdir()
    files = {}
    for name in ("evidence.pdf", "map.png"):
        (folder / name).write_bytes(f"the {name}".encode())
        sha256 = hashlib.sha256(f"the {name}".encode()).hexdigest()
        files[f"sites/mill-lane/{name}"] = release.Ready(path=folder / name, sha256=sha256)
    return files


Files = dict[str, release.Ready]


def test_files_that_lie_ready_are_linked_and_stand_in_the_manifest(
    tmp_path: Path, ready: Files
) -> None:
    written = release.write(_site(1), tmp_path, ready)
    shown = _read(written.path / ".")
    assert _is_whole(shown)
    assert shown["sites/mill-lane/map.png"] == b"the map.png"
    for path, one in ready.items():
        assert (written.path / path).samefile(one.path)
    again = release.write(_site(1), tmp_path, ready)
    assert (again.release, again.changed) == (written.release, False)


def test_a_link_outlives_what_it_was_made_from(tmp_path: Path, ready: Files) -> None:
    written = release.write(_site(1), tmp_path, ready)
    for one in ready.values():
        one.path.unlink()
    assert _is_whole(_read(written.path / "."))
    release.write(_site(2), tmp_path)
    kept = tmp_path / "releases" / written.release
    assert _is_whole(_read(kept))


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP])
def test_where_a_file_can_have_no_second_name_it_is_copied(
    tmp_path: Path, ready: Files, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    written = release.write(_site(1), tmp_path, ready)
    assert _is_whole(_read(written.path / "."))
    (copy,) = (written.path / "sites").glob("*/map.png")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o644
    assert not release.write(_site(1), tmp_path, ready).changed
    copy.write_bytes(b"torn")
    assert release.write(_site(1), tmp_path, ready).changed
    assert _is_whole(_read(written.path / "."))


def test_another_reason_not_to_link_is_an_error(
    tmp_path: Path, ready: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    release.write(_site(1), tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(StoreError, match="No space left"):
        release.write(_site(2), tmp_path, ready)
    assert _read(tmp_path / "current" / ".")["index.html"] == b"version 1 of index.html"


def test_a_linked_file_that_was_replaced_is_noticed(tmp_path: Path, ready: Files) -> None:
    first = release.write(_site(1), tmp_path, ready)
    placed = first.path / "sites" / "mill-lane" / "map.png"
    placed.unlink()
    placed.write_bytes(b"another picture")
    assert release.write(_site(1), tmp_path, ready).changed
    placed = first.path / "sites" / "mill-lane" / "map.png"
    placed.unlink()
    assert release.write(_site(1), tmp_path, ready).changed
    assert placed.read_bytes() == b"the map.png"


@pytest.mark.parametrize("path", ["../map.png", "/etc/passwd", "", "manifest.json"])
def test_a_file_that_would_leave_the_site_is_refused(
    tmp_path: Path, ready: Files, path: str
) -> None:
    with pytest.raises(StoreError, match="must stay inside the site"):
        release.write(_site(1), tmp_path / "maps", {path: next(iter(ready.values()))})


def test_no_page_and_file_may_have_one_path(tmp_path: Path, ready: Files) -> None:
    with pytest.raises(StoreError, match=r"index\.html: is the path of two files"):
        release.write(_site(1), tmp_path, {"index.html": next(iter(ready.values()))})


def test_a_file_that_is_gone_gives_one_line_and_leaves_what_is_current(
    tmp_path: Path, ready: Files
) -> None:
    release.write(_site(1), tmp_path)
    next(iter(ready.values())).path.unlink()
    with pytest.raises(StoreError, match="No such file"):
        release.write(_site(2), tmp_path, ready)
    assert _read(tmp_path / "current" / ".")["index.html"] == b"version 1 of index.html"


def test_the_bytes_of_files_that_lie_ready_are_never_held(tmp_path: Path) -> None:
    big = tmp_path / "big.bin"
    with big.open("wb") as file:
        file.truncate(64_000_000)  # sparse: it takes no room on disk
    files = {"big.bin": release.Ready(path=big, sha256=release.sha256_of(big))}
    tracemalloc.start()
    try:
        release.write(_site(1), tmp_path, files)
        release.write(_site(1), tmp_path, files)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


# ── What has not changed is kept ─────────────────────────────────────────────────────────────


def _counts(written: release.Written) -> tuple[int, int]:
    return written.n_written, written.n_kept


def test_only_what_has_changed_is_written(tmp_path: Path) -> None:
    assert _counts(release.write(_site(1), tmp_path)) == (3, 0)
    before = (tmp_path / "current").resolve()
    changed = _site(1) | {"index.html": b"new", "news.html": b"more"}
    written = release.write(changed, tmp_path)
    assert _counts(written) == (2, 2)
    after = (tmp_path / "current").resolve()
    assert (after / "data" / "1.csv").samefile(before / "data" / "1.csv")
    assert not (after / "index.html").samefile(before / "index.html")
    assert (before / "index.html").read_bytes() == b"version 1 of index.html"
    assert {path: _read(after)[path] for path in changed} == changed
    assert _is_whole(_read(after))
    assert _counts(release.write(changed, tmp_path)) == (0, 4)  # nothing new for readers
    assert _counts(release.write(_site(1), tmp_path)) == (0, 3)  # a release that was kept


def _torn(placed: Path) -> None:
    placed.write_bytes(b"torn")


def _linked_elsewhere(placed: Path) -> None:
    twin = placed.parents[4] / "twin.csv"
    placed.rename(twin)
    placed.symlink_to(twin)


@pytest.mark.parametrize("damage", [_torn, Path.unlink, _linked_elsewhere])
def test_a_damaged_file_is_not_carried_over(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    release.write(_site(1), tmp_path / "maps")
    damage((tmp_path / "maps" / "current").resolve() / "data" / "1.csv")
    written = release.write(_site(1) | {"index.html": b"new"}, tmp_path / "maps")
    assert _counts(written) == (2, 1)
    assert not (written.path / "data" / "1.csv").is_symlink()
    assert _is_whole(_read(written.path / "."))


@pytest.mark.parametrize("manifest", [b"", b"[1]", b"\xff", b"{" * 9, b'{"data/1.csv": 7}', None])
def test_without_a_manifest_that_can_be_read_all_is_written(
    tmp_path: Path, manifest: bytes | None
) -> None:
    path = release.write(_site(1), tmp_path).path / "manifest.json"
    path.unlink() if manifest is None else path.write_bytes(manifest)
    written = release.write(_site(1) | {"index.html": b"new"}, tmp_path)
    assert _counts(written) == (3, 0)
    assert _is_whole(_read(written.path / "."))


def test_where_links_are_impossible_what_is_kept_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = release.write(_site(1), tmp_path).path.resolve()

    def refuse(*_: object) -> None:
        raise OSError(errno.EMLINK, os.strerror(errno.EMLINK))

    monkeypatch.setattr(os, "link", refuse)
    written = release.write(_site(1) | {"index.html": b"new"}, tmp_path)
    copy = written.path / "data" / "1.csv"
    assert _is_whole(_read(written.path / "."))
    assert not copy.samefile(before / "data" / "1.csv")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o644


def test_a_file_made_ready_again_is_kept_from_the_release_before(
    tmp_path: Path, ready: Files
) -> None:
    release.write(_site(1), tmp_path, ready)
    before = (tmp_path / "current").resolve() / "sites" / "mill-lane" / "map.png"
    source = ready["sites/mill-lane/map.png"].path
    source.unlink()
    source.write_bytes(b"the map.png")
    written = release.write(_site(2), tmp_path, ready)
    assert _counts(written) == (3, 2)
    assert (written.path / "sites" / "mill-lane" / "map.png").samefile(before)


# ── Going back ───────────────────────────────────────────────────────────────────────────────


def _shown(folder: Path) -> bytes:
    return (folder / "current" / "index.html").read_bytes()


def test_going_back_shows_the_release_before_and_then_the_one_before_that(tmp_path: Path) -> None:
    names = [release.write(_site(version), tmp_path).release for version in range(3)]
    back = release.rollback(tmp_path)
    assert (back.release, back.changed, back.path) == (names[1], True, tmp_path / "current")
    assert _counts(back) == (0, 3)
    assert (tmp_path / "current").readlink() == Path("releases", names[1])
    assert _shown(tmp_path) == b"version 1 of index.html"
    assert release.rollback(tmp_path).release == names[0]
    assert _released(tmp_path) == set(names)


def test_after_going_back_a_new_release_follows_as_usual(tmp_path: Path) -> None:
    names = [release.write(_site(version), tmp_path).release for version in range(5)]
    release.rollback(tmp_path)
    new = release.write(_site(9), tmp_path)
    assert (_shown(tmp_path), new.changed) == (b"version 9 of index.html", True)
    # The release that was left goes first, and what was shown before the new one comes again.
    assert _released(tmp_path) == {*names[:4], new.release}
    assert release.rollback(tmp_path).release == names[3]
    assert release.write(_site(9), tmp_path).release == new.release
    assert _shown(tmp_path) == b"version 9 of index.html"


def test_a_damaged_release_is_never_gone_back_to(tmp_path: Path) -> None:
    names = [release.write(_site(version), tmp_path).release for version in range(3)]
    (tmp_path / "releases" / names[1] / "data" / "1.csv").write_bytes(b"torn")
    assert release.rollback(tmp_path).release == names[0]
    assert _is_whole(_read(tmp_path / "current" / "."))


@pytest.mark.parametrize("n_releases", [0, 1])
def test_with_no_release_before_there_is_no_going_back(tmp_path: Path, n_releases: int) -> None:
    for version in range(n_releases):
        release.write(_site(version), tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match="no whole release is kept beside the present one"):
        release.rollback(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_going_back_in_a_read_only_folder_gives_one_line(tmp_path: Path) -> None:
    for version in range(2):
        release.write(_site(version), tmp_path)
    (tmp_path / "current").unlink()
    (tmp_path / "current").mkdir()
    with pytest.raises(StoreError, match="directory"):
        release.rollback(tmp_path)


# ── Killed while it works: fifty times; SINKWATCH_PUBLISH_KILLS=500 for the long run ─────────────

DELIVER_FOR_EVER = """
import sys
from pathlib import Path
from sinkwatch.publish import release
def site(version):
    return {f"page/{i}.html": f"{i} {version if i % 2 else 0}".encode() for i in range(30)}
print("ready", flush=True)
version = int(sys.argv[2])
while True:
    version = 3 - version
    release.write(site(version), Path(sys.argv[1]))
"""


def _visit(folder: Path) -> bytes:
    """Read as a visitor does who follows the link once; every file must be as listed."""
    seen = (folder / "current").resolve(strict=True)
    manifest = (seen / "manifest.json").read_bytes()
    listed = json.loads(manifest)
    assert len(listed) == 30
    for path, digest in listed.items():
        assert hashlib.sha256((seen / path).read_bytes()).hexdigest() == digest, path
    return manifest


def _visit_until_killed(folder: Path, version: int, delay_s: float) -> set[bytes]:
    """Visit while a child writes, then kill it without warning and visit once more."""
    child = subprocess.Popen(
        [sys.executable, "-c", DELIVER_FOR_EVER, str(folder), str(version)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(release.__file__).parents[2])},
    )
    assert child.stdout is not None
    try:
        child.stdout.readline()
        end, seen = time.monotonic() + delay_s, set()
        while time.monotonic() < end:
            seen.add(_visit(folder))
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    return seen | {_visit(folder)}


def test_a_kill_at_any_moment_shows_visitors_nothing_but_whole_versions(tmp_path: Path) -> None:
    n_kills = int(os.environ.get("SINKWATCH_PUBLISH_KILLS", "50"))
    chance = random.Random(6)  # noqa: S311 - moments, not secrets
    pages = [
        {f"page/{i}.html": f"{i} {version if i % 2 else 0}".encode() for i in range(30)}
        for version in (1, 2)
    ]
    manifests = [release.manifest_of(each) for each in pages]
    release.write(pages[0], tmp_path)
    seen = set()
    for _ in range(n_kills):
        present = (tmp_path / "current").resolve(strict=True)
        for other in (tmp_path / "releases").iterdir():
            if other != present:
                shutil.rmtree(other)  # so that the child has a version to place, not to switch to
        version = 1 + manifests.index((present / "manifest.json").read_bytes())
        seen |= _visit_until_killed(tmp_path, version, chance.uniform(0, 0.04))
    assert seen == set(manifests)
    release.write({"index.html": b"after"}, tmp_path)
    assert _shown(tmp_path) == b"after"
    assert not [name for name in _released(tmp_path) if name.startswith(".")]
