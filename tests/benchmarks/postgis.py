"""
PostGIS in a cluster of its own: in a temporary folder, over a socket, gone afterwards.

What it is asked is the same SQL as the other engines are; rows go in and come out as PostgreSQL's
binary COPY, which for rows of one length is an array.
"""

# ruff: noqa: S608 - all of the SQL stands in this repository

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import geopandas as gpd
import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
from pyarrow import parquet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tests.benchmarks.queries import Queries

_SETTINGS: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "''",
    "shared_buffers": "2GB",
    "work_mem": "1GB",
    "maintenance_work_mem": "1GB",
    "max_parallel_workers_per_gather": "1",  # and the one that asks: two cores
    "max_parallel_maintenance_workers": "1",
    "max_wal_size": "8GB",
    "jit": "off",  # compiling takes it longer than these queries gain
}
_TABLES: Final = {
    "places": "uprn bigint, position_uncertainty_m double precision, geometry geometry",
    "zones": "class bigint, known_m double precision, geometry geometry",
    "records": "number bigint, feature bigint, shift bigint, radius_m double precision,"
    " known_m double precision, geometry geometry",
    "bands": "scored_as bigint, ring bigint, band bigint",
}
_ROUND: Final = (
    "CREATE FUNCTION round(double precision, integer) RETURNS double precision LANGUAGE sql"
    " IMMUTABLE PARALLEL SAFE AS 'SELECT round($1 * 10.0 ^ $2) / 10.0 ^ $2'"
)
"""PostgreSQL rounds numbers of this kind to whole ones only; halves to even, as everywhere here."""

_COPY_HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END: Final = b"\xff\xff"
_WKB: Final = "V21"  # a point


def missing() -> str | None:
    """Return what has to be installed, None if nothing."""
    programs = _programs()
    if programs is None:
        return "not installed (Debian: postgresql)"
    version = programs.parent.name
    held = Path("/usr/share/postgresql") / version / "extension" / "postgis.control"
    return None if held.exists() else f"not installed (Debian: postgresql-{version}-postgis-3)"


def _programs() -> Path | None:
    return next(
        (at.parent for at in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))[::-1]), None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """
    A server that runs, and what asks it.

    Attributes
    ----------
    folder
        Its own; it can write there.
    postmaster
        Number of the process whose children all others are.
    session
        Open as long as the server runs.
    """

    folder: Path
    postmaster: int
    session: psycopg.Connection

    def load(self, tables: dict[str, str]) -> None:
        """Copy the Parquet files in, with an index of each geometry."""
        for name, path in tables.items():
            self.session.execute(f"CREATE UNLOGGED TABLE {name} ({_TABLES[name]})")
            if name == "places":
                _copy_places(self.session, path)
            else:
                _copy_frame(self.session, name, path)
            self._index(name)

    def make(self, name: str, query: str) -> None:
        """Make a table of what a query finds."""
        self.session.execute(f"CREATE UNLOGGED TABLE {name} AS {query}")
        self._index(name)

    def _index(self, name: str) -> None:
        found = self.session.execute(f"SELECT * FROM {name} LIMIT 0").description or []
        if "geometry" in {column.name for column in found}:
            self.session.execute(f"CREATE INDEX ON {name} USING gist (geometry)")
        self.session.execute(f"ANALYZE {name}")

    def rows(self, query: str, columns: dict[str, str]) -> NDArray[np.void]:
        """Return what a query finds as an array with a field for each column, none of them null."""
        path = self.folder / "rows"
        self.session.execute(f"COPY ({query}) TO '{path}' (FORMAT binary)")
        kind = _row_type(columns)
        n = (path.stat().st_size - len(_COPY_HEAD) - len(_COPY_END)) // kind.itemsize
        return np.memmap(path, kind, "r", len(_COPY_HEAD), (n,)) if n else np.zeros(0, kind)

    def cpu_s(self) -> float:
        """Return the processor time of all its processes, those that have ended included."""
        ticks = sum(
            # Its own and, of the first process, that of the children it has seen end.
            sum(numbers[11 : 15 if number == self.postmaster else 13])
            for number, numbers in _processes()
            if self.postmaster in (number, numbers[1])
        )
        return ticks / os.sysconf("SC_CLK_TCK")


def _copy_places(session: psycopg.Connection, path: str) -> None:
    kind = _row_type({"uprn": ">i8", "known_m": ">f8", "geometry": _WKB})
    with session.cursor().copy("COPY places FROM STDIN (FORMAT binary)") as copy:
        copy.write(_COPY_HEAD)
        for batch in parquet.ParquetFile(path).iter_batches(batch_size=250_000):
            rows = _blank_rows(kind, len(batch))
            rows["uprn"] = batch["uprn"].to_numpy()
            rows["known_m"] = batch["position_uncertainty_m"].to_numpy()
            points = batch["geometry"].cast(pa.binary(np.dtype(_WKB).itemsize))
            rows["geometry"] = np.frombuffer(points.buffers()[1], _WKB)[: len(batch)]
            copy.write(rows.tobytes())
        copy.write(_COPY_END)


def _copy_frame(session: psycopg.Connection, name: str, path: str) -> None:
    names = [column.split()[0] for column in _TABLES[name].split(",")]
    is_ground = "geometry" in names
    frame = gpd.read_parquet(path).to_wkb(hex=True) if is_ground else pd.read_parquet(path)
    with session.cursor().copy(f"COPY {name} FROM STDIN") as copy:
        copy.write(frame[names].to_csv(sep="\t", index=False, header=False))


def _row_type(columns: dict[str, str]) -> np.dtype[np.void]:
    """Return how a row stands in a binary COPY: the number of values, before each its length."""
    fields = [("n", ">i2")]
    for name, kind in columns.items():
        fields += [(f"n_{name}", ">i4"), (name, kind)]
    return np.dtype(fields)


def _blank_rows(kind: np.dtype[np.void], n: int) -> NDArray[np.void]:
    rows = np.zeros(n, kind)
    names = [name for name in kind.names or () if f"n_{name}" in (kind.names or ())]
    rows["n"] = len(names)
    for name in names:
        rows[f"n_{name}"] = kind[name].itemsize
    return rows


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Start a server with PostGIS in it, and end it."""
    programs = _programs()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has room for 107 bytes
    try:
        with _server(programs, folder) as number:
            address = f"host={folder} user=sinkwatch dbname=postgres"
            with psycopg.connect(address, autocommit=True) as session:
                session.execute("CREATE EXTENSION postgis")
                session.execute(_ROUND)
                yield Cluster(folder=folder, postmaster=number, session=session)
    finally:
        shutil.rmtree(folder)


@contextmanager
def _server(programs: Path, folder: Path) -> Iterator[int]:
    data = folder / "data"
    prefix: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        prefix = ["runuser", "-u", "postgres", "--"]

    def run(program: str, *arguments: str) -> None:
        command = [*prefix, str(programs / program), "-D", str(data), *arguments]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)

    run("initdb", "--auth=trust", "--username=sinkwatch", "--encoding=UTF8", "--no-sync")
    options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
    options += f" -c unix_socket_directories={folder}"
    run("pg_ctl", "start", "--wait", "--log", str(folder / "log"), "-o", options)
    try:
        yield int((data / "postmaster.pid").read_text().splitlines()[0])
    finally:
        run("pg_ctl", "stop", "--mode=fast")


# ── What it takes ────────────────────────────────────────────────────────────────────────────


def _processes() -> Iterator[tuple[int, list[int]]]:
    """Give the number of each process, and what stands in its `stat` after its name."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after = path.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        yield int(path.parent.name), [0, *(int(number) for number in after[1:])]


@dataclass(slots=True, kw_only=True)
class Watch:
    """Looks at the memory of a cluster's processes each second; memory they share counts once."""

    of: Cluster
    peak: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        assert self._thread is not None
        self._thread.join()

    def _look(self) -> None:
        while True:
            numbers = [n for n, stat in _processes() if self.of.postmaster in (n, stat[1])]
            self.peak = max(self.peak, sum(_share_of_memory(number) for number in numbers))
            if self._over.wait(1.0):
                return


def _share_of_memory(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
    except OSError:  # it ended meanwhile
        return 0
    return int(text.split("\nPss:")[1].split()[0]) * 1024


# ── What it is asked ─────────────────────────────────────────────────────────────────────────

_ANSWERS: Final = {
    "uprn": ">i8",
    "position_uncertainty_m": ">f8",
    "geometry": _WKB,
    "band": ">i8",
    "geology": ">i8",
    "scored_as": ">i8",
    "n_features": ">i8",
    "best": ">i8",
}


def answer(of: Cluster, asked: Queries, answers: Path) -> None:
    """Read the files, apply all rules, and write the answers as Parquet."""
    of.load(asked.tables)
    for name, query in asked.steps.items():
        of.make(name, query)
    whole = (
        "SELECT uprn, position_uncertainty_m, ST_AsBinary(geometry), band, geology, scored_as,"
        f" n_features, coalesce(best, -1) FROM ({asked.last}) whole"
    )
    rows = of.rows(whole, _ANSWERS)
    first = _table(rows[:0])
    with parquet.ParquetWriter(answers, first.schema, compression="snappy") as writer:
        for at in range(0, len(rows), 250_000):
            writer.write_table(_table(rows[at : at + 250_000]))


def _table(rows: NDArray[np.void]) -> pa.Table:
    def column(name: str, kind: str) -> pa.Array:
        values: Any = np.ascontiguousarray(rows[name])
        if kind == _WKB:
            at = pa.py_buffer(values.tobytes())
            return pa.Array.from_buffers(pa.binary(values.itemsize), len(rows), [None, at])
        return pa.array(values.astype(values.dtype.newbyteorder("=")))

    return pa.table({name: column(name, kind) for name, kind in _ANSWERS.items()})


def plain(of: Cluster, tables: dict[str, str], reach_m: float) -> NDArray[np.void]:
    """
    Ask for plain distances: which classes hold a place, how far a higher one and a record are.

    Returns
    -------
    rows
        Shape (n_places,), by UPRN. `classes`: a bit for each class of ground that the place lies
        in or on the edge of. `higher`: the highest class above those, to the millimetre within
        500 m of a place that lies in any; else 0. Metres as PostGIS gives them: `line_m` to that
        class, infinite if there is none; `away_m` to the edge of the nearest record, infinite if
        no centre is within `reach_m`.
    """
    of.load(tables)
    of.make(
        "held",
        "SELECT p.uprn, p.geometry, bit_or(1 << z.class::int) AS classes, max(z.class) AS geology"
        " FROM places p JOIN zones z ON ST_Intersects(z.geometry, p.geometry)"
        " GROUP BY p.uprn, p.geometry",
    )
    of.make(
        "beside",
        "SELECT h.uprn, z.class, ST_Distance(z.geometry, h.geometry) AS line_m FROM held h"
        " JOIN zones z ON ST_DWithin(z.geometry, h.geometry, 500.01) WHERE z.class > h.geology",
    )
    of.make(
        "highest",
        "SELECT DISTINCT ON (uprn) uprn, class, line_m FROM beside WHERE round(line_m, 3) <= 500"
        " ORDER BY uprn, class DESC, line_m",
    )
    of.make(
        "nearest",
        "SELECT p.uprn,"
        " min(greatest(0.0, ST_Distance(r.geometry, p.geometry) - r.radius_m)) AS away_m"
        " FROM places p JOIN records r"
        f" ON ST_DWithin(r.geometry, p.geometry, {reach_m})"
        " GROUP BY p.uprn",
    )
    return of.rows(
        "SELECT p.uprn, coalesce(h.classes, 0)::bigint, coalesce(b.class, 0),"
        " coalesce(b.line_m, 'infinity'), coalesce(n.away_m, 'infinity')"
        " FROM places p LEFT JOIN held h USING (uprn) LEFT JOIN highest b USING (uprn)"
        " LEFT JOIN nearest n USING (uprn) ORDER BY p.uprn",
        {"uprn": ">i8", "classes": ">i8", "higher": ">i8", "line_m": ">f8", "away_m": ">f8"},
    )
