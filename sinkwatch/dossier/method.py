"""How a place was assessed and its pack drawn, in sentences that an officer can check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sinkwatch import public, wording
from sinkwatch.dossier import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinkwatch.dossier.matter import Matter

_ROUNDED: Final = (
    f"Records are shown rounded to {public.ROUNDED_TO_M} m, for many lie in private gardens, while "
    "distances and bearings are measured from the positions before rounding: a ruler laid on the "
    f"sheet may differ from the table by up to {public.ROUNDING_ERROR_M:g} m for that reason alone."
)
_NO_SETBACK: Final = (
    "The rings are search rings, not set-back distances: none of them is put forward as far enough."
)
_EDGE_TO_EDGE: Final = (
    "Distances run on the British National Grid from the site's edge, or from its point where no "
    "boundary is held, to the edge of the recorded feature; one of unknown size is taken to be "
    "{hole} across."
)
_COUNTING: Final = (
    "A record counts in a ring only if both its distance and its ± are within it. One graded "
    "possible counts one ring further out; one that is not an event, or whose place or nature is "
    "too doubtful, is listed and does not count. Age takes nothing off."
)
_HIGHEST: Final = (
    "A site has the highest band that any of its ground has. Where a more susceptible class lies "
    "nearer than the line to it is known, the ground is scored as that class."
)
_SAME: Final = (
    "The same data on the same day give the same pack, byte for byte; the manifest names every "
    "file with its checksum."
)
_UNCERTAINTY: Final = (
    "Each position has an uncertainty, the radius that is about 95% sure to hold the true place; "
    "that of a distance is the root of the sum of the two squares, as for "
    "errors independent of one another, shown as ± and rounded up."
)


def sentences(matter: Matter) -> tuple[str, ...]:
    """
    Say how a place was assessed and drawn.

    Parameters
    ----------
    matter
        The place.

    Returns
    -------
    sentences
        In the order of the work.
    """
    rings = wording.joined([words.far(ring_m) for ring_m in matter.rings_m])
    hole = words.far(2 * matter.area.parameters.default_radius_m)
    read = (
        "The band is read from a table by two things: the class of the ground, and the nearest of "
        f"the search rings ({rings}) in which a record counts."
    )
    listed = (
        f"Listed are all records whose edge, as placed, is within {matter.within}; history is "
        f"listed within {matter.last_ring}, and that of the site itself in any case."
    )
    return (
        read,
        _NO_SETBACK,
        _EDGE_TO_EDGE.format(hole=hole),
        _UNCERTAINTY,
        _COUNTING,
        _HIGHEST,
        *_band(matter),
        listed,
        "Bearings are from grid north, from the middle of the site to the middle of the record.",
        _ROUNDED,
        *_editions(matter),
        _SAME,
    )


def _band(matter: Matter) -> Iterator[str]:
    yield (
        "Bands compare levels of recorded evidence; they are not a forecast and give no odds. "
        f"“{matter.style.label}” stands for: “{matter.style.meaning}”"
    )


def _editions(matter: Matter) -> Iterator[str]:
    for frame, what in (("geology", "zones"), ("sinkholes", "records")):
        named = [words.edition(state) for state in matter.states(frame)]
        if named:
            yield f"The {what} are those of {wording.joined(named)}."
    yield (
        "No list of postcodes was used to measure from; where a position was itself found by a "
        "postcode, how it was found says so."
    )
