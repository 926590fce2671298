"""Taking back what was told: to exactly those who were told, and nobody hears it any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sinkwatch import retraction
from sinkwatch.errors import StoreError
from sinkwatch.model import EventKind, Frequency
from sinkwatch.store import runs, subscribers
from tests.mailing import AWAY, Town, a_place, a_town, near, parsed, plain_maps, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WRONG = near(deadline=None)
WHY = "The reference belongs to another site."


@pytest.fixture(autouse=True)
def _plain_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    plain_maps(monkeypatch)


@pytest.fixture
def town(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with a_town(tmp_path, tmp_path_factory.getbasetemp()) as opened:
        yield opened


def test_exactly_those_who_were_told_hear_of_it_at_once(town: Town) -> None:
    town.resident("told@example.org")
    moved = town.resident("moved@example.org")
    left = town.resident("left@example.org")
    town.resident("weekly@example.org", frequency=Frequency.WEEKLY)
    town.resident("away@example.org", AWAY)
    town.happens(WRONG)
    assert len(town.posts()) == 3
    with town.store.begin() as connection:
        subscribers.add_place(connection, moved.subscriber_id, a_place(AWAY), {})
        subscribers.remove_place(connection, moved.subscriptions[0].subscription_id)
        subscribers.erase(connection, left.subscriber_id)
    town.resident("newcomer@example.org", days=0)
    assert retraction.retract(town.services, WRONG.key, WHY) == 2
    mails = town.posts()
    assert sorted(mail.recipient for mail in mails) == ["moved@example.org", "told@example.org"]
    for mail in mails:
        assert mail.kind == "correction"
        assert "correction" in parsed(mail)["Subject"]
        assert WHY in text_of(mail)
        assert "What we told you was wrong" in text_of(mail)
    # Nor is it told any more to anyone for whom it waited.
    town.clock.move(days=8)
    assert town.posts() == []


def test_who_wants_mail_once_a_month_hears_at_once_too(town: Town) -> None:
    town.resident("r@example.org", frequency=Frequency.MONTHLY, digested_at=None)
    town.happens(WRONG)
    assert len(town.posts()) == 1
    assert retraction.retract(town.services, WRONG.key, WHY) == 1
    assert len(town.posts()) == 1


def test_the_same_words_are_told_once_and_others_once_more(town: Town) -> None:
    town.resident("r@example.org")
    town.happens(WRONG)
    town.posts()
    assert retraction.retract(town.services, WRONG.key, WHY) == 1
    assert retraction.retract(town.services, WRONG.key, f"  {WHY}\n") == 0
    assert len(town.posts()) == 1
    assert retraction.retract(town.services, WRONG.key, "It was withdrawn in October.") == 1
    (again,) = town.posts()
    assert "It was withdrawn in October." in text_of(again)


def test_what_was_told_to_nobody_is_told_to_nobody(town: Town) -> None:
    town.resident("weekly@example.org", frequency=Frequency.WEEKLY)
    town.happens(WRONG, near("26/2"))
    assert retraction.retract(town.services, WRONG.key, WHY) == 0
    town.clock.move(days=8)
    (mail,) = town.posts()
    assert mail.event_keys == (near("26/2").key,)


def test_what_waits_for_approval_does_not_come_back_with_it(town: Town) -> None:
    town.resident("r@example.org")
    town.happens(WRONG, brake=True)
    assert retraction.retract(town.services, WRONG.key, WHY) == 0
    assert town.rows("alerts", "subject") == []


@pytest.mark.parametrize(
    ("key", "because"),
    [("application_new:unheard/of:1", WHY), (WRONG.key, ""), (WRONG.key, " \x00\u202e ")],
)
def test_an_unknown_event_or_no_words_is_refused(town: Town, key: str, because: str) -> None:
    town.resident("r@example.org")
    town.happens(WRONG)
    town.posts()
    with pytest.raises(StoreError, match="not known, or nothing is said"):
        retraction.retract(town.services, key, because)
    assert town.posts() == []


def test_a_run_stands_for_it(town: Town) -> None:
    town.resident("r@example.org")
    town.happens(WRONG)
    town.posts()
    retraction.retract(town.services, WRONG.key, WHY)
    outcomes = town.rows("runs", "run_id", "outcome", "summary")
    assert outcomes[-1] == (2, "done", {"events": 1, "concerned": 1})
    kinds = {content["kind"] for (content,) in town.rows("events", "content")}
    assert kinds == {EventKind.APPLICATION_NEW, EventKind.RETRACTED}


def test_cut_off_in_the_middle_nothing_is_taken_back_by_halves(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.resident("told@example.org")
    town.happens(WRONG)
    town.posts()
    town.resident("weekly@example.org", frequency=Frequency.WEEKLY)
    before = town.rows("alerts", "subscriber_id", "event_key")

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(runs, "finish", cut)
        with pytest.raises(KeyboardInterrupt):
            retraction.retract(town.services, WRONG.key, WHY)
    assert town.rows("alerts", "subscriber_id", "event_key") == before
    assert retraction.retract(town.services, WRONG.key, WHY) == 1
