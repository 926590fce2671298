"""Idox: links made anew, and the few pages that are read if the operator wishes it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkwatch.errors import ConfigError, DataError, SourceError
from sinkwatch.sources import snapshots
from sinkwatch.sources.planning import applications, idox, idox_links, planit
from sinkwatch.sources.planning.planit_records import Record, dumped
from tests.peers import hostile
from tests.peers.idox import BLOCK, FOLDER, GONE, KEY, Idox, as_html, newer, older, the_rows
from tests.peers.server import Answer, Notes, Peer
from tests.sources.samples import a_spec, an_errand
from tests.world import an_area

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import geopandas as gpd

    from sinkwatch.model import Snapshot, SourceSpec
    from sinkwatch.sources.errand import Errand
    from tests.conftest import Clock

# ── Links ────────────────────────────────────────────────────────────────────────────────────

BASE: Final = "https://new.example/online-applications/"
NEW: Final = f"{BASE}applicationDetails.do?activeTab=summary&keyVal={KEY}"
SEARCH: Final = f"{BASE}search.do?action=simple"


@pytest.mark.parametrize(
    ("url", "now"),
    [
        (f"https://old.example/online-applications/applicationDetails.do?keyVal={KEY}", NEW),
        (f"http://old.example/a/applicationDetails.do?activeTab=map&keyVal={KEY}#x", NEW),
        (f"https://old.example/applicationDetails.do?keyVal={KEY}&activeTab=dates", NEW),
        (
            "https://old.example/a/applicationDetails.do?keyVal=_HGATE_DCAPR_123456",
            f"{BASE}applicationDetails.do?activeTab=summary&keyVal=_HGATE_DCAPR_123456",
        ),
        ("https://old.example/a/applicationDetails.do?keyVal=ZC26/01234/FUL", SEARCH),
        ("https://old.example/a/applicationDetails.do?keyVal=", SEARCH),
        ("https://old.example/a/applicationDetails.do", SEARCH),
        (f"https://old.example/a/applicationDetails.do?keyVal={KEY}&keyVal=OTHERKEY00000", SEARCH),
        (f"https://old.example/a/applicationDetails.do?keyVal={KEY}%0d%0aSet-Cookie:x", SEARCH),
        (f"https://old.example/a/applicationDetails.do?keyVal={KEY}%26x=1", SEARCH),
        (f"https://old.example/a/applicationDetails.do?keyVal={'A' * 41}", SEARCH),
        (
            "https://old.example/a/applicationDetails.do?keyVal=\uff21\uff22\uff23\uff24\uff25",
            SEARCH,
        ),
        (f"https://old.example/a/other.do?keyVal={KEY}", SEARCH),
        (f"https://old.example/?next=applicationDetails.do?keyVal={KEY}", SEARCH),
        (f"https://old.example/{'a' * 2_000}/applicationDetails.do?keyVal={KEY}", SEARCH),
        ("https://[old.example/a", SEARCH),
        ("", SEARCH),
    ],
)
def test_a_link_to_a_host_that_was_left_leads_to_the_register_of_today(url: str, now: str) -> None:
    assert idox.rebuilt(url, BASE) == now


@given(st.text())
def test_whatever_the_link_was_the_new_one_stays_in_the_registers_folder(text: str) -> None:
    for url in (text, f"https://old.example/a/applicationDetails.do?keyVal={text}"):
        now = idox.rebuilt(url, BASE)
        assert now.startswith(BASE)
        assert now.isascii()
        assert "\n" not in now


def relinked(url: str | None, option: object) -> str | None:
    table = pd.DataFrame({"url": [url]}, dtype="str")
    (found,) = idox_links.relinked(table, a_spec("planit", None, options={"idox": option}))["url"]
    return found if isinstance(found, str) else None


MOVED: Final = {"base_url": BASE, "retired_hosts": ["Old.example"]}
OTHER: Final = {"base_url": "https://other.example/a/", "retired_hosts": ["gone.example"]}


@pytest.mark.parametrize(
    ("url", "now"),
    [
        (f"https://OLD.example/b/applicationDetails.do?keyVal={KEY}", NEW),
        (f"https://old.example:8443/applicationDetails.do?keyVal={KEY}", NEW),
        ("https://gone.example/x", "https://other.example/a/search.do?action=simple"),
        ("https://council.example/x?keyVal=Z", "https://council.example/x?keyVal=Z"),
        ("https://old.example.evil.example/a", "https://old.example.evil.example/a"),
        (f"{BASE}applicationDetails.do?keyVal={KEY}", f"{BASE}applicationDetails.do?keyVal={KEY}"),
        ("https://[", "https://["),
        (None, None),
    ],
)  # fmt: skip
def test_only_links_to_hosts_that_were_left_are_made_anew(url: str | None, now: str | None) -> None:
    assert relinked(url, [MOVED, OTHER]) == now


def test_without_the_option_or_without_links_nothing_is_touched() -> None:
    table = pd.DataFrame({"url": ["https://old.example/x"]}, dtype="str")
    assert idox_links.relinked(table, a_spec("planit", None)) is table
    bare = pd.DataFrame({"reference": ["1"]}, dtype="str")
    assert idox_links.relinked(bare, a_spec("planit", None, options={"idox": MOVED})) is bare


@pytest.mark.parametrize(
    "option",
    [
        "https://new.example/", 7, {"base_url": "new.example"}, {"retired_hosts": ["x"]},
        {"base_url": "https://new.example/a"}, {"base_url": "javascript:alert(1)//"},
        {"base_url": "https://a@b/"}, {"base_url": BASE, "retired_hosts": "old.example"},
        {"base_url": BASE, "hosts": []}, [MOVED, "x"],
    ],
)  # fmt: skip
def test_an_option_that_is_not_understood_is_refused(option: object) -> None:
    with pytest.raises(ConfigError, match="its option idox is not understood"):
        relinked("https://old.example/", option)


# ── Pages ────────────────────────────────────────────────────────────────────────────────────


def a_record(number: int = 1234, **changes: Any) -> Record:  # noqa: ANN401 - any field
    reference = f"ZC26/{number:05}/FUL"
    name = f"North Yorkshire/{reference}"
    key = KEY if number == 1234 else f"KEYOF{number:08}"
    given = {
        "name": name, "known_as": name, "authority": "North Yorkshire", "reference": reference,
        "address": "North Road", "postcode": None, "description": "Homes", "state": "Undecided",
        "received_on": "2026-11-02", "decided_on": None, "longitude": -1.518, "latitude": 54.141,
        "url": f"https://old.example/a/applicationDetails.do?keyVal={key}",
        "last_different": "2026-11-20T00:00:00.000000+00:00",
    }  # fmt: skip
    return Record(**{**given, **changes})


class World:
    """A register on loopback, and PlanIt's list as it lies on disk."""

    def __init__(self, peer: Peer, folder: Path, clock: Clock) -> None:
        self.peer, self.folder, self.clock = peer, folder, clock
        self.service = Idox()
        peer.answers = self.service
        peer.asked.clear()
        self.notes = Notes()
        self.options: dict[str, object] = {
            "base_url": peer.url(FOLDER), "retired_hosts": ["old.example"],
        }  # fmt: skip
        self.lists(a_record())

    def lists(self, *records: Record) -> None:
        """Let this be PlanIt's list that is in use."""
        path = self.folder / "planit" / "list.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dumped(records))
        self.in_use = {"planit": snapshots.in_place(a_spec("planit", path), now=self.clock())}

    def shows(self, page: str | Answer) -> None:
        self.service.pages[KEY] = page

    def spec(self) -> SourceSpec:
        return a_spec("idox", None, options=self.options)

    def errand(self) -> Errand:
        way_out = hostile.a_downloader(self.peer, self.clock, self.notes)
        area = an_area(sources=(a_spec("planit", None), self.spec()))
        return an_errand(
            self.folder,
            now=self.clock(),
            downloader=way_out,
            area=area,
            in_use=self.in_use,
        )

    def fetch(self, **step: float) -> Snapshot:
        self.clock.move(**step)
        return idox.fetch(self.spec(), self.errand())

    def row(self, **step: float) -> dict[str, Any]:
        frame = idox.load(self.fetch(**step), self.spec(), an_area())
        (row,) = frame.to_dict("records")
        return {str(name): value for name, value in row.items()}

    def refused(self, **step: float) -> str:
        with pytest.raises((DataError, SourceError)) as refused:
            self.fetch(**step)
        return str(refused.value)

    def keys(self) -> list[str]:
        return [asked.query["keyVal"][0] for asked in self.peer.asked]


@pytest.fixture(scope="module")
def server() -> Iterator[Peer]:
    with Peer(Idox()).running() as peer:
        yield peer


@pytest.fixture
def world(server: Peer, tmp_path: Path, clock: Clock) -> World:
    return World(server, tmp_path / "copies", clock)


@pytest.mark.parametrize("template", [older, newer])
@pytest.mark.parametrize(
    ("told", "status", "words"),
    [
        ({}, "undecided", "Undecided"),
        ({"Status": "Pending Consideration"}, "undecided", "Undecided"),
        ({"Status": "Decided", "Decision": "Granted"}, "approved", "Permitted"),
        ({"Status": "Decided", "Decision": "APPROVED with conditions"}, "approved", "Permitted"),
        ({"Status": "Decided", "Decision": "Application Permitted"}, "approved", "Permitted"),
        ({"Status": "Decided", "Decision": "Refused"}, "refused", "Refused"),
        ({"Status": "Decided", "Decision": "Refusal of approval"}, "refused", "Refused"),
        ({"Status": "Withdrawn"}, "withdrawn", "Withdrawn"),
        ({"Status": "Application Withdrawn", "Decision": ""}, "withdrawn", "Withdrawn"),
        ({"Appeal_Status": "Appeal Lodged"}, "appealed", "Appeal lodged"),
        ({"Decision": "Refused", "Appeal_Status": "In progress"}, "appealed", "Appeal lodged"),
        ({"Decision": "Approval not required"}, "other", "Approval not required"),
        ({"Decision": "Split decision"}, "other", "Split decision"),
    ],
)
def test_how_it_stands_is_read_from_both_templates(
    world: World,
    template: Callable[[dict[str, str]], str],
    told: dict[str, str],
    status: str,
    words: str,
) -> None:
    world.shows(template(the_rows(**told)))
    row = world.row()
    assert (row["status"], row["status_text"]) == (status, words)
    assert row["application_key"] == "North Yorkshire/ZC26/01234/FUL"


def test_the_rest_is_as_planit_has_it_but_for_the_link(world: World) -> None:
    world.shows(
        older(the_rows(Decision="Granted", Decision_Issued_Date="Fri 20 Nov 2026", Address="x"))
    )
    row = world.row()
    assert row["decided_on"].date().isoformat() == "2026-11-20"
    assert (row["description"], row["address"]) == ("Homes", "North Road")
    assert row["url"] == world.peer.url(
        f"{FOLDER}applicationDetails.do?activeTab=summary&keyVal={KEY}"
    )
    assert row["received_on"].date().isoformat() == "2026-11-02"


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [("UTF-8", "utf-8"), ("ISO-8859-1", "cp1252"), ("windows-1252", "cp1252")],
)
def test_pages_come_in_the_charsets_that_registers_use(
    world: World, charset: str, encoding: str
) -> None:
    page = older(the_rows(Decision="Granted \N{EN DASH} café"))
    world.shows(as_html(page, charset=charset, encoding=encoding))
    assert world.row()["status"] == "approved"


def test_a_page_that_says_no_charset_may_say_it_itself(world: World) -> None:
    head = "<meta http-equiv='Content-Type' content='text/html; charset=ISO-8859-1'>"
    page = head + older(the_rows(Proposal="café", Decision="Refused"))
    world.shows(Answer(body=page.encode("latin-1")))
    assert world.row()["status"] == "refused"


def test_the_same_page_a_week_later_gives_the_same_bytes(world: World) -> None:
    first, second, third = world.fetch(), world.fetch(days=1), world.fetch(days=7)
    assert first.sha256 == second.sha256 == third.sha256
    assert len(world.peer.asked) == 2


def test_ten_pages_a_run_the_longest_unread_first_and_decided_ones_never(world: World) -> None:
    world.lists(*(a_record(n) for n in range(14)), a_record(99, state="Permitted"))
    for n in range(14):
        world.service.pages[f"KEYOF{n:08}"] = older(the_rows(f"ZC26/{n:05}/FUL"))
    world.fetch()
    assert world.keys() == [f"KEYOF{n:08}" for n in range(10)]
    assert len(idox.load(world.fetch(days=1), world.spec(), an_area())) == 14
    assert world.keys()[10:] == [f"KEYOF{n:08}" for n in range(10, 14)]
    world.fetch(days=6.5)
    assert world.keys()[14:] == [f"KEYOF{n:08}" for n in range(10)]


def test_pages_of_other_registers_and_links_without_a_key_are_not_asked_for(world: World) -> None:
    world.lists(
        a_record(1, url=f"https://york.example/a/applicationDetails.do?keyVal={KEY}"),
        a_record(2, url="https://old.example/a/applicationDetails.do?keyVal=../../x"),
        a_record(3, url=None),
    )
    assert idox.load(world.fetch(), world.spec(), an_area()).empty
    assert world.peer.asked == []


def test_the_council_is_believed_until_planit_says_something_new(world: World) -> None:
    world.shows(older(the_rows(Decision="Granted")))
    assert world.row()["status_text"] == "Permitted"
    world.lists(a_record(description="More homes", last_different="2026-11-23T00:00:00+00:00"))
    assert world.row(days=1)["status_text"] == "Permitted"
    world.lists(a_record(state="Referred"))
    assert world.row(days=1)["status_text"] == "Referred"
    world.lists(a_record(state="Rejected"))
    assert world.row(days=30)["status_text"] == "Refused"


def joined(world: World, *, planit_list: Record, read: Snapshot) -> gpd.GeoDataFrame:
    """Join PlanIt's frame and the register's, as a run does."""
    world.lists(planit_list)
    path = world.folder / "planit" / "list.json"
    first = planit.load(replace(read, path=path), a_spec("planit", None), an_area())
    return applications.joined(first, idox.load(read, world.spec(), an_area()))


def test_a_list_that_could_not_be_renewed_does_not_speak_for_what_planit_knows_since(
    world: World,
) -> None:
    world.shows(older(the_rows(Decision="Granted")))
    read = world.fetch()
    same = joined(world, planit_list=a_record(), read=read)
    assert same["status_text"].tolist() == ["Permitted"]
    later = a_record(state="Rejected", last_different="2026-11-23T00:00:00.000000+00:00")
    assert joined(world, planit_list=later, read=read)["status_text"].tolist() == ["Refused"]


def test_a_page_that_fails_goes_to_the_end_of_the_queue(world: World) -> None:
    world.lists(a_record(1), a_record(1234))
    assert "no details of an application" in world.refused()
    assert world.keys() == ["KEYOF00000001"]
    assert len(idox.load(world.fetch(days=1), world.spec(), an_area())) == 2
    assert world.keys() == ["KEYOF00000001", KEY]


def test_a_register_that_keeps_programs_out_is_left_alone_for_a_week(world: World) -> None:
    world.lists(a_record(), a_record(5000))
    world.shows(BLOCK)
    assert "keeps programs out, not an application" in world.refused()
    assert len(world.peer.asked) == 1
    assert "is left alone until 29 November 2026" in world.refused(days=6)
    assert len(world.peer.asked) == 1
    world.shows(older(the_rows()))
    world.service.pages["KEYOF00005000"] = older(the_rows("ZC26/05000/FUL"))
    world.fetch(days=1.5)
    assert len(world.peer.asked) == 3


def test_pages_are_kept_five_seconds_apart_at_one_server(world: World) -> None:
    assert idox.host_rules(world.spec()) == {world.peer.host: idox.RULE}
    assert idox.RULE.spacing_s >= 5
    assert not idox.RULE.is_a_peer_of_tests


@pytest.mark.parametrize("option", [None, "", "portal.example", "https://portal.example/a", 7])
def test_without_the_address_of_a_register_nothing_is_asked(world: World, option: object) -> None:
    world.options = {} if option is None else {"base_url": option}
    with pytest.raises(ConfigError, match="its option base_url cannot be used"):
        world.fetch()


def test_without_planits_list_it_is_a_failure_and_not_nothing(world: World) -> None:
    world.in_use.clear()
    assert "no list of PlanIt's is held" in world.refused()


def test_a_list_of_planits_that_waits_for_a_person_is_not_read(world: World) -> None:
    waiting = world.folder / "planit" / "zz-newer.json"
    waiting.write_bytes(dumped([a_record(4321)]))
    world.fetch()
    assert len(world.peer.asked) == 1


def test_notes_that_were_spoilt_are_begun_anew(world: World) -> None:
    world.fetch()
    for path in (world.folder / "idox" / "answer").glob("*.json"):
        path.write_text("{")
    (world.folder / "idox" / "answer" / "blocked.json").write_text('{"until": 7}')
    world.fetch(days=1)
    assert len(world.peer.asked) == 2


def test_a_folder_that_cannot_be_written_is_named(world: World) -> None:
    (world.folder / "idox").mkdir()
    (world.folder / "idox" / "answer").write_text("in the way")
    assert "cannot be written" in world.refused()
    assert world.peer.asked == []


def test_names_of_people_on_a_page_are_not_kept_in_the_list(world: World) -> None:
    world.shows(older(the_rows(Applicant_Name="Mr A Smith", Case_Officer="Ms B Jones")))
    assert "Smith" not in world.fetch().path.read_text()
    note = json.loads((world.folder / "idox" / "answer" / f"{KEY}.note.json").read_text())
    assert set(note) == {"asked_at", "planit_said", "state", "decided_on"}


# ── Hostile pages ────────────────────────────────────────────────────────────────────────────


def rows(**changes: str) -> Answer:
    return as_html(older(the_rows(**changes)))


def page(text: str) -> Answer:
    return as_html(f"<html><body>{text}</body></html>")


def without(*names: str) -> Answer:
    kept = {name: value for name, value in the_rows().items() if name not in names}
    return as_html(newer(kept))


NO_DETAILS: Final = "no details of an application"
HOSTILE: Final[dict[str, tuple[Answer, str]]] = {
    # Blocks, with 200 and otherwise
    "cloudflare": (as_html(BLOCK), "keeps programs out"),
    "cloudflare title": (page("Attention Required! | Cloudflare"), "keeps programs out"),
    "recaptcha": (page("<div class='g-recaptcha'></div>"), "keeps programs out"),
    "hcaptcha": (page("Complete the hCaptcha"), "keeps programs out"),
    "access denied": (page("<h1>Access Denied</h1>"), "keeps programs out"),
    "incapsula": (page("Request unsuccessful. Incapsula incident 1"), "keeps programs out"),
    "robot": (page("Are you a robot?"), "keeps programs out"),
    "unusual": (page("We have seen unusual traffic"), "keeps programs out"),
    "waf": (page("Request Rejected. Your support ID is 1"), "keeps programs out"),
    "403 block": (Answer(status=403, body=BLOCK.encode()), "status 403"),
    # Pages that are no application
    "gone": (as_html(GONE), f'{NO_DETAILS}; it says "This application is no longer available'),
    "maintenance": (page("The system is down for maintenance"), NO_DETAILS),
    "internal error": (page("An error has occurred: java.lang.NullPointer"), NO_DETAILS),
    "search form": (page('<form name="searchCriteriaForm"></form>'), NO_DETAILS),
    "result list": (page('<ul id="searchresults"><li>x</li></ul>'), NO_DETAILS),
    "no results": (page('<div class="messagebox">No results found.</div>'), NO_DETAILS),
    "login": (page("<form>Password</form>"), NO_DETAILS),
    "json": (Answer(body=b'{"Reference": "ZC26/01234/FUL", "Status": "Decided"}'), NO_DETAILS),
    "pdf": (Answer(body=b"%PDF-1.7 x"), NO_DETAILS),
    "text": (Answer(body=b"Reference: ZC26/01234/FUL"), NO_DETAILS),
    "only a script": (
        page("<script><tr><th>Reference</th><td>ZC26/01234/FUL</td></tr></script>"), NO_DETAILS,
    ),
    "only a comment": (
        page("<!-- <tr><th>Reference</th><td>ZC26/01234/FUL</td></tr> -->"), NO_DETAILS,
    ),
    "heading without cell": (page("<table><tr><th>Reference</th></tr></table>"), NO_DETAILS),
    "cell without heading": (page("<table><tr><td>ZC26/01234/FUL</td></tr></table>"), NO_DETAILS),
    "cut off early": (as_html(older(the_rows())[:150]), NO_DETAILS),
    "cut off in the decision": (
        as_html(newer(the_rows(Decision="Refused")).partition("sed</span>")[0]), "breaks off",
    ),
    "cut off at the end": (as_html(older(the_rows())[:-10]), "breaks off"),
    "comments without end": (page("<!--" * 70_000), 'it breaks off inside "<!--"'),
    "declarations without end": (page("<!" * 150_000), NO_DETAILS),
    "instructions without end": (page("<?" * 150_000), NO_DETAILS),
    "scripts without end": (page("<SCRIPT>" * 40_000), 'it breaks off inside "<SCRIPT"'),
    "sections without end": (page("<![CDATA[" * 40_000), NO_DETAILS),
    "ends without names": (page("</" * 150_000), NO_DETAILS),
    "tags without end": (as_html("<a>" + "<a " * 100_000), "it breaks off inside a tag"),
    "ends without end": (as_html("</" * 150_000), "it breaks off inside a tag"),
    "only openings": (as_html("<" * 300_000), "it breaks off inside a tag"),
    "an application in a comment at the end": (
        as_html(older(the_rows()).replace("<table", "<!-- <table")), "breaks off inside",
    ),
    "deep": (page("<div>" * 50_000), NO_DETAILS),
    "endless attribute": (page(f"<a b='{'x' * 500_000}"), NO_DETAILS),
    "ten thousand tables": (page("<table><tr><th>a</th><td>b</td></tr>" * 10_000), NO_DETAILS),
    "nulls": (Answer(body=b"\0" * 1_000), NO_DETAILS),
    "spaces": (Answer(body=b" " * 1_000), NO_DETAILS),
    # Of another application, or of none
    "another": (rows(Reference="ZC26/99999/FUL"), 'it is of "ZC26/99999/FUL", not of ZC26/01234'),
    "no reference": (without("Alternative Reference", "Reference"), NO_DETAILS),
    "reference empty": (rows(Reference=""), 'it is of "", not of'),
    "reference longer": (rows(Reference="ZC26/01234/FULL"), "not of ZC26/01234/FUL"),
    "no status": (without("Status"), "does not say how the application stands"),
    "two references": (
        as_html(older(the_rows()) + older(the_rows("X"))), 'two things of its "reference"',
    ),
    "two statuses": (
        as_html(older(the_rows()) + older(the_rows(Status="Withdrawn"))), 'of its "status"',
    ),
    "two decisions": (
        as_html(older(the_rows()) + older(the_rows(Decision="Granted"))), 'of its "decision"',
    ),
    "status a novel": (rows(Status="x" * 201), "its status is longer than 200 characters"),
    "decision a novel": (rows(Decision="x " * 200), "its decision is longer than 200"),
    "appeal a novel": (rows(Appeal_Status="x" * 900), "its appeal status is longer than 200"),
    # Dates
    "day in future": (rows(Decision_Issued_Date="Fri 02 Oct 2028"), "in the future"),
    "day ancient": (rows(Decision_Issued_Date="14 Oct 1066"), "before 1800"),
    "day impossible": (rows(Decision_Issued_Date="Mon 30 Feb 2026"), "is none"),
    "day zero": (rows(Decision_Issued_Date="00 Oct 2026"), "is none"),
    "day in numbers": (rows(Decision_Issued_Date="02/10/2026"), "is not like Fri 02 Oct 2026"),
    "day ISO": (rows(Decision_Issued_Date="2026-10-02"), "is not like Fri 02 Oct 2026"),
    "day in Welsh": (rows(Decision_Issued_Date="02 Hyd 2026"), "is not like Fri 02 Oct 2026"),
    "day in words": (rows(Decision_Issued_Date="soon"), "is not like Fri 02 Oct 2026"),
    "day with more": (rows(Decision_Issued_Date="Fri 02 Oct 2026 or later"), "is not like"),
    "day in other digits": (rows(Decision_Issued_Date="٠٢ Oct 2026"), "is not like"),
    # Charsets
    "utf-16": (as_html(older(the_rows()), charset="UTF-16", encoding="utf-16"), '"utf-16" is none'),
    "utf-7": (as_html(older(the_rows()), charset="utf-7", encoding="utf-7"), '"utf-7" is none'),
    "shift-jis": (as_html(older(the_rows()), charset="Shift_JIS"), '"shift_jis" is none'),
    "not what it says": (
        as_html(older(the_rows(Status="café")), encoding="latin-1"), "is not utf-8",
    ),
    "latin-1 unsaid": (
        Answer(body=older(the_rows(Status="café")).encode("latin-1")), "is not utf-8",
    ),
    "no cp1252": (
        Answer(headers={"Content-Type": "text/html;charset=ISO-8859-1"}, body=b"<p>\x81</p>"),
        "is not iso-8859-1",
    ),
    # Elsewhere
    "to the search": (Answer(status=302, headers={"Location": "search.do?action=simple"}), "404"),
    "to another council": (
        Answer(status=302, headers={"Location": "https://evil.example/"}), "no server on the list",
    ),
    "to itself": (
        Answer(status=302, headers={"Location": f"?keyVal={KEY}"}), "more than 3 times",
    ),
}  # fmt: skip


def test_there_are_at_least_sixty_hostile_pages() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_is_named_and_leaves_the_last_good_copy(world: World, name: str) -> None:
    answer, reason = HOSTILE[name]
    copy = world.fetch()
    content = copy.path.read_bytes()
    world.shows(answer)
    assert reason in world.refused(days=8)
    assert copy.path.read_bytes() == content


@pytest.mark.parametrize("found", hostile.TRANSPORT, ids=hostile.ids(hostile.TRANSPORT))
def test_what_any_server_may_say_is_named(world: World, found: hostile.Hostile) -> None:
    world.peer.answers = lambda _: found.answer()
    assert found.reason in world.refused()
    assert not list((world.folder / "idox").glob("*.json"))


def test_a_slow_page_is_given_up(tmp_path: Path, clock: Clock) -> None:
    with Peer(Idox()).running() as peer:
        world = World(peer, tmp_path, clock)
        peer.answers = hostile.slowly(peer, first_byte=True)
        way_out = hostile.a_downloader(peer, clock, Notes(), whole_s=0.1)
        with pytest.raises(SourceError, match="had not answered whole after"):
            idox.fetch(world.spec(), replace(world.errand(), downloader=way_out))
