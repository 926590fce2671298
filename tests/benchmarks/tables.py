"""
What `bench_nation` measures: kept line by line, so that a table can be put together from many runs.

Each measurement holds what sinkwatch took in the same run, and every ratio is that of one run.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

OURS: Final = "sinkwatch"
KEPT: Final = "sinkwatch, layers kept"
DECODING: Final = "decoding the input alone"
ARRAYS: Final = "the arrays alone"
USUAL: Final = "geopandas, as usual"
GROWN_FROM: Final = 1_000_000

_ORDERS: Final = {
    "register": "Addresses in the order of a register",
    "random": "Addresses in random order, street by street: the hardest case for caches",
}
_PARTS: Final = ("numpy", "shapely", "pyarrow", "pandas")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """
    What one program took for one file.

    Attributes
    ----------
    rows, order, program
        What was asked of whom.
    wall_s, cpu_s, n_bytes
        Time from the first look at a file to the last answer written; peak memory.
    own_wall_s, own_cpu_s
        What sinkwatch took for the same file in the same run.
    version
        Of the program.
    n_differ
        Rows whose answers are not ours; None where there is nothing to compare.
    why
        Why there is no figure, where there is none.
    stages
        Processor seconds of parts.
    """

    rows: int
    order: str
    program: str
    wall_s: float = 0.0
    cpu_s: float = 0.0
    n_bytes: int = 0
    own_wall_s: float = 0.0
    own_cpu_s: float = 0.0
    version: str = ""
    n_differ: int | None = None
    why: str = ""
    stages: dict[str, float] = field(default_factory=dict)

    @property
    def key(self) -> tuple[int, str, str]:
        """Return what was asked of whom."""
        return self.rows, self.order, self.program


Kept = dict[tuple[int, str, str], Measured]


def read(path: Path | None) -> Kept:
    """Read what was kept, the last of each; nothing if there is no such file yet."""
    if path is None or not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {found.key: found for found in (Measured(**json.loads(line)) for line in lines)}


def keep(measured: Measured, path: Path | None) -> None:
    """Append a measurement, at once."""
    if path is not None:
        with path.open("a", encoding="utf-8") as to:
            to.write(json.dumps(asdict(measured)) + "\n")


# ── As Markdown ──────────────────────────────────────────────────────────────────────────────


def markdown(kept: Kept, day: str) -> str:
    """Return all that was measured, and on what."""
    parts = [_machine(kept.values(), day)]
    for order, title in _ORDERS.items():
        found = [measured for measured in kept.values() if measured.order == order]
        if found:
            parts += [f"## {title}", *_of_order(found)]
    return "\n\n".join(parts) + "\n"


def _machine(kept: Iterable[Measured], day: str) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    versions = {name: metadata.version(name) for name in _PARTS}
    # Of the package: two ways to use one have one edition.
    versions |= {of.program.split(",")[0]: of.version for of in kept if of.version}
    written = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"Measured {day} on {len(os.sched_getaffinity(0))} cores with {memory:.0f} GB of memory,"
        f" {platform.system()}, Python {platform.python_version()}; {written}."
        " × is how many times as long as sinkwatch in the same run. Of runs up to a million rows"
        " the middle one of three."
    )


def _of_order(found: list[Measured]) -> list[str]:
    by_rows: dict[int, dict[str, Measured]] = {}
    for measured in sorted(found, key=lambda measured: measured.rows):
        by_rows.setdefault(measured.rows, {})[measured.program] = measured
    parts: list[str] = []
    for rows, programs in by_rows.items():
        parts += [f"### {rows:,} rows", _of_rows(programs)]
        parts += [_in_words(programs)] if OURS in programs else []
    parts += _growth(by_rows)
    return parts + _by_row(by_rows)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] + ["---:"] * (len(names) - 1), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _of_rows(programs: dict[str, Measured]) -> str:
    head = ("program", "wall s", "CPU s", "wall ×", "CPU ×", "peak MB", "rows that differ")
    shown = sorted((of for name, of in programs.items() if name != ARRAYS), key=_place)
    return _table(head, map(_row, shown))


def _place(of: Measured) -> tuple[bool, bool, bool, float]:
    """Order decoding before us, us before the others, and those by the time that they take."""
    return of.program != DECODING, of.program not in (OURS, KEPT), bool(of.why), of.cpu_s


def _row(of: Measured) -> list[str]:
    if of.why:
        return [of.program, of.why, *[""] * 5]
    return [
        of.program,
        _seconds(of.wall_s),
        _seconds(of.cpu_s),
        f"{of.wall_s / of.own_wall_s:.2f}",
        f"{of.cpu_s / of.own_cpu_s:.2f}",
        f"{of.n_bytes / 1e6:,.0f}",
        "" if of.n_differ is None else f"{of.n_differ:,}",
    ]


def _seconds(took_s: float) -> str:
    return f"{took_s:.2f}" if took_s >= 0.1 else f"{took_s:.4f}"


def _in_words(programs: dict[str, Measured]) -> str:
    own = programs[OURS]
    said = [f"{own.rows / own.wall_s:,.0f} rows a second, Parquet to Parquet."]
    if DECODING in programs and not programs[DECODING].why:
        decode = programs[DECODING]
        said.append(
            f"{decode.own_wall_s / decode.wall_s:.1f} × as long as decoding the input alone"
            f" ({decode.own_cpu_s / decode.cpu_s:.1f} × the processor time)."
        )
    if ARRAYS in programs:
        stages = programs[ARRAYS].stages.items()
        listed = ", ".join(f"{name} {took_s:.2f} s" for name, took_s in stages)
        said.append(f"Of the arrays alone, on one thread, processor time: {listed}.")
    return " ".join(said)


def _growth(by_rows: dict[int, dict[str, Measured]]) -> list[str]:
    """Compare what each program takes with what it took for a million rows."""
    base = by_rows.get(GROWN_FROM, {})
    larger = [rows for rows in by_rows if rows > GROWN_FROM]
    if not base or not larger:
        return []
    head = ["program", *(f"{rows / GROWN_FROM:,.0f} × the rows" for rows in larger)]
    lines = []
    for name, small in base.items():
        sizes = [by_rows[rows].get(name) for rows in larger]
        if name != ARRAYS and not small.why and any(of and not of.why for of in sizes):
            lines.append([name, *(_grown(small, of) for of in sizes)])
    title = f"### Growth: time over that for {GROWN_FROM:,} rows, wall (and CPU)"
    return [title, _table(head, lines)] if lines else []


def _grown(small: Measured, large: Measured | None) -> str:
    if large is None or large.why:
        return ""
    return f"{large.wall_s / small.wall_s:.1f} × ({large.cpu_s / small.cpu_s:.1f} ×)"


def _by_row(by_rows: dict[int, dict[str, Measured]]) -> list[str]:
    """Compare a row of geopandas as usually written with a row of ours, there and at the most."""
    asked = [rows for rows in by_rows if not by_rows[rows].get(USUAL, _NOTHING).why]
    own = [rows for rows in by_rows if OURS in by_rows[rows]]
    if not asked or not own:
        return []
    usual = by_rows[asked[-1]][USUAL]
    title = "### A row of geopandas as usually written over a row of sinkwatch"
    said = (
        f"Of {usual.rows:,} rows geopandas takes {_micro(usual.wall_s, usual)} µs a row"
        f" ({_micro(usual.cpu_s, usual)} µs of processor time)."
    )
    head = ("rows of sinkwatch", "wall µs a row", "CPU µs a row", "wall ×", "CPU ×")
    sizes = sorted({asked[-1], own[-1]} & set(own))
    lines = [_a_row(by_rows[rows][OURS], usual) for rows in sizes]
    return [title, said, _table(head, lines)]


_NOTHING: Final = Measured(rows=0, order="", program="", why="not asked")


def _a_row(own: Measured, usual: Measured) -> list[str]:
    # At one size, what both took in one run; at another there is no such run.
    same = own.rows == usual.rows
    wall_s, cpu_s = (usual.own_wall_s, usual.own_cpu_s) if same else (own.wall_s, own.cpu_s)
    return [
        f"{own.rows:,}",
        _micro(wall_s, own),
        _micro(cpu_s, own),
        f"{usual.wall_s / usual.rows / (wall_s / own.rows):.1f}",
        f"{usual.cpu_s / usual.rows / (cpu_s / own.rows):.1f}",
    ]


def _micro(took_s: float, of: Measured) -> str:
    return f"{took_s / of.rows * 1e6:.2f}"
