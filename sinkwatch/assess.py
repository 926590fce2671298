"""
Places, zones and inventory into bands: the one assessment behind every command.

Arrays go in and arrays come out; a frame is only a coat round them. Distances are planar on the
British National Grid and taken to the millimetre, and the edges of rings and tolerances count as
inside: 50.00000000001 m, as a subtraction leaves it, is 50 m.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import pandas as pd
import shapely

from sinkwatch import grid, schemas
from sinkwatch.model import Band, Evidence, GeologyClass

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from sinkwatch.model import BandTable, Parameters

NONE: Final = -1
"""No zone or no sinkhole, in the arrays of indices."""

_DECIMALS: Final = 3
"""Distances are taken to the millimetre: no position is known as well as that."""

SLACK_M: Final = 0.01
"""Search this much too wide, metres; what is found is then measured."""

_FEW: Final = 64  # places, for which all that lies near is sooner measured than sorted

_ANYWHERE_M: Final = 1e7

_Value = TypeVar("_Value", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """
    Zones and records as arrays, ready to be asked about many places.

    Attributes
    ----------
    zone_geometry, zone_class, zone_uncertainty_m
        Shape (n_zones,): polygons EPSG:27700, `GeologyClass` codes, metres.
    zone_ids
        Shape (n_zones,).
    easting, northing
        Record centres, metres, EPSG:27700, shape (n_sinkholes,).
    radius_m, uncertainty_m
        Radius of the recorded feature and uncertainty of its centre, metres.
    ring_shift
        Rings further out at which a record scores: 1 for possible records, else 0.
    counts
        Whether the record enters the assessment.
    feature
        Number of the feature that a record belongs to.
    sinkhole_ids
        Shape (n_sinkholes,).
    rings_m
        Shape (n_rings,), ascending.
    bands, check_record
        Shape (4, n_rings + 1): by class (outside first) and ring (none last).
    """

    zone_geometry: NDArray[np.object_]
    zone_class: NDArray[np.int8]
    zone_uncertainty_m: NDArray[np.float64]
    zone_ids: NDArray[np.object_]
    easting: NDArray[np.float64]
    northing: NDArray[np.float64]
    radius_m: NDArray[np.float64]
    uncertainty_m: NDArray[np.float64]
    ring_shift: NDArray[np.int64]
    counts: NDArray[np.bool_]
    feature: NDArray[np.int64]
    sinkhole_ids: NDArray[np.object_]
    rings_m: NDArray[np.float64]
    bands: NDArray[np.int8]
    check_record: NDArray[np.bool_]

    @property
    def n_rings(self) -> int:
        """Return the number of rings; as a ring index it means "none within the last ring"."""
        return len(self.rings_m)

    @property
    def centres(self) -> NDArray[np.object_]:
        """Return the records as points, EPSG:27700."""
        return np.asarray(shapely.points(self.easting, self.northing), dtype=object)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """
    The assessment of n places, as arrays of shape (n,); `ground` tells why they have their class.

    Attributes
    ----------
    band
        `Band` codes.
    geology
        Class of the ground at the place itself.
    scored_as
        Class it was scored as.
    ring
        Index of the ring; `n_rings` if no record counts.
    sinkhole
        Index of the record that decides the ring; `NONE` if none does.
    distance_m, uncertainty_m
        Distance to that record's edge and its uncertainty, metres; NaN if none.
    n_features
        Distinct recorded features within the last ring, possible ones included.
    check_record
        Whether ground and record disagree.
    """

    band: NDArray[np.int8]
    geology: NDArray[np.int8]
    scored_as: NDArray[np.int8]
    ring: NDArray[np.int64]
    sinkhole: NDArray[np.int64]
    distance_m: NDArray[np.float64]
    uncertainty_m: NDArray[np.float64]
    n_features: NDArray[np.int64]
    check_record: NDArray[np.bool_]


def prepare(zones: gpd.GeoDataFrame, sinkholes: gpd.GeoDataFrame, parameters: Parameters) -> Hazard:
    """
    Turn the frames into the arrays that the assessment works on.

    Parameters
    ----------
    zones
        Frame of `schemas.ZONES`, EPSG:27700.
    sinkholes
        Frame of `schemas.SINKHOLES`, EPSG:27700. May be empty.
    parameters
        Rings, bands and the radius of a record whose size is unknown.

    Returns
    -------
    hazard
        Arrays; zones and records ordered by id, so that no answer depends on the order of a file.

    Raises
    ------
    SchemaError
        If a frame breaks its contract.
    """
    ground = schemas.ZONES.check(zones).sort_values("zone_id")
    inventory = schemas.SINKHOLES.check(sinkholes).sort_values("sinkhole_id")
    centres = inventory.geometry.to_numpy()
    bands, check_record = _tables(parameters.table)
    return Hazard(
        zone_geometry=ground.geometry.to_numpy(),
        zone_class=ground["geology_class"].to_numpy(dtype=np.int8),
        zone_uncertainty_m=ground["position_uncertainty_m"].to_numpy(dtype=np.float64),
        zone_ids=ground["zone_id"].to_numpy(dtype=object),
        easting=np.asarray(shapely.get_x(centres), dtype=np.float64),
        northing=np.asarray(shapely.get_y(centres), dtype=np.float64),
        radius_m=radius_m(inventory, parameters.default_radius_m),
        uncertainty_m=inventory["position_uncertainty_m"].to_numpy(dtype=np.float64),
        ring_shift=(inventory["evidence"] == Evidence.POSSIBLE).to_numpy().astype(np.int64),
        counts=_countable(inventory),
        feature=pd.factorize(inventory["feature_id"], sort=True)[0].astype(np.int64),
        sinkhole_ids=inventory["sinkhole_id"].to_numpy(dtype=object),
        rings_m=np.array(parameters.table.rings_m, dtype=np.float64),
        bands=bands,
        check_record=check_record,
    )


def _tables(table: BandTable) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    width = len(table.rings_m) + 1
    classes = (GeologyClass.A, GeologyClass.B, GeologyClass.C)
    bands = [[Band.NOT_ASSESSED] * width, *(table.bands[row] for row in classes)]
    checks = [[False] * width, *(table.check_record[row] for row in classes)]
    return np.array(bands, dtype=np.int8), np.array(checks, dtype=np.bool_)


def radius_m(sinkholes: pd.DataFrame, default_radius_m: float) -> NDArray[np.float64]:
    """
    Return the radius of each recorded feature: half its longer side, or the default.

    Parameters
    ----------
    sinkholes
        Frame of `schemas.SINKHOLES`.
    default_radius_m
        For a record without a size, metres.

    Returns
    -------
    radius_m
        Metres, shape (n,).
    """
    longest = sinkholes[["length_m", "width_m"]].max(axis="columns")
    return (longest / 2).fillna(default_radius_m).to_numpy(dtype=np.float64)


def _countable(sinkholes: pd.DataFrame) -> NDArray[np.bool_]:
    is_event = (sinkholes["evidence"] != Evidence.NOT_AN_EVENT).to_numpy(dtype=np.bool_)
    return sinkholes["counts"].to_numpy(dtype=np.bool_) & is_event


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """
    What can matter to a place, by the square of the map that it lies in.

    Attributes
    ----------
    hazard
        What is indexed.
    squares
        The squares of the map.
    row
        Shape (n_squares + 1,): row of each square in all that follows, 0 where there is nothing.
    ground
        Shape (n_rows,): highest `GeologyClass` of the zones that fill the square.
    known_m
        Shape (n_rows,): greatest uncertainty of the zones that fill the square, metres.
    raised
        Shape (n_rows,): `GeologyClass` that every place on held ground there is scored as at least.
    touched, near, records
        By row: zones to measure whether they hold a place; zones of a higher class, the highest
        first, to measure whether their line is near; records that may count, by feature.
    """

    hazard: Hazard
    squares: grid.Grid
    row: NDArray[np.int32]
    ground: NDArray[np.int8]
    known_m: NDArray[np.float64]
    raised: NDArray[np.int8]
    touched: grid.Lists
    near: grid.Lists
    records: grid.Lists


def index(hazard: Hazard, squares: grid.Grid | None = None) -> Index:
    """
    Find what can matter in each square of the map.

    Parameters
    ----------
    hazard
        What `prepare` returns; its zones are prepared for being asked about points.
    squares
        Squares over the places to ask about and as far round them as a zone is uncertain; over
        all zones and records if not given.

    Returns
    -------
    index
        For `points`; one may be shared between threads.
    """
    _make_ready(hazard.zone_geometry)
    over = squares_over(hazard) if squares is None else squares
    touched, full = over.cover(hazard.zone_geometry)
    records = _records_by_square(hazard, over)
    listed = grid.distinct([touched[0], full[0], records[0]])
    row = np.zeros(over.n_squares + 1, dtype=np.int32)
    row[listed] = np.arange(1, len(listed) + 1)
    laid = _Laid(
        hazard=hazard, squares=over, row=row, n_rows=len(listed) + 1, touched=touched, full=full
    )
    ground = laid.greatest(hazard.zone_class, full)
    known_m = laid.greatest(hazard.zone_uncertainty_m, full)
    raised, near = _near(laid, ground, known_m)
    # A zone that can neither raise the class nor widen the doubt of such a square is not asked.
    at, zone = row[touched[0]], touched[1]
    matters = hazard.zone_class[zone] > ground[at]
    matters |= hazard.zone_uncertainty_m[zone] > known_m[at]
    return Index(
        hazard=hazard,
        squares=over,
        row=row,
        ground=ground,
        known_m=known_m,
        raised=raised,
        touched=grid.Lists.of(at[matters], zone[matters], laid.n_rows),
        near=near,
        records=grid.Lists.of(row[records[0]], records[1], laid.n_rows),
    )


def squares_over(hazard: Hazard, n_places: int = grid.MOST_SQUARES) -> grid.Grid:
    """
    Lay squares over all that is held.

    Parameters
    ----------
    hazard
        What `prepare` returns.
    n_places
        How many places will be asked about: for few of them, fewer and larger squares are ready
        sooner than the places are answered by small ones.

    Returns
    -------
    squares
        For `index`.
    """
    return grid.Grid.over(_corners(hazard), min(grid.MOST_SQUARES, n_places))


def _make_ready(shapes: NDArray[np.object_]) -> None:
    """
    Prepare shapes, and ask each for once what it will be asked.

    A prepared shape sorts its lines when it is first asked, which two threads must not do at once.
    """
    shapely.prepare(shapes)
    west, south, east, north = shapely.bounds(shapes).T
    shapely.intersects_xy(shapes, (west + east) / 2, (south + north) / 2)
    shapely.dwithin(shapes, shapely.points(west - 1, south - 1), _ANYWHERE_M)


def _corners(hazard: Hazard) -> tuple[float, float, float, float]:
    """Return the extent of all zones and of the reach of all records; a point if there are none."""
    extents = [shapely.bounds(hazard.zone_geometry).reshape(-1, 4)]
    at, reach_m = np.column_stack([hazard.easting, hazard.northing]), _reach_m(hazard)[:, None]
    extents.append(np.column_stack([at - reach_m, at + reach_m]))
    all_of_them = np.concatenate(extents)
    if not len(all_of_them):
        return 0.0, 0.0, 0.0, 0.0
    west, south = (all_of_them[:, :2].min(axis=0) - SLACK_M).tolist()
    east, north = (all_of_them[:, 2:].max(axis=0) + SLACK_M).tolist()
    return west, south, east, north


def _reach_m(hazard: Hazard) -> NDArray[np.float64]:
    return np.asarray(hazard.rings_m[-1] + hazard.radius_m + SLACK_M, dtype=np.float64)


def _records_by_square(hazard: Hazard, over: grid.Grid) -> grid.Pairs:
    # A record that is known worse than the last ring counts for no place at all.
    counts = np.flatnonzero(hazard.counts & (hazard.uncertainty_m <= hazard.rings_m[-1] + SLACK_M))
    counts = counts[np.argsort(hazard.feature[counts], kind="stable")]
    square, number = over.reached(
        hazard.easting[counts], hazard.northing[counts], _reach_m(hazard)[counts]
    )
    return square, counts[number]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Laid:
    """Zones laid over squares: those that touch and that fill each, and the row of each square."""

    hazard: Hazard
    squares: grid.Grid
    row: NDArray[np.int32]
    n_rows: int
    touched: grid.Pairs
    full: grid.Pairs

    def greatest(self, of_zone: NDArray[_Value], *pairs: grid.Pairs) -> NDArray[_Value]:
        """Return by row the greatest value of the zones that it goes with; 0 where with none."""
        found = np.zeros(self.n_rows, dtype=of_zone.dtype)
        for square, zone in pairs:
            np.maximum.at(found, self.row[square], of_zone[zone])
        return found


def _near(
    laid: _Laid, ground: NDArray[np.int8], known_m: NDArray[np.float64]
) -> tuple[NDArray[np.int8], grid.Lists]:
    """Tell where a higher class is near wherever one stands, and where that must be measured."""
    classes, doubt_m = laid.hazard.zone_class, laid.hazard.zone_uncertainty_m
    square, zone = _may_raise(laid, ground)
    at = laid.row[square]
    middles = grid.distinct([square])
    middle = np.asarray(shapely.points(*laid.squares.middles(middles)))
    middle = middle[np.searchsorted(middles, square)]
    shape, half_m = laid.hazard.zone_geometry[zone], laid.squares.half_diagonal_m + SLACK_M
    at_least_m = np.maximum(doubt_m[zone], known_m[at]) - half_m
    always = at_least_m > 0
    always[always] = _dwithin(shape[always], middle[always], at_least_m[always])
    raised = laid.greatest(classes, (square[always], zone[always]))
    widest_m = laid.greatest(doubt_m, laid.touched, laid.full)
    at_most_m = np.maximum(doubt_m[zone], widest_m[at]) + half_m
    maybe = classes[zone] > raised[at]
    maybe[maybe] = _dwithin(shape[maybe], middle[maybe], at_most_m[maybe])
    zone, at = zone[maybe], at[maybe]
    order = np.argsort(-classes[zone], kind="stable")
    return raised, grid.Lists.of(at[order], zone[order], laid.n_rows)


def _may_raise(laid: _Laid, ground: NDArray[np.int8]) -> grid.Pairs:
    """Return squares with ground of a lower class, and the zones that come about as near as any."""
    classes, doubt_m = laid.hazard.zone_class, laid.hazard.zone_uncertainty_m
    square, zone = laid.touched
    not_lowest = classes[zone] > np.min(classes, initial=max(GeologyClass))
    square, zone = laid.squares.spread(
        (square[not_lowest], zone[not_lowest]), np.max(doubt_m, initial=0.0) + SLACK_M
    )
    # How far below the highest of all classes the ground of a square goes; not at all where bare.
    depth = laid.greatest(max(GeologyClass) - classes, laid.touched, laid.full)
    at = laid.row[square]
    higher = (classes[zone] > max(GeologyClass) - depth[at]) & (classes[zone] > ground[at])
    return square[higher], zone[higher]


def points(
    hazard: Hazard,
    easting: NDArray[np.float64],
    northing: NDArray[np.float64],
    uncertainty_m: NDArray[np.float64],
    indexed: Index | None = None,
) -> Assessed:
    """
    Assess places that are known as points.

    A place whose position or uncertainty is not a finite number is not assessed; neither is
    one outside the zones. Nothing is rounded or rasterised.

    Parameters
    ----------
    hazard
        What `prepare` returns.
    easting, northing
        Metres, EPSG:27700, shape (n,).
    uncertainty_m
        Radius about 95 % sure to hold the true place, metres, shape (n,).
    indexed
        What `index` returns for the hazard, if there is much to ask; otherwise made for these
        places alone.

    Returns
    -------
    assessed
        Arrays of shape (n,), in the same order.
    """
    known = np.isfinite(easting) & np.isfinite(northing) & np.isfinite(uncertainty_m)
    if indexed is None:
        indexed = _index_of(hazard, easting[known], northing[known])
    row = indexed.row[indexed.squares.of(easting, northing)]
    asked = np.flatnonzero((row > 0) & known)
    places = _Places(
        row=row[asked],
        easting=easting[asked],
        northing=northing[asked],
        uncertainty_m=uncertainty_m[asked],
    )
    geology, scored_as = _classes(indexed, places)
    return _laid_out(hazard, len(easting), asked, (geology, scored_as), _nearest(indexed, places))


def _index_of(hazard: Hazard, easting: NDArray[np.float64], northing: NDArray[np.float64]) -> Index:
    """Index what can matter to these places alone; for a few of them squares would not pay."""
    if not len(easting):
        return _index_of_few(hazard, (0.0, 0.0, 0.0, 0.0))
    round_m = np.max(hazard.zone_uncertainty_m, initial=0.0) + SLACK_M
    around = (
        float(easting.min() - round_m),
        float(northing.min() - round_m),
        float(easting.max() + round_m),
        float(northing.max() + round_m),
    )
    if len(easting) < _FEW:
        return _index_of_few(hazard, around)
    held = _corners(hazard)
    limits = (held[:2] * 2, held[2:] * 2)
    west, south, east, north = np.clip(around, *limits).tolist()
    most = min(grid.MOST_SQUARES, len(easting))
    return index(hazard, grid.Grid.over((west, south, east, north), most))


def _index_of_few(hazard: Hazard, around: tuple[float, float, float, float]) -> Index:
    """List what lies near a few places as if it mattered to each of them."""
    west, south, east, north = around
    bounds = shapely.bounds(hazard.zone_geometry).reshape(-1, 4)
    beside = (bounds[:, 2:] >= (west, south)) & (bounds[:, :2] <= (east, north))
    zones = np.flatnonzero(beside.all(axis=1))
    by_class = zones[np.argsort(-hazard.zone_class[zones], kind="stable")]
    reach_m = _reach_m(hazard)
    beside_e = (hazard.easting >= west - reach_m) & (hazard.easting <= east + reach_m)
    beside_n = (hazard.northing >= south - reach_m) & (hazard.northing <= north + reach_m)
    records = np.flatnonzero(beside_e & beside_n & hazard.counts)
    by_feature = records[np.argsort(hazard.feature[records], kind="stable")]
    size_m = max(east - west, north - south) + 1.0
    squares = grid.Grid(west=west, south=south, square_m=size_m, n_columns=1, n_rows=1)
    nothing = np.zeros(2, dtype=np.int8)
    return Index(
        hazard=hazard,
        squares=squares,
        row=np.array([1, 0], dtype=np.int32),
        ground=nothing,
        known_m=np.zeros(2),
        raised=nothing,
        touched=_all_in_row_1(zones),
        near=_all_in_row_1(by_class),
        records=_all_in_row_1(by_feature),
    )


def _all_in_row_1(items: NDArray[np.int64]) -> grid.Lists:
    return grid.Lists(start=np.array([0, 0, len(items)]), item=items)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    row: NDArray[np.int32]
    easting: NDArray[np.float64]
    northing: NDArray[np.float64]
    uncertainty_m: NDArray[np.float64]


def _classes(indexed: Index, places: _Places) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return the class of the ground, and the class it is scored as."""
    hazard = indexed.hazard
    geology = indexed.ground[places.row]
    # A place on a shared line lies in several zones; it is as uncertain as the worst of them.
    known_m = indexed.known_m[places.row]
    for place, zone in indexed.touched.turns(places.row):
        inside = shapely.intersects_xy(
            hazard.zone_geometry[zone], places.easting[place], places.northing[place]
        )
        place, zone = place[inside], zone[inside]  # noqa: PLW2901 - those that the zone holds
        geology[place] = np.maximum(geology[place], hazard.zone_class[zone])
        known_m[place] = np.maximum(known_m[place], hazard.zone_uncertainty_m[zone])
    is_held = geology > GeologyClass.OUTSIDE
    scored_as = np.where(is_held, np.maximum(geology, indexed.raised[places.row]), geology)
    for place, zone in indexed.near.turns(places.row):
        higher = is_held[place] & (hazard.zone_class[zone] > scored_as[place])
        place, zone = place[higher], zone[higher]  # noqa: PLW2901 - those it would raise
        at = np.asarray(shapely.points(places.easting[place], places.northing[place]))
        # The line between two zones is known no better than the less certain of the two.
        tolerance_m = np.maximum(hazard.zone_uncertainty_m[zone], known_m[place])
        near = _is_within(hazard.zone_geometry[zone], at, tolerance_m)
        scored_as[place[near]] = hazard.zone_class[zone[near]]
    return geology, scored_as


def _is_within(
    shapes: NDArray[np.object_], at: NDArray[np.object_], tolerance_m: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tell whether a distance to the millimetre is within tolerance, measuring only close calls."""
    within = _dwithin(shapes, at, tolerance_m + SLACK_M)
    close = np.flatnonzero(within)
    close = close[~_dwithin(shapes[close], at[close], tolerance_m[close] - SLACK_M)]
    away_m = np.round(shapely.distance(shapes[close], at[close]), _DECIMALS)
    within[close] = away_m <= tolerance_m[close]
    return within


def _dwithin(
    shapes: NDArray[np.object_], at: NDArray[np.object_], by_m: NDArray[np.float64]
) -> NDArray[np.bool_]:
    # Shapely takes a distance for each pair, though its types know of a single one only.
    return np.asarray(shapely.dwithin(shapes, at, by_m), dtype=np.bool_)  # type: ignore[call-overload]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nearest:
    ring: NDArray[np.int64]
    sinkhole: NDArray[np.int64]
    distance_m: NDArray[np.float64]
    uncertainty_m: NDArray[np.float64]
    n_features: NDArray[np.int64]


def _nearest(indexed: Index, places: _Places) -> _Nearest:
    """Find the record that decides for each place: nearest ring, then distance, then id."""
    hazard, n = indexed.hazard, len(places.row)
    reach_m = _reach_m(hazard)
    found = _Nearest(
        ring=np.full(n, hazard.n_rings, dtype=np.int64),
        sinkhole=np.full(n, NONE, dtype=np.int64),
        distance_m=np.full(n, np.nan),
        uncertainty_m=np.full(n, np.nan),
        n_features=np.zeros(n, dtype=np.int64),
    )
    counted_last = np.full(n, NONE, dtype=np.int64)
    for place, sinkhole in indexed.records.turns(places.row):
        east_m = places.easting[place] - hazard.easting[sinkhole]
        north_m = places.northing[place] - hazard.northing[sinkhole]
        centre_m = np.sqrt(east_m * east_m + north_m * north_m)
        near = centre_m <= reach_m[sinkhole]
        place, sinkhole = place[near], sinkhole[near]  # noqa: PLW2901 - those within reach
        distance_m = edge_distance_m(centre_m[near], hazard.radius_m[sinkhole])
        doubt_m = combined_uncertainty_m(
            hazard.uncertainty_m[sinkhole], places.uncertainty_m[place]
        )
        ring = nominal_ring(hazard, distance_m, doubt_m)
        counts = ring < hazard.n_rings
        # The records of one feature stand together in a list: it is counted with the first.
        feature = hazard.feature[sinkhole]
        found.n_features[place] += counts & (feature != counted_last[place])
        counted_last[place[counts]] = feature[counts]
        ring += hazard.ring_shift[sinkhole]
        better = (ring < hazard.n_rings) & _comes_before(
            (ring, found.ring[place]),
            (distance_m, found.distance_m[place]),
            (sinkhole, found.sinkhole[place]),
        )
        place = place[better]  # noqa: PLW2901 - those it decides for, so far
        found.ring[place] = ring[better]
        found.sinkhole[place] = sinkhole[better]
        found.distance_m[place] = distance_m[better]
        found.uncertainty_m[place] = doubt_m[better]
    return found


def _comes_before(*keys: tuple[NDArray[np.generic], NDArray[np.generic]]) -> NDArray[np.bool_]:
    """Compare by the first of the pairs, among equals by the next."""
    before = np.zeros(len(keys[0][0]), dtype=np.bool_)
    for one, other in reversed(keys):
        before = (one < other) | ((one == other) & before)
    return before


def _laid_out(
    hazard: Hazard,
    n: int,
    asked: NDArray[np.int64],
    classes: tuple[NDArray[np.int8], NDArray[np.int8]],
    nearest: _Nearest,
) -> Assessed:
    """Put what was found where it was asked; of all other places nothing is held."""

    def among_all(found: NDArray[_Value], blank: float) -> NDArray[_Value]:
        everywhere = np.full(n, blank, dtype=found.dtype)
        everywhere[asked] = found
        return everywhere

    geology, scored_as = classes
    cell = scored_as, nearest.ring
    return Assessed(
        band=among_all(hazard.bands[cell], Band.NOT_ASSESSED),
        geology=among_all(geology, GeologyClass.OUTSIDE),
        scored_as=among_all(scored_as, GeologyClass.OUTSIDE),
        ring=among_all(nearest.ring, hazard.n_rings),
        sinkhole=among_all(nearest.sinkhole, NONE),
        distance_m=among_all(nearest.distance_m, np.nan),
        uncertainty_m=among_all(nearest.uncertainty_m, np.nan),
        n_features=among_all(nearest.n_features, 0),
        check_record=among_all(hazard.check_record[cell], blank=False),
    )


def edge_distance_m(
    centre_distance_m: NDArray[np.float64], radius_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """
    Return the distance to the edge of a recorded feature; 0 inside it.

    Parameters
    ----------
    centre_distance_m
        To its centre, metres.
    radius_m
        Its radius, metres.

    Returns
    -------
    distance_m
        Metres, same shape.
    """
    return np.maximum(0.0, centre_distance_m - radius_m).round(_DECIMALS)


def combined_uncertainty_m(
    record_m: NDArray[np.float64], place_m: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """
    Return the uncertainty of a distance between two independently placed things.

    Parameters
    ----------
    record_m
        Position uncertainty of the record, metres.
    place_m
        Position uncertainty of the place, metres.

    Returns
    -------
    uncertainty_m
        Metres: the root of the sum of squares.
    """
    return np.hypot(record_m, place_m).round(_DECIMALS)


def ring_of(
    hazard: Hazard,
    distance_m: NDArray[np.float64],
    uncertainty_m: NDArray[np.float64],
    sinkhole: NDArray[np.int64],
) -> NDArray[np.int64]:
    """
    Return the ring in which each record counts for each place.

    A record counts for a ring only if both its distance and the combined uncertainty are
    within the ring's radius; a possible record counts one ring further out.

    Parameters
    ----------
    hazard
        What `prepare` returns.
    distance_m
        To the record's edge, metres, shape (n,).
    uncertainty_m
        Combined uncertainty of record and place, metres, shape (n,).
    sinkhole
        Index of the record, shape (n,).

    Returns
    -------
    ring
        Shape (n,): index into `hazard.rings_m`; `hazard.n_rings` where it does not count.
    """
    ring = nominal_ring(hazard, distance_m, uncertainty_m) + hazard.ring_shift[sinkhole]
    return np.where(hazard.counts[sinkhole], np.minimum(ring, hazard.n_rings), hazard.n_rings)


def nominal_ring(
    hazard: Hazard, distance_m: NDArray[np.float64], uncertainty_m: NDArray[np.float64]
) -> NDArray[np.int64]:
    """
    Return the ring that distance and uncertainty both keep within, whatever the evidence.

    Parameters
    ----------
    hazard
        What `prepare` returns.
    distance_m
        To the record's edge, metres, shape (n,).
    uncertainty_m
        Combined uncertainty of record and place, metres, shape (n,).

    Returns
    -------
    ring
        Shape (n,): index into `hazard.rings_m`; `hazard.n_rings` beyond the last.
    """
    by_distance = np.searchsorted(hazard.rings_m, distance_m, side="left")
    by_uncertainty = np.searchsorted(hazard.rings_m, uncertainty_m, side="left")
    return np.maximum(by_distance, by_uncertainty)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """
    Why n places have their class, as arrays of shape (n,).

    Attributes
    ----------
    geology, scored_as
        As in `Assessed`.
    zone
        Index of the zone that gave `scored_as`; `NONE` outside.
    boundary_m
        Distance to the higher class that it was scored as, metres; NaN if none.
    boundary_uncertainty_m
        How well that line is known: as the less certain of the two zones, metres; NaN if none.
    """

    geology: NDArray[np.int8]
    scored_as: NDArray[np.int8]
    zone: NDArray[np.int64]
    boundary_m: NDArray[np.float64]
    boundary_uncertainty_m: NDArray[np.float64]


def ground(hazard: Hazard, easting: NDArray[np.float64], northing: NDArray[np.float64]) -> Ground:
    """
    Say which zone gave places their class, and how far off its line is.

    Parameters
    ----------
    hazard
        What `prepare` returns.
    easting, northing
        Metres, EPSG:27700, shape (n,).

    Returns
    -------
    ground
        Arrays of shape (n,), in the same order, for the places whose reasons are asked for.
    """
    n = len(easting)
    known = np.isfinite(easting) & np.isfinite(northing)
    shapes = np.full(n, None, dtype=object)
    shapes[known] = shapely.points(easting[known], northing[known])
    tree = shapely.STRtree(shapes)
    zone, place = tree.query(hazard.zone_geometry, "intersects")
    geology = np.zeros(n, dtype=np.int8)
    np.maximum.at(geology, place, hazard.zone_class[zone])
    # A place on a shared line lies in several zones; it is as uncertain as the worst of them.
    own_uncertainty_m = np.zeros(n)
    np.maximum.at(own_uncertainty_m, place, hazard.zone_uncertainty_m[zone])
    own = np.full(n, len(hazard.zone_class), dtype=np.int64)
    deciding = hazard.zone_class[zone] == geology[place]
    np.minimum.at(own, place[deciding], zone[deciding])
    found = Ground(
        geology=geology,
        scored_as=geology.copy(),
        zone=np.where(geology == GeologyClass.OUTSIDE, NONE, own),
        boundary_m=np.full(n, np.nan),
        boundary_uncertainty_m=np.full(n, np.nan),
    )
    _raise_near_boundaries(hazard, tree, shapes, own_uncertainty_m, found)
    return found


def _raise_near_boundaries(
    hazard: Hazard,
    tree: shapely.STRtree,
    shapes: NDArray[np.object_],
    own_uncertainty_m: NDArray[np.float64],
    found: Ground,
) -> None:
    """Score a place as the highest class whose line it may lie beyond; fills in `found`."""
    widest_m = np.max(hazard.zone_uncertainty_m, initial=0.0) + SLACK_M
    zone, place = tree.query(hazard.zone_geometry, "dwithin", widest_m)
    geology = found.geology[place]
    higher = (hazard.zone_class[zone] > geology) & (geology > GeologyClass.OUTSIDE)
    zone, place = zone[higher], place[higher]
    away_m = np.round(shapely.distance(shapes[place], hazard.zone_geometry[zone]), _DECIMALS)
    # The line between two zones is known no better than the less certain of the two.
    tolerance_m = np.maximum(hazard.zone_uncertainty_m[zone], own_uncertainty_m[place])
    within = away_m <= tolerance_m
    zone, place, away_m, tolerance_m = (
        zone[within],
        place[within],
        away_m[within],
        tolerance_m[within],
    )
    # Last writer wins below, so the best candidate of each place comes last.
    order = np.lexsort((-zone, -away_m, hazard.zone_class[zone]))
    found.scored_as[place[order]] = hazard.zone_class[zone[order]]
    found.zone[place[order]] = zone[order]
    found.boundary_m[place[order]] = away_m[order]
    found.boundary_uncertainty_m[place[order]] = tolerance_m[order]


def score(hazard: Hazard, places: gpd.GeoDataFrame, *, key: str) -> pd.DataFrame:
    """
    Assess every row of a frame of points.

    Parameters
    ----------
    hazard
        What `prepare` returns.
    places
        Points, EPSG:27700, with `position_uncertainty_m`; a row without a position is kept.
    key
        Column that identifies a row.

    Returns
    -------
    assessments
        Frame of `schemas.ASSESSMENTS`, same rows in the same order.

    Raises
    ------
    SchemaError
        If the frame is not on British National Grid, or is no frame of points with that key.
    """
    shapes = schemas.points(key).check(places).geometry.to_numpy()
    assessed = points(
        hazard,
        np.asarray(shapely.get_x(shapes), dtype=np.float64),
        np.asarray(shapely.get_y(shapes), dtype=np.float64),
        places["position_uncertainty_m"].to_numpy(dtype=np.float64),
    )
    return schemas.ASSESSMENTS.check(columns(hazard, assessed, places[key].to_list()))


def columns(hazard: Hazard, assessed: Assessed, place_ids: list[str]) -> pd.DataFrame:
    """
    Lay the arrays of an assessment out as a table.

    Parameters
    ----------
    hazard
        What was asked.
    assessed
        What it answered, n places.
    place_ids
        Their ids, n of them.

    Returns
    -------
    assessments
        Columns of `schemas.ASSESSMENTS`, n rows.
    """
    decides = assessed.sinkhole != NONE
    sinkhole_ids = np.full(len(decides), None, dtype=object)
    sinkhole_ids[decides] = hazard.sinkhole_ids[assessed.sinkhole[decides]]
    return pd.DataFrame(
        {
            "place_id": pd.Series(place_ids, dtype="str"),
            "band": assessed.band,
            "geology_class": assessed.geology,
            "scored_as": assessed.scored_as,
            "sinkhole_id": pd.Series(sinkhole_ids, dtype="str"),
            "sinkhole_distance_m": assessed.distance_m,
            "sinkhole_uncertainty_m": assessed.uncertainty_m,
            "n_features": assessed.n_features,
            "check_record": assessed.check_record,
        }
    )
