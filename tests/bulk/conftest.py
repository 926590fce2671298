"""What every test of files of positions may use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch import assess, bulk
from tests.bulk.files import (
    DEFAULT_M,
    Assess,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.model import Area, Findings


@pytest.fixture(scope="session")
def hazard(ripon: Area, ripon_findings: Findings) -> assess.Hazard:
    return assess.prepare(ripon_findings.zones, ripon_findings.sinkholes, ripon.parameters)


@pytest.fixture(scope="session")
def basis(hazard: assess.Hazard, ripon: Area) -> bulk.Basis:
    return bulk.Basis(hazard=hazard, bounds=ripon.bounds)


@pytest.fixture(scope="session")
def run(basis: bulk.Basis) -> Assess:
    def make(
        source: Path,
        target: Path,
        progress: Callable[[int], object] = lambda _: None,
        kept: Path | None = None,
        **asked: Any,  # noqa: ANN401 - what `Request` takes
    ) -> bulk.BulkReport:
        given = {"uncertainty_m": DEFAULT_M, "overwrite": True, **asked}
        return bulk.assess_file(
            basis,
            bulk.Request(source=source, target=target, **given),
            kept=kept,
            progress=lambda done, _: progress(done),
        )

    return make


@pytest.fixture
def given(tmp_path: Path) -> Path:
    return tmp_path / "given.csv"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return tmp_path / "made.csv"


@pytest.fixture
def given_parquet(tmp_path: Path) -> Path:
    return tmp_path / "given.parquet"


@pytest.fixture
def made_parquet(tmp_path: Path) -> Path:
    return tmp_path / "made.parquet"
