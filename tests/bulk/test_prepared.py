"""Layers and their index as they are kept: the same answers, or made anew; never wrong ones."""

from __future__ import annotations

import json
import os
import shutil
import threading
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinkwatch import assess
from sinkwatch.bulk import prepared
from sinkwatch.bulk.formats import geoparquet
from tests import world
from tests.bulk.files import Assess, a_file, random_positions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sinkwatch.model import Area

N_PLACES = 2_000


def a_hazard(*records: dict[str, object]) -> assess.Hazard:
    return assess.prepare(world.strips(), world.inventory(*records), world.parameters())


def random_hazard(seed: int, n: int) -> assess.Hazard:
    rng = np.random.default_rng(seed)
    west, south, east, north = world.strips().total_bounds
    return a_hazard(
        *(
            world.a_sinkhole(
                float(rng.uniform(west, east)),
                float(rng.uniform(south, north)),
                sinkhole_id=f"record-{number}",
                position_uncertainty_m=float(rng.choice([10, 100, 350])),
            )
            for number in range(n)
        )
    )


def asked(index: assess.Index, seed: int = 1) -> list[list[Any]]:
    """Ask an index of places in and around its layers."""
    rng = np.random.default_rng(seed)
    west, south, east, north = world.strips().total_bounds
    easting = rng.uniform(west - 300, east + 300, 200)
    northing = rng.uniform(south - 300, north + 300, 200)
    found = assess.points(index.hazard, easting, northing, np.full(200, 10.0), index)
    return [np.nan_to_num(getattr(found, each.name), nan=-1).tolist() for each in fields(found)]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "prepared"


@pytest.fixture(scope="module")
def layers() -> assess.Hazard:
    return random_hazard(3, 5)


def the_one(kept: Path) -> Path:
    (place,) = kept.iterdir()
    return place


@given(seed=st.integers(0, 10_000), n=st.integers(0, 6))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_kept_answers_as_what_is_made(tmp_path: Path, seed: int, n: int) -> None:
    hazard = random_hazard(seed, n)
    kept = tmp_path / f"{seed}-{n}"
    made = prepared.index(hazard, None, N_PLACES)
    for _ in range(2):  # when it is kept, and when it is found
        held = prepared.index(hazard, kept, N_PLACES)
        assert asked(held, seed) == asked(made, seed)
        assert prepared.digest(held.hazard) == prepared.digest(hazard)


def test_it_is_mapped_and_not_made_again(
    kept: Path, layers: assess.Hazard, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = asked(prepared.index(layers, kept, N_PLACES))
    monkeypatch.setattr(assess, "index", None)
    held = prepared.index(layers, kept, N_PLACES)
    assert isinstance(held.row, np.memmap)
    assert asked(held) == before


def test_nothing_that_is_kept_is_run(kept: Path, layers: assess.Hazard) -> None:
    prepared.index(layers, kept, N_PLACES)
    for path in the_one(kept).iterdir():
        if path.suffix == ".npy":
            assert not np.load(path, allow_pickle=False).dtype.hasobject
    assert {path.suffix for path in the_one(kept).iterdir()} == {".npy", ".json"}


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "gone": lambda path: path.unlink(),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "one bit": lambda path: path.write_bytes(
        path.read_bytes()[:-5] + bytes([path.read_bytes()[-5] ^ 1]) + path.read_bytes()[-4:]
    ),
    "a pickle": lambda path: np.save(path, np.array([{}], dtype=object), allow_pickle=True),
}
FILES = ["row.npy", "near.item.npy", "zone_geometry.npy", "easting.npy", "bands.npy"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_made_anew(
    kept: Path, layers: assess.Hazard, name: str, damage: str
) -> None:
    before = asked(prepared.index(layers, kept, N_PLACES))
    path = the_one(kept) / name
    whole = path.read_bytes()
    DAMAGES[damage](path)
    assert asked(prepared.index(layers, kept, N_PLACES)) == before
    assert path.read_bytes() == whole


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"squares.npy": ""}', "null"])
def test_what_tells_nothing_of_itself_is_made_anew(
    kept: Path, layers: assess.Hazard, content: str
) -> None:
    before = asked(prepared.index(layers, kept, N_PLACES))
    path = the_one(kept) / "told.json"
    whole = path.read_text()
    path.write_text(content)
    assert asked(prepared.index(layers, kept, N_PLACES)) == before
    assert json.loads(path.read_text()) == json.loads(whole)


def test_what_tells_of_other_squares_is_made_anew(kept: Path, layers: assess.Hazard) -> None:
    before = asked(prepared.index(layers, kept, N_PLACES))
    place = the_one(kept)
    squares = assess.squares_over(layers, N_PLACES)
    moved = assess.index(layers, replace(squares, west=squares.west + 100))
    shutil.rmtree(place)
    prepared.save(place, moved)
    assert asked(prepared.index(layers, kept, N_PLACES)) == before
    assert prepared.load(place).squares == squares


def test_an_empty_folder_is_filled(kept: Path, layers: assess.Hazard) -> None:
    before = asked(prepared.index(layers, kept, N_PLACES))
    place = the_one(kept)
    for path in place.iterdir():
        path.unlink()
    assert asked(prepared.index(layers, kept, N_PLACES)) == before
    assert len(list(place.iterdir())) > 5


def test_layers_that_differ_in_anything_have_another_digest() -> None:
    record = world.a_sinkhole(431_000, 471_000)
    one = a_hazard(record)
    others = [
        a_hazard(),
        a_hazard({**record, "sinkhole_id": "another"}),
        a_hazard({**record, "position_uncertainty_m": 11.0}),
        a_hazard(world.a_sinkhole(431_000.001, 471_000)),
        replace(one, rings_m=one.rings_m + 1),
        replace(one, bands=one.bands[::-1]),
        replace(one, zone_uncertainty_m=one.zone_uncertainty_m + 0.5),
        replace(one, zone_geometry=one.zone_geometry[::-1]),
    ]
    digests = [prepared.digest(each) for each in (one, *others)]
    assert len(set(digests)) == len(digests)
    assert prepared.digest(a_hazard(record)) == digests[0]


def test_another_version_makes_its_own(
    kept: Path, layers: assess.Hazard, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared.index(layers, kept, N_PLACES)
    monkeypatch.setattr(prepared, "__version__", "99")
    prepared.index(layers, kept, N_PLACES)
    assert len(list(kept.iterdir())) == 2


def test_only_the_newest_are_kept(kept: Path) -> None:
    kept.mkdir()
    killed, at_work = kept / ".killed", kept / ".at-work"
    for folder in (killed, at_work):
        folder.mkdir()
    os.utime(killed, (0, 0))
    places: list[Path] = []
    for n in range(prepared.MOST_KEPT + 2):
        prepared.index(random_hazard(n, 2), kept, N_PLACES)
        (new,) = {path for path in kept.iterdir() if path.name[0] != "."} - set(places)
        places.append(new)
        os.utime(new, (1_000_000_000 + n, 1_000_000_000 + n))
    assert [path for path in places if path.exists()] == places[-prepared.MOST_KEPT :]
    assert at_work.exists()
    assert not killed.exists()


def test_where_nothing_can_be_kept_the_answers_are_the_same(
    tmp_path: Path, layers: assess.Hazard
) -> None:
    (tmp_path / "file").touch()
    held = prepared.index(layers, tmp_path / "file" / "prepared", N_PLACES)
    assert asked(held) == asked(prepared.index(layers, None, N_PLACES))


def test_a_disk_that_is_full_leaves_nothing_half_made(
    kept: Path, layers: assess.Hazard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    assert asked(prepared.index(layers, kept, N_PLACES))
    assert not list(kept.iterdir())


def test_several_at_once_all_get_the_answers(kept: Path, layers: assess.Hazard) -> None:
    before = asked(prepared.index(layers, None, N_PLACES))
    found: list[list[list[Any]]] = []

    def one() -> None:
        found.extend(asked(prepared.index(layers, kept, N_PLACES)) for _ in range(4))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [before] * 16
    assert [path.name[0] != "." for path in kept.iterdir()] == [True]


def test_the_same_file_with_and_without(
    run: Assess, tmp_path: Path, ripon: Area, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geoparquet, "CHUNK_ROWS", 100)
    places = list(zip(*random_positions(500, ripon), strict=True))
    source = a_file(tmp_path / "given.parquet", places)
    made = [tmp_path / f"made{n}.parquet" for n in range(3)]
    run(source, made[0])
    run(source, made[1], kept=kept)
    run(source, made[2], kept=kept)
    assert len({path.read_bytes() for path in made}) == 1
    assert the_one(kept).is_dir()
