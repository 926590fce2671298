"""
Ten thousand personal digests with their maps, rendered and queued: time and memory.

Run with `pytest -m benchmark -s tests/benchmarks/bench_digests.py`; the figures are printed. The
peer is bare smtplib's share of the same work: writing the same bytes into a SQLite table, a row and a
durable commit each, which nothing that queues a mail can do without. `DIGESTS=1000` does fewer.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

N_DIGESTS: Final = int(os.environ.get("DIGESTS", "10000"))
MOST_BYTES: Final = 500_000_000
MOST_RATIO: Final = 60.0

_OURS: Final = """
import json, os, resource, sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
import numpy as np
from sinkwatch import alerts, compose, config, intake, survey
from sinkwatch.model import *
from sinkwatch.services import Services
from sinkwatch.store import alerts as stored, runs, subscribers

folder, n = Path(sys.argv[1]), int(sys.argv[2])
now = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
settings = config.Settings(state_folder=folder / "var", maps_folder=folder / "maps")
services = Services(settings=settings, area=config.load_area("ripon"), clock=lambda: now)
surveyed = survey.surveyed(services.area, intake.recall(services))
random = np.random.default_rng(1)
at = random.normal((431_300, 471_300), 900, (n, 2)).round()
events = [
    Event(
        kind=EventKind.APPLICATION_NEW, subject=f"ZC26/{k}", version="1",
        title=f"ZC26/{k}, {k} Example Street", happened="A planning application has been submitted.",
        easting=float(e), northing=float(n_), position_uncertainty_m=25.0, is_flagged=True, is_news=True,
        lines=("Proposal, as published: erection of a dwelling with piled foundations.", "Ground: High."),
        url=f"https://council.example/{k}",
    )
    for k, (e, n_) in enumerate(random.normal((431_300, 471_300), 900, (40, 2)).round())
]
with services.store() as store:
    with store.begin() as connection:
        for k, (e, n_) in enumerate(at.tolist()):
            place = Subscription(
                subscription_id=SubscriptionId(f"place-{k}"),
                postcode=f"HG4 {k % 9 + 1}{chr(65 + k // 26 % 26)}{chr(65 + k % 26)}",
                radius_m=500.0, easting=e, northing=n_, confirmed_at=now - timedelta(days=40),
            )
            subscribers.add(connection, Subscriber(
                subscriber_id=SubscriberId(f"subscriber-{k}"), email=f"s{k}@example.org",
                subscriptions=(place,), confirmed_at=now - timedelta(days=40), digested_at=now,
            ), {})
        run_id = runs.start(connection, now)
        stored.record(connection, run_id, events, now)
        pairs = list(alerts.hearers(events, alerts.Audience.of(subscribers.all_of(connection)), {}))
        stored.queue(connection, run_id, pairs, {e.key: e.subject for e in events}, now)
        runs.finish(connection, run_id, now, "done", {})
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    if os.environ.get("PROFILE"):
        import cProfile, pstats
        profile = cProfile.Profile(); profile.enable()
    queued = compose.compose(services, store, lambda: surveyed, now)
    if os.environ.get("PROFILE"):
        profile.disable(); pstats.Stats(profile, stream=sys.stderr).sort_stats("cumtime").print_stats(70)
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
children = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({
    "seconds": seconds, "queued": queued, "alerts": len(pairs),
    "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        + children.ru_utime + children.ru_stime,
    "bytes": after.ru_maxrss * 1024, "bytes_of_children": children.ru_maxrss * 1024,
}))
"""
