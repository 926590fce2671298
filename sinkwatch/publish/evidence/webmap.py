"""The pack's page in one file: the map round one place, and beside it what the pack says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import shapely

from sinkwatch import public, style, wording
from sinkwatch.errors import PlaceError
from sinkwatch.model import Bounds, PlaceKind
from sinkwatch.publish import backdrop, page, strata, webmap
from sinkwatch.publish.evidence.scene import letters
from sinkwatch.publish.publication import Imprint, Publication
from sinkwatch.publish.shapes import Shape
from sinkwatch.publish.things import Fact, Thing, Things

if TYPE_CHECKING:
    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import Area, Assessment, Dossier, Findings, NearbyRecord, PlanningStep

REACH: Final = backdrop.Reach(radii_m=(1_000.0, 750.0, 550.0, 300.0), most_corners=2_000)
"""Of the backdrop: with more corners the file would grow past 400 kB (pack's limit for it)."""

BUILDINGS_WITHIN_M: Final = 150.0
"""How far round the place buildings are drawn, metres: they have the most corners."""

NAMES_WITHIN_M: Final = 1_500.0
"""How far round the place names are written, metres: a little more than records are listed."""

_PAN_M: Final = 1_500.0
_HELD_M: Final = 5_000.0
_CORNER_M: Final = {"building": 0.5}
_OTHER_CORNER_M: Final = 3.0
_MARGIN: Final = 1.08
_QUARTER_SEGMENTS: Final = 16
_SITE_ANCHOR: Final = "site"
_SITE_FACTS: Final = ("Reference", "Authority", "Address", "For", "Place", "Map id")

_RING: Final = {
    "color": style.ACCENT,
    "weight": 1.3,
    "opacity": 0.85,
    "fill": False,
    "interactive": False,
    "smoothFactor": 0.5,
}
_BOUNDARY: Final = {
    "color": style.ACCENT,
    "weight": 3,
    "opacity": 1,
    "fillOpacity": 0.06,
    "interactive": False,
}


def offline(
    findings: Findings, dossier: Dossier, *, map_id: str, version: str, contact: str
) -> bytes:
    """
    Build the page of one place, whose own policy keeps it from making any request.

    Parameters
    ----------
    findings
        Of the run that the dossier was gathered from: ground, names and backdrop.
    dossier
        What is said of the place; it alone says what is listed and drawn round it.
    map_id
        Of the pack, such as "SW-3F9A21C0".
    version
        Of sinkwatch.
    contact
        Where corrections go; empty if the installation names none.

    Returns
    -------
    page
        HTML, UTF-8; the same bytes for the same input.

    Raises
    ------
    PlaceError
        If the place has no position.
    """
    ground = _ground(dossier)
    seen = _seen(dossier, ground)
    near = _near(findings, ground, seen)
    site = _site(dossier, ground, map_id)
    records = [(record, _record(record)) for record in dossier.records]
    steps = _steps(findings, dossier)
    things = Things(
        records=tuple(thing for _, thing in records),
        sites=(site,),
        applications=tuple(_drawn(dossier, steps, "application")),
        cases=tuple(_drawn(dossier, steps, "case")),
    )
    imprint = Imprint(version=version, contact=contact)
    shown = Publication(findings=near, things=things, imprint=imprint)
    sketch = webmap.Sketch.of(near, things, _focus(dossier, ground, seen))
    said = _said(dossier, site) | {"records": records, "history": steps}
    return page.single(shown, webmap.draw(sketch, tiles=None), said)


def _ground(dossier: Dossier) -> BaseGeometry:
    place = dossier.place
    if place.geometry is not None:
        return shapely.force_2d(place.geometry)
    if place.easting is None or place.northing is None:
        raise PlaceError(
            place.label, f"has no position ({place.basis})", "Give its boundary as a file"
        )
    return shapely.Point(place.easting, place.northing)


def _seen(dossier: Dossier, ground: BaseGeometry) -> Bounds:
    """Return what is to be seen at first: every ring, and the circle of where it may truly be."""
    reach_m = max(*dossier.rings_m, dossier.place.position_uncertainty_m) * _MARGIN
    west, south, east, north = shapely.bounds(shapely.buffer(ground, reach_m)).tolist()
    return Bounds(min_easting=west, min_northing=south, max_easting=east, max_northing=north)


def _near(findings: Findings, ground: BaseGeometry, seen: Bounds) -> Findings:
    """Leave out what lies far off, and what tells where people are."""
    places = findings.places
    is_near = shapely.dwithin(places.geometry.to_numpy(), ground, NAMES_WITHIN_M)
    return replace(
        findings,
        area=_area_round(findings.area, seen),
        places=places[is_near],
        postcodes=findings.postcodes.iloc[:0],
        postcode_bands=findings.postcode_bands.iloc[:0],
        surroundings=replace(findings.surroundings, backdrop=_coarse(findings, ground)),
    )


def _coarse(findings: Findings, ground: BaseGeometry) -> gpd.GeoDataFrame | None:
    """Leave out buildings far off, and corners that nobody can see at the map's closest scale."""
    whole = findings.surroundings.backdrop
    if whole is None:
        return None
    reach_m = REACH.radii_m[0] + float(shapely.minimum_bounding_radius(ground))
    near = whole.iloc[whole.sindex.query(ground, predicate="dwithin", distance=reach_m)]
    is_kept = (near["layer"] != "building") | near.dwithin(ground, BUILDINGS_WITHIN_M)
    kept = near[is_kept].sort_index()
    corner_m = kept["layer"].map(_CORNER_M).fillna(_OTHER_CORNER_M).to_numpy(dtype=float)
    return kept.set_geometry(shapely.simplify(kept.geometry.to_numpy(), corner_m), crs=kept.crs)


def _area_round(area: Area, seen: Bounds) -> Area:
    """Let the map be moved a little past what is seen at first, and no further."""
    west, south, east, north = seen.as_tuple()
    middle = ((west + east) / 2, (south + north) / 2)
    return replace(area, map_centre=middle, bounds=_wider(seen, _PAN_M))


def _wider(bounds: Bounds, by_m: float) -> Bounds:
    west, south, east, north = bounds.as_tuple()
    return Bounds(
        min_easting=west - by_m,
        min_northing=south - by_m,
        max_easting=east + by_m,
        max_northing=north + by_m,
    )


def _focus(dossier: Dossier, ground: BaseGeometry, seen: Bounds) -> strata.Focus:
    rings = [
        (ring_m, shapely.buffer(ground, ring_m, quad_segs=_QUARTER_SEGMENTS))
        for ring_m in dossier.rings_m
    ]
    outline = Shape(shape_id="boundary", geometry=ground, style=_BOUNDARY)
    return strata.Focus(
        outlines=[outline] if dossier.place.geometry is not None else [],
        rings=[
            Shape(shape_id=f"ring-{ring_m:.0f}", geometry=ring, style=_RING)
            for ring_m, ring in rings
        ],
        ring_names=[_ring_name(ring_m, ring) for ring_m, ring in rings],
        bounds=seen,
        held=_wider(seen, _HELD_M),
        reach=_reach(ground),
    )


def _ring_name(ring_m: float, ring: BaseGeometry) -> Shape:
    """Return a ring's name at its northernmost corner, the furthest west of those."""
    corners = shapely.get_coordinates(ring)
    east, north = min(corners.tolist(), key=lambda corner: (-corner[1], corner[0]))
    return Shape(
        shape_id=f"ring-name-{ring_m:.0f}",
        geometry=shapely.Point(east, north),
        words={"label": {"text": wording.distance_text(ring_m), "kind": "ring", "rank": 2}},
    )


def _reach(ground: BaseGeometry) -> backdrop.Reach:
    """Reach as far round a large site as round a point: it is measured from its middle."""
    half_m = float(shapely.minimum_bounding_radius(ground))
    return replace(REACH, radii_m=tuple(radius_m + half_m for radius_m in REACH.radii_m))


def _site(dossier: Dossier, ground: BaseGeometry, map_id: str) -> Thing:
    place = dossier.place
    is_application = place.kind is PlaceKind.APPLICATION
    return Thing(
        anchor=_SITE_ANCHOR,
        name=dossier.title,
        kind="planning application" if is_application else "site",
        symbol="application" if is_application else "site",
        geometry=ground if isinstance(ground, shapely.Point) else shapely.point_on_surface(ground),
        uncertainty_m=place.position_uncertainty_m,
        facts=_facts(
            {
                "Reference": dossier.reference,
                "Authority": dossier.authority if dossier.reference else "",
                "Address": dossier.address,
                "For": dossier.description,
                "Place": f"known to {wording.plus_minus(place.position_uncertainty_m)}",
                "Map id": map_id,
            }
        ),
        url="",
        url_title="",
        style=dossier.style,
        headline=dossier.headline,
    )


def _record(record: NearbyRecord) -> Thing:
    is_drawn = record.position is not None
    shown = f"shown rounded to {public.ROUNDED_TO_M} m" if is_drawn else "listed, not drawn"
    return Thing(
        anchor=public.anchor("record", record.sinkhole_id),
        name=f"{record.number}. {record.name}",
        kind=record.kind.replace("_", " "),
        symbol=f"record-{record.evidence}",
        geometry=record.position,
        uncertainty_m=record.shown_uncertainty_m,
        facts=_facts(
            {
                "Date": record.date_text,
                "Evidence": _grade(record),
                "Size": record.size_text,
                "Place": f"{record.about} from the site; {shown}",
                "Doubts": record.doubts,
            }
        ),
        url=public.web_link(record.source_url),
        url_title=record.source_title,
        number=str(record.number),
    )


def _grade(record: NearbyRecord) -> str:
    grade = record.evidence.replace("_", " ")
    return f"{grade}: {record.evidence_note.removeprefix(f'{grade}; ')}"


def _steps(findings: Findings, dossier: Dossier) -> list[tuple[PlanningStep, Thing]]:
    applied = set(findings.applications["application_key"])
    assessed = {each.place.place_id: each for each in findings.applied}
    named = letters(dossier.history)
    return [
        _lettered(
            step,
            _application(findings, step, assessed.get(step.key))
            if step.key in applied
            else _case(step),
            named.get(step.key, ""),
        )
        for step in dossier.history
    ]


def _lettered(step: PlanningStep, thing: Thing, letter: str) -> tuple[PlanningStep, Thing]:
    """Name a step as the sheets do, so that either is found by the other."""
    if not letter:
        return step, thing
    return (
        replace(step, title=f"{letter}. {step.title}"),
        replace(thing, name=f"{letter}. {thing.name}"),
    )


def _application(findings: Findings, step: PlanningStep, assessment: Assessment | None) -> Thing:
    styles = findings.area.parameters.table.styles
    return replace(
        _case(step),
        anchor=public.anchor("application", step.key),
        name=step.reference or step.title,
        kind="planning application",
        symbol="application",
        uncertainty_m=assessment.place.position_uncertainty_m if assessment else None,
        facts=_facts({"For": step.title, "Status": step.outcome, "Place": step.where}),
        style=styles[assessment.band] if assessment else None,
    )


def _case(step: PlanningStep) -> Thing:
    told = [part for part in (step.title, step.outcome) if part]
    return Thing(
        anchor=public.anchor("case", step.key),
        name=step.title,
        kind="past planning decision",
        symbol="case",
        geometry=step.position,
        uncertainty_m=None,
        facts=_facts({"Date": step.date_text, "Step": ": ".join(told)}),
        url=public.web_link(step.source_url),
        url_title=step.source_title,
    )


def _drawn(dossier: Dossier, steps: list[tuple[PlanningStep, Thing]], symbol: str) -> list[Thing]:
    """Pick what is drawn of one sort; the place itself has its own mark."""
    return [
        thing
        for step, thing in steps
        if thing.symbol == symbol and step.key != dossier.place.place_id
    ]


def _facts(pairs: dict[str, str]) -> tuple[Fact, ...]:
    return tuple(Fact(label=label, text=text) for label, text in pairs.items() if text)


def _said(dossier: Dossier, site: Thing) -> dict[str, object]:
    """Return what ``pack.html`` says beyond the page of the area."""
    has_boundary = dossier.place.geometry is not None
    return {
        "title": dossier.title,
        "description": f"What is recorded about the ground at and round {dossier.title}.",
        "dossier": dossier,
        "site": site,
        "source_lines": [replace(line, url=public.web_link(line.url)) for line in dossier.sources],
        "subject_facts": _SITE_FACTS,
        "within": f"{dossier.records_within_m / 1_000:g} km",
        "ring_list": wording.joined([wording.distance_text(m) for m in dossier.rings_m]),
        "rings_from": "its boundary" if has_boundary else "its point",
    }
