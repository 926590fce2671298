"""The links in mails: looking changes nothing, however often; a press acts, once, and no more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sinkwatch.store import subscribers
from tests.web.service import HOST

if TYPE_CHECKING:
    from sinkwatch.model import Subscriber
    from tests.web.service import Service

LOOKS = int(os.environ.get("SINKWATCH_TEST_LOOKS", "60"))
"""GET and HEAD requests to each link; the long run is 1,000, a quarter of a minute."""

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def people(service: Service) -> tuple[Subscriber, ...]:
    with service.store.read() as connection:
        return subscribers.all_of(connection)


# ── Confirm ──────────────────────────────────────────────────────────────────────────────────


def test_the_link_shows_what_it_would_confirm_and_the_button_confirms_it(service: Service) -> None:
    path = service.confirmation("ann@example.org", quiet="yes")
    page = service.get(path).text
    for said in ("HG4 1HS", "500 m", "once a day", "nothing between 21:00 and 08:00"):
        assert said in page
    assert "ann@" not in page
    assert people(service) == ()
    done = service.post(path)
    assert done.status_code == 200
    assert "You are subscribed" in done.text
    (person,) = people(service)
    assert (person.email, person.is_quiet_at_night) == ("ann@example.org", True)


def test_a_second_press_changes_nothing(service: Service) -> None:
    path = service.confirmation("ann@example.org")
    service.post(path)
    before = people(service)
    again = service.post(path)
    assert (again.status_code, "has done its work" in again.text) == (200, True)
    assert "has done its work" in service.get(path).text
    assert people(service) == before


def test_a_link_is_good_for_48_hours(service: Service) -> None:
    path = service.confirmation("ann@example.org")
    service.services.clock.move(hours=48, seconds=-10)  # type: ignore[attr-defined]
    assert service.get(path).status_code == 200
    service.services.clock.move(seconds=20)  # type: ignore[attr-defined]
    for answer in (service.get(path), service.post(path)):
        assert answer.status_code == 404
        assert "has expired" in answer.text
        assert 'href="/subscribe"' in answer.text
    assert people(service) == ()


@pytest.mark.parametrize("token", ["x", "x" * 5000, "a.b.c", "%00", "..", "%2e%2e", "é", "%ff"])
def test_a_link_that_is_not_ours_opens_nothing(shown: Service, token: str) -> None:
    for answer in (shown.get(f"/confirm/{token}"), shown.post(f"/confirm/{token}")):
        assert answer.status_code in {404, 405, 503}  # dots are a path of their own
        assert "You are subscribed" not in answer.text


def test_a_link_to_one_thing_opens_no_other(service: Service) -> None:
    own = service.subscribed("ann@example.org").removeprefix("/m/")
    end = service.leaving().removeprefix("/u/")
    start = service.confirmation("bob@example.org").removeprefix("/confirm/")
    assert service.get(f"/m/{end}").status_code == 404
    assert service.get(f"/m/{start}").status_code == 404
    assert service.post(f"/confirm/{own}").status_code == 404
    assert service.post(f"/confirm/{end}").status_code == 404
    service.post(f"/u/{own}", ONE_CLICK)
    service.post(f"/u/{start}", ONE_CLICK)
    assert [person.email for person in people(service)] == ["ann@example.org"]


# ── Leave ────────────────────────────────────────────────────────────────────────────────────


def test_one_click_ends_all_mail_before_it_answers(service: Service) -> None:
    service.subscribed("ann@example.org")
    path = service.leaving()
    with service.client() as mail_program:
        for name in ("Origin", "Accept", "User-Agent"):
            del mail_program.headers[name]
        answer = mail_program.post(path, data=ONE_CLICK)
    assert (answer.status_code, answer.history) == (200, [])
    assert people(service) == ()


@pytest.mark.parametrize("origin", ["https://mail.example", "null"])
def test_one_click_asks_nobody_where_it_is_from(service: Service, origin: str) -> None:
    service.subscribed("ann@example.org")
    sent = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    assert service.post(service.leaving(), ONE_CLICK, sent).status_code == 200
    assert people(service) == ()


def test_one_click_may_come_in_parts(service: Service) -> None:
    service.subscribed("ann@example.org")
    path = service.leaving()
    with service.client() as client:
        parts = {name: (None, value) for name, value in ONE_CLICK.items()}
        assert client.post(path, files=parts).status_code == 200
    assert people(service) == ()


def test_the_answer_tells_nothing_of_the_link(service: Service) -> None:
    service.subscribed("ann@example.org")
    path = service.leaving()
    pages, answers = set(), set()
    for token in (path, path, "/u/forged", "/u/" + "x" * 300):
        page = service.get(token)
        pages.add((page.status_code, page.text.replace(token, "")))
        done = service.post(token, ONE_CLICK)
        fixed = {name: value for name, value in done.headers.items() if name != "date"}
        answers.add((done.status_code, done.text, tuple(fixed.items())))
    assert (len(pages), len(answers)) == (1, 1)


@pytest.mark.parametrize("body", [{}, {"List-Unsubscribe": "x"}, {"list": "One-Click"}])
def test_a_post_without_the_words_of_the_standard_ends_nothing(
    service: Service, body: dict[str, str]
) -> None:
    service.subscribed("ann@example.org")
    answer = service.post(service.leaving(), body)
    assert answer.status_code == 422
    assert "Stop all e-mails" in answer.text
    assert len(people(service)) == 1


def test_the_button_of_the_page_is_the_same_one_click(service: Service) -> None:
    service.subscribed("ann@example.org")
    path = service.leaving()
    page = service.get(path).text
    assert '<input type="hidden" name="List-Unsubscribe" value="One-Click">' in page
    assert f'action="{path}"' in page
    assert 'href="/m/link"' in page


def test_the_link_in_a_mail_works_years_later(service: Service) -> None:
    service.subscribed("ann@example.org")
    path = service.leaving()
    service.services.clock.move(days=3650)  # type: ignore[attr-defined]
    assert service.post(path, ONE_CLICK).status_code == 200
    assert people(service) == ()


def test_who_has_left_may_come_back(service: Service) -> None:
    service.subscribed("ann@example.org")
    service.post(service.leaving(), ONE_CLICK)
    service.services.clock.move(hours=1)  # type: ignore[attr-defined]
    service.subscribed("ann@example.org")
    assert len(people(service)) == 1


# ── Scanners ─────────────────────────────────────────────────────────────────────────────────


def test_a_scanner_that_opens_every_link_changes_no_row(service: Service) -> None:
    own = service.subscribed("ann@example.org")
    paths = [service.leaving(), own, f"{own}/erase"]
    service.services.clock.move(minutes=20)  # type: ignore[attr-defined]
    paths.append(service.confirmation("bob@example.org"))
    before = service.dump()
    for path in paths:
        for n in range(LOOKS):
            answer = service.http.request("HEAD" if n % 2 else "GET", path, headers={"Host": HOST})
            assert answer.status_code == 200
    assert service.dump() == before
