"""What makes a pack be made anew, and what does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch import dossier, survey
from sinkwatch.model import Paper
from sinkwatch.packs import fingerprint
from sinkwatch.packs.basis import Basis
from sinkwatch.publish.evidence import paper

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.model import Area, Inputs, Place, SourceState

DAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def place(ripon: Area, ripon_inputs: Inputs) -> Place:
    sites = survey.findings(ripon, ripon_inputs).sites
    return next(each.place for each in sites if each.place.place_id == "auction-mart")


@pytest.fixture(scope="module")
def of(ripon: Area, ripon_inputs: Inputs, place: Place) -> Callable[..., str]:
    """Return what takes the fingerprint of the auction mart's pack, with what is changed."""

    def take(
        made_on: date = DAY,
        inputs: Inputs = ripon_inputs,
        area: Area = ripon,
        contact: str = "me@holes.org",
        **format_changed: Any,  # noqa: ANN401 - as `Format` has it
    ) -> str:
        surveyed = survey.surveyed(area, inputs)
        said = dossier.gather(surveyed, place, made_on=made_on)
        drawn_as = paper.Format(**format_changed)
        sheets = paper.plan(place, drawn_as, reach_m=said.records_within_m, ring_m=said.rings_m[0])
        common = fingerprint.of_all(Basis.of(area, inputs.states), contact)
        return fingerprint.of(said, sheets, common)

    return take


def changed(state: SourceState, name: str, **snapshot: object) -> SourceState:
    """Return a source's state with another snapshot, if it is that source."""
    if state.spec.name != name or state.snapshot is None:
        return state
    return replace(state, snapshot=replace(state.snapshot, **snapshot))  # type: ignore[arg-type]


def with_snapshot(inputs: Inputs, name: str, **snapshot: object) -> Inputs:
    return replace(inputs, states=tuple(changed(each, name, **snapshot) for each in inputs.states))


def test_the_day_alone_makes_none_anew(of: Callable[..., str]) -> None:
    assert of() == of(DAY + timedelta(days=1)) == of(DAY + timedelta(days=9))


def test_a_list_that_came_again_and_says_the_same_makes_none_anew(
    of: Callable[..., str], ripon_inputs: Inputs
) -> None:
    state = next(each for each in ripon_inputs.states if each.spec.name == "sinkholes")
    assert state.snapshot is not None
    later = state.snapshot.retrieved_at + timedelta(days=30)
    for name in ("sinkholes", "cases"):
        again = with_snapshot(
            ripon_inputs, name, sha256="f" * 64, retrieved_at=later, checked_at=later
        )
        assert of(inputs=again) == of()


@pytest.mark.parametrize("name", ["geology", "places"])
def test_another_edition_of_what_sheets_are_drawn_of_makes_all_anew(
    of: Callable[..., str], ripon_inputs: Inputs, name: str
) -> None:
    assert of(inputs=with_snapshot(ripon_inputs, name, sha256="f" * 64)) != of()


def test_an_edition_that_is_named_in_words_makes_them_anew(
    of: Callable[..., str], ripon_inputs: Inputs
) -> None:
    assert of(inputs=with_snapshot(ripon_inputs, "sinkholes", edition="2027-01")) != of()


def test_a_record_nearby_that_says_something_else_makes_it_anew(
    of: Callable[..., str], ripon_inputs: Inputs
) -> None:
    records = ripon_inputs.sinkholes
    named = records.assign(name=records["name"].str.replace("Magdalen's Close", "Magdalen Close"))
    assert of(inputs=replace(ripon_inputs, sinkholes=named)) != of()


def test_scale_paper_contact_and_the_numbers_of_the_assessment_make_it_anew(
    of: Callable[..., str], ripon: Area
) -> None:
    wider = replace(ripon, parameters=replace(ripon.parameters, default_radius_m=15.0))
    found = [
        of(),
        of(scale=5_000),
        of(paper=Paper.A3),
        of(contact="you@holes.org"),
        of(area=wider),
    ]
    assert len(set(found)) == len(found)
