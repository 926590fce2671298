"""What the tests of one table in a zip share: the service on loopback, and zips not to believe."""

from __future__ import annotations

import gzip
import io
import shutil
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from sinkwatch.sources import snapshots
from tests.conftest import NOW, Clock
from tests.peers import hostile, map_zips
from tests.peers.map_zips import a_link, zip_of
from tests.peers.os_downloads import BASE_PATH, OsDownloads, Release, ReleasedFile
from tests.peers.server import Notes, Peer
from tests.sources.samples import a_spec, an_errand
from tests.world import an_area

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd

    from sinkwatch.model import Area, Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand

Files = Mapping[str, bytes]
Spoil = Callable[[Files], bytes]

AREA: Final = an_area()
CREDIT: Final = "Contains OS data © Crown copyright and database right 2026"


def zipped(files: Files) -> bytes:
    return map_zips.zipped(files, folder="")


class Connector(Protocol):
    """A module that reads one product."""

    PRODUCT: str

    def fetch(self, spec: SourceSpec, errand: Errand) -> Snapshot: ...

    def load(self, snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame: ...


class World:
    """OS on loopback with one release of one product, and an installation that asks for it."""

    def __init__(self, peer: Peer, connector: Any, kind: str, folder: Path) -> None:  # noqa: ANN401 - a module
        self.peer, self.kind, self.folder = peer, kind, folder
        self.connector: Connector = connector
        self.clock = Clock(NOW)
        self.service = OsDownloads()
        self.peer.answers = self.service
        self.peer.asked.clear()
        self.options: dict[str, object] = {"base_url": peer.url(BASE_PATH)}
        self.area = AREA
        self.by_hand: Path | None = None
        self.held: Snapshot | None = None
        self.whole_s = 5.0

    def release(self, body: bytes, version: str = "2026-08") -> None:
        file = ReleasedFile(body=body, file_name="any_csv_gb.zip")
        self.service.releases[self.connector.PRODUCT] = Release(version=version, files=[file])

    def spec(self) -> SourceSpec:
        return a_spec(
            self.kind, self.by_hand, options=self.options, licence="OGL", attribution=CREDIT
        )

    def fetch(self) -> Snapshot:
        """Ask some time later, and hold what is good, as a run does."""
        self.clock.move(days=1)
        online = hostile.a_downloader(self.peer, self.clock, Notes(), whole_s=self.whole_s)
        errand = an_errand(
            self.folder, area=self.area, now=self.clock(), held=self.held,
            downloader=None if self.by_hand else online,
        )  # fmt: skip
        self.held = self.connector.fetch(self.spec(), errand)
        return self.held

    def frame(self) -> gpd.GeoDataFrame:
        return self.connector.load(self.fetch(), self.spec(), self.area)

    def put(self, body: bytes) -> None:
        """Give a zip by hand, so that nobody need be asked."""
        self.by_hand = self.folder.parent / "given.zip"
        self.by_hand.write_bytes(body)

    def given(self, body: bytes) -> gpd.GeoDataFrame:
        self.put(body)
        return self.frame()

    def hold(self, first: World) -> None:
        """Hold what another world fetched, in a folder of our own."""
        assert first.held is not None
        shutil.copytree(first.folder, self.folder)
        self.held = replace(
            first.held, path=self.folder / first.held.path.relative_to(first.folder)
        )

    def asked(self) -> list[str]:
        return [asked.path for asked in self.peer.asked]

    def is_untouched(self, before: Snapshot) -> bool:
        """Tell whether the last good copy is the one in use, byte for byte, and readable."""
        rows = self.connector.load(before, self.spec(), self.area)
        return self.held == before and snapshots.is_whole(before) and len(rows) > 0


# ── Zips that must not be believed, each with its reason ─────────────────────────────────────


def _more(name: str | zipfile.ZipInfo, content: bytes = b"x") -> Spoil:
    return lambda files: zip_of(*files.items(), (name, content))


def _instead(content: bytes) -> Spoil:
    return lambda _: content


def _renamed(before: bytes, after: bytes) -> Spoil:
    """Write a name into the bytes that `zipfile` would not write."""
    return lambda files: zip_of(*files.items(), ("zz.txt", b"x")).replace(before, after)


def _marked(content: bytes, offset: int, value: int) -> bytes:
    """Change a number in the first entry of the list of members."""
    changed, entry = bytearray(content), content.index(b"PK\x01\x02")
    struct.pack_into("<H" if offset < 16 else "<L", changed, entry + offset, value)
    return bytes(changed)


def _damaged(files: Files) -> bytes:
    """Turn one bit in the middle of the largest member."""
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    content = bytearray(stored.getvalue())
    largest = max(files.values(), key=len)
    content[content.index(largest) + len(largest) // 2] ^= 1
    return bytes(content)


@cache
def _zeros() -> bytes:
    return bytes(12_000_000)


def _table(files: Files) -> str:
    return max(files, key=lambda name: len(files[name]))


def _without_table(files: Files) -> bytes:
    return zipped({name: content for name, content in files.items() if name != _table(files)})


ARCHIVES: Final[dict[str, tuple[Spoil, str]]] = {
    "a page": (_instead(b"<!DOCTYPE html><h1>Sorry</h1>"), "is no zip archive"),
    "a gzip": (_instead(gzip.compress(b"UPRN")), "is no zip archive"),
    "the table alone": (lambda files: files[_table(files)], "is no zip archive"),
    "cut in half": (lambda files: zipped(files)[: len(zipped(files)) // 2], "is no whole zip"),
    "cut at its end": (lambda files: zipped(files)[:-30], "is no whole zip"),
    "without its beginning": (lambda files: zipped(files)[40:], "is no zip archive"),
    "no member": (_instead(zip_of()), "without a file in it"),
    "a folder only": (_instead(zip_of(("Data/", b""))), "without a file in it"),
    "one bit wrong": (_damaged, "is damaged at"),
    "out of its folder": (_more("../../etc/passwd"), "leads out of its folder"),
    "at the root": (_more("/etc/passwd"), "begins at the root"),
    "on a drive": (_more("C:/Windows/x.csv"), "begins at the root"),
    "backslash": (_renamed(b"zz.txt", b"z\\.txt"), "has a backslash"),
    "control character": (_renamed(b"zz.txt", b"z\x1b.txt"), "has control characters"),
    "a link": (_more(a_link("more.csv"), b"/etc/passwd"), "is a link or a device"),
    "twice": (_renamed(b"zz.txt", b"README"), 'holds "README" twice'),
    "encrypted": (lambda files: _marked(zipped(files), 8, 1), "encrypted"),
    "another way of packing": (lambda files: _marked(zipped(files), 10, 14), "method 14"),
    "a bomb": (_more("bomb.csv", _zeros()), "times its size"),
    "says it is endless": (
        lambda files: _marked(zipped(files), 24, 0xFFFFFFF0), "times its size",
    ),
    "no table": (_without_table, "no "),
}  # fmt: skip
"""Made of the files of a good zip, of which one is called README."""
