"""The mails of fixed words."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from email import message_from_bytes, policy
from typing import TYPE_CHECKING

import pytest

from sinkwatch import signup
from sinkwatch.errors import ConfigError
from sinkwatch.model import Frequency, MailKind, Message, Signup, SignupPurpose, Topic
from sinkwatch.notify import notices
from sinkwatch.notify.tokens import Purpose
from tests.notify.builders import (
    AT,
    HOSTILE,
    MESSAGE_ID,
    a_subscriber,
    a_subscription,
    another_subscription,
)
from tests.notify.reading import BANNED, Parsed, html_of, normal, text_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage

    from sinkwatch.model import Area
    from sinkwatch.notify.render import Sender
    from sinkwatch.notify.tokens import Signer

    Notice = Callable[..., Message]

NAMES = [
    "confirmation",
    "confirmation of more",
    "confirmation of a move",
    "manage_link",
    "still_there",
    "address_changed",
    "export",
    "operator",
]
ON_A_LIST = {"still_there"}


def a_signup(**changed: object) -> Signup:
    values: dict[str, object] = {
        "signup_id": "51gnup",
        "email": "resident@example.org",
        "purpose": SignupPurpose.SUBSCRIBE,
        "created_at": AT,
        "wanted": (a_subscription(),),
    }
    return Signup(**{**values, **changed})  # type: ignore[arg-type]


@pytest.fixture
def notice(sender: Sender, ripon: Area) -> Notice:
    """Write the notice of a name, with everything usual but what the test names."""

    def make(name: str, **changed: object) -> Message:
        both = a_subscriber(a_subscription(), another_subscription())
        move = a_signup(purpose=SignupPurpose.CHANGE_ADDRESS, wanted=())
        values: dict[str, object] = {
            "sender": sender,
            "area": ripon,
            "message_id": MESSAGE_ID,
            "at": AT,
        }
        write, arguments, more = {
            "confirmation": (notices.confirmation, [a_signup()], {"is_known": False}),
            "confirmation of more": (notices.confirmation, [a_signup()], {"is_known": True}),
            "confirmation of a move": (notices.confirmation, [move], {"is_known": False}),
            "manage_link": (notices.manage_link, [both], {}),
            "still_there": (notices.still_there, [both], {"ends_on": date(2027, 1, 21)}),
            "address_changed": (notices.address_changed, ["resident@example.org"], {}),
            "export": (notices.export, ["resident@example.org", {"places": ["HG4 1HS"]}], {}),
            "operator": (
                notices.operator,
                ["operator@example.org", "A run waits", ["It concerns 45 subscribers."]],
                {"dedupe_key": "run:12"},
            ),
        }[name]
        arguments = changed.pop("arguments", arguments)
        return write(*arguments, **{**values, **more, **changed})  # type: ignore[operator]

    return make


def parsed(message: Message) -> EmailMessage:
    return message_from_bytes(message.mime, policy=policy.default)


# ── All of them ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", NAMES)
def test_every_fact_of_the_html_stands_in_the_text(notice: Notice, name: str) -> None:
    message = notice(name)
    text = normal(text_of(message))
    page = Parsed(html_of(message))
    assert [chunk for chunk in page.chunks if chunk not in text] == []
    links = [attributes.get("href") or "" for _, attributes in page.tags]
    assert [link for link in links if link.removeprefix("mailto:") not in text] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_headers_are_these_each_once_and_no_other(notice: Notice, name: str) -> None:
    listed = ["List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"] if name in ON_A_LIST else []
    assert parsed(notice(name)).keys() == [
        "From",
        "To",
        "Date",
        "Message-ID",
        "Subject",
        *listed,
        "Auto-Submitted",
        "Precedence",
        "X-Auto-Response-Suppress",
        "MIME-Version",
        "Content-Type",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_notice_is_calm_short_and_has_no_picture_and_nothing_from_elsewhere(
    notice: Notice, name: str
) -> None:
    message = notice(name)
    html = html_of(message)
    assert len(message.subject) <= 78
    assert len(html.encode()) < 10_000
    for form in (text_of(message), " ".join(Parsed(html).chunks), message.subject):
        assert BANNED.findall(form) == []
    assert {tag for tag, _ in Parsed(html).tags} <= {
        "html", "head", "meta", "title", "body", "div", "p", "h1", "a",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_same_arguments_give_the_same_bytes(notice: Notice, name: str) -> None:
    assert notice(name) == notice(name)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_why_it_came_and_whom_to_ask(notice: Notice, name: str) -> None:
    text = normal(text_of(notice(name)))
    assert "You get this because " in text
    assert "https://ripon.example.org/privacy" in text
    assert "Answers come within 5 working days: corrections@example.org" in text


@pytest.mark.parametrize(
    ("name", "kind", "dedupe_key"),
    [
        ("confirmation", MailKind.CONFIRMATION, "confirmation:51gnup"),
        ("confirmation of a move", MailKind.CONFIRMATION, "confirmation:51gnup"),
        ("manage_link", MailKind.SERVICE, f"manage:{MESSAGE_ID}"),
        ("still_there", MailKind.SERVICE, "still-there:5ub5cr1b3r:2027-01-21"),
        ("address_changed", MailKind.SERVICE, f"address-changed:{MESSAGE_ID}"),
        ("export", MailKind.SERVICE, f"export:{MESSAGE_ID}"),
        ("operator", MailKind.OPERATOR, "run:12"),
    ],
)
def test_each_is_of_its_kind_and_said_once(
    notice: Notice, name: str, kind: MailKind, dedupe_key: str
) -> None:
    message = notice(name)
    assert (message.kind, message.dedupe_key) == (kind, dedupe_key)
    assert message.event_keys == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_time_without_a_zone_is_refused(notice: Notice, name: str) -> None:
    with pytest.raises((ConfigError, ValueError), match="zone"):
        notice(name, at=AT.replace(tzinfo=None))


def test_an_address_that_is_not_canonical_is_refused_and_not_repeated(notice: Notice) -> None:
    with pytest.raises(ConfigError) as refused:
        notice("address_changed", arguments=["Resident@EXAMPLE.org"])
    assert "esident" not in str(refused.value)


# ── To confirm ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", NAMES[:3])
def test_the_link_confirms_that_request_and_nothing_else(
    notice: Notice, signer: Signer, name: str
) -> None:
    message = notice(name)
    (token,) = set(re.findall(r"https://ripon\.example\.org/confirm/([\w.-]+)", text_of(message)))
    assert signer.unsign(Purpose.CONFIRM, token, now=AT) == "51gnup"
    assert message.signup_id == "51gnup"
    assert message.subscriber_id is None
    assert "/u/" not in text_of(message)
    assert "/m/" not in text_of(message)


def test_a_confirmation_says_what_was_asked_in_our_words_alone(notice: Notice) -> None:
    asked = a_signup(
        wanted=(another_subscription(topics=frozenset({Topic.RECORDS})),),
        frequency=Frequency.WEEKLY,
    )
    message = notice("confirmation", arguments=[asked])
    text = normal(text_of(message))
    assert message.subject == "Please confirm: e-mails about HG4 2AB"
    for sentence in (
        (
            "has asked us to send e-mails to this address, once a week, about what lies within "
            "1,000 m of HG4 2AB: records of ground collapse and any change of the postcode's band."
        ),
        "“I agree to be sent e-mails about ground stability near HG4 2AB, until I stop them.”",
        "only pressing that changes anything. It is good for 48 hours.",
        "If you did not ask for this, do nothing: you will hear nothing more of it.",
    ):
        assert sentence in text


@pytest.mark.parametrize("name", ["confirmation", "confirmation of more"])
def test_a_confirmation_calls_the_rock_what_its_area_does(
    notice: Notice, ripon: Area, name: str
) -> None:
    asked = a_signup(wanted=(a_subscription(topics=frozenset({Topic.BELT})),))
    message = notice(name, arguments=[asked], area=replace(ripon, rock="chalk"))
    assert "every planning application where chalk is present" in normal(text_of(message))


def test_somebody_who_subscribes_already_is_told_so(notice: Notice) -> None:
    message = notice("confirmation of more")
    text = normal(text_of(message))
    assert message.subject == "Please confirm: HG4 1HS"
    assert "You already subscribe to our e-mails." in text
    assert "Add or change HG4 1HS:" in text


def test_a_new_address_is_asked_without_saying_where_anyone_lives(notice: Notice) -> None:
    text = text_of(notice("confirmation of a move"))
    assert "to this address from now on" in normal(text)
    assert "HG4" not in text


def test_many_places_make_no_long_subject(notice: Notice) -> None:
    wanted = tuple(a_subscription(postcode=f"HG4 {n}AB") for n in range(9))
    message = notice("confirmation", arguments=[a_signup(wanted=wanted)])
    assert message.subject == "Please confirm: e-mails about HG4 0AB and 8 more places"


def test_the_times_that_mails_name_are_those_that_links_last() -> None:
    assert notices.CONFIRM_WITHIN == signup.CONFIRM_WITHIN
    assert notices.MANAGE_WITHIN == signup.MANAGE_WITHIN


# ── To subscribers ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["manage_link", "still_there"])
def test_the_link_opens_ones_own_page(notice: Notice, signer: Signer, name: str) -> None:
    message = notice(name)
    (token,) = set(re.findall(r"https://ripon\.example\.org/m/([\w.-]+)", text_of(message)))
    assert signer.unsign(Purpose.MANAGE, token, now=AT).partition("-")[0] == "5ub5cr1b3r"
    assert message.subscriber_id == "5ub5cr1b3r"


def test_the_link_to_ones_page_says_how_long_it_lasts(notice: Notice) -> None:
    assert "The link is good for 90 days." in normal(text_of(notice("manage_link")))


def test_who_is_asked_again_hears_when_it_ends_and_can_leave_at_once(
    notice: Notice, signer: Signer
) -> None:
    message = notice("still_there")
    text = normal(text_of(message))
    assert "On 3 May 2026 you agreed to e-mails about ground stability near HG4 1HS and" in text
    assert "Without an answer the e-mails end on 21 January 2027, and what we keep" in text
    (token,) = re.findall(r"<https://ripon\.example\.org/u/([\w.-]+)>", message.mime.decode())
    assert signer.unsign(Purpose.UNSUBSCRIBE, token, now=AT) == "5ub5cr1b3r"
    assert f"https://ripon.example.org/u/{token}" in text


def test_the_old_address_does_not_hear_the_new_one(notice: Notice) -> None:
    message = notice("address_changed")
    text = text_of(message)
    assert set(re.findall(r"[\w.]+@[\w.]+", text)) == {"corrections@example.org"}
    assert "On 22 November 2026 our e-mails about ground stability were moved" in normal(text)
    assert message.subscriber_id is None


def test_an_export_has_all_that_is_held_as_a_file(notice: Notice) -> None:
    held = {"email": "résident", "places": [{"postcode": "HG4 1HS"}], "subscriber": None}
    mail = parsed(notice("export", arguments=["resident@example.org", held]))
    (attached,) = mail.iter_attachments()
    assert attached.get_content_type() == "application/json"
    assert attached.get_filename() == "what-we-keep.json"
    assert json.loads(attached.get_payload(decode=True)) == held
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "application/json",
    ]


# ── To the operator ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_the_operator_is_told_is_shown_and_never_obeyed(notice: Notice, hostile: str) -> None:
    message = notice("operator", arguments=["operator@example.org", hostile, [hostile, "", "End."]])
    page, benign = Parsed(html_of(message)), Parsed(html_of(notice("operator")))
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in benign.tags}
    assert len(message.subject) <= 78
    assert message.subject.isprintable()
    assert "Bcc" not in parsed(message)
    assert "End." in text_of(message)


def test_a_flood_of_lines_fits_one_mail(notice: Notice) -> None:
    message = notice("operator", arguments=["operator@example.org", "Much", ["line " * 400] * 500])
    assert len(message.mime) < 1_000_000
