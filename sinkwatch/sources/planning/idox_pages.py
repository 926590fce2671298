"""What the summary page of one application says on an Idox register, in either of its templates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from typing import Final

from sinkwatch import wording
from sinkwatch.errors import SchemaError

MOST_ROWS: Final = 200
"""Rows of a page's tables that are read; a summary has about a dozen."""

_CHARSETS: Final = {"utf-8": "utf-8", "iso-8859-1": "cp1252", "windows-1252": "cp1252"}
_SAID_CHARSET: Final = re.compile(rb"""charset\s*=\s*["']?([A-Za-z0-9_-]{1,40})""")
_BLOCKS: Final = re.compile(
    r"just a moment|attention required|cloudflare|cf-chl|captcha|access denied|incapsula"
    r"|unusual traffic|are you a robot|request rejected",
    re.IGNORECASE,
)
_DAY: Final = re.compile(r"(?:[A-Z][a-z]{2} )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4})", re.ASCII)
_CLOSINGS: Final = {
    opening: re.compile(closing, re.ASCII | re.IGNORECASE)
    for opening, closing in (
        ("<!--", "-->"), ("<!", ">"), ("<?", ">"), ("<script", "</script"), ("<style", "</style"),
    )
}  # fmt: skip
_ASIDE: Final = re.compile("|".join(map(re.escape, _CLOSINGS)), re.ASCII | re.IGNORECASE)
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_NOTHING: Final = frozenset({"", "not available", "n/a", "none", "unknown", "-", "pending"})
_EARLIEST: Final = date(1800, 1, 1)
_AHEAD: Final = timedelta(days=1)  # further in the future no decision can be (data gates)
_NOT_IN_A_REFERENCE: Final = re.compile(r"[^A-Z0-9]")
_MOST_STRAY: Final = 100  # signs for "less than" in texts; many more are tags without an end
_LONGEST: Final = 200  # characters of a cell that tells how an application stands
_STATES: Final = (
    (re.compile(r"(?:application )?(?:refus(?:ed?|al)|reject(?:ed)?)\b.*"), "Refused"),
    (re.compile(r"(?:application |has been )?withdrawn?\b.*"), "Withdrawn"),
    (
        re.compile(
            r"(?:application |permission |conditional |conditionally )?"
            r"(?:grant(?:ed)?|approv(?:ed?|al)|permit(?:ted)?|permission)\b(?!.*\bnot\b).*"
        ),
        "Permitted",
    ),
)
"""Councils' words for a decision, and PlanIt's for the same state; others are kept as they are."""
_APPEALED: Final = re.compile(r".*\b(?:lodged|progress|submitted|received|started)\b.*")


class BlockedError(SchemaError):
    """The register does not want to be read by a program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """
    How an application stands, as its council says.

    Attributes
    ----------
    state
        In PlanIt's words where one fits, otherwise in the council's; None while it is open.
    decided_on
        YYYY-MM-DD; None if not said.
    """

    state: str | None
    decided_on: str | None


def read_summary(
    content: bytes, *, content_type: str, reference: str, now: datetime, name: str
) -> Summary:
    """
    Read the page; names of people on it are not looked at.

    Parameters
    ----------
    content
        HTML.
    content_type
        As the server said it.
    reference
        Of the application that it must be of.
    now
        Time of the run, UTC.
    name
        What it is, for the message.

    Returns
    -------
    summary
        How the application stands.

    Raises
    ------
    BlockedError
        If it asks whether we are human, or says that we are not wanted.
    SchemaError
        If it is no summary, is of another application, or says what cannot be right.
    """
    text = _decoded(content, content_type, name)
    reader = _Rows()
    reader.feed(_without_asides(text, name))
    reader.close()
    if "reference" not in reader.rows:
        if _BLOCKS.search(text):
            raise BlockedError(
                name,
                ["it is a page that keeps programs out, not an application"],
                "It will not be asked again for a while; read the register by hand, or switch "
                "this source off",
            )
        raise _refusal(name, f'it holds no details of an application; it says "{_begin(reader)}"')
    if "</html" not in text.casefold():
        raise _refusal(name, "it breaks off before its end")
    if reader.repeated:
        raise _refusal(name, f'it says two things of its "{reader.repeated}"')
    return _summary(reader.rows, reference, now, name)


def _refusal(name: str, fault: str) -> SchemaError:
    return SchemaError(name, [fault], "Nothing of it has been used; look at the page by hand")


def _decoded(content: bytes, content_type: str, name: str) -> str:
    said = _SAID_CHARSET.search(content_type.encode("ascii", "replace"))
    said = said or _SAID_CHARSET.search(content[:2_000])
    charset = "utf-8" if said is None else said[1].decode().casefold()
    if charset not in _CHARSETS:
        raise _refusal(name, f'its charset "{charset}" is none that registers use')
    try:
        return content.decode(_CHARSETS[charset])
    except UnicodeDecodeError as error:
        raise _refusal(name, f"byte {error.start} is not {charset}") from error


def _without_asides(text: str, name: str) -> str:
    """Leave out comments, declarations and scripts: unclosed, they cost html.parser minutes."""
    kept, at = [], 0
    while (opening := _ASIDE.search(text, at)) is not None:
        kept.append(text[at : opening.start()])
        closing = _CLOSINGS[opening[0].lower()].search(text, opening.end())
        if closing is None:
            raise _refusal(name, f'it breaks off inside "{opening[0]}"')
        at = closing.end()
    whole = "".join([*kept, text[at:]])
    if whole[whole.rfind(">") + 1 :].count("<") > _MOST_STRAY:
        raise _refusal(name, "it breaks off inside a tag")
    return whole


class _Rows(HTMLParser):
    """The rows of all tables: what their heading cell says, and the cell beside it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: dict[str, str] = {}
        self.repeated = ""
        self.words: list[str] = []
        self._cells: dict[str, list[str]] = {}
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag == "tr":
            self._end_row()
        elif tag in ("th", "td"):
            self._open = tag
            self._cells.setdefault(tag, [])

    def handle_endtag(self, tag: str) -> None:
        if tag in ("tr", "table"):
            self._end_row()
        elif tag in ("th", "td"):
            self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self._cells[self._open].append(data)
        elif len(self.words) < MOST_ROWS:
            self.words.append(data)

    def close(self) -> None:
        super().close()
        self._end_row()

    def _end_row(self) -> None:
        label = _shown(self._cells.get("th", [])).rstrip(":").strip().casefold()
        value = _shown(self._cells.get("td", []))
        is_row = label and "td" in self._cells and len(self.rows) < MOST_ROWS
        self._cells, self._open = {}, ""
        if is_row and self.rows.setdefault(label, value) != value:
            self.repeated = label


def _shown(pieces: list[str]) -> str:
    return wording.clean(" ".join(pieces))


def _begin(reader: _Rows) -> str:
    return wording.trimmed(_shown(reader.words), 80)


def _summary(rows: dict[str, str], reference: str, now: datetime, name: str) -> Summary:
    if _plain(rows["reference"]) != _plain(reference):
        raise _refusal(name, f'it is of "{rows["reference"][:60]}", not of {reference[:60]}')
    if "status" not in rows:
        raise _refusal(name, "it does not say how the application stands")
    told = {label: rows.get(label, "") for label in ("status", "decision", "appeal status")}
    long = [label for label, text in told.items() if len(text) > _LONGEST]
    if long:
        raise _refusal(name, f"its {long[0]} is longer than {_LONGEST} characters")
    state = _state(**{label.replace(" ", "_"): text for label, text in told.items()})
    decided_on = _day(rows.get("decision issued date", ""), now, name)
    return Summary(state=state, decided_on=decided_on if state is not None else None)


def _plain(reference: str) -> str:
    return _NOT_IN_A_REFERENCE.sub("", reference.upper())


def _state(*, status: str, decision: str, appeal_status: str) -> str | None:
    if _APPEALED.fullmatch(appeal_status.casefold()):
        return "Appeal lodged"
    for text in (decision, status):
        known = _known(text)
        if known is not None:
            return known
    # A decision in words that no table holds is shown as it is, and taken for none of ours.
    return None if decision.casefold() in _NOTHING else decision


def _known(text: str) -> str | None:
    plain = text.casefold()
    return next((state for pattern, state in _STATES if pattern.fullmatch(plain)), None)


def _day(text: str, now: datetime, name: str) -> str | None:
    if text.casefold() in _NOTHING:
        return None
    found = _DAY.fullmatch(text)
    if found is None or found[2] not in _MONTHS:
        raise _refusal(name, f'its decision date "{text[:40]}" is not like Fri 02 Oct 2026')
    try:
        day = date(int(found[3]), _MONTHS.index(found[2]) + 1, int(found[1]))
    except ValueError as error:
        raise _refusal(name, f'its decision date "{text}" is none ({error})') from error
    if not _EARLIEST <= day <= (now + _AHEAD).date():
        raise _refusal(name, f"its decision date {day} lies before 1800 or in the future")
    return day.isoformat()
