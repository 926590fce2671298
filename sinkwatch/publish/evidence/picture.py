"""A sheet's scene with its labels, worked out once for all that is asked about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sinkwatch.publish.evidence import lettering
from sinkwatch.publish.evidence.scene import Scene

if TYPE_CHECKING:
    from sinkwatch.model import Dossier, Sheet
    from sinkwatch.publish.evidence.ground import Ground
    from sinkwatch.publish.evidence.lettering import Written


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """
    What a sheet shows, and where its labels stand.

    Attributes
    ----------
    dossier, sheet
        What it was made for.
    scene
        What is drawn.
    written
        What is written.
    """

    dossier: Dossier
    sheet: Sheet
    scene: Scene
    written: Written

    @classmethod
    def of(cls, ground: Ground, dossier: Dossier, sheet: Sheet) -> Picture:
        """
        Return the picture of a sheet; map, key, notes and credits all ask for the same one.

        Parameters
        ----------
        ground
            Of the run; it keeps the last few pictures.
        dossier
            What is shown.
        sheet
            The sheet.

        Returns
        -------
        picture
            The very same for the same dossier and sheet.
        """
        for kept in tuple(ground.recent):
            if kept.dossier is dossier and kept.sheet == sheet:
                return kept
        scene = Scene.of(ground, dossier, sheet)
        written = lettering.write(ground, dossier, scene)
        made = cls(dossier=dossier, sheet=sheet, scene=scene, written=written)
        ground.recent.append(made)
        return made
