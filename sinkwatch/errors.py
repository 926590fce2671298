"""
Every way in which sinkwatch says no, on one page.

::

    SinkwatchError
    ├── ConfigError            a setting is missing or impossible
    ├── PlaceError             words that name no place we can answer for
    ├── DataError              data is not what its schema promises
    │   ├── SchemaError        columns, types, CRS, geometry, key
    │   ├── CoverageError      a position lies outside the data
    │   └── WordingError       a sentence says what none of ours may, or a needed one is missing
    ├── SourceError            a source failed                  (source, url, retryable)
    ├── StoreError             the database or a folder cannot be used
    ├── BusyError              another run holds the lock
    ├── LimitError             asked too often                  (retry_after_s, is_closed)
    ├── DeliveryError          a message could not be sent      (permanent)
    │   └── RelayError         what a relay answered            (verdict; in notify.replies)
    └── TokenError             a signed link is forged, expired or spent

Every message names the value, the rule it broke and the way out, on one line.
"""

from __future__ import annotations

from collections.abc import Sequence


class SinkwatchError(Exception):
    """
    Something a person has to know about, in one line.

    Parameters
    ----------
    value
        What was met, as the person wrote it or would recognise it.
    rule
        The rule that it breaks.
    way_out
        What to do about it.

    Attributes
    ----------
    value, rule, way_out
        As given.
    """

    def __init__(self, value: str, rule: str, way_out: str) -> None:
        super().__init__(value, rule, way_out)
        self.value = value
        self.rule = rule
        self.way_out = way_out

    def __str__(self) -> str:
        """Return the three parts as one line, whatever line breaks or control codes they held."""
        line = f"{self.value}: {self.rule}. {self.way_out}."
        # A value may come from a file or a stranger: a terminal must not obey it.
        shown = (character if character.isprintable() else " " for character in line)
        return " ".join("".join(shown).split())


class ConfigError(SinkwatchError):
    """A setting, an area file or a band table is missing or impossible."""


class PlaceError(SinkwatchError):
    """The words given for a place name none that sinkwatch can answer for."""


class DataError(SinkwatchError):
    """Data is not what its schema promises."""


class SchemaError(DataError):
    """
    A frame or a file breaks its contract.

    Parameters
    ----------
    value
        The frame or file.
    faults
        Every fault found, each a short sentence without its full stop.
    way_out
        What to do about it.

    Attributes
    ----------
    faults
        As given, so that a caller can list them one a line.
    """

    def __init__(self, value: str, faults: Sequence[str], way_out: str) -> None:
        super().__init__(value, "; ".join(faults), way_out)
        self.faults = tuple(faults)


class CoverageError(DataError):
    """A position lies outside what the data, or the National Grid, can speak of."""


class WordingError(DataError):
    """A sentence says what none of ours may, or what has to be said is missing."""


class SourceError(SinkwatchError):
    """
    A source could not be read.

    Parameters
    ----------
    source
        Name of the source, as in the area file.
    rule
        What went wrong.
    way_out
        What to do about it.
    url
        Where it was asked.
    retryable
        Whether the same request may succeed later.
    status
        HTTP status that it was refused with; 0 if none was to blame.

    Attributes
    ----------
    source, url, retryable, status
        As given.
    """

    def __init__(  # noqa: PLR0913 - what a failure is known by, each by its name
        self,
        source: str,
        rule: str,
        way_out: str,
        *,
        url: str = "",
        retryable: bool = False,
        status: int = 0,
    ) -> None:
        super().__init__(source, rule, way_out)
        self.source = source
        self.url = url
        self.retryable = retryable
        self.status = status


class StoreError(SinkwatchError):
    """The database, or a folder that sinkwatch writes to, cannot be used."""


class BusyError(SinkwatchError):
    """Another run holds the lock."""


class LimitError(SinkwatchError):
    """
    Somebody asked too often.

    Parameters
    ----------
    value
        What was asked for.
    rule
        The limit.
    way_out
        When to ask again.
    retry_after_s
        Seconds until that.
    is_closed
        Whether it is everyone's limit that is reached, not this client's.

    Attributes
    ----------
    retry_after_s, is_closed
        As given.
    """

    def __init__(
        self, value: str, rule: str, way_out: str, *, retry_after_s: int, is_closed: bool
    ) -> None:
        super().__init__(value, rule, way_out)
        self.retry_after_s = retry_after_s
        self.is_closed = is_closed


class DeliveryError(SinkwatchError):
    """
    A message could not be handed over.

    Parameters
    ----------
    value
        The message, by its id; never the address.
    rule
        What the transport answered.
    way_out
        What happens next, or what the operator can do.
    permanent
        Whether trying again is pointless; this alone decides between retry and giving up.

    Attributes
    ----------
    permanent
        As given.
    """

    def __init__(self, value: str, rule: str, way_out: str, *, permanent: bool) -> None:
        super().__init__(value, rule, way_out)
        self.permanent = permanent


class TokenError(SinkwatchError):
    """A signed link is forged, expired or spent."""
