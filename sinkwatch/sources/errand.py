"""What a source is handed when it is sent for a copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sinkwatch.errors import SourceError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from sinkwatch.model import Area, Snapshot, SourceSpec
    from sinkwatch.sources.outside.download import Downloader


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """
    What every kind of source may need to take a copy.

    Attributes
    ----------
    area
        The area that the copy is for.
    folder
        Where copies are kept, a sub-folder for each source.
    now
        Time of the run, UTC.
    downloader
        The way out to the internet; None on an installation that asks nobody.
    held
        The last good copy of this source, whole; None if there is none.
    wanted
        Postcodes to look up that no list held has.
    in_use
        What is in use of the sources asked before this one, by name.
    """

    area: Area
    folder: Path
    now: datetime
    downloader: Downloader | None = None
    held: Snapshot | None = None
    wanted: tuple[str, ...] = ()
    in_use: Mapping[str, Snapshot] = field(default_factory=dict)

    def way_out(self, spec: SourceSpec) -> Downloader:
        """
        Return the way out to the internet.

        Parameters
        ----------
        spec
            The source that needs it.

        Returns
        -------
        downloader
            To ask its servers with.

        Raises
        ------
        SourceError
            If there is none on this installation.
        """
        if self.downloader is None:
            raise SourceError(spec.name, "there is no way out to ask it", "Set online = true")
        return self.downloader
