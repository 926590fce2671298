"""
Ten thousand personal digests with their maps, rendered and queued: time and memory.

Run with `pytest -m benchmark -s tests/benchmarks/bench_digests.py`; the figures are printed.
`DIGESTS=1000` does fewer. The peer is the least that any program must do: Pillow's encoding of one
PNG of the same size for each mail.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

N_DIGESTS: Final = int(os.environ.get("DIGESTS", "10000"))
MOST_BYTES: Final = 500_000_000
MOST_RATIO: Final = 2.0

_OURS: Final = """
import json, resource, sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
import numpy as np
from sinkwatch import alerts, compose, config, intake, survey
from sinkwatch.model import (
    Event, EventKind, Subscriber, SubscriberId, Subscription, SubscriptionId
)
from sinkwatch.services import Services
from sinkwatch.store import alerts as stored, runs, subscribers

folder, n = Path(sys.argv[1]), int(sys.argv[2])
now = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
settings = config.Settings(state_folder=folder / "var", maps_folder=folder / "maps")
services = Services(settings=settings, area=config.load_area("ripon"), clock=lambda: now)
surveyed = survey.surveyed(services.area, intake.recall(services))
random = np.random.default_rng(1)
joined = now - timedelta(days=40)

def somewhere(n):
    return random.normal((431_300, 471_300), 900, (n, 2)).round().tolist()

def an_event(number, easting, northing):
    return Event(
        kind=EventKind.APPLICATION_NEW, subject=f"ZC26/{number}", version="1",
        title=f"ZC26/{number}, {number} Example Street",
        happened="A planning application has been submitted.",
        easting=easting, northing=northing, position_uncertainty_m=25.0,
        is_flagged=True, is_news=True, url=f"https://council.example/{number}",
        lines=("Proposal, as published: a dwelling with piled foundations.", "Ground: High."),
    )

def a_subscriber(number, easting, northing):
    letters = chr(65 + number // 26 % 26) + chr(65 + number % 26)
    place = Subscription(
        subscription_id=SubscriptionId(f"place-{number}"), radius_m=500.0,
        postcode=f"HG4 {number % 9 + 1}{letters}", easting=easting, northing=northing,
        confirmed_at=joined,
    )
    return Subscriber(
        subscriber_id=SubscriberId(f"subscriber-{number}"), email=f"s{number}@example.org",
        subscriptions=(place,), confirmed_at=joined, digested_at=now,
    )

events = [an_event(number, *at) for number, at in enumerate(somewhere(40))]
with services.store() as store:
    with store.begin() as connection:
        for number, at in enumerate(somewhere(n)):
            subscribers.add(connection, a_subscriber(number, *at), {})
        run_id = runs.start(connection, now)
        stored.record(connection, run_id, events, now)
        audience = alerts.Audience.of(subscribers.places(connection))
        pairs = list(alerts.hearers(events, audience, {}))
        stored.queue(connection, run_id, pairs, {e.key: e.subject for e in events}, now)
        runs.finish(connection, run_id, now, "done", {})
    began, cpu_began = time.perf_counter(), time.process_time()
    queued = compose.compose(services, store, lambda: surveyed, now)
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({
    "seconds": seconds, "cpu_s": cpu_s, "queued": queued, "alerts": len(pairs), "bytes": peak,
}))
"""


def _peer_s(n: int) -> float:
    """Encode some pictures, and return the seconds of processor time for each."""
    random = np.random.default_rng(1)
    lines = np.tile(random.integers(0, 12, (42, 56), dtype=np.uint8).repeat(15, 0).repeat(15, 1), 1)
    picture = Image.fromarray(lines, mode="P")
    picture.putpalette(list(range(36)))
    began = time.process_time()
    for _ in range(n):
        picture.save(io.BytesIO(), format="PNG", optimize=True)
    return (time.process_time() - began) / n


@pytest.mark.benchmark
def test_ten_thousand_digests_cost_little_more_than_their_pictures(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _OURS, str(tmp_path), str(N_DIGESTS)]
    ours = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    ratio = ours["cpu_s"] / ours["queued"] / _peer_s(300)
    print(f"\n{ours}, {ratio:.1f} times the encoding of as many pictures")  # noqa: T201 - the figures
    assert ours["queued"] > 0.8 * N_DIGESTS
    assert ours["bytes"] <= MOST_BYTES
    assert ratio <= MOST_RATIO
