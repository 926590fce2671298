"""One edition of the site with its packs: published with those at hand, then with all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sinkwatch import __version__
from sinkwatch.packs import offering, publishing, retention
from sinkwatch.packs.inputs import Cellar
from sinkwatch.publish import site

if TYPE_CHECKING:
    from pathlib import Path

    from sinkwatch.model import Findings, History
    from sinkwatch.packs.offering import Packs
    from sinkwatch.packs.publishing import Counting, Plan, Report
    from sinkwatch.publish.site import Written
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
    """

    written: Written
    packs: Report | None


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
        return Published(written=self._written(self.packs), packs=None)

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
        written = published.written
        if packs != self.packs:
            written = self._written(packs)
            written = replace(written, changed=published.written.changed or written.changed)
        self._tidy()
        return Published(written=written, packs=report)

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
        written = self._written(packs)
        self._tidy()
        return Published(written=written, packs=report)

    def _made(self, counting: Counting | None) -> tuple[Packs | None, Report | None]:
        if self.plan is None or self.packs is None:
            return None, None
        counted = counting or publishing.uncounted
        return publishing.make(self.services, self.plan, self.packs, counting=counted)

    def _written(self, packs: Packs | None) -> Written:
        settings = self.services.settings
        imprint = site.Imprint(
            version=__version__,
            contact=settings.contact,
            signup_url=settings.signup_url(),
            public_url=settings.site_url(),
        )
        pages = site.build(
            self.findings,
            imprint,
            offers=None if packs is None else offering.offers(packs),
            history=self.history,
        )
        written = site.write(pages, settings.maps_folder, offering.files(packs or {}))
        if self.plan is not None:
            self.plan.tidy(packs or {})
        return written

    def _tidy(self) -> None:
        """Remove old copies, also where packs are made by the command alone; never in a trial."""
        if self.kept_in is None:
            retention.tidy(self.services, self.services.clock())
