"""Signing up: the form and its faults, the preview, limits, and answers that tell no tales."""

from __future__ import annotations

import io
import os
import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from sinkwatch import limits, wording
from sinkwatch.config import Settings
from sinkwatch.model import Frequency, Topic
from sinkwatch.notify import addresses
from sinkwatch.store import runs, signups, suppressions
from sinkwatch.web import outlook
from sinkwatch.web.pages import Pages
from tests.web.service import a_form, link, running

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.model import Area
    from sinkwatch.services import Services
    from tests.web.service import Service

PART = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--x--\r\n'

VICTIM_POSTS = int(os.environ.get("SINKWATCH_TEST_POSTS", "24"))
"""Posts to one victim; the long run is 10,000, some minutes."""


def requests(service: Service) -> list[signups.Request]:
    with service.store.read() as connection:
        return list(signups.unhandled(connection, 1000))


def test_a_request_is_kept_as_it_was_made(service: Service) -> None:
    answer = service.subscribe("Ann@Example.ORG", quiet="yes", topic=["belt"], radius="2000")
    assert answer.status_code == 200
    (request,) = requests(service)
    (place,) = request.signup.wanted
    assert request.signup.email == "Ann@example.org"
    assert (place.postcode, place.radius_m, place.topics) == ("HG4 1HS", 2000.0, {Topic.BELT})
    assert (request.signup.frequency, request.signup.is_quiet_at_night) == (Frequency.DAILY, True)
    assert request.consent["form"] == "web"
    assert "HG4 1HS" in request.consent["for"]


def test_the_page_repeats_nothing_that_was_typed(service: Service) -> None:
    answer = service.subscribe("ann@example.org")
    assert "ann@" not in answer.text
    assert "HG4" not in answer.text


def test_the_form_has_an_empty_box_for_the_consent_and_a_choice_for_the_rest(
    shown: Service,
) -> None:
    form = shown.get("/subscribe").text
    checked = re.findall(r'id="([a-z0-9_-]+)"[^>]* checked>', form)
    assert checked == [
        "radius-500",
        "topic-flagged",
        "topic-records",
        "topic-decisions",
        "frequency-at_once",
    ]
    assert "<script" not in form
    assert "Planning applications on gypsum ground around Ripon" in form
    assert "Every planning application where gypsum is present" in form
    assert "I agree to be sent e-mails about ground stability near the postcode above" in form


def test_the_form_calls_the_rock_what_its_area_does(ripon: Area) -> None:
    words = Pages.of(Settings(), replace(ripon, rock="chalk")).environment.globals
    assert words["ground"] == "chalk ground"
    assert words["topics"][Topic.BELT][0] == "Every planning application where chalk is present"
    assert words["topic_words"] == wording.topics("chalk")
    assert set(words["topics"]) == set(Topic)


# ── Wrong input ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"postcode": ""}, "postcode", "Enter a whole postcode, such as HG4 1HS"),
        ({"postcode": "HG4"}, "postcode", "Enter a whole postcode"),
        ({"postcode": "HG4 9ZZ"}, "postcode", "HG4 9ZZ is not in the list of postcodes held"),
        ({"postcode": "SW1A 1AA"}, "postcode", "SW1A 1AA lies outside Ripon"),
        ({"postcode": "HG4\x001HS"}, "postcode", "Enter a whole postcode"),
        ({"postcode": "x" * 5000}, "postcode", "Enter a whole postcode"),
        ({"radius": "501"}, "radius", "Choose how far"),
        ({"radius": ""}, "radius", "Choose how far"),
        ({"radius": "NaN"}, "radius", "Choose how far"),
        ({"topic": []}, "topic", "Choose at least one thing"),
        ({"topic": ["everything"]}, "topic", "Choose at least one thing"),
        ({"frequency": "hourly"}, "frequency", "Choose how often"),
        ({"email": ""}, "email", "Enter one e-mail address"),
        ({"email": "ann"}, "email", "one @ must stand between"),
        ({"email": "ann@example.org, bob@example.org"}, "email", "Enter one e-mail address"),
        ({"email": "ann@example.org\r\nBcc: bob@example.org"}, "email", "Enter one e-mail"),
        ({"email": "ann@exa mple.org"}, "email", "a space"),
        ({"email": '"ann"@example.org'}, "email", "a quotation mark"),
        ({"email": "änn@example.org"}, "email", "plain mail cannot carry"),
        ({"email": "a" * 65 + "@example.org"}, "email", "more than 64 characters"),
        ({"consent": ""}, "consent", "Tick the box"),
        ({"consent": "no"}, "consent", "Tick the box"),
    ],
)
def test_a_fault_is_named_at_the_top_and_at_its_field(
    shown: Service, changed: dict[str, Any], field: str, said: str
) -> None:
    answer = shown.subscribe("ann@example.org", **changed)
    assert answer.status_code == 422
    summary = answer.text[answer.text.index('role="alert"') : answer.text.index("<h1>")]
    (target, words) = re.findall(r'<a href="#([a-z0-9_-]+)">(.*?)</a>', summary)[0]
    assert said in words
    assert target.startswith(field)
    assert f'id="{target}"' in answer.text
    assert f'id="{field}-fault"' in answer.text
    assert "<title>Problem: " in answer.text
    assert requests(shown) == []


def test_nothing_that_was_typed_is_lost_by_a_fault(shown: Service) -> None:
    typed = a_form('"><script>x</script>', postcode="hg4 1hs", quiet="yes", topic=["belt"])
    answer = shown.subscribe("", **typed | {"radius": "250", "frequency": "monthly"})
    assert answer.status_code == 422
    assert 'value="hg4 1hs"' in answer.text
    assert 'value="&#34;&gt;&lt;script&gt;x&lt;/script&gt;"' in answer.text
    assert re.findall(r'id="([a-z0-9_-]+)"[^>]* checked>', answer.text) == [
        "radius-250",
        "topic-belt",
        "frequency-monthly",
        "quiet",
        "consent",
    ]


def test_all_faults_are_named_at_once_in_the_order_of_the_form(shown: Service) -> None:
    answer = shown.post("/subscribe", {})
    summary = answer.text[answer.text.index('role="alert"') : answer.text.index("<h1>")]
    assert re.findall(r'href="#([a-z]+)', summary) == [
        "postcode",
        "radius",
        "topic",
        "frequency",
        "email",
        "consent",
    ]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-4, "quicker than a person"), (-3, "quicker than"), (24 * 3600, "more than a day")],
)
def test_a_form_that_comes_back_too_soon_or_too_late_is_handed_out_anew(
    shown: Service, seconds: int, said: str
) -> None:
    stamp = shown.stamp()  # five seconds ago
    shown.services.clock.move(seconds=seconds)  # type: ignore[attr-defined]
    answer = shown.post("/subscribe", {**a_form(), "stamp": stamp})
    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="ann@example.org"' in answer.text
    assert requests(shown) == []


@pytest.mark.parametrize("stamp", ["", "1", "1795339805.awK2HQ.forged", "\x00", "é" * 300])
def test_a_stamp_that_is_not_ours_is_none(shown: Service, stamp: str) -> None:
    assert shown.post("/subscribe", {**a_form(), "stamp": stamp}).status_code == 422
    assert requests(shown) == []


def test_a_program_that_fills_in_every_field_is_thanked_and_forgotten(service: Service) -> None:
    person = service.subscribe("ann@example.org")
    program = service.subscribe("bob@example.org", homepage="https://spam.example")
    assert (program.status_code, program.text) == (person.status_code, person.text)
    assert len(requests(service)) == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\xff\xfe\x00=\x80", "application/x-www-form-urlencoded"),
        (b"postcode=%ff%00&radius=%zz", "application/x-www-form-urlencoded"),
        (b"a&" * 3000, "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"\x00", "multipart/form-data; boundary=x"),
        (b"x", "multipart/form-data"),
        (b"a=1", "application/x-www-form-urlencoded; charset=nonsense"),
        (b"", ""),
        (PART, "multipart/form-data; boundary=x; charset=nonsense"),
        (PART, "multipart/form-data; boundary=x; charset=utf-8"),
        (PART * 60, "multipart/form-data; boundary=x"),
        (PART.replace(b'"a"', b'"a"; filename="b"') * 3, "multipart/form-data; boundary=x"),
        (PART.replace(b"Content-", b"\xff\x00"), "multipart/form-data; boundary=x"),
        (b"\x1f\x8b\x08", "application/x-www-form-urlencoded"),
    ],
)
def test_odd_bytes_are_refused_in_good_order(shown: Service, body: bytes, kind: str) -> None:
    with shown.client(**{"Content-Type": kind}) as client:
        answer = client.post("/subscribe", content=body)
    assert answer.status_code in {400, 422}
    assert "<h1>" in answer.text


def test_a_form_sent_in_parts_is_read_and_a_file_in_it_is_not(service: Service) -> None:
    form = {name: (None, value) for name, value in a_form(topic="flagged").items()}
    sent = {**form, "stamp": (None, service.stamp()), "homepage": ("x.txt", b"a file")}
    with service.client() as client:
        assert client.post("/subscribe", files=sent).status_code == 200
    assert len(requests(service)) == 1


# ── No tales ─────────────────────────────────────────────────────────────────────────────────


def test_nobody_learns_from_the_answer_who_subscribes(service: Service) -> None:
    service.subscribed("active@example.org")
    service.subscribe("pending@example.org")
    service.work()
    secret = service.services.secret()
    with service.store.begin() as connection:
        for reason in ("bounced", "complained", "unsubscribed"):
            digest = addresses.address_hmac(secret, f"{reason}@example.org")
            suppressions.suppress(connection, digest, reason, service.services.clock())
    known = ("unknown", "pending", "active", "bounced", "complained", "unsubscribed")
    for path in ("/subscribe", "/subscribe/resend", "/m/link"):
        answers = set()
        for who in known:
            service.services.clock.move(minutes=20)  # type: ignore[attr-defined]
            form = {**a_form(f"{who}@example.org"), "stamp": service.stamp()}
            answer = service.post(path, form)
            fixed = {k: v for k, v in answer.headers.items() if k != "date"}
            answers.add((answer.status_code, tuple(sorted(fixed.items())), answer.text))
        assert len(answers) == 1, path
        assert next(iter(answers))[0] == 200


def test_an_address_that_complained_is_written_to_no_more(service: Service) -> None:
    digest = addresses.address_hmac(service.services.secret(), "ann@example.org")
    with service.store.begin() as connection:
        suppressions.suppress(connection, digest, "complained", service.services.clock())
    assert service.subscribe("ann@example.org").status_code == 200
    assert service.work() == []


def test_resending_sends_the_newest_request_again_with_a_link_that_works(service: Service) -> None:
    first = service.confirmation("ann@example.org")
    service.services.clock.move(minutes=16)  # type: ignore[attr-defined]
    assert service.post("/subscribe/resend", {"email": "ann@example.org"}).status_code == 200
    again = link(service.work()[-1], "confirm")
    assert again != first
    assert "You are subscribed" in service.post(again).text
    assert "has done its work" in service.get(first).text


def test_a_wrong_address_is_said_where_it_is_to_be_sent_again(service: Service) -> None:
    answer = service.post("/subscribe/resend", {"email": "ann"})
    assert answer.status_code == 422
    assert 'value="ann"' in answer.text
    assert service.post("/subscribe/resend", {}).status_code == 422


# ── Limits ───────────────────────────────────────────────────────────────────────────────────


def test_a_client_that_sends_too_many_forms_is_told_when_to_come_back(service: Service) -> None:
    stamp = service.stamp()
    answers = [
        service.post(
            "/subscribe",
            {**a_form(f"n{n}@example.org"), "stamp": stamp},
            {"X-Forwarded-For": "192.0.2.1"},
        )
        for n in range(6)
    ]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    other = service.post(
        "/subscribe", {**a_form(), "stamp": stamp}, {"X-Forwarded-For": "192.0.2.2"}
    )
    assert other.status_code == 200


def test_a_household_with_ipv6_is_one_client(service: Service) -> None:
    stamp = service.stamp()
    statuses = [
        service.post(
            "/subscribe",
            {**a_form(f"n{n}@example.org"), "stamp": stamp},
            {"X-Forwarded-For": f"2001:db8:0:1::{n + 1}"},
        ).status_code
        for n in range(6)
    ]
    assert statuses == [200] * 5 + [429]


def test_what_a_client_says_of_its_own_address_is_not_believed(
    installation: Callable[..., Services],
) -> None:
    with running(installation(serve_hosts=("127.0.0.1",))) as service:
        stamp = service.stamp()
        statuses = [
            service.post("/subscribe", {**a_form(f"n{n}@example.org"), "stamp": stamp}).status_code
            for n in range(6)
        ]
    assert statuses == [200] * 5 + [429]


def test_a_victim_gets_three_mails_a_day_whoever_asks_and_however_often(service: Service) -> None:
    spellings = ["victim@example.org", "VICTIM@example.org", "v.ictim+x@example.org"]
    stamp, every = service.stamp(), max(1, VICTIM_POSTS // 200)
    statuses, mails = set(), []
    for n in range(VICTIM_POSTS):
        form = {**a_form(spellings[n % 3]), "stamp": stamp}
        statuses.add(service.post("/subscribe", form).status_code)
        if n % every == 0:
            mails += service.work()
        service.services.clock.move(seconds=23 * 3600 / VICTIM_POSTS)  # type: ignore[attr-defined]
    while requests(service):
        mails += service.work()
    assert statuses == {200}
    assert len(mails) == 3


def test_all_together_get_a_hundred_an_hour_and_then_it_is_closed(service: Service) -> None:
    now = service.services.clock()
    with service.store.begin() as connection:
        for n in range(97):
            assert limits.may_mail(service.services, connection, f"before{n}@example.org", now)
    stamp = service.stamp()
    for n in range(5):
        form = {**a_form(f"n{n}@example.org"), "stamp": stamp}
        assert service.post("/subscribe", form).status_code == 200
    assert len(service.work()) == 3
    closed = service.post("/subscribe", {**a_form(), "stamp": stamp})
    assert closed.status_code == 503
    assert int(closed.headers["Retry-After"]) > 0
    service.services.clock.move(hours=1, seconds=1)  # type: ignore[attr-defined]
    assert service.subscribe("later@example.org").status_code == 200


# ── Preview ──────────────────────────────────────────────────────────────────────────────────


def test_the_preview_shows_what_would_have_come_and_changes_nothing(watched: Service) -> None:
    before = watched.dump()
    answer = watched.post("/subscribe/preview", a_form())
    assert watched.dump() == before
    assert answer.status_code == 200
    assert "Near HG4 1HS, within 500 m" in answer.text
    assert "1 piece of news" in answer.text
    assert "26/1" in answer.text
    assert "New planning application, about 180 m (± 150 m) to the east" in answer.text
    assert 'href="https://council.example/1" rel="noopener noreferrer nofollow"' in answer.text
    assert "<b>" not in answer.text
    assert "No planning applications are held" not in answer.text


def test_without_a_planning_source_the_preview_does_not_say_that_there_is_nothing(
    service: Service,
) -> None:
    said = service.post("/subscribe/preview", a_form()).text
    assert "No planning applications are held here yet" in said
    assert "That is not the same as none" in said
    assert "Nothing:" not in said
    assert "about 110 m (± 190 m)" in said


def test_the_map_of_the_preview_is_the_one_that_the_page_names(service: Service) -> None:
    page = service.post("/subscribe/preview", a_form()).text
    found = re.search(r'<img src="([^"]+)"[^>]* alt="([^"]+)"', page)
    assert found is not None
    answer = service.get(found[1].replace("&amp;", "&"))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    assert answer.headers["Cache-Control"] == "no-store"
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.size[0] / image.size[1] == pytest.approx(4 / 3, rel=0.01)
    assert found[2].startswith("Map round HG4 1HS")


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"postcode": "HG4 9ZZ"}, 422),
        ({"postcode": ""}, 422),
        ({"email": "wrong", "consent": ""}, 200),
    ],
)
def test_a_preview_needs_the_place_alone(
    service: Service, changed: dict[str, str], status: int
) -> None:
    answer = service.post("/subscribe/preview", a_form(**changed))
    assert answer.status_code == status
    if "email" in changed:
        assert 'value="wrong"' in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "",
        "postcode=HG4+9ZZ&radius=500&topic=flagged",
        "postcode=HG4+1HS&radius=501&topic=flagged",
        "postcode=HG4+1HS&radius=500&topic=x",
        "postcode=HG4+1HS&radius=500",
    ],
)
def test_a_map_of_nowhere_is_refused(shown: Service, query: str) -> None:
    assert shown.get(f"/subscribe/map.png?{query}").status_code == 422


def test_looks_of_one_client_are_bounded(service: Service) -> None:
    with service.client() as client:
        statuses = [client.post("/subscribe/preview", data=a_form()).status_code for _ in range(31)]
        refused = client.get("/subscribe/map.png?postcode=HG4+1HS&radius=500&topic=flagged")
    assert statuses == [200] * 30 + [429]
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 600


def test_no_more_views_are_kept_than_there_is_room_for(
    watched: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlook, "_MOST_VIEWS", 1)
    for radius in ("250", "500", "250"):
        page = watched.post("/subscribe/preview", a_form(radius=radius)).text
        assert f"Near HG4 1HS, within {radius} m" in page


def test_findings_are_worked_out_anew_every_five_minutes_and_when_a_clock_is_set_back(
    service: Service,
) -> None:
    found = service.desk.outlook
    first = found.surveyed()
    assert found.surveyed() is first
    service.services.clock.move(minutes=5)  # type: ignore[attr-defined]
    second = found.surveyed()
    assert second is not first
    service.services.clock.move(minutes=-1)  # type: ignore[attr-defined]
    assert found.surveyed() is not second


def test_a_mail_is_written_from_what_its_own_run_found(service: Service) -> None:
    before = service.desk.outlook.surveyed()
    with service.store.begin() as connection:
        run_id = runs.start(connection, service.services.clock())
        runs.finish(connection, run_id, service.services.clock(), "done", {})
    assert service.desk.outlook.surveyed() is not before


def test_a_crowd_before_the_preview_does_not_keep_others_from_their_pages(
    shown: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown.desk.outlook, "_room", threading.Semaphore(0))
    answer = shown.post("/subscribe/preview", a_form())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert shown.get("/subscribe").status_code == 200
