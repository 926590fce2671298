"""What a zip archive may hold before it is believed, and how it is read a little at a time."""

from __future__ import annotations

import contextlib
import copy
import io
import itertools
import os
import re
import shutil
import stat
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Final, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from sinkwatch.errors import SchemaError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO

_RATIO_COUNTS_FROM: Final = 10_000_000
"""Unpacked bytes below which no archive is a bomb, however well it is packed."""

_CHUNK: Final = 1_048_576
"""Bytes asked of an archive at once, at most."""

_BYTES_A_MEMBER: Final = 4_096
"""Room in the list of members for one; names, times and rights of one take some 100 bytes."""

_METHODS: Final = {ZIP_STORED, ZIP_DEFLATED}
"""Ways of packing that are read: the others cannot be unpacked a little at a time by `zipfile`."""

_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000
_DAMAGE: Final = (BadZipFile, EOFError, RuntimeError, ValueError, struct.error, zlib.error)
_FETCH: Final = "Fetch it again from its publisher"
_SUSPECT: Final = "Do not unpack it; ask its publisher"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLimits:
    """
    What an archive may hold at most.

    The defaults are those of the sinkwatch data gates; a product that is known to be larger says
    so.

    Attributes
    ----------
    most_members
        Files and folders.
    most_bytes
        Of all its files, unpacked.
    most_ratio
        Bytes unpacked for each byte of the archive: tables of text reach about 10, bombs 1,000.
    """

    most_members: int = 50
    most_bytes: int = 500_000_000
    most_ratio: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """
    One file in an archive.

    Attributes
    ----------
    name
        With its folders, separated by "/", as it is written there.
    n_bytes
        Its size, unpacked.
    """

    name: str
    n_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Of which source and file to speak."""

    source: str
    path: Path

    def refusal(self, rule: str, way_out: str = _FETCH) -> SourceError:
        return SourceError(self.source, f"{self.path.name} {rule}", way_out)

    @contextlib.contextmanager
    def understood(self, what: str) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            raise self.refusal(f"{what} ({str(error)[:200] or type(error).__name__})") from error
        except OSError as error:
            raise self.refusal(
                f"cannot be read ({error.strerror})", "Check the file and its rights"
            ) from error


class Archive:
    """
    An open archive whose list of members has been checked.

    Parameters
    ----------
    zipped
        The archive.
    place
        Of which source and file to speak.
    infos
        Its files, checked.
    """

    def __init__(self, zipped: ZipFile, place: _Place, infos: Sequence[ZipInfo]) -> None:
        self._zipped = zipped
        self._place = place
        self._infos = {info.filename: info for info in infos}

    def members(self, pattern: str = "*") -> tuple[Member, ...]:
        """
        Return the files whose names fit a pattern.

        Parameters
        ----------
        pattern
            Such as "Data/*.csv": upper and lower case are alike, and it is compared from the
            right, so that one more folder around everything does not matter.

        Returns
        -------
        members
            In the order of their names; none if none fits.
        """
        wanted = pattern.casefold()
        return tuple(
            Member(name=name, n_bytes=info.file_size)
            for name, info in sorted(self._infos.items())
            if PurePosixPath(name.casefold()).match(wanted)
        )

    def only(self, pattern: str) -> Member:
        """
        Return the one file whose name fits a pattern.

        Parameters
        ----------
        pattern
            As in `members`.

        Returns
        -------
        member
            That file.

        Raises
        ------
        SchemaError
            If none fits, or more than one.
        """
        found = self.members(pattern)
        if len(found) != 1:
            names = ", ".join(member.name for member in found[:3])
            fault = (
                f"it holds {len(found)} files {pattern} ({names})"
                if found
                else (f"it holds no file {pattern}")
            )
            raise SchemaError(
                f"{self._place.source} ({self._place.path.name})",
                [f"{fault} where one is documented"],
                "Check that it is the product meant; ask its publisher if it has changed",
            )
        return found[0]

    @contextlib.contextmanager
    def reading(self, member: Member) -> Iterator[BinaryIO]:
        """
        Read a file out of the archive, unpacked a little at a time.

        Size and check sum are those stated once it has been read to its end; who stops earlier
        has no word for the rest.

        Parameters
        ----------
        member
            One of `members`.

        Yields
        ------
        file
            Buffered, binary, forwards only. Reading it raises SourceError if the file is damaged
            or is not as long as the archive states.

        Raises
        ------
        SourceError
            If it cannot be opened.
        """
        info = copy.copy(self._infos[member.name])
        # `zipfile` stops where the stated size ends and would never tell of more: it is told of
        # more, so that a first byte beyond gives the lie away (it reads 4 KB ahead).
        info.file_size += _CHUNK
        with self._place.understood(f"is damaged at {_shown(member.name)}"):
            packed = self._zipped.open(info)
        unpacked = _Unpacked(packed, member, self._place)
        with cast("BinaryIO", io.BufferedReader(unpacked, buffer_size=_CHUNK)) as file:
            yield file

    def unpack(self, member: Member, target: Path) -> None:
        """
        Write a file of the archive to a place of the caller's, whole or not at all.

        Parameters
        ----------
        member
            One of `members`; its name has no say in where it is written.
        target
            Where to; its folder is there.

        Raises
        ------
        SourceError
            If it is damaged, or cannot be written.
        """
        part = target.with_name(f".{target.name}.part")
        try:
            with self.reading(member) as file, part.open("wb") as out:
                shutil.copyfileobj(file, out, _CHUNK)
                out.flush()
                os.fsync(out.fileno())
            part.replace(target)
        except OSError as error:
            raise SourceError(
                self._place.source,
                f"{target} cannot be written ({error.strerror})",
                "Check the folder's rights and the room left",
            ) from error
        finally:
            with contextlib.suppress(OSError):
                part.unlink()


@contextlib.contextmanager
def opened(path: Path, *, source: str, limits: ArchiveLimits | None = None) -> Iterator[Archive]:
    """
    Open a zip archive and check what it says of itself.

    Nothing of it is written anywhere, and no more than a few megabytes are in memory.

    Parameters
    ----------
    path
        The archive.
    source
        Name of the source, for messages.
    limits
        What it may hold at most; the defaults if None.

    Yields
    ------
    archive
        With its files to be read.

    Raises
    ------
    SourceError
        If it is no whole zip archive, holds nothing or too much, or a member that is a link, is
        encrypted, is there twice or whose name leads out of a folder.
    """
    place = _Place(source=source, path=path)
    limits = limits or ArchiveLimits()
    with contextlib.ExitStack() as closing:
        with place.understood("is no whole zip archive"):
            file = closing.enter_context(_Bounded(path, limits.most_members))
            n_bytes = os.fstat(file.fileno()).st_size
            _refuse_another_format(file, place)
            zipped = closing.enter_context(ZipFile(cast("IO[bytes]", file)))
            infos = zipped.infolist()
        _refuse_size(infos, n_bytes, limits, place)
        for info in infos:
            _refuse_member(info, place)
        _refuse_doubles(infos, place)
        yield Archive(zipped, place, [info for info in infos if not _is_folder(info)])


class _Bounded(io.FileIO):
    """A file of which never more is read at once than so many members may need in the list."""

    def __init__(self, path: Path, most_members: int) -> None:
        super().__init__(path)
        self._most_members = most_members

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > max(_CHUNK, self._most_members * _BYTES_A_MEMBER):
            raise BadZipFile(f"its list of members is {size:,} bytes long")
        return super().read(size) or b""


class _Unpacked(io.RawIOBase):
    """A member as a stream of bytes that counts them."""

    def __init__(self, packed: IO[bytes], member: Member, place: _Place) -> None:
        self._packed = packed
        self._member = member
        self._place = place
        self._n_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # as BufferedReader calls it
        stated = self._member.n_bytes
        with self._place.understood(f"is damaged at {_shown(self._member.name)}"):
            chunk = self._packed.read(min(len(buffer), _CHUNK, stated + 1 - self._n_bytes))
        self._n_bytes += len(chunk)
        if self._n_bytes > stated or (not chunk and self._n_bytes < stated):
            few = "more" if self._n_bytes > stated else "fewer"
            raise self._place.refusal(
                f"holds {few} bytes of {_shown(self._member.name)} than the {stated:,} it states",
                _SUSPECT,
            )
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._packed.close()
        super().close()


# ── What is refused ──────────────────────────────────────────────────────────────────────────


def _shown(name: str) -> str:
    return f'"{name[:80]}"'


def _is_folder(info: ZipInfo) -> bool:
    return info.filename.endswith("/")  # `is_dir` of 3.11 stumbles over an empty name


def _refuse_another_format(file: io.FileIO, place: _Place) -> None:
    first = file.read(4)
    if not first:
        raise place.refusal("is empty")
    # A table or a page with an archive behind it is one thing to us and another to GDAL.
    if first not in (b"PK\x03\x04", b"PK\x05\x06"):
        raise place.refusal(f"is no zip archive: it begins with {first!r}")


def _refuse_size(
    infos: Sequence[ZipInfo], n_bytes: int, limits: ArchiveLimits, place: _Place
) -> None:
    if all(_is_folder(info) for info in infos):
        raise place.refusal("is a zip archive without a file in it")
    if len(infos) > limits.most_members:
        raise place.refusal(f"holds {len(infos):,} members, more than {limits.most_members:,}")
    unpacked = sum(info.file_size for info in infos)
    if unpacked > limits.most_bytes:
        raise place.refusal(
            f"unpacks to {unpacked:,} bytes, more than {limits.most_bytes:,}", _SUSPECT
        )
    if unpacked > max(_RATIO_COUNTS_FROM, limits.most_ratio * n_bytes):
        raise place.refusal(
            f"unpacks to {unpacked / n_bytes:,.0f} times its size, more than "
            f"{limits.most_ratio:g} times",
            _SUSPECT,
        )
    if min(info.header_offset for info in infos) < 0:
        raise place.refusal("is no whole zip archive (bytes are missing inside)")
    # Many names for the same packed bytes: how a small archive states an honest huge size.
    ends = sorted((info.header_offset, info.compress_size) for info in infos)
    if any(begin + packed > after for (begin, packed), (after, _) in itertools.pairwise(ends)):
        raise place.refusal("holds members that overlap", _SUSPECT)


def _refuse_member(info: ZipInfo, place: _Place) -> None:
    # `filename` is what `zipfile` has made of it: cut at a NUL, and on Windows without "\".
    name = info.orig_filename
    fault = _fault_of_name(name)
    if not fault and stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        fault = "is a link or a device"
    if fault:
        raise place.refusal(f"holds a member {_shown(name)}, which {fault}", _SUSPECT)
    if info.flag_bits & _ENCRYPTED:
        raise place.refusal(f"holds {_shown(name)} encrypted", "Give it unencrypted")
    if info.compress_type not in _METHODS:
        raise place.refusal(
            f"holds {_shown(name)} packed by method {info.compress_type}, which is not read",
            "Pack it by the usual method (deflate)",
        )


def _fault_of_name(name: str) -> str:
    parts = name.removesuffix("/").split("/")
    if any(ord(character) < ord(" ") for character in name):
        return "has control characters in its name"
    if "\\" in name:
        return "has a backslash in its name"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "begins at the root of a disk"
    if ".." in parts:
        return "leads out of its folder"
    return "has a folder without a name" if {"", "."} & set(parts) else ""


def _refuse_doubles(infos: Sequence[ZipInfo], place: _Place) -> None:
    seen: set[str] = set()
    for info in infos:
        name = info.filename.removesuffix("/").casefold()
        if name in seen:
            raise place.refusal(f"holds {_shown(info.filename)} twice", _SUSPECT)
        seen.add(name)
