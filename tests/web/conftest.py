"""A service for each test that changes something, and those that all others only look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sinkwatch import pipeline
from tests.conftest import NOW, Clock, an_installation
from tests.web import pages
from tests.web.service import ENDING, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sinkwatch.services import Services
    from tests.web.service import Service

SETTINGS = {"trusted_proxies": ("127.0.0.1",), "serve_hosts": ("127.0.0.1",)}

APPLICATION = (
    "reference,description,status,received_on,easting,northing,url\n"
    "26/1,Six homes <b>x</b> at Magdalens Road,Undecided,2026-11-02,431650,471800,"
    "https://council.example/1\n"
)
"""One application about 75 m north-east of HG4 1HS, whose text is hostile."""


@pytest.fixture(scope="session", autouse=True)
def _all_have_ended() -> Iterator[None]:
    yield
    for thread in ENDING:
        thread.join()


@pytest.fixture
def service(installation: Callable[..., Services]) -> Iterator[Service]:
    with running(installation(**SETTINGS)) as served:
        yield served


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service without a run, that is only looked at: no test may change anything in it."""
    folder = tmp_path_factory.mktemp("shown")
    with running(an_installation(folder, Clock(NOW), **SETTINGS)) as served:
        yield served


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service after a whole run, with an application and a published site; only looked at."""
    folder = tmp_path_factory.mktemp("watched")
    applied = folder / "applications.csv"
    applied.write_text(APPLICATION, encoding="utf-8")
    services = an_installation(folder, Clock(NOW), planning=[applied], **SETTINGS)
    pipeline.run(services, offline=True)
    with running(services) as served:
        yield served


@pytest.fixture(scope="session")
def every_page(tmp_path_factory: pytest.TempPathFactory, watched: Service) -> Mapping[str, str]:
    """The HTML of every page in every state, by its name."""
    folder = tmp_path_factory.mktemp("states")
    with running(an_installation(folder, Clock(NOW), **SETTINGS)) as fresh:
        return pages.everything(fresh, watched)
