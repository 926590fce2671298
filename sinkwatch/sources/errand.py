"""What a source is handed when it is sent for a copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from sinkwatch.model import Snapshot
    from sinkwatch.sources.download import Downloader


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """
    What every kind of source may need to take a copy.

    Attributes
    ----------
    folder
        Where copies are kept, a sub-folder for each source.
    now
        Time of the run, UTC.
    downloader
        The way out to the internet; None on an installation that asks nobody.
    held
        The last good copy of this source, whole; None if there is none.
    """

    folder: Path
    now: datetime
    downloader: Downloader | None = None
    held: Snapshot | None = None
