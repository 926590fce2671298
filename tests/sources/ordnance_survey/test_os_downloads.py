"""The OS Downloads API: what is asked, which file is taken, and when nothing is asked again."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from sinkwatch.errors import ConfigError, SinkwatchError, SourceError
from sinkwatch.model import Bounds
from sinkwatch.sources import snapshots
from sinkwatch.sources.errand import Errand
from sinkwatch.sources.ordnance_survey import os_downloads
from tests.peers.hostile import ANSWERS, JSON, TRANSPORT, Hostile, a_downloader, ids, slowly
from tests.peers.os_downloads import BASE_PATH, OsDownloads, Release, ReleasedFile
from tests.peers.server import Answer, Asked, Notes, Peer
from tests.sources.samples import a_spec
from tests.world import an_area

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sinkwatch.model import Snapshot, SourceSpec
    from tests.conftest import Clock

PRODUCT: Final = "CodePointOpen"
WANTED: Final = os_downloads.Wanted(product=PRODUCT, area="GB", file_format="CSV")
BODY: Final = b"PK\x03\x04 the whole of it"
PATH: Final = f"{BASE_PATH}/products/{PRODUCT}"
DOWNLOADS: Final = f"{PATH}/downloads"
STORED: Final = f"/storage/{PRODUCT}/codepo_gb.zip"


class World:
    """The service on loopback, and what runs have held of it."""

    def __init__(self, peer: Peer, service: OsDownloads, folder: Path, clock: Clock) -> None:
        self.peer, self.service, self.folder, self.clock = peer, service, folder, clock
        self.notes = Notes()
        self.held: Snapshot | None = None
        self.options: dict[str, object] = {"base_url": peer.url(BASE_PATH)}
        self.area = an_area()
        self.whole_s = 5.0

    @property
    def release(self) -> Release:
        return self.service.releases[PRODUCT]

    def spec(self, **changes: Any) -> SourceSpec:  # noqa: ANN401 - any field
        named = {"options": self.options, "licence": "OGL", **changes}
        return a_spec("os", named.pop("path", None), **named)

    def errand(self) -> Errand:
        return Errand(
            area=self.area,
            folder=self.folder,
            now=self.clock(),
            downloader=a_downloader(self.peer, self.clock, self.notes, whole_s=self.whole_s),
            held=self.held,
        )

    def fetched(self, spec: SourceSpec | None = None) -> os_downloads.Fetched:
        return os_downloads.fetched(spec or self.spec(), self.errand(), WANTED)

    def unchanged(self, spec: SourceSpec | None = None) -> Snapshot | None:
        return os_downloads.unchanged(spec or self.spec(), self.errand(), PRODUCT)

    def run(self, spec: SourceSpec | None = None, **step: float) -> Snapshot:
        """Do as a connector does: keep what is unchanged, or make a copy anew, and hold it."""
        self.clock.move(**step)
        spec, errand = spec or self.spec(), self.errand()
        kept = os_downloads.unchanged(spec, errand, PRODUCT)
        if kept is None:
            found = os_downloads.fetched(spec, errand, WANTED)
            made = snapshots.answered(spec, errand, b"made", ".txt", url=found.url)
            kept = replace(made, edition=found.edition)
        self.held = kept
        return kept

    def hold(self) -> None:
        """Hold a copy of an earlier release, as if it had been made of one."""
        spec, errand = self.spec(), self.errand()
        made = snapshots.answered(spec, errand, b"made", ".txt", url="https://files.example/")
        self.held = replace(made, edition="2026-05")

    def paths(self) -> list[str]:
        return [asked.path for asked in self.peer.asked]

    def only(self, path: str, answer: Callable[[], Answer]) -> None:
        """Answer otherwise at one path; at that of the file only once it is asked for itself."""

        def answers(asked: Asked) -> Answer:
            wanted, _, flag = path.partition("?")
            is_it = asked.path == wanted and bool(flag) == ("redirect" in asked.query)
            return answer() if is_it or asked.path == "/again" else self.service(asked)

        self.peer.answers = answers


@pytest.fixture
def world(tmp_path: Path, clock: Clock) -> Iterator[World]:
    release = Release(version="2026-08", files=[ReleasedFile(body=BODY)])
    service = OsDownloads(**{PRODUCT: release})
    with Peer(service).running() as peer:
        yield World(peer, service, tmp_path / "copies", clock)


# ── What is asked ────────────────────────────────────────────────────────────────────────────


def test_a_file_is_found_by_its_product_and_fetched_from_where_os_sends_us(world: World) -> None:
    found = world.fetched()
    assert world.paths() == [PATH, DOWNLOADS, DOWNLOADS, STORED]
    assert world.peer.asked[1].query == {"area": ["GB"], "format": ["CSV"]}
    assert found.path.read_bytes() == BODY
    assert found.path == world.folder / "os" / "answer" / "CodePointOpen-GB-CSV.zip"
    assert (found.edition, found.sha256) == ("2026-08", hashlib.sha256(BODY).hexdigest())
    assert found.url == world.peer.url(f"{DOWNLOADS}?area=GB&format=CSV&redirect")


@pytest.mark.parametrize("status", [302, 307])
def test_either_redirect_is_followed(world: World, status: int) -> None:
    world.service.redirect_status = status
    assert world.fetched().path.read_bytes() == BODY


def test_requests_keep_their_distance(world: World) -> None:
    world.fetched()
    times = [at for _, at in world.notes.requests]
    assert all(b - a >= timedelta(seconds=1) for a, b in itertools.pairwise(times))


def test_a_file_that_lies_here_whole_is_not_sent_again(world: World) -> None:
    first = world.fetched()
    world.peer.asked.clear()
    assert world.fetched() == first
    assert world.paths() == [PATH, DOWNLOADS]
    assert all(asked.headers["If-None-Match"] for asked in world.peer.asked)


def test_a_file_that_was_spoilt_here_is_fetched_anew(world: World) -> None:
    world.fetched().path.write_bytes(b"x" * len(BODY))
    assert world.fetched().path.read_bytes() == BODY


def test_a_subformat_is_part_of_the_question(world: World) -> None:
    shapes = ReleasedFile(body=b"shp", file_format="ESRI® Shapefile", file_name="a.zip")
    package = ReleasedFile(
        body=b"gpkg", file_format="GeoPackage", subformat="Loaded data", file_name="b.zip"
    )
    world.release.files += [shapes, package]
    wanted = os_downloads.Wanted(
        product=PRODUCT, area="GB", file_format="GeoPackage", subformat="Loaded data"
    )
    found = os_downloads.fetched(world.spec(), world.errand(), wanted)
    assert found.path.read_bytes() == b"gpkg"
    assert found.path.name == "CodePointOpen-GB-GeoPackage-Loaded-data.zip"
    assert world.peer.asked[1].query["subformat"] == ["Loaded data"]


def test_a_subformat_that_was_not_asked_for_does_no_harm(world: World) -> None:
    world.release.files[0].subformat = "Text"
    assert world.fetched().path.read_bytes() == BODY


def test_files_of_one_product_lie_side_by_side(world: World) -> None:
    world.release.files = [
        ReleasedFile(body=area.encode(), area=area, file_name=f"{area}.zip")
        for area in ("SE", "NZ")
    ]
    found = [
        os_downloads.fetched(world.spec(), world.errand(), replace(WANTED, area=area))
        for area in ("SE", "NZ")
    ]
    assert [f.path.read_bytes() for f in found] == [b"SE", b"NZ"]


def test_a_server_that_ignores_the_question_is_sorted_through(world: World) -> None:
    world.release.files.append(ReleasedFile(body=b"x", file_format="GeoPackage", file_name="x.zip"))
    every = [file.described(PRODUCT, world.peer.url(BASE_PATH)) for file in world.release.files]
    world.only(DOWNLOADS, lambda: Answer(body=json.dumps(every).encode()))
    assert world.fetched().path.read_bytes() == BODY


def test_unknown_keys_and_words_in_another_case_do_no_harm(world: World) -> None:
    world.release.said = {"newKey": {"a": [1]}, "imageCount": "many"}
    world.release.files[0].said = {"format": "csv", "area": "gb", "colour": 7, "subformat": None}
    md5 = hashlib.md5(BODY, usedforsecurity=False).hexdigest()
    world.release.files[0].said["md5"] = md5.upper()
    assert world.fetched().path.read_bytes() == BODY


# ── The servers ──────────────────────────────────────────────────────────────────────────────


def test_only_os_and_the_servers_named_for_files_may_be_asked() -> None:
    assert os_downloads.host_rules(a_spec("os", None)) == {"api.os.uk": os_downloads.RULE}
    options = {"download_hosts": ["files.example", "files2.example:8443"]}
    assert list(os_downloads.host_rules(a_spec("os", None, options=options))) == [
        "api.os.uk",
        "files.example",
        "files2.example:8443",
    ]
    assert not os_downloads.RULE.is_a_peer_of_tests
    assert os_downloads.RULE.spacing_s >= 1


@pytest.mark.parametrize("said", ["files.example", ["https://a/"], [7], {"a": 1}, ["a b"], [""]])
def test_servers_for_files_must_be_a_list_of_names(said: object) -> None:
    with pytest.raises(ConfigError, match="no list of server names"):
        os_downloads.host_rules(a_spec("os", None, options={"download_hosts": said}))


def test_a_storage_server_must_be_on_the_list(world: World) -> None:
    with Peer(world.service).running() as storage:
        world.service.storage = storage.host
        with pytest.raises(SourceError, match="at no server on the list"):
            world.fetched()
        assert storage.asked == []
        errand, downloader = world.errand(), world.errand().downloader
        assert downloader is not None
        rules = {**downloader.rules, storage.host: downloader.rules[world.peer.host]}
        errand = replace(errand, downloader=replace(downloader, rules=rules))
        found = os_downloads.fetched(world.spec(), errand, WANTED)
        assert found.path.read_bytes() == BODY
        assert [asked.path for asked in storage.asked] == [STORED]


# ── Nothing new ──────────────────────────────────────────────────────────────────────────────


def test_without_a_copy_there_is_nothing_to_compare_and_nobody_is_asked(world: World) -> None:
    assert world.unchanged() is None
    assert world.paths() == []


def test_an_unchanged_release_costs_one_request_and_keeps_the_copy(world: World) -> None:
    first = world.run()
    world.peer.asked.clear()
    second = world.run(days=1)
    assert world.paths() == [PATH]
    assert second == replace(first, checked_at=second.checked_at)
    assert second.checked_at > first.checked_at
    assert world.peer.asked[0].headers["If-None-Match"]


def test_a_new_release_is_fetched(world: World) -> None:
    world.run()
    world.release.version = "2026-11"
    world.release.files[0].body = b"PK\x03\x04 newer"
    assert world.run(days=1).edition == "2026-11"
    assert world.fetched().path.read_bytes() == b"PK\x03\x04 newer"


def test_other_bounds_or_options_make_another_copy_of_the_same_file(world: World) -> None:
    world.run()
    bounds = Bounds(min_easting=1, min_northing=1, max_easting=2, max_northing=2)
    world.area = an_area(bounds=bounds)
    assert world.unchanged() is None
    world.run(days=1)
    assert world.unchanged() is not None
    world.options["layers"] = ["water"]
    assert world.unchanged() is None
    world.run(days=1)
    assert world.unchanged() is not None
    assert world.paths().count(STORED) == 1


def test_another_sinkwatch_makes_another_copy(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run()
    monkeypatch.setattr(os_downloads, "__version__", "99.0")
    assert world.unchanged() is None


def test_a_file_of_which_no_copy_could_be_made_is_tried_again(world: World) -> None:
    held = world.run()
    world.area = an_area(
        bounds=Bounds(min_easting=1, min_northing=1, max_easting=2, max_northing=2)
    )
    world.clock.move(days=1)
    world.fetched()  # and then its rows are refused: the copy held stays that of other bounds
    world.clock.move(days=1)
    assert world.held == held
    assert world.unchanged() is None


@pytest.mark.parametrize("spoilt", ["gone", "{}", "no json", '{"edition": 7}'])
def test_a_note_that_is_lost_costs_work_and_no_truth(world: World, spoilt: str) -> None:
    first = world.run()
    note = world.folder / "os" / "answer" / f"{PRODUCT}.note.json"
    if spoilt == "gone":
        note.unlink()
    else:
        note.write_text(spoilt)
    assert world.unchanged() is None
    assert world.run(days=1).sha256 == first.sha256
    assert world.unchanged() is not None


def test_a_note_that_cannot_be_written_does_no_harm(world: World) -> None:
    (world.folder / "os" / "answer" / f"{PRODUCT}.note.json").mkdir(parents=True)
    world.run()
    assert world.unchanged() is None


def test_what_is_in_use_is_not_removed_for_its_age(world: World) -> None:
    world.run()
    note = world.folder / "os" / "answer" / f"{PRODUCT}.note.json"
    before = note.stat().st_mtime_ns
    world.run(days=80)
    assert note.stat().st_mtime_ns > before


# ── A file given by hand ─────────────────────────────────────────────────────────────────────


def test_a_file_given_by_hand_is_taken_and_nobody_is_asked(world: World, tmp_path: Path) -> None:
    path = tmp_path / "codepo_gb.zip"
    path.write_bytes(BODY)
    digest = hashlib.sha256(BODY).hexdigest()
    found = world.fetched(world.spec(path=path))
    assert found == os_downloads.Fetched(
        path=path, edition=f"sha256:{digest[:12]}", url="codepo_gb.zip", sha256=digest
    )
    assert world.fetched(world.spec(path=path, edition="2026-05")).edition == "2026-05"
    assert world.paths() == []


@pytest.mark.parametrize("edition", ["", "2026-05"])
def test_a_file_given_by_hand_is_unchanged_while_its_bytes_are(
    world: World, tmp_path: Path, edition: str
) -> None:
    path = tmp_path / "codepo_gb.zip"
    path.write_bytes(BODY)
    spec = world.spec(path=path, edition=edition)
    first = world.run(spec)
    assert world.run(spec, days=1) == replace(
        first, checked_at=first.checked_at + timedelta(days=1)
    )
    path.write_bytes(b"another")
    assert world.unchanged(spec) is None


def test_a_file_given_by_hand_that_is_gone_is_named(world: World, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.zip cannot be read"):
        world.fetched(world.spec(path=tmp_path / "nowhere.zip"))


def test_without_a_way_out_it_is_a_failure(world: World) -> None:
    errand = replace(world.errand(), downloader=None)
    with pytest.raises(SourceError, match="online = true"):
        os_downloads.fetched(world.spec(), errand, WANTED)


# ── Hostile answers ──────────────────────────────────────────────────────────────────────────


def refused(world: World, reason: str) -> None:
    """What came is refused in these words, and what was held is neither touched nor believed."""
    world.clock.move(hours=2)
    before = {p: p.read_bytes() for p in sorted((world.folder / "os").glob("*.txt"))}
    held = world.held
    with pytest.raises(SinkwatchError) as caught:
        world.run()
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert world.held == held
    assert {p: p.read_bytes() for p in sorted((world.folder / "os").glob("*.txt"))} == before


@pytest.mark.parametrize("hostile", ANSWERS, ids=ids(ANSWERS))
def test_a_product_that_is_not_described_is_refused(world: World, hostile: Hostile) -> None:
    world.hold()
    world.only(PATH, hostile.answer)
    refused(world, hostile.reason)


@pytest.mark.parametrize("hostile", JSON, ids=ids(JSON))
def test_a_list_that_is_none_is_refused(world: World, hostile: Hostile) -> None:
    world.hold()
    world.only(DOWNLOADS, hostile.answer)
    refused(world, hostile.reason)


@pytest.mark.parametrize("hostile", TRANSPORT, ids=ids(TRANSPORT))
def test_a_file_that_does_not_come_is_refused(world: World, hostile: Hostile) -> None:
    world.hold()
    file = world.fetched().path
    world.release.files[0].body = BODY + b" and more"
    world.only(f"{DOWNLOADS}?redirect", hostile.answer)
    refused(world, FILE_REASONS.get(hostile.name, hostile.reason))
    assert file.read_bytes() == BODY


FILE_REASONS: Final = dict.fromkeys(
    ("bomb", "cut body", "cut gzip", "empty", "said too large"), "that its publisher states"
)
"""What is said of a file whose length is known otherwise than of one that may be any."""


@pytest.mark.parametrize("first_byte", [True, False])
def test_a_slow_answer_is_given_up(world: World, *, first_byte: bool) -> None:
    world.hold()
    world.whole_s = 0.1
    world.peer.answers = slowly(world.peer, first_byte=first_byte)
    refused(world, "had not answered whole after 0.1 s")


PRODUCTS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "no version": ({"version": None}, "version: "),
    "version a number": ({"version": 2026}, "version: "),
    "version of another form": ({"version": "2026.3.0"}, "version: "),
    "version without a month": ({"version": "2026-13"}, "version: "),
    "version with a line": ({"version": "2026-11\n"}, "version: "),
    "version in Arabic figures": (
        {"version": "".join(chr(0x660 + int(n)) if n.isdecimal() else n for n in "2026-11")},
        "version: ",
    ),
    "version of next year": ({"version": "2027-03"}, "2027-03 lies in the future"),
    "another product": ({"id": "OpenNames"}, 'it describes "OpenNames", and CodePointOpen was'),
    "no id": ({"id": None}, "id: "),
    "id a list": ({"id": [PRODUCT]}, "id: "),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_that_is_not_as_documented_is_refused(world: World, name: str) -> None:
    world.hold()
    world.release.said, reason = PRODUCTS[name]
    refused(world, reason)


OFFERS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "no address": ({"url": None}, "0.url: "),
    "address empty": ({"url": ""}, "0.url: "),
    "address endless": ({"url": "https://a.example/" + "a" * 3_000}, "0.url: "),
    "another server": ({"url": "https://evil.example/x.zip"}, "at no server on the list"),
    "a private server": ({"url": "http://10.0.0.1/x.zip"}, "at no server on the list"),
    "loopback": ({"url": "http://127.0.0.1:9/x.zip"}, "at no server on the list"),
    "the metadata server": ({"url": "http://169.254.169.254/"}, "at no server on the list"),
    "a file of ours": ({"url": "file:///etc/passwd"}, "at no server on the list"),
    "a relative address": ({"url": "/storage/x.zip"}, "at no server on the list"),
    "an address with a password": ({"url": "https://api.os.uk@evil.example/"}, "at no server on"),
    "a name that climbs": ({"fileName": "../../x.zip"}, "0.fileName: "),
    "a name at the root": ({"fileName": "/etc/passwd"}, "0.fileName: "),
    "a name with a backslash": ({"fileName": "..\\x.zip"}, "0.fileName: "),
    "a name with a NUL": ({"fileName": "x\x00.zip"}, "0.fileName: "),
    "a name with a line": ({"fileName": "x.zip\n"}, "0.fileName: "),
    "no name": ({"fileName": None}, "0.fileName: "),
    "size a text": ({"size": "14000000"}, "0.size: "),
    "size zero": ({"size": 0}, "0.size: "),
    "size negative": ({"size": -1}, "0.size: "),
    "size a fraction": ({"size": 1.5}, "0.size: "),
    "size beyond measure": ({"size": 10**15}, "0.size: "),
    "size a boolean": ({"size": True}, "0.size: "),
    "size too small": ({"size": len(BODY) - 1}, "bytes"),
    "size too large": ({"size": len(BODY) + 1}, "bytes"),
    "no md5": ({"md5": None}, "0.md5: "),
    "md5 too short": ({"md5": "0123"}, "0.md5: "),
    "md5 no figures": ({"md5": "z" * 32}, "0.md5: "),
    "md5 of something else": ({"md5": "0" * 32}, "MD5"),
    "area a number": ({"area": 7}, "0.area: "),
    "another area": ({"area": "SE"}, "0 of the 1 files that it offers are CodePointOpen for GB"),
    "another format": ({"format": "GeoPackage"}, "0 of the 1 files that it offers"),
    "no format": ({"format": None}, "0.format: "),
}


@pytest.mark.parametrize("name", OFFERS)
def test_an_offer_that_is_not_as_documented_is_refused(world: World, name: str) -> None:
    world.hold()
    file = world.fetched().path
    world.release.files[0].said, reason = OFFERS[name]
    world.release.files[0].body = BODY.replace(b"whole", b"other")
    refused(world, reason)
    assert file.read_bytes() == BODY


LISTS: Final[dict[str, tuple[object, str]]] = {
    "nothing": ([], "0 of the 0 files that it offers are CodePointOpen for GB as CSV"),
    "a message": ({"message": "Service unavailable"}, 'it says "Service unavailable"'),
    "one and not a list": ({"url": "x"}, "it: Input should be a valid list"),
    "a list of texts": (["codepo_gb.zip"], "0: Input should be"),
    "five faults": ([{}], "0.url: Field required; 0.fileName: Field required; 0.size"),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_that_is_not_as_documented_is_refused(world: World, name: str) -> None:
    world.hold()
    value, reason = LISTS[name]
    world.only(DOWNLOADS, lambda: Answer(body=json.dumps(value).encode()))
    refused(world, reason)


def test_two_files_that_fit_are_one_too_many(world: World) -> None:
    world.hold()
    world.release.files.append(ReleasedFile(body=b"x", file_name="codepo_gb_2.zip"))
    refused(
        world,
        "2 of the 2 files that it offers are CodePointOpen for GB as CSV, and one was "
        "asked for: codepo_gb.zip, codepo_gb_2.zip",
    )


def test_a_product_that_is_not_given_away_is_a_404(world: World) -> None:
    world.run()
    del world.service.releases[PRODUCT]
    with pytest.raises(SourceError, match="status 404"):
        world.run()
