"""What is measured once about a place, for every part of its dossier to speak of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import shapely

from sinkwatch import assess, explain, public, wording
from sinkwatch.dossier import words
from sinkwatch.errors import PlaceError
from sinkwatch.model import FRAME_OF_KIND, Band, PlaceKind

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from sinkwatch.model import (
        Area,
        Assessment,
        BandStyle,
        Findings,
        Place,
        Reason,
        SourceState,
    )
    from sinkwatch.public import Row
    from sinkwatch.survey import Surveyed

RECORDS_WITHIN_M: Final = 1_000.0
"""Records are listed this far from a site's edge, metres: twice the last search ring, so that a
reader sees what lies just beyond it (issue of the packs)."""

_LABEL_LENGTH: Final = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """
    A place, its assessment, and how far every record lies from it.

    Attributes
    ----------
    surveyed
        All that one run knows.
    place
        With a position; its label and basis cleaned and masked.
    shape
        Its boundary, or its point, EPSG:27700.
    assessment
        Of that place, with reasons.
    made_on
        Day of the pack.
    rows, points
        The records in the order of `explain.Knowledge.hazard`, as they may be published.
    distance_m, uncertainty_m
        From the place's edge to each record's edge, metres, and how well that is known.
    ring
        Index of the ring in which each counts; the number of rings where it does not.
    listed
        Indices of the records within `within_m`, nearest first.
    within_m
        How far round the place records are listed, metres.
    """

    surveyed: Surveyed
    place: Place
    shape: BaseGeometry
    assessment: Assessment
    made_on: date
    rows: tuple[Row, ...]
    points: tuple[shapely.Point | None, ...]
    distance_m: NDArray[np.float64]
    uncertainty_m: NDArray[np.float64]
    ring: NDArray[np.int64]
    listed: tuple[int, ...]
    within_m: float

    @classmethod
    def of(cls, surveyed: Surveyed, place: Place, made_on: date) -> Self:
        """
        Assess a place and measure from it to every record.

        Parameters
        ----------
        surveyed
            All that one run knows.
        place
            With a position.
        made_on
            Day of the pack.

        Returns
        -------
        matter
            For the parts of the dossier.

        Raises
        ------
        PlaceError
            If the place has no position.
        SchemaError
            If its boundary is no polygon with an area.
        """
        if place.easting is None or place.northing is None:
            raise PlaceError(
                words.fit(place.label),
                f"has no position ({words.fit(place.basis)}), so nothing can be measured from it",
                "Give its boundary as a file",
            )
        label = wording.trimmed(words.fit(place.label), _LABEL_LENGTH)
        fitted = replace(place, label=label, basis=words.fit(place.basis))
        hazard = surveyed.knowledge.hazard
        assessment = explain.place(surveyed.knowledge, fitted)
        shape = place.geometry or shapely.Point(place.easting, place.northing)
        centre_m = np.asarray(shapely.distance(shape, hazard.centres), dtype=np.float64)
        distance_m = assess.edge_distance_m(centre_m, hazard.radius_m)
        pair_m = assess.combined_uncertainty_m(hazard.uncertainty_m, fitted.position_uncertainty_m)
        order = np.lexsort((np.arange(len(distance_m)), distance_m))
        within_m = max(RECORDS_WITHIN_M, float(hazard.rings_m[-1]))
        published = public.sinkholes(surveyed.knowledge.sinkholes)
        return cls(
            surveyed=surveyed,
            place=fitted,
            shape=shape,
            assessment=_cleaned(assessment),
            made_on=made_on,
            rows=tuple(public.rows(published)),
            points=tuple(public.points(published)),
            distance_m=distance_m,
            uncertainty_m=pair_m,
            ring=assess.ring_of(hazard, distance_m, pair_m, np.arange(len(distance_m))),
            listed=tuple(int(i) for i in order if distance_m[i] <= within_m),
            within_m=within_m,
        )

    @property
    def findings(self) -> Findings:
        """Return what may be published."""
        return self.surveyed.findings

    @property
    def area(self) -> Area:
        """Return the area."""
        return self.findings.area

    @property
    def hazard(self) -> assess.Hazard:
        """Return zones and records as arrays."""
        return self.surveyed.knowledge.hazard

    @property
    def style(self) -> BandStyle:
        """Return how the place's band is named and explained."""
        return self.area.parameters.table.styles[self.assessment.band]

    @property
    def rings_m(self) -> tuple[float, ...]:
        """Return the search rings, metres."""
        return self.area.parameters.table.rings_m

    @property
    def last_ring(self) -> str:
        """Return the widest search ring in words, such as "500 m"."""
        return words.far(self.rings_m[-1])

    @property
    def within(self) -> str:
        """Return how far round the place records are listed, in words."""
        return words.far(self.within_m)

    @property
    def has_boundary(self) -> bool:
        """Return whether more than a point is known of the place."""
        return self.place.geometry is not None

    @property
    def is_assessed(self) -> bool:
        """Return whether anything can be said of its ground."""
        return self.assessment.band is not Band.NOT_ASSESSED

    @property
    def is_telling(self) -> bool:
        """Return whether the band, or a record close by, calls for a look at the ground."""
        is_flagged = explain.is_flagged(self.assessment, self.area.parameters)
        return self.is_assessed and (is_flagged or self.assessment.band >= Band.MODERATE)

    @property
    def counted(self) -> tuple[int, ...]:
        """Return the indices of the records that count, the one that decides first."""
        if not self.is_assessed:
            return ()
        counting = [i for i in self.listed if self.ring[i] < len(self.rings_m)]
        return tuple(sorted(counting, key=lambda i: i != self.deciding))

    @property
    def deciding(self) -> int | None:
        """Return the index of the record that decides the band, if one does."""
        if not self.is_assessed or self.assessment.sinkhole_id is None:
            return None
        return int(np.flatnonzero(self.hazard.sinkhole_ids == self.assessment.sinkhole_id)[0])

    @property
    def name(self) -> str:
        """Return the place's name in “ ”."""
        return words.quoted(self.place.label)

    @property
    def site(self) -> str:
        """Return what the place is, in a sentence."""
        is_application = self.place.kind is PlaceKind.APPLICATION
        return f"the site of {self.name}" if is_application else self.name

    def number(self, index: int) -> int:
        """
        Return a listed record's number.

        Parameters
        ----------
        index
            Of the record.

        Returns
        -------
        number
            From 1, nearest first.
        """
        return self.listed.index(index) + 1

    def numbered(self, indices: Sequence[int]) -> str:
        """
        Name listed records by their numbers.

        Parameters
        ----------
        indices
            Theirs, one or more.

        Returns
        -------
        text
            Such as "nos 1 and 3", in that order.
        """
        return words.numbered(sorted(self.number(index) for index in indices))

    def record(self, index: int) -> str:
        """
        Name a record in a sentence.

        Parameters
        ----------
        index
            Of the record.

        Returns
        -------
        text
            Its name and date in “ ”.
        """
        row = self.rows[index]
        return words.quoted(f"{public.text(row, 'name')}, {public.text(row, 'date_text')}")

    def grade(self, index: int) -> str:
        """
        Say how well a record is borne out.

        Parameters
        ----------
        index
            Of the record.

        Returns
        -------
        text
            Such as "graded possible (unconfirmed, or of mixed or unknown cause)".
        """
        evidence = public.text(self.rows[index], "evidence")
        return f"graded {evidence.replace('_', ' ')} ({wording.EVIDENCE_NOTES[evidence]})"

    def about(self, index: int) -> str:
        """
        Say how far off a record is, as the assessment says it.

        Parameters
        ----------
        index
            Of the record.

        Returns
        -------
        text
            Such as "about 80 m (± 170 m)".
        """
        return wording.about(float(self.distance_m[index]), float(self.uncertainty_m[index]))

    def reasons(self, *codes: str) -> tuple[Reason, ...]:
        """
        Return the reasons of some kinds.

        Parameters
        ----------
        *codes
            Their codes.

        Returns
        -------
        reasons
            In the assessment's order.
        """
        return tuple(reason for reason in self.assessment.reasons if reason.code in codes)

    def states(self, frame: str) -> tuple[SourceState, ...]:
        """
        Return how the sources of one frame stand.

        Parameters
        ----------
        frame
            Such as "applications".

        Returns
        -------
        states
            Of those of whose absence a reader would miss something.
        """
        return tuple(
            state
            for state in wording.bearing(self.findings.sources)
            if FRAME_OF_KIND[state.spec.kind] == frame
        )


def _cleaned(assessment: Assessment) -> Assessment:
    reasons = (replace(reason, text=wording.clean(reason.text)) for reason in assessment.reasons)
    return replace(assessment, reasons=tuple(reasons))


def span_m(matter: Matter, index: int) -> tuple[float, float]:
    """
    Return how near and how far a record may be.

    Parameters
    ----------
    matter
        The place.
    index
        Of the record.

    Returns
    -------
    nearest_m, furthest_m
        From the place's edge to the record's edge, metres.
    """
    distance_m, uncertainty_m = float(matter.distance_m[index]), float(matter.uncertainty_m[index])
    return max(0.0, distance_m - uncertainty_m), distance_m + uncertainty_m
