"""How far round an area gauges of the Environment Agency are looked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sinkwatch import geo
from sinkwatch.errors import ConfigError

if TYPE_CHECKING:
    from sinkwatch.model import Area, SourceSpec
    from sinkwatch.sources.environment_agency.readings import Station

DISTANCE_KM: Final = 15.0
"""How far from the middle of the area a gauge may be, unless the area file says otherwise."""

_SLACK: Final = 1.05  # of the distance: theirs is measured otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """
    Where gauges are looked for.

    Attributes
    ----------
    latitude, longitude
        Degrees, WGS84.
    easting, northing
        The same, metres, EPSG:27700.
    distance_km
        Round it.
    """

    latitude: float
    longitude: float
    easting: float
    northing: float
    distance_km: float

    def query(self) -> dict[str, str]:
        """Return it as both services take it."""
        return {
            "lat": f"{self.latitude:.5f}",
            "long": f"{self.longitude:.5f}",
            "dist": f"{self.distance_km:g}",
        }

    def faults(self, station: Station) -> list[str]:
        """
        Say what is wrong with where a station lies.

        Parameters
        ----------
        station
            The station.

        Returns
        -------
        faults
            None if it lies within the distance.
        """
        if self._holds(station.easting, station.northing):
            return []
        where = f"{station.name[:80]} at {station.easting:g}, {station.northing:g}"
        if self._holds(station.northing, station.easting):
            return [f"{where}: easting and northing look exchanged"]
        return [f"{where} lies outside the {self.distance_km:g} km asked for"]

    def _holds(self, easting: float, northing: float) -> bool:
        apart_m = math.hypot(easting - self.easting, northing - self.northing)
        return apart_m <= self.distance_km * 1_000 * _SLACK


def near(spec: SourceSpec, area: Area) -> Near:
    """
    Return where gauges are looked for.

    Parameters
    ----------
    spec
        The source.
    area
        The area, whose middle it is if the source does not say.

    Returns
    -------
    near
        A circle.

    Raises
    ------
    ConfigError
        If an option is no number, or lies outside Great Britain.
    """
    middle = geo.to_wgs84(*area.map_centre)
    longitude = _number(spec, "longitude", float(middle[0][0]))
    latitude = _number(spec, "latitude", float(middle[1][0]))
    easting, northing = (float(axis[0]) for axis in geo.to_bng(longitude, latitude))
    if not (math.isfinite(easting) and math.isfinite(northing)):
        raise ConfigError(
            f"source {spec.name}",
            f"longitude {longitude:g}, latitude {latitude:g} lies outside Great Britain",
            "Mend them in the area file",
        )
    return Near(
        latitude=latitude,
        longitude=longitude,
        easting=easting,
        northing=northing,
        distance_km=_number(spec, "distance_km", DISTANCE_KM),
    )


def _number(spec: SourceSpec, name: str, unsaid: float) -> float:
    value: Any = spec.options.get(name, unsaid)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(
            f"source {spec.name}", f"its {name} {value} is not a number", "Mend it in the area file"
        )
    return float(value)
