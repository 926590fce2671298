"""Editions of Code-Point Open, made small: rows as OS writes them, and the zip round them."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

E: Final = 431_450
N: Final = 471_702
"""In the middle of Smallworld's bounds, and in Ripon's."""


def a_row(postcode: str = "SM1 1AA", **changes: object) -> str:
    """One row as the editions since 2020 write it; name only what matters."""
    values: dict[str, object] = {
        "quality": 10,
        "easting": E,
        "northing": N,
        "country": "E92000001",
        "region": "E40000000",
        "health": "E54000000",
        "county": "",
        "district": "E06000065",
        "ward": "E05000000",
        **changes,
    }
    cells = [str(v) if isinstance(v, int) else f'"{v}"' for v in values.values()]
    return ",".join([f'"{postcode}"', *cells])


def units(n: int, prefix: str = "SM1 1", **changes: object) -> list[str]:
    """So many rows, each of another postcode, 10 m apart."""
    letters = "ABDEFGHJLN"
    assert n <= 100 * len(letters) ** 2
    names = [
        f"{prefix[:-1]}{int(prefix[-1]) + i // 100}{letters[i // 10 % 10]}{letters[i % 10]}"
        for i in range(n)
    ]
    return [a_row(name, **{"easting": E + 10 * i, **changes}) for i, name in enumerate(names)]


def metadata(counts: Mapping[str, int], *, version: str = "2026.3.0") -> str:
    lines = ["ORDNANCE SURVEY", "PRODUCT: OS CODE-POINT_03.02"]
    lines += [f"DATASET VERSION NUMBER: {version}", "COPYRIGHT DATE: 20260801"]
    lines += ["RM UPDATE DATE: 20260718"]
    return "\n".join([*lines, *(f"{area:>8}\t{n}" for area, n in counts.items())]) + "\n"


def a_zip(
    files: Mapping[str, Sequence[str] | bytes] | None = None,
    *,
    ending: str = "\n",
    members: Mapping[str, bytes | None] | None = None,
) -> bytes:
    """An edition: the rows of each postcode area, and their counts; `members` override or add."""
    files = {"SM": units(5), "YO": [a_row("YO1 7HH", easting=460_200)]} if files is None else files
    counts = {area: len(found) for area, found in files.items()}
    contents: dict[str, bytes | None] = {
        f"Data/CSV/{area.lower()}.csv": (
            found if isinstance(found, bytes) else (ending.join(found) + ending).encode()
        )
        for area, found in files.items()
    }
    contents["Doc/metadata.txt"] = metadata(counts).encode()
    contents["Doc/licence.txt"] = "© Crown copyright".encode("latin-1")
    contents |= members or {}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            if content is not None:
                info = zipfile.ZipInfo(name, (2026, 8, 1, 0, 0, 0))
                archive.writestr(info, content, compress_type=zipfile.ZIP_DEFLATED)
    return out.getvalue()
