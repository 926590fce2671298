"""Planning applications that authorities publish on planning.data.gov.uk: a few, not all."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

import numpy as np
import pandas as pd
import shapely

from sinkwatch import geo, wording
from sinkwatch.errors import ConfigError, SourceError
from sinkwatch.sources import snapshots
from sinkwatch.sources.outside.politeness import HostRule
from sinkwatch.sources.planning import applications, idox_links
from sinkwatch.sources.planning.planning_data_kept import Entity, dumped, loaded, refusal
from sinkwatch.sources.planning.planning_data_records import Page, Question, checked, read_page
from sinkwatch.sources.planning.planning_data_shapes import read_shapes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import Area, Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand
    from sinkwatch.sources.outside.download import Downloader

LOG = logging.getLogger(__name__)

BASE_URL: Final = "https://www.planning.data.gov.uk"
"""Where the platform answers, unless the area file says otherwise."""

RULE: Final = HostRule(spacing_s=1, most_bytes=50_000_000)
"""A second apart (connector rules); a page of 500 shapes is a few megabytes."""

ROWS_A_PAGE: Final = 500
"""The most that the platform gives at once."""

MOST_ROWS: Final = 20_000
"""More entities than this in one area cannot be right."""

_DATASET: Final = "planning-application"
_NO_DECISION: Final = "No decision listed"
_MOST_CHARACTERS: Final = 1_000  # of a description; more is the council's to publish


def host_rules(spec: SourceSpec) -> dict[str, HostRule]:
    """
    Return the servers that a source asks, and how each may be asked.

    Parameters
    ----------
    spec
        The source; its option ``base_url`` may name another than the platform's own.

    Returns
    -------
    rules
        By server, such as "www.planning.data.gov.uk".
    """
    return {_host(spec): RULE}


def fetch(spec: SourceSpec, errand: Errand) -> Snapshot:
    """
    Ask for the applications in the area.

    Parameters
    ----------
    spec
        The source.
    errand
        With the area and the way out.

    Returns
    -------
    snapshot
        GeoJSON of what is needed of each; the same bytes if nothing has changed.

    Raises
    ------
    SourceError
        If it cannot be asked, the answer is not whole, or it lists nothing: few authorities
        publish here, so an empty answer says nothing of what there is.
    SchemaError
        If the answer is not as documented, or not what was asked for.
    """
    question = Question(
        datasets=(_DATASET,), bounds=errand.area.bounds, period="all", now=errand.now
    )
    found = asked(spec, errand, question)
    inside = _mapped_inside(found, errand.area)
    if not inside:
        raise SourceError(
            spec.name,
            "it listed no application here; that is not to say there is none",
            "Few authorities publish there; rely on the other sources",
            url=spec.address(BASE_URL),
        )
    return snapshots.answered(
        spec, errand, dumped(inside), ".geojson", url=_url(spec, question, "json", (0, ROWS_A_PAGE))
    )


def _mapped_inside(found: tuple[Entity, ...], area: Area) -> list[Entity]:
    """Leave out the sites across the edge whose middle lies beyond it."""
    middles = shapely.centroid([entity.shape for entity in found])
    pairs = np.column_stack(geo.to_bng(shapely.get_x(middles), shapely.get_y(middles)))
    return [
        entity
        for entity, pair in zip(found, pairs.tolist(), strict=True)
        if area.bounds.holds(*pair)
    ]


def load(snapshot: Snapshot, spec: SourceSpec, area: Area) -> gpd.GeoDataFrame:
    """
    Read the applications.

    Parameters
    ----------
    snapshot
        What `fetch` returned.
    spec
        The source; its option ``organisations`` names the authority of each number in
        `organisation-entity`. Without it all are the area's own.
    area
        The area.

    Returns
    -------
    applications
        As `applications.load` returns them.

    Raises
    ------
    SchemaError
        If it is no such list.
    ConfigError
        If an option is wrong.
    """
    found = held(snapshot)
    table = idox_links.relinked(_table(found, spec), spec)
    return applications.frame(table, snapshot, area)


def held(snapshot: Snapshot) -> tuple[Entity, ...]:
    """
    Read the entities that are held.

    Parameters
    ----------
    snapshot
        The copy.

    Returns
    -------
    entities
        By number.

    Raises
    ------
    SchemaError
        If it cannot be read, or sinkwatch did not write it.
    """
    return loaded(snapshots.content(snapshot), name=snapshots.name_of(snapshot))


def _table(found: tuple[Entity, ...], spec: SourceSpec) -> pd.DataFrame:
    authorities = _organisations(spec)
    index = pd.RangeIndex(1, len(found) + 1, name="entity")
    shapes = np.array([entity.shape for entity in found], dtype=object)
    middles = shapely.centroid(shapes)
    columns: dict[str, list[str | None]] = {
        "reference": [wording.clean(e.reference) or f"entity {e.entity}" for e in found],
        "authority": [_authority(e.organisation, authorities) for e in found],
        "address": [wording.clean(e.address) or None for e in found],
        "description": [_short(e.description or e.name) for e in found],
        "status": [_status(e) for e in found],
        "received_on": [e.started_on or None for e in found],
        "decided_on": [e.decided_on or None for e in found],
        "longitude": [repr(value) for value in shapely.get_x(middles).tolist()],
        "latitude": [repr(value) for value in shapely.get_y(middles).tolist()],
        "position_uncertainty_m": applications.reach_texts(shapes),
        "boundary": [None if e.shape.geom_type == "Point" else e.shape.wkt for e in found],
        "url": [_link(e) for e in found],
    }
    return pd.DataFrame(columns, index=index, dtype="str")


def entity_url(entity: int) -> str:
    """
    Return the public page of an entity.

    Parameters
    ----------
    entity
        Its number.

    Returns
    -------
    url
        At the platform itself.
    """
    return f"{BASE_URL}/entity/{entity}"


def _link(entity: Entity) -> str:
    is_web = entity.link.casefold().startswith(("https://", "http://"))
    return entity.link if is_web else entity_url(entity.entity)


def _short(text: str) -> str | None:
    # Masked before it is cut: half an address would not be known for one.
    masked = wording.mask_personal_data(wording.clean(text))
    return wording.trimmed(masked, _MOST_CHARACTERS) or None


def _status(entity: Entity) -> str:
    words = wording.clean(entity.decision).replace("-", " ")
    if words:
        return words[:1].upper() + words[1:]
    return "Decided" if entity.decided_on else _NO_DECISION


def _authority(organisation: str, authorities: Mapping[str, str]) -> str | None:
    """Name the authority; None, for the area's own, where the operator has named none."""
    if not authorities:
        return None
    return authorities.get(organisation, f"organisation {organisation} of planning.data.gov.uk")


def _organisations(spec: SourceSpec) -> dict[str, str]:
    option: Any = spec.options.get("organisations", {})
    if not isinstance(option, dict) or not all(isinstance(v, str) for v in option.values()):
        raise ConfigError(
            f"source {spec.name}",
            f"its option organisations is {str(option)[:80]}, not a table of names",
            'Write organisations = { "123" = "North Yorkshire" }, or leave it out',
        )
    return {str(number): name for number, name in option.items()}


# ── Asking, for whatever dataset ─────────────────────────────────────────────────────────────


def asked(spec: SourceSpec, errand: Errand, question: Question) -> tuple[Entity, ...]:
    """
    Ask for the entities of some datasets in the area, page after page.

    Parameters
    ----------
    spec
        The source.
    errand
        With the way out.
    question
        What is wanted.

    Returns
    -------
    entities
        All of them, ordered by number.

    Raises
    ------
    SourceError
        If it cannot be asked, or the answer is not whole.
    SchemaError
        If the answer is not as documented, or not what was asked for.
    """
    asking = _Asking(spec, question, errand.way_out(spec), errand.folder / spec.name / "answer")
    given: list[Mapping[str, Any]] = []
    shapes: dict[int, BaseGeometry] = {}
    for span, page in asking.pages():
        given += page.given
        shapes |= asking.shapes(span, page)
    found = checked(given, shapes, question, name=spec.name)
    LOG.info("%s: %d entities", spec.name, len(found))
    return found


class _Asking:
    """One question, asked of one platform."""

    def __init__(
        self, spec: SourceSpec, question: Question, downloader: Downloader, folder: Path
    ) -> None:
        self._spec, self._question = spec, question
        self._downloader, self._folder = downloader, folder

    def pages(self) -> list[tuple[tuple[int, int], Page]]:
        """Read page after page, each with first row and number of rows, until all are had."""
        found: list[tuple[tuple[int, int], Page]] = []
        offset, count = 0, None
        while count is None or offset < count:
            page = self._page(offset)
            count = page.count if count is None else count
            self._refuse_part(page, offset, count)
            if page.given:
                found.append(((offset, len(page.given)), page))
            offset += len(page.given)
        return found

    def _page(self, offset: int) -> Page:
        name = f"{self._spec.name} (answer from row {offset})"
        content = self._answer("json", (offset, ROWS_A_PAGE))
        return read_page(content, host=_host(self._spec), name=name)

    def shapes(self, span: tuple[int, int], page: Page) -> dict[int, BaseGeometry]:
        """Read the shapes of a page; as texts in the listing they would be too long to take."""
        name = f"{self._spec.name} (shapes from row {span[0]})"
        found = read_shapes(self._answer("geojson", span), name=name)
        strange = found.keys() - {entity.get("entity") for entity in page.given}
        if strange:
            raise refusal(name, f"it holds entity {min(strange)}, which was not listed")
        return found

    def _answer(self, ending: str, span: tuple[int, int]) -> bytes:
        path = self._folder / f"from-{span[0]}.{ending}"
        url = _url(self._spec, self._question, ending, span)
        return self._downloader.get(self._spec.name, url, path).path.read_bytes()

    def _refuse_part(self, page: Page, offset: int, count: int) -> None:
        n_read = offset + len(page.given)
        if page.count != count:
            raise self._cut_short(f"its count went from {count} to {page.count} while it was read")
        if count > MOST_ROWS:
            raise self._cut_short(f"{count:,} entities are more than one area can have")
        if len(page.given) > ROWS_A_PAGE or n_read > count:
            raise self._cut_short(f"it holds {n_read} entities and says that there are {count}")
        if n_read < count and not (page.given and page.has_next):
            raise self._cut_short(f"it ends after {n_read} of {count} entities")

    def _cut_short(self, rule: str) -> SourceError:
        return SourceError(
            self._spec.name,
            f"its answer is not whole: {rule}",
            "What is held stays in use; the next run asks again",
            url=self._spec.address(BASE_URL),
            retryable=True,
        )


def _host(spec: SourceSpec) -> str:
    return urlsplit(spec.address(BASE_URL)).netloc


def _url(spec: SourceSpec, question: Question, ending: str, span: tuple[int, int]) -> str:
    query = [*question.parameters(), ("limit", str(span[1])), ("offset", str(span[0]))]
    if ending == "json":
        query.append(("exclude_field", "geometry"))
    return f"{spec.address(BASE_URL)}/entity.{ending}?{urlencode(query)}"
