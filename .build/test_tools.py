"""Bring the tools that tests of pages need into the test environment, or say why it cannot be."""

from __future__ import annotations

import sys
from pathlib import Path

import hatch_build

TABLE = Path(".build/test_tools.toml")
FOLDER = Path(sys.prefix, "test-tools")

# The checker of pages is a whole Java program; nothing of it goes into the package.
hatch_build.MEMBER_BYTES_MAX = 64 * 1024 * 1024


def main() -> None:
    """Fetch what is missing; never fail: the tests skip then, or fail under REQUIRE_ALL=1."""
    try:
        hatch_build.provide(FOLDER, hatch_build.read_table(TABLE))
    except hatch_build.AssetError as error:
        sys.stderr.write(f"sinkwatch: {error}\n")


if __name__ == "__main__":
    main()
