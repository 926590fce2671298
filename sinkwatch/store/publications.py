"""Which edition of the site was published when, and all that it was made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update

from sinkwatch.store.tables import publications, runs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """
    One edition of the site.

    Attributes
    ----------
    release
        SHA-256 of its manifest, hexadecimal.
    built_at
        The moment for which it was built, UTC.
    program
        Versions of sinkwatch and of what it stands on, by name.
    imprint
        Who published it, where, and with what, as JSON-able values.
    basis
        The area, and how each source stood, as text that is kept as it is.
    copies
        SHA-256 of the copy in use of each source, by the source's name.
    packs
        What its evidence packs were, by folder, None where one was wanting; None if the
        installation made none.
    """

    release: str
    built_at: datetime
    program: Mapping[str, str]
    imprint: Mapping[str, Any]
    basis: str
    copies: Mapping[str, str]
    packs: Mapping[str, Mapping[str, str] | None] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """
    An edition that was published.

    Attributes
    ----------
    publication_id
        Ascending number.
    published_at, seen_at
        When readers first and last were switched to it without another in between, UTC.
    run_id
        The last run that was recorded by then; None if there was none.
    edition
        What was published.
    """

    publication_id: int
    published_at: datetime
    seen_at: datetime
    run_id: int | None
    edition: Edition


def note(connection: Connection, edition: Edition, at: datetime) -> None:
    """
    Note that an edition is published; one that was so already is only seen once more.

    Parameters
    ----------
    connection
        Of a writing transaction.
    edition
        What readers see now.
    at
        The present time, UTC.
    """
    newest = _newest(connection)
    if newest is not None and newest.release == edition.release:
        _see(connection, newest, at)
        return
    last_run = connection.execute(select(func.max(runs.c.run_id))).scalar_one()
    connection.execute(
        insert(publications).values(
            published_at=at,
            seen_at=at,
            built_at=edition.built_at,
            release=edition.release,
            run_id=last_run,
            program=dict(edition.program),
            imprint=dict(edition.imprint),
            basis=edition.basis,
            copies=dict(edition.copies),
            packs=edition.packs,
        )
    )


def note_return(connection: Connection, release: str, at: datetime) -> bool:
    """
    Note that readers were switched back to an earlier edition.

    Parameters
    ----------
    connection
        Of a writing transaction.
    release
        How the SHA-256 of its manifest begins.
    at
        The present time, UTC.

    Returns
    -------
    is_known
        False if that edition was never noted, or is no longer: then nothing is noted now.
    """
    newest = _newest(connection)
    if newest is not None and newest.release.startswith(release):
        _see(connection, newest, at)
        return True
    earlier = (
        select(publications)
        .where(publications.c.release.startswith(release, autoescape=True))
        .order_by(publications.c.publication_id.desc())
        .limit(1)
    )
    row = connection.execute(earlier).mappings().one_or_none()
    if row is None:
        return False
    again = {name: value for name, value in row.items() if name != "publication_id"}
    connection.execute(insert(publications).values(**again | {"published_at": at, "seen_at": at}))
    return True


def upto(connection: Connection, end: datetime) -> Publication | None:
    """
    Return what readers saw last before a moment.

    Parameters
    ----------
    connection
        Of any transaction.
    end
        The moment, UTC; what was published at it is later.

    Returns
    -------
    publication
        None if nothing that is noted was published before.
    """
    last = (
        select(publications)
        .where(publications.c.published_at < end)
        .order_by(publications.c.publication_id.desc())
        .limit(1)
    )
    row = connection.execute(last).one_or_none()
    return None if row is None else _publication(row)


def listing(connection: Connection) -> tuple[Publication, ...]:
    """
    Return all that is noted.

    Parameters
    ----------
    connection
        Of any transaction.

    Returns
    -------
    publications
        The oldest first.
    """
    rows = connection.execute(select(publications).order_by(publications.c.publication_id))
    return tuple(_publication(row) for row in rows)


def copies(connection: Connection) -> frozenset[str]:
    """
    Return which copies of sources an edition that is noted was made of.

    Parameters
    ----------
    connection
        Of any transaction.

    Returns
    -------
    sha256
        Of their bytes, hexadecimal.
    """
    named = connection.execute(select(publications.c.copies)).scalars()
    return frozenset(sha256 for each in named for sha256 in each.values())


def tidy(connection: Connection, before: datetime) -> int:
    """
    Forget editions of long ago; the newest stays however old it is, since readers see it.

    Parameters
    ----------
    connection
        Of a writing transaction.
    before
        Those that were last seen earlier go, UTC.

    Returns
    -------
    n_forgotten
        How many.
    """
    newest = select(func.max(publications.c.publication_id)).scalar_subquery()
    old = delete(publications).where(
        publications.c.seen_at < before, publications.c.publication_id != newest
    )
    return connection.execute(old).rowcount


def _newest(connection: Connection) -> Row[Any] | None:
    last = select(publications).order_by(publications.c.publication_id.desc()).limit(1)
    return connection.execute(last).one_or_none()


def _see(connection: Connection, row: Row[Any], at: datetime) -> None:
    """Move when an edition was last seen, never back: a clock may have been."""
    connection.execute(
        update(publications)
        .where(publications.c.publication_id == row.publication_id)
        .values(seen_at=max(at, row.seen_at))
    )


def _publication(row: Row[Any]) -> Publication:
    return Publication(
        publication_id=row.publication_id,
        published_at=row.published_at,
        seen_at=row.seen_at,
        run_id=row.run_id,
        edition=Edition(
            release=row.release,
            built_at=row.built_at,
            program=row.program,
            imprint=row.imprint,
            basis=row.basis,
            copies=row.copies,
            packs=row.packs,
        ),
    )
