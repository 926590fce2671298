"""A whole installation with every source asked: what is held, what it costs, what goes wrong."""

from __future__ import annotations

import html
import json
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from sinkwatch import cli, intake, questions
from sinkwatch.errors import PlaceError
from sinkwatch.model import EventKind, SourceStatus
from sinkwatch.sources.ordnance_survey import code_point
from tests import live, one_page
from tests.conftest import NOW, Clock, subscribe, subscribers
from tests.peers.os_downloads import STORAGE_PATH
from tests.peers.planit import a_case
from tests.peers.postcodes_io import a_postcode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from email.message import EmailMessage
    from pathlib import Path

    from sinkwatch.model import Findings
    from sinkwatch.pipeline import RunReport
    from tests.live import Peers, World

    Sinkwatch = Callable[..., tuple[int, str]]

pytestmark = pytest.mark.usefixtures("blank_site", "plain_pictures")

ONLINE: Final = frozenset().union(*live.ASKED_OF.values())
"""Names of the sources that ask a peer."""

OF_OS: Final = live.ASKED_OF["os"]


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    with live.peers(tmp_path_factory.mktemp("pygeoapi")) as running:
        yield running


@pytest.fixture(scope="module")
def first(peers: Peers, tmp_path_factory: pytest.TempPathFactory) -> World:
    """After its first run, with one subscriber beside the Old Auction Mart; to be copied."""
    peers.renew()
    made = live.a_world(peers, tmp_path_factory.mktemp("first") / "here", Clock(NOW))
    _subscribe(made, "HG4 1HS")
    made.run()
    return made


class Week(NamedTuple):
    """A second run, when everything was due again, and what it asked."""

    report: RunReport
    n_mails: int
    asked: dict[str, list[tuple[str, int]]]
    asked_of_bgs: list[str]


@pytest.fixture(scope="module")
def week(first: World, tmp_path_factory: pytest.TempPathFactory) -> Week:
    first.peers.renew()
    made = live.again(first, tmp_path_factory.mktemp("week") / "here")
    with one_page.blank(), first.peers.watched() as asked:
        report = made.run(days=8)
    of_bgs = [found.path for found in first.peers.bgs.asked]
    return Week(report, len(made.mails()), asked, of_bgs)


@pytest.fixture
def world(first: World, tmp_path: Path) -> World:
    """The same installation at the same time, for one test alone."""
    first.peers.renew()
    return live.again(first, tmp_path / "here")


@pytest.fixture
def sinkwatch(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Sinkwatch]:
    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["sinkwatch", *words])
        monkeypatch.setattr("sinkwatch.services.open_services", lambda *_: world.services)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), capsys.readouterr().out

    yield run
    logger = logging.getLogger("sinkwatch")
    logger.handlers.clear()  # they write to this test's own streams
    logger.setLevel(logging.NOTSET)


def _subscribe(world: World, postcode: str, email: str = "resident@example.org") -> None:
    subscribe(world.services, email, postcode)


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(preferencelist=("plain",))
    assert body is not None
    return " ".join(body.get_content().split())


def copies(report: RunReport) -> dict[str, str]:
    """Return what is in use of each source, by its SHA-256."""
    return {
        state.spec.name: state.snapshot.sha256
        for state in report.findings.sources
        if state.snapshot is not None
    }


def not_good(report: RunReport) -> dict[str, SourceStatus]:
    return {
        state.spec.name: state.status
        for state in report.findings.sources
        if state.status is not SourceStatus.GOOD
    }


# ── The first run ────────────────────────────────────────────────────────────────────────────


def test_every_source_of_ripon_is_asked_and_tells_where_it_comes_from(
    world: World, sinkwatch: Sinkwatch
) -> None:
    code, out = sinkwatch("sources", "list", "--json")
    listed: dict[str, dict[str, Any]] = {each["name"]: each for each in json.loads(out)}
    assert code == 0
    assert list(listed) == [spec.name for spec in world.services.area.sources]
    assert {name for name, each in listed.items() if each["status"] != "good"} == set()
    assert {name for name, each in listed.items() if each["gate"] != "passed"} == set()
    for name, each in listed.items():
        assert len(each["sha256"]) == 64, name
        assert each["rows"] > 0, name
        assert each["licence"], name
        assert each["attribution"], name
        assert each["bytes"] > 0, name
        assert not each["hold"], name
    for name in ONLINE:
        assert listed[name]["url"].startswith("http://127.0.0.1:"), name
        assert listed[name]["retrieved_at"] == listed[name]["checked_at"] == NOW.isoformat(), name
    assert {listed[name]["edition"] for name in OF_OS} == {"2026-08"}
    assert listed["openstreetmap"]["edition"] == "OpenStreetMap as of 1 November 2026"
    assert listed["prices"]["edition"].startswith("prices.csv of ")
    assert [name for name, each in listed.items() if each["is_restricted"]] == ["prices"]
    assert listed["code-point"]["next_due_at"] == (NOW + timedelta(days=7)).isoformat()


def test_each_list_is_filled_with_what_its_sources_gave(first: World) -> None:
    findings = first.reports[0].findings
    around = findings.surroundings
    assert around.names is not None
    assert sorted(around.names["name"]) == [
        "Example Green", "Example Lane", "Example Lane", "Other Street",
    ]  # fmt: skip
    assert around.backdrop is not None
    assert sorted(around.backdrop["layer"]) == ["building"] * 5 + ["road"]
    assert around.rocks is not None
    assert sorted(around.rocks["layer"]) == ["bedrock"] * 3 + ["fault", "superficial"]
    assert around.boreholes is not None
    assert len(around.boreholes) == 3
    assert around.designations is not None
    assert around.designations["name"].tolist() == ["Example Green"]
    assert around.context is not None
    assert {"geosure-soluble-rocks-SE3171", "rainfall-month"} < set(around.context["context_id"])
    # Addresses of sold homes may not be handed on, and with them the list that they are part of.
    assert around.addresses is None


def test_lists_of_postcodes_and_of_applications_become_one_each(first: World) -> None:
    findings = first.reports[0].findings
    assert findings.postcodes["postcode"].is_unique
    assert {live.NEW_POSTCODE, "HG4 1HS"} < set(findings.postcodes["postcode"])
    # One that somebody had looked up places an application, and is not published.
    assert "HG4 9ZZ" not in set(findings.postcodes["postcode"])
    assert findings.surroundings.looked_up is None
    assert findings.applications["reference"].tolist() == [
        "ZC26/01234/FUL", "ZC26/02001/FUL", "ZC26/02002/FUL", "ZC26/03001/FUL", "ZC26/99901/FUL",
    ]  # fmt: skip
    assert findings.applications.geometry.notna().all()


def test_the_page_names_every_credit(first: World) -> None:
    report = first.reports[0]
    page = html.unescape((report.published.path / "index.html").read_text())
    named = {spec.attribution for spec in first.services.area.sources if spec.attribution}
    assert len(named) >= 9
    assert {credit for credit in named if credit not in page} == set()


def test_the_mail_names_every_credit_with_its_address(first: World) -> None:
    (mail,) = first.mails()
    for credit in (
        "Planning application data via PlanIt (https://www.planit.org.uk); original records ©",
        "© OpenStreetMap contributors (https://www.openstreetmap.org/copyright). Open Database",
    ):
        assert credit in text_of(mail)


@pytest.mark.parametrize(
    ("words", "at"),
    [
        (live.NEW_POSTCODE, (431_450, 471_702)),
        ("Example Lane, Ripon", live.STREET),
        (f"uprn/{live.UPRN}", (431_500, 471_700)),
        ("ZC26/02001/FUL", live.STREET),
    ],
)
def test_places_that_only_these_sources_know_can_be_asked_about(
    sinkwatch: Sinkwatch, words: str, at: tuple[int, int]
) -> None:
    code, out = sinkwatch("check", words, "--json")
    place = json.loads(out)["place"]
    assert (code, (place["easting"], place["northing"])) == (0, at)


def test_a_street_that_is_in_two_towns_is_not_guessed(world: World) -> None:
    with pytest.raises(PlaceError, match="Example Lane, Masham; Example Lane, Ripon"):
        questions.check(world.services, "Example Lane")


def test_an_application_with_no_point_is_placed_by_its_street(first: World) -> None:
    rows = first.reports[0].findings.applications.set_index("reference")
    row = rows.loc["ZC26/02001/FUL"]
    assert (row["geometry"].x, row["geometry"].y) == live.STREET
    assert row["position_basis"] == "the middle of Example Lane, the street named in the address"
    (mail,) = first.mails()
    item = text_of(mail).partition("12 Example Lane")[2].partition("Public record: ")[0]
    assert "Near Example Lane." in item
    assert "About 130 m (± 110 m) to the north-east of HG4 1HS." in item


def test_the_first_run_tells_what_is_near_and_nothing_else(first: World) -> None:
    report = first.reports[0]
    assert {event.kind for event in report.events} == {EventKind.APPLICATION_NEW}
    assert (len(report.events), report.n_queued, report.n_delivered) == (5, 1, 1)
    (mail,) = first.mails()
    told = [f"ZC26/0{number}/FUL" in text_of(mail) for number in ("1234", "2001", "2002", "3001")]
    assert told == [True, True, True, False]


# ── A week later ─────────────────────────────────────────────────────────────────────────────


def test_a_week_later_all_is_asked_again_and_nothing_has_changed(first: World, week: Week) -> None:
    report = week.report
    assert not_good(report) == {}
    assert (report.events, report.n_queued, week.n_mails) == ((), 0, 1)
    before, after = copies(first.reports[0]), copies(report)
    # The gauges' last day is another one; what is as it was is the same to the last byte.
    assert {name for name in before if before[name] != after[name]} == {"environment-agency"}
    checked = {
        state.spec.name
        for state in report.findings.sources
        if state.snapshot is not None and state.snapshot.checked_at == report.at
    }
    # Overpass is a shared server: once in 28 days is enough.
    assert ONLINE - checked == {"openstreetmap"}


def test_a_week_later_little_is_sent_again(week: Week) -> None:
    statuses = {name: [status for _, status in asked] for name, asked in week.asked.items()}
    assert statuses == {
        "planit": [200],  # another question: what is new since
        "platform": [304] * 4,
        "council": [200],
        "os": [304] * 5,
        "agency": [304, 304, 200, 304, 304, 304, 200],  # but for the newest readings
        "postcodes-io": [],
        "overpass": [],
    }
    # Of OS it is asked which edition is the newest, and no file.
    assert {path.rpartition("/")[0] for path, _ in week.asked["os"]} == {"/downloads/v1/products"}
    assert len(week.asked_of_bgs) == 8


def test_a_day_later_only_what_changes_daily_is_asked(world: World) -> None:
    assert not_good(world.run(days=1)) == {}
    asked = {name for name, peer in world.peers.by_name.items() if peer.asked}
    assert asked == {"planit", "platform", "agency"}
    assert world.peers.bgs.asked == []


# ── When a peer is broken ────────────────────────────────────────────────────────────────────


def test_whichever_peer_is_broken_its_last_good_copies_stay_in_use(
    world: World, first: World, sinkwatch: Sinkwatch
) -> None:
    # When each has to be asked again, by its own rules: a page, a shared server, a postcode.
    days = {"agency": 1, "planit": 1, "overpass": 28, "postcodes-io": 91}
    before = _in_use(first.reports[0])
    for name in sorted(live.ASKED_OF, key=lambda name: (days.get(name, 7), name)):
        mend = world.peers.spoil(name)
        report = world.run(days=days.get(name, 7))
        mend()
        assert not_good(report) == dict.fromkeys(live.ASKED_OF[name], SourceStatus.FAILED), name
        # But for a month in which there was nothing to tell, which is told.
        assert (report.events, len(_news(world))) == ((), 1), name
        after = _in_use(report)
        # Not as of now, and not another: what was held before.
        assert {k: after[k] for k in live.ASKED_OF[name]} == {
            k: before[k] for k in live.ASKED_OF[name]
        }, name
        assert all(state.problem for state in report.troubled), name
        before = after
    world.clock.move(days=1)
    assert sinkwatch("run", "--json")[0] == cli.DONE
    assert {each["status"] for each in _listed(sinkwatch).values()} == {"good"}
    assert len(_news(world)) == 1


def _news(world: World) -> list[EmailMessage]:
    """Return the mails that tell of something."""
    return [mail for mail in world.mails() if "nothing to tell" not in mail["Subject"].lower()]


@pytest.mark.usefixtures("front_page")
def test_a_broken_peer_is_told_to_whoever_runs_it_and_to_readers(
    world: World, sinkwatch: Sinkwatch
) -> None:
    world.peers.spoil("planit")
    world.peers.spoil("bgs")
    broken = {*live.ASKED_OF["planit"], *live.ASKED_OF["bgs"]}
    world.clock.move(days=8)
    code, out = sinkwatch("run", "--json")
    told = {each["name"] for each in json.loads(out)["sources"] if each["status"] != "good"}
    assert (code, told) == (cli.TROUBLED, broken)
    listed = _listed(sinkwatch)
    assert {name for name, each in listed.items() if each["gate"] == "refused"} == broken
    assert all(listed[name]["rows"] > 0 for name in broken)
    page = (world.services.settings.maps_folder / "current" / "index.html").read_text()
    assert "could not be read; the last good copy is in use" in page


def _in_use(report: RunReport) -> dict[str, tuple[str, datetime, str]]:
    """Return of each source which copy is in use, and when it was last found to be so."""
    return {
        state.spec.name: (held.sha256, held.checked_at, held.edition)
        for state in report.findings.sources
        if (held := state.snapshot) is not None
    }


def _listed(sinkwatch: Sinkwatch) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in json.loads(sinkwatch("sources", "list", "--json")[1])}


# ── A postcode that no list has ──────────────────────────────────────────────────────────────


def test_a_postcode_that_no_list_has_is_looked_up_once(world: World) -> None:
    peer = world.peers.by_name["postcodes-io"]
    world.peers.knows["postcodes-io"].live["HG4 7ZZ"] = a_postcode(
        "HG4 7ZZ", eastings=431_000, northings=470_000, longitude=-1.527168, latitude=54.124944
    )
    _subscribe(world, "hg4 7zz")
    assert [asked.path for asked in peer.asked] == ["/postcodes/HG4%207ZZ"]
    _subscribe(world, "HG4 7ZZ", "neighbour@example.org")
    assert len(peer.asked) == 1
    places = [place for one in subscribers(world.services) for place in one.subscriptions]
    added = [place for place in places if place.postcode == "HG4 7ZZ"]
    assert [(s.easting, s.northing) for s in added] == [(431_000.0, 470_000.0)] * 2
    held = intake.recall(world.services).surroundings.looked_up
    assert held is not None
    assert held["postcode"].tolist() == ["HG4 7ZZ", "HG4 9ZZ"]


# ── What waits for a person ──────────────────────────────────────────────────────────────────


def test_half_the_postcodes_wait_for_a_person(world: World, sinkwatch: Sinkwatch) -> None:
    service = world.peers.knows["os"]
    service.releases[code_point.WANTED.product] = live.postcodes(169, version="2026-11")
    world.clock.move(days=1)
    code, out = sinkwatch("sources", "refresh", "code-point", "--json")
    (held,) = json.loads(out)
    assert (code, held["status"], held["gate"]) == (cli.TROUBLED, "held", "held")
    assert "it holds 169 rows, fewer than 80% of the last good 338" in held["hold"]["rule"]
    assert (held["edition"], held["rows"]) == ("2026-08", 338)
    assert held["hold"]["candidate"]["edition"] == "2026-11"
    _, shown = sinkwatch("sources", "show", "code-point")
    assert "Waiting: 2026-11, SHA-256 " in shown
    # A run in between changes nothing about that, and tells nobody anything.
    report = world.run(days=8)
    assert not_good(report) == {"code-point": SourceStatus.HELD}
    assert (report.events, len(world.mails())) == ((), 1)
    code, out = sinkwatch("sources", "accept", "code-point")
    assert (code, out.startswith("code-point: accepted 2026-11, ")) == (cli.DONE, True)
    report = world.run(days=8)
    assert not_good(report) == {}
    listed = _listed(sinkwatch)["code-point"]
    assert (listed["edition"], listed["hold"]) == ("2026-11", None)
    # Those withdrawn are shown where they lay last.
    gone = report.findings.postcodes.set_index("postcode")["is_retired"]
    assert gone.sum() == 169
    assert (report.events, len(world.mails())) == ((), 1)


def test_what_a_person_holds_is_not_asked_until_it_is_accepted(
    world: World, sinkwatch: Sinkwatch
) -> None:
    assert sinkwatch("sources", "hold", "planit")[0] == cli.DONE
    world.peers.knows["planit"].cases.append(a_case("ZC26/02004/FUL"))
    report = world.run(days=1)
    assert (not_good(report), report.events) == ({"planit": SourceStatus.HELD}, ())
    assert world.peers.by_name["planit"].asked == []
    assert sinkwatch("sources", "accept", "planit")[0] == cli.DONE
    report = world.run(days=1)
    assert [event.subject for event in report.events] == ["North Yorkshire/ZC26/02004/FUL"]
    assert (not_good(report), len(world.mails())) == ({}, 2)


def test_a_new_edition_with_the_same_rows_is_taken_in_once(
    world: World, sinkwatch: Sinkwatch
) -> None:
    service = world.peers.knows["os"]
    for release in service.releases.values():
        release.version = "2026-11"
    peer = world.peers.by_name["os"]
    world.clock.move(days=8)
    assert sinkwatch("sources", "refresh", *OF_OS)[0] == cli.DONE
    # The files are the ones that lie here, so not one is sent.
    assert [asked.path for asked in peer.asked if asked.path.startswith(STORAGE_PATH)] == []
    listed = _listed(sinkwatch)
    assert {listed[name]["edition"] for name in OF_OS} == {"2026-11"}
    peer.asked.clear()
    assert sinkwatch("sources", "refresh", *OF_OS)[0] == cli.DONE
    assert {asked.path.rpartition("/")[0] for asked in peer.asked} == {"/downloads/v1/products"}
    assert len(peer.asked) == 5


# ── Zones from a server ──────────────────────────────────────────────────────────────────────


def test_zones_from_pygeoapi_give_the_bands_that_the_file_gives(
    peers: Peers, tmp_path: Path, ripon_findings: Findings
) -> None:
    peers.renew()
    made = live.a_world(peers, tmp_path / "here", Clock(NOW))
    made.services = live.with_zones_from_server(made.services, peers)
    report = made.run()
    assert not_good(report) == {}
    assert {asked.path for asked in peers.bgs.asked} == {
        "/collections", "/collections/zones/items",
    }  # fmt: skip
    assert report.findings.postcode_bands.equals(ripon_findings.postcode_bands)
    found, expected = (
        {each.place.place_id: (each.band, each.geology) for each in findings.sites}
        for findings in (report.findings, ripon_findings)
    )
    assert found == expected
