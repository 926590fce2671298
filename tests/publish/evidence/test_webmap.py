"""The page of one place in one file: what is on it, what is not, and what a browser makes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest
import shapely
from shapely import Point

from sinkwatch import lint, survey
from sinkwatch.errors import PlaceError
from sinkwatch.model import Evidence, PlaceKind, Surroundings
from sinkwatch.publish.evidence import webmap
from tests import dossiers
from tests.publish.builders import (
    AUCTION_MART,
    CONTACT,
    HOSTILE,
    Page,
    with_nothing,
)
from tests.publish.test_browser import _settle, _visit

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from sinkwatch.model import Dossier, Findings

KEY = f"North Yorkshire/{AUCTION_MART}"
BOUNDARY = shapely.box(431_500, 471_750, 431_650, 471_900)
MOST_BYTES = 400_000
MAP_ID = "SW-3F9A21C0"


def _page(findings: Findings, dossier: Dossier) -> Page:
    return Page(_built(findings, dossier).decode())


def _built(findings: Findings, dossier: Dossier) -> bytes:
    return webmap.offline(findings, dossier, map_id=MAP_ID, version="0.1.0", contact=CONTACT)


def _script(page: Page, begin: str) -> str:
    """Return what stands in the page's scripts from there to the end of that line."""
    whole = "".join(tag.text for tag in page.all("script"))
    return whole[whole.index(begin) :].partition("\n")[0]


@pytest.fixture(scope="module")
def page(findings: Findings) -> Page:
    return _page(findings, dossiers.a_dossier())


def test_it_says_what_the_dossier_says(page: Page) -> None:
    dossier = dossiers.a_dossier()
    assert page.all("title")[0].text == page.all("h1")[0].text == "Old Yard, North Road"
    for said in (
        dossier.headline,
        *dossier.summary,
        *dossier.weaknesses,
        *dossier.unknowns,
        dossier.limits,
        dossier.disclaimer,
        "made on 22 November 2026",
        "2 records within 1 km",
        "1. Collapse at House 1",
        MAP_ID,
        "about 80 m (± 170 m)",
        "75 homes",
        "Made-up geology",
        f"Corrections: {CONTACT}",
    ):
        assert said in " ".join(page.text.split())


def test_its_own_words_and_the_key_keep_to_the_rules(page: Page) -> None:
    licence = page.text.index("Leaflet's licence")
    assert lint.faults(page.text[:licence]) == ()


def test_only_what_lies_near_is_in_it_and_no_postcode(page: Page) -> None:
    assert "HG4" not in page.source
    assert "Postcodes by band" not in page.source
    assert "Sharow" in page.source
    assert "Nunwick" not in page.source, "it lies 3 km off"
    assert "RS009" not in page.source, "no record that the dossier does not list"


def test_its_policy_lets_no_request_be_made(page: Page) -> None:
    policy = page.all("meta")[1].attributes["content"]
    assert "default-src 'none'" in policy
    assert "img-src data:" in policy
    assert "http" not in policy
    assert [tag for tag in page.all("script", "link") if "src" in tag.attributes] == []
    assert "openstreetmap" not in page.source


def test_ids_are_unique_and_every_link_inside_leads_somewhere(page: Page) -> None:
    ids = page.ids()
    assert len(set(ids)) == len(ids)
    inside = [tag.attributes["href"] for tag in page.all("a") if "href" in tag.attributes]
    assert [link for link in inside if link[0] == "#" and link[1:] not in ids] == []
    shown = {tag.attributes["data-show"] for tag in page.all("button")}
    assert shown == {"site", "record-S1", "record-S2"}
    assert shown <= set(ids)


def test_the_same_dossier_gives_the_same_bytes_within_the_limit(findings: Findings) -> None:
    first, second = (_built(findings, dossiers.a_dossier()) for _ in range(2))
    assert first == second
    assert len(first) < MOST_BYTES


def test_the_map_opens_on_the_place_and_reaches_little_further(page: Page) -> None:
    # The point SE 31579 71829 lies at 54.141335 N, 1.518104 W; the outer ring is 500 m.
    scripts = "".join(tag.text for tag in page.all("script"))
    seen = scripts[scripts.index("map_area.fitBounds(") :]
    south, west, north, east = (
        float(part.strip(" []")) for part in seen[seen.index("[[") : seen.index("]]")].split(",")
    )
    assert (south + north) / 2 == pytest.approx(54.141335, abs=2e-5)
    assert (west + east) / 2 == pytest.approx(-1.518104, abs=2e-5)
    assert north - south == pytest.approx(2 * 540 / 111_300, rel=0.02)


def test_numbers_stand_beside_the_marks_of_records_only(page: Page) -> None:
    words = _script(page, "sinkwatch.say(")
    assert words.count('"number":') == 2
    assert '"number":"1"' in words
    assert '"number":"2"' in words


def test_round_a_point_its_uncertainty_is_drawn_and_no_boundary(page: Page) -> None:
    assert '"around-site"' in page.source
    assert '"boundary"' not in page.source
    assert "50 m, 250 m and 500 m from its point" in page.text
    assert [f'"ring-{ring}"' in page.source for ring in (50, 250, 500)] == [True] * 3


def test_a_boundary_takes_the_place_of_the_circle(findings: Findings) -> None:
    place = dossiers.a_site(geometry=BOUNDARY, position_uncertainty_m=5.0)
    page = _page(findings, dossiers.a_dossier(place=place))
    assert '"boundary"' in page.source
    assert '"around-site"' not in page.source
    assert "50 m, 250 m and 500 m from its boundary" in page.text


def test_rings_are_as_far_from_the_boundary_as_they_say() -> None:
    dossier = dossiers.a_dossier(place=dossiers.a_site(geometry=BOUNDARY))
    ground = webmap._ground(dossier)  # noqa: SLF001 - what folium is given is in degrees
    focus = webmap._focus(dossier, ground, webmap._seen(dossier, ground))  # noqa: SLF001 - as above
    for ring, ring_m in zip(focus.rings, dossier.rings_m, strict=True):
        corners = shapely.points(shapely.get_coordinates(ring.geometry))
        assert shapely.distance(corners, BOUNDARY) == pytest.approx(ring_m)
    (name, *_) = focus.ring_names
    assert (name.geometry.x, name.geometry.y) == (431_500, 471_950)


def test_an_application_that_is_the_place_has_one_mark(findings: Findings) -> None:
    place = dossiers.a_site(place_id=KEY, kind=PlaceKind.APPLICATION)
    step = dossiers.a_step(key=KEY, reference=AUCTION_MART, title="60 homes")
    other = dossiers.a_step(key="North Yorkshire/24/00003/FUL", position=None)
    dossier = dossiers.a_dossier(place=place, reference=AUCTION_MART, history=(step, other))
    page = _page(findings, dossier)
    words = _script(page, "sinkwatch.say(")
    assert words.count('"symbol":"application"') == 1
    assert "60 homes" in page.text
    assert "24/00003" not in words, "it is listed and not drawn"


def test_another_application_near_by_has_its_band(findings: Findings) -> None:
    dossier = dossiers.a_dossier(history=(dossiers.a_step(key=KEY, reference=AUCTION_MART),))
    words = _script(_page(findings, dossier), "sinkwatch.say(")
    assert '"symbol":"application","colour":"#c2542d"' in words


def test_the_history_bears_the_letters_of_the_sheets(findings: Findings) -> None:
    steps = (
        dossiers.a_step(key="x", title="Drawn"),
        dossiers.a_step(key="y", title="Listed", position=None),
        dossiers.a_step(key="z", title="Drawn as well"),
    )
    said = " ".join(_page(findings, dossiers.a_dossier(history=steps)).text.split())
    assert "A. Drawn" in said
    assert "B. Drawn as well" in said
    assert ". Listed" not in said


def test_without_anything_near_it_says_so(findings: Findings) -> None:
    dossier = dossiers.a_dossier(records=(), history=(), unknowns=())
    page = _page(with_nothing(findings), dossier)
    said = " ".join(page.text.split())
    assert "There are no records in the data we hold within 1 km" in said
    assert "this is not the same as none" in said
    titles = [title for title in ("Recorded events", "Place names") if f'"{title}"' in page.source]
    assert titles == [], "the layer switch offers nothing that is empty"


def test_a_record_that_may_not_be_drawn_is_listed_only(findings: Findings) -> None:
    hidden = dossiers.a_record(position=None, shown_uncertainty_m=None, evidence=Evidence.PROBABLE)
    page = _page(findings, dossiers.a_dossier(records=(hidden,)))
    assert "not drawn" in page.text
    assert '"number":' not in _script(page, "sinkwatch.say(")


def test_outlines_under_a_licence_are_not_in_it(findings: Findings) -> None:
    shut = tuple(
        replace(state, spec=replace(state.spec, is_restricted=state.spec.kind == "geology"))
        for state in findings.sources
    )
    none = {"zones": findings.zones.iloc[:0], "edges": findings.edges.iloc[:0]}
    page = _page(replace(findings, **none, sources=shut), dossiers.a_dossier())
    assert survey.OUTLINES_WITHHELD in page.text
    assert "Indicative zones" not in page.source


def test_a_place_without_a_position_is_refused(findings: Findings) -> None:
    place = dossiers.a_site(easting=None, northing=None)
    with pytest.raises(PlaceError, match="has no position"):
        _built(findings, dossiers.a_dossier(place=place))


def _streets(findings: Findings) -> Findings:
    """Return the findings with a dense town as backdrop: more corners than the file can bear."""
    houses = [
        shapely.box(
            430_500 + 25 * column, 470_800 + 25 * row, 430_512 + 25 * column, 470_812 + 25 * row
        )
        for column in range(80)
        for row in range(80)
    ]
    roads = [
        shapely.LineString([(430_000, 470_800 + 100 * n), (433_000, 470_800 + 100 * n)])
        for n in range(20)
    ]
    columns = {
        "layer": ["building"] * len(houses) + ["road"] * len(roads),
        "road_class": [None] * len(houses) + ["local"] * len(roads),
    }
    frame = gpd.GeoDataFrame(columns, geometry=houses + roads, crs="EPSG:27700")
    return replace(findings, surroundings=Surroundings(backdrop=frame))


def test_a_dense_backdrop_is_cut_to_what_the_file_can_bear(findings: Findings) -> None:
    page = _page(_streets(findings), dossiers.a_dossier())
    assert "drawBackdrop" in page.source
    assert '"backdrop-buildings"' in page.source
    assert '"backdrop-local_roads"' in page.source
    assert len(page.source.encode()) < MOST_BYTES


def _hostile(dossier: Dossier) -> Dossier:
    """Put what means harm into every field that others can write."""
    record = dossiers.a_record(
        sinkhole_id=HOSTILE,
        name=HOSTILE,
        kind=HOSTILE,
        date_text=HOSTILE,
        size_text=HOSTILE,
        doubts=HOSTILE,
        source_title=HOSTILE,
        source_url="javascript:window.owned=1",
    )
    step = dossiers.a_step(
        key=HOSTILE,
        title=HOSTILE,
        reference=HOSTILE,
        outcome=HOSTILE,
        ground=HOSTILE,
        doubts=HOSTILE,
        source_title=HOSTILE,
        source_url="data:text/html,owned",
        position=Point(431_400, 471_900),
    )
    source = dossiers.a_source(
        title=HOSTILE,
        edition=HOSTILE,
        licence=HOSTILE,
        credit=HOSTILE,
        url="javascript:window.owned=1",
    )
    place = dossiers.a_site(label=HOSTILE)
    texts = ("title", "reference", "authority", "address", "description", "headline", "area_name")
    return replace(
        dossier,
        **dict.fromkeys(texts, HOSTILE),
        place=place,
        records=(record,),
        history=(step,),
        sources=(source,),
        summary=(HOSTILE,),
        weaknesses=(HOSTILE,),
    )


def test_hostile_text_is_text_wherever_it_stands(findings: Findings) -> None:
    plain = _page(findings, dossiers.a_dossier())
    page = _page(findings, _hostile(dossiers.a_dossier()))
    assert len(page.all("script")) == len(plain.all("script"))
    assert len(page.all("style")) == len(plain.all("style"))
    assert page.all("img", "iframe", "textarea") == []
    assert page.all("h1")[0].text == HOSTILE
    links = [tag.attributes.get("href", "") for tag in page.all("a")]
    assert [link for link in links if link[0] != "#"] == [], "none leads anywhere"
    assert [name for tag in page.tags for name in tag.attributes if name.startswith("on")] == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [390])  # what fits there fits anywhere
def test_a_browser_shows_it_asks_nothing_and_runs_nothing(
    findings: Findings, chromium: Browser, tmp_path: Path, width: int
) -> None:
    file = tmp_path / "offline.html"
    records = (*_hostile(dossiers.a_dossier()).records, dossiers.a_record(2))
    dossier = replace(_hostile(dossiers.a_dossier()), records=records)
    file.write_bytes(_built(_streets(findings), dossier))
    with _visit(chromium, file.resolve().as_uri(), width=width) as visit:
        page = visit.page
        assert page.locator(".mark-number").all_inner_texts() == ["1", "2"]
        page.locator('.mark[aria-label^="2. Collapse"]').click()
        card = page.locator(".leaflet-popup .card")
        assert "about 80 m (± 170 m) from the site; shown rounded to 50 m" in card.inner_text()
        page.keyboard.press("Escape")
        page.locator('[data-show="site"]').click()
        _settle(page)
        assert "High" in card.last.inner_text()
        assert page.evaluate("window.owned") is None
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert visit.requests == [visit.address]
        assert visit.faults == []
