"""Asking, confirming, changing, leaving: what each does, and that none tells tales."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from sinkwatch import erasures, mailroom, signup, wording
from sinkwatch.errors import ConfigError, LimitError, PlaceError, StoreError, TokenError
from sinkwatch.model import DEFAULT_TOPICS, Frequency, MailKind, SubscriptionId, Topic
from sinkwatch.notify import addresses
from sinkwatch.notify.tokens import Purpose
from sinkwatch.store import outbox, subscribers, suppressions
from tests.mailing import (
    AWAY,
    HOME,
    Town,
    a_place,
    a_town,
    a_wish,
    asks,
    near,
    one_gazetteer,
    parsed,
    plain_maps,
    surveyed,
    text_of,
    token_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sinkwatch.model import Message, Signup, Subscriber

WHO = "resident@example.org"
CLIENT = "192.0.2.1"
QUARTER = timedelta(minutes=15)


@pytest.fixture(autouse=True)
def _plain_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    plain_maps(monkeypatch)


@pytest.fixture(autouse=True)
def _data_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one_gazetteer(monkeypatch)


@pytest.fixture
def town(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with a_town(tmp_path, tmp_path_factory.getbasetemp()) as opened:
        yield opened


def mails(town: Town) -> list[Message]:
    """Let the requests be answered; return what went."""
    signup.handle(town.services, town.store)
    return town.delivers()


def confirms(town: Town, mail: Message) -> Any:  # noqa: ANN401 - a subscriber, unless it is told apart
    return signup.confirm(town.services, town.store, token_in(mail))


def hmac(town: Town, email: str = WHO) -> str:
    return addresses.address_hmac(town.services.secret(), email)


def reason(town: Town, email: str = WHO) -> str:
    with town.store.read() as connection:
        return suppressions.reason(connection, hmac(town, email))


def suppress(town: Town, why: str, email: str = WHO) -> None:
    with town.store.begin() as connection:
        suppressions.suppress(connection, hmac(town, email), why, town.clock())


def log_of(town: Town) -> list[tuple[str, str]]:
    """Return what the erasure log says of whom."""
    return [(one.what, one.address_hmac) for one in erasures.since(_log(town)).erasures]


def _log(town: Town) -> Path:
    return erasures.log_file(town.services)


class TestAsking:
    def test_from_the_form_to_a_confirmed_place(self, town: Town) -> None:
        wish = a_wish("hg41hs", 750.0, Topic.RECORDS)
        asks(town, "Resident@EXAMPLE.org", wish, frequency=Frequency.WEEKLY)
        assert town.people() == ()
        (mail,) = mails(town)
        assert (mail.kind, mail.recipient) == (MailKind.CONFIRMATION, "Resident@example.org")
        assert "agreed" not in mail.subject
        waiting = signup.pending(town.services, town.store, token_in(mail))
        assert waiting is not None
        assert [place.postcode for place in waiting.wanted] == [HOME]
        town.clock.move(hours=1)
        person = confirms(town, mail)
        assert person == town.person()
        (place,) = person.subscriptions
        assert (place.postcode, place.radius_m, place.topics) == (
            HOME,
            750.0,
            frozenset({Topic.RECORDS}),
        )
        assert (place.easting, place.northing) == (431_480.0, 471_750.0)
        assert person.email == "Resident@example.org"
        assert person.frequency is Frequency.WEEKLY
        assert person.confirmed_at == person.digested_at == place.confirmed_at == town.clock()
        assert mails(town) == []

    def test_the_consent_is_kept_whole(self, town: Town) -> None:
        asks(town)
        asked_at = town.clock()
        (mail,) = mails(town)
        town.clock.move(hours=2)
        confirms(town, mail)
        words = wording.consent_text([HOME])
        assert words in text_of(mail)
        expected = {
            "for": words,
            "version": wording.CONSENT_VERSION,
            "sha256": hashlib.sha256(words.encode()).hexdigest(),
            "form": "web",
            "asked_at": asked_at.isoformat(),
            "confirmed_at": town.clock().isoformat(),
        }
        assert town.rows("subscribers", "consent") == [(expected,)]
        assert town.rows("subscriptions", "consent") == [(expected,)]

    @pytest.mark.parametrize(
        ("email", "wish", "error"),
        [
            ("no address", a_wish(), ConfigError),
            (WHO, a_wish("YO1 7HH"), PlaceError),
            (WHO, a_wish(radius_m=249.0), PlaceError),
            (WHO, a_wish(radius_m=2_001.0), PlaceError),
            (WHO, signup.Wish(postcode=HOME, radius_m=500, topics=frozenset()), PlaceError),
        ],
    )
    def test_what_cannot_be_served_is_refused_and_nothing_is_kept(
        self, town: Town, email: str, wish: signup.Wish, error: type[Exception]
    ) -> None:
        with pytest.raises(error) as refused:
            asks(town, email, wish)
        assert WHO not in str(refused.value)
        assert town.rows("signups", "signup_id") == town.rows("tallies", "tally_id") == []

    @pytest.mark.parametrize("radius_m", [250.0, 2_000.0])
    def test_the_edges_of_the_radius_are_offered(self, town: Town, radius_m: float) -> None:
        asks(town, wish=a_wish(radius_m=radius_m))
        assert len(town.rows("signups", "signup_id")) == 1

    def test_a_postcode_that_is_found_elsewhere_is_taken(
        self, town: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looked_up = []
        known = signup.wishes._names  # noqa: SLF001 - the lists before and after

        def look_up(_: object, postcode: str) -> bool:
            looked_up.append(postcode)
            monkeypatch.setattr(signup.wishes, "_names", known)
            return True

        def unknown(_: object) -> NoReturn:
            raise PlaceError("it", "is not held", "Try another")

        monkeypatch.setattr(signup.wishes, "_names", unknown)
        monkeypatch.setattr(signup.wishes.intake, "look_up", look_up)
        asks(town)
        assert looked_up == [HOME]
        assert len(town.rows("signups", "signup_id")) == 1

    def test_one_that_cannot_be_kept_is_counted_nowhere(
        self, town: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise StoreError("the disk", "is full", "Free some space")

        monkeypatch.setattr(signup.asking.signups, "add", fail)
        with pytest.raises(StoreError):
            asks(town)
        assert town.rows("tallies", "tally_id") == []


class TestWhatAnAddressGets:
    def test_an_unknown_one_is_asked_to_confirm(self, town: Town) -> None:
        asks(town)
        (mail,) = mails(town)
        assert "You already subscribe" not in text_of(mail)

    def test_one_that_waits_gets_no_second_mail_within_the_limits(self, town: Town) -> None:
        asks(town)
        asks(town)
        assert len(mails(town)) == 1
        assert town.rows("signups", "handled_at") == [(town.clock(),)] * 2

    @pytest.mark.parametrize("who", [WHO, "RESIDENT@example.org"])
    def test_one_that_is_subscribed_is_told_so_whatever_its_case(
        self, town: Town, who: str
    ) -> None:
        town.resident(WHO)
        asks(town, who, a_wish(AWAY))
        (mail,) = mails(town)
        assert "You already subscribe" in text_of(mail)
        person = confirms(town, mail)
        assert [place.postcode for place in person.subscriptions] == [HOME, AWAY]
        assert town.person().email == WHO

    def test_a_second_request_for_a_place_changes_it(self, town: Town) -> None:
        before = town.resident(WHO, frequency=Frequency.DAILY)
        asks(town, wish=a_wish(HOME, 1_500.0, Topic.BELT), frequency=Frequency.MONTHLY)
        (mail,) = mails(town)
        confirms(town, mail)
        (place,) = town.person().subscriptions
        assert (place.radius_m, place.topics) == (1_500.0, frozenset({Topic.BELT}))
        assert place.subscription_id == before.subscriptions[0].subscription_id
        assert town.person().frequency is Frequency.DAILY  # a choice of the person, not of a place

    @pytest.mark.parametrize(
        "why", [suppressions.BOUNCED, suppressions.COMPLAINED, suppressions.BY_OPERATOR]
    )
    def test_one_that_must_not_be_written_to_gets_nothing(self, town: Town, why: str) -> None:
        suppress(town, why)
        asks(town)
        assert mails(town) == []
        assert town.rows("messages", "message_id") == []
        assert reason(town) == why

    @pytest.mark.parametrize("why", [suppressions.UNSUBSCRIBED, suppressions.ERASED])
    def test_one_that_left_may_come_back_once_it_confirms(self, town: Town, why: str) -> None:
        suppress(town, why)
        asks(town)
        (mail,) = mails(town)
        assert reason(town) == why
        confirms(town, mail)
        assert reason(town) == ""
        assert town.person().email == WHO

    def test_ten_places_are_the_most(self, town: Town) -> None:
        places = [a_place(HOME, postcode=f"HG4 1A{letter}") for letter in "ABCDEFGHJK"]
        town.resident(WHO, *places)
        asks(town, wish=a_wish(AWAY))
        (mail,) = mails(town)
        with pytest.raises(TokenError, match="would add an 11th place, which is more"):
            confirms(town, mail)
        with town.store.begin() as connection:
            subscribers.remove_place(connection, places[0].subscription_id)
        assert len(confirms(town, mail).subscriptions) == 10

    def test_fifty_are_answered_in_a_round_and_the_rest_in_the_next(
        self, town: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(signup.asking, "_HANDLED_AT_ONCE", 2)
        for number in range(3):
            asks(town, f"r{number}@example.org")
        assert signup.handle(town.services, town.store) == 2
        assert signup.handle(town.services, town.store) == 1
        assert signup.handle(town.services, town.store) == 0

    def test_a_request_that_another_worker_answers_meanwhile_is_left_to_it(
        self, town: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asks(town)
        with town.store.read() as connection:
            read_before = signup.asking.signups.unhandled(connection, 50)
        assert signup.handle(town.services, town.store) == 1
        monkeypatch.setattr(signup.asking.signups, "unhandled", lambda *_: read_before)
        assert signup.handle(town.services, town.store) == 0
        assert len(town.delivers()) == 1

    def test_a_mail_that_cannot_be_queued_is_tried_again(
        self, town: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asks(town)

        def fail(*_: object) -> bool:
            raise StoreError("the disk", "is full", "Free some space")

        with monkeypatch.context() as patched:
            patched.setattr(outbox, "enqueue", fail)
            with pytest.raises(StoreError):
                signup.handle(town.services, town.store)
        assert len(mails(town)) == 1

    def test_one_request_that_we_fail_at_costs_no_other_its_mail(
        self, town: Town, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        asks(town, "bad@example.org")
        asks(town, WHO)
        real = signup.asking.notices.confirmation

        def confirmation(request: Signup, **rest: Any) -> Message:  # noqa: ANN401 - as it was called
            if request.email == "bad@example.org":
                raise ValueError("bad@example.org")
            return real(request, **rest)

        monkeypatch.setattr(signup.asking.notices, "confirmation", confirmation)
        assert [mail.recipient for mail in mails(town)] == [WHO]
        assert "ValueError, a fault in sinkwatch" in caplog.text
        assert "bad@" not in caplog.text
        assert mails(town) == []  # it is not tried for ever


class TestResending:
    def test_the_earlier_link_stays_good_and_both_act_once(self, town: Town) -> None:
        asks(town)
        (first,) = mails(town)
        town.clock.now += QUARTER
        signup.resend(town.services, town.store, email=WHO.upper(), client=CLIENT)
        (second,) = mails(town)
        assert first.message_id != second.message_id
        assert signup.pending(town.services, town.store, token_in(first)) is not None
        assert confirms(town, first).email == WHO
        assert confirms(town, second) is None
        assert len(town.person().subscriptions) == 1

    def test_the_later_link_is_good_for_its_own_two_days(self, town: Town) -> None:
        asks(town)
        (first,) = mails(town)
        town.clock.move(days=6, hours=23)
        signup.resend(town.services, town.store, email=WHO, client=CLIENT)
        (second,) = mails(town)
        town.clock.move(hours=47)
        mailroom.work(town.services, town.store, surveyed=surveyed)  # tidies
        with pytest.raises(TokenError, match="expired"):
            confirms(town, first)
        assert confirms(town, second).email == WHO

    def test_asked_for_too_soon_the_first_mail_still_goes(self, town: Town) -> None:
        asks(town)
        signup.handle(town.services, town.store)
        signup.resend(town.services, town.store, email=WHO, client=CLIENT)
        (only,) = mails(town)
        assert confirms(town, only).email == WHO

    def test_an_address_that_asked_for_nothing_gets_nothing(self, town: Town) -> None:
        town.resident(WHO)
        for who in (WHO, "nobody@example.org"):
            signup.resend(town.services, town.store, email=who, client=CLIENT)
        assert mails(town) == []

    def test_it_counts_as_a_form(self, town: Town) -> None:
        for _ in range(5):
            signup.resend(town.services, town.store, email=WHO, client=CLIENT)
        with pytest.raises(LimitError):
            signup.resend(town.services, town.store, email=WHO, client=CLIENT)


class TestConfirming:
    def test_a_second_time_does_nothing(self, town: Town) -> None:
        asks(town)
        (mail,) = mails(town)
        assert confirms(town, mail) is not None
        assert confirms(town, mail) is None
        assert signup.pending(town.services, town.store, token_in(mail)) is None
        assert len(town.people()) == 1

    def test_is_good_for_48_hours_and_not_a_second_longer(self, town: Town) -> None:
        asks(town)
        (mail,) = mails(town)
        town.clock.move(hours=48, seconds=1)
        with pytest.raises(TokenError, match="expired"):
            confirms(town, mail)
        town.clock.move(seconds=-1)
        assert confirms(town, mail) is not None

    def test_a_forged_link_does_nothing(self, town: Town) -> None:
        asks(town)
        (mail,) = mails(town)
        token = token_in(mail)
        forged = ("a" if token[0] != "a" else "b") + token[1:]
        leave = town.services.sender().signer.sign(
            Purpose.UNSUBSCRIBE, token.partition(".")[0], at=town.clock()
        )
        for bad in (forged, "", "x" * 300, leave):
            with pytest.raises(TokenError):
                signup.confirm(town.services, town.store, bad)
        assert town.people() == ()

    def test_looking_changes_nothing(self, town: Town) -> None:
        asks(town)
        (mail,) = mails(town)
        before = town.rows("signups", "signup_id", "handled_at")
        for _ in range(3):
            signup.pending(town.services, town.store, token_in(mail))
        assert town.rows("signups", "signup_id", "handled_at") == before

    def test_cut_off_in_the_middle_the_link_is_still_good(
        self, town: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asks(town)
        (mail,) = mails(town)

        def fail(*_: object) -> None:
            raise StoreError("the disk", "is full", "Free some space")

        with monkeypatch.context() as patched:
            patched.setattr(subscribers, "add", fail)
            with pytest.raises(StoreError):
                confirms(town, mail)
        assert confirms(town, mail).email == WHO


class TestAnotherAddress:
    NEW = "new@example.org"

    def ask(self, town: Town, email: str = NEW) -> Message:
        signup.ask_address(town.services, town.store, town.person(), email, client=CLIENT)
        (mail,) = mails(town)
        return mail

    def test_the_new_one_confirms_and_the_old_one_is_told(self, town: Town) -> None:
        before = town.resident(WHO)
        mail = self.ask(town)
        assert mail.recipient == self.NEW
        assert town.person().email == WHO
        town.clock.move(hours=1)
        after = confirms(town, mail)
        assert (after.subscriber_id, after.email) == (before.subscriber_id, self.NEW)
        assert town.person() == after
        (notice,) = town.delivers()
        assert notice.recipient == WHO
        assert notice.subject == "Our e-mails now go to another address"
        assert self.NEW not in notice.mime.decode()
        assert log_of(town) == [(erasures.What.ERASED, hmac(town))]

    def test_what_waits_for_the_old_one_goes_to_the_new_one(self, town: Town) -> None:
        town.resident(WHO)
        town.happens()
        town.composes()  # queued, not sent
        signup.ask_address(town.services, town.store, town.person(), self.NEW, client=CLIENT)
        signup.handle(town.services, town.store)
        (token,) = [signup_id for (signup_id,) in town.rows("signups", "signup_id")]
        signed = town.services.sender().signer.sign(Purpose.CONFIRM, token, at=town.clock())
        signup.confirm(town.services, town.store, signed)
        sent = [(mail.recipient, mail.kind) for mail in town.posts()]
        assert (self.NEW, MailKind.ALERT) in sent
        assert (WHO, MailKind.ALERT) not in sent

    def test_one_that_is_taken_is_a_clear_refusal_and_loses_nothing(self, town: Town) -> None:
        town.resident(WHO)
        mail = self.ask(town)
        other = town.resident(self.NEW.upper())
        with pytest.raises(TokenError, match="has a subscription of its own"):
            confirms(town, mail)
        assert {one.email for one in town.people()} == {WHO, self.NEW.upper()}
        assert log_of(town) == []
        assert town.delivers() == []
        signup.erase(town.services, town.store, other)
        # The request went with the other's; a new one succeeds.
        town.clock.now += QUARTER
        assert confirms(town, self.ask(town)).email == self.NEW

    def test_the_same_mailbox_in_another_case_is_no_address_that_was_left(self, town: Town) -> None:
        town.resident(WHO)
        assert (
            confirms(town, self.ask(town, "Resident@example.org")).email == "Resident@example.org"
        )
        assert log_of(town) == []
        assert town.delivers() == []

    def test_who_has_left_meanwhile_does_not_come_back(self, town: Town) -> None:
        person = town.resident(WHO)
        mail = self.ask(town)
        signup.erase(town.services, town.store, person)
        assert confirms(town, mail) is None
        assert town.people() == ()

    def test_who_was_being_asked_whether_they_still_want_mail_has_answered(
        self, town: Town
    ) -> None:
        person = town.resident(WHO)
        with town.store.begin() as connection:
            subscribers.note_asked(connection, person.subscriber_id, town.clock())
        confirms(town, self.ask(town))
        assert town.rows("subscribers", "asked_again_at") == [(None,)]

    def test_who_is_erased_before_the_move_is_recorded_is_not_moved(
        self, town: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        town.resident(WHO)
        mail = self.ask(town)

        def fail(*_: object, **__: object) -> None:
            raise StoreError("the erasure log", "cannot be written", "Free some space")

        with monkeypatch.context() as patched:
            patched.setattr(erasures, "note", fail)
            with pytest.raises(StoreError):
                confirms(town, mail)
        assert town.person().email == WHO
        assert confirms(town, mail).email == self.NEW


class TestLeaving:
    def token(self, town: Town, person: Subscriber) -> str:
        return town.services.sender().leave_token(person.subscriber_id, town.clock())

    def test_one_click_ends_everything_and_a_second_does_nothing(self, town: Town) -> None:
        person = town.resident(WHO)
        town.happens()
        town.composes()
        token = self.token(town, person)
        town.clock.move(days=3000)  # as long as a mail may be read
        signup.leave(town.services, town.store, token)
        signup.leave(town.services, town.store, token)
        assert town.people() == ()
        for table in ("messages", "alerts", "subscriptions", "signups"):
            columns = {"signups": "signup_id", "messages": "message_id"}
            assert town.rows(table, columns.get(table, "subscriber_id")) == []
        assert reason(town) == suppressions.UNSUBSCRIBED
        assert log_of(town) == [(erasures.What.UNSUBSCRIBED, hmac(town))]
        assert town.posts() == []

    @pytest.mark.parametrize("token", ["", "forged", "a.b.c"])
    def test_an_unknown_token_does_nothing_without_a_word(self, town: Town, token: str) -> None:
        town.resident(WHO)
        signup.leave(town.services, town.store, token)
        assert len(town.people()) == 1

    def test_with_the_last_place_one_leaves(self, town: Town) -> None:
        away = a_place(AWAY)
        person = town.resident(WHO, HOME, away)
        remove = (town.services, town.store)
        assert not signup.remove_place(*remove, person, SubscriptionId("of somebody else"))
        assert not signup.remove_place(*remove, person, away.subscription_id)
        assert log_of(town) == [(erasures.What.PLACE_REMOVED, hmac(town))]
        (last,) = town.person().subscriptions
        assert last.postcode == HOME
        assert signup.remove_place(*remove, town.person(), last.subscription_id)
        assert town.people() == ()
        assert reason(town) == suppressions.UNSUBSCRIBED

    def test_erasing_leaves_a_hash_and_no_byte_a_minute_later(self, town: Town) -> None:
        person = town.resident(WHO, HOME)
        town.happens()
        town.posts()
        signup.erase(town.services, town.store, person)
        assert town.people() == ()
        assert reason(town) == suppressions.ERASED
        town.clock.move(seconds=59)
        mailroom.work(town.services, town.store, surveyed=surveyed)
        assert not _held(town, WHO)

    def test_who_erases_takes_along_what_they_asked_for(self, town: Town) -> None:
        person = town.resident(WHO)
        asks(town, wish=a_wish(AWAY))
        (mail,) = mails(town)
        signup.erase(town.services, town.store, person)
        assert confirms(town, mail) is None
        assert town.rows("messages", "message_id") == []

    def test_if_it_cannot_be_kept_that_they_left_they_have_not(
        self, town: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        person = town.resident(WHO)

        def fail(*_: object, **__: object) -> None:
            raise StoreError("the erasure log", "cannot be written", "Free some space")

        monkeypatch.setattr(erasures, "note", fail)
        with pytest.raises(StoreError):
            signup.erase(town.services, town.store, person)
        assert town.person() == person
        assert reason(town) == ""


def _held(town: Town, words: str) -> list[str]:
    """Return the files of the database in which words stand."""
    return [
        path.name
        for path in town.services.settings.state_folder.glob("sinkwatch.db*")
        if words.encode() in path.read_bytes()
    ]


class TestSuppressing:
    def test_an_operator_erases_at_once_and_to_the_last_byte(self, town: Town) -> None:
        town.resident(WHO)
        asks(town, WHO.upper(), a_wish(AWAY))
        mails(town)
        assert signup.suppress(town.services, town.store, WHO, suppressions.BY_OPERATOR) == 1
        assert town.rows("messages", "message_id") == town.rows("signups", "signup_id") == []
        assert reason(town) == suppressions.BY_OPERATOR
        assert log_of(town) == [(erasures.What.BY_OPERATOR, hmac(town))]
        assert not _held(town, WHO)
        assert signup.suppress(town.services, town.store, WHO, suppressions.BY_OPERATOR) == 0

    def test_mails_to_an_address_that_was_left_go_too(self, town: Town) -> None:
        person = town.resident(WHO)
        town.happens()
        town.posts()
        with town.store.begin() as connection:
            subscribers.change_address(
                connection, person.subscriber_id, "new@example.org", town.clock()
            )
        assert signup.suppress(town.services, town.store, WHO, "a reason of their own") == 0
        assert not _held(town, WHO)
        assert town.person().email == "new@example.org"
        assert log_of(town) == [(erasures.What.ERASED, hmac(town))]

    def test_a_dead_address_is_given_up_with_its_requests(self, town: Town) -> None:
        asks(town)
        (mail,) = mails(town)
        assert not signup.give_up(town.services, town.store, WHO)
        assert reason(town) == suppressions.BOUNCED
        assert log_of(town) == [(erasures.What.BOUNCED, hmac(town))]
        assert confirms(town, mail) is None
        assert not signup.give_up(town.services, town.store, WHO)

    def test_a_dead_address_ends_its_subscription(self, town: Town) -> None:
        town.resident(WHO)
        assert signup.give_up(town.services, town.store, WHO)
        assert town.people() == ()
        assert reason(town) == suppressions.BOUNCED


class TestSoftBounces:
    def test_on_five_days_are_the_end_and_many_on_one_day_are_one(self, town: Town) -> None:
        person = town.resident(WHO)
        ends = []
        for _ in range(5):
            ends += [
                signup.soft_bounce(town.services, town.store, person.subscriber_id)
                for _ in range(3)
            ]
            town.clock.move(days=1)
        assert ends == [False] * 12 + [True, False, False]
        assert reason(town) == suppressions.BOUNCED

    def test_a_clock_that_was_set_back_counts_no_day_twice(self, town: Town) -> None:
        person = town.resident(WHO)
        for step in (1, 1, -2, 1, 1):
            signup.soft_bounce(town.services, town.store, person.subscriber_id)
            town.clock.move(days=step)
        assert town.rows("subscribers", "bounce_score", "bounced_on") == [(3, date(2026, 11, 24))]

    def test_of_somebody_who_has_left_nothing_is_counted(self, town: Town) -> None:
        person = town.resident(WHO)
        signup.erase(town.services, town.store, person)
        assert not signup.soft_bounce(town.services, town.store, person.subscriber_id)


class TestOwnPage:
    def test_a_link_opens_it_for_ninety_days(self, town: Town) -> None:
        person = town.resident(WHO)
        signup.send_manage_link(town.services, town.store, email=WHO.upper(), client=CLIENT)
        signup.handle(town.services, town.store)
        (mail,) = town.delivers()
        token = token_in(mail, "m")
        assert signup.subscriber_of(town.services, town.store, token) == person
        town.clock.move(days=90)
        assert signup.subscriber_of(town.services, town.store, token) == person
        town.clock.move(seconds=1)
        with pytest.raises(TokenError, match="expired"):
            signup.subscriber_of(town.services, town.store, token)

    def test_who_has_another_address_opens_it_with_the_link_sent_there(self, town: Town) -> None:
        person = town.resident(WHO)
        token = signup.manage_token(town.services, person)
        with town.store.begin() as connection:
            subscribers.change_address(
                connection, person.subscriber_id, "new@example.org", town.clock()
            )
        with pytest.raises(TokenError, match="no subscription any more"):
            signup.subscriber_of(town.services, town.store, token)
        now = signup.manage_token(town.services, town.person())
        assert signup.subscriber_of(town.services, town.store, now) == town.person()

    def test_of_somebody_who_has_left_there_is_none(self, town: Town) -> None:
        person = town.resident(WHO)
        token = signup.manage_token(town.services, person)
        signup.erase(town.services, town.store, person)
        with pytest.raises(TokenError, match="no subscription any more"):
            signup.subscriber_of(town.services, town.store, token)

    def test_an_unknown_address_gets_no_link_and_a_known_one_but_one_a_quarter(
        self, town: Town
    ) -> None:
        town.resident(WHO)
        for who in ("nobody@example.org", WHO, WHO):
            signup.send_manage_link(town.services, town.store, email=who, client=CLIENT)
        signup.handle(town.services, town.store)
        assert [mail.recipient for mail in mails(town)] == [WHO]
        assert town.rows("signups", "signup_id") == []

    def test_a_request_for_the_link_that_another_worker_answers_is_left_to_it(
        self, town: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        town.resident(WHO)
        signup.send_manage_link(town.services, town.store, email=WHO, client=CLIENT)
        with town.store.read() as connection:
            read_before = signup.asking.signups.unhandled(connection, 50)
        assert len(mails(town)) == 1
        town.clock.now += QUARTER
        monkeypatch.setattr(signup.asking.signups, "unhandled", lambda *_: read_before)
        monkeypatch.setattr(signup.asking.signups, "note_handled", lambda *_: True)
        assert mails(town) == []

    def test_places_are_added_and_changed_up_to_ten(self, town: Town) -> None:
        places = [a_place(HOME, postcode=f"HG4 1A{letter}") for letter in "ABCDEFGHJ"]
        town.resident(WHO, *places)
        here = (town.services, town.store)
        signup.set_place(*here, town.person(), a_wish(HOME, 250.0))
        signup.set_place(*here, town.person(), a_wish(HOME, 2_000.0, Topic.BELT))
        held = {place.postcode: place for place in town.person().subscriptions}
        assert len(held) == 10
        assert (held[HOME].radius_m, held[HOME].topics) == (2_000.0, frozenset({Topic.BELT}))
        with pytest.raises(PlaceError, match="an 11th place"):
            signup.set_place(*here, town.person(), a_wish(AWAY))
        consents = dict(town.rows("subscriptions", "postcode", "consent"))
        words = wording.consent_text([HOME])
        assert consents[HOME] == {
            "for": words,
            "version": wording.CONSENT_VERSION,
            "sha256": hashlib.sha256(words.encode()).hexdigest(),
            "form": "own page",
            "asked_at": town.clock().isoformat(),
            "confirmed_at": town.clock().isoformat(),
        }

    def test_choices_are_kept(self, town: Town) -> None:
        person = town.resident(WHO)
        signup.choose(
            town.store,
            person,
            frequency=Frequency.MONTHLY,
            is_quiet_at_night=True,
            paused_until=date(2027, 1, 1),
        )
        now = town.person()
        assert (now.frequency, now.is_quiet_at_night, now.paused_until) == (
            Frequency.MONTHLY,
            True,
            date(2027, 1, 1),
        )
        signup.resume(town.services, town.store, now)
        assert town.person().paused_until == date(2026, 11, 22)
        signup.resume(town.services, town.store, town.person())
        assert town.person().paused_until == date(2026, 11, 22)

    def test_a_consent_is_renewed(self, town: Town) -> None:
        person = town.resident(WHO, days=800)
        signup.renew(town.services, town.store, person)
        assert town.person().confirmed_at == town.clock()

    def test_a_copy_of_everything_goes_to_the_address_itself(self, town: Town) -> None:
        person = town.resident(WHO, HOME, AWAY)
        town.happens()
        town.posts()
        assert signup.send_export(town.services, town.store, person)
        assert not signup.send_export(town.services, town.store, person)
        (mail,) = town.delivers()
        assert mail.recipient == WHO
        (attached,) = parsed(mail).iter_attachments()
        held = json.loads(attached.get_content())
        assert held["email"] == WHO
        assert held["subscriber"]["subscriber_id"] == person.subscriber_id
        assert held["subscriber"]["consent"] == {"for": "on paper"}
        assert [place["postcode"] for place in held["places"]] == [HOME, AWAY]
        assert [alert["subject"] for alert in held["alerts"]] == ["26/1"]
        assert [message["kind"] for message in held["messages"]] == ["alert"]
        assert held == signup.export(town.store, WHO) | {"messages": held["messages"]}
        signup.erase(town.services, town.store, person)
        assert town.rows("messages", "message_id") == []


class TestAddingByHand:
    def add(self, town: Town, wish: signup.Wish) -> Subscriber:
        given = {"frequency": Frequency.DAILY, "consent": "letter of 3 May"}
        return signup.add(town.services, town.store, WHO, wish, **given)  # type: ignore[arg-type]

    def test_keeps_how_they_agreed_and_lifts_whatever_stood_against_it(self, town: Town) -> None:
        suppress(town, suppressions.BOUNCED)
        person = self.add(town, a_wish(HOME, 250.0))
        assert person == town.person()
        assert person.frequency is Frequency.DAILY
        assert reason(town) == ""
        ((consent,),) = town.rows("subscribers", "consent")
        assert (consent["form"], consent["how"]) == ("operator", "letter of 3 May")
        assert consent["confirmed_at"] == town.clock().isoformat()

    def test_adds_a_place_and_refuses_one_that_is_there(self, town: Town) -> None:
        self.add(town, a_wish(HOME))
        self.add(town, a_wish(AWAY))
        with pytest.raises(StoreError, match="has a subscription for") as refused:
            self.add(town, a_wish(HOME, 900.0))
        assert WHO not in str(refused.value)
        assert [place.radius_m for place in town.person().subscriptions] == [500.0, 500.0]

    def test_an_eleventh_place_is_refused(self, town: Town) -> None:
        town.resident(WHO, *(a_place(HOME, postcode=f"HG4 1A{x}") for x in "ABCDEFGHJK"))
        with pytest.raises(PlaceError, match="more than the 10"):
            self.add(town, a_wish(AWAY))

    def test_topics_are_kept(self, town: Town) -> None:
        assert self.add(town, a_wish()).subscriptions[0].topics == DEFAULT_TOPICS


def test_no_log_line_names_anybody(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "sinkwatch")
    asks(town)
    (mail,) = mails(town)
    person = confirms(town, mail)
    town.happens(near())
    town.posts()
    signup.erase(town.services, town.store, person)
    mailroom.work(town.services, town.store, surveyed=surveyed)
    for secret in (WHO, HOME, token_in(mail)):
        assert secret not in caplog.text


def test_a_message_of_somebody_who_left_in_the_middle_of_sending_is_forgotten(town: Town) -> None:
    person = town.resident(WHO)
    town.happens()
    town.composes()

    class Leaves(type(town.mailer)):  # type: ignore[misc]
        def send(self, message: Message) -> None:
            super().send(message)
            signup.erase(town.services, town.store, person)

    town.mailer = Leaves()
    assert len(town.delivers()) == 1
    assert town.rows("messages", "state") == []
