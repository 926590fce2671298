"""Files are found by their addresses as by their paths."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import fs

from sinkwatch import bulk
from sinkwatch.bulk import addresses
from sinkwatch.errors import ConfigError


@pytest.mark.parametrize("text", ["a/b.csv", "/a/b.csv", "b"])
def test_a_path_is_a_path(text: str) -> None:
    assert bulk.location(text) == Path(text)


def test_an_address_of_a_file_of_this_machine_is_its_path() -> None:
    assert bulk.location("file:///a/two%20words.csv") == Path("/a/two words.csv")


def test_an_address_has_a_name_and_an_ending_and_tells_no_secret() -> None:
    address = bulk.location("s3://key:secret@bucket/folder/two%20words.parquet?region=eu-west-2")
    assert (address.name, address.suffix) == ("two words.parquet", ".parquet")
    assert str(address) == "s3://bucket/folder/two%20words.parquet"
    assert "secret" not in repr(address)


def test_a_file_is_asked_for_by_its_address(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    file.write_bytes(b"held")
    address = addresses.Address(text=f"fsspec+local://{file}")
    assert address.is_file()
    assert not address.is_dir()
    assert address.stat().st_size == 4
    with address.open() as opened:
        assert opened.read() == b"held"
    with pytest.raises(ValueError, match="w"):
        address.open("w")
    assert addresses.Address(text=f"fsspec+local://{tmp_path}").is_dir()


def test_what_arrow_knows_needs_no_other_package(tmp_path: Path) -> None:
    assert addresses.located(str(tmp_path)) == (fs.LocalFileSystem(), str(tmp_path))
    assert addresses.located(f"local://{tmp_path}")[1] == str(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nowhere://a:b@c/d", "nowhere://c/d: is no address of storage that is known"),
        ("abfs://a/b", "abfs://a/b: needs a package that is not installed .*adlfs"),
    ],
)
def test_storage_that_is_not_known_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        addresses.located(text)


@pytest.mark.parametrize(
    ("source", "target"), [("memory://a/b.csv", "c.csv"), ("a.csv", "memory://a/b.csv")]
)
def test_other_kinds_stay_on_this_machine(
    source: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("easting,northing\n1,2\n")
    with fs.FileSystem.from_uri("fsspec+memory://")[0].open_output_stream("/a/b.csv") as file:
        file.write(b"easting,northing\n1,2\n")
    request = bulk.Request(source=bulk.location(source), target=bulk.location(target))
    with pytest.raises(ConfigError, match="only GeoParquet is read from an address"):
        bulk.assess_file(None, request)  # type: ignore[arg-type]
