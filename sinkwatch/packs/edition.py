"""One edition of the site with its packs: published with those at hand, then with all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from sinkwatch import __version__
from sinkwatch.packs import keepsakes, offering, publishing, retention
from sinkwatch.packs.inputs import Cellar
from sinkwatch.publish import site
from sinkwatch.publish.site import Imprint

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from sinkwatch.model import Findings, History
    from sinkwatch.packs.keepsakes import Copies
    from sinkwatch.packs.offering import Packs
    from sinkwatch.packs.publishing import Counting, Plan, Report
    from sinkwatch.publish.site import Ready, Written
    from sinkwatch.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """
    What became of the site.

    Attributes
    ----------
    written
        Where it lies, and whether anything changed.
    packs
        What became of its evidence packs; None if none are made.
    at
        The moment for which it was built, UTC.
    imprint
        Who published it, and where.
    offered
        The packs that it has; None if none are wanted.
    """

    written: Written
    packs: Report | None
    at: datetime
    imprint: Imprint
    offered: Packs | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """
    What is to be published.

    Attributes
    ----------
    services
        With clock, settings and folders.
    findings
        What the site shows.
    plan
        The packs that it is to have; None if the settings want none.
    packs
        Those of them that lie ready; None if none are wanted.
    history
        What was published before.
    kept_in
        Where copies of what packs are made of go; None for where the installation has them.
    """

    services: Services
    findings: Findings
    plan: Plan | None
    packs: Packs | None
    history: History
    kept_in: Path | None

    @classmethod
    def of(
        cls,
        services: Services,
        findings: Findings,
        history: History,
        *,
        kept_in: Path | None = None,
    ) -> Edition:
        """
        Plan an edition; nothing is made or written yet.

        Parameters
        ----------
        services
            With clock, settings and folders.
        findings
            What the site is to show.
        history
            What was published before.
        kept_in
            Where copies of what packs are made of go; None for where the installation has them.

        Returns
        -------
        edition
            With the packs that lie ready.
        """
        if not services.settings.evidence_packs:
            return cls(
                services=services,
                findings=findings,
                plan=None,
                packs=None,
                history=history,
                kept_in=kept_in,
            )
        plan = publishing.plan(services, findings, Cellar(folder=kept_in) if kept_in else None)
        return cls(
            services=services,
            findings=findings,
            plan=plan,
            packs=plan.at_hand(),
            history=history,
            kept_in=kept_in,
        )

    def publish(self) -> Published:
        """
        Publish it with the packs that lie ready.

        Returns
        -------
        published
            Without a report of packs: none was made.

        Raises
        ------
        StoreError
            If the folder of the maps cannot be written; what was published before stays.
        """
        return self._published(self.packs, None)

    def complete(self, published: Published, counting: Counting | None) -> Published:
        """
        Make the packs that it lacks, and publish it again if there are any.

        Parameters
        ----------
        published
            What `publish` returned.
        counting
            Shows a person how many are made; None where nobody looks on.

        Returns
        -------
        published
            The whole edition.

        Raises
        ------
        StoreError
            If the folder of the maps cannot be written; what was published before stays.
        """
        packs, report = self._made(counting)
        whole = replace(published, packs=report)
        if packs != self.packs:
            whole = self._published(packs, report)
            changed = published.written.changed or whole.written.changed
            whole = replace(whole, written=replace(whole.written, changed=changed))
        self._tidy()
        return whole

    def at_once(self, counting: Counting | None) -> Published:
        """
        Make the packs that it lacks, then publish it.

        Parameters
        ----------
        counting
            Shows a person how many are made; None where nobody looks on.

        Returns
        -------
        published
            The whole edition.

        Raises
        ------
        StoreError
            If the folder of the maps cannot be written; what was published before stays.
        """
        packs, report = self._made(counting)
        published = self._published(packs, report)
        self._tidy()
        return published

    def _made(self, counting: Counting | None) -> tuple[Packs | None, Report | None]:
        if self.plan is None or self.packs is None:
            return None, None
        counted = counting or publishing.uncounted
        return publishing.make(self.services, self.plan, self.packs, counting=counted)

    def _published(self, packs: Packs | None, report: Report | None) -> Published:
        at, imprint = self.services.clock(), self._imprint()
        written = self._written(packs, imprint, at)
        return Published(written=written, packs=report, at=at, imprint=imprint, offered=packs)

    def _imprint(self) -> Imprint:
        settings = self.services.settings
        return Imprint(
            version=__version__,
            contact=settings.contact,
            signup_url=settings.signup_url(),
            public_url=settings.site_url(),
            pictures=settings.pictures,
        )

    def _written(self, packs: Packs | None, imprint: Imprint, at: datetime) -> Written:
        copies = keepsakes.settled(self.services, at)
        pages, files = content(self.findings, imprint, packs, self.history, copies)
        if self.kept_in is None:
            own = keepsakes.keep(keepsakes.folder_of(self.services), pages)
            pages = {path: page for path, page in pages.items() if path not in own}
            files |= own
        written = site.write(pages, self.services.maps(), files)
        if self.plan is not None:
            self.plan.tidy(packs or {})
        return written

    def _tidy(self) -> None:
        """Remove old copies, also where packs are made by the command alone; never in a trial."""
        if self.kept_in is None:
            retention.tidy(self.services, self.services.clock())


def content(
    findings: Findings,
    imprint: Imprint,
    packs: Packs | None,
    history: History,
    copies: Copies = MappingProxyType({}),
) -> tuple[dict[str, bytes], dict[str, Ready]]:
    """
    Build the site with its packs; the same in years from now as on the day itself.

    Parameters
    ----------
    findings
        What it shows.
    imprint
        Who publishes, and where.
    packs
        Those that it has; None if none are wanted.
    history
        What was published before.
    copies
        Dated copies of earlier days, as `keepsakes.settled` returns them.

    Returns
    -------
    pages, files
        By path inside the site: bytes, and what lies ready on disk.
    """
    offers = None if packs is None else offering.offers(packs)
    pages = site.build(findings, imprint, offers=offers, history=history, copies=[*copies])
    kept = keepsakes.files(copies)
    own = {path: page for path, page in pages.items() if path not in kept}
    return own, {**offering.files(packs or {}), **kept}
