"""Pages that explain, and answers for the programs that watch us: true, and of nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sinkwatch import timetable
from sinkwatch.errors import StoreError
from sinkwatch.store import Store, jobs
from tests.web.service import a_form
from tests.world import BANNED_WORDS

if TYPE_CHECKING:
    from tests.web.service import Service


@pytest.mark.parametrize("path", ["/subscribe", "/why", "/privacy", "/m/link", "/u/x", "/nowhere"])
def test_every_page_says_its_limits_and_leads_to_the_explanations(
    shown: Service, path: str
) -> None:
    page = shown.get(path).text
    assert "This is general information from public records" in page
    for target in ("/why", "/privacy", "/m/link", "mailto:corrections@sinkwatch.example"):
        assert f'href="{target}"' in page
    assert [word for word in BANNED_WORDS if word in page.lower()] == []
    assert "<script" not in page
    assert "style=" not in page


def test_the_privacy_notice_names_the_controller_the_times_and_the_regulator(
    shown: Service,
) -> None:
    page = shown.get("/privacy").text
    for said in (
        "corrections@sinkwatch.example",
        "7 days",
        "30 days",
        "12 months",
        "35 days",
        "24 months",
        "Information Commissioner",
        "consent",
    ):
        assert said in page


def test_a_style_sheet_never_changes_under_its_address(shown: Service) -> None:
    page = shown.get("/subscribe").text
    path = page.split('<link rel="stylesheet" href="')[1].split('"')[0]
    answer = shown.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["Cache-Control"]
    assert "&#39;" not in answer.text
    assert shown.get(path.replace("/static-", "/static-0")).status_code == 404


# ── Health ───────────────────────────────────────────────────────────────────────────────────


def test_health_is_ill_until_a_run_has_ended_and_again_when_none_has_for_26_hours(
    service: Service,
) -> None:
    def now() -> tuple[int, dict[str, object]]:
        answer = service.get("/health")
        return answer.status_code, answer.json()

    assert now() == (503, {"status": "failing", "database": True, "last_run_age_s": None})
    with service.store.begin() as connection:
        jobs.note_success(connection, timetable.DAILY_RUN, service.services.clock())
    assert now() == (200, {"status": "ok", "database": True, "last_run_age_s": 0})
    service.services.clock.move(hours=26)  # type: ignore[attr-defined]
    assert now() == (200, {"status": "ok", "database": True, "last_run_age_s": 93_600})
    service.services.clock.move(seconds=1)  # type: ignore[attr-defined]
    assert now()[0] == 503
    service.services.clock.move(days=-3)  # type: ignore[attr-defined]
    assert now() == (200, {"status": "ok", "database": True, "last_run_age_s": 0})


def test_health_is_ill_without_a_database(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: Store) -> None:
        raise StoreError("the database", "is gone", "Restore it")

    monkeypatch.setattr(Store, "read", gone)
    answer = service.get("/health")
    assert answer.status_code == 503
    assert answer.json() == {"status": "failing", "database": False, "last_run_age_s": None}


def test_figures_count_and_name_nobody(service: Service) -> None:
    service.subscribed("ann@example.org")
    figures = service.get("/metrics")
    assert figures.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "sinkwatch_subscribers" in figures.text
    assert "ann" not in figures.text
    assert "HG4" not in figures.text


def test_the_description_lists_every_page_with_what_it_answers(shown: Service) -> None:
    paths = shown.get("/openapi.json").json()["paths"]
    for path, method in (
        ("/subscribe", "post"),
        ("/subscribe/preview", "post"),
        ("/confirm/{token}", "post"),
        ("/u/{token}", "post"),
        ("/m/{token}/place", "post"),
        ("/health", "get"),
    ):
        assert {"200", "400", "405", "413", "500"} <= set(paths[path][method]["responses"])
    assert {"403", "422", "429", "503"} <= set(paths["/subscribe"]["post"]["responses"])
    form = paths["/subscribe"]["post"]["requestBody"]["content"][
        "application/x-www-form-urlencoded"
    ]
    assert set(form["example"]) == {*a_form()}
    assert "$ref" not in str(form)
