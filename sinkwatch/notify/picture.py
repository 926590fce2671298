"""The small map in a mail: what is known round one postcode, as a PNG and in words."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from PIL import Image

from sinkwatch import geo, wording
from sinkwatch.model import Evidence
from sinkwatch.notify import backdrop, drawing, marks
from sinkwatch.notify.scene import (
    Pin,
    Scene,
    View,
    class_name,
    classes_in,
    pins_in,
    records_in,
    scene_of,
    view_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Picture", "Pin", "Scene", "alt", "draw", "png", "scene_of"]

MOST_BYTES: Final = 40_000
"""Of one picture: mail is read on slow lines, and clients cut long mails."""

MOST_BYTES_ON_BACKDROP: Final = 60_000
"""Of one picture with streets and buildings: sharp enough to find one's own, and still a quarter
of a second on a line of 2 Mbit/s."""

_MOST_ALT: Final = 300
"""Characters that a screen reader reads as one picture without losing its listener."""

_SCALES: Final = (2.0, 1.75, 1.5, 1.25, 1.0)
"""Device pixels to a CSS pixel, tried in turn; whole pixels of the patterns' tile at each."""

_SCALES_ON_BACKDROP: Final = _SCALES[2:]
"""The same on a backdrop, where the sharpest two never fit: each try takes a tenth of a second."""

_FEWER_COLOURS: Final = (16, 8, 4, 2)
"""What is tried at the smallest size when even that is too many bytes."""


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


def draw(scene: Scene) -> Picture:
    """
    Make a picture with its description.

    Parameters
    ----------
    scene
        The scene.

    Returns
    -------
    picture
        For `render.message`.
    """
    return Picture(png=png(scene), alt=alt(scene))


def png(scene: Scene) -> bytes:
    """
    Draw a scene as a PNG of 560 by 420 CSS pixels and no more than so many bytes.

    The same scene gives the same bytes: the file says neither when nor by what it was made.

    Parameters
    ----------
    scene
        The scene.

    Returns
    -------
    png
        At twice that size for sharp screens, less where it would be more than `MOST_BYTES`, or
        on a backdrop `MOST_BYTES_ON_BACKDROP`.
    """
    if scene.backdrop is None:
        return _fitting(scene, marks.palette(), _SCALES, MOST_BYTES)
    channels = marks.palette() + backdrop.palette()
    return _fitting(scene, channels, _SCALES_ON_BACKDROP, MOST_BYTES_ON_BACKDROP)


def _fitting(
    scene: Scene, channels: Sequence[int], scales: Sequence[float], most_bytes: int
) -> bytes:
    """Return the sharpest picture that is small enough."""
    encoded = b""
    for scale in scales:
        image = drawing.image(scene, scale)
        encoded = _encoded(image, channels)
        if len(encoded) <= most_bytes:
            return encoded
    for n_colours in _FEWER_COLOURS:
        reduced = image.quantize(n_colours, method=Image.Quantize.FASTOCTREE)
        fewer = reduced.getpalette() or []
        encoded = _encoded(image, fewer[: 3 * n_colours])
        if len(encoded) <= most_bytes:
            break
    return encoded


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
    view = view_of(scene)
    said = (
        f"Map round {scene.label}, {wording.distance_text(view.width_m)} from west to east. "
        f"{_ground_sentence(scene, view)} {_records_sentence(scene, view)}"
    )
    for pin in pins_in(scene, view):
        longer = f"{said} {_pin_sentence(scene, pin)}"
        if len(longer) > _MOST_ALT:
            break
        said = longer
    return wording.trimmed(said, _MOST_ALT)


def _ground_sentence(scene: Scene, view: View) -> str:
    if scene.is_ground_withheld:
        return "Ground: its outlines are licensed and not shown."
    kinds = classes_in(scene, view)
    names = [class_name(scene.area, kind) for kind in kinds]
    return f"Ground: {', '.join(names)}." if names else "Ground: not held."


def _records_sentence(scene: Scene, view: View) -> str:
    records = [
        record for record in records_in(scene, view) if record.evidence is not Evidence.NOT_AN_EVENT
    ]
    if not records:
        return f"Collapse or subsidence: {wording.NO_RECORDS}."
    n_records = sum(record.n_records for record in records)
    return f"{wording.count_text(n_records, 'record')} of collapse or subsidence."


def _pin_sentence(scene: Scene, pin: Pin) -> str:
    away_m = math.hypot(pin.easting - scene.easting, pin.northing - scene.northing)
    direction = geo.compass_point(scene.easting, scene.northing, pin.easting, pin.northing)
    distance = wording.distance_text(away_m)
    return f"{pin.number}: {pin.label}, {distance} {direction}."


def _encoded(image: Image.Image, channels: Sequence[int]) -> bytes:
    """Return the image as a PNG of these colours alone, each pixel in the nearest."""
    indexed = Image.fromarray(_nearest(np.asarray(image), channels))
    indexed.putpalette(list(channels))
    buffer = io.BytesIO()
    indexed.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _nearest(pixels: NDArray[np.uint8], channels: Sequence[int]) -> NDArray[np.uint8]:
    # Pillow's own search is coarse: it takes paper for a paler pattern.
    red, green, blue = (pixels[..., channel].astype(np.int64).ravel() for channel in range(3))
    places, colours = pd.factorize((red << 16) | (green << 8) | blue)
    found = np.stack([colours >> 16, (colours >> 8) & 255, colours & 255], axis=1)
    palette = np.asarray(channels, dtype=np.int64).reshape(-1, 3)
    away = ((found[:, None, :] - palette[None, :, :]) ** 2).sum(axis=2)
    nearest = np.asarray(away.argmin(axis=1), dtype=np.uint8)
    return nearest[places].reshape(pixels.shape[:2])
