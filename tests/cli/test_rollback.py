"""`rollback`: the published site goes back to the release before, one command at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch.publish import release
from sinkwatch.services import open_services

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Sinkwatch = Callable[..., Any]


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    """Make settings that name a folder with two releases in it."""
    folder = tmp_path / "maps"
    (tmp_path / "own.toml").write_text(f'maps_folder = "{folder}"\n', encoding="utf-8")
    for said in (b"the first", b"the second"):
        release.write({"index.html": said}, folder)
    return folder


def test_says_which_release_is_published_again(sinkwatch: Sinkwatch, maps: Path) -> None:
    answer = sinkwatch("rollback", "--config", "own.toml")
    assert answer.code == 0
    name = (maps / "current").readlink().name
    page = maps / "current" / "index.html"
    assert answer.out.splitlines()[0] == f"Release {name} is published again: {page}"
    assert page.read_bytes() == b"the first"


def test_tells_programs_the_same(sinkwatch: Sinkwatch, maps: Path) -> None:
    answer = sinkwatch("rollback", "--config", "own.toml", "--json")
    assert answer.code == 0
    assert answer.json == {
        "release": (maps / "current").readlink().name,
        "map": str(maps / "current" / "index.html"),
        "n_files": 1,
    }


@pytest.mark.usefixtures("maps")
def test_ends_with_2_where_there_is_nothing_to_go_back_to(
    sinkwatch: Sinkwatch, tmp_path: Path
) -> None:
    (tmp_path / "own.toml").write_text(f'maps_folder = "{tmp_path / "none"}"\n', encoding="utf-8")
    answer = sinkwatch("rollback", "--config", "own.toml")
    assert (answer.code, answer.out) == (2, "")
    assert "no whole release is kept beside the present one" in answer.err
    assert len(answer.err.splitlines()) == 1
    assert not (tmp_path / "none").exists()


def test_waits_for_no_other_run_and_changes_nothing_meanwhile(
    sinkwatch: Sinkwatch, maps: Path, tmp_path: Path
) -> None:
    with open_services(tmp_path / "own.toml").lock():
        answer = sinkwatch("rollback", "--config", "own.toml")
    assert answer.code == 1
    assert "another run is at work" in answer.err
    assert (maps / "current" / "index.html").read_bytes() == b"the second"
