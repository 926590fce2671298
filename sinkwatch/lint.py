"""What no sentence of ours may say, and what every pack has to."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sinkwatch import wording
from sinkwatch.errors import WordingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TITLE_LIMIT: Final = 120
"""Characters of a title: two lines of the title block of an A4 sheet (decision for the packs)."""

_SHOWN_OF_A_SENTENCE: Final = 160
_RECORDED: Final = "Say what was recorded, where, when and by whom"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """Words that are never ours, and what to write in their stead."""

    words: str
    way_out: str
    is_deniable: bool = False  # what may be said with "not" before it in the same sentence


# Origins: wording rules of the safety notes, section 11 (S), and what the tool may not say in the
# notes on the gypsum, section 5 (G). Words are looked for in lower case, with one space between.
_RULES: Final = (
    _Rule(words=r"(?:un)?safe(?:ly|r|st)?", way_out=_RECORDED),  # S, G: no place is called so
    _Rule(words=r"(?:no|zero|without) risk|risk[ -]free", way_out=_RECORDED),  # S
    _Rule(  # S, G: no prediction
        words=r"(?:will|(?:is|are) (?:going|bound|sure|certain) to)"
        r"(?: (?:not|never|soon|surely|certainly|probably|likely|eventually|one day|also))*"
        r" (?:collapse|subside|sink|give way|cave in)",
        way_out="Say what was recorded; nothing is foretold",
    ),
    _Rule(words=r"imminent(?:ly)?|inevitabl[ey]", way_out="Say what was recorded"),  # G
    _Rule(words=r"danger zones?", way_out='Write "zone" with its class'),  # S
    _Rule(  # G: no house is called so
        words=r"at (?:\w+ )?risk of (?:\w+ )?(?:collaps\w+|subsid\w+|sinking)"
        r"|(?:houses?|homes?|propert(?:y|ies)|buildings?|sites?) (?:is|are) at (?:\w+ )?risk",
        way_out=_RECORDED,
    ),
    _Rule(  # S, G: neither value nor insurance
        words=r"worth(?:less)?|(?:un)?insurable|devalu\w+|lose value",
        way_out="Leave value and insurance out",
    ),
    _Rule(words=r"guarantee(?:s|d|ing)?", way_out="Say how far it can be relied on"),  # S
    _Rule(words=r"caused by", way_out="Quote the report that names a cause"),  # S, G
    _Rule(  # G: our zones are ours
        words=r"(?:in|are|is|on) (?:the )?council(?:'s)? (?:own )?"
        r"(?:(?:gypsum|hazard|planning) )?(?:zones?|areas?|class(?:es)?)(?: [abc])?"
        r"|bgs (?:zones?|ratings?)",
        way_out="Name the zones as those of the map used here",
        is_deniable=True,
    ),
    _Rule(  # G: nobody endorses this
        words=r"(?:bgs|british geological survey) "
        r"(?:says?|said|endorse[sd]?|approve[sd]?|confirm(?:s|ed)?|agree[sd]?|backs|recommends?)"
        r"|(?:endorsed|approved|certified|confirmed|backed) by (?:the )?"
        r"(?:bgs|british geological survey)"
        r"|endorsed by (?:the )?council|council (?:endorse|back|support)s (?:this|these|our)",
        way_out="Quote the publication, with its title and date",
        is_deniable=True,
    ),
    _Rule(  # G: bands are no odds
        words=r"odds|(?:probabilit(?:y|ies)|likelihood|chances?) (?:of|that)"
        r"|(?:1|one) in (?:a (?:hundred|thousand|million)|(?!(?:1[5-9]|20)\d\d\b)\d[\d, ]*)",
        way_out='Write numbers with their base, such as "3 of 40 records"',
        is_deniable=True,
    ),
    _Rule(  # S, G: nobody's conduct
        words=r"(?:developer|applicant|agent|owner|officer|councillor|council|builder|consultant)s?"
        r"(?: (?:has|have|had))? (?:hid|hidden|hides?|conceal(?:s|ed)?|covered up|misled|lied"
        r"|ignored)|negligen(?:t|ce)|dishonest\w*|fraud\w*|corruption|cover-up|liars?",
        way_out="Leave out what anybody did; ask for the report that is missing",
    ),
    _Rule(  # S: nothing of an application's merits
        words=r"(?:should|must) be (?:refused|rejected|approved|granted|turned down)",
        way_out='Write "we ask that" and what should be shown first',
    ),
    _Rule(words=r"urgent(?:ly)?", way_out="Write it calmly"),  # S
)
_PATTERNS: Final = tuple((rule, re.compile(rf"\b(?:{rule.words})\b")) for rule in _RULES)

# S: no capitals. Abbreviations are shorter, or stand alone; so do the parts of a reference.
_SHOUTED: Final = re.compile(
    r"\b[A-Z]{6,}\b|\b[A-Z]{5,}(?: [A-Z]{2,})+\b|\b(?:[A-Z]{2,} )+[A-Z]{5,}\b"
)
_DENIED: Final = re.compile(r"\b(?:not|nor|neither|never|no|nothing|whether|cannot)\b")
_QUOTED: Final = re.compile("“[^“”]*”")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?:;])\s+")

_OUTSIDE_QUOTES: Final = "an unpaired “ or ”"
_PAIR_THEM: Final = "Put outside text between one “ and one ”, and write ' for those within"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """Words that may not stand, and the sentence that they stand in."""

    phrase: str
    sentence: str
    way_out: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Required:
    """What every pack says, as a reader would name it, and how it is found."""

    name: str
    words: str


# What the safety notes, section 11, and the notes on the gypsum, section 5, ask of every PDF: the
# two standing texts; source, date, scale and doubt; what it is not; where corrections go.
_REQUIRED: Final = (
    _Required(
        name="the disclaimer",
        # Whatever the area calls its rock, so long as it ends no sentence.
        words=re.escape(wording.disclaimer("…")).replace("…", r"[^.!?]{1,60}"),
    ),
    _Required(name="the limits", words=re.escape(wording.LIMITS)),
    _Required(name='a line that names its "Source"', words=r"\bSources?\b"),
    _Required(name='"not a survey"', words=r"\bnot a survey\b"),
    _Required(name="where corrections go", words=r"(?i:\bcorrections?\b)"),
    _Required(
        name='"susceptible", "susceptibility" or "recorded evidence"',
        words=r"(?i:\bsusceptib(?:le|ility)\b|\brecorded evidence\b)",
    ),
    _Required(name="an uncertainty", words=r"±|(?i:\buncertain)"),
    _Required(name="a scale", words=r"\b1:\d|(?i:\bscale\b)"),
    _Required(name="a date", words=r"\b\d{1,2} [A-Z][a-z]{2,8} \d{4}\b"),
)

_MARKUP: Final = re.compile(r"<\s*[a-z/!?]|-->|&(?:#\w+|[a-z]\w*);", re.IGNORECASE)


def faults(text: str) -> tuple[str, ...]:
    """
    List what may not be said, leaving aside what is quoted from others.

    Parameters
    ----------
    text
        Sentences of ours; outside text in them stands between “ and ”.

    Returns
    -------
    phrases
        As written, in their order, each once; an unpaired quotation mark is one of them.
    """
    return tuple(dict.fromkeys(fault.phrase for fault in _faults(text)))


def check(texts: Iterable[str], *, what: str) -> None:
    """
    Refuse sentences that say what no pack may say.

    Parameters
    ----------
    texts
        Sentences of ours; outside text in them stands between “ and ”.
    what
        Where they stand, such as "summary".

    Raises
    ------
    WordingError
        At the first fault; it names the sentence without what that quotes.
    """
    for text in texts:
        for fault in _faults(text):
            shown = wording.mask_personal_data(
                wording.trimmed(fault.sentence, _SHOWN_OF_A_SENTENCE)
            )
            rule = f"holds {fault.phrase!r}, which no pack may say"
            raise WordingError(f"{what}, {shown!r}", rule, fault.way_out)


def check_required(text: str, *, what: str) -> None:
    """
    Refuse a pack that leaves out what every pack has to say.

    Parameters
    ----------
    text
        All its text; line breaks do not matter.
    what
        What it is, such as "evidence.pdf".

    Raises
    ------
    WordingError
        If anything is missing; it names all that is.
    """
    plain = wording.clean(text)
    missing = [each.name for each in _REQUIRED if not re.search(each.words, plain)]
    if missing:
        raise WordingError(
            what, f"lacks {wording.joined(missing)}", "Put them back; all are needed"
        )


def title(text: str) -> str:
    """
    Make a title that somebody typed fit to print.

    Parameters
    ----------
    text
        As typed.

    Returns
    -------
    title
        On one line, personal data masked, `TITLE_LIMIT` characters at most.

    Raises
    ------
    WordingError
        If it is empty or too long, holds markup, control characters or “ ”, or says what no pack
        may say.
    """
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise _title_refusal(text, "it holds control characters", "Type it on one line")
    cleaned = wording.mask_personal_data(wording.clean(text))
    if not cleaned:
        raise _title_refusal(text, "it is empty", "Type one, or leave it away for the place's name")
    if _MARKUP.search(cleaned):
        raise _title_refusal(cleaned, "it holds markup", "Type plain words without < > and &…;")
    if "“" in cleaned or "”" in cleaned:
        raise _title_refusal(cleaned, "it holds “ or ”", "Write ' in their stead")
    if len(cleaned) > TITLE_LIMIT:
        rule = f"it has {len(cleaned)} characters, more than {TITLE_LIMIT}"
        raise _title_refusal(cleaned, rule, "Shorten it")
    check([cleaned], what="title")
    return cleaned


def _title_refusal(text: str, rule: str, way_out: str) -> WordingError:
    shown = wording.trimmed(wording.mask_personal_data(wording.clean(text)), 40)
    return WordingError(f"title {shown!r}", rule, way_out)


def _faults(text: str) -> Iterator[_Fault]:
    """Find faults sentence by sentence, in the order in which they stand."""
    ours = _QUOTED.sub("“…”", unicodedata.normalize("NFKC", wording.clean(text)))
    for sentence in _SENTENCE_END.split(ours):
        found = sorted(_in_sentence(sentence), key=lambda hit: (hit[0], hit[1].phrase))
        yield from (fault for _, fault in found)


def _in_sentence(sentence: str) -> Iterator[tuple[int, _Fault]]:
    """Find faults in one sentence, each with where it begins."""
    unquoted = _QUOTED.sub(lambda pair: "…" * len(pair.group()), sentence)
    for match in re.finditer("[“”]", unquoted):
        yield match.start(), _Fault(phrase=_OUTSIDE_QUOTES, sentence=sentence, way_out=_PAIR_THEM)
    for match in _SHOUTED.finditer(unquoted):
        yield (
            match.start(),
            _Fault(phrase=match.group(), sentence=sentence, way_out="Write it in small letters"),
        )
    lowered = _lowered(unquoted)
    denied = _DENIED.search(lowered)
    for rule, pattern in _PATTERNS:
        for match in pattern.finditer(lowered):
            if rule.is_deniable and denied and denied.start() < match.start():
                continue
            phrase = unquoted[match.start() : match.end()]
            yield match.start(), _Fault(phrase=phrase, sentence=sentence, way_out=rule.way_out)


def _lowered(text: str) -> str:
    """Put into small letters one by one, so that each stays where it was."""
    single = (character.lower() for character in text.replace("’", "'"))
    return "".join(lower if len(lower) == 1 else "?" for lower in single)
