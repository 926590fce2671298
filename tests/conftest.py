"""What every test may use: Ripon as it ships, and an installation in an empty folder."""

from __future__ import annotations

import copy
import functools
import gc
import logging
import os
import shutil
import sqlite3
import tempfile
import tomllib
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from sqlalchemy.util import LRUCache

from sinkwatch import config, signup, sources, survey
from sinkwatch.model import DEFAULT_TOPICS, Frequency, Subscriber, Topic
from sinkwatch.services import Services
from sinkwatch.store import Store, sqlite
from tests.programs import program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Playwright
    from sqlalchemy import Engine

    from sinkwatch.model import Area, Findings, Inputs

# Nothing here is timed: a slow machine must not fail a law that holds.
settings.register_profile("sinkwatch", deadline=None)
settings.load_profile("sinkwatch")

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - each session makes a folder of its own there
ENOUGH_BYTES = 4 * 2**30

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


CORE = frozenset(
    f"test_{name}.py"
    for name in (
        "alerts",
        "assess",
        "context",
        "dossier",
        "events",
        "explain",
        "gazetteer",
        "geo",
        "geocode",
        "grid",
        "hazard",
        "history",
        "lint",
        "model",
        "public",
        "reach",
        "schemas",
        "sites",
        "style",
        "survey",
        "timetable",
        "wording",
    )
)


def pytest_configure() -> None:
    """Write where nothing waits for a disk, if there is room: whoever says where is obeyed."""
    if os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ENOUGH_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the pure core by the file that they stand in."""
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here and item.path.name in CORE:
            item.add_marker(pytest.mark.core)


def pytest_collection_finish() -> None:
    """Let the collector of garbage pass by all that is loaded for good: it takes a tenth of all."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _tables_are_made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let each new database be a copy of one that has its tables, but in the tests of the store."""
    make_empty = sqlite._make_empty  # noqa: SLF001 - the one step to which all that is new comes

    @functools.cache
    def made() -> Path:
        path = tmp_path_factory.mktemp("tables") / "sinkwatch.db"
        make_empty(path)
        Store.open(f"sqlite:///{path}", now=NOW).close()
        return path

    def make(path: Path) -> None:
        if os.environ.get("PYTEST_CURRENT_TEST", "").startswith("tests/store/"):
            make_empty(path)
            return
        handle, unnamed = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        os.close(handle)
        try:
            shutil.copyfile(made(), unnamed)
            with suppress(FileExistsError):
                os.link(unnamed, path)
        finally:
            Path(unnamed).unlink()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite, "_make_empty", make)
        yield


@pytest.fixture(scope="session", autouse=True)
def _templates_are_compiled_once() -> Iterator[None]:
    """Let branca, which compiles each text that folium writes, keep what it has compiled."""
    from branca import element  # noqa: PLC0415 - by the time that a test runs, not for a list of them

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(element, "Template", functools.lru_cache(512)(element.Template))
        yield


class _Compiled(LRUCache[Any, Any]):
    """What SQLAlchemy has compiled, for every database of one kind and not for one alone."""

    def get(self, key: Any, default: Any = None) -> Any:  # noqa: ANN401 - as the cache it stands in for
        return super().get((type(key[0]), *key[1:]), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:  # noqa: ANN401 - as above
        super().__setitem__((type(key[0]), *key[1:]), compiled)


@pytest.fixture(scope="session", autouse=True)
def _statements_are_compiled_once() -> Iterator[None]:
    """Let each database that a test opens take the statements that others have compiled."""
    create, compiled = sqlite.create_engine, _Compiled(1000)

    def created(*given: Any, **named: Any) -> Engine:  # noqa: ANN401 - as the original
        engine = create(*given, **named)
        engine._compiled_cache = compiled  # noqa: SLF001 - it has no other way in
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite, "create_engine", created)
        yield


@pytest.fixture(scope="session", autouse=True)
def _settings_are_parsed_once() -> Iterator[None]:
    """Let the files of an area, which every installation reads, be parsed once; each has a copy."""
    parse = functools.lru_cache(64)(tomllib.loads)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tomllib, "loads", lambda text: copy.deepcopy(parse(text)))
        yield


@pytest.fixture(autouse=True)
def _log_is_put_back() -> Iterator[None]:
    """Take back what a command of this process heeds, and its handlers on this test's streams."""
    yield
    logger = logging.getLogger("sinkwatch")
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is a browser

    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def launched(request: pytest.FixtureRequest) -> Callable[..., Browser]:
    """Start a browser, quiet and with those options; whoever starts it closes it."""

    def launch(*options: str) -> Browser:
        path = program("chromium", "chromium")
        driver: Playwright = request.getfixturevalue("playwright")
        return driver.chromium.launch(executable_path=path, args=[*QUIET, *options])

    return launch


@pytest.fixture(scope="session")
def _browser(launched: Callable[..., Browser]) -> Iterator[Browser]:
    browser = launched()
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def chromium(_browser: Browser) -> Iterator[Browser]:
    """The one browser of all tests, without what the module before has left open."""
    yield _browser
    for context in _browser.contexts:
        context.close()


@pytest.fixture
def blank_site(request: pytest.FixtureRequest) -> Iterator[None]:
    """For tests that open nothing of what a run publishes, unless one asks for `front_page`."""
    from tests import one_page  # noqa: PLC0415 - folium is only loaded where a run is

    if "front_page" in request.fixturenames:
        yield
        return
    with one_page.blank():
        yield


@pytest.fixture
def plain_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a test that looks at no map of a mail."""
    from tests import mailing  # noqa: PLC0415 - drawing is only loaded where mails are

    mailing.plain_maps(monkeypatch)


@pytest.fixture
def front_page() -> Iterator[None]:
    """For a test that opens the front page alone."""
    from tests import one_page  # noqa: PLC0415 - as above

    with one_page.front():
        yield


class Clock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **step: float) -> None:
        """Go on by a timedelta's arguments."""
        self.now += timedelta(**step)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture(scope="session")
def ripon() -> Area:
    return config.load_area("ripon")


@pytest.fixture(scope="session")
def ripon_inputs(ripon: Area) -> Inputs:
    return sources.recall(ripon, None, lambda _: None, now=NOW)


@pytest.fixture(scope="session")
def ripon_findings(ripon: Area, ripon_inputs: Inputs) -> Findings:
    return survey.findings(ripon, ripon_inputs)


def an_installation(folder: Path, clock: Clock, **changed: object) -> Services:
    """Return the services of an installation whose folders all lie in that one."""
    planning = [Path(str(path)) for path in changed.pop("planning", ())]  # type: ignore[attr-defined]
    folders = {"state_folder": folder / "var", "maps_folder": folder / "maps"}
    # Packs and pictures take longest.
    values = {**folders, "evidence_packs": False, "pictures": False, **changed}
    made = config.Settings.model_validate(values)
    return Services(
        settings=made,
        area=config.area_of(made, planning),
        clock=clock,
        wait=lambda seconds: clock.move(seconds=seconds),
    )


def move_in(there: Path, folder: Path) -> None:
    """Copy an installation as it stands, which is quicker than to run it anew."""
    shutil.copytree(there, folder, symlinks=True, dirs_exist_ok=True)
    with closing(sqlite3.connect(folder / "var" / "sinkwatch.db")) as connection, connection:
        moved = (f"{there}/", f"{folder}/")
        connection.execute("UPDATE snapshots SET path = replace(path, ?, ?)", moved)


def subscribe(  # noqa: PLR0913 - each by its name
    services: Services,
    who: str = "resident@example.org",
    at: str = "HG4 1HS",
    *,
    radius_m: float = 500.0,
    topics: frozenset[Topic] = DEFAULT_TOPICS,
    frequency: Frequency = Frequency.AT_ONCE,
) -> Subscriber:
    """Add a person who asked on paper, as an operator does."""
    wish = signup.Wish(postcode=at, radius_m=radius_m, topics=topics)
    with services.store() as store:
        return signup.add(services, store, who, wish, frequency=frequency, consent="on paper")


def subscribers(services: Services) -> tuple[Subscriber, ...]:
    """Return who is subscribed."""
    with services.store() as store:
        return signup.listing(store)


@pytest.fixture
def installation(tmp_path: Path, clock: Clock) -> Callable[..., Services]:
    """Make the services of an installation whose folders all lie in this test's own."""
    return functools.partial(an_installation, tmp_path, clock)


@pytest.fixture
def services(installation: Callable[..., Services]) -> Services:
    return installation()
