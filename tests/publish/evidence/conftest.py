"""One typesetter and one press for all: they are made once for many packs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sinkwatch.publish.evidence.press import Press
from sinkwatch.publish.evidence.typesetting import Typesetter

if TYPE_CHECKING:
    from sinkwatch.model import Findings


@pytest.fixture(scope="session")
def typesetter() -> Typesetter:
    return Typesetter.of_package()


@pytest.fixture(scope="session")
def press(ripon_findings: Findings) -> Press:
    return Press.of(ripon_findings, version="0.1.0", contact="maps@example.org")
