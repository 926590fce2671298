"""A folder here or in object storage, where a file is whole or not there under its name."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyarrow import fs, parquet

from sinkwatch.bulk.addresses import Address, located
from sinkwatch.bulk.formats import geoparquet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sinkwatch.bulk.addresses import Location

HALFWAY: Final = "_part-"
"""What begins the name of a file while it is written, so that readers of folders pass over it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """
    A folder.

    Attributes
    ----------
    files
        The system of files that it is in.
    path
        Its place there.
    """

    files: fs.FileSystem
    path: str

    @classmethod
    def at(cls, place: Location) -> Store:
        """
        Find a folder.

        Parameters
        ----------
        place
            Where it is, or will be.

        Returns
        -------
        store
            There or not.
        """
        files, path = located(place.text if isinstance(place, Address) else str(place))
        return cls(files=files, path=path.rstrip("/"))

    def make(self) -> None:
        """Make the folder if it is not there."""
        self.files.create_dir(self.path, recursive=True)

    def names(self) -> list[str]:
        """Return the names of all files in it, in order; none if it is not there."""
        chosen = fs.FileSelector(self.path, allow_not_found=True)
        return sorted(info.base_name for info in self.files.get_file_info(chosen))

    def is_there(self) -> bool:
        """Tell whether there is such a folder."""
        return bool(self.files.get_file_info(self.path).type == fs.FileType.Directory)

    def unmake(self) -> None:
        """Remove the folder, of which nothing is left."""
        self.files.delete_dir(self.path)

    def held(self, names: Sequence[str]) -> frozenset[str]:
        """
        Tell which files are in it.

        Parameters
        ----------
        names
            Those asked about.

        Returns
        -------
        held
            Those of them that are there.
        """
        infos = self.files.get_file_info([self.place(name) for name in names])
        return frozenset(info.base_name for info in infos if info.type == fs.FileType.File)

    def place(self, name: str) -> str:
        """
        Tell where a file of it stands.

        Parameters
        ----------
        name
            Of the file.

        Returns
        -------
        place
            In the system of files.
        """
        return f"{self.path}/{name}"

    def write(self, name: str, batch: pa.RecordBatch, said: Mapping[str, Any]) -> dict[str, Any]:
        """
        Write one part, whole or not at all.

        Parameters
        ----------
        name
            Of the part.
        batch
            Its rows.
        said
            What is kept with them, for who finds the part done.

        Returns
        -------
        described
            Name, size in bytes and SHA-256.
        """
        sink = pa.BufferOutputStream()
        schema = batch.schema
        with parquet.ParquetWriter(
            sink, schema, use_dictionary=geoparquet.repeated(schema)
        ) as writer:
            writer.write_batch(batch)
            writer.add_key_value_metadata({_SAID: json.dumps(said)})
        content = sink.getvalue()
        self.write_bytes(name, content)
        return _described(name, content)

    def write_bytes(self, name: str, content: bytes | pa.Buffer) -> None:
        """
        Write a file, whole or not at all.

        Parameters
        ----------
        name
            Of the file.
        content
            Its bytes.
        """
        # Two workers may be at one part, when one was taken for dead: each writes its own file.
        halfway = self.place(f"{HALFWAY}{secrets.token_hex(8)}-{name}")
        with self.files.open_output_stream(halfway) as stream:
            stream.write(content)
        if isinstance(self.files, fs.LocalFileSystem):
            with open(halfway, "rb") as written:  # noqa: PTH123 - a path as Arrow has it
                os.fsync(written.fileno())  # else a cut in the power could leave a name without it
        self.files.move(halfway, self.place(name))

    def move(self, name: str, other: str) -> None:
        """
        Give a file another name.

        Parameters
        ----------
        name
            Of the file.
        other
            Its name from now on; what stands there is replaced.
        """
        self.files.move(self.place(name), self.place(other))

    def read_bytes(self, name: str) -> bytes:
        """
        Read a file.

        Parameters
        ----------
        name
            Of the file.

        Returns
        -------
        content
            Its bytes.
        """
        with self.files.open_input_stream(self.place(name)) as stream:
            content: bytes = stream.read()
            return content

    def described(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """
        Describe a part that is there.

        Parameters
        ----------
        name
            Of the part.

        Returns
        -------
        described, said
            As `write` returned, and as it was told.
        """
        content = self.read_bytes(name)
        held = parquet.ParquetFile(pa.BufferReader(content)).metadata.metadata
        return _described(name, content), json.loads(held[_SAID.encode()])

    def is_whole(self, name: str) -> bool:
        """
        Tell whether a part can be read: a cut in the power may leave its name and not its bytes.

        Parameters
        ----------
        name
            Of the part.

        Returns
        -------
        is_whole
            True if it ends as a part does.
        """
        try:
            with self.files.open_input_file(self.place(name)) as file:
                return _SAID.encode() in (parquet.read_metadata(file).metadata or {})
        except (OSError, pa.ArrowException):
            return False

    def remove(self, name: str) -> None:
        """
        Remove a file.

        Parameters
        ----------
        name
            Of the file.
        """
        self.files.delete_file(self.place(name))


_SAID: Final = "sinkwatch"


def _described(name: str, content: bytes | pa.Buffer) -> dict[str, Any]:
    summed = hashlib.sha256(memoryview(content)).hexdigest()
    return {"name": name, "bytes": len(memoryview(content)), "sha256": summed}
