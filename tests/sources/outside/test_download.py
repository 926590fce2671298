"""The one way out: whom it asks, how often, how much it takes, and what it leaves behind."""

from __future__ import annotations

import gzip
import hashlib
import json
import tracemalloc
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch.errors import SourceError
from sinkwatch.sources.outside.download import DownloadStatus, user_agent
from sinkwatch.sources.outside.politeness import HostRule
from sinkwatch.sources.outside.wire import is_public
from tests.peers.server import Answer, Answers, Peer, gzip_bomb, one_after_another
from tests.sources.outside.outside import AGENT, RULE, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Clock

    Serve = Callable[[Answers], Peer]

FINE = Answer(body=b"{}", headers={"ETag": '"1"', "Content-Type": "application/json"})


@pytest.fixture
def world(clock: Clock, tmp_path: Path) -> Iterator[World]:
    with World(clock, tmp_path).open() as opened:
        yield opened


@pytest.fixture
def serve(world: World) -> Serve:
    return world.serve


# ── A good answer ────────────────────────────────────────────────────────────────────────────


def test_a_file_is_written_whole_with_what_the_server_said_of_it(
    world: World, serve: Serve
) -> None:
    peer = serve(lambda _: FINE)
    download = world.get(peer.url("/a?b=c"))
    assert world.target.read_bytes() == b"{}"
    assert (download.status, download.path) == (DownloadStatus.NEW, world.target)
    assert download.url == peer.url("/a?b=c")
    assert download.sha256 == hashlib.sha256(b"{}").hexdigest()
    assert (download.n_bytes, download.etag) == (2, '"1"')
    assert download.content_type == "application/json"
    assert download.retrieved_at == world.clock()
    assert world.left() == ["page.json", "page.json.said.json"]


def test_it_says_who_asks_and_takes_gzip_only(world: World, serve: Serve) -> None:
    peer = serve(lambda _: FINE)
    world.get(peer.url())
    (asked,) = peer.asked
    assert asked.headers["User-Agent"] == AGENT
    assert asked.headers["Accept-Encoding"] == "gzip"
    assert asked.headers["If-None-Match"] is None
    assert asked.headers["Cookie"] is None


def test_the_agent_names_version_site_and_contact() -> None:
    assert user_agent("1.0", "https://holes.example", "me@holes.example") == AGENT


def test_gzip_is_unpacked_and_counted_unpacked(world: World, serve: Serve) -> None:
    body = json.dumps({"a": "x" * 900}).encode()
    peer = serve(lambda _: Answer(body=gzip.compress(body), headers={"Content-Encoding": "gzip"}))
    download = world.get(peer.url())
    assert world.target.read_bytes() == body
    assert (download.n_bytes, download.sha256) == (len(body), hashlib.sha256(body).hexdigest())


def test_a_body_without_a_length_is_read_to_its_end(world: World, serve: Serve) -> None:
    peer = serve(lambda _: Answer(body=[b"{", b"}"]))
    world.get(peer.url())
    assert world.target.read_bytes() == b"{}"


# ── Asked again ──────────────────────────────────────────────────────────────────────────────


def test_it_is_asked_for_only_if_it_has_changed(world: World, serve: Serve) -> None:
    said = {"ETag": '"1"', "Last-Modified": "Sun, 22 Nov 2026 06:00:00 GMT"}
    peer = serve(one_after_another(Answer(body=b"{}", headers=said), Answer(status=304)))
    first = world.get(peer.url())
    world.clock.move(days=1)
    second = world.get(peer.url())
    assert peer.asked[1].headers["If-None-Match"] == '"1"'
    assert peer.asked[1].headers["If-Modified-Since"] == said["Last-Modified"]
    assert second == replace(first, status=DownloadStatus.UNCHANGED)
    assert world.target.read_bytes() == b"{}"


@pytest.mark.parametrize("spoil", ["file", "said", "other address", "no validator"])
def test_it_is_asked_for_whole_when_what_is_held_cannot_be_vouched_for(
    world: World, serve: Serve, spoil: str
) -> None:
    peer = serve(lambda _: replace(FINE, headers={}) if spoil == "no validator" else FINE)
    world.get(peer.url("/a"))
    if spoil == "file":
        world.target.write_bytes(b"[]")
    elif spoil == "said":
        world.target.with_name("page.json.said.json").write_text("{")
    world.get(peer.url("/b" if spoil == "other address" else "/a"))
    assert peer.asked[1].headers["If-None-Match"] is None
    assert world.target.read_bytes() == b"{}"


def test_not_modified_is_no_answer_to_who_holds_nothing(world: World, serve: Serve) -> None:
    peer = serve(lambda _: Answer(status=304))
    assert "status 304" in world.refused(peer.url()).rule


# ── Spacing ──────────────────────────────────────────────────────────────────────────────────


def test_two_requests_are_kept_apart_and_each_is_noted(world: World, serve: Serve) -> None:
    peer = serve(lambda _: FINE)
    begin = world.clock()
    world.get(peer.url("/1"))
    world.clock.move(seconds=4)
    world.get(peer.url("/2"))
    assert world.waits == [6.0]
    assert world.notes.requests == [(peer.host, begin), (peer.host, begin + timedelta(seconds=10))]


def test_a_server_asked_long_ago_or_in_the_future_is_asked_at_once(
    world: World, serve: Serve
) -> None:
    peer = serve(lambda _: FINE)
    world.notes.note_request(peer.host, world.clock() - timedelta(days=1))
    world.get(peer.url())
    world.notes.note_request(peer.host, world.clock() + timedelta(days=900))  # a clock set back
    world.get(peer.url())
    assert world.waits == []


def test_a_request_is_noted_before_it_goes_out(world: World, serve: Serve) -> None:
    noted: list[int] = []

    def answer(_: object) -> Answer:
        noted.append(len(world.notes.requests))
        return FINE

    world.get(serve(answer).url())
    assert noted == [1]


# ── To be left alone ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("said", "hours"),
    [
        ("7200", 2),
        (format_datetime(datetime(2026, 11, 22, 12, 30, tzinfo=UTC), usegmt=True), 3),
        ("9" * 30, 24),
        (format_datetime(datetime(2027, 11, 22, tzinfo=UTC), usegmt=True), 24),
        ("soon", 1),
    ],
    ids=["seconds", "date", "seconds without end", "date next year", "nonsense"],
)
def test_a_server_that_wants_peace_gets_it_and_is_not_asked_again(
    world: World, serve: Serve, status: int, said: str, hours: int
) -> None:
    peer = serve(lambda _: Answer(status=status, headers={"Retry-After": said}))
    error = world.refused(peer.url())
    assert f"answered with status {status} and wants to be left alone" in error.rule
    assert error.retryable
    assert world.notes.holds == {peer.host: world.clock() + timedelta(hours=hours)}
    assert (len(peer.asked), world.waits) == (1, [])
    again = world.refused(peer.url())
    assert "wants to be left alone until" in again.rule
    assert again.retryable
    assert len(peer.asked) == 1
    world.clock.move(hours=hours)
    world.refused(peer.url())
    assert len(peer.asked) == 2


def test_too_many_requests_without_a_time_is_an_hour(world: World, serve: Serve) -> None:
    peer = serve(lambda _: Answer(status=429))
    world.refused(peer.url())
    assert world.notes.holds == {peer.host: world.clock() + timedelta(hours=1)}
    assert len(peer.asked) == 1


def test_a_date_that_has_passed_holds_nothing(world: World, serve: Serve) -> None:
    peer = serve(one_after_another(
        Answer(status=429, headers={"Retry-After": "Sun, 22 Nov 2020 06:00:00 GMT"}), FINE
    ))  # fmt: skip
    world.refused(peer.url())
    assert world.get(peer.url()).n_bytes == 2


def test_a_wish_noted_by_a_clock_that_was_a_year_fast_does_not_hold_for_a_year(
    world: World, serve: Serve
) -> None:
    peer = serve(lambda _: FINE)
    world.notes.holds[peer.host] = world.clock() + timedelta(days=365)
    assert world.get(peer.url()).n_bytes == 2


# ── Tried again ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_what_may_pass_is_tried_three_times_with_growing_waits(
    world: World, serve: Serve, status: int
) -> None:
    peer = serve(lambda _: Answer(status=status, body=b"x" * 5_000))
    world.rules[peer.host] = replace(RULE, spacing_s=0)
    error = world.refused(peer.url())
    assert error.rule == f"it answered with status {status}"
    assert error.retryable
    assert len(peer.asked) == len(world.notes.requests) == 3
    first, second = world.waits
    assert 2 <= first < 3
    assert 4 <= second < 5


def test_a_retry_keeps_the_spacing_as_well(world: World, serve: Serve) -> None:
    peer = serve(one_after_another(Answer(status=502), FINE))
    world.get(peer.url())
    (_, first), (_, second) = world.notes.requests
    assert (second - first).total_seconds() == pytest.approx(10)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 422, 501])
def test_what_will_not_pass_is_tried_once(world: World, serve: Serve, status: int) -> None:
    peer = serve(lambda _: Answer(status=status, body=b'{"error": "x"}'))
    error = world.refused(peer.url())
    assert (error.rule, error.retryable) == (f"it answered with status {status}", False)
    assert (len(peer.asked), world.left()) == (1, [])


@pytest.mark.parametrize(
    "broken",
    [
        Answer(body=b"{", headers={"Content-Length": "2"}),
        Answer(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}"),
        Answer(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"),
        Answer(body=gzip.compress(b"{}")[:-9], headers={"Content-Encoding": "gzip"}),
        Answer(raw=b"\r\n"),
        Answer(raw=b"220 mail.example ESMTP\r\n"),
    ],
    ids=["length", "chunk", "chunk size", "gzip", "no head", "another protocol"],
)
def test_an_answer_that_breaks_off_is_asked_for_anew_and_never_half_kept(
    world: World, serve: Serve, broken: Answer
) -> None:
    peer = serve(one_after_another(broken, broken, FINE))
    assert world.get(peer.url()).n_bytes == 2
    assert len(peer.asked) == 3
    assert world.left() == ["page.json", "page.json.said.json"]


def test_a_server_that_is_not_there_is_tried_three_times(world: World) -> None:
    with Peer(lambda _: FINE).running() as gone:
        world.rules[gone.host] = RULE
    error = world.refused(gone.url())
    assert "the connection failed" in error.rule
    assert error.retryable
    assert len(world.notes.requests) == 3


def test_a_server_that_was_not_reached_need_not_be_spared(world: World) -> None:
    with Peer(lambda _: FINE).running() as gone:
        world.rules[gone.host] = replace(RULE, spacing_s=60)
    world.refused(gone.url())
    first, second = world.waits
    assert 2 <= first < 3
    assert 4 <= second < 5


def test_a_server_that_hung_up_without_a_word_is_spared_all_the_same(
    world: World, serve: Serve
) -> None:
    peer = serve(lambda _: Answer(raw=b"\r\n"))
    world.rules[peer.host] = replace(RULE, spacing_s=60)
    world.refused(peer.url())
    times = [at for _, at in world.notes.requests]
    assert [after - before for before, after in pairwise(times)] == [timedelta(minutes=1)] * 2


# ── Too much, too slow, too strange ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b"x" * 1_001),
        Answer(body=[b"x" * 600, b"x" * 600]),
        Answer(body=gzip_bomb(60_000_000), headers={"Content-Encoding": "gzip"}),
        Answer(body=b"", headers={"Content-Length": "99999999999"}),
    ],
    ids=["said length", "unsaid length", "bomb", "length alone"],
)
def test_an_answer_that_is_too_large_is_given_up(
    world: World, serve: Serve, answer: Answer
) -> None:
    peer = serve(lambda _: answer)
    error = world.refused(peer.url())
    assert error.rule == "its answer is larger than 1,000 bytes"
    assert not error.retryable
    assert (len(peer.asked), world.left()) == (1, [])


def test_a_stream_that_unpacks_to_nothing_is_given_up_too(world: World, serve: Serve) -> None:
    packer = zlib.compressobj(wbits=31)
    head = packer.compress(b"{")
    nothing = [packer.flush(zlib.Z_FULL_FLUSH)] * 400
    peer = serve(lambda _: Answer(body=[head, *nothing], headers={"Content-Encoding": "gzip"}))
    assert world.refused(peer.url()).rule == "its answer is larger than 1,000 bytes"


def test_a_bomb_is_never_in_memory(world: World, serve: Serve) -> None:
    bomb = gzip_bomb(60_000_000)
    peer = serve(lambda _: Answer(body=bomb, headers={"Content-Encoding": "gzip"}))
    world.rules[peer.host] = replace(RULE, most_bytes=50_000_000)
    tracemalloc.start()
    world.refused(peer.url())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10_000_000


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(body=b""), "its answer is empty"),
        (Answer(body=gzip.compress(b""), headers={"Content-Encoding": "gzip"}), "is empty"),
        (Answer(body=b"{}", headers={"Content-Encoding": "gzip"}), "its gzip is damaged"),
        (
            Answer(body=gzip.compress(b"{}") + b"more", headers={"Content-Encoding": "gzip"}),
            "more after the end of its gzip",
        ),
        (Answer(body=b"{}", headers={"Content-Encoding": "br"}), '"br" was not asked for'),
        (
            Answer(
                body=gzip.compress(gzip.compress(b"{}")),
                headers={"Content-Encoding": "gzip, gzip"},
            ),
            '"gzip, gzip" was not asked for',
        ),
    ],
)
def test_an_answer_that_is_no_file_is_refused(
    world: World, serve: Serve, answer: Answer, reason: str
) -> None:
    peer = serve(lambda _: answer)
    assert reason in world.refused(peer.url()).rule
    assert (len(peer.asked), world.left()) == (1, [])


@pytest.mark.parametrize("where", ["body", "head"])
def test_a_server_that_drips_is_cut_off(world: World, serve: Serve, where: str) -> None:
    peer = serve(lambda _: FINE)
    ways = {
        "body": lambda _: Answer(body=peer.drip()),
        "head": lambda _: Answer(headers=_Endless(peer)),
    }
    peer.answers = ways[where]
    world.rules[peer.host] = replace(RULE, whole_s=0.2, spacing_s=0)
    error = world.refused(peer.url())
    assert error.rule == "it had not answered whole after 0.2 s"
    assert len(world.notes.requests) == 3
    assert world.left() == []


def test_a_large_file_may_take_longer_the_more_of_it_has_come(world: World, serve: Serve) -> None:
    def slowly() -> Iterator[bytes]:
        yield b"x" * 500
        peer.closing.wait(0.6)
        yield b"x" * 500

    peer = serve(lambda _: Answer(body=slowly()))
    world.rules[peer.host] = replace(RULE, whole_s=0.4, spacing_s=0, least_bytes_per_s=50)
    assert world.get(peer.url()).n_bytes == 1_000


def test_a_server_that_is_reached_too_late_is_not_asked(world: World, serve: Serve) -> None:
    peer = serve(lambda _: Answer(body=peer.drip()))
    world.rules[peer.host] = replace(RULE, whole_s=0, spacing_s=0)
    assert "it had not answered whole after 0 s" in world.refused(peer.url()).rule


def test_an_answer_that_drips_earns_no_more_time(world: World, serve: Serve) -> None:
    peer = serve(lambda _: Answer(body=peer.drip()))
    world.rules[peer.host] = replace(RULE, whole_s=0.1, spacing_s=0, least_bytes_per_s=10_000)
    assert "it had not answered whole after 0.1 s" in world.refused(peer.url()).rule


class _Endless(dict[str, str]):
    """Headers that never end."""

    def __init__(self, peer: Peer) -> None:
        super().__init__()
        self.peer = peer

    def items(self) -> Any:  # noqa: ANN401 - an iterator of pairs
        for _ in self.peer.drip():
            yield "X", "y"


def test_a_server_that_falls_silent_is_given_up(world: World, serve: Serve) -> None:
    peer: Peer

    def answer(_: object) -> Answer:
        peer.closing.wait(2)
        return FINE

    peer = serve(answer)
    world.rules[peer.host] = replace(RULE, read_s=0.1)
    error = world.refused(peer.url())
    assert "it fell silent" in error.rule
    assert error.retryable


# ── Whom it asks ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/a",
        "https://www.planit.example.evil.example/a",
        "https://www.planit.example:8443/a",
        "https://user@www.planit.example/a",
        "https://www.planit.example\\@evil.example/a",
        "https://www.planit.example /a",
        "https://www.planit.example/\n",
        "file:///etc/passwd",
        "//www.planit.example/a\u200b",
        "",
    ],
)
def test_only_servers_on_the_list_are_asked(world: World, url: str) -> None:
    world.rules["www.planit.example"] = HostRule()
    with pytest.raises(SourceError, match="is at no server on the list"):
        world.get(url)
    assert world.notes.requests == []


@pytest.mark.parametrize("scheme", ["http", "ftp"])
def test_a_server_on_the_list_is_asked_by_https_alone(world: World, scheme: str) -> None:
    world.rules["www.planit.example"] = HostRule()
    with pytest.raises(SourceError, match="is not https"):
        world.get(f"{scheme}://www.planit.example/a")
    assert world.notes.requests == []


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_name_that_leads_to_this_machine_gets_not_one_byte(
    world: World, serve: Serve, name: str
) -> None:
    peer = serve(lambda _: FINE)
    world.rules[f"{name}:{peer.port}"] = HostRule()
    error = world.refused(f"https://{name}:{peer.port}/latest/meta-data/")
    assert "which is no public address" in error.rule
    assert not error.retryable
    assert len(world.notes.requests) == 1
    assert peer.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.10", "0.0.0.7", "10.1.2.3", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.2.1", "198.18.0.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_no_address_of_a_private_network_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "193.62.22.80", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


# ── Where it is led ──────────────────────────────────────────────────────────────────────────


def to(url: str, status: int = 302) -> Answer:
    return Answer(status=status, headers={"Location": url})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_server_on_the_list_is_followed(
    world: World, serve: Serve, status: int
) -> None:
    peer = serve(one_after_another(to("/new?x=1", status), FINE))
    download = world.get(peer.url("/old"))
    assert [asked.path for asked in peer.asked] == ["/old", "/new"]
    assert download.url == peer.url("/old")
    assert len(world.notes.requests) == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://192.168.1.1/",
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:25/",
        "http://user:word@127.0.0.1/",
    ],
)
def test_a_redirect_elsewhere_is_not_followed(world: World, serve: Serve, url: str) -> None:
    peer = serve(lambda _: to(url))
    error = world.refused(peer.url())
    assert "is at no server on the list" in error.rule
    assert (len(peer.asked), len(world.notes.requests)) == (1, 1)


def test_a_redirect_back_to_plain_http_is_not_followed(world: World, serve: Serve) -> None:
    peer = serve(lambda _: to("http://www.planit.example/"))
    world.rules["www.planit.example"] = HostRule()
    assert "is not https" in world.refused(peer.url()).rule


def test_a_redirect_to_nowhere_is_refused(world: World, serve: Serve) -> None:
    peer = serve(lambda _: Answer(status=302))
    assert "does not say where" in world.refused(peer.url()).rule


def test_three_redirects_are_followed_and_no_fourth(world: World, serve: Serve) -> None:
    peer = serve(one_after_another(to("/1"), to("/2"), to("/3"), FINE))
    assert world.get(peer.url()).n_bytes == 2
    peer.answers = lambda _: to("/round")
    asked_before = len(peer.asked)
    assert "more than 3 times" in world.refused(peer.url()).rule
    assert len(peer.asked) - asked_before == 4


def test_no_proxy_of_the_environment_is_used(
    world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer, proxy = serve(lambda _: FINE), serve(lambda _: FINE)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url())
    world.get(peer.url())
    assert (len(peer.asked), len(proxy.asked)) == (1, 0)


# ── The disk ─────────────────────────────────────────────────────────────────────────────────


def test_what_lay_there_before_is_untouched_by_a_failure(world: World, serve: Serve) -> None:
    peer = serve(one_after_another(FINE, Answer(body=b"x" * 2_000)))
    world.get(peer.url())
    before = {path.name: path.read_bytes() for path in world.target.parent.iterdir()}
    world.refused(peer.url())
    assert {path.name: path.read_bytes() for path in world.target.parent.iterdir()} == before


def test_a_disk_at_fault_is_told_from_a_server_at_fault(world: World, serve: Serve) -> None:
    world.target.parent.write_text("a file where the folder should be")
    peer = serve(lambda _: FINE)
    error = world.refused(peer.url())
    assert f"{world.target} cannot be written" in error.rule
    assert not error.retryable
    assert len(peer.asked) == 1
