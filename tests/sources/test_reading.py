"""A file is read once while nothing about it changes, and at once when anything does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch.errors import DataError
from sinkwatch.sources import reading
from tests.sources.samples import NOW, SAMPLES, Sample, a_spec, an_errand
from tests.world import an_area

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sinkwatch.model import Area, Snapshot, SourceSpec
    from tests.sources.conftest import Write

    Asked = tuple[Snapshot, SourceSpec, Area]


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> None:
    reading._read.cache_clear()  # noqa: SLF001 - as in a process that has just begun


@pytest.fixture
def asked(each: Sample, taken: Snapshot) -> Asked:
    """A copy of every kind of file, not read yet."""
    return taken, a_spec(each.kind, None), an_area()


def test_an_unchanged_file_is_not_read_again(asked: Asked) -> None:
    first = reading.load(*asked)
    asked[0].path.unlink()
    assert reading.load(*asked).equals(first)


def test_the_same_file_kept_elsewhere_and_seen_later_that_day_is_the_same(asked: Asked) -> None:
    snapshot, spec, area = asked
    first = reading.load(*asked)
    elsewhere = replace(
        snapshot,
        path=snapshot.path.with_name(f"gone{snapshot.path.suffix}"),
        checked_at=snapshot.checked_at + timedelta(hours=3),
    )
    assert reading.load(elsewhere, spec, area).equals(first)


def _with_snapshot(**changed: object) -> Callable[[Asked], Asked]:
    return lambda asked: (replace(asked[0], **changed), *asked[1:])  # type: ignore[arg-type]


def _with_area(**changed: object) -> Callable[[Asked], Asked]:
    return lambda asked: (*asked[:2], replace(asked[2], **changed))  # type: ignore[arg-type]


DIFFERENT: dict[str, Callable[[Asked], Asked]] = {
    "content": _with_snapshot(sha256="0" * 64),
    "name in messages": _with_snapshot(source="another"),
    "file name in messages": _with_snapshot(url="another.csv"),
    "day, before which its dates must lie": _with_snapshot(checked_at=NOW + timedelta(days=1)),
    "ending": lambda asked: (
        replace(asked[0], path=asked[0].path.with_suffix(".json")), *asked[1:],
    ),
    "options": lambda asked: (asked[0], replace(asked[1], options={"layer": "x"}), asked[2]),
    "bounds": lambda asked: (
        *asked[:2], replace(asked[2], bounds=replace(asked[2].bounds, min_easting=-1.0)),
    ),
    "area": _with_area(name="Elsewhere"),
    "authority": _with_area(authority="Elsewhere"),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENT)
def test_whatever_is_different_it_is_read_anew(asked: Asked, name: str) -> None:
    reading.load(*asked)
    asked[0].path.unlink()
    with pytest.raises((DataError, OSError)):  # it looked, and the file is gone
        reading.load(*DIFFERENT[name](asked))


def test_what_a_caller_does_to_its_frame_is_its_own(asked: Asked, each: Sample) -> None:
    mine = reading.load(*asked)
    mine[each.schema.key] = "mine"
    mine["more"] = 1
    mine.loc[:, "geometry"] = None
    again = reading.load(*asked)
    assert again[each.schema.key].tolist() == list(each.keys)
    assert "more" not in again
    assert again.geometry.notna().any()


def test_a_refusal_is_not_remembered(each: Sample, write: Write, folder: Path) -> None:
    spec = a_spec(each.kind, write(each.file, each.content))
    snapshot = each.source.fetch(spec, an_errand(folder))
    snapshot.path.unlink()
    with pytest.raises((DataError, OSError)):
        reading.load(snapshot, spec, an_area())
    snapshot.path.write_bytes(each.content)
    assert len(reading.load(snapshot, spec, an_area())) == len(each.keys)


class _Watched:
    """Lets a reader look at the values of another, and writes down at which."""

    def __init__(self, watched: object, seen: set[str]) -> None:
        self._watched, self._seen = watched, seen

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever is there
        self._seen.add(name)
        return getattr(self._watched, name)


def test_no_reader_looks_at_more_than_is_compared(each: Sample, asked: Asked) -> None:
    of_snapshot, of_spec, of_area = set[str](), set[str](), set[str]()
    snapshot, spec, area = asked
    each.source.load(
        _Watched(snapshot, of_snapshot),  # type: ignore[arg-type]
        _Watched(spec, of_spec),  # type: ignore[arg-type]
        _Watched(area, of_area),  # type: ignore[arg-type]
    )
    assert of_snapshot <= {"path", "sha256", "source", "url", "checked_at"}
    assert "path" in of_snapshot
    assert of_spec <= {"options", "name"}
    assert of_area <= {"bounds", "name", "authority"}


def test_there_is_a_sample_of_every_kind_that_is_remembered() -> None:
    assert {sample.kind for sample in SAMPLES} == set(reading.KINDS) - set(reading.ONLINE)
