"""Stories of planning applications that come by themselves: exactly the mails one would expect."""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch import cli, pipeline
from sinkwatch.model import ONLINE_KINDS, EventKind, SourceStatus
from sinkwatch.sources.planning import planit
from tests import one_page
from tests.conftest import NOW, Clock, an_installation, subscribe
from tests.peers.planit import PlanIt, a_case
from tests.peers.server import Answer, Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import EmailMessage
    from pathlib import Path

    from sinkwatch.pipeline import RunReport
    from sinkwatch.services import Services

pytestmark = pytest.mark.usefixtures("blank_site", "plain_pictures")

ONLINE = {
    "online": True,
    "contact": "operator@holes.org",
    "public_url": "https://holes.org",
}


class World:
    """An installation that is online, with one subscriber beside the Old Auction Mart."""

    def __init__(self, services: Services, service: PlanIt, peer: Peer, clock: Clock) -> None:
        self.services, self.service, self.peer, self.clock = services, service, peer, clock
        subscribe(services)

    def run(self, *, days: float = 1) -> RunReport:
        self.clock.move(days=days)
        return pipeline.run(self.services)

    def told(self, *, days: float = 1) -> list[EventKind]:
        """Run, and return what the mails of this run tell."""
        before = len(self.mails())
        report = self.run(days=days)
        assert report.troubled == ()
        assert len(self.mails()) - before == report.n_delivered == bool(report.events)
        return [event.kind for event in report.events]

    def mails(self) -> list[EmailMessage]:
        return mails_of(self.services)

    def says(self, *cases: dict[str, Any]) -> None:
        self.service.cases = list(cases)


@contextlib.contextmanager
def a_world(folder: Path, clock: Clock) -> Iterator[World]:
    """Let an installation ask PlanIt on loopback; of what is asked elsewhere this is not about."""
    service = PlanIt(NOW.date(), a_case())
    with Peer(service).running() as peer:
        offered = an_installation(folder, clock, **ONLINE)
        specs = tuple(
            replace(spec, options={**spec.options, "base_url": peer.url("")})
            if spec.kind == "planit"
            else spec
            for spec in offered.area.sources
            if spec.kind == "planit" or spec.kind not in ONLINE_KINDS
        )
        rules = {peer.host: replace(planit.RULE, is_a_peer_of_tests=True)}
        services = replace(offered, area=replace(offered.area, sources=specs), host_rules=rules)
        yield World(services, service, peer, clock)


@pytest.fixture
def world(tmp_path: Path, clock: Clock) -> Iterator[World]:
    with a_world(tmp_path, clock) as made:
        yield made


def mails_of(services: Services) -> list[EmailMessage]:
    found = sorted(services.settings.mails().glob("*.eml"), key=lambda p: p.stat().st_mtime_ns)
    return [
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in found
    ]


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(preferencelist=("plain",))
    assert body is not None
    return " ".join(body.get_content().split())


DAY_1 = "2026-11-23T04:00:00"
DAY_2 = "2026-11-24T04:00:00"

STORIES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], list[EventKind]]] = {
    # What PlanIt says first, what it says a day later, and what the second mail tells.
    "nothing has changed": ([a_case()], [a_case()], []),
    "indexed anew": (
        [a_case()],
        [a_case(last_different=DAY_2, last_changed=DAY_2, last_scraped=DAY_2)],
        [],
    ),
    "it is gone from the answer": ([a_case()], [], []),
    "details that a resident does not see": (
        [a_case()],
        [a_case(last_different=DAY_2, other_fields={"n_documents": 9}, app_size="Large")],
        [],
    ),
    "says less than before": (
        [a_case()],
        [a_case(last_different=DAY_2, app_state=None, location_x=None, location_y=None)],
        [],
    ),
    "a second one": (
        [a_case()],
        [a_case(), a_case("ZC26/09999/FUL", last_different=DAY_2)],
        [EventKind.APPLICATION_NEW],
    ),
    "a description amended": (
        [a_case()],
        [a_case(last_different=DAY_2, description="Erection of 30 dwellings")],
        [EventKind.APPLICATION_CHANGED],
    ),
    "the site moved": (
        [a_case()],
        [a_case(last_different=DAY_2, location_y=54.1420)],
        [EventKind.APPLICATION_CHANGED],
    ),
    "decided": (
        [a_case()],
        [a_case(last_different=DAY_2, app_state="Rejected", decided_date="2026-11-23")],
        [EventKind.APPLICATION_DECIDED],
    ),
    "withdrawn": (
        [a_case()],
        [a_case(last_different=DAY_2, app_state="Withdrawn")],
        [EventKind.APPLICATION_WITHDRAWN],
    ),
    "under another authority as well": (
        [a_case()],
        [a_case(), a_case(area_name="Harrogate", last_different=DAY_2)],
        [],
    ),
    "under another authority alone, and numbered otherwise": (
        [a_case(area_name="Harrogate")],
        [a_case("zc26-01234-ful", last_different=DAY_2)],
        [],
    ),
    "under another authority, which has decided it": (
        [a_case(area_name="Harrogate")],
        [a_case(last_different=DAY_2, app_state="Permitted")],
        [EventKind.APPLICATION_DECIDED],
    ),
    "the council's pages moved": (
        [a_case()],
        [a_case(last_different=DAY_2, url="https://new.council.example/?keyVal=1")],
        [],
    ),
    "an old case decided long ago": (
        [a_case()],
        [
            a_case(),
            a_case("13/1", start_date="2013-05-01", decided_date="2014-02-17",
                   app_state="Permitted", last_different=DAY_2),
        ],
        [],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def three_days(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[EventKind]]]:
    """Tell all stories at once, each with numbers of its own: by story, the events of each day."""
    days: list[list[dict[str, Any]]] = [[], [], []]
    for number, (first, second, _) in enumerate(STORIES.values()):
        for day, cases in zip(days, (first, second, second), strict=True):
            day += [numbered(case, number) for case in cases]
    with one_page.blank(), a_world(tmp_path_factory.mktemp("stories"), Clock(NOW)) as world:
        reports = []
        for cases in days:
            world.says(*cases)
            reports.append(world.run())
            assert reports[-1].troubled == ()
        # One mail a day tells all that is new of all of them, and none is sent on a quiet day.
        assert [report.n_delivered for report in reports] == [1, 1, 0]
    return [
        {
            story: [event.kind for event in report.events if f"/{number:02}-" in event.subject]
            for number, story in enumerate(STORIES)
        }
        for report in reports
    ]


def numbered(case: dict[str, Any], number: int) -> dict[str, Any]:
    """Give an application a number that no other story has."""
    text = json.dumps(case)
    for uid in ("ZC26/01234/FUL", "zc26-01234-ful", "ZC26/09999/FUL", "13/1"):
        text = text.replace(f'"{uid}"', f'"{number:02}-{uid}"').replace(
            f'/{uid}"', f'/{number:02}-{uid}"'
        )
    renumbered: dict[str, Any] = json.loads(text)
    return renumbered


@pytest.mark.parametrize("story", STORIES)
def test_a_resident_hears_of_what_they_would_call_a_change(
    three_days: list[dict[str, list[EventKind]]], story: str
) -> None:
    _, _, expected = STORIES[story]
    first, second, third = (day[story] for day in three_days)
    assert (first, second, third) == ([EventKind.APPLICATION_NEW], expected, [])


# ── One application from its first listing to its end ────────────────────────────────────────

TWIN = {"area_name": "Harrogate"}
AGAIN = "It is out for consultation again: the consultation date was {} 2026 and is now {} 2026."
STORY: tuple[tuple[str, dict[str, Any], EventKind | None, str], ...] = (
    # What happens that day; what PlanIt says that it did not say before; what the resident hears.
    (
        "it is listed", {}, EventKind.APPLICATION_NEW,
        'A planning application has been submitted. Its status is "Undecided".',
    ),
    ("nothing", {}, None, ""),
    ("it is indexed anew", {"last_changed": DAY_2, "last_scraped": DAY_2}, None, ""),
    ("another authority lists it too", TWIN, None, ""),
    ("neighbours are consulted", {"consulted_date": "2026-11-25"}, None, ""),
    ("spaces and capitals differ", {"address": "OLD Auction Mart,\nNorth Road,  Ripon"}, None, ""),
    ("its point is drawn 10 m away", {"location_y": 54.14143578}, None, ""),
    (
        "its description is amended", {"description": "Erection of 30 dwellings"},
        EventKind.APPLICATION_CHANGED, "The application has changed: its description.",
    ),
    (
        "its site is moved by 63 m", {"location_y": 54.1420},
        EventKind.APPLICATION_CHANGED, "The application has changed: its position.",
    ),
    (
        "neighbours are consulted again", {"consulted_date": "2026-12-01"},
        EventKind.APPLICATION_CHANGED,
        AGAIN.format("25 November", "1 December"),
    ),
    (
        "amended and consulted on", {"description": "25 homes", "consulted_date": "2026-12-02"},
        EventKind.APPLICATION_CHANGED,
        f"The application has changed: its description. {AGAIN.format('1 December', '2 December')}",
    ),
    ("the answer says less", {"description": None, "app_state": None}, None, ""),
    (
        "it is refused", {"app_state": "Rejected", "decided_date": "2026-12-04"},
        EventKind.APPLICATION_DECIDED,
        'The application\'s status was "Undecided" and is now "Refused".',
    ),
    (
        "an appeal is lodged", {"app_state": "Appeal lodged"},
        EventKind.APPLICATION_APPEALED,
        'The application\'s status was "Refused" and is now "Appeal lodged".',
    ),
    (
        "it is withdrawn", {"app_state": "Withdrawn"},
        EventKind.APPLICATION_WITHDRAWN,
        'The application\'s status was "Appeal lodged" and is now "Withdrawn".',
    ),
    ("it is gone from the answers", {"name": None}, None, ""),
)  # fmt: skip


def test_the_life_of_an_application_is_told_as_a_resident_would_tell_it(world: World) -> None:
    heard: dict[str, tuple[EventKind | None, str]] = {}
    said: dict[str, Any] = {}
    twins: list[dict[str, Any]] = []
    for title, changes, _, _ in STORY:
        today = f"{world.clock().date() + timedelta(days=1)}T04:00:00"
        if changes == TWIN:
            twins = [a_case(**said, **TWIN) | {"last_different": today}]
        elif changes:
            said |= changes | {"last_different": today}
        world.says(*([] if changes == {"name": None} else [a_case(**said), *twins]))
        report = world.run()
        assert report.troubled == ()
        heard[title] = next(((e.kind, e.happened) for e in report.events), (None, ""))
        assert len(report.events) == report.n_delivered <= 1
    assert heard == {title: (kind, words) for title, _, kind, words in STORY}


def test_one_that_was_published_late_is_new_and_one_beyond_the_window_is_old(
    world: World,
) -> None:
    first = f"{world.clock().date() - timedelta(days=40)}"
    long_ago = f"{world.clock().date() - timedelta(days=60)}"
    world.says(a_case(start_date=first), a_case("ZC26/00002/FUL", start_date=long_ago))
    report = world.run()
    assert [event.subject for event in report.events] == ["North Yorkshire/ZC26/01234/FUL"]


def test_what_a_file_no_longer_lists_is_told_to_those_who_knew_of_it(
    installation: Callable[..., Services], clock: Clock, tmp_path: Path
) -> None:
    head = "reference,description,status,easting,northing\n"
    both = "ZC26/1,Homes,Undecided,431579,471829\nZC26/2,Shop,Undecided,431579,471829\n"
    path = tmp_path / "planning.csv"
    path.write_text(head + both)
    services = installation(planning=[path])
    told = [_told_of_file(services, clock)]
    subscribe(services)
    path.write_text(head + both + "ZC26/3,Barn,Undecided,431579,471829\n")
    told.append(_told_of_file(services, clock))
    # One that the resident was told of and one that was there before they asked.
    path.write_text(head + both.partition("\n")[0] + "\n")
    told += [_told_of_file(services, clock) for _ in range(4)]
    assert [[kind for kind, _ in events] for events, _ in told] == [
        [EventKind.APPLICATION_NEW] * 2, [EventKind.APPLICATION_NEW],
        [], [], [EventKind.APPLICATION_UNLISTED] * 2, [],
    ]  # fmt: skip
    assert [n_mails for _, n_mails in told] == [0, 1, 0, 0, 1, 0]
    (mail,) = [m for m in mails_of(services) if "no longer listed" in text_of(m)]
    assert "ZC26/3" in text_of(mail)
    assert "ZC26/2" not in text_of(mail)
    assert 'Its status was last "Undecided".' in text_of(mail)


def _told_of_file(services: Services, clock: Clock) -> tuple[list[tuple[EventKind, str]], int]:
    clock.move(days=1)
    report = pipeline.run(services)
    return [(event.kind, event.subject) for event in report.events], report.n_queued


@pytest.mark.usefixtures("front_page")
def test_the_mail_and_the_map_name_application_council_and_planit(world: World) -> None:
    report = world.run()
    (mail,) = world.mails()
    assert "ZC26/01234/FUL" in text_of(mail)
    assert "Undecided" in text_of(mail)
    page = (report.published.path / "index.html").read_text()
    assert "Planning application data via PlanIt" in page
    assert world.peer.asked[0].headers["User-Agent"].startswith("sinkwatch/")
    assert "(+https://holes.org; operator@holes.org)" in world.peer.asked[0].headers["User-Agent"]


def test_two_authorities_at_once_are_one_application_and_one_line(world: World) -> None:
    world.says(a_case(), a_case(area_name="Harrogate"))
    assert world.told() == [EventKind.APPLICATION_NEW]
    assert text_of(world.mails()[0]).count("Erection of 20 dwellings") == 1


def test_a_month_of_runs_every_sixth_day_tells_each_thing_once(world: World) -> None:
    told = [world.told()]
    for day in range(4, 31, 6):
        changed = f"2026-{11 if day < 9 else 12}-{(22 + day - 1) % 30 + 1:02}T04:00:00"
        cases = [a_case(last_different=changed)]
        if day >= 10:
            cases.append(a_case("ZC26/02000/FUL", start_date="2026-11-20", last_different=changed))
        if day >= 22:
            cases[0] |= {"app_state": "Permitted", "decided_date": "2026-12-10"}
        world.says(*cases)
        told.append(world.told(days=6))
    expected: list[list[EventKind]] = [[] for _ in range(6)]
    expected[0] = expected[2] = [EventKind.APPLICATION_NEW]
    expected[4] = [EventKind.APPLICATION_DECIDED]
    assert told == expected
    assert len(world.peer.asked) == 6


@pytest.mark.usefixtures("front_page")
def test_an_answer_that_cannot_be_right_sends_no_mail_and_is_shown(world: World) -> None:
    world.run()
    world.peer.answers = lambda _: Answer(body=b"<html>Sorry</html>")
    report = world.run()
    (state,) = report.troubled
    assert (state.spec.name, state.status) == ("planit", SourceStatus.FAILED)
    assert (report.n_queued, len(world.mails())) == (0, 1)
    assert report.findings.applications["reference"].tolist() == ["ZC26/01234/FUL"]
    assert "could not be read" in (report.published.path / "index.html").read_text()
    world.peer.answers = world.service
    world.says(a_case(), a_case("ZC26/02000/FUL", last_different=DAY_1))
    assert world.told() == [EventKind.APPLICATION_NEW]


def test_a_wish_to_be_left_alone_is_kept_from_run_to_run(world: World) -> None:
    world.run()
    world.peer.answers = lambda _: Answer(status=429, headers={"Retry-After": "172800"})
    assert "wants to be left alone" in world.run().troubled[0].problem
    assert "until" in world.run(days=0.5).troubled[0].problem
    assert len(world.peer.asked) == 2
    world.peer.answers = world.service
    assert world.told(days=0.6) == []  # a day later: no server is believed for longer
    assert len(world.peer.asked) == 3


def test_the_same_question_twice_brings_no_second_copy(world: World) -> None:
    first = world.run()
    world.run(days=0.01)
    third = world.run(days=0.01)
    assert world.peer.asked[2].headers["If-None-Match"] is not None
    states = [
        next(state for state in report.findings.sources if state.spec.name == "planit")
        for report in (first, third)
    ]
    copies = [state.snapshot.sha256 for state in states if state.snapshot is not None]
    assert copies[0] == copies[1]
    assert len(copies) == 2


def test_runs_close_together_are_kept_a_minute_apart(world: World) -> None:
    world.run()
    began = world.clock()
    world.run(days=0)
    assert (world.clock() - began).total_seconds() == 60


def test_offline_asks_nobody_and_uses_what_is_held(world: World) -> None:
    world.run()
    report = pipeline.run(world.services, offline=True)
    assert len(report.findings.applications) == 1
    assert len(world.peer.asked) == 1


def test_switched_off_nobody_is_asked_and_what_is_held_stays_in_use_until_it_is_old(
    world: World, installation: Callable[..., Services]
) -> None:
    world.run()
    world.clock.move(days=1)
    report = pipeline.run(installation())
    (state,) = (state for state in report.findings.sources if state.spec.name == "planit")
    assert (state.status, state.n_rows) == (SourceStatus.GOOD, 1)
    assert (report.events, len(world.peer.asked)) == ((), 1)
    world.clock.move(days=1.1)
    (stale,) = pipeline.run(installation()).troubled
    assert (stale.spec.name, stale.status) == ("planit", SourceStatus.STALE)
    assert world.told() == []


def test_a_dry_run_tells_the_same_and_the_run_after_it_too(world: World) -> None:
    folder = world.services.settings.state_folder / "dry-run"
    assert pipeline.dry_run(world.services, folder).n_queued == 1
    assert world.told() == [EventKind.APPLICATION_NEW]


@pytest.mark.parametrize(("is_fine", "code"), [(True, cli.DONE), (False, cli.TROUBLED)])
def test_the_commands_say_how_planit_stands(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    is_fine: bool,
    code: int,
) -> None:
    def sinkwatch(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["sinkwatch", *words])
        monkeypatch.setattr("sinkwatch.services.open_services", lambda *_: world.services)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), capsys.readouterr().out

    world.run()
    if not is_fine:
        world.peer.answers = lambda _: Answer(status=403)
    world.clock.move(days=1)
    ended, out = sinkwatch("run", "--json")
    assert ended == code
    stands = {source["name"]: source["status"] for source in json.loads(out)["sources"]}
    assert stands["planit"] == ("good" if is_fine else "failed")
    _, out = sinkwatch("sources", "list", "--json")
    (listed,) = (source for source in json.loads(out) if source["name"] == "planit")
    assert listed["rows"] == 1
    assert listed["url"].startswith(world.peer.url("/api/applics/json?"))
