"""Canonical forms of e-mail addresses and Message-IDs: refused rather than mended."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from sinkwatch.errors import ConfigError
from sinkwatch.model import MessageId

_MOST_CHARACTERS: Final = 254
"""Of an address (RFC 5321, 4.5.3.1.3, less the angle brackets)."""

_MOST_LOCAL_CHARACTERS: Final = 64
"""Of the part before the @ (RFC 5321, 4.5.3.1.1)."""

_WORD: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL: Final = re.compile(rf"{_WORD}(?:\.{_WORD})*")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+(?=[a-z0-9-]*[a-z]){_LABEL}")
_REFUSED: Final = {
    " ": "a space",
    ",": "a comma",
    ";": "a semicolon",
    "<": "an angle bracket",
    ">": "an angle bracket",
    '"': "a quotation mark",
    "(": "a bracket",
    ")": "a bracket",
    "\\": "a backslash",
}
_MESSAGE_ID: Final = re.compile(rf"([a-z0-9][a-z0-9_-]{{15,47}})@({_DOMAIN.pattern})")

# The address itself stays out of every message: errors end up in logs.
_WHAT: Final = "the e-mail address"
_WAY_OUT: Final = "Give one plain address, such as name@example.org"


def address(text: str) -> str:
    """
    Return the canonical form of an e-mail address: its domain in lower-case IDNA.

    Mail libraries parse an address again and then write to someone else: "user@exa mple.com"
    goes to user@example.com. So nothing is mended here but spaces round it and the domain's form.

    Parameters
    ----------
    text
        As a person typed it.

    Returns
    -------
    address
        ASCII, one mailbox; the part before the @ as it was typed.

    Raises
    ------
    ConfigError
        If it breaks a rule. The message names the rule and never the address.
    """
    typed = text.strip(" ")
    _refuse_characters(typed)
    local, at, domain = typed.partition("@")
    if not at or "@" in domain:
        raise ConfigError(_WHAT, "one @ must stand between name and domain", _WAY_OUT)
    if len(local) > _MOST_LOCAL_CHARACTERS:
        raise ConfigError(
            _WHAT, f"has more than {_MOST_LOCAL_CHARACTERS} characters before the @", _WAY_OUT
        )
    if not local.isascii():
        raise ConfigError(_WHAT, "has a letter before the @ that plain mail cannot carry", _WAY_OUT)
    if not _LOCAL.fullmatch(local):
        raise ConfigError(_WHAT, "the part before the @ is not a plain name", _WAY_OUT)
    canonical = f"{local}@{_canonical_domain(domain)}"
    if len(canonical) > _MOST_CHARACTERS:
        raise ConfigError(_WHAT, f"has more than {_MOST_CHARACTERS} characters", _WAY_OUT)
    return canonical


def _refuse_characters(typed: str) -> None:
    for character in typed:
        if character in _REFUSED:
            raise ConfigError(_WHAT, f"holds {_REFUSED[character]}", _WAY_OUT)
        if not character.isprintable():
            raise ConfigError(_WHAT, "holds a character that cannot be seen", _WAY_OUT)


def _canonical_domain(domain: str) -> str:
    lowered = domain.lower()
    try:
        encoded = lowered.encode("idna").decode("ascii")
        survives = encoded == lowered or encoded.encode("ascii").decode("idna") == lowered
    except UnicodeError:
        survives = False
    # Older IDNA turns "straße" into "strasse", which may be someone else's domain.
    if not survives:
        raise ConfigError(
            _WHAT, "its domain has no exact form in ASCII", "Write the domain as xn--…"
        )
    if not _DOMAIN.fullmatch(encoded):
        raise ConfigError(_WHAT, "the part after the @ is not a domain name", _WAY_OUT)
    return encoded


def address_hmac(secret: bytes, address: str) -> str:
    """
    Return what is kept of an address that must not be written to again.

    Parameters
    ----------
    secret
        Key of this installation.
    address
        Canonical address; its case is folded.

    Returns
    -------
    digest
        HMAC-SHA256, 64 hexadecimal digits.
    """
    return hmac.new(secret, address.lower().encode(), hashlib.sha256).hexdigest()


def message_id(random: str, domain: str) -> MessageId:
    """
    Compose a Message-ID, without the angle brackets that it wears in the header.

    Parameters
    ----------
    random
        128 random bits as 32 hexadecimal digits: one per recipient, the same for all retries.
    domain
        Our domain.

    Returns
    -------
    message_id
        Such as ``3f…@alerts.example``.

    Raises
    ------
    ConfigError
        If either part cannot stand in a header and a file name.
    """
    composed = MessageId(f"{random}@{domain.lower()}")
    local_part(composed)
    return composed


def local_part(message_id: MessageId) -> str:
    """
    Return the part of a Message-ID before the @, fit for a file name and a bounce address.

    Parameters
    ----------
    message_id
        What `message_id` returns.

    Returns
    -------
    local_part
        Lower-case letters, digits, hyphens and underscores.

    Raises
    ------
    ConfigError
        If the id has another form.
    """
    found = _MESSAGE_ID.fullmatch(message_id)
    if found is None:
        raise ConfigError(
            f"Message-ID {message_id!r}",
            "must be 16 to 48 lower-case letters or digits, an @ and a domain",
            "Make it with notify.addresses.message_id",
        )
    return found.group(1)
