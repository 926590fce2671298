"""A planning source that is silent for a month: who is told what, and when."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sinkwatch import pipeline, upkeep
from sinkwatch.model import Age, SourceStatus
from sinkwatch.sources.planning import planit
from tests.conftest import NOW, Clock, subscribe
from tests.peers.planit import PlanIt, a_case
from tests.peers.server import Answer, Peer

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.pipeline import RunReport
    from sinkwatch.services import Services


@pytest.mark.usefixtures("front_page", "plain_pictures")
def test_thirty_days_of_silence_are_shown_at_the_right_hour_and_made_up_for_once(
    installation: Callable[..., Services], clock: Clock
) -> None:
    service = PlanIt(NOW.date(), a_case())
    with Peer(service).running() as peer:
        services = with_peer(installation(contact="me@holes.org"), peer)
        for number in (1, 2):
            subscribe(services, f"{number}@example.org")
        pipeline.run(services)
        assert mails(services) == ["HG4 1HS: 1 planning application near you"] * 2

        peer.answers = lambda _: Answer(status=403)
        # Days of silence, and what map and list say: amber after 48 hours, red after 7 days.
        for step_h, age, words in (
            (24, Age.FRESH, "could not be read; the last good copy is in use"),
            (24, Age.FRESH, "could not be read; the last good copy is in use"),
            (1, Age.AMBER, "could not be read; the last good copy is in use, and out of date"),
            (119, Age.AMBER, "could not be read; the last good copy is in use, and out of date"),
            (1, Age.RED, "could not be read; the last good copy is in use, and long out of date"),
            (551, Age.RED, "could not be read; the last good copy is in use, and long out of date"),
        ):
            clock.move(hours=step_h)
            report = pipeline.run(services)
            assert (report.events, report.n_queued) == ((), 0)
            state = upkeep.state(services, "planit")
            assert (state.status, state.age) == (SourceStatus.FAILED, age)
            assert f"{words}. Last checked 22 November 2026." in page_of(report)

        peer.answers = service
        service.cases = [
            a_case(app_state="Rejected", decided_date="2026-12-10", **changed("2026-12-11")),
            a_case("ZC26/02000/FUL", start_date="2026-12-01", **changed("2026-12-03")),
            a_case("ZC26/02001/FUL", start_date="2026-12-12", **changed("2026-12-14")),
        ]
        # Asked by hand first: the label of the mail does not hang on who asked.
        upkeep.refresh(services, ["planit"])
        clock.move(hours=24)
        assert pipeline.run(services).troubled == ()
        assert mails(services)[2:] == ["HG4 1HS: catch-up, 3 planning applications near you"] * 2
        assert (
            "This is one catch-up. Planning applications could last be read on 22 November 2026; "
            "what has changed since then is told here at once."
        ) in text_of_newest(services)
        clock.move(hours=24)
        assert pipeline.run(services).n_queued == 0


def with_peer(offered: Services, peer: Peer) -> Services:
    """Let PlanIt be asked on this machine, and nobody else at all."""
    specs = tuple(
        replace(spec, options={**spec.options, "base_url": peer.url("")})
        if spec.kind == "planit"
        else spec
        for spec in offered.area.sources
        if spec.kind == "planit" or spec.switched_off or spec.path is not None
    )
    rules = {peer.host: replace(planit.RULE, is_a_peer_of_tests=True)}
    return replace(offered, area=replace(offered.area, sources=specs), host_rules=rules)


def changed(day: str) -> dict[str, str]:
    return {"last_different": f"{day}T04:00:00", "last_changed": f"{day}T04:00:00"}


def page_of(report: RunReport) -> str:
    """Return the words of the page, without its marks."""
    html = (report.published.path / "index.html").read_text()
    return " ".join(html.replace("</strong>", "").split())


def mails(services: Services) -> list[str]:
    """Return the subjects of all mails so far, oldest first."""
    found = sorted(services.settings.mails().glob("*.eml"), key=lambda p: p.stat().st_mtime_ns)
    return [
        str(email.message_from_bytes(path.read_bytes(), policy=email.policy.default)["Subject"])
        for path in found
    ]


def text_of_newest(services: Services) -> str:
    newest = max(services.settings.mails().glob("*.eml"), key=lambda p: p.stat().st_mtime_ns)
    mail = email.message_from_bytes(newest.read_bytes(), policy=email.policy.default)
    body = mail.get_body(preferencelist=("plain",))
    assert body is not None
    return " ".join(body.get_content().replace("\n! ", " ").split())
