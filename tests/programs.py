"""Programs of others that tests ask: where each is, and what becomes of a test without it."""

from __future__ import annotations

import os
import shutil
from typing import Final, NoReturn

import pytest

SYSTEM: Final = "/usr/sbin"
"""Where Debian puts servers, which is not on everyone's path."""


def do_without(missing: str) -> NoReturn:
    """Skip the test that needs it, or fail it where nothing may be missing (REQUIRE_ALL=1)."""
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(missing)
    pytest.skip(missing)


def where(name: str) -> str | None:
    """Return the path of a program, if there is one."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{SYSTEM}")


def program(name: str, package: str) -> str:
    """Return the path of a program, or do without; the package is the one of Debian."""
    found = where(name)
    if found is None:
        do_without(f"{name} is not installed: apt-get install {package}")
    return found
