"""A zip archive is believed as far as it has been counted, and no name in it leads anywhere."""

from __future__ import annotations

import csv
import io
import stat
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch.errors import SchemaError, SourceError
from sinkwatch.sources.archives import ArchiveLimits, Member, opened

if TYPE_CHECKING:
    from pathlib import Path

Make = Callable[[], bytes]

TABLE: Final = b"postcode,easting,northing\r\n" + b"HG4 9ZZ,431450,471702\r\n" * 40
LIMITS: Final = ArchiveLimits(most_members=5, most_bytes=20_000_000)


# ── Made by hand ─────────────────────────────────────────────────────────────────────────────


def zipped(
    *members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content, method)
    return out.getvalue()


def named(name: str) -> Make:
    return lambda: zipped(("plain.csv", TABLE), (name, TABLE))


def renamed(before: bytes, after: bytes) -> Make:
    """Write a name into the bytes that `zipfile` would not write, or would warn of."""
    return lambda: zipped(("aa.csv", TABLE), ("bb.csv", TABLE)).replace(before, after)


def with_mode(mode: int) -> Make:
    info = zipfile.ZipInfo("link.csv")
    info.create_system = 3
    info.external_attr = mode << 16
    return lambda: zipped((info, b"/etc/passwd"))


def stated(content: bytes, **fields: int) -> bytes:
    """Change what the first entry of the list says."""
    offsets = {"flags": (8, "<H"), "method": (10, "<H"), "crc": (16, "<L"), "packed": (20, "<L"),
               "unpacked": (24, "<L"), "offset": (42, "<L")}  # fmt: skip
    changed, entry = bytearray(content), content.index(b"PK\x01\x02")
    for field, value in fields.items():
        offset, kind = offsets[field]
        struct.pack_into(kind, changed, entry + offset, value)
    return bytes(changed)


def bomb(n_bytes: int) -> bytes:
    return zipped(("zeros.csv", b"\0" * n_bytes))


def understated() -> bytes:
    """Unpack to 5 MB, and state the first 1,000 bytes with a check sum that fits them."""
    return stated(bomb(5_000_000), unpacked=1_000, crc=zlib.crc32(b"\0" * 1_000))


def overstated() -> bytes:
    """State more than there is, with a check sum that fits what there is."""
    return stated(zipped(("a.csv", TABLE)), unpacked=len(TABLE) + 1)


def overlapping() -> bytes:
    """Two names in the list for one and the same packed bytes."""
    content = zipped(("aa.csv", TABLE), ("bb.csv", TABLE))
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
    return content[: second + 42] + struct.pack("<L", 0) + content[second + 46 :]


def without_end() -> bytes:
    content = zipped(("a.csv", TABLE))
    return content[: content.index(b"PK\x05\x06")]


def damaged() -> bytes:
    content = bytearray(zipped(("a.csv", TABLE), method=zipfile.ZIP_STORED))
    content[60] ^= 1
    return bytes(content)


def nameless() -> bytes:
    """A name of no bytes; those that it had are a field that means nothing."""
    content = zipped(("aa.csv", TABLE)).replace(b"aa.csv", b"\xaa\x55\x02\x00xx")
    lengths = content.index(b"PK\x01\x02") + 28
    return content[:lengths] + struct.pack("<HH", 0, 6) + content[lengths + 4 :]


def cut_inside() -> bytes:
    """Take the packed bytes out, and leave the list and the end."""
    content = zipped(("a.csv", bytes(range(256)) * 40), method=zipfile.ZIP_STORED)
    return content[:200] + content[content.index(b"PK\x01\x02") :]


def long_list() -> bytes:
    """An end that states a list of 2 MB."""
    content = b"PK\x03\x04" + b"\0" * 3_000_000
    return content + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 2_000_000, 1_000_000, 0)


# ── Read ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "codepo_gb.zip"


def read(path: Path, limits: ArchiveLimits | None = LIMITS) -> dict[str, bytes]:
    """Read everything there is."""
    with opened(path, source="code-point", limits=limits) as archive:
        found = {}
        for member in archive.members():
            with archive.reading(member) as file:
                found[member.name] = file.read()
        return found


def refused(path: Path, limits: ArchiveLimits | None = LIMITS) -> SourceError:
    with pytest.raises(SourceError) as error:
        read(path, limits)
    assert error.value.source == "code-point"
    assert error.value.rule.startswith("codepo_gb.zip ")
    assert not error.value.retryable
    return error.value


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_was_put_in_comes_out(path: Path, method: int) -> None:
    path.write_bytes(
        zipped(("Data/", b""), ("Data/hg.csv", TABLE), ("Doc/empty.txt", b""), method=method)
    )
    assert read(path) == {"Data/hg.csv": TABLE, "Doc/empty.txt": b""}


def test_an_archive_written_as_a_stream_is_read_too(path: Path) -> None:
    """Such a one states sizes and sums after each member."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.content = b""

        def writable(self) -> bool:
            return True

        def write(self, content: bytes) -> int:  # type: ignore[override]
            self.content += bytes(content)
            return len(content)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", TABLE)
    path.write_bytes(pipe.content)
    assert read(path) == {"a.csv": TABLE}


def test_files_are_found_whatever_the_case_and_the_folder_around(path: Path) -> None:
    path.write_bytes(
        zipped(("opname/DATA/SE26.CSV", TABLE), ("opname/DATA/SE06.csv", b"x"), ("readme.txt", b""))
    )
    with opened(path, source="names") as archive:
        found = archive.members("Data/*.csv")
        assert found == (
            Member(name="opname/DATA/SE06.csv", n_bytes=1),
            Member(name="opname/DATA/SE26.CSV", n_bytes=len(TABLE)),
        )
        assert archive.only("se26.csv") == found[1]
        assert archive.members("Other/*.csv") == ()


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("*.gpkg", "it holds no file *.gpkg where one is documented"),
        ("*.csv", "it holds 2 files *.csv (a.csv, b.csv) where one is documented"),
    ],
)
def test_one_file_is_not_none_and_not_two(path: Path, pattern: str, fault: str) -> None:
    path.write_bytes(zipped(("a.csv", TABLE), ("b.csv", TABLE)))
    with opened(path, source="uprn") as archive, pytest.raises(SchemaError) as error:
        archive.only(pattern)
    assert error.value.faults == (fault,)
    assert error.value.value == "uprn (codepo_gb.zip)"


def test_a_file_is_read_by_whoever_reads_files(path: Path) -> None:
    path.write_bytes(zipped(("a.csv", TABLE)))
    with opened(path, source="x") as archive:
        member = archive.only("a.csv")
        with archive.reading(member) as file, pa_csv.open_csv(file) as batches:
            assert pa.Table.from_batches(batches).num_rows == 40
        with archive.reading(member) as file:
            lines = csv.reader(io.TextIOWrapper(file, "utf-8", newline=""))
            assert len(list(lines)) == 41
        with archive.reading(member) as file:
            assert file.readline() == TABLE[:27]


def test_reading_may_stop_early_and_begin_again(path: Path) -> None:
    path.write_bytes(zipped(("a.csv", TABLE)))
    with opened(path, source="x") as archive:
        member = archive.only("a.csv")
        for _ in range(2):
            with archive.reading(member) as file:
                assert file.read(8) == b"postcode"


def test_a_file_is_unpacked_to_where_the_caller_says(path: Path, tmp_path: Path) -> None:
    path.write_bytes(zipped(("Data/deep/se.gpkg", TABLE)))
    target = tmp_path / "map.gpkg"
    with opened(path, source="x") as archive:
        archive.unpack(archive.only("*.gpkg"), target)
    assert target.read_bytes() == TABLE
    assert sorted(found.name for found in tmp_path.iterdir()) == ["codepo_gb.zip", "map.gpkg"]


def test_a_damaged_file_is_not_half_unpacked(path: Path, tmp_path: Path) -> None:
    path.write_bytes(damaged())
    target = tmp_path / "map.gpkg"
    target.write_bytes(b"old")
    with (
        opened(path, source="x") as archive,
        pytest.raises(SourceError, match=r'codepo_gb.zip is damaged at "a.csv"'),
    ):
        archive.unpack(archive.only("a.csv"), target)
    assert target.read_bytes() == b"old"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["codepo_gb.zip", "map.gpkg"]


def test_a_disk_at_fault_is_told_from_an_archive_at_fault(path: Path, tmp_path: Path) -> None:
    path.write_bytes(zipped(("a.csv", TABLE)))
    with (
        opened(path, source="x") as archive,
        pytest.raises(SourceError, match=r"map.gpkg cannot be written \(No such file"),
    ):
        archive.unpack(archive.only("a.csv"), tmp_path / "gone" / "map.gpkg")


# ── Not to be believed ───────────────────────────────────────────────────────────────────────

HOSTILE: Final[dict[str, tuple[Make, str]]] = {
    # No whole archive
    "empty file": (lambda: b"", "is empty"),
    "page": (lambda: b"<!DOCTYPE html><html>", "is no zip archive: it begins with b'<!DO'"),
    "table": (lambda: TABLE, "is no zip archive: it begins with b'post'"),
    "gzip": (lambda: zlib.compress(TABLE, wbits=31), "is no zip archive"),
    "7z": (lambda: b"7z\xbc\xaf\x27\x1c" + b"\0" * 90, "is no zip archive"),
    "page before": (lambda: b"<html>" + zipped(("a.csv", TABLE)), "is no zip archive"),
    "four bytes": (lambda: b"PK\x03\x04", "is no whole zip archive"),
    "half": (lambda: zipped(("a.csv", TABLE))[:150], "is no whole zip archive"),
    "last byte gone": (lambda: zipped(("a.csv", TABLE))[:-1], "is no whole zip archive"),
    "no end": (without_end, "is no whole zip archive"),
    "no entries": (zipped, "is a zip archive without a file in it"),
    "folders alone": (lambda: zipped(("Data/", b"")), "is a zip archive without a file in it"),
    "list too long": (long_list, "its list of members is 2,000,000 bytes long"),
    # Where a name leads
    "parent": (named("../evil.csv"), "leads out of its folder"),
    "parent inside": (named("Data/../../evil.csv"), "leads out of its folder"),
    "root": (named("/etc/cron.d/evil"), "begins at the root of a disk"),
    "drive": (named("C:/evil.csv"), "begins at the root of a disk"),
    "drive, relative": (named("c:evil.csv"), "begins at the root of a disk"),
    "backslash": (renamed(b"bb.csv", b"..\\b.c"), "has a backslash in its name"),
    "line break": (named("a\nb.csv"), "has control characters in its name"),
    "zero": (renamed(b"bb.csv", b"b\0.csv"), "has control characters in its name"),
    "here": (named("./a.csv"), "has a folder without a name"),
    "double slash": (named("Data//a.csv"), "has a folder without a name"),
    "no name": (nameless, "has a folder without a name"),
    "link": (with_mode(stat.S_IFLNK | 0o777), '"link.csv", which is a link or a device'),
    "device": (with_mode(stat.S_IFCHR | 0o666), "which is a link or a device"),
    "pipe": (with_mode(stat.S_IFIFO | 0o666), "which is a link or a device"),
    # Not one meaning
    "twice": (renamed(b"bb.csv", b"aa.csv"), 'holds "aa.csv" twice'),
    "twice in two cases": (renamed(b"bb.csv", b"AA.csv"), 'holds "AA.csv" twice'),
    "file and folder": (
        lambda: zipped(("a.csv", TABLE), ("a.csv/", b"")), 'holds "a.csv/" twice'
    ),
    "two heads": (lambda: zipped(("a.csv", TABLE)).replace(b"a.csv", b"b.csv", 1), "differ"),
    "overlapping": (overlapping, "holds members that overlap"),
    # Too much
    "members": (
        lambda: zipped(*((f"{i}.csv", b"x") for i in range(6))), "holds 6 members, more than 5"
    ),
    "bomb": (lambda: bomb(20_000_001), "unpacks to 20,000,001 bytes, more than 20,000,000"),
    "ratio": (lambda: bomb(15_000_000), "times its size, more than 100 times"),
    "many bombs": (
        lambda: zipped(*((f"{i}.csv", b"\0" * 4_100_000) for i in range(5))),
        "unpacks to 20,500,000 bytes",
    ),
    "4 GB stated": (
        lambda: stated(zipped(("a.csv", TABLE)), unpacked=0xFFFF_FFFE), "unpacks to 4,294,967,294"
    ),
    "more than stated": (understated, 'holds more bytes of "zeros.csv" than the 1,000 it states'),
    "fewer than stated": (overstated, 'holds fewer bytes of "a.csv" than the 948 it states'),
    "nothing stated": (
        lambda: stated(bomb(5_000_000), unpacked=0, crc=0), "than the 0 it states"
    ),
    # Damaged
    "check sum": (damaged, 'is damaged at "a.csv" (Bad CRC-32'),
    "another sum": (lambda: stated(zipped(("a.csv", TABLE)), crc=1), 'is damaged at "a.csv"'),
    "cut inside": (cut_inside, "is no whole zip archive"),
    "packed size": (
        lambda: stated(zipped(("a.csv", TABLE)), packed=20), 'is damaged at "a.csv"'
    ),
    "offset": (lambda: stated(zipped(("a.csv", TABLE)), offset=77), 'is damaged at "a.csv"'),
    "offset beyond": (lambda: stated(zipped(("a.csv", TABLE)), offset=10**9), "is damaged at"),
    "no deflate": (
        lambda: stated(zipped(("a.csv", TABLE), method=0), method=8), 'is damaged at "a.csv"'
    ),
    # Not read
    "encrypted": (lambda: stated(zipped(("a.csv", TABLE)), flags=1), 'holds "a.csv" encrypted'),
    "strongly": (lambda: stated(zipped(("a.csv", TABLE)), flags=0x41), 'holds "a.csv" encrypted'),
    "head encrypted": (lambda: stated(zipped(("a.csv", TABLE)), flags=0x2000), "encrypted"),
    "bzip2": (lambda: zipped(("a.csv", TABLE), method=zipfile.ZIP_BZIP2), "packed by method 12"),
    "lzma": (lambda: zipped(("a.csv", TABLE), method=zipfile.ZIP_LZMA), "packed by method 14"),
    "deflate64": (lambda: stated(zipped(("a.csv", TABLE)), method=9), "packed by method 9"),
    "unknown method": (lambda: stated(zipped(("a.csv", TABLE)), method=99), "packed by method 99"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "reason"), HOSTILE.values(), ids=HOSTILE.keys())
def test_an_archive_that_is_not_to_be_believed_is_refused(
    path: Path, make: Make, reason: str
) -> None:
    path.write_bytes(make())
    assert reason in refused(path).rule


def test_an_archive_that_is_not_there_is_said_not_to_be(path: Path) -> None:
    error = refused(path)
    assert error.rule == "codepo_gb.zip cannot be read (No such file or directory)"


def test_a_folder_is_no_archive(path: Path) -> None:
    path.mkdir()
    assert "cannot be read (Is a directory)" in refused(path).rule


def test_a_small_archive_may_be_packed_as_well_as_it_likes(path: Path) -> None:
    path.write_bytes(bomb(9_000_000))
    assert len(read(path)["zeros.csv"]) == 9_000_000


def test_a_product_that_is_known_to_be_large_may_say_so(path: Path) -> None:
    path.write_bytes(bomb(21_000_000))
    limits = ArchiveLimits(most_bytes=30_000_000, most_ratio=2_000)
    assert len(read(path, limits)["zeros.csv"]) == 21_000_000


def test_an_archive_in_an_archive_is_a_file_like_any_other(path: Path) -> None:
    inner = bomb(1_000_000)
    path.write_bytes(zipped(("inner.zip", inner)))
    assert read(path) == {"inner.zip": inner}


def test_the_limits_are_those_of_the_gates() -> None:
    assert ArchiveLimits() == ArchiveLimits(most_members=50, most_bytes=500_000_000, most_ratio=100)


def test_a_bomb_that_lies_is_never_in_memory(path: Path) -> None:
    """It states little, so that it is begun: no more than a few chunks of it are unpacked."""
    path.write_bytes(stated(bomb(60_000_000), unpacked=9_000_000))
    tracemalloc.start()
    assert 'holds more bytes of "zeros.csv" than the 9,000,000 it states' in drained(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10_000_000


def drained(path: Path) -> str:
    """Read the one file a little at a time, and return why that ends."""

    def drain() -> None:
        with opened(path, source="x") as archive, archive.reading(archive.only("*")) as file:
            while file.read(65_536):
                pass

    with pytest.raises(SourceError) as error:
        drain()
    return error.value.rule


def test_a_list_that_is_a_bomb_is_never_in_memory(path: Path) -> None:
    """Twenty-one thousand names of nothing."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for i in range(21_000):
            archive.writestr(zipfile.ZipInfo(f"{i:05}"), b"")
    path.write_bytes(out.getvalue())
    assert "its list of members is" in refused(path).rule


CONTENT: Final = zipped(("Data/hg.csv", TABLE), ("Doc/readme.txt", b"Contains OS data\n"))
INSIDE: Final = {"Data/hg.csv": TABLE, "Doc/readme.txt": b"Contains OS data\n"}


@given(
    at=st.integers(0, len(CONTENT) - 1),
    instead=st.binary(min_size=1, max_size=4),
)
def test_whatever_befalls_an_archive_it_is_read_right_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, at: int, instead: bytes
) -> None:
    path = tmp_path_factory.mktemp("any", numbered=True) / "codepo_gb.zip"
    path.write_bytes(CONTENT[:at] + instead + CONTENT[at + len(instead) :])
    try:
        found = read(path)
    except SourceError as error:
        assert error.rule.startswith("codepo_gb.zip ")  # noqa: PT017 - either is right
    else:
        # A name has no check sum; what is in a file has.
        assert set(found.values()) <= set(INSIDE.values()) | {b""}
