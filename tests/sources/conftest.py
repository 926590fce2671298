"""A file in a folder of its own, taken in and loaded as each kind of source does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest

from sinkwatch.sources import KINDS
from tests.sources.samples import SAMPLES, Sample, a_spec, an_errand
from tests.world import an_area

if TYPE_CHECKING:
    from sinkwatch.model import Area, Snapshot

Write = Callable[[str, bytes | str], Path]
Load = Callable[..., gpd.GeoDataFrame]


@pytest.fixture(params=SAMPLES, ids=lambda found: str(found.file))
def each(request: pytest.FixtureRequest) -> Sample:
    """Every kind of source in turn."""
    found: Sample = request.param
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where copies are kept; not made yet."""
    return tmp_path / "var" / "snapshots"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write an operator's file and return its path."""

    def make(name: str, content: bytes | str) -> Path:
        path = tmp_path / "given" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


@pytest.fixture
def taken(each: Sample, write: Write, folder: Path) -> Snapshot:
    """The sample, fetched."""
    return each.source.fetch(a_spec(each.kind, write(each.file, each.content)), an_errand(folder))


@pytest.fixture
def load(write: Write, folder: Path) -> Load:
    """Fetch and load a file of that kind, name and content."""

    def read(
        kind: str, name: str, content: bytes | str, *, area: Area | None = None, **options: object
    ) -> gpd.GeoDataFrame:
        spec = a_spec(kind, write(name, content), options=options)
        snapshot = KINDS[kind].fetch(spec, an_errand(folder))
        return KINDS[kind].load(snapshot, spec, area or an_area())

    return read
