"""One's own page: every change, what is refused, and that it opens for nobody else."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch.model import Frequency, Subscriber, Topic
from sinkwatch.store import subscribers
from sinkwatch.web.routes import managing
from tests.conftest import NOW, Clock, an_installation
from tests.web.conftest import SETTINGS
from tests.web.service import link, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.web.service import Service


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str]]:
    """A service with one subscriber, for forms that change nothing."""
    folder = tmp_path_factory.mktemp("steady")
    with running(an_installation(folder, Clock(NOW), **SETTINGS)) as service:
        yield service, service.subscribed("ann@example.org")


@pytest.fixture
def own(service: Service) -> str:
    return service.subscribed("ann@example.org")


def person(service: Service, email: str = "ann@example.org") -> Subscriber:
    with service.store.read() as connection:
        found = subscribers.of_address(connection, email)
    assert found is not None
    return found


def a_place(**changed: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    return {"postcode": "HG4 2QE", "radius": "1000", "topic": ["belt"], **changed}


def test_the_page_shows_what_is_kept_and_hides_the_address(service: Service, own: str) -> None:
    page = service.get(own)
    assert page.status_code == 200
    for said in ("a…@example.org", "HG4 1HS", "Within 500 m", "once a day"):
        assert said in page.text
    assert "ann@" not in page.text


def test_a_place_is_added_changed_and_removed(service: Service, own: str) -> None:
    added = service.post(f"{own}/place", a_place())
    assert added.status_code == 200
    assert 'role="status"' in added.text
    assert "HG4 2QE" in added.text
    first, second = person(service).subscriptions
    assert (second.postcode, second.radius_m, second.topics) == ("HG4 2QE", 1000.0, {Topic.BELT})
    service.post(f"{own}/place", a_place(radius="250", topic=["flagged", "decisions"]))
    _, changed = person(service).subscriptions
    assert (changed.radius_m, changed.topics) == (250.0, {Topic.FLAGGED, Topic.DECISIONS})
    removed = service.post(f"{own}/remove", {"place": first.subscription_id})
    assert "Removed" in removed.text
    assert [place.postcode for place in person(service).subscriptions] == ["HG4 2QE"]


def test_with_the_last_place_all_mail_ends(service: Service, own: str) -> None:
    assert "It is your only place" in service.get(own).text
    (place,) = person(service).subscriptions
    answer = service.post(f"{own}/remove", {"place": place.subscription_id})
    assert "The e-mails have stopped" in answer.text
    assert service.get(own).status_code == 404


def test_a_place_of_somebody_else_is_left_alone(service: Service, own: str) -> None:
    service.services.clock.move(minutes=20)  # type: ignore[attr-defined]
    service.subscribed("bob@example.org")
    (theirs,) = person(service, "bob@example.org").subscriptions
    service.post(f"{own}/remove", {"place": theirs.subscription_id})
    assert person(service, "bob@example.org").subscriptions == (theirs,)


@pytest.mark.parametrize(
    ("name", "form", "target"),
    [
        ("place", a_place(postcode="HG4"), "add-postcode"),
        ("place", a_place(postcode="HG4 9ZZ"), "add-postcode"),
        ("place", a_place(radius="3"), "add-radius-250"),
        ("place", a_place(topic=[]), "add-topic-flagged"),
        ("times", {"frequency": "hourly"}, "times-frequency-at_once"),
        ("times", {}, "times-frequency-at_once"),
        ("pause", {"pause": "2"}, "pause-1"),
        ("address", {"email": "bob"}, "new-email"),
        ("address", {"email": ""}, "new-email"),
        ("remove", {"place": "<x>"}, "main"),
        ("remove", {}, "main"),
    ],
)
def test_what_is_wrong_is_said_and_leads_to_its_field(
    steady: tuple[Service, str], name: str, form: dict[str, Any], target: str
) -> None:
    service, own = steady
    before = person(service)
    answer = service.post(f"{own}/{name}", form)
    assert answer.status_code == 422
    assert re.findall(r'<li><a href="#([^"]+)">', answer.text) == [target]
    assert f'id="{target}"' in answer.text
    assert person(service) == before


def test_a_fault_in_one_place_opens_that_place_with_what_was_typed(
    service: Service, own: str
) -> None:
    (place,) = person(service).subscriptions
    form = a_place(postcode="HG4 1HS", place=place.subscription_id, topic=[], radius="2000")
    answer = service.post(f"{own}/place", form)
    assert answer.status_code == 422
    assert '<a href="#p1-topic-flagged">' in answer.text
    assert re.search(r'id="p1-radius-2000"[^>]* checked', answer.text)
    assert answer.text.count("<details open>") == 1


def test_no_more_places_than_a_resident_has(service: Service, own: str) -> None:
    codes = ["HG4 1AA", "HG4 1AB", "HG4 1AD", "HG4 1AE", "HG4 1AF", "HG4 1AG", "HG4 1AH"]
    statuses = {code: service.post(f"{own}/place", a_place(postcode=code)) for code in codes}
    held = [code for code, answer in statuses.items() if answer.status_code == 200]
    assert len(person(service).subscriptions) == 1 + len(held)


def test_times_are_kept(service: Service, own: str) -> None:
    answer = service.post(f"{own}/times", {"frequency": "weekly", "quiet": "yes"})
    assert "They come once a week" in answer.text
    kept = person(service)
    assert (kept.frequency, kept.is_quiet_at_night) == (Frequency.WEEKLY, True)
    service.post(f"{own}/times", {"frequency": "weekly"})
    assert person(service).is_quiet_at_night is False


@pytest.mark.parametrize(
    ("pause", "until", "said"),
    [
        ("1", date(2026, 12, 22), "Paused until 22 December 2026"),
        ("3", date(2027, 2, 22), "Paused until 22 February 2027"),
        ("told", managing.UNTIL_TOLD, "Paused until you end it below"),
    ],
)
def test_mail_rests_and_goes_on(
    service: Service, own: str, pause: str, until: date, said: str
) -> None:
    assert said in service.post(f"{own}/pause", {"pause": pause}).text
    assert person(service).paused_until == until
    service.post(f"{own}/times", {"frequency": "weekly"})
    assert person(service).paused_until == until
    assert "Go on now" in service.get(own).text
    assert "Mails go on" in service.post(f"{own}/pause", {"pause": "none"}).text
    # Kept until the next mail has said since when it was held back.
    assert person(service).paused_until == NOW.date()


@pytest.mark.parametrize(
    ("today", "chosen", "until"),
    [
        (date(2026, 1, 31), "1", date(2026, 2, 28)),
        (date(2028, 1, 31), "1", date(2028, 2, 29)),
        (date(2026, 11, 30), "3", date(2027, 2, 28)),
        (date(2026, 12, 1), "1", date(2027, 1, 1)),
    ],
)
def test_a_month_ends_on_a_day_that_there_is(today: date, chosen: str, until: date) -> None:
    assert managing._until(chosen, today) == until  # noqa: SLF001 - the calendar's edges


def test_another_address_has_to_confirm_itself_and_the_old_one_is_told(
    service: Service, own: str
) -> None:
    service.services.clock.move(minutes=20)  # type: ignore[attr-defined]
    answer = service.post(f"{own}/address", {"email": "new@example.org"})
    assert "has to confirm the change" in answer.text
    assert person(service).email == "ann@example.org"
    (mail,) = service.work()
    assert mail["To"] == "new@example.org"
    path = link(mail, "confirm")
    assert "Use this address from now on?" in service.get(path).text
    assert "You are subscribed" in service.post(path).text
    assert person(service, "new@example.org").subscriptions
    (told,) = service.work()
    assert told["To"] == "ann@example.org"
    assert "new@example.org" not in told.as_string()


def test_a_copy_goes_to_the_address_itself_and_not_again_and_again(
    service: Service, own: str
) -> None:
    service.services.clock.move(minutes=20)  # type: ignore[attr-defined]
    first = service.post(f"{own}/export")
    assert "on its way to your address" in first.text
    assert "ann@" not in first.text
    (mail,) = service.work()
    assert mail["To"] == "ann@example.org"
    (attached,) = mail.iter_attachments()
    assert attached.get_content_type() == "application/json"
    assert "a short while ago" in service.post(f"{own}/export").text
    assert service.work() == []


def test_all_is_erased_by_a_second_button(service: Service, own: str) -> None:
    page = service.get(f"{own}/erase")
    assert "Stop and erase everything?" in page.text
    assert person(service)
    answer = service.post(f"{own}/erase")
    assert "The e-mails have stopped" in answer.text
    service.work()
    path = service.services.database_file()
    held = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    assert b"ann@example.org" not in held
    assert b"sinkwatch" not in held or b"signups" in held  # it is the database that was read


def test_who_is_asked_again_after_two_years_says_yes_with_one_button(service: Service) -> None:
    own = service.subscribed("ann@example.org")
    assert "Do you still want them?" not in service.get(own).text
    service.services.clock.move(days=731)  # type: ignore[attr-defined]
    answer = service.post("/m/link", {"email": "ann@example.org"})
    assert "on its way" in answer.text
    own = link(service.work()[-1], "m")
    assert "Do you still want them?" in service.get(own).text
    assert "The mails go on" in service.post(f"{own}/renew").text
    assert "Do you still want them?" not in service.get(own).text


# ── Who it opens for ─────────────────────────────────────────────────────────────────────────


def test_the_link_is_good_for_90_days_and_a_new_one_comes_by_mail(
    service: Service, own: str
) -> None:
    service.services.clock.move(days=90, seconds=-10)  # type: ignore[attr-defined]
    assert service.get(own).status_code == 200
    service.services.clock.move(seconds=20)  # type: ignore[attr-defined]
    for answer in (service.get(own), service.post(f"{own}/erase"), service.get(f"{own}/erase")):
        assert answer.status_code == 404
        assert "has expired" in answer.text
        assert 'action="/m/link"' in answer.text
    service.post("/m/link", {"email": "ann@example.org"})
    new = [link(mail, "m") for mail in service.work() if "/m/" in mail.as_string()]
    assert service.get(new[-1]).status_code == 200


@pytest.mark.parametrize("name", [*managing._ACTIONS])  # noqa: SLF001 - every form there is
def test_a_forged_link_changes_nothing(steady: tuple[Service, str], name: str) -> None:
    service, own = steady
    before = service.dump()
    forged = own[:-3] + ("AAA" if not own.endswith("AAA") else "BBB")
    assert service.post(f"{forged}/{name}", a_place()).status_code == 404
    assert service.dump() == before


def test_a_link_is_mailed_to_subscribers_alone_and_a_fault_is_said(service: Service) -> None:
    assert service.post("/m/link", {"email": "nobody@example.org"}).status_code == 200
    assert service.work() == []
    answer = service.post("/m/link", {"email": "a b@example.org"})
    assert answer.status_code == 422
    assert "a space" in answer.text
    assert service.post("/m/link", {}).status_code == 422


def test_no_double_effect_when_a_form_is_sent_twice(service: Service, own: str) -> None:
    for _ in range(2):
        assert service.post(f"{own}/place", a_place()).status_code == 200
    assert len(person(service).subscriptions) == 2
