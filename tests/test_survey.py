"""Inputs into findings: places for applications, watched sites touched, what is flagged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import shapely

from sinkwatch import explain, gazetteer, geo, survey
from sinkwatch.errors import ConfigError, SchemaError
from sinkwatch.model import (
    Area,
    Band,
    Findings,
    Inputs,
    Snapshot,
    SourceSpec,
    SourceState,
    SourceStatus,
    Surroundings,
)

if TYPE_CHECKING:
    import geopandas as gpd

# The auction mart's point (431579, 471829) is known to 80 m; HG4 1HS lies at 431480, 471750.
MART = (431_579.0, 471_829.0)


def applications(*rows: dict[str, object]) -> gpd.GeoDataFrame:
    """Make a frame of applications; each row names only what matters to the case."""
    full = [
        {
            "reference": f"R{number}",
            "address": "",
            "postcode": None,
            "easting": float("nan"),
            "northing": float("nan"),
            "position_uncertainty_m": float("nan"),
            **row,
        }
        for number, row in enumerate(rows, start=1)
    ]
    table = pd.DataFrame(full)
    columns = {
        "application_key": "North Yorkshire/" + table["reference"],
        "reference": table["reference"],
        "authority": pd.Series(["North Yorkshire"] * len(table), dtype="str"),
        "address": table["address"].astype("str"),
        "description": pd.Series(["A house"] * len(table), dtype="str"),
        "status": pd.Series(["undecided"] * len(table), dtype="str"),
        "status_text": pd.Series(["Pending"] * len(table), dtype="str"),
        "received_on": pd.Series([pd.NaT] * len(table), dtype="datetime64[s]"),
        "decided_on": pd.Series([pd.NaT] * len(table), dtype="datetime64[s]"),
        "position_uncertainty_m": table["position_uncertainty_m"].astype("float64"),
        "position_basis": pd.Series(["no point given; not mapped"] * len(table), dtype="str"),
        "postcode": table["postcode"].astype("str"),
        "url": pd.Series([None] * len(table), dtype="str"),
    }
    return geo.bng_frame(columns, table["easting"], table["northing"])


def at(easting: float, northing: float, uncertainty_m: float = 10.0) -> dict[str, object]:
    return {"easting": easting, "northing": northing, "position_uncertainty_m": uncertainty_m}


class TestTouchSites:
    @pytest.mark.parametrize(
        ("away_m", "site_id"),
        [(0.0, "auction-mart"), (90.0, "auction-mart"), (90.1, ""), (5_000.0, "")],
        ids=["on its point", "80 + 10 m", "a hair further", "far off"],
    )
    def test_an_application_touches_a_site_that_may_be_the_same_ground(
        self, ripon_inputs: Inputs, away_m: float, site_id: str
    ) -> None:
        frame = applications(at(MART[0], MART[1] + away_m))
        assert survey.touch_sites(frame, ripon_inputs.places)["site_id"][0] == site_id

    def test_one_with_a_boundary_is_measured_from_its_edge(self, ripon_inputs: Inputs) -> None:
        frame = applications(at(MART[0], MART[1] + 200.0, 120.0))
        near = shapely.box(MART[0] - 10, MART[1] + 84.9, MART[0] + 10, MART[1] + 300)
        far = shapely.box(MART[0] - 10, MART[1] + 85.1, MART[0] + 10, MART[1] + 300)
        for boundary, site_id in ((near, "auction-mart"), (far, "")):
            touched = survey.touch_sites(frame.assign(boundary=[boundary]), ripon_inputs.places)
            assert touched["site_id"].tolist() == [site_id]

    def test_one_that_is_not_mapped_touches_none(self, ripon_inputs: Inputs) -> None:
        touched = survey.touch_sites(applications({}), ripon_inputs.places)
        assert touched["site_id"].tolist() == [""]

    def test_without_watched_sites_none_is_touched(self, ripon_inputs: Inputs) -> None:
        nowhere = ripon_inputs.places[~ripon_inputs.places["is_watched"]]
        touched = survey.touch_sites(applications(at(*MART)), nowhere)
        assert touched["site_id"].tolist() == [""]

    def test_no_applications_make_no_rows(self, ripon_inputs: Inputs) -> None:
        touched = survey.touch_sites(ripon_inputs.applications, ripon_inputs.places)
        assert touched["site_id"].tolist() == []


class TestFindings:
    def test_the_auction_mart_is_flagged_high(self, ripon_findings: Findings) -> None:
        mart = next(a for a in ripon_findings.sites if a.place.place_id == "auction-mart")
        assert mart.band is Band.HIGH
        assert "auction-mart" in ripon_findings.flagged
        named = [r.facts.get("sinkhole_id") for r in mart.reasons if r.code == "sinkhole"]
        assert named[:2] == ["RS009", "RS010"]

    def test_sites_stand_in_order_of_band(self, ripon_findings: Findings) -> None:
        bands = [assessment.band for assessment in ripon_findings.sites]
        assert bands == sorted(bands, reverse=True)
        assert ripon_findings.sites[0].place.place_id == "auction-mart"  # nearest to a record
        assert len(bands) == int(ripon_findings.places["is_watched"].sum())

    def test_every_postcode_has_a_band(self, ripon_findings: Findings) -> None:
        assert ripon_findings.postcode_bands["place_id"].tolist() == (
            ripon_findings.postcodes["postcode"].tolist()
        )

    def test_a_site_far_from_any_record_on_ground_without_gypsum_is_not_flagged(
        self, ripon_findings: Findings
    ) -> None:
        assert "clotherholme-claro" not in ripon_findings.flagged

    def test_an_application_on_a_watched_site_is_flagged_whatever_its_band(
        self, ripon: Area, ripon_inputs: Inputs
    ) -> None:
        claro = (429_283.0, 472_330.0)  # on ground without known gypsum
        inputs = replace(
            ripon_inputs, applications=applications(at(*claro), at(426_000.0, 470_000.0))
        )
        found = survey.findings(ripon, inputs)
        assert "North Yorkshire/R1" in found.flagged
        assert "North Yorkshire/R2" not in found.flagged

    def test_an_application_that_is_not_mapped_is_kept_but_not_assessed(
        self, ripon: Area, ripon_inputs: Inputs
    ) -> None:
        found = survey.findings(ripon, replace(ripon_inputs, applications=applications({})))
        assert len(found.applications) == 1
        assert found.applied == ()

    def test_what_is_explained_agrees_with_the_table(
        self, ripon_findings: Findings, ripon: Area, ripon_inputs: Inputs
    ) -> None:
        knowledge = survey.know(ripon, ripon_inputs)
        names = survey.names(ripon, ripon_inputs)
        table = ripon_findings.postcode_bands.set_index("place_id")
        for postcode in table.index[::25]:
            place = gazetteer.postcode(names, postcode)
            assert explain.place(knowledge, place).band == table["band"][postcode]

    def test_every_answer_names_its_editions(self, ripon: Area, ripon_inputs: Inputs) -> None:
        editions = survey.know(ripon, ripon_inputs).editions
        assert [text.rsplit(": ", 1)[1] for text in editions] == [
            "edition 2026-11-22.",
            "edition 2026-11-22.",
            "edition 2014-08.",
        ]


class TestEditionText:
    SPEC = SourceSpec(
        name="planning", kind="applications", title="T", path=None, licence="", attribution=""
    )

    def held(self, edition: str) -> Snapshot:
        return Snapshot(
            source="planning",
            path=Path("a.csv"),
            url="a.csv",
            sha256="0" * 64,
            n_bytes=1,
            retrieved_at=datetime(2026, 3, 1, 23, 30, tzinfo=UTC),
            checked_at=datetime(2026, 3, 1, 23, 30, tzinfo=UTC),
            edition=edition,
            licence="",
            attribution="",
        )

    @pytest.mark.parametrize(
        ("status", "edition", "text"),
        [
            (SourceStatus.GOOD, "2014-08", "edition 2014-08"),
            (SourceStatus.GOOD, "", "retrieved 1 March 2026"),
            (SourceStatus.STALE, "", "retrieved 1 March 2026 (out of date)"),
        ],
    )
    def test_names_what_is_in_use_and_how_it_stands(
        self, status: SourceStatus, edition: str, text: str
    ) -> None:
        state = SourceState(spec=self.SPEC, status=status, snapshot=self.held(edition))
        assert survey.edition_text(state) == text

    def test_says_that_nothing_is_held(self) -> None:
        state = SourceState(spec=self.SPEC, status=SourceStatus.NOT_CONFIGURED, snapshot=None)
        assert survey.edition_text(state) == "not set up"


def test_a_geology_source_without_class_mapping_is_refused(
    ripon: Area, ripon_inputs: Inputs
) -> None:
    specs = tuple(
        replace(spec, options={}) if spec.kind == "geology" else spec for spec in ripon.sources
    )
    with pytest.raises(SchemaError, match="has no meaning here"):
        survey.know(replace(ripon, sources=specs), ripon_inputs)


class TestLookedUpPostcodes:
    """Somebody asked for HG4 9ZZ, which no list has: it answers, and is told to nobody."""

    @pytest.fixture
    def inputs(self, ripon_inputs: Inputs) -> Inputs:
        known = ripon_inputs.postcodes.iloc[:1]
        columns = {
            "postcode": ["HG4 9ZZ", known["postcode"].iloc[0]],
            "position_uncertainty_m": [100.0, 100.0],
        }
        looked_up = geo.bng_frame(columns, [431_500.0, 1.0], [471_500.0, 2.0])
        return replace(ripon_inputs, surroundings=Surroundings(looked_up=looked_up))

    def test_is_found_by_its_name_and_places_applications(
        self, ripon: Area, inputs: Inputs
    ) -> None:
        place = gazetteer.find(survey.names(ripon, inputs), "HG4 9ZZ")
        assert (place.easting, place.northing) == (431_500.0, 471_500.0)
        asked = replace(inputs, applications=applications({"postcode": "HG4 9ZZ"}))
        located = survey.surveyed(ripon, asked).findings.applications
        assert located["position_basis"].tolist() == ["centre of the postcode HG4 9ZZ"]

    def test_is_in_nothing_that_is_published(self, ripon: Area, inputs: Inputs) -> None:
        surveyed = survey.surveyed(ripon, inputs)
        found = surveyed.findings
        assert "HG4 9ZZ" not in set(found.postcodes["postcode"])
        assert "HG4 9ZZ" not in set(found.postcode_bands["place_id"])
        assert found.surroundings.looked_up is None
        assert "HG4 9ZZ" in set(surveyed.postcodes["postcode"])

    def test_a_list_wins_where_it_has_the_postcode(self, ripon: Area, inputs: Inputs) -> None:
        postcodes = survey.surveyed(ripon, inputs).postcodes
        assert postcodes["postcode"].is_unique
        assert postcodes.geometry.x.min() > 1.0


class TestLicences:
    def restricted(self, area: Area, name: str) -> Area:
        return replace(
            area,
            sources=tuple(replace(spec, is_restricted=spec.name == name) for spec in area.sources),
        )

    def test_outlines_that_must_stay_here_are_in_nothing_that_is_published(
        self, ripon: Area, ripon_inputs: Inputs
    ) -> None:
        area = self.restricted(ripon, "geology")
        states = tuple(
            replace(state, spec=spec)
            for state, spec in zip(ripon_inputs.states, area.sources, strict=True)
        )
        surveyed = survey.surveyed(area, replace(ripon_inputs, states=states))
        assert surveyed.findings.zones.empty
        assert survey.withholds_outlines(surveyed.findings)
        assert len(surveyed.knowledge.zones) == len(ripon_inputs.geology)

    def test_what_is_published_point_by_point_cannot_be_restricted(
        self, ripon: Area, ripon_inputs: Inputs
    ) -> None:
        with pytest.raises(ConfigError, match="source sinkholes: is restricted"):
            survey.surveyed(self.restricted(ripon, "sinkholes"), ripon_inputs)

    def test_classes_go_by_the_layer_where_it_says_so_itself(
        self, ripon: Area, ripon_inputs: Inputs
    ) -> None:
        geology = ripon_inputs.geology.assign(our_class="A")
        knowledge = survey.know(ripon, replace(ripon_inputs, geology=geology))
        assert set(knowledge.zones["geology_class"]) == {1}

    def test_outlines_too_many_to_draw_are_left_out_and_said_to_be(
        self, ripon: Area, ripon_inputs: Inputs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = survey.surveyed(ripon, ripon_inputs)
        assert survey.why_withheld(whole.findings) == ""
        n_corners = shapely.get_num_coordinates(whole.knowledge.zones.geometry.to_numpy()).sum()
        monkeypatch.setattr(survey, "MOST_CORNERS", int(n_corners))
        assert len(survey.findings(ripon, ripon_inputs).zones) == len(whole.knowledge.zones)
        monkeypatch.setattr(survey, "MOST_CORNERS", int(n_corners) - 1)
        bare = survey.surveyed(ripon, ripon_inputs)
        assert (len(bare.findings.zones), len(bare.findings.edges)) == (0, 0)
        assert survey.why_withheld(bare.findings) == survey.OUTLINES_TOO_MANY
        assert [each.band for each in bare.findings.sites] == [
            each.band for each in whole.findings.sites
        ]
