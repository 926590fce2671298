"""What every test may use: Ripon as it ships, and an installation in an empty folder."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from sinkwatch import config, signup, sources, survey
from sinkwatch.model import DEFAULT_TOPICS, Frequency, Subscriber, Topic
from sinkwatch.services import Services

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.model import Area, Findings, Inputs

# Nothing here is timed: a slow machine must not fail a law that holds.
settings.register_profile("sinkwatch", deadline=None)
settings.load_profile("sinkwatch")

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


CORE = frozenset(
    f"test_{name}.py"
    for name in (
        "alerts",
        "assess",
        "context",
        "events",
        "explain",
        "gazetteer",
        "geo",
        "geocode",
        "hazard",
        "model",
        "schemas",
        "sites",
        "style",
        "survey",
        "timetable",
        "wording",
    )
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the pure core by the file that they stand in."""
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here and item.path.name in CORE:
            item.add_marker(pytest.mark.core)


class Clock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **step: float) -> None:
        """Go on by a timedelta's arguments."""
        self.now += timedelta(**step)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture(scope="session")
def ripon() -> Area:
    return config.load_area("ripon")


@pytest.fixture(scope="session")
def ripon_inputs(ripon: Area) -> Inputs:
    return sources.recall(ripon, None, lambda _: None, now=NOW)


@pytest.fixture(scope="session")
def ripon_findings(ripon: Area, ripon_inputs: Inputs) -> Findings:
    return survey.findings(ripon, ripon_inputs)


def an_installation(folder: Path, clock: Clock, **changed: object) -> Services:
    """Return the services of an installation whose folders all lie in that one."""
    planning = [Path(str(path)) for path in changed.pop("planning", ())]  # type: ignore[attr-defined]
    values = {"state_folder": folder / "var", "maps_folder": folder / "maps", **changed}
    made = config.Settings.model_validate(values)
    return Services(
        settings=made,
        area=config.area_of(made, planning),
        clock=clock,
        wait=lambda seconds: clock.move(seconds=seconds),
    )


def subscribe(  # noqa: PLR0913 - each by its name
    services: Services,
    who: str = "resident@example.org",
    at: str = "HG4 1HS",
    *,
    radius_m: float = 500.0,
    topics: frozenset[Topic] = DEFAULT_TOPICS,
    frequency: Frequency = Frequency.AT_ONCE,
) -> Subscriber:
    """Add a person who asked on paper, as an operator does."""
    wish = signup.Wish(postcode=at, radius_m=radius_m, topics=topics)
    with services.store() as store:
        return signup.add(services, store, who, wish, frequency=frequency, consent="on paper")


def subscribers(services: Services) -> tuple[Subscriber, ...]:
    """Return who is subscribed."""
    with services.store() as store:
        return signup.listing(store)


@pytest.fixture
def installation(tmp_path: Path, clock: Clock) -> Callable[..., Services]:
    """Make the services of an installation whose folders all lie in this test's own."""
    return functools.partial(an_installation, tmp_path, clock)


@pytest.fixture
def services(installation: Callable[..., Services]) -> Services:
    return installation()
