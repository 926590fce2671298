"""The small map in a mail: what is known round one postcode, as a PNG and in words."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PIL import Image

from sinkwatch import geo, wording
from sinkwatch.model import Evidence
from sinkwatch.notify import drawing, palette
from sinkwatch.notify.chart import Chart
from sinkwatch.notify.ground import Ground

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from sinkwatch.model import Findings, Subscription
    from sinkwatch.notify.items import Item
    from sinkwatch.notify.scene import Pin, Scene

MOST_BYTES: Final = 40_000
"""Of one picture: mail is read on slow lines, and clients cut long mails."""

MOST_BYTES_ON_BACKDROP: Final = 60_000
"""Of one picture with streets and buildings: sharp enough to find one's own, and still a quarter
of a second on a line of 2 Mbit/s."""

_MOST_ALT: Final = 300
"""Characters that a screen reader reads as one picture without losing its listener."""

_SCALES: Final = (2.0, 1.5, 1.25, 1.0)
"""Dots to a CSS pixel, tried in turn; whole dots of every pattern's repeat at each."""

_FEWER_COLOURS: Final = (16, 8, 4, 2)
"""What is tried at the smallest size when even that is too many bytes."""

_WORDS_BYTES: Final = 4_500
_MARK_BYTES: Final = 550
"""What words and circles add to the ground, times the scale squared, and each record and pin with
its ring, times the scale: by least squares over 600 pictures of Ripon, to 3,000 bytes; one that is
too many after all is drawn again, smaller."""

_MOST_EFFORT: Final = 9
_EFFORT: Final = 4
"""Of zlib: more of it halves the speed for a twentieth of the bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """
    A finished picture with the words that stand for it.

    Attributes
    ----------
    png
        Its bytes.
    alt
        What it shows, for those who do not see it.
    """

    png: bytes
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Painter:
    """
    What draws the pictures of one run: made ready once, asked for each mail.

    The ground is drawn as views ask for it and kept for the next, within bounds; a picture is the
    same whatever was drawn before it.

    Attributes
    ----------
    chart
        What the run knows.
    ground
        What lies under the marks.
    """

    chart: Chart
    ground: Ground

    @classmethod
    def of(cls, findings: Findings) -> Painter:
        """
        Make ready for the pictures of a run.

        Parameters
        ----------
        findings
            The run's frames.

        Returns
        -------
        painter
            For any number of mails.
        """
        return cls(chart=Chart.of(findings), ground=Ground.of(findings))

    def draw(self, home: Subscription, items: Sequence[Item]) -> Picture:
        """
        Make a picture with its description.

        Parameters
        ----------
        home
            The place it is for, which becomes its middle.
        items
            What the mail tells of it; those that are mapped become pins.

        Returns
        -------
        picture
            For `render.message`.
        """
        scene = self.chart.scene(home, items)
        return Picture(png=png(scene, self.ground), alt=alt(scene))


def png(scene: Scene, ground: Ground) -> bytes:
    """
    Draw a scene as a PNG of 560 by 420 CSS pixels and no more than so many bytes.

    The same scene gives the same bytes: the file says neither when nor by what it was made.

    Parameters
    ----------
    scene
        The scene.
    ground
        On which it lies.

    Returns
    -------
    png
        At twice that size for sharp screens, less where it would be more than `MOST_BYTES`, or
        on a backdrop `MOST_BYTES_ON_BACKDROP`.
    """
    most_bytes = MOST_BYTES if ground.backdrop is None else MOST_BYTES_ON_BACKDROP
    for scale in _SCALES:
        if scale > _SCALES[-1] and _estimated(scene, ground, scale) > most_bytes:
            continue
        dots = drawing.drawn(scene, ground, scale)
        encoded = _encoded(_coloured(dots), _EFFORT)
        if len(encoded) <= most_bytes:
            return encoded
    return _reduced(_coloured(dots), most_bytes)


def _reduced(image: Image.Image, most_bytes: int) -> bytes:
    """Return a picture that is crowded beyond measure, in as many colours as its bytes allow."""
    encoded = _encoded(image, _MOST_EFFORT)
    for n_colours in _FEWER_COLOURS:
        if len(encoded) <= most_bytes:
            break
        fewer = image.convert("RGB").quantize(n_colours, method=Image.Quantize.FASTOCTREE)
        encoded = _encoded(fewer, _MOST_EFFORT)
    return encoded


def _estimated(scene: Scene, ground: Ground, scale: float) -> float:
    """Return about how many bytes a picture takes: one that is too many is seldom drawn for it."""
    marks = _MARK_BYTES * scale * (len(scene.records) + len(scene.pins))
    return ground.n_bytes(scene.view, scale) + marks + _WORDS_BYTES * scale**2


def alt(scene: Scene) -> str:
    """
    Say what a picture shows, in words that may stand in its place.

    Parameters
    ----------
    scene
        The scene.

    Returns
    -------
    alt
        At most 300 characters: centre, ground, records, and each numbered place with its direction.
    """
    said = (
        f"Map round {scene.label}, {wording.distance_text(scene.view.width_m)} from west to east. "
        f"{_ground_sentence(scene)} {_records_sentence(scene)}"
    )
    for pin in scene.pins:
        longer = f"{said} {_pin_sentence(scene, pin)}"
        if len(longer) > _MOST_ALT:
            break
        said = longer
    return wording.trimmed(said, _MOST_ALT)


def _ground_sentence(scene: Scene) -> str:
    if scene.is_ground_withheld:
        return "Ground: its outlines are not shown."
    names = ", ".join(name for _, name in scene.kinds)
    return f"Ground: {names}." if names else "Ground: not held."


def _records_sentence(scene: Scene) -> str:
    records = [each for each in scene.records if each.evidence is not Evidence.NOT_AN_EVENT]
    if not records:
        return f"Collapse or subsidence: {wording.NO_RECORDS}."
    n_records = sum(record.n_records for record in records)
    return f"{wording.count_text(n_records, 'record')} of collapse or subsidence."


def _pin_sentence(scene: Scene, pin: Pin) -> str:
    middle = scene.view.easting, scene.view.northing
    away_m = math.hypot(pin.easting - middle[0], pin.northing - middle[1])
    direction = geo.compass_point(*middle, pin.easting, pin.northing)
    distance = wording.distance_text(away_m)
    return f"{pin.number}: {pin.label}, {distance} {direction}."


def _coloured(dots: NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(dots)
    image.putpalette(palette.channels())
    return image


def _encoded(image: Image.Image, effort: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=effort)
    return buffer.getvalue()
