"""How a stranger's mail is taken apart: flat and cut to size, so that none can cost much."""

from __future__ import annotations

import base64
import contextlib
import quopri
import re
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from email.policy import compat32
from email.utils import collapse_rfc2231_value
from itertools import islice
from typing import TYPE_CHECKING, Final

from sinkwatch.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_MOST_HEADER_BYTES: Final = 128 * 1024
"""Of one header; Postfix stops at 100 kB (header_size_limit), and ours have about 2 kB."""

_MOST_FIELDS: Final = 2_000
"""Of one header: ten times what a mail gathers on the longest way."""

_MOST_TYPE_CHARACTERS: Final = 1_000
"""Of a Content-Type; a boundary may have 70 (RFC 2046, 5.1.1)."""

_MOST_PARTS: Final = 20
"""Looked at of one mail; a report has three (RFC 6522, 3)."""

_MOST_GROUPS: Final = 50
"""Of one report: one for the message, one for each recipient; ours go to one recipient each."""

_BLANK_LINES: Final = re.compile(rb"\r?\n(?:[ \t]*\r?\n)+")
_END_OF_HEADER: Final = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    A mail, or one part of it: header and body, nothing of the body looked at yet.

    Attributes
    ----------
    fields
        Of the header: names in lower case, values on one line.
    body
        As it came; `decoded` undoes its transfer encoding.
    """

    fields: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> tuple[str, ...]:
        """
        Return what every field of one name says.

        Parameters
        ----------
        name
            In lower case.

        Returns
        -------
        values
            In their order; empty if there is no such field.
        """
        return tuple(value for known, value in self.fields if known == name)

    def first(self, name: str) -> str:
        """
        Return what the first field of a name says.

        Parameters
        ----------
        name
            In lower case.

        Returns
        -------
        value
            Empty if there is no such field.
        """
        return next(iter(self.all(name)), "")

    @property
    def content_type(self) -> str:
        """Type and subtype in lower case, ``text/plain`` if it names none."""
        return self._typed().get_content_type()

    def parameter(self, name: str) -> str:
        """
        Return a parameter of the content type.

        Parameters
        ----------
        name
            In lower case.

        Returns
        -------
        value
            Empty if there is no such parameter.

        Raises
        ------
        DataError
            If it is written so that it cannot be read.
        """
        try:
            return collapse_rfc2231_value(self._typed().get_param(name, "")).strip()
        except (ValueError, LookupError) as error:
            raise _fault("a parameter of its type cannot be read") from error

    def _typed(self) -> Message:
        typed = Message()
        typed["Content-Type"] = self.first("content-type")[:_MOST_TYPE_CHARACTERS]
        return typed


def part(content: bytes) -> Part:
    """
    Divide a mail into header and body.

    Parameters
    ----------
    content
        As it came, with either line end; a "From " line before it is passed over.

    Returns
    -------
    part
        Without fields if it does not begin with any.

    Raises
    ------
    DataError
        If the header has no end within reach, or more fields than any mail.
    """
    if content.startswith((b"\n", b"\r\n")):
        return Part(fields=(), body=content)
    end = _END_OF_HEADER.search(content, 0, _MOST_HEADER_BYTES)
    if end is None and len(content) > _MOST_HEADER_BYTES:
        raise _fault(f"its header has more than {_MOST_HEADER_BYTES} bytes")
    header, body = (content[: end.start()], content[end.end() :]) if end else (content, b"")
    return Part(fields=_fields(header), body=body)


def parts(whole: Part) -> tuple[Part, ...]:
    """
    Divide the body of a multipart mail, one level deep.

    Parameters
    ----------
    whole
        Mail whose type is multipart.

    Returns
    -------
    parts
        Those of the first twenty that can be read. A mail that was cut off before its last
        boundary ends where it ends.

    Raises
    ------
    DataError
        If it names no boundary.
    """
    boundary = whole.parameter("boundary").encode("utf-8", "replace")
    if not boundary:
        raise _fault("it has parts and no boundary")
    line = re.compile(rb"^--" + re.escape(boundary) + rb"(--)?[ \t]*\r?$", re.MULTILINE)
    found = islice(line.finditer(whole.body), _MOST_PARTS + 1)
    return tuple(_readable(_pieces(whole.body, list(found))))


def _pieces(body: bytes, boundaries: list[re.Match[bytes]]) -> Iterator[bytes]:
    """Yield what stands between boundaries; the last may be missing if the mail was cut off."""
    ends = [boundary.start() for boundary in boundaries[1:]]
    if len(boundaries) <= _MOST_PARTS:
        ends.append(len(body))
    for boundary, end in zip(boundaries, ends, strict=False):
        if boundary[1]:
            return
        yield body[boundary.end() : end].removeprefix(b"\n")


def _readable(pieces: Iterable[bytes]) -> Iterator[Part]:
    # A part that makes no sense must not hide the one that reports.
    for piece in pieces:
        with contextlib.suppress(DataError):
            yield part(piece)


def decoded(encoded: Part) -> bytes:
    """
    Undo the transfer encoding of a body.

    Parameters
    ----------
    encoded
        As `parts` gave it.

    Returns
    -------
    body
        As it stands if it names no encoding, or one we do not know.

    Raises
    ------
    DataError
        If it is not encoded as it says.
    """
    decode = _DECODERS.get(encoded.first("content-transfer-encoding").lower(), bytes)
    try:
        return decode(encoded.body)
    except ValueError as error:
        raise _fault("a part is not encoded as it says") from error


_DECODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "base64": base64.b64decode,
    "quoted-printable": quopri.decodestring,
}


def groups(body: bytes) -> tuple[Part, ...]:
    """
    Divide the body of a report into its groups of fields (RFC 3464, 2.1; RFC 5965, 3).

    Parameters
    ----------
    body
        Of a part of type message/delivery-status or message/feedback-report.

    Returns
    -------
    groups
        In their order, those without a field left out.

    Raises
    ------
    DataError
        If it is longer, or has more groups, than any report on a mail of ours.
    """
    if len(body) > _MOST_HEADER_BYTES:
        raise _fault(f"its report has more than {_MOST_HEADER_BYTES} bytes")
    blocks = _BLANK_LINES.split(body.strip(b"\r\n"), _MOST_GROUPS)
    if len(blocks) > _MOST_GROUPS:
        raise _fault(f"its report is on more than {_MOST_GROUPS} recipients")
    divided = (Part(fields=_fields(block), body=b"") for block in blocks)
    return tuple(group for group in divided if group.fields)


def _fields(header: bytes) -> tuple[tuple[str, str], ...]:
    # The older policy keeps every value as it stands; the newer one reads each as it is asked for,
    # in a time that grows with the square of its length, and stumbles over some.
    read = HeaderParser(policy=compat32).parsestr(header.decode("utf-8", "replace"))
    raw = list(islice(read.raw_items(), _MOST_FIELDS + 1))
    if len(raw) > _MOST_FIELDS:
        raise _fault(f"its header has more than {_MOST_FIELDS} fields")
    return tuple((name.strip().lower(), " ".join(str(value).split())) for name, value in raw)


def _fault(rule: str) -> DataError:
    return DataError("a returned mail", rule, "It is left as it is")
