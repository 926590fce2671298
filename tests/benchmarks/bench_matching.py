"""
Who hears of what: 200,000 places and 20,000 applications, beside GeoPandas' own spatial join.

Run with `pytest -m benchmark -s tests/benchmarks/bench_matching.py`; the figures are printed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

MOST_S: Final = 10.0
MOST_BYTES: Final = 500_000_000
"""Above what the subscribers and the events themselves take."""

MOST_RATIO: Final = 4.0
"""Of processor time: the peer finds rows of frames, and neither minds topics nor names anyone."""

_WORLD: Final = """
import json, resource, sys, time
import numpy as np

N_PLACES, N_EVENTS = 200_000, 20_000
layout, share_flagged = sys.argv[1], float(sys.argv[2])
random = np.random.default_rng(1)

def great_britain(n):
    # Towns whose numbers of people follow Zipf's law, and whose areas follow these.
    people = 1 / np.arange(1, 2_001) ** 0.9
    town = random.choice(len(people), n, p=people / people.sum())
    spread_m = 300 * np.sqrt(people / people.min())[town]
    return np.round(TOWNS[town] + random.normal(0, 1, (n, 2)) * spread_m[:, None])

def town(n):
    # As far across as Leeds: most live within 8 km of its middle.
    return np.round(random.normal((431_500, 471_500), 4_000, (n, 2)))

TOWNS = random.uniform((150_000, 50_000), (600_000, 900_000), (2_000, 2))
scattered = {"great britain": great_britain, "town": town}[layout]
places, events = scattered(N_PLACES), scattered(N_EVENTS)
radius_m = random.choice([250.0, 500.0, 1_000.0, 2_000.0], N_PLACES, p=[0.2, 0.5, 0.2, 0.1])
doubt_m = random.choice([10.0, 100.0, 250.0], N_EVENTS)
is_flagged = random.random(N_EVENTS) < share_flagged

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def report(before, ready_s, matched_s, n_pairs):
    figures = {"ready_s": ready_s, "matched_s": matched_s, "bytes": peak() - before}
    print(json.dumps({**figures, "pairs": int(n_pairs)}))
"""

_OURS: Final = """
from datetime import UTC, datetime
from sinkwatch import alerts
from sinkwatch.model import (
    Event, EventKind, Subscriber, SubscriberId, Subscription, SubscriptionId, Topic
)

confirmed_at = datetime(2026, 1, 1, tzinfo=UTC)
people = [
    Subscriber(
        subscriber_id=SubscriberId(f"{number:032x}"),
        email="resident@mail.example",
        subscriptions=(
            Subscription(
                subscription_id=SubscriptionId(f"{number:032x}"),
                postcode=f"HG4 {number}",
                radius_m=radius,
                easting=easting,
                northing=northing,
                confirmed_at=confirmed_at,
                topics=frozenset({Topic.FLAGGED, Topic.DECISIONS}),
            ),
        ),
        confirmed_at=confirmed_at,
    )
    for number, (radius, (easting, northing)) in enumerate(
        zip(radius_m.tolist(), places.tolist(), strict=True)
    )
]
news = [
    Event(
        kind=EventKind.APPLICATION_NEW,
        subject=f"North Yorkshire/26/{number:05}/FUL",
        version="0123456789abcdef",
        title="An application",
        happened="A planning application has been submitted.",
        easting=easting,
        northing=northing,
        position_uncertainty_m=doubt,
        is_flagged=flagged,
        is_news=True,
    )
    for number, ((easting, northing), doubt, flagged) in enumerate(
        zip(events.tolist(), doubt_m.tolist(), is_flagged.tolist(), strict=True)
    )
]
before, began = peak(), time.process_time()
audience = alerts.Audience.of(people)
ready = time.process_time()
n_pairs = sum(1 for _ in alerts.hearers(news, audience, {}))
report(before, ready - began, time.process_time() - ready, n_pairs)
"""

_PEER: Final = """
import geopandas as gpd

asked = gpd.GeoDataFrame(
    {"radius_m": radius_m}, geometry=gpd.points_from_xy(*places.T), crs="EPSG:27700"
)
news = gpd.GeoDataFrame(
    {"doubt_m": np.hypot(doubt_m, 100)}, geometry=gpd.points_from_xy(*events.T), crs="EPSG:27700"
)[is_flagged]
before, began = peak(), time.process_time()
reach_m = asked["radius_m"] + news["doubt_m"].max()
pairs = gpd.sjoin(asked, news, predicate="dwithin", distance=reach_m.to_numpy())
away_m = pairs.geometry.distance(news.geometry.loc[pairs["index_right"]], align=False)
n_pairs = (away_m - pairs["doubt_m"] <= pairs["radius_m"]).sum()
report(before, 0.0, time.process_time() - began, n_pairs)
"""


def _run(program: str, *arguments: object) -> dict[str, float]:
    """Run in a process of its own, whose memory is nobody else's."""
    done = subprocess.run(
        [sys.executable, "-c", _WORLD + program, *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


@pytest.mark.benchmark
@pytest.mark.parametrize(
    ("layout", "share_flagged"), [("great britain", 1.0), ("great britain", 0.1), ("town", 0.1)]
)
def test_everyone_is_matched_in_time_and_little_memory(layout: str, share_flagged: float) -> None:
    ours, peer = (_run(program, layout, share_flagged) for program in (_OURS, _PEER))
    ratio = ours["matched_s"] / peer["matched_s"]
    lines = [
        f"{layout}, {share_flagged:.0%} flagged: {ours['pairs']:,} pairs",
        _line("sinkwatch", ours, ratio),
        _line("geopandas.sjoin", peer, 1.0),
        f"  and {ours['ready_s']:.2f} s to put the subscribers in order",
    ]
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert ours["pairs"] == peer["pairs"]
    assert ours["bytes"] <= MOST_BYTES
    assert ours["ready_s"] + ours["matched_s"] <= MOST_S
    assert ratio <= MOST_RATIO


def _line(name: str, run: dict[str, float], ratio: float) -> str:
    return f"  {name:<16}{run['matched_s']:5.2f} s ({ratio:.2f}), {run['bytes'] / 1e6:4.0f} MB"
