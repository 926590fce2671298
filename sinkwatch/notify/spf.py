"""How a policy of senders is read (RFC 7208): its one record, its ending, its look-ups."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sinkwatch.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_LOOKUPS: Final = 10
"""More make the policy void (RFC 7208, 4.6.4)."""

_ASKS: Final = frozenset({"a", "mx", "ptr", "exists", "include"})
_ASKS_NOTHING: Final = frozenset({"all", "ip4", "ip6"})
_FOLLOWED: Final = frozenset({"include", "redirect"})
_TERM: Final = re.compile(r"([-+~?]?)([a-z][a-z0-9._-]*)([:=/].*)?", re.IGNORECASE)
_MOST_SHOWN: Final = 60  # characters of a word that somebody else has published
_ENDINGS: Final = ("-all", "~all")


class SpfError(DataError):
    """A policy of senders is missing or void."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    A policy that counts.

    Attributes
    ----------
    ending
        What becomes of every other sender: ``-all`` or ``~all``.
    n_lookups
        How many questions a receiver asks to apply it, at most.
    """

    ending: str
    n_lookups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Term:
    qualifier: str
    name: str
    target: str


def policy(texts: Callable[[str], tuple[str, ...]], domain: str) -> Policy:
    """
    Read the policy of a domain as a receiver would.

    Parameters
    ----------
    texts
        Returns the TXT records of a name; what it raises goes through.
    domain
        Whose policy.

    Returns
    -------
    policy
        One that counts.

    Raises
    ------
    SpfError
        If there is none or there are several, it has a fault, asks too much, or lets others in.
    """
    terms = _terms(texts, domain)
    ending, n_lookups = "", 0
    waiting = [(domain, term) for term in terms]
    while waiting:
        holder, term = waiting.pop(0)
        n_lookups += term.name in _ASKS or term.name == "redirect"
        if n_lookups > MOST_LOOKUPS:
            raise SpfError(
                f"the policy of {domain}",
                f"needs more than {MOST_LOOKUPS} look-ups, so it is void",
                "Name networks (ip4:, ip6:) in place of include:",
            )
        # A name made from the message itself (%{…}) is another for each: it is only counted.
        if term.name in _FOLLOWED and "%" not in term.target:
            waiting[:0] = _followed(texts, holder, term)
    ending = _ending(texts, domain, terms)
    if ending not in _ENDINGS:
        rule = f"ends in {ending}, which lets everyone in" if ending else "has no end"
        raise SpfError(f"the policy of {domain}", rule, "End it in -all or ~all")
    return Policy(ending=ending, n_lookups=n_lookups)


def _followed(
    texts: Callable[[str], tuple[str, ...]], holder: str, term: _Term
) -> list[tuple[str, _Term]]:
    if not term.target:
        raise SpfError(f"the policy of {holder}", f"has {term.name} without a domain", "Name it")
    return [(term.target, inner) for inner in _terms(texts, term.target)]


def _ending(texts: Callable[[str], tuple[str, ...]], domain: str, terms: list[_Term]) -> str:
    """Return the ``all`` that applies; one in the policy itself goes before a redirection."""
    seen: set[str] = set()
    while domain not in seen:
        seen.add(domain)
        for term in terms:
            if term.name == "all":
                return f"{term.qualifier or '+'}all"
        onward = [term.target for term in terms if term.name == "redirect"]
        if not onward or "%" in onward[0]:
            return ""
        domain = onward[0]
        terms = _terms(texts, domain)
    return ""


def _terms(texts: Callable[[str], tuple[str, ...]], domain: str) -> list[_Term]:
    """Return the terms of the one policy of a domain, as far as they count."""
    found = [text for text in texts(domain) if re.match(r"v=spf1( |$)", text, re.IGNORECASE)]
    if not found:
        way_out = "Publish TXT v=spf1 include:… -all, naming your relay"
        raise SpfError(domain, "has no policy of senders", way_out)
    if len(found) > 1:
        raise SpfError(domain, f"has {len(found)} policies, so none counts", "Make them one")
    terms = list(_counting(domain, found[0].split()[1:]))
    # Where the policy says `all` itself, a redirection stands there for nothing.
    has_all = any(term.name == "all" for term in terms)
    return [term for term in terms if not (has_all and term.name == "redirect")]


def _counting(domain: str, words: list[str]) -> Iterator[_Term]:
    is_ended = False
    for word in words:
        found = _TERM.fullmatch(word)
        if found is None:
            raise _unknown(domain, word)
        term = _term(found)
        is_modifier = (found[3] or "").startswith("=")
        if not is_modifier and term.name not in _ASKS | _ASKS_NOTHING:
            raise _unknown(domain, word)
        if is_modifier and term.name != "redirect":
            continue  # exp= and unknown ones change nothing
        if not is_ended:
            yield term
        is_ended = is_ended or term.name == "all"


def _term(found: re.Match[str]) -> _Term:
    target = (found[3] or "").removeprefix(":").removeprefix("=")
    return _Term(qualifier=found[1], name=found[2].lower(), target=target.rstrip("."))


def _unknown(domain: str, word: str) -> SpfError:
    return SpfError(
        f"the policy of {domain}",
        f'has "{word[:_MOST_SHOWN]}", which SPF does not know, so it is void',
        "Mend or drop that word",
    )
