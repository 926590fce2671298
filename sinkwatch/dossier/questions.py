"""What an applicant's competent person can fairly be asked about the ground."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinkwatch.dossier.matter import Matter

# Published practice, each read at its source (geology notes, sections 1.3, 1.4 and 2.1). It is told
# as what it is, one consultant's or contractor's account, and not as a rule.
_INVESTIGATION: Final = (
    "One consultant's published account of practice in an area of gypsum dissolution asks for at "
    "least a desk study and site appraisal, then intrusive investigation fit for detailed "
    "foundation design (arc-environmental.com, “Gypsum dissolution”). Which of these have been "
    "done here, and where can the reports be read?"
)
_SIGNED: Final = (
    "Who has signed the ground stability report, and what are that person's qualifications and "
    "experience with ground of this kind?"
)
_FOUND: Final = (
    "How many boreholes or trial pits went down how deep, and what did they meet: gypsum and its "
    "depth, cavities, loosened or filled ground, peat?"
)
_GROUNDWATER: Final = (
    "How was the groundwater taken into account: its level, its flow, and what the works or any "
    "pumping may change, on the site and for its neighbours?"
)
_MONITORED: Final = (
    "What will be monitored, during the works and after them, by whom and for how long, and what "
    "follows if movement is seen?"
)
_SPAN: Final = (
    "If foundations are meant to bridge a void, how wide a one, and why that width? One "
    "contractor's view is that houses have been designed to span 3.5 to 5 m, while holes of 10 to "
    "15 m are not untypical (geoinvestigate.co.uk)."
)
_DRAINAGE: Final = (
    "Where will rain and waste water go, and what keeps leaks out of the ground? BGS's pages on "
    "soluble rock name soakaways and open-loop heat pumps as needing care there."
)


def asked(matter: Matter) -> tuple[str, ...]:
    """
    Ask what the applicant's competent person should answer.

    Parameters
    ----------
    matter
        The place.

    Returns
    -------
    questions
        The same for every site, but for the records and the ground that they name.
    """
    return (
        _INVESTIGATION,
        _SIGNED,
        *_records(matter),
        _FOUND,
        *_class(matter),
        _SPAN,
        _DRAINAGE,
        _GROUNDWATER,
        _MONITORED,
    )


def _records(matter: Matter) -> Iterator[str]:
    n_listed = len(matter.listed)
    if n_listed:
        which = "record no. 1" if n_listed == 1 else f"each of records nos 1 to {n_listed}"
        yield (
            f"How does the report deal with {which} of this pack, and which further records did "
            "its authors find or rule out?"
        )
    else:
        yield "Which records of subsidence near the site did the report's authors search for?"


def _class(matter: Matter) -> Iterator[str]:
    place = "each part of the site" if matter.has_boundary else "the site"
    yield (
        f"In which area of the council's own policies map does {place} lie, and does the report "
        "hold all that the council asks for there?"
    )
    if matter.reasons("boundary"):
        yield (
            f"On which side of the line between classes {matter.assessment.geology.name} and "
            f"{matter.assessment.scored_as.name} does the site lie, and by "
            "what was that established?"
        )
