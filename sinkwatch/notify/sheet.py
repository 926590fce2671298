"""The dots of a picture in the making, reached by CSS pixels, and which of them are taken."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from sinkwatch.notify import marks, palette, rings
from sinkwatch.notify.scene import MAP_PX, WIDTH_PX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Dots = NDArray[np.uint8]
    At = tuple[float, float]
    Box = tuple[float, float, float, float]

_RIM_PX: Final = 3
_CORNER_PX: Final = 6
_FRAME_PX: Final = 1
_DIAGONAL_PX: Final = math.hypot(WIDTH_PX, MAP_PX)


class Sheet:
    """
    A picture in the making: CSS pixels right and up from the lower left corner of its map.

    Parameters
    ----------
    dots
        Numbers of the palette, the ground and the paper of the key; they are altered.
    scale
        Dots to a CSS pixel.
    """

    def __init__(self, dots: Dots, scale: float) -> None:
        self.scale = scale
        self._dots = dots
        self._map = dots[: round(MAP_PX * scale)]
        self._taken: list[Box] = []

    def take(self, boxes: Iterable[Box]) -> None:
        """
        Let nothing else be placed there.

        Parameters
        ----------
        boxes
            Left, bottom, right and top of each.
        """
        self._taken.extend(boxes)

    def is_free(self, box: Box) -> bool:
        """
        Tell whether something may be placed on the map.

        Parameters
        ----------
        box
            Left, bottom, right and top.

        Returns
        -------
        free
            True if it is within the map, off its rim, and over nothing else.
        """
        is_inside = (
            min(box[:2]) >= _RIM_PX and box[2] <= WIDTH_PX - _RIM_PX and box[3] <= MAP_PX - _RIM_PX
        )
        return is_inside and not any(_overlap(box, other) for other in self._taken)

    def corner(self, width: float, height: float, order: Sequence[str]) -> At:
        """
        Find room in a corner of the map.

        Parameters
        ----------
        width, height
            Of what it is for.
        order
            Which corners to try, such as ``sw``.

        Returns
        -------
        right, up
            Lower left of the first that is free, or of the first if all are taken.
        """
        right, top = WIDTH_PX - width - _CORNER_PX, MAP_PX - height - _CORNER_PX
        south, west = _CORNER_PX, _CORNER_PX
        corners = {"sw": (west, south), "se": (right, south), "nw": (west, top), "ne": (right, top)}
        wanted = [corners[name] for name in order]
        free = (at for at in wanted if self.is_free((*at, at[0] + width, at[1] + height)))
        return next(free, wanted[0])

    def write(self, at: At, words: str, lettering: marks.Lettering, around: Sequence[At]) -> bool:
        """
        Write words at the first of several places where they cover nothing, else not at all.

        Parameters
        ----------
        at
            What they belong to.
        words
            One line.
        lettering
            How they are set.
        around
            Where to try: how far from it, in halves of their own size.

        Returns
        -------
        written
            Whether there was room.
        """
        dots = marks.text(words, lettering, self.scale)
        half_height, half_width = (side / self.scale / 2 + 1 for side in dots.shape)
        for across, upward in around:
            middle = at[0] + across * (half_width + 8), at[1] + upward * (half_height + 8)
            if self.is_free(box(middle, half_width, half_height)):
                self.paste(middle, dots)
                self.take([box(middle, half_width, half_height)])
                return True
        return False

    def paste(self, at: At, mark: Dots) -> None:
        """
        Draw a mark; what would fall off the sheet is left out.

        Parameters
        ----------
        at
            Where its middle is.
        mark
            Its dots.
        """
        height, width = mark.shape
        down = round((MAP_PX - at[1]) * self.scale - height / 2)
        right = round(at[0] * self.scale - width / 2)
        into = self._dots[
            max(down, 0) : max(down + height, 0), max(right, 0) : max(right + width, 0)
        ]
        part = mark[max(-down, 0) :, max(-right, 0) :][: into.shape[0], : into.shape[1]]
        np.copyto(into, part, where=part != palette.NOTHING)

    def ring(self, at: At, radius_px: float, line: rings.Line) -> None:
        """
        Draw a circle on the map; one too wide to show is left out.

        Parameters
        ----------
        at
            Its middle, on the map.
        radius_px
            Its radius.
        line
            How it is drawn.
        """
        if radius_px > _DIAGONAL_PX:
            return
        down, right = round((MAP_PX - at[1]) * self.scale), round(at[0] * self.scale)
        rings.ring(radius_px, line, self.scale).trace(self._map, down, right)

    def block(self, box: Box, colour: str) -> None:
        """
        Fill a box.

        Parameters
        ----------
        box
            Left, bottom, right and top.
        colour
            One of the palette.
        """
        left, bottom, right, top = box
        rows = slice(round((MAP_PX - top) * self.scale), round((MAP_PX - bottom) * self.scale))
        columns = slice(round(left * self.scale), round(right * self.scale))
        self._dots[rows, columns] = palette.number(colour)

    def frame(self, colour: str) -> None:
        """
        Draw the edge of the map.

        Parameters
        ----------
        colour
            One of the palette.
        """
        wide = round(_FRAME_PX * self.scale)
        for edge in (
            self._map[:wide],
            self._map[-wide:],
            self._map[:, :wide],
            self._map[:, -wide:],
        ):
            edge[:] = palette.number(colour)


def box(middle: At, half_width: float, half_height: float) -> Box:
    """
    Return the box round a place.

    Parameters
    ----------
    middle
        Right and up.
    half_width, half_height
        How far it reaches.

    Returns
    -------
    box
        Left, bottom, right and top.
    """
    return (
        middle[0] - half_width,
        middle[1] - half_height,
        middle[0] + half_width,
        middle[1] + half_height,
    )


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
