"""What may not be said, what must be, and what a title may hold."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch import lint, wording
from sinkwatch.errors import WordingError
from sinkwatch.model import ANY_ROCK
from tests import dossiers, world

DATA = Path(__file__).parents[1] / "data"

REQUIRED = (
    f"{wording.disclaimer('gypsum')}\n{wording.LIMITS}\nSource: a survey's page. Made on "
    "22 November 2026, 1:2500 at A4. Corrections to somebody@example.org. The ground is "
    "susceptible; about 80 m (± 170 m)."
)


def _leaves(value: object) -> list[str]:
    """List every text in what a TOML file or a table holds."""
    if isinstance(value, str):
        return [value]
    children = value.values() if isinstance(value, dict) else value
    return [leaf for child in children for leaf in _leaves(child)] if _holds(value) else []


def _holds(value: object) -> bool:
    return isinstance(value, dict | list | tuple)


# --- What may not be said ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("The site is safe.", "safe"),
        ("It can be built on safely.", "safely"),
        ("An unsafe property.", "unsafe"),
        ("These rings are not safe distances.", "safe"),
        ("There is no risk here.", "no risk"),
        ("A risk-free plot.", "risk-free"),
        ("The ground will collapse.", "will collapse"),
        ("It will probably never subside.", "will probably never subside"),
        ("It is bound to sink.", "is bound to sink"),
        ("A collapse is imminent.", "imminent"),
        ("This is a danger zone.", "danger zone"),
        ("Some are at risk of collapse.", "at risk of collapse"),
        ("The house is at risk.", "house is at risk"),
        ("It is worth less.", "worth"),
        ("It is uninsurable.", "uninsurable"),
        ("This devalues homes.", "devalues"),
        ("Nothing is guaranteed.", "guaranteed"),
        ("The hole was caused by rain.", "caused by"),
        ("It lies in the council’s zone C.", "in the council’s zone C"),
        ("These are the council's areas.", "are the council's areas"),
        ("BGS endorses this map.", "BGS endorses"),
        ("The British Geological Survey says so.", "British Geological Survey says"),
        ("It was approved by BGS.", "approved by BGS"),
        ("The council supports this pack.", "council supports this"),
        ("The odds are high.", "odds"),
        ("The probability of a hole is high.", "probability of"),
        ("That is 1 in 87,000.", "1 in 87,000"),
        ("The developer has concealed it.", "developer has concealed"),
        ("They were negligent.", "negligent"),
        ("It should be refused.", "should be refused"),
        ("This is urgent.", "urgent"),
        ("DO NOT BUILD here.", "DO NOT BUILD"),
        ("A WARNING to all.", "WARNING"),
    ],
)
def test_words_that_promise_foretell_frighten_or_blame_are_found_as_written(
    text: str, phrase: str
) -> None:
    assert lint.faults(text) == (phrase,)


@pytest.mark.parametrize("phrase", world.BANNED_WORDS)
def test_every_word_that_mails_and_pages_avoid_is_found_here_too(phrase: str) -> None:
    assert lint.faults(f"This is {phrase} and so on.")


@pytest.mark.parametrize(
    "text",
    [
        "Hemsworth Walk lies on safeguarded land.",
        "It will be assessed, and each collapse will be listed.",
        "Bands are relative levels of recorded evidence, not odds.",
        "The zones are not the council's areas A, B and C.",
        "It is not known whether the site lies in the council's area C.",
        "It is not endorsed by BGS.",
        "An application was approved by the council.",
        "3 of 40 records; 1 in 2014.",
        "Application 24/03097/FUL, BGS and NPPF, SE 315 718, HG4 1HS.",
        "Keep away and call 999 if anyone is at risk.",
        "",
    ],
)
def test_innocent_sentences_are_left_alone(text: str) -> None:
    assert lint.faults(text) == ()


def test_a_denial_counts_only_before_the_words_and_in_their_own_sentence() -> None:
    assert lint.faults("The odds are not given.") == ("odds",)
    assert lint.faults("It is not far. The odds are high.") == ("odds",)


def test_faults_come_in_their_order_each_once() -> None:
    text = "URGENT: no risk, it is safe. Is it safe? It was caused by rain."
    assert lint.faults(text) == ("URGENT", "no risk", "safe", "caused by")


def test_line_breaks_wide_letters_and_unseen_characters_hide_nothing() -> None:
    assert lint.faults("no\n\u00a0risk") == ("no risk",)
    assert lint.faults("\uff33\uff21\uff26\uff25") == ("SAFE",)
    assert lint.faults("sa\u200bfe") == ("safe",)


def test_a_letter_that_grows_when_made_small_does_not_shift_what_is_shown() -> None:
    assert lint.faults("\u0130\u0130\u0130 is safe.") == ("safe",)


def test_what_others_wrote_may_say_what_it_likes_between_quotation_marks() -> None:
    assert lint.faults("The council wrote “100% SAFE, no risk” in 2013.") == ()
    assert lint.faults("There is no “planning” risk.") == (), "a quotation parts the words"
    assert lint.faults("“It is safe.” It is safe.") == ("safe",)


@pytest.mark.parametrize(
    "text", ["He said “so.", "so” it was.", "“a “b” c”", "”so“", "One “. Two ” safe”"]
)
def test_a_quotation_mark_without_its_pair_is_a_fault_itself(text: str) -> None:
    assert any("unpaired" in fault for fault in lint.faults(text))


@given(st.text(alphabet="“” safe.urgnt\n", max_size=30))
def test_whatever_is_quoted_and_however_it_ends(text: str) -> None:
    quoted = text.replace("“", "'").replace("”", "'")
    assert lint.faults(f"It reads “{quoted}” there.") == ()


def test_checking_names_place_sentence_phrase_and_way_out() -> None:
    with pytest.raises(WordingError) as raised:
        lint.check(["All is well.", "A first one. “Secret” is caused by rain."], what="summary")
    assert str(raised.value) == (
        "summary, '“…” is caused by rain.': holds 'caused by', which no pack may say. "
        "Quote the report that names a cause."
    )


def test_a_refused_sentence_is_shown_short_and_without_personal_data() -> None:
    sentence = f"It is safe, wrote Mr Smith of a.b@example.org{' and so on' * 40}"
    with pytest.raises(WordingError) as raised:
        lint.check([sentence], what="summary")
    assert "Smith" not in str(raised.value)
    assert "@" not in str(raised.value)
    assert len(str(raised.value)) < 300


def test_checking_passes_what_may_be_said() -> None:
    lint.check([], what="nothing")
    lint.check((wording.LIMITS, wording.disclaimer("gypsum")), what="standing text")


# --- Our own standing words -------------------------------------------------------------------


def test_every_standing_sentence_passes() -> None:
    constants = [
        value for name, value in vars(wording).items() if name.isupper() and name[0] != "_"
    ]
    texts = _leaves(constants)
    assert wording.LIMITS in texts
    assert set(wording.EVIDENCE_NOTES.values()) < set(texts)
    assert [fault for text in texts for fault in lint.faults(text)] == []


@pytest.mark.parametrize("name", ["bands.toml", "ripon/area.toml", "ripon/policies.toml"])
def test_every_text_of_the_files_that_ship_passes(name: str) -> None:
    texts = _leaves(tomllib.loads((DATA / name).read_text(encoding="utf-8")))
    plain = [text for text in texts if "://" not in text]
    assert len(plain) > len(world.BANNED_WORDS)
    assert {text: lint.faults(text) for text in plain if lint.faults(text)} == {}


def test_the_made_up_dossier_of_the_tests_passes() -> None:
    dossier = dossiers.a_dossier()
    lint.check([*dossier.summary, *dossier.weaknesses, *dossier.method, dossier.draft], what="it")


# --- What has to be said ----------------------------------------------------------------------


def test_a_pack_that_says_all_it_must_passes_wherever_its_lines_break() -> None:
    lint.check_required(REQUIRED, what="evidence.pdf")
    lint.check_required(REQUIRED.replace(" ", "\n"), what="evidence.pdf")


def test_a_pack_calls_the_rock_what_its_area_does() -> None:
    said = REQUIRED.replace("where gypsum is", "where {} is")
    assert said != REQUIRED
    for rock in ("chalk and limestone", ANY_ROCK, "r" * 60):
        lint.check_required(said.format(rock), what="evidence.pdf")
    for rock in ("", "r" * 61, "gypsum is. Salt"):
        with pytest.raises(WordingError, match="lacks the disclaimer"):
            lint.check_required(said.format(rock), what="evidence.pdf")


@pytest.mark.parametrize(
    ("left_out", "named"),
    [
        ("Positions are approximate. ", "the disclaimer"),
        ("mail can be late or lost", "the limits"),
        ("Source: ", 'a line that names its "Source"'),
        ("Corrections", "where corrections go"),
        ("susceptible", '"susceptible", "susceptibility" or "recorded evidence"'),
        ("(± 170 m)", "an uncertainty"),
        ("1:2500", "a scale"),
        ("22 November 2026", "a date"),
    ],
)
def test_whatever_is_left_out_is_named(left_out: str, named: str) -> None:
    assert left_out in REQUIRED.replace("\n", " ")
    with pytest.raises(WordingError) as raised:
        lint.check_required(REQUIRED.replace(left_out, ""), what="evidence.pdf")
    assert str(raised.value) == (f"evidence.pdf: lacks {named}. Put them back; all are needed.")


def test_an_empty_pack_lacks_everything() -> None:
    with pytest.raises(
        WordingError, match=r'the disclaimer, the limits, .*"not a survey", .*and a'
    ):
        lint.check_required("", what="evidence.pdf")


# --- Titles -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Old Auction Mart, North Road", "Old Auction Mart, North Road"),
        ("  Plots  < 10 m & more ", "Plots < 10 m & more"),
        ("Objection by Mr Jones, 01765 123456", "Objection by [removed], [removed]"),
        ("gnir\u202e\u200b Cafe\u0301", "gnir Café"),
        ("#link(1) $x$ \\n {{ }} 東京", "#link(1) $x$ \\n {{ }} 東京"),
        ("x" * lint.TITLE_LIMIT, "x" * lint.TITLE_LIMIT),
    ],
)
def test_a_title_is_cleaned_and_masked(typed: str, kept: str) -> None:
    assert lint.title(typed) == kept


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        ("", "it is empty"),
        (" \u200b ", "it is empty"),
        ("two\nlines", "it holds control characters"),
        ("a\x1b[2Jb", "it holds control characters"),
        ("a\x00b", "it holds control characters"),
        ("<b>Yard</b>", "it holds markup"),
        ("Yard</", "it holds markup"),
        ("<\u200bscript>", "it holds markup"),
        ("&lt;b&gt;", "it holds markup"),
        ("a &#60; b", "it holds markup"),
        ("<!-- Yard", "it holds markup"),
        ("The “Yard”", "it holds “ or ”"),
        ("x" * 121, "it has 121 characters, more than 120"),
        ("Why it will collapse", "holds 'will collapse', which no pack may say"),
        ("OLD AUCTION MART", "holds 'OLD AUCTION', which no pack may say"),
    ],
)
def test_a_title_that_cannot_be_printed_is_refused_with_a_way_out(typed: str, rule: str) -> None:
    with pytest.raises(WordingError) as raised:
        lint.title(typed)
    assert raised.value.rule == rule
    assert raised.value.way_out


def test_a_refused_title_is_shown_short_and_without_personal_data() -> None:
    with pytest.raises(WordingError) as raised:
        lint.title("<b> of a.b@example.org " + "x" * 200)
    assert str(raised.value).startswith("title '<b> of [removed]")
    assert len(raised.value.value) < 60


@given(st.text(max_size=140))
def test_whatever_is_typed_is_refused_or_fit_to_print(typed: str) -> None:
    kept = ""
    with suppress(WordingError):
        kept = lint.title(typed)
    if kept:
        assert kept.isprintable()
        assert len(kept) <= lint.TITLE_LIMIT
        assert lint.faults(kept) == ()
        assert lint.title(kept) == kept
