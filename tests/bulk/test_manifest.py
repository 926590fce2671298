"""What stands beside a result: the same for the same work, and another for any other."""

from __future__ import annotations

import hashlib
import io
import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch import __version__, bulk
from sinkwatch.bulk import manifest, prepared
from sinkwatch.errors import SchemaError
from tests.bulk.files import ELSEWHERE, MART, Assess, a_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def given(tmp_path: Path) -> Path:
    return a_file(tmp_path / "given.csv", [MART, None, ELSEWHERE])


def summed(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("target", [".csv", ".parquet", ".gpkg", ".fgb"])
def test_it_tells_of_what_a_result_is_made(
    run: Assess, basis: bulk.Basis, given: Path, tmp_path: Path, target: str
) -> None:
    made = tmp_path / f"made{target}"
    run(given, made, columns=("easting",), uncertainty_m=15.0)
    told = json.loads((tmp_path / f"made{target}.manifest.json").read_text(encoding="utf-8"))
    assert told == {
        "sinkwatch": __version__,
        "layers_sha256": prepared.digest(basis.hazard),
        "editions": [],
        "rings_m": [50.0, 250.0, 500.0],
        "uncertainty_m": 15.0,
        "boundary_uncertainty_m": 5.0,
        "columns": ["easting"],
        "only_flagged": False,
        "flag_within_m": 250.0,
        "layer": None,
        "input": {"name": "given.csv", "bytes": given.stat().st_size, "sha256": summed(given)},
        "output": [{"name": made.name, "bytes": made.stat().st_size, "sha256": summed(made)}],
        "rows": 3,
        "written": 3,
        "unplaced": 1,
        "misread": 0,
        "bands": {
            "very_high": 0,
            "high": 1,
            "moderate": 0,
            "low": 0,
            "none_identified": 0,
            "not_assessed": 2,
        },
    }


@pytest.mark.parametrize(
    "change",
    [
        {"uncertainty_m": 11.0},
        {"columns": ("id",)},
        {"only_flagged": True},
        {"layer": "one"},
    ],
)
def test_every_option_that_changes_a_result_is_told(
    basis: bulk.Basis, given: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    request = bulk.Request(source=given, target=tmp_path / "made.csv")
    assert manifest.asked(basis, request) != manifest.asked(basis, replace(request, **change))
    moved = replace(request, target=tmp_path / "elsewhere.csv", overwrite=True)
    assert manifest.asked(basis, request) == manifest.asked(basis, moved)


def test_what_it_is_assessed_by_is_told(basis: bulk.Basis, given: Path) -> None:
    request = bulk.Request(source=given, target=given)
    for other in (
        replace(basis, editions=("BGS Geology 50K, V8",)),
        replace(basis, flag_within_m=100.0),
        replace(basis, hazard=replace(basis.hazard, rings_m=basis.hazard.rings_m + 1)),
    ):
        assert manifest.asked(basis, request) != manifest.asked(other, request)


LARGE = 2_000  # reads, of as many bytes as are summed at a time


def test_no_error_waits_until_a_large_file_is_summed(tmp_path: Path) -> None:
    read: list[int] = []

    class Large:
        name = "large.parquet"

        def open(self, _: str) -> io.BufferedReader:
            return io.BufferedReader(Zeros())

        def stat(self) -> os.stat_result:
            return tmp_path.stat()

    class Zeros(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - what Python hands it
            read.append(len(buffer))
            return len(buffer) if len(read) < LARGE else 0

    def fail() -> None:
        raise SchemaError("large.parquet", ["it has no positions"], "Give it some")

    with pytest.raises(SchemaError), manifest.described_beside(Large()):
        fail()
    assert len(read) < LARGE
