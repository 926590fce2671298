"""A transfer that breaks off: what stays of it, and what it is gone on with."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sinkwatch.sources.outside import parts
from sinkwatch.sources.outside.download import DownloadStatus
from sinkwatch.sources.outside.politeness import HostRule
from tests.peers.server import Answer, Asked, File, Peer
from tests.sources.outside.outside import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.conftest import Clock

BODY = bytes(range(256)) * 8_000  # 2,048,000 bytes, of which every 256 are alike
N = len(BODY)
CUT = 1_500_000
RULE = HostRule(spacing_s=0, most_bytes=3_000_000, is_a_peer_of_tests=True)
STRONG = {"ETag": '"edition-1"', "Content-Type": "application/zip"}
OLD = {
    "Last-Modified": "Sun, 01 Nov 2026 06:00:00 GMT",
    "Date": "Sun, 22 Nov 2026 09:30:00 GMT",
}
WHOLE = ["page.json", "page.json.said.json"]
PART = [".page.json.part", ".page.json.part.said.json"]


@pytest.fixture
def world(clock: Clock, tmp_path: Path) -> Iterator[World]:
    with World(clock, tmp_path, RULE).open() as opened:
        yield opened


def ranges(peer: Peer) -> list[str | None]:
    return [asked.headers["Range"] for asked in peer.asked]


def part_of(world: World) -> Path:
    return world.target.with_name(PART[0])


def broken_off(world: World, headers: Mapping[str, str] = STRONG, n_bytes: int = CUT) -> Peer:
    """Leave a run behind in which every try broke off after the same bytes."""
    peer = world.serve(File(BODY, headers=headers, breaks=[n_bytes, 0, 0]))
    assert world.refused(peer.url()).retryable
    peer.asked.clear()
    return peer


# ── Gone on with ─────────────────────────────────────────────────────────────────────────────


def test_the_next_try_asks_only_for_what_is_missing(world: World) -> None:
    peer = world.serve(File(BODY, headers=STRONG, breaks=[CUT, 300_000]))
    download = world.get(peer.url())
    assert ranges(peer) == [None, f"bytes={CUT}-", "bytes=1800000-"]
    assert peer.asked[1].headers["If-Range"] == '"edition-1"'
    assert peer.asked[1].headers["Accept-Encoding"] == "identity"
    assert world.target.read_bytes() == BODY
    assert (download.n_bytes, download.sha256) == (N, hashlib.sha256(BODY).hexdigest())
    assert world.left() == WHOLE


def test_a_later_run_goes_on_where_an_earlier_one_ended(world: World) -> None:
    peer = broken_off(world)
    assert world.left() == PART
    world.clock.move(days=1)
    download = world.get(peer.url())
    assert ranges(peer) == [f"bytes={CUT}-"]
    assert world.target.read_bytes() == BODY
    assert download.status is DownloadStatus.NEW
    assert download.retrieved_at == world.clock()
    assert world.left() == WHOLE


def test_what_was_said_of_the_file_at_first_is_kept_where_the_rest_does_not_say_it_again(
    world: World,
) -> None:
    said = STRONG | OLD
    peer = broken_off(world, said)
    peer.answers = rest({})
    download = world.get(peer.url())
    assert (download.etag, download.last_modified) == ('"edition-1"', said["Last-Modified"])
    assert download.content_type == "application/zip"


def test_an_old_date_names_the_content_too(world: World) -> None:
    peer = broken_off(world, OLD)
    world.get(peer.url())
    assert ranges(peer) == [f"bytes={CUT}-"]
    assert peer.asked[0].headers["If-Range"] == OLD["Last-Modified"]


def test_the_rest_may_come_without_a_length_of_its_own(world: World) -> None:
    peer = broken_off(world)
    peer.answers = lambda _: Answer(
        status=206, headers=in_range(CUT, N - 1, N), body=[BODY[CUT:1_900_000], BODY[1_900_000:]]
    )
    assert world.get(peer.url()).sha256 == hashlib.sha256(BODY).hexdigest()


def test_a_file_that_is_held_in_another_edition_is_asked_for_with_both_conditions(
    world: World,
) -> None:
    peer = world.serve(lambda _: Answer(body=b"old", headers={"ETag": '"edition-0"'}))
    world.get(peer.url())
    peer.answers = File(BODY, headers=STRONG, breaks=[CUT, 0, 0])
    world.refused(peer.url())
    assert world.target.read_bytes() == b"old"
    world.get(peer.url())
    assert peer.asked[-1].headers["If-None-Match"] == '"edition-0"'
    assert peer.asked[-1].headers["Range"] == f"bytes={CUT}-"
    assert world.target.read_bytes() == BODY


def test_what_has_come_is_let_go_when_the_file_held_is_the_present_one_again(world: World) -> None:
    peer = world.serve(lambda _: Answer(body=b"old", headers={"ETag": '"edition-0"'}))
    world.get(peer.url())
    peer.answers = File(BODY, headers=STRONG, breaks=[CUT, 0, 0])
    world.refused(peer.url())
    peer.answers = lambda _: Answer(status=304)
    assert world.get(peer.url()).status is DownloadStatus.UNCHANGED
    assert world.left() == WHOLE


def test_a_redirect_does_not_lose_what_has_come(world: World) -> None:
    storage = world.serve(File(BODY, headers=STRONG, breaks=[CUT]))
    peer = world.serve(lambda _: Answer(status=307, headers={"Location": storage.url("/signed?1")}))
    world.get(peer.url())
    assert ranges(storage) == [None, f"bytes={CUT}-"]
    assert world.target.read_bytes() == BODY


def test_bytes_beyond_the_last_that_were_made_sure_of_are_not_believed(world: World) -> None:
    """As after a power cut: the file has grown, what it grew by is anything."""
    peer = broken_off(world)
    with part_of(world).open("ab") as file:
        file.write(b"\0" * 4_096)
    world.get(peer.url())
    assert ranges(peer) == [f"bytes={CUT}-"]
    assert world.target.read_bytes() == BODY


def test_a_run_that_is_interrupted_goes_on_later(world: World) -> None:
    class Stop(BaseException):
        """As Ctrl-C is."""

    def interrupted() -> None:
        with parts.Part(world.target, parts.anew("https://example.org/a", STRONG)) as part:
            part.add(BODY)
            raise Stop

    with pytest.raises(Stop):
        interrupted()
    earlier = parts.earlier(world.target, "https://example.org/a")
    assert earlier is not None
    assert (earlier.n_bytes, earlier.sha256) == (N, hashlib.sha256(BODY).hexdigest())


def test_a_crash_loses_no_more_than_what_came_since_it_was_last_made_sure_of(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "CHECKPOINT", 1_200_000)
    with parts.Part(world.target, parts.anew("https://example.org/a", STRONG)) as part:
        part.add(BODY[:1_300_000])
        part.add(BODY[1_300_000:])
        had = parts.earlier(world.target, "https://example.org/a")  # what the next run would find
        assert had is not None
        assert had.n_bytes == 1_300_000


# ── Begun anew ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"ETag": 'W/"edition-1"'},
        {"ETag": 'W/"edition-1"'} | OLD,
        {"ETag": "edition-1"},
        {"Last-Modified": OLD["Last-Modified"], "Date": "Sun, 01 Nov 2026 06:00:59 GMT"},
        {"Last-Modified": "yesterday", "Date": OLD["Date"]},
        {"Last-Modified": "Sun, 01 Nov 2026 06:00:00 -0000", "Date": OLD["Date"]},
    ],
    ids=["nothing", "weak", "weak and date", "bare", "just written", "no date", "no zone"],
)
def test_nothing_stays_that_the_server_has_not_named_for_certain(
    world: World, headers: Mapping[str, str]
) -> None:
    peer = broken_off(world, headers)
    assert world.left() == []
    world.get(peer.url())
    assert ranges(peer) == [None]


def test_little_is_had_anew(world: World) -> None:
    peer = broken_off(world, n_bytes=parts.RESUMED_FROM)
    assert world.left() == []
    world.get(peer.url())
    assert ranges(peer) == [None]


def test_what_came_packed_is_had_anew(world: World) -> None:
    packed = gzip.compress(b"".join(hashlib.sha512(bytes([i, j])).digest() * 2 for i in range(200)
                                    for j in range(200)), 0)  # fmt: skip
    peer = world.serve(File(packed, headers=STRONG | {"Content-Encoding": "gzip"}, breaks=[CUT]))
    world.rules[peer.host] = replace(RULE, most_bytes=9_000_000)
    world.get(peer.url())
    assert ranges(peer) == [None, None]


def test_another_address_begins_anew(world: World) -> None:
    peer = broken_off(world)
    world.get(peer.url("/b"))
    assert ranges(peer) == [None]
    assert world.target.read_bytes() == BODY


@pytest.mark.parametrize(
    "spoil",
    [
        lambda part, _: part.write_bytes(b"x" + part.read_bytes()[1:]),
        lambda part, _: part.write_bytes(part.read_bytes()[:-1]),
        lambda part, _: part.unlink(),
        lambda _, note: note.unlink(),
        lambda _, note: note.write_text("{"),
        lambda _, note: note.write_text("[]"),
        lambda _, note: note.write_text(json.dumps(json.loads(note.read_text()) | {"n_bytes": -1})),
        lambda _, note: note.write_text(json.dumps(json.loads(note.read_text()) | {"x": 1})),
    ],
    ids=["byte", "shorter", "gone", "no note", "cut note", "list", "minus", "unknown"],
)
def test_what_has_suffered_on_disk_is_had_anew(
    world: World, spoil: Callable[[Path, Path], object]
) -> None:
    peer = broken_off(world)
    spoil(part_of(world), world.target.with_name(PART[1]))
    world.get(peer.url())
    assert ranges(peer) == [None]
    assert world.target.read_bytes() == BODY
    assert world.left() == WHOLE


def test_a_file_that_has_changed_meanwhile_comes_whole(world: World) -> None:
    peer = broken_off(world)
    other = BODY[::-1]
    peer.answers = File(other, headers={"ETag": '"edition-2"'})
    download = world.get(peer.url())
    assert ranges(peer) == [f"bytes={CUT}-"]
    assert world.target.read_bytes() == other
    assert download.etag == '"edition-2"'


def test_a_server_that_does_not_know_ranges_sends_the_whole(world: World) -> None:
    peer = broken_off(world)
    peer.answers = lambda _: Answer(body=BODY)
    assert world.get(peer.url()).n_bytes == N
    assert world.target.read_bytes() == BODY


def in_range(first: int, last: int, whole: int | str) -> dict[str, str]:
    return {"Content-Range": f"bytes {first}-{last}/{whole}"}


def rest(headers: Mapping[str, str], body: bytes = BODY[CUT:]) -> Callable[[Asked], Answer]:
    """Answer a range with these headers, and the whole where none is asked for."""

    def answer(asked: Asked) -> Answer:
        if asked.headers["Range"] is None:
            return Answer(body=BODY, headers=STRONG)
        return Answer(status=206, headers=in_range(CUT, N - 1, N) | headers, body=body)

    return answer


@pytest.mark.parametrize(
    "headers",
    [
        in_range(CUT - 1, N - 1, N),
        in_range(CUT + 1, N - 1, N),
        in_range(0, N - 1, N),
        in_range(CUT, N - 2, N),
        in_range(CUT, N, N),
        in_range(CUT, N - 1, N + 1),
        in_range(CUT, N, N + 1),
        in_range(CUT, N - 1, "*"),
        in_range(CUT, CUT - 1, CUT),
        {"Content-Range": f"items {CUT}-{N - 1}/{N}"},
        {"Content-Range": ""},
        {"Content-Type": "multipart/byteranges; boundary=x", "Content-Range": "x"},
        {"Content-Encoding": "gzip"},
        {"ETag": '"edition-2"'},
    ],
    ids=["before", "after", "start", "not to the end", "beyond", "longer", "another size",
         "unknown", "empty", "unit", "unsaid", "several", "packed", "another edition"],
)  # fmt: skip
def test_a_rest_that_does_not_fit_is_not_joined_on(
    world: World, headers: Mapping[str, str]
) -> None:
    peer = broken_off(world)
    peer.answers = rest(headers)
    world.get(peer.url())
    assert ranges(peer) == [f"bytes={CUT}-", None]
    assert world.target.read_bytes() == BODY
    assert world.left() == WHOLE


def test_a_range_that_is_not_there_is_asked_for_once(world: World) -> None:
    peer = broken_off(world)
    peer.answers = lambda _: Answer(status=416, headers={"Content-Range": "bytes */9"})
    error = world.refused(peer.url())
    assert error.rule == "it answered with status 416"
    assert not error.retryable
    assert ranges(peer) == [f"bytes={CUT}-", None]
    assert world.left() == []


@pytest.mark.parametrize("body", [BODY[CUT:-1], BODY[CUT:] + b"x"], ids=["shorter", "longer"])
def test_a_rest_of_another_length_than_it_states_is_no_whole_file(
    world: World, body: bytes
) -> None:
    peer = broken_off(world)
    peer.answers = rest({}, body)
    world.get(peer.url())
    assert ranges(peer) == [f"bytes={CUT}-", f"bytes={CUT + len(body)}-", None]
    assert world.target.read_bytes() == BODY
    assert world.left() == WHOLE


def test_the_parts_together_may_not_be_larger_than_the_rule_allows(world: World) -> None:
    peer = broken_off(world)
    world.rules[peer.host] = replace(RULE, most_bytes=N - 1)
    assert "larger than 2,047,999 bytes" in world.refused(peer.url()).rule
    peer = broken_off(world)
    world.rules[peer.host] = replace(RULE, most_bytes=N - 1)
    peer.answers = lambda _: Answer(status=206, headers=in_range(CUT, N - 1, N), body=[BODY[CUT:]])
    assert "larger than 2,047,999 bytes" in world.refused(peer.url()).rule
    assert world.left() == []


# ── What stays ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answer", "stays"),
    [
        (Answer(status=404), False),
        (Answer(status=403), False),
        (Answer(body=b""), False),
        (Answer(body=b"x", headers={"Content-Encoding": "br"}), False),
        (Answer(body=b"no gzip at all", headers={"Content-Encoding": "gzip"}), False),
        (Answer(status=302, headers={"Location": "https://elsewhere.example/"}), False),
        (Answer(status=500), True),
        (Answer(status=503, headers={"Retry-After": "60"}), True),
        (Answer(status=429), True),
        (Answer(raw=b"\r\n"), True),
    ],
)
def test_only_a_failure_that_passes_leaves_what_has_come(
    world: World, answer: Answer, *, stays: bool
) -> None:
    peer = broken_off(world)
    peer.answers = lambda _: answer
    assert world.refused(peer.url()).retryable is stays
    assert world.left() == (PART if stays else [])


def test_what_was_there_before_is_untouched_while_a_new_edition_breaks_off(world: World) -> None:
    peer = world.serve(lambda _: Answer(body=b"old", headers={"ETag": '"edition-0"'}))
    world.get(peer.url())
    peer.answers = File(BODY, headers=STRONG, breaks=[CUT, 0, 0])
    world.refused(peer.url())
    assert world.target.read_bytes() == b"old"
    peer.answers = lambda _: Answer(status=304)
    assert world.get(peer.url()).n_bytes == 3


def test_a_disk_that_takes_no_more_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(part: parts.Part, chunk: bytes) -> None:
        del part, chunk
        raise OSError(28, "No space left on device")

    peer = broken_off(world)
    monkeypatch.setattr(parts.Part, "add", full)
    error = world.refused(peer.url())
    assert "cannot be written (No space left on device)" in error.rule
    assert "room left" in error.way_out
    assert world.left() == []


def test_a_note_that_cannot_be_written_leaves_nothing(world: World) -> None:
    world.target.parent.mkdir()
    world.target.with_name(PART[1]).mkdir()  # stands where the note should
    (world.target.with_name(PART[1]) / "x").touch()
    peer = world.serve(File(BODY, headers=STRONG, breaks=[CUT]))
    world.get(peer.url())
    assert ranges(peer) == [None, None]
    assert world.target.read_bytes() == BODY
