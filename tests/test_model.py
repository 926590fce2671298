from __future__ import annotations

import doctest
import math
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch import model
from sinkwatch.errors import ConfigError
from sinkwatch.model import Band, Bounds, GeologyClass, Overlay, Paper, Sheet, SheetKind
from tests.world import a_place, an_area, band_table, parameters

if TYPE_CHECKING:
    from sinkwatch.model import Area, BandTable, Findings


def test_the_examples_in_the_docstrings_hold() -> None:
    outcome = doctest.testmod(model.telling)
    assert (outcome.failed, outcome.attempted > 0) == (0, True)


def test_the_highest_of_several_bands_is_their_maximum() -> None:
    assert max(Band.LOW, Band.VERY_HIGH, Band.NOT_ASSESSED) is Band.VERY_HIGH
    assert max(GeologyClass) is GeologyClass.C


@pytest.mark.parametrize("band", list(Band))
def test_a_band_is_found_again_by_its_key(band: Band) -> None:
    assert Band.from_key(band.key) is band


def test_an_unknown_band_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="dire: is not a band") as caught:
        Band.from_key("dire")
    assert "very_high" in str(caught.value)


# ── Bounds ───────────────────────────────────────────────────────────────────────────────────────

BOX = Bounds(min_easting=0, min_northing=10, max_easting=100, max_northing=20)


@pytest.mark.parametrize(
    ("easting", "northing", "inside"),
    [
        (0, 10, True),
        (100, 20, True),
        (50, 15, True),
        (-0.1, 15, False),
        (100.1, 15, False),
        (50, 9.9, False),
        (50, 20.1, False),
        (math.nan, 15, False),
        (50, math.nan, False),
    ],
)
def test_the_edges_of_bounds_are_inside_and_nan_is_nowhere(
    easting: float,
    northing: float,
    inside: bool,  # noqa: FBT001 - the expected value
) -> None:
    assert BOX.holds(easting, northing) is inside


def test_bounds_are_read_west_south_east_north() -> None:
    assert BOX.as_tuple() == (0, 10, 100, 20)


@pytest.mark.parametrize(
    "change",
    [{"min_easting": 100}, {"max_northing": 10}, {"min_easting": math.nan}],
    ids=["no width", "no height", "nan"],
)
def test_bounds_that_are_inside_out_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="the least easting and northing come first"):
        replace(BOX, **change)


# ── The band table ───────────────────────────────────────────────────────────────────────────────


def without(table: BandTable, row: GeologyClass) -> dict[GeologyClass, tuple[Band, ...]]:
    return {key: bands for key, bands in table.bands.items() if key is not row}


def test_the_table_that_ships_is_whole() -> None:
    table = band_table()
    assert table.rings_m == (50, 250, 500)
    assert table.bands[GeologyClass.C][-1] is Band.MODERATE
    assert table.bands[GeologyClass.A][-1] is Band.NONE_IDENTIFIED


@pytest.mark.parametrize(
    ("rings_m", "fault"),
    [
        ((), "must be ascending"),
        ((250.0, 50.0, 500.0), "must be ascending"),
        ((50.0, 50.0, 500.0), "must be ascending"),
        ((0.0, 250.0, 500.0), "must be positive"),
        ((-50.0, 250.0, 500.0), "must be positive"),
        ((50.0, 250.0, math.inf), "must be positive, finite"),
        ((math.nan,), "must be positive, finite"),
    ],
)
def test_rings_that_are_no_ascending_distances_are_refused(
    rings_m: tuple[float, ...], fault: str
) -> None:
    with pytest.raises(ConfigError, match=fault):
        replace(band_table(), rings_m=rings_m)


def test_a_table_with_holes_is_refused_and_each_hole_named() -> None:
    table = band_table()
    styles = {band: style for band, style in table.styles.items() if band is not Band.LOW}
    short = table.check_record | {GeologyClass.A: (True,)}
    with pytest.raises(ConfigError) as caught:
        replace(table, bands=without(table, GeologyClass.B), check_record=short, styles=styles)
    message = str(caught.value)
    assert "class B has 0 bands for 3 rings" in message
    assert "class A has 1 check_record for 3 rings" in message
    assert "band low has no label" in message


def test_a_table_in_which_distance_raises_a_band_is_refused() -> None:
    table = band_table()
    rising = (Band.MODERATE, Band.HIGH, Band.MODERATE, Band.MODERATE)
    with pytest.raises(ConfigError, match="class C has a higher band in a ring further out"):
        replace(table, bands=table.bands | {GeologyClass.C: rising})


def test_a_table_in_which_less_susceptible_ground_ranks_higher_is_refused() -> None:
    table = band_table()
    swapped = table.bands | {
        GeologyClass.A: table.bands[GeologyClass.B],
        GeologyClass.B: table.bands[GeologyClass.A],
    }
    with pytest.raises(ConfigError, match="class A has a higher band than class B"):
        replace(table, bands=swapped)


def test_a_table_may_put_two_classes_or_two_rings_alike() -> None:
    table = band_table()
    alike = table.bands | {GeologyClass.B: table.bands[GeologyClass.C]}
    assert replace(table, bands=alike).bands[GeologyClass.B][2:] == (Band.MODERATE, Band.MODERATE)


# ── Values ───────────────────────────────────────────────────────────────────────────────────────


def test_values_are_frozen_and_compared_by_content() -> None:
    place = a_place(1, 2)
    assert place == a_place(1, 2)
    assert place != a_place(1, 3)
    with pytest.raises(FrozenInstanceError):
        place.easting = 3.0  # type: ignore[misc]


def test_parameters_and_areas_do_not_share_what_can_change() -> None:
    assert parameters().stale_after_days == {}
    assert parameters().stale_after_days is not parameters().stale_after_days
    assert an_area() == an_area()


def test_an_application_is_one_of_its_authority() -> None:
    application = model.Application(
        reference="26/00001/FUL",
        authority="Small Council",
        address="Mill Lane",
        description="Six homes",
        status=model.ApplicationStatus.UNDECIDED,
        status_text="Awaiting decision",
        received_on=None,
        decided_on=None,
        easting=None,
        northing=None,
        position_uncertainty_m=None,
        position_basis="no position given",
        url="",
    )
    assert application.key == "Small Council/26/00001/FUL"


def an_event(**changed: object) -> model.Event:
    values: dict[str, object] = {
        "kind": model.EventKind.SINKHOLE_NEW,
        "subject": "S1",
        "version": "abc",
        "title": "Mill Lane hole",
        "happened": "A record has been added.",
        "easting": None,
        "northing": None,
        "position_uncertainty_m": 0.0,
        "is_flagged": True,
        "is_news": True,
        **changed,
    }
    return model.Event(**values)  # type: ignore[arg-type]


def test_an_event_is_told_once_per_kind_subject_and_version() -> None:
    assert an_event().key == "sinkhole_new:S1:abc"
    others = [
        an_event(version="abd"),
        an_event(subject="S2"),
        an_event(kind=model.EventKind.SINKHOLE_CORRECTED),
    ]
    assert len({event.key for event in [an_event(), *others]}) == 4
    assert an_event(title="The same by another name").key == an_event().key


def test_an_event_claims_nothing_of_its_place_by_default() -> None:
    event = an_event()
    assert (event.in_belt, event.site, event.anchor) == (False, "", "")
    assert (event.deadline, event.silent_since) == (None, None)


CONFIRMED_AT = datetime(2026, 5, 3, 8, tzinfo=UTC)


def a_subscription() -> model.Subscription:
    return model.Subscription(
        subscription_id=model.SubscriptionId("place-1"),
        postcode="HG4 1HS",
        radius_m=500.0,
        easting=431_480.0,
        northing=471_750.0,
        confirmed_at=CONFIRMED_AT,
    )


def a_digest(*silences: date | None) -> model.Digest:
    """Return a digest of an event found after each of these times without a source."""
    return model.Digest(
        subscriber=model.Subscriber(
            subscriber_id=model.SubscriberId("ann"),
            email="ann@mail.example",
            subscriptions=(a_subscription(),),
            confirmed_at=CONFIRMED_AT,
        ),
        kind=model.MailKind.DIGEST,
        alerts=tuple(
            model.Alert(
                event=an_event(silent_since=silence),
                subscription=a_subscription(),
                distance_m=None,
                distance_uncertainty_m=None,
                direction="",
            )
            for silence in silences
        ),
    )


@pytest.mark.parametrize(
    ("silences", "since"),
    [
        ((), None),
        ((None, None), None),
        ((date(2026, 11, 3), None), date(2026, 11, 3)),
        ((date(2026, 11, 3), date(2026, 10, 31)), date(2026, 10, 31)),
    ],
    ids=["nothing told", "no silence", "one", "the longest of two"],
)
def test_a_digest_has_been_silent_since_the_first_of_the_times_without_a_source(
    silences: tuple[date | None, ...], since: date | None
) -> None:
    assert a_digest(*silences).silent_since == since


def test_without_choosing_one_hears_of_all_but_what_is_not_flagged() -> None:
    assert set(model.Topic) - a_subscription().topics == {model.Topic.BELT}
    assert a_digest().subscriber.frequency is model.Frequency.AT_ONCE


def test_a_fingerprint_knows_content_and_not_order() -> None:
    one = model.fingerprint({"band": 4, "note": "é"})
    assert one == model.fingerprint({"note": "é", "band": 4})
    assert one != model.fingerprint({"band": 5, "note": "é"})
    assert len(one) == model.FINGERPRINT_LENGTH
    assert set(one) <= set("0123456789abcdef")


def an_overlay(**changes: Any) -> Overlay:  # noqa: ANN401 - any field
    given = {
        "title": "Rock & till",
        "url": "https://maps.example/wms",
        "layers": ("rock", "till.1"),
        "credit": "© a survey",
        "credit_url": "https://maps.example/",
    }
    return Overlay(**{**given, **changes})


def test_an_overlay_names_its_server() -> None:
    assert (an_overlay().host, an_overlay().origin) == ("maps.example", "https://maps.example")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"title": "<b>"}, "it is empty or holds one of"),
        ({"credit": " "}, "it is empty or holds one of"),
        ({"url": "http://maps.example/wms"}, "it is no plain https address"),
        ({"layers": ()}, "none is named"),
        ({"layers": ("a&b",)}, "or one is no layer's name"),
    ],
)
def test_an_overlay_that_a_page_could_not_bear_is_refused(
    changes: dict[str, Any], rule: str
) -> None:
    with pytest.raises(ConfigError, match=rule):
        an_overlay(**changes)


def test_findings_hold_no_outline_that_must_stay_here(ripon_findings: Findings) -> None:
    state = ripon_findings.sources[0]
    restricted = replace(state, spec=replace(state.spec, is_restricted=True))
    with pytest.raises(ConfigError, match="findings must not hold its outlines"):
        replace(ripon_findings, sources=(restricted,))


def test_a_source_is_asked_at_its_own_address_unless_another_is_named(ripon: Area) -> None:
    spec = replace(ripon.sources[0], options={})
    assert spec.address("https://a.example/") == "https://a.example"
    other = replace(spec, options={"base_url": "https://b.example/api/"})
    assert other.address("https://a.example") == "https://b.example/api"


def test_a_sheet_says_what_its_scale_is_true_on() -> None:
    frame = Bounds(min_easting=0, min_northing=0, max_easting=445, max_northing=420)
    sheet = Sheet(
        kind=SheetKind.SITE, number=1, n_sheets=1, scale=2500, paper=Paper.A4, frame=frame
    )
    assert sheet.ratio == "1:2500 at A4"


@pytest.mark.parametrize(
    "rock", ["gypsum", "chalk and limestone", "gypsum, salt", "Jura-limestone", "calcaire à silex"]
)
def test_an_area_may_call_its_rock_what_people_do(rock: str) -> None:
    assert an_area(rock=rock).rock == rock
    assert an_area(rock="r" * 60).rock == "r" * 60


@pytest.mark.parametrize(
    "rock",
    [
        "", " ", " gypsum", "gypsum ", "gypsum\n", "gyp\nsum", "salt  rock", "r" * 61, "gypsum.",
        "<b>salt</b>", "{rock}", "{{ 7 * 7 }}", "gypsum; salt", "“gypsum”", "gypsum\u202e", "1:50",
        "гипс", "-", "https://example.org", "a&amp;b", "gypsum,",
    ],
)  # fmt: skip
def test_a_rock_that_is_no_plain_words_is_refused(rock: str) -> None:
    with pytest.raises(ConfigError) as error:
        an_area(rock=rock)
    assert error.value.value == f"rock {rock!r}"
    assert error.value.rule == "must be plain words on one line, of 60 characters at most"
    assert 'such as "gypsum", or leave it out' in error.value.way_out


def test_an_area_without_outcodes_speaks_for_every_postcode() -> None:
    assert an_area(outcodes=()).speaks_for("AB10 1AA")
    assert an_area().speaks_for("SM1 9ZZ")
    assert not an_area().speaks_for("SM11 1AA")
