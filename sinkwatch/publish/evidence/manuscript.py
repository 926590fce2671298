"""What stands on every page of a pack, as the data that the templates are set from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from sinkwatch import style, wording
from sinkwatch.model import SheetKind
from sinkwatch.publish.evidence import passages
from sinkwatch.publish.evidence.locator import LOCATOR_SCALE
from sinkwatch.publish.evidence.paper import LAYOUTS
from sinkwatch.publish.evidence.scene import letters
from sinkwatch.publish.evidence.settable import settable, shortened, stopped

if TYPE_CHECKING:
    from sinkwatch.model import Dossier, Sheet, SourceLine
    from sinkwatch.publish.evidence.key import KeyEntry

NOT_A_SURVEY: Final = "Not a location plan, not a survey."
"""On every sheet (issue 5): planning forms ask for a location plan, and this is none."""

BAR_MM: Final = 20
"""Length of one part of the scale bar on paper: a round number of metres at every scale."""

_BAR_PARTS: Final = 4
_SHORT: Final = 110
_LONG: Final = 420
"""Characters of an outside text on a sheet, which has little room; the pack has it whole."""

_CREDIT: Final = 900
"""Likewise of a licence's own words, which are not to be cut; no real one is so long."""

_KM: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """
    What is drawn of one sheet.

    Attributes
    ----------
    sheet
        The sheet.
    map_svg
        Its map with the collar, as large as its layout says.
    alt
        What that shows, for those who do not see it.
    key
        What each mark on it means.
    locator_svg
        Where it lies in the area.
    notes
        What has to be said of it.
    frames
        Frames of which something is drawn.
    """

    sheet: Sheet
    map_svg: bytes
    alt: str
    key: tuple[KeyEntry, ...]
    locator_svg: bytes
    notes: tuple[str, ...]
    frames: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Colophon:
    """
    What is said of the making of a pack.

    Attributes
    ----------
    map_id
        Such as "SW-3F9A21C0".
    version
        Of sinkwatch.
    contact
        Whom to tell of a mistake; empty if nobody is named.
    """

    map_id: str
    version: str
    contact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manuscript:
    """
    All that the templates are given.

    Attributes
    ----------
    data
        Every word and number, JSON.
    art
        Every drawing, SVG, by the name that the data call it.
    """

    data: str
    art: Mapping[str, str]


def of(dossier: Dossier, drawn: Sequence[Drawn], colophon: Colophon) -> Manuscript:
    """
    Put a pack's words and drawings together.

    Parameters
    ----------
    dossier
        What is said.
    drawn
        Its sheets, in their order.
    colophon
        Who made it.

    Returns
    -------
    manuscript
        For `typesetting`.
    """
    named = letters(dossier.history)
    written: dict[str, object] = {
        **_identity(dossier, colophon),
        **_design(dossier),
        "sheets": [_sheet(each, dossier, colophon) for each in drawn],
        "facts": passages.facts(dossier),
        "headline": dossier.headline,
        # The headline stands above them, in a box of its own.
        "summary": [words for words in dossier.summary if dossier.headline not in words],
        **passages.records(dossier),
        "shares": [passages.share(share) for share in dossier.shares],
        "geology": dossier.geology,
        "history": [passages.step(step, named.get(step.key, "")) for step in dossier.history],
        "weaknesses": dossier.weaknesses,
        "questions": dossier.questions,
        "unknowns": dossier.unknowns,
        "policies": passages.policies(dossier.policies),
        "draft": [part for part in dossier.draft.splitlines() if part.strip()],
        "draft_length": _draft_length(dossier),
        "method": dossier.method,
        "sources": passages.sources(dossier.sources),
        "checking": _CHECKING,
        "closing": _closing(dossier, colophon),
        "disclaimer": dossier.disclaimer,
    }
    data = json.dumps(settable(written), ensure_ascii=False, sort_keys=True)
    return Manuscript(data=data, art=_art(drawn))


def label_of(sheet: Sheet) -> str:
    """
    Return the name by which a sheet's page is found in a PDF.

    Parameters
    ----------
    sheet
        The sheet.

    Returns
    -------
    label
        Such as "sheet-1".
    """
    return f"sheet-{sheet.number}"


def _art(drawn: Sequence[Drawn]) -> dict[str, str]:
    art: dict[str, str] = {}
    for each in drawn:
        number = each.sheet.number
        art[f"map-{number}"] = each.map_svg.decode()
        art[f"locator-{number}"] = each.locator_svg.decode()
        for index, entry in enumerate(each.key):
            art[f"key-{number}-{index}"] = entry.svg.decode()
    return art


def _identity(dossier: Dossier, colophon: Colophon) -> dict[str, object]:
    made_on = dossier.made_on
    subject = (dossier.reference, dossier.address, f"grid reference {dossier.grid_reference}")
    label = dossier.place.label if dossier.place.label != dossier.title else ""
    return {
        "title": dossier.title,
        "short_title": shortened(dossier.title, _SHORT),
        "document_title": shortened(f"{dossier.title}: evidence on unstable ground", _LONG),
        "description_of_document": shortened(dossier.headline, _LONG),
        "keywords": ["planning", "ground stability", dossier.ground, dossier.area_name],
        "subject": " · ".join(shortened(part, _LONG) for part in (label, *subject) if part),
        "map_id": colophon.map_id,
        "date": wording.date_text(made_on),
        "day": [made_on.year, made_on.month, made_on.day],
        "within": _reach(dossier.records_within_m),
    }


def _design(dossier: Dossier) -> dict[str, object]:
    band = dossier.style
    return {
        "colours": {
            "ink": style.INK,
            "paper": style.PAPER,
            "muted": style.MUTED,
            "line": style.LINE,
            "accent": style.ACCENT,
        },
        "band": {
            "label": band.label,
            "meaning": band.meaning,
            "colour": band.colour,
            "hatch": band.hatch,
        },
    }


def _sheet(drawn: Drawn, dossier: Dossier, colophon: Colophon) -> dict[str, object]:
    sheet = drawn.sheet
    is_site = sheet.kind is SheetKind.SITE
    name = f"Sheet {sheet.number} of {sheet.n_sheets}"
    title = shortened(dossier.title, 2 * _SHORT)
    around = f"Within {_reach(dossier.records_within_m)} of {title}"
    return {
        "is_site": is_site,
        "name": name,
        "label": label_of(sheet),
        "heading": title if is_site else around,
        "ratio": f"1:{sheet.scale}",
        "at_paper": f"at {sheet.paper.upper()}",
        "paper": sheet.paper.upper(),
        "layout": {
            key.removesuffix("_mm"): length for key, length in asdict(LAYOUTS[sheet.paper]).items()
        },
        "facts": [
            ("Sheet", f"{sheet.number} of {sheet.n_sheets}"),
            ("Date", wording.date_text(dossier.made_on)),
            ("Map id", colophon.map_id),
            ("Made by", f"sinkwatch {colophon.version}"),
        ],
        "map": f"map-{sheet.number}",
        "alt": drawn.alt,
        "locator": f"locator-{sheet.number}",
        "locator_alt": f"Where the sheet lies in {dossier.area_name}.",
        "locator_text": f"1:{LOCATOR_SCALE}, {shortened(dossier.area_name, _SHORT)}",
        "key": [
            {"art": f"key-{sheet.number}-{index}", "text": shortened(entry.text, _LONG)}
            for index, entry in enumerate(drawn.key)
        ],
        "bar": _bar(sheet.scale),
        "notes": [shortened(note, _LONG) for note in drawn.notes],
        "credits": _credits(dossier.sources, drawn.frames),
        "standing": NOT_A_SURVEY,
    }


def _bar(scale: int) -> list[str]:
    """Return what stands at each part's end of the scale bar."""
    part_m = scale * BAR_MM // 1000
    *inner, last = (f"{part * part_m:,}" for part in range(_BAR_PARTS + 1))
    return [*inner, f"{last} m"]


def _credits(sources: Sequence[SourceLine], frames: frozenset[str]) -> list[str]:
    """Return the source and licence line of everything drawn on a sheet, the same credit once."""
    titles: dict[str, list[str]] = {}
    for line in sources:
        if line.frame in frames:
            titles.setdefault(f"{stopped(line.credit)} {stopped(line.licence)}", []).append(
                line.title
            )
    return [
        shortened(f"{'; '.join(dict.fromkeys(named))}: {credit.strip()}", _CREDIT)
        for credit, named in titles.items()
    ]


def _draft_length(dossier: Dossier) -> str:
    return f"{len(dossier.draft):,} of at most {dossier.draft_limit:,} characters."


_CHECKING: Final = (
    (
        "The folder of this pack holds manifest.json, which names every input and every file of "
        "the pack with its sha256. “sinkwatch verify” with the name of that folder makes the pack "
        "again from the same inputs and says whether it comes out the same, and what has changed "
        "in the sources since."
    ),
    (
        "The sheets are true to scale when printed at 100 %: the check line on each is then "
        "100 mm long. The PDF says where each map lies, so that GIS software places it on the "
        "British National Grid. Records are shown at positions rounded to 50 m, so a distance "
        "measured on a sheet may differ by up to 36 m from the one in the table."
    ),
)


def _closing(dossier: Dossier, colophon: Colophon) -> list[str]:
    corrections = (
        f"Corrections: {colophon.contact}." if colophon.contact else "No contact is named here."
    )
    return [dossier.disclaimer, dossier.limits, f"{corrections} Name the map id {colophon.map_id}."]


def _reach(reach_m: float) -> str:
    whole_km, rest_m = divmod(reach_m, _KM)
    return f"{whole_km:,.0f} km" if whole_km and not rest_m else wording.distance_text(reach_m)
