"""One small file of every kind of source, and ways to spoil it."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sinkwatch import schemas
from sinkwatch.model import Snapshot, SourceSpec
from sinkwatch.sources import KINDS, Source
from sinkwatch.sources.errand import Errand
from tests.world import an_area

if TYPE_CHECKING:
    import geopandas as gpd

NOW: Final = datetime(2026, 7, 1, 5, tzinfo=UTC)
DATA: Final = Path(__file__).parents[1] / "data"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A file of `tests/data`: its rows out of order, and what every one of them must come to."""

    kind: str
    file: str
    schema: schemas.FrameSchema
    keys: tuple[str, ...]
    column: str
    """One that the file cannot do without."""

    @property
    def source(self) -> Source:
        return KINDS[self.kind]

    @property
    def content(self) -> bytes:
        return (DATA / self.file).read_bytes()

    def without(self, column: str) -> bytes:
        """Return the content with a column taken out."""
        if self.file.endswith(".geojson"):
            layer = json.loads(self.content)
            for feature in layer["features"]:
                feature["properties"].pop(column)
            return json.dumps(layer).encode()
        rows = list(csv.DictReader(io.StringIO(self.content.decode(), newline="")))
        kept = [name for name in rows[0] if name != column]
        out = io.StringIO()
        writer = csv.DictWriter(out, kept, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue().encode()

    def truncated(self) -> bytes:
        """Return the content as far as the middle of its last row or feature."""
        begins = self.content.rstrip().rfind(b"{" if self.file.endswith(".geojson") else b"\n")
        return self.content[: begins + 7]


SAMPLES: Final = (
    Sample(
        kind="geology",
        file="zones.geojson",
        schema=schemas.GEOLOGY,
        keys=("A-small", "C-small"),
        column="class",
    ),
    Sample(
        kind="sinkholes",
        file="sinkholes.csv",
        schema=schemas.SINKHOLES,
        keys=("S1", "S2", "S3"),
        column="evidence",
    ),
    Sample(
        kind="places",
        file="places.csv",
        schema=schemas.PLACES,
        keys=("market", "north-road", "station-yard"),
        column="kind",
    ),
    Sample(
        kind="postcodes",
        file="postcodes.csv",
        schema=schemas.POSTCODES,
        keys=("SM1 1AA", "SM1 1AB", "SM1 2BB"),
        column="northing",
    ),
    Sample(
        kind="cases",
        file="cases.csv",
        schema=schemas.CASES,
        keys=("C1", "C2"),
        column="outcome",
    ),
    Sample(
        kind="applications",
        file="applications.csv",
        schema=schemas.APPLICATIONS,
        keys=(
            "Big Council/26/00415/OUT",
            "Small Council/26/00102/FUL",
            "Small Council/26/00311/FUL",
        ),
        column="status",
    ),
    Sample(
        kind="applications",
        file="applications.geojson",
        schema=schemas.APPLICATIONS,
        keys=(
            "Big Council/26/00415/OUT",
            "Small Council/26/00102/FUL",
            "Small Council/26/00311/FUL",
        ),
        column="description",
    ),
)


def a_spec(kind: str, path: Path | None, **changes: Any) -> SourceSpec:  # noqa: ANN401 - any field
    spec = SourceSpec(
        name=kind, kind=kind, title=kind.title(), path=path, licence="", attribution=""
    )
    return replace(spec, **changes)


def an_errand(folder: Path, **changes: Any) -> Errand:  # noqa: ANN401 - any field
    return replace(Errand(area=an_area(), folder=folder, now=NOW), **changes)


def loaded(of: Sample, snapshot: Snapshot) -> gpd.GeoDataFrame:
    """Load a snapshot as the sample's kind of source does."""
    return of.source.load(snapshot, a_spec(of.kind, snapshot.path), an_area())
