"""Planning applications as columns: thousands fit in one script, words stay on their pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import shapely

from sinkwatch import geo, style
from sinkwatch.publish import filters, locations, marks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sinkwatch.model import Findings
    from sinkwatch.publish.things import Thing, Things

DEGREE: Final = 100_000
"""Steps of a degree in which places are told: about a metre, finer than any of them is known."""

RADIUS_PX: Final = 60
"""Three or more marks that lie nearer to one another than this are drawn as one, pixels: with their
number such a mark is up to 70 wide."""

_HASH: Final = re.compile(r"-([0-9a-f]{8})\Z")
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_NONE: Final = "-"


def columns(findings: Findings, things: Things, root: str | None) -> dict[str, object]:
    """
    Put every application into columns, those that are not drawn last.

    Parameters
    ----------
    findings
        Of one run.
    things
        What `things.gather` returns for them.
    root
        Way from the page to the site's own folder, where each application has a page; None for a
        page that is one file.

    Returns
    -------
    columns
        By name, for ``crowd.js``: longitude and latitude in steps of 1e-5 degrees, each as its
        difference from the one before; codes as one character each, ``-`` for none.
    """
    ordered = sorted(things.applications, key=lambda thing: (thing.name, thing.key))
    drawn = [thing for thing in ordered if thing.geometry is not None]
    listed = [*drawn, *(thing for thing in ordered if thing.geometry is None)]
    facts = filters.gather(findings, things)
    bands = [band.key for band in findings.area.parameters.table.styles]
    statuses = sorted({facts[thing.anchor].status for thing in listed} - {""})
    longitudes, latitudes = _places(drawn)
    return {
        "root": root,
        "longitude": longitudes,
        "latitude": latitudes,
        "reference": [thing.name for thing in listed],
        **_folders(listed),
        "bands": bands,
        "band": _codes((thing.style.band.key if thing.style else "" for thing in listed), bands),
        "statuses": statuses,
        "status": _codes((facts[thing.anchor].status for thing in listed), statuses),
        "flagged": "".join("1" if thing.is_flagged else "0" for thing in listed),
        "decided": "".join("1" if thing.fact("Decided") else "0" for thing in listed),
        "year": [facts[thing.anchor].first_year or 0 for thing in listed],
        "known_m": [round(thing.uncertainty_m or 0) for thing in drawn],
        "circle": {**marks.CIRCLE, "color": style.ACCENT, "fillColor": style.ACCENT},
        "radius_px": RADIUS_PX,
    }


def _places(drawn: Sequence[Thing]) -> tuple[list[int], list[int]]:
    """Return longitudes and latitudes in steps, each as its difference from the one before."""
    if not drawn:
        return [], []
    at = shapely.get_coordinates([thing.geometry for thing in drawn])
    longitudes, latitudes = geo.to_wgs84(at[:, 0], at[:, 1])
    return _differences(longitudes.tolist()), _differences(latitudes.tolist())


def _differences(degrees: Iterable[float]) -> list[int]:
    steps = [round(each * DEGREE) for each in degrees]
    return [each - before for each, before in zip(steps, [0, *steps], strict=False)]


def _codes(values: Iterable[str], table: Sequence[str]) -> str:
    places = dict(zip(table, _DIGITS, strict=False))
    return "".join(places.get(value, _NONE) for value in values)


def _folders(listed: Sequence[Thing]) -> dict[str, object]:
    """
    Return what the folder of each is made of.

    Most are authority and reference in small letters and a hash of eight digits: the hashes stand
    in one string, authorities in a table; folders that are made in another way are named in full.
    """
    authorities = sorted({thing.fact("Authority") for thing in listed})
    hashes, others = [], {}
    for index, thing in enumerate(listed):
        name = thing.folder.removeprefix(f"{locations.APPLICATIONS}/")
        found = _HASH.search(name)
        hashes.append(found[1] if found else "0" * 8)
        if not found or name != f"{_plain(thing)}-{found[1]}":
            others[str(index)] = name
    return {
        "authorities": authorities,
        "authority": [authorities.index(thing.fact("Authority")) for thing in listed],
        "hash": "".join(hashes),
        "folders": others,
    }


def _plain(thing: Thing) -> str:
    """Return the folder as ``crowd.js`` makes it, which knows the small letters of ASCII only."""
    words = f"{thing.fact('Authority')} {thing.name}"
    return "-".join(re.findall(r"[a-z0-9]+", words.lower())) if words.isascii() else ""
