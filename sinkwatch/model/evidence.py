"""What an evidence pack says of one place, and the sheets that it is drawn on."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shapely import Point

    from sinkwatch.model.ground import Assessment, BandStyle, Bounds, Evidence, Place


class Paper(enum.StrEnum):
    """A size of paper that every office prints on."""

    A4 = "a4"
    A3 = "a3"


class SheetKind(enum.StrEnum):
    """What a sheet is for."""

    SITE = "site"
    SURROUNDINGS = "surroundings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """
    One sheet of map, true to scale.

    Attributes
    ----------
    kind
        Whether it shows the site itself or all that is recorded round it.
    number, n_sheets
        Its number among those of its pack, from 1.
    scale
        Such as 2500, for 1:2500.
    paper
        What it is true to scale on.
    frame
        The ground inside its neat line, EPSG:27700 metres.
    """

    kind: SheetKind
    number: int
    n_sheets: int
    scale: int
    paper: Paper
    frame: Bounds

    @property
    def ratio(self) -> str:
        """Return scale and paper, such as "1:2500 at A4"."""
        return f"1:{self.scale} at {self.paper.upper()}"


class PolicyStanding(enum.StrEnum):
    """Whether a planning document may be cited on a day."""

    CITED = "cited"
    CHECK = "check"
    PAST = "past"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    A planning document or rule that concerns unstable ground.

    Attributes
    ----------
    policy_id
        Slug.
    title
        What it is called.
    says
        What it asks for or holds, in our words, one or two sentences.
    is_confirmed
        Whether the text was read at its source; what was not is never cited.
    valid_from, valid_until
        In force from and up to these days, both included; None if that is not known.
    is_open_ended
        Whether it stays in force until something replaces it, so that no last day is to be known.
    is_superseded
        Whether something has replaced it, even if the day on which it did is not known.
    checked_on
        When its standing was last looked at.
    note
        What to look at before relying on it; empty if there is nothing.
    source_title, source_url
        Where it was read; the address may be empty.
    """

    policy_id: str
    title: str
    says: str
    is_confirmed: bool
    valid_from: date | None
    valid_until: date | None
    is_open_ended: bool
    checked_on: date
    note: str
    source_title: str
    source_url: str
    is_superseded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLine:
    """
    One row of a pack's table of planning documents.

    Attributes
    ----------
    policy
        The document.
    standing
        Whether it may be cited on the day of the pack.
    why
        Why it stands so, one sentence.
    """

    policy: Policy
    standing: PolicyStanding
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NearbyRecord:
    """
    A recorded event or feature near the place, as a pack lists and draws it.

    Attributes
    ----------
    number
        On the sheets and in the tables, from 1, nearest first.
    sinkhole_id, name, kind
        Of the record.
    evidence
        Its grade.
    evidence_note
        What that grade means.
    date_text, size_text
        As published; empty if not known.
    distance_m, uncertainty_m
        From the place's edge to the record's edge, as assessed, metres.
    about
        The same in words, such as "about 80 m (± 170 m)".
    bearing_text
        Where it lies as seen from the place, with its doubt; says so where that is not known.
    position
        As published: rounded to 50 m, EPSG:27700; None if the record may not be drawn.
    grid_reference
        Of that position; empty without one.
    shown_uncertainty_m
        How well that position is known, metres; None without one.
    radius_m
        Of the recorded feature, or the area's default where its size is not known, metres.
    counts_text
        Whether it counts in the assessment and why, one sentence.
    doubts
        What is uncertain about it, as published; empty if nothing is said.
    source_title, source_url
        Where it is published; the address is empty if it is no plain web address.
    """

    number: int
    sinkhole_id: str
    name: str
    kind: str
    evidence: Evidence
    evidence_note: str
    date_text: str
    size_text: str
    distance_m: float
    uncertainty_m: float
    about: str
    bearing_text: str
    position: Point | None
    grid_reference: str
    shown_uncertainty_m: float | None
    radius_m: float
    counts_text: str
    doubts: str
    source_title: str
    source_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningStep:
    """
    An application or a past decision, on the place or near it.

    Attributes
    ----------
    key
        Application key or case id.
    date_text
        When; empty if not known.
    title
        What it is about, as published.
    reference
        The council's; empty if not found.
    outcome
        Where it stands, or how it ended, in words.
    where
        How far off it is, or that it is on the place.
    ground
        What was said of the ground, as published; empty if nothing is known of that.
    doubts
        What is uncertain about it; empty if nothing is said.
    position
        As published, EPSG:27700; None if it is only listed.
    source_title, source_url
        Where it is published.
    """

    key: str
    date_text: str
    title: str
    reference: str
    outcome: str
    where: str
    ground: str
    doubts: str
    position: Point | None
    source_title: str
    source_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """
    One source as a pack lists it.

    Attributes
    ----------
    name
        Short name, as in the area file.
    frame
        Which frame it fills, so that a sheet can name the sources of what is drawn on it.
    title, edition, licence, credit
        Plain text.
    retrieved_text
        When its bytes were first had, such as "22 November 2026"; empty if nothing is held.
    standing
        How it stood on the day of the pack, such as "up to date".
    sha256
        Of the bytes used; empty if nothing is held.
    url
        Where it came from, if that is on the web; otherwise empty.
    """

    name: str
    frame: str
    title: str
    edition: str
    licence: str
    credit: str
    retrieved_text: str
    standing: str
    sha256: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """
    The share of a site's ground in one band.

    Attributes
    ----------
    style
        The band.
    share
        0 to 1.
    text
        Such as "62%" or "under 1%".
    """

    style: BandStyle
    share: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """
    All that an evidence pack says of one place: plain text and published positions only.

    What others wrote stands in “ ” wherever it is part of a sentence of ours.

    Attributes
    ----------
    place
        The place, with its boundary if that is known, EPSG:27700.
    slug
        Name of its folder: lower-case letters, digits and hyphens.
    title
        Of the pack; the user's own, or made of the place's name.
    reference, authority, address, description
        Of the application, as published and masked; empty for a site.
    grid_reference
        Of its middle.
    area_name, ground
        Of the area, such as "Ripon" and "gypsum belt".
    made_on
        Day on which the pack was made, in London.
    assessment
        Why it has its band.
    style
        Label, meaning, advice and colour of that band.
    headline
        Band and what decided it, one sentence.
    summary
        The pack on one page, in plain words: paragraphs.
    shares
        Share of the site in each band, highest first; empty where only a point is known.
    rings_m
        Search rings drawn round it, metres.
    records
        Every record within `records_within_m`, nearest first.
    records_within_m
        How far round the place records are listed, metres.
    geology
        What is held about the ground, sentences.
    history
        Applications and past decisions on the place, then near it, each newest first.
    weaknesses
        What weakens this evidence, sentences; never empty.
    questions
        What the applicant's competent person should answer.
    unknowns
        What is not known, sentences.
    method
        How it was assessed and drawn, sentences.
    sources
        Sources used or missing, with their dates.
    policies
        Planning documents, those that may be cited first.
    draft
        Text to begin a representation with, no longer than asked for.
    draft_limit
        Characters that were allowed for it.
    limits, disclaimer
        The standing sentences.
    """

    place: Place
    slug: str
    title: str
    reference: str
    authority: str
    address: str
    description: str
    grid_reference: str
    area_name: str
    ground: str
    made_on: date
    assessment: Assessment
    style: BandStyle
    headline: str
    summary: tuple[str, ...]
    shares: tuple[Share, ...]
    rings_m: tuple[float, ...]
    records: tuple[NearbyRecord, ...]
    records_within_m: float
    geology: tuple[str, ...]
    history: tuple[PlanningStep, ...]
    weaknesses: tuple[str, ...]
    questions: tuple[str, ...]
    unknowns: tuple[str, ...]
    method: tuple[str, ...]
    sources: tuple[SourceLine, ...]
    policies: tuple[PolicyLine, ...]
    draft: str
    draft_limit: int
    limits: str
    disclaimer: str
