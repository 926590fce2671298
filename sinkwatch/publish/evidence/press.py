"""Every file of an evidence pack, made from what is said of a place and the sheets that show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from sinkwatch.errors import DataError
from sinkwatch.model import SheetKind
from sinkwatch.publish.evidence import (
    drawing,
    finishing,
    georeference,
    manuscript,
    tables,
    webmap,
)
from sinkwatch.publish.evidence.manuscript import Colophon, Drawn
from sinkwatch.publish.evidence.typesetting import Setting, Standard, Template, Typesetter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinkwatch.model import Dossier, Findings, Sheet
    from sinkwatch.publish.evidence.drawing import Ground

MOST_BYTES: Final = 5_000_000
"""Of the pack's PDF: what planning portals take, with room to spare (issue 5)."""

PACK: Final = "evidence.pdf"
MAP: Final = "map.pdf"
WEB_MAP: Final = "offline.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """
    All that the packs of one run share, made ready once.

    Attributes
    ----------
    findings
        What may be published.
    ground
        The same, ready to be drawn.
    typesetter
        Who sets the pages.
    version
        Of sinkwatch.
    contact
        Whom to tell of a mistake; empty if nobody is named.
    """

    findings: Findings
    ground: Ground
    typesetter: Typesetter
    version: str
    contact: str

    @classmethod
    def of(cls, findings: Findings, *, version: str, contact: str) -> Self:
        """
        Make a press ready.

        Parameters
        ----------
        findings
            Of the run.
        version
            Of sinkwatch.
        contact
            Whom to tell of a mistake; empty if nobody is named.

        Returns
        -------
        press
            For as many packs as there are.

        Raises
        ------
        ConfigError
            If the typefaces are not in the installed package.
        """
        return cls(
            findings=findings,
            ground=drawing.Ground.of(findings),
            typesetter=Typesetter.of_package(),
            version=version,
            contact=contact,
        )

    def build(
        self, dossier: Dossier, sheets: Sequence[Sheet], *, map_id: str, is_archive: bool = False
    ) -> dict[str, bytes]:
        """
        Make the files of a pack.

        Parameters
        ----------
        dossier
            What is said of the place.
        sheets
            Those that show it, in their order.
        map_id
            Such as "SW-3F9A21C0", on every page.
        is_archive
            Whether the PDFs keep to PDF/A-2a as well as to PDF/UA-1.

        Returns
        -------
        files
            Name to bytes: the same for the same dossier, sheets and map id.

        Raises
        ------
        DataError
            If the PDF is larger than portals take, or a page cannot be set.
        """
        colophon = Colophon(map_id=map_id, version=self.version, contact=self.contact)
        words = manuscript.of(dossier, [self._drawn(dossier, sheet) for sheet in sheets], colophon)
        setting = self.typesetter.set(words)
        return {
            **_pages(dossier, sheets, setting, is_archive=is_archive),
            **_pictures(sheets, setting),
            **tables.build(self.findings, dossier, map_id=map_id, version=self.version),
            WEB_MAP: webmap.offline(
                self.findings,
                dossier,
                map_id=map_id,
                version=self.version,
                contact=self.contact,
            ),
        }

    def _drawn(self, dossier: Dossier, sheet: Sheet) -> Drawn:
        return Drawn(
            sheet=sheet,
            map_svg=drawing.map_svg(self.ground, dossier, sheet),
            alt=drawing.alt(dossier, sheet),
            key=drawing.key(self.ground, dossier, sheet),
            locator_svg=drawing.locator_svg(self.ground, dossier, sheet),
            notes=drawing.notes(self.ground, dossier, sheet),
            frames=drawing.frames_drawn(self.ground, dossier, sheet),
        )


def _pages(
    dossier: Dossier, sheets: Sequence[Sheet], setting: Setting, *, is_archive: bool
) -> dict[str, bytes]:
    standard = Standard.ARCHIVE if is_archive else Standard.ACCESSIBLE
    of_map = setting.pdf(Template.MAP, made_on=dossier.made_on, standard=standard)
    of_pack = setting.pdf(Template.PACK, made_on=dossier.made_on, standard=standard)
    pack = georeference.place(of_pack, sheets)
    _check_size(dossier, pack, len(sheets))
    return {PACK: pack, MAP: georeference.place(of_map, _of_site(sheets))}


def _pictures(sheets: Sequence[Sheet], setting: Setting) -> dict[str, bytes]:
    n_sheets = len(_of_site(sheets))
    stems = ["map"] if n_sheets == 1 else [f"map-{n}" for n in range(1, n_sheets + 1)]
    # What had no room on the sheets follows them: it is in the PDF, and no picture of a map.
    painted = setting.pictures(Template.MAP)[:n_sheets]
    traced = setting.drawings(Template.MAP)[:n_sheets]
    return {
        **{f"{stem}.png": finishing.png(page) for stem, page in zip(stems, painted, strict=True)},
        **{f"{stem}.svg": finishing.svg(page) for stem, page in zip(stems, traced, strict=True)},
    }


def _of_site(sheets: Sequence[Sheet]) -> list[Sheet]:
    return [sheet for sheet in sheets if sheet.kind is SheetKind.SITE]


def _check_size(dossier: Dossier, pdf: bytes, n_sheets: int) -> None:
    if len(pdf) <= MOST_BYTES:
        return
    raise DataError(
        f"evidence pack of {dossier.slug}",
        f"its PDF has {len(pdf) / 1e6:.1f} MB with {n_sheets} sheets, more than the "
        f"{MOST_BYTES / 1e6:.0f} MB that planning portals take",
        "Choose a coarser scale, or a larger paper so that fewer sheets are needed",
    )
