"""An installation whose area lies on disk in small files of its own, and a press without ink."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import geopandas as gpd
import shapely

from sinkwatch import config, dossier, survey
from sinkwatch.packs.basis import Basis
from sinkwatch.services import Services

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import pytest

    from sinkwatch.model import Area, Dossier, Findings, Inputs, Place, Sheet
    from sinkwatch.survey import Surveyed

SAMPLES = Path(__file__).parents[1] / "data"
BANDS = Path(__file__).parents[2] / "data" / "bands.toml"

POLICY = """
[[policy]]
id = "plan"
title = "Smallworld Plan"
says = "Part of the development plan."
confirmed = true
valid_from = 2019-04-10
valid_until = 2029-12-31
checked_on = 2026-11-01
source_title = "The plan"
source_url = "https://example.org/plan"
"""

AREA = """
area_id = "smallworld"
name = "Smallworld"
ground = "gypsum belt"
authority = "Small Council"
outcodes = ["SM1"]
map_centre = [431500, 471500]
bands = "bands.toml"
policies = "policies.toml"

[bounds]
min_easting = 424_800
min_northing = 464_900
max_easting = 438_100
max_northing = 477_300

[class_notes]
A = "no gypsum known beneath"
B = "gypsum expected at depth"
C = "the gypsum belt"
"""

SOURCE = """
[[source]]
name = "{name}"
kind = "{kind}"
title = "Made-up {name}"
path = "{file}"
licence = "Open Government Licence v3.0"
attribution = "Contains made-up data."
edition = "2026-11-22"
stale_after_days = 400
{more}
"""

FILES = {
    "geology": "zones.geojson",
    "sinkholes": "sinkholes.csv",
    "places": "places.csv",
    "postcodes": "postcodes.csv",
    "cases": "cases.csv",
}


UNPLACED = "26/00500/FUL,Six homes,Awaiting decision,,Somewhere,,2026-07-01,,,,,,,,\n"
"""An application of which no source says where it is."""


def lay_out(folder: Path) -> Path:
    """Write the area's files; return the area file."""
    folder.mkdir()
    said = AREA
    for name, file in FILES.items():
        shutil.copyfile(SAMPLES / file, folder / file)
        more = 'classes = { A = "A", C = "C" }' if name == "geology" else ""
        said += SOURCE.format(name=name, kind=name, file=file, more=more)
    said += '[[source]]\nname = "planning"\nkind = "applications"\ntitle = "Planning files"\n'
    said += 'licence = "As published"\nattribution = "Small Council"\nstale_after_days = 40\n'
    (folder / "policies.toml").write_text(POLICY, encoding="utf-8")
    shutil.copyfile(BANDS, folder / "bands.toml")
    rows = (SAMPLES / "applications.csv").read_text(encoding="utf-8") + UNPLACED
    (folder / "applications.csv").write_text(rows, encoding="utf-8")
    (folder / "area.toml").write_text(said, encoding="utf-8")
    return folder / "area.toml"


def services_in(folder: Path, clock: Callable[[], datetime], **changed: object) -> Services:
    """Return an installation for the area that lies in that folder."""
    values: dict[str, Any] = {
        "area": str(folder / "area" / "area.toml"),
        "state_folder": folder / "var",
        "maps_folder": folder / "maps",
        "planning_files": [folder / "area" / "applications.csv"],
        "pictures": False,
        **changed,
    }
    made = config.Settings.model_validate(values)
    return Services(settings=made, area=config.area_of(made), clock=clock)


def replaced(path: Path, old: str, new: str) -> None:
    """Change a file, which must hold the words that are to go."""
    said = path.read_text(encoding="utf-8")
    assert old in said
    path.write_text(said.replace(old, new), encoding="utf-8")


def damaged(path: Path) -> None:
    """Change one byte of a file, in its middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def a_boundary(
    path: Path,
    west: float = 431_550,
    south: float = 471_800,
    side_m: float = 60,
    name: str = "The yard",
) -> Path:
    """Write a square piece of ground, EPSG:27700."""
    ground = shapely.box(west, south, west + side_m, south + side_m)
    gpd.GeoDataFrame({"name": [name]}, geometry=[ground], crs="EPSG:27700").to_file(path)
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainPress:
    """Prints all that it is handed, and nothing else: what decides a pack is seen in its bytes."""

    colophon: str

    @classmethod
    def of(cls, findings: Findings, *, version: str, contact: str) -> Self:
        editions = [state.snapshot.edition for state in findings.sources if state.snapshot]
        return cls(colophon=f"{findings.area.name} {version} {contact} {editions}")

    def build(
        self, dossier: Dossier, sheets: Sequence[Sheet], *, map_id: str, is_archive: bool = False
    ) -> dict[str, bytes]:
        said = [self.colophon, map_id, str(is_archive), *map(repr, sheets), repr(dossier)]
        records = [f"{each.number},{each.sinkhole_id},{each.name}" for each in dossier.records]
        return {
            "evidence.pdf": b"%PDF-1.7\n" + "\n".join(said).encode(),
            "evidence.csv": "\n".join(["number,record,name", *records]).encode(),
            "map.png": b"\x89PNG" + bytes(range(256)),
        }


_KNOWN: dict[bytes, Surveyed] = {}
_GATHERED: dict[tuple[object, ...], tuple[Surveyed, Dossier]] = {}  # whose ids are not given anew


def remember(patch: pytest.MonkeyPatch) -> None:
    """
    Work out once what is the same for the same: what can be said of an area, and of a place.

    For tests that read all inputs from files: each is known by the SHA-256 of its file.
    """
    survey_all, gather = survey.surveyed, dossier.gather

    def surveyed(area: Area, inputs: Inputs) -> Surveyed:
        key = Basis(area=area, states=inputs.states).content()
        if key not in _KNOWN:
            _KNOWN[key] = survey_all(area, inputs)
        return _KNOWN[key]

    def gathered(known: Surveyed, place: Place, **how: Any) -> Dossier:  # noqa: ANN401 - as `gather`
        key = (id(known), place, *sorted(how.items()))
        if key not in _GATHERED:
            _GATHERED[key] = (known, gather(known, place, **how))
        return _GATHERED[key][1]

    patch.setattr(survey, "surveyed", surveyed)
    patch.setattr(dossier, "gather", gathered)
