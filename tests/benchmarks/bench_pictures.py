"""
Maps in mails: one for each of many readers, against one matplotlib figure a mail.

Run with `pytest -m benchmark -s tests/benchmarks/bench_pictures.py`; the figures are printed.
"""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from PIL import Image

from sinkwatch import config, sources, style, survey
from sinkwatch.notify import palette, picture
from tests.notify.builders import a_subscription, an_item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinkwatch.model import Findings, Subscription

pytestmark = pytest.mark.benchmark

N_MAILS: Final = int(os.environ.get("SINKWATCH_BENCH_PICTURES", "2000"))
N_FIGURES: Final = 10
LEAST_RATIO: Final = 10
MOST_S_A_PICTURE: Final = 0.012
"""Twice what one may take where nothing else runs: ten thousand in a minute, on one core."""

MOST_BYTES: Final = 150_000_000

_REPORT: Final = """
import json
from tests.benchmarks import bench_pictures
print(json.dumps(bench_pictures.drawn()))
"""


def test_one_after_another_against_a_figure_a_mail() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _REPORT],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
        text=True,
    )
    figures = json.loads(done.stdout)
    ratio = figures["peer_s"] / figures["picture_s"]
    print(  # noqa: T201 - what a benchmark is for
        f"{figures['picture_s'] * 1_000:.1f} ms a picture, {figures['bytes'] / 1e6:.0f} MB for "
        f"{N_MAILS:,}; {figures['peer_s'] * 1_000:.0f} ms a figure of matplotlib: {ratio:.0f} times"
    )
    assert ratio >= LEAST_RATIO
    assert figures["picture_s"] <= MOST_S_A_PICTURE
    assert figures["bytes"] <= MOST_BYTES


def drawn() -> dict[str, float]:
    """Draw a picture for each reader, then a few figures; return seconds each, and bytes."""
    area = config.load_area("ripon")
    inputs = sources.recall(area, None, lambda _: None, now=datetime(2026, 11, 22, tzinfo=UTC))
    findings = survey.findings(area, inputs)
    homes = list(readers(findings))
    painter, item = picture.Painter.of(findings), an_item()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    for home in homes:
        painter.draw(home, [item])
    ended = time.process_time()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for home in homes[:N_FIGURES]:
        figure(findings, home)
    return {
        "picture_s": (ended - began) / len(homes),
        "peer_s": (time.process_time() - ended) / N_FIGURES,
        "bytes": (after - before) * 1024,
    }


def readers(findings: Findings) -> Iterator[Subscription]:
    """Give readers at places of their own, within 100 m of the postcodes of the town."""
    random = np.random.default_rng(1771)
    centres = findings.postcodes.geometry
    for number in range(N_MAILS):
        east, north = random.uniform(-70, 70, size=2)
        centre = centres.iloc[number % len(centres)]
        letters = f"{chr(65 + number // 26 % 26)}{chr(65 + number % 26)}"
        yield a_subscription(
            postcode=f"HG4 {number % 10}{letters}",
            easting=centre.x + east,
            northing=centre.y + north,
        )


def figure(findings: Findings, home: Subscription) -> bytes:
    """Draw the ground, the records and the reader's circle as one does with matplotlib alone."""
    half_m = home.radius_m * 1.2
    with mpl.rc_context():
        sheet = Figure(figsize=(560 / 96, 420 / 96), dpi=192)
        FigureCanvasAgg(sheet)
        axes = sheet.add_axes((0, 0, 1, 1))
        axes.set(xlim=(home.easting - half_m, home.easting + half_m))
        axes.set(ylim=(home.northing - half_m * 0.75, home.northing + half_m * 0.75))
        axes.set_axis_off()
        for kind in palette.KINDS:
            zones = findings.zones[findings.zones["geology_class"] == int(kind)]
            hatch = style.MATPLOTLIB_HATCHES[style.ZONE_PATTERNS[kind]]
            zones.plot(ax=axes, color=style.ZONE_COLOURS[kind], hatch=hatch, aspect=None)
        findings.sinkholes.plot(ax=axes, color=style.INK, markersize=60, aspect=None)
        axes.add_patch(Circle((home.easting, home.northing), home.radius_m, fill=False))
        axes.text(home.easting, home.northing, home.postcode)
        pixels = io.BytesIO()
        sheet.savefig(pixels, format="raw", dpi="figure")
    image = Image.frombytes("RGBA", (1120, 840), pixels.getvalue()).convert("RGB")
    encoded = io.BytesIO()
    image.quantize(64).save(encoded, format="PNG", optimize=True)
    return encoded.getvalue()
