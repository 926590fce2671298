"""What the zip of Code-Point Open holds: a file for each postcode area, and how long each is."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import pyarrow as pa

from sinkwatch.errors import SchemaError
from sinkwatch.sources import archives
from sinkwatch.sources.ordnance_survey.code_point_rows import WAY_OUT, AreaRows, read_area

LOG = logging.getLogger(__name__)

_AREAS: Final = """
AB AL B BA BB BD BH BL BN BR BS CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH EN
EX FK FY G GL GU HA HD HG HP HR HS HU HX IG IP IV KA KT KW KY L LA LD LE LL LN LS LU M ME MK ML N
NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR SS ST SW SY TA
TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO ZE
"""

AREAS: Final = frozenset(_AREAS.split())
"""The 120 postcode areas of Great Britain (Doc/metadata.txt of the 2014.3 and 2020.3 editions)."""

LIMITS: Final = archives.ArchiveLimits(most_members=200, most_bytes=400_000_000)
"""What the zip may hold: some 126 files and 115 MB in 2025."""

MOST_BYTES_A_FILE: Final = 20_000_000
"""Largest file in it that is read, bytes: that of the largest postcode area is some 3 MB."""

_MOST_EXAMPLES: Final = 3
_FLAGS: Final = re.ASCII | re.IGNORECASE
_COUNT: Final = re.compile(r"\s*([A-Z]{1,2})\s+(\d[\d,]{0,11})\s*", _FLAGS)
_VERSION: Final = re.compile(r"\s*DATASET VERSION NUMBER\s*:\s*(\S{1,20})\s*", _FLAGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """
    What an edition says of itself.

    Attributes
    ----------
    version
        Such as "2025.4.0"; empty if it is not said.
    n_rows
        By postcode area, rows of its file; empty if they are not said.
    """

    version: str
    n_rows: Mapping[str, int]


def stated(text: str) -> Stated:
    """
    Read ``Doc/metadata.txt``.

    Parameters
    ----------
    text
        Lines such as "DATASET VERSION NUMBER: 2020.3.0" and "      HG<tab>4410".

    Returns
    -------
    stated
        What could be understood; other lines say nothing.
    """
    lines = text.splitlines()
    versions = [match[1] for line in lines if (match := _VERSION.fullmatch(line))]
    counts = [match for line in lines if (match := _COUNT.fullmatch(line))]
    return Stated(
        version=versions[0] if versions else "",
        n_rows={match[1].upper(): int(match[2].replace(",", "")) for match in counts},
    )


def areas(
    path: Path, source: str, needed: AbstractSet[str], *, name: str
) -> Generator[AreaRows, None, None]:
    """
    Read an archive, one file after the other.

    Parameters
    ----------
    path
        The zip.
    source
        Name of the source, for messages.
    needed
        Postcode areas without which it is of no use.
    name
        What it is, for messages.

    Yields
    ------
    rows
        In the order of the areas' names, which is that of their postcodes.

    Raises
    ------
    SourceError
        If it is no whole archive.
    SchemaError
        If a file cannot be used, is missing, or has not as many rows as ``Doc/metadata.txt``
        says; the last of these only at the end.
    """
    with archives.opened(path, source=source, limits=LIMITS) as archive:
        said = _stated(archive, source, name)
        files = _files(archive, name)
        _refuse_other_files(files.keys(), said, needed, name)
        n_rows = {}
        for area, member in sorted(files.items()):
            content = _content(archive, member, name)
            rows = read_area(content, area, name=f"{name}, {area.lower()}.csv")
            n_rows[area] = rows.n_rows
            yield rows
    _refuse_other_counts(n_rows, said, name)


def _files(archive: archives.Archive, name: str) -> dict[str, archives.Member]:
    files: dict[str, archives.Member] = {}
    for member in archive.members("Data/CSV/*.csv"):
        area = PurePosixPath(member.name).stem.upper()
        if area in files:
            raise SchemaError(name, [f"{area.lower()}.csv is there twice"], WAY_OUT)
        files[area] = member
    if not files:
        raise SchemaError(name, ["it holds no file Data/CSV/*.csv"], WAY_OUT)
    return files


def _content(archive: archives.Archive, member: archives.Member, name: str) -> pa.BufferReader:
    if member.n_bytes > MOST_BYTES_A_FILE:
        fault = f"{member.name} is larger than {MOST_BYTES_A_FILE:,} bytes"
        raise SchemaError(name, [fault], WAY_OUT)
    with archive.reading(member) as file:
        return pa.BufferReader(file.read())


def _stated(archive: archives.Archive, source: str, name: str) -> Stated:
    """Return what the archive says of itself; its licence is Latin-1, so this may be."""
    said = stated("")
    for member in archive.members("Doc/metadata.txt")[:1]:
        said = stated(_content(archive, member, name).read().decode("latin-1"))
    if said.n_rows:
        LOG.info("%s: version %s", source, said.version or "not said")
    else:
        LOG.warning("%s: its metadata.txt states no counts: only its files are checked", source)
    return said


def _refuse_other_files(
    found: AbstractSet[str], said: Stated, needed: AbstractSet[str], name: str
) -> None:
    wanted = said.n_rows.keys() or AREAS
    missing, strange = sorted((wanted | needed) - found), sorted(found - wanted)
    faults = [f"it has no file of postcode area {_some(missing)}"] if missing else []
    if strange:
        faults.append(f"it has a file of postcode area {_some(strange)}, which is not its own")
    if faults:
        raise SchemaError(name, faults, WAY_OUT)


def _refuse_other_counts(n_rows: Mapping[str, int], said: Stated, name: str) -> None:
    different = [
        f"{area} has {n_rows[area]:,} rows, and its metadata.txt says {n:,}"
        for area, n in sorted(said.n_rows.items())
        if n_rows[area] != n
    ]
    if different:
        raise SchemaError(name, [_some(different, "; ")], WAY_OUT)


def _some(words: Iterable[str], between: str = ", ") -> str:
    found = list(words)
    more = len(found) - _MOST_EXAMPLES
    return between.join(found[:_MOST_EXAMPLES]) + (f" and {more} more" if more > 0 else "")
