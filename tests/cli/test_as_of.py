"""`publish --as-of`: what a person and a program are told, and what is wrong use."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch import as_of
from sinkwatch.as_of import Rebuilt
from sinkwatch.publish import release
from sinkwatch.services import open_services
from sinkwatch.store import publications

if TYPE_CHECKING:
    from collections.abc import Callable

    Sinkwatch = Callable[..., Any]

SAME = Rebuilt(
    published_at=datetime(2026, 7, 1, 23, 30, tzinfo=UTC),
    release="ab" * 32,
    now="ab" * 32,
    folder=Path("maps/as-of/2026-07-02"),
)
OTHER = replace(
    SAME,
    now="cd" * 32,
    folder=None,
    reasons=("sinkwatch was 0.1.0 then and is 0.2.0 now",),
    differing=tuple(f"records/R{number}/index.html" for number in range(10, 32)),
)
UNKNOWN = replace(OTHER, differing=None)
GONE = replace(UNKNOWN, now="", reasons=("source planit: its copy of then is no longer held",))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Answer with what stands under "answer", and keep what was asked for."""
    asked: dict[str, Any] = {"answer": SAME}

    def rebuild(services: object, day: date, folder: Path | None) -> Rebuilt:
        del services
        asked.update(day=day, folder=folder)
        answer: Rebuilt = asked["answer"]
        return answer

    monkeypatch.setattr(as_of, "rebuild", rebuild)
    return asked


def test_the_same_is_said_with_moment_and_release(
    sinkwatch: Sinkwatch, asked: dict[str, Any]
) -> None:
    answer = sinkwatch("publish", "--as-of", "2026-07-02")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        "The same, byte for byte, as published on 2 July 2026 at 00:30, release abababababab",
        "Map: maps/as-of/2026-07-02/index.html",
    ]
    assert (asked["day"], asked["folder"]) == (date(2026, 7, 2), None)


def test_a_folder_is_handed_on(sinkwatch: Sinkwatch, asked: dict[str, Any]) -> None:
    assert sinkwatch("publish", "--as-of", "2026-07-02", "--into", "then").code == 0
    assert asked["folder"] == Path("then")


def test_what_differs_is_named_as_far_as_it_helps(
    sinkwatch: Sinkwatch, asked: dict[str, Any]
) -> None:
    asked["answer"] = OTHER
    answer = sinkwatch("publish", "--as-of", "2026-07-02")
    first, reason, *named, more = answer.out.splitlines()
    assert answer.code == 1
    assert first == (
        "Not the same as published on 2 July 2026 at 00:30, release abababababab; "
        "nothing was written"
    )
    assert reason == "  Sinkwatch was 0.1.0 then and is 0.2.0 now"
    assert named == [f"  Differs: records/R{number}/index.html" for number in range(10, 30)]
    assert more == "  2 more differ; --json names them all"


def test_where_nobody_can_tell_the_files_it_says_so(
    sinkwatch: Sinkwatch, asked: dict[str, Any]
) -> None:
    asked["answer"] = UNKNOWN
    answer = sinkwatch("publish", "--as-of", "2026-07-02")
    assert answer.code == 1
    assert answer.out.splitlines()[2:] == [
        "  That release is not kept any more, so the files that differ cannot be named"
    ]


def test_where_nothing_could_be_built_only_the_reason_is_given(
    sinkwatch: Sinkwatch, asked: dict[str, Any]
) -> None:
    asked["answer"] = GONE
    answer = sinkwatch("publish", "--as-of", "2026-07-02")
    assert answer.code == 1
    assert answer.out.splitlines()[1:] == ["  Source planit: its copy of then is no longer held"]


@pytest.mark.parametrize(
    ("told", "code", "facts"),
    [
        (SAME, 0, {"same": True, "folder": "maps/as-of/2026-07-02", "differing": None}),
        (OTHER, 1, {"same": False, "folder": None, "release_now": "cd" * 32}),
        (GONE, 1, {"same": False, "release_now": None, "differing": None}),
    ],
    ids=["same", "other", "gone"],
)
def test_programs_are_told_all(
    sinkwatch: Sinkwatch, asked: dict[str, Any], told: Rebuilt, code: int, facts: dict[str, object]
) -> None:
    asked["answer"] = told
    answer = sinkwatch("publish", "--as-of", "2026-07-02", "--json")
    assert answer.code == code
    assert answer.json == answer.json | facts
    assert answer.json["published_at"] == "2026-07-01T23:30:00+00:00"
    assert answer.json["release"] == "ab" * 32
    assert answer.json["reasons"] == list(told.reasons)
    assert len(answer.json["differing"] or ()) == len(told.differing or ())


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--as-of", "20.11.2026"], "does not match the format"),
        (["--as-of", "2026-02-30"], "does not match the format"),
        (["--as-of", "9999-12-31"], "has not been yet"),
        (["--as-of", "0001-01-01"], "no edition of the site is noted"),
        (["--into", "somewhere"], "--into goes with --as-of"),
        (["--as-of", "2026-07-02", "--for-host", "nginx"], "give one of them"),
    ],
)
def test_wrong_use_ends_with_2_and_the_way_out_and_leaves_nothing(
    sinkwatch: Sinkwatch, tmp_path: Path, words: list[str], why: str
) -> None:
    answer = sinkwatch("publish", *words)
    assert (answer.code, answer.out) == (2, "")
    assert why in " ".join(answer.err.split())
    assert list(tmp_path.iterdir()) == []


class TestRollback:
    @pytest.fixture
    def maps(self, tmp_path: Path) -> Path:
        """Make an installation with two releases, neither of them noted."""
        settings = f'maps_folder = "{tmp_path / "maps"}"\nstate_folder = "{tmp_path / "var"}"\n'
        (tmp_path / "sinkwatch.toml").write_text(settings, encoding="utf-8")
        for said in (b"the first", b"the second"):
            release.write({"index.html": said}, tmp_path / "maps")
        return tmp_path / "maps"

    @pytest.fixture
    def noted(self, maps: Path) -> tuple[str, str]:
        """Note both; return their names."""
        names = [(maps / "releases" / each.name) for each in (maps / "releases").iterdir()]
        names.sort(key=lambda each: each.stat().st_mtime_ns)
        first, second = (release.sha256_of(each / release.MANIFEST) for each in names)
        with open_services().store() as store, store.begin() as connection:
            for name in (first, second):
                edition = publications.Edition(
                    release=name,
                    built_at=SAME.published_at,
                    program={},
                    imprint={},
                    basis="{}",
                    copies={},
                    packs=None,
                )
                publications.note(connection, edition, SAME.published_at)
        return first, second

    def test_what_readers_see_again_is_what_a_past_day_gives(
        self, sinkwatch: Sinkwatch, noted: tuple[str, str]
    ) -> None:
        answer = sinkwatch("rollback")
        assert (answer.code, answer.err) == (0, "")
        with open_services().store() as store, store.read() as connection:
            found = publications.listing(connection)
        assert [each.edition.release for each in found] == [*noted, noted[0]]
        assert found[2].edition.built_at == SAME.published_at

    def test_goes_back_also_to_what_was_never_noted_and_says_so(
        self, sinkwatch: Sinkwatch, maps: Path
    ) -> None:
        with open_services().store():
            pass
        answer = sinkwatch("rollback")
        assert answer.code == 0
        assert "is not in the database: --as-of will not know of it" in answer.err
        assert (maps / "current" / "index.html").read_bytes() == b"the first"

    def test_goes_back_also_with_a_database_that_is_none(
        self, sinkwatch: Sinkwatch, maps: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "var").mkdir()
        (tmp_path / "var" / "sinkwatch.db").write_bytes(b"no database at all" * 99)
        answer = sinkwatch("rollback")
        assert answer.code == 0
        assert "the return cannot be noted" in answer.err
        assert (maps / "current" / "index.html").read_bytes() == b"the first"
