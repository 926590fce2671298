"""The letters of a sheet: where the faces lie, which characters they hold, how wide words run."""

from __future__ import annotations

import enum
import functools
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font
from matplotlib.textpath import text_to_path

from sinkwatch.errors import ConfigError

LEAST_PT: Final = 7.0
"""Nothing on paper is smaller, points (issue 5)."""

MM_PER_PT: Final = 25.4 / 72

NOT_HELD: Final = "[…]"
"""What stands where neither face has a character: PDF/UA refuses a text that cannot be shown."""

_SOURCE_SANS: Final = Path(__file__).parents[1] / "assets" / "source-sans" / "TTF"
_DEJAVU: Final = Path(mpl.get_data_path()) / "fonts" / "ttf"
_WHITE: Final = frozenset("\n\t ")


class Weight(enum.StrEnum):
    """How heavy letters are."""

    REGULAR = "regular"
    SEMIBOLD = "semibold"
    BOLD = "bold"


_FACES: Final = {
    Weight.REGULAR: (_SOURCE_SANS / "SourceSans3-Regular.ttf", _DEJAVU / "DejaVuSans.ttf"),
    Weight.SEMIBOLD: (_SOURCE_SANS / "SourceSans3-Semibold.ttf", _DEJAVU / "DejaVuSans-Bold.ttf"),
    Weight.BOLD: (_SOURCE_SANS / "SourceSans3-Bold.ttf", _DEJAVU / "DejaVuSans-Bold.ttf"),
}
"""The face of each weight, and the one that stands in for characters which that one lacks."""

_ITALIC: Final = (_SOURCE_SANS / "SourceSans3-It.ttf", _DEJAVU / "DejaVuSans-Oblique.ttf")


def paths() -> tuple[Path, ...]:
    """
    Return the files of the faces, Source Sans 3 before DejaVu Sans.

    Returns
    -------
    paths
        Each once.

    Raises
    ------
    ConfigError
        If one is not in the installed package.
    """
    files = dict.fromkeys(path for pair in (*_FACES.values(), _ITALIC) for path in pair)
    for path in files:
        if not path.is_file():
            raise ConfigError(
                path.name,
                "is not in the installed package, and sheets are set in it",
                "Install sinkwatch again: `pip install .` in a checkout fetches the typeface",
            )
    return tuple(sorted(files, key=lambda path: (path.parent != _SOURCE_SANS, path.name)))


def shown(text: str) -> str:
    """
    Return a text of which every character can be set, in one face or the other.

    Parameters
    ----------
    text
        Any text; line breaks are kept.

    Returns
    -------
    text
        Composed; "[…]" stands for each run of characters that neither face has.

    Examples
    --------
    >>> shown("Ripon 里本")
    'Ripon […]'
    """
    composed = unicodedata.normalize("NFC", text)
    if _held(0) >= set(composed):
        return composed
    parts: list[str] = []
    for cluster in _clusters(composed):
        if _is_held(cluster):
            parts.append(cluster)
        elif not parts or parts[-1] != NOT_HELD:
            parts.append(NOT_HELD)
    return "".join(parts)


def face(text: str, weight: Weight = Weight.REGULAR) -> FontProperties:
    """
    Return the face in which a whole label is drawn.

    Parameters
    ----------
    text
        As `label` returns it.
    weight
        How heavy.

    Returns
    -------
    properties
        For matplotlib, without a size.
    """
    own, spare = _FACES[weight]
    chosen = own if _held(0) >= set(text) else spare
    return FontProperties(fname=str(chosen))


def label(text: str) -> str:
    """
    Return a text of which every character can be drawn in the one face that `face` chooses.

    Parameters
    ----------
    text
        On one line.

    Returns
    -------
    text
        With "[…]" for what cannot be drawn.
    """
    known = shown(text)
    if _held(0) >= set(known) or _held(1) >= set(known):
        return known
    parts = [part if set(part) <= _held(1) else NOT_HELD for part in _clusters(known)]
    return "".join(parts).replace(NOT_HELD * 2, NOT_HELD)


@functools.lru_cache(maxsize=4_096)
def extent_mm(text: str, size_pt: float, weight: Weight = Weight.REGULAR) -> tuple[float, float]:
    """
    Measure a label.

    Parameters
    ----------
    text
        As `label` returns it.
    size_pt
        Of its letters, points.
    weight
        How heavy.

    Returns
    -------
    width_mm, height_mm
        On paper; the height is that of a line, so that labels stand alike whatever their letters.
    """
    properties = face(text, weight)
    properties.set_size(size_pt)
    width_pt, _, _ = text_to_path.get_text_width_height_descent(text, properties, ismath=False)
    return float(width_pt) * MM_PER_PT, size_pt * MM_PER_PT


def _clusters(text: str) -> Iterator[str]:
    """Cut a text into letters, each with the marks that stand on it."""
    cluster = ""
    for character in text:
        if cluster and not unicodedata.category(character).startswith("M"):
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def _is_held(cluster: str) -> bool:
    # A letter and its accent must come from one face, or the accent stands beside it.
    return any(_held(index) >= set(cluster) for index in (0, 1))


@functools.cache
def _held(index: int) -> frozenset[str]:
    """Return what every weight of Source Sans 3 (0) or DejaVu Sans (1) has: bold text, too."""
    faces = {pair[index] for pair in (*_FACES.values(), _ITALIC)}
    codes = (frozenset(FT2Font(str(path)).get_charmap()) for path in sorted(faces))
    return _WHITE | {chr(code) for code in frozenset.intersection(*codes)}
