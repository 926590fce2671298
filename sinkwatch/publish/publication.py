"""One edition of the published site: all that its pages, files and feeds are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from sinkwatch import wording
from sinkwatch.model import History

if TYPE_CHECKING:
    from sinkwatch.model import Findings
    from sinkwatch.publish.things import Things


@dataclass(frozen=True, slots=True, kw_only=True)
class Imprint:
    """
    Who publishes, and where.

    Attributes
    ----------
    version
        Of sinkwatch.
    contact
        Where corrections go; empty if the installation names none.
    signup_url
        Where a reader subscribes to e-mails; empty if nobody can.
    public_url
        Address of the site without a closing slash; empty while it has none of its own.
    pictures
        Whether it has pictures of the map, cards, and pages that others may embed.
    """

    version: str
    contact: str = ""
    signup_url: str = ""
    public_url: str = ""
    pictures: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """
    What every page of one edition rests on.

    A page that says nothing of a day or a source is the same in every edition until its own
    subject changes, so that a run rewrites only what it changed.

    Attributes
    ----------
    findings
        Of one run.
    things
        What is drawn and listed, as `things.gather` returns it for them.
    imprint
        Who publishes, and where.
    history
        What was published before and when it changed.
    """

    findings: Findings
    things: Things
    imprint: Imprint
    history: History = field(default_factory=History)

    @property
    def checked_on(self) -> date | None:
        """Return the newest day, in London, on which a source was asked; None without any."""
        states = self.findings.sources
        moments = [state.snapshot.checked_at for state in states if state.snapshot is not None]
        return wording.london_date(max(moments)) if moments else None

    @property
    def changed_on(self) -> date | None:
        """Return the day of the newest change of anything published; the date of the edition."""
        return self.history.changed_on or self.checked_on

    def address(self, folder: str) -> str:
        """
        Return the permanent address of a page.

        Parameters
        ----------
        folder
            Of the page, such as "records/RS009"; empty for the map.

        Returns
        -------
        url
            Absolute; empty while the site has no address of its own.
        """
        site = self.imprint.public_url
        if not site:
            return ""
        return f"{site}/{folder}/" if folder else f"{site}/"
