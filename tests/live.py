"""An installation at Ripon that asks every source, each of a peer on loopback."""

from __future__ import annotations

import csv
import email
import email.policy
import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import shapely

from sinkwatch import config, pipeline, sources
from sinkwatch.services import Services
from sinkwatch.sources.bgs import geosure
from sinkwatch.sources.ordnance_survey import code_point, open_names, open_uprn, openmap_local
from sinkwatch.sources.ordnance_survey.open_names_rows import COLUMNS
from tests.conftest import NOW, Clock, move_in
from tests.peers import idox, pygeoapi
from tests.peers.environment_agency import (
    STAGE,
    EnvironmentAgency,
    a_reading,
    a_station,
    measures,
)
from tests.peers.map_zips import a_layer, shapefile, zipped
from tests.peers.ogc_api import a_borehole, a_polygon, a_rock
from tests.peers.os_downloads import BASE_PATH, OsDownloads, Release, ReleasedFile
from tests.peers.overpass import Overpass, an_element
from tests.peers.planit import PlanIt, a_case
from tests.peers.planning_data import PlanningData, a_designation, an_entity
from tests.peers.postcodes_io import PostcodesIo
from tests.peers.price_paid import a_sale
from tests.peers.server import Answer, Answers, Asked, Peer
from tests.sources.bgs import geosure_zips
from tests.sources.ordnance_survey import code_point_zips, open_names_zips, open_uprn_zips

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from email.message import EmailMessage

    from sinkwatch.model import Area, SourceSpec
    from sinkwatch.pipeline import RunReport

ZONES: Final = Path(__file__).parents[1] / "data" / "ripon" / "gypsum_zones.geojson"
STARTER: Final = ZONES.with_name("postcodes.csv")
OPT_IN: Final = (
    "openstreetmap", "planning-data", "postcodes-io", "prices", "register", "uprn",
)  # fmt: skip
OLD_PORTAL: Final = "https://uniformonline.harrogate.gov.uk/online-applications/"
STREET: Final = (431_600, 471_800)
"""Middle of Example Lane, 130 m from HG4 1HS."""
NEW_POSTCODE: Final = "HG4 9AA"
"""One that Code-Point Open has and the starter list has not."""
UPRN: Final = "100059999999"

ASKED_OF: Final[Mapping[str, frozenset[str]]] = {
    "planit": frozenset({"planit"}),
    "platform": frozenset({"planning-data", "designations"}),
    "council": frozenset({"register"}),
    "os": frozenset({"code-point", "names", "backdrop", "geosure-hex", "uprn"}),
    "bgs": frozenset({"bgs-rocks", "bgs-boreholes"}),
    "agency": frozenset({"environment-agency"}),
    "postcodes-io": frozenset({"postcodes-io"}),
    "overpass": frozenset({"openstreetmap"}),
}
"""Which sources ask which peer."""

SORRY: Final = b"<!DOCTYPE html><html><h1>Sorry, back soon</h1></html>"


# ── What the peers know ──────────────────────────────────────────────────────────────────────


def postcodes(n_rows: int | None = None, *, version: str) -> Release:
    """Code-Point Open: the starter list's postcodes where they lie, and ten of today."""
    with STARTER.open(encoding="utf-8", newline="") as file:
        known = [
            code_point_zips.a_row(
                row["postcode"], easting=int(row["easting"]), northing=int(row["northing"])
            )
            for row in csv.DictReader(file)
        ]
    rows = [*code_point_zips.units(10, "HG4 9"), *known][:n_rows]
    far = [code_point_zips.a_row("YO1 7HH", easting=460_200)]
    content = code_point_zips.a_zip({"HG": rows, "YO": far})
    return Release(version=version, files=[ReleasedFile(body=content)])


def _streets() -> bytes:
    east, north = STREET[0] - open_names_zips.EAST, STREET[1] - open_names_zips.NORTH
    named = [
        open_names_zips.a_name("Example Lane", east, north),
        open_names_zips.a_name("Other Street", -900, 0),
        open_names_zips.a_place("Example Green", 1_000, 0),
    ]
    namesake = open_names_zips.a_name(
        "Example Lane", 500, 10_000, POPULATED_PLACE="Masham", POSTCODE_DISTRICT="HG4"
    )
    return zipped(
        {
            "Data/SE26.csv": open_names_zips.table_of(named),
            "Data/SE28.csv": open_names_zips.table_of([namesake]),
            "Doc/OS_Open_Names_Header.csv": ",".join(COLUMNS).encode(),
        },
        folder="",
    )


def _addressable() -> bytes:
    rows = [open_uprn_zips.a_row(int(UPRN) - n, 431_500 + 10.0 * n, 471_700) for n in range(30)]
    far = open_uprn_zips.a_row(7, 320_000, 310_000)
    return zipped(open_uprn_zips.files_of(open_uprn_zips.table_of([*rows, far])), folder="")


def _drawn() -> bytes:
    east, north = STREET
    houses = [
        shapely.box(east + 20 * n, north + 20, east + 20 * n + 10, north + 30) for n in range(5)
    ]
    lane = shapely.LineString([(east - 100, north), (east + 100, north)])
    return zipped(
        {
            **shapefile("SE_Building", a_layer(houses, ID=[f"B{n}" for n in range(5)])),
            **shapefile("SE_Road", a_layer([lane], ID=["R0"], CLASSIFICA=["Local Street"])),
        }
    )


@cache
def _files() -> Mapping[str, ReleasedFile]:
    """Made once: a GeoPackage holds the time at which it was written."""
    hexagons = geosure_zips.as_gpkg(geosure_zips.a_table())
    return {
        open_names.PRODUCT: ReleasedFile(body=_streets(), file_name="opname_csv_gb.zip"),
        open_uprn.PRODUCT: ReleasedFile(body=_addressable(), file_name="osopenuprn_csv.zip"),
        openmap_local.PRODUCT: ReleasedFile(
            body=_drawn(), file_name="opmplc_essh_se.zip", area="SE",
            file_format=openmap_local.FORMAT,
        ),
        geosure.PRODUCT: ReleasedFile(
            body=hexagons, file_name="hex.zip", file_format=geosure.FORMAT
        ),
    }  # fmt: skip


def _releases() -> dict[str, Release]:
    found = {name: Release(version="2026-08", files=[file]) for name, file in _files().items()}
    return {code_point.WANTED.product: postcodes(version="2026-08"), **found}


def the_cases() -> tuple[dict[str, Any], ...]:
    """Applications with a point, with nothing but a street, and with an unheard-of postcode."""
    nowhere = {"location_x": None, "location_y": None}
    return (
        a_case(url=f"{OLD_PORTAL}applicationDetails.do?keyVal={idox.KEY}"),
        a_case("ZC26/02001/FUL", **nowhere, address="12 Example Lane, Ripon"),
        a_case("ZC26/02002/FUL", **nowhere, address="1 Example Terrace", postcode="HG4 9ZZ"),
    )


def _agency() -> EnvironmentAgency:
    service = EnvironmentAgency()
    skell = STAGE.replace("F2206", "F2208")
    service.gauges["level"].append(
        a_station(
            "F2208", 430_500, 471_000,
            label="Ripon", RLOIid="8171", riverName="Laver", measures=measures(skell),
        )
    )  # fmt: skip
    service.latest.append(a_reading(skell, "2026-11-22T06:15:00Z", 0.3))
    return service


def _services() -> dict[str, Any]:
    return {
        "planit": PlanIt(NOW.date(), *the_cases()),
        "platform": PlanningData(an_entity(point="POINT (-1.5301 54.1352)"), a_designation()),
        "council": idox.Idox(),
        "os": OsDownloads(**_releases()),
        "agency": _agency(),
        "postcodes-io": PostcodesIo(),
        "overpass": Overpass(an_element(), an_element(2)),
    }


# ── The peers ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Peers:
    """All of them, by name, and what each knows; BGS's is a real pygeoapi."""

    by_name: Mapping[str, Peer]
    bgs: pygeoapi.PyGeoApi
    knows: dict[str, Any]

    def renew(self) -> None:
        """Let all be well, and nothing have been asked."""
        self.knows.update(_services())
        for name, peer in self.by_name.items():
            peer.answers = self.knows[name]
            peer.asked.clear()
        self.bgs.page = b""
        self.bgs.asked.clear()

    def spoil(self, name: str) -> Callable[[], None]:
        """Let a peer answer everything with a page, and return how to mend it."""
        if name == "bgs":
            self.bgs.page = SORRY
            return lambda: setattr(self.bgs, "page", b"")
        peer = self.by_name[name]
        well, peer.answers = peer.answers, lambda _: Answer(body=SORRY)
        return lambda: setattr(peer, "answers", well)

    @contextmanager
    def watched(self) -> Iterator[dict[str, list[tuple[str, int]]]]:
        """Write down which paths are asked, and with what status each is answered."""
        seen: dict[str, list[tuple[str, int]]] = {name: [] for name in self.by_name}
        well = {name: peer.answers for name, peer in self.by_name.items()}
        for name, peer in self.by_name.items():
            peer.answers = _written_down(well[name], seen[name])
        try:
            yield seen
        finally:
            for name, peer in self.by_name.items():
                peer.answers = well[name]

    def options(self, spec: SourceSpec) -> dict[str, object]:
        """Return what leads a source of the area file to its peer."""
        urls = {name: peer.url("") for name, peer in self.by_name.items()} | {"bgs": self.bgs.url}
        (asked_of,) = [name for name, who in ASKED_OF.items() if spec.name in who]
        register = f"{urls['council']}{idox.FOLDER}"
        changed: dict[str, object] = {"base_url": urls[asked_of]}
        if asked_of == "os":
            changed = {"base_url": urls["os"] + BASE_PATH, "download_hosts": []}
        if asked_of == "council":
            changed = {"base_url": register}
        if asked_of == "agency":
            changed = {
                "base_url": f"{urls['agency']}/flood-monitoring",
                "hydrology_url": f"{urls['agency']}/hydrology",
            }
        portal = spec.options.get("idox")
        led = {"idox": {**portal, "base_url": register}} if isinstance(portal, dict) else {}
        return {**spec.options, **changed, **led}


def _written_down(answers: Answers, seen: list[tuple[str, int]]) -> Answers:
    def answer(asked: Asked) -> Answer:
        found = answers(asked)
        seen.append((asked.path, found.status))
        return found

    return answer


@contextmanager
def peers(folder: Path) -> Iterator[Peers]:
    """Run them all."""
    strips = [a_polygon(-1.7 + n / 10, 54.05, -1.6 + n / 10, 54.3) for n in range(3)]
    line = {"type": "LineString", "coordinates": [[-1.53, 54.12], [-1.5, 54.15]]}
    fault = {"category": "625k", "feature_d": "Fault at rockhead", "fltname_d": " "}
    layers = {
        "bgsgeology625kbedrock": [a_rock(float(n), strip) for n, strip in enumerate(strips)],
        "bgsgeology625ksuperficial": [a_rock(9.0, strips[1], lex_d="TILL")],
        "bgsgeology625kfaults": [
            {"type": "Feature", "id": 7.0, "geometry": line, "properties": fault}
        ],
        "onshoreboreholeindex": [a_borehole(float(n)) for n in range(3)],
    }
    files = {"zones": (ZONES, "zone_id")}
    for name, features in layers.items():
        path = folder / f"{name}.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        files[name] = (path, "bgs_id" if name == "onshoreboreholeindex" else "mslink")
    with ExitStack() as stack:
        bgs = stack.enter_context(pygeoapi.running(folder, files))
        knows = _services()
        by_name = {
            name: stack.enter_context(Peer(service).running()) for name, service in knows.items()
        }
        yield Peers(by_name=by_name, bgs=bgs, knows=knows)


# ── The installation ─────────────────────────────────────────────────────────────────────────


@dataclass(kw_only=True)
class World:
    """One installation and its clock."""

    peers: Peers
    services: Services
    clock: Clock
    reports: list[RunReport] = field(default_factory=list)

    def run(self, **step: float) -> RunReport:
        self.clock.move(**step)
        self.reports.append(pipeline.run(self.services))
        return self.reports[-1]

    def mails(self) -> list[EmailMessage]:
        paths = sorted(self.services.settings.mails().glob("*.eml"))
        return [
            email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            for path in paths
        ]


def a_world(peers: Peers, folder: Path, clock: Clock) -> World:
    """Set up an installation whose operator has opted into everything."""
    settings = _settings(folder)
    area = _led_to(peers, config.area_of(settings), folder)
    rules = {
        host: replace(rule, is_a_peer_of_tests=True, whole_s=5.0)
        for host, rule in sources.host_rules(area).items()
    }
    services = Services(
        settings=settings,
        area=area,
        clock=clock,
        wait=lambda seconds: clock.move(seconds=seconds),
        host_rules=rules,
    )
    return World(peers=peers, services=services, clock=clock)


def again(first: World, folder: Path) -> World:
    """Copy an installation as it stands, and go on from there at the time it has."""
    there = first.services.settings.state_folder.parent
    move_in(there, folder)
    return a_world(first.peers, folder, Clock(first.clock()))


def _settings(folder: Path) -> config.Settings:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "planning.csv").write_text(
        "reference,description,status,easting,northing\n"
        "ZC26/03001/FUL,A barn,Undecided,431700,470900\n"
    )
    (folder / "prices.csv").write_text(a_sale(postcode="HG4 1HS", town="RIPON"))
    return config.Settings.model_validate(
        {
            "state_folder": folder / "var",
            "maps_folder": folder / "maps",
            "evidence_packs": False,
            "pictures": False,
            "planning_files": [folder / "planning.csv"],
            "contact": "operator@holes.org",
            "public_url": "https://holes.org",
            "opt_in": OPT_IN,
        }
    )


def _led_to(peers: Peers, area: Area, folder: Path) -> Area:
    """Lead every source on the internet to its peer, and let each be due after a week."""
    led = []
    for spec in area.sources:
        if spec.name == "prices":
            led.append(replace(spec, path=folder / "prices.csv"))
        elif spec.kind in sources.ONLINE:
            options = peers.options(spec)
            led.append(replace(spec, options=options, every_days=min(spec.every_days, 7.0)))
        else:
            led.append(spec)
    return replace(area, sources=tuple(led))


def with_zones_from_server(services: Services, peers: Peers) -> Services:
    """Take the zones from pygeoapi in place of the file, and ask nobody else."""
    area = services.area
    specs = []
    for spec in area.sources:
        if spec.name == "geology":
            options = {**spec.options, "base_url": peers.bgs.url, "collection": "zones"}
            specs.append(
                replace(spec, kind="geology-features", path=None, options=options, licence="CC BY")
            )
        elif spec.kind not in sources.ONLINE:
            specs.append(spec)
    area = replace(area, sources=tuple(specs))
    rules = {
        host: replace(rule, is_a_peer_of_tests=True)
        for host, rule in sources.host_rules(area).items()
    }
    return replace(services, area=area, host_rules=rules)
