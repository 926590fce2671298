"""The effects that several processes share: lock, secret, state folder."""

from __future__ import annotations

import contextlib
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sinkwatch.errors import BusyError, ConfigError, StoreError
from sinkwatch.services import SECRET_BYTES, Services, open_services

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What another process does with an installation in the folder named by its first argument.
PROCESS = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from sinkwatch import config
from sinkwatch.services import Services

services = Services(
    settings=config.Settings(state_folder=Path(sys.argv[1])),
    area=None,
    clock=lambda: datetime(2026, 11, 22, tzinfo=UTC),
)
def say(text):
    print(text, flush=True)
    sys.stdin.readline()
"""
HOLDS_THE_LOCK = "with services.lock():\n    say('held')\nsay('let go')\n"
MAKES_A_SECRET = "say('ready')\nprint(services.secret().hex())\n"  # noqa: S105 - a program


@pytest.fixture
def start(services: Services) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start another process with the same state folder; it waits for a line where it speaks."""
    started: list[subprocess.Popen[str]] = []

    def run(body: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PROCESS + body, str(services.settings.state_folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def answer(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="needs /proc to see which files are open"
)


def open_files(folder: Path) -> list[str]:
    """Return the files under a folder that this process has open."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one by which this folder is listed
            found.append(str(descriptor.readlink()))
    return [path for path in found if path.startswith(f"{folder}/")]


def use_lock(services: Services) -> None:
    with services.lock():
        pass


def use_store(services: Services) -> None:
    with services.store():
        pass


USES = (use_lock, use_store, Services.secret)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# ── The lock ─────────────────────────────────────────────────────────────────────────────────


def test_only_one_process_holds_the_lock_and_the_other_is_told(
    services: Services, start: Callable[[str], subprocess.Popen[str]]
) -> None:
    other = start(HOLDS_THE_LOCK)
    assert said(other) == "held"
    with pytest.raises(BusyError) as busy, services.lock():
        pass
    assert busy.value.value == f"lock {services.settings.state_folder / 'lock'}"
    assert busy.value.rule == "another run is at work in this state folder"
    answer(other)
    assert said(other) == "let go"
    with services.lock():
        pass


def test_the_kernel_lets_go_of_the_lock_of_a_process_that_was_killed(
    services: Services, start: Callable[[str], subprocess.Popen[str]]
) -> None:
    other = start(HOLDS_THE_LOCK)
    assert said(other) == "held"
    other.send_signal(signal.SIGKILL)
    other.wait()
    with services.lock():
        assert (services.settings.state_folder / "lock").is_file()


def test_the_lock_excludes_a_second_run_of_the_same_process(services: Services) -> None:
    with services.lock(), pytest.raises(BusyError), services.lock():
        pass


def test_the_lock_is_let_go_when_the_run_fails(services: Services) -> None:
    with pytest.raises(ZeroDivisionError), services.lock():
        raise ZeroDivisionError
    with services.lock():
        assert mode(services.settings.state_folder / "lock") == 0o600


@needs_proc
def test_a_refused_lock_leaves_no_file_open(services: Services) -> None:
    folder = services.settings.state_folder
    with services.lock():
        for _ in range(3):
            with pytest.raises(BusyError), services.lock():
                pass
        assert open_files(folder) == [str(folder / "lock")]
    assert open_files(folder) == []


def test_a_lock_that_cannot_be_written_is_an_error_that_names_it(services: Services) -> None:
    path = services.settings.state_folder / "lock"
    path.mkdir(parents=True)
    with pytest.raises(StoreError, match=r"lock: cannot be written \(Is a directory\)"):
        use_lock(services)


# ── The secret ───────────────────────────────────────────────────────────────────────────────


def test_the_secret_is_made_once_and_for_its_owner_only(services: Services) -> None:
    secret = services.secret()
    path = services.settings.state_folder / "secret"
    assert len(secret) == SECRET_BYTES == 32
    assert path.read_bytes() == secret == services.secret()
    assert mode(path) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_another_installation_has_another_secret(
    services: Services, installation: Callable[..., Services], tmp_path: Path
) -> None:
    assert services.secret() != installation(state_folder=tmp_path / "other").secret()


def test_processes_that_make_the_secret_at_once_all_get_the_same(
    services: Services, start: Callable[[str], subprocess.Popen[str]]
) -> None:
    others = [start(MAKES_A_SECRET) for _ in range(3)]
    assert [said(other) for other in others] == ["ready"] * 3
    for other in others:
        answer(other)
    assert {said(other) for other in others} == {services.secret().hex()}
    assert [path.name for path in services.settings.state_folder.iterdir()] == ["secret"]


def test_a_secret_that_was_there_a_moment_later_is_not_written_over(services: Services) -> None:
    # A link that leads nowhere reads as "not there", and yet its name is taken.
    path = services.settings.state_folder / "secret"
    path.parent.mkdir()
    path.symlink_to("elsewhere")
    with pytest.raises(StoreError, match="secret: cannot be kept"):
        services.secret()
    assert [found.name for found in path.parent.iterdir()] == ["secret"]


@pytest.mark.parametrize("content", [b"", b"half"])
def test_a_damaged_secret_is_refused_and_never_made_anew(
    services: Services, content: bytes
) -> None:
    path = services.settings.state_folder / "secret"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreError, match=f"secret: holds {len(content)} bytes, not the 32"):
        services.secret()
    assert path.read_bytes() == content


# ── The state folder and the store ───────────────────────────────────────────────────────────


@pytest.mark.parametrize("use", USES)
def test_the_state_folder_is_made_on_first_use_for_its_owner_only(
    installation: Callable[..., Services], tmp_path: Path, use: Callable[[Services], object]
) -> None:
    services = installation(state_folder=tmp_path / "deep" / "var")
    assert not services.has_store()
    assert not services.settings.state_folder.exists()
    use(services)
    assert mode(services.settings.state_folder) == 0o700


@pytest.mark.parametrize("folder", ["file", "file/var"])
def test_a_state_folder_that_cannot_be_made_is_an_error_with_the_way_out(
    installation: Callable[..., Services], tmp_path: Path, folder: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    services = installation(state_folder=tmp_path / folder)
    for use in USES:
        with pytest.raises(StoreError) as refused:
            use(services)
        assert refused.value.value == str(tmp_path / folder)
        assert refused.value.rule.startswith("the state folder cannot be made (")
        assert refused.value.way_out == "Set state_folder to one that you may write to"


def test_asking_whether_there_is_a_database_makes_none(services: Services) -> None:
    assert not services.has_store()
    with services.store() as store:
        assert store.describe()["database"].endswith("sinkwatch.db")
    assert services.has_store()
    assert services.database_file().is_file()
    assert services.snapshots() == services.settings.state_folder / "snapshots"


def test_a_database_elsewhere_is_taken_for_there(installation: Callable[..., Services]) -> None:
    assert installation(database_url="postgresql+psycopg://db/sinkwatch").has_store()


@needs_proc
def test_the_store_is_closed_when_its_block_fails(services: Services) -> None:
    def fail() -> None:
        with services.store() as store, store.begin():
            assert open_files(services.settings.state_folder)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert open_files(services.settings.state_folder) == []


# ── Opening ──────────────────────────────────────────────────────────────────────────────────


def test_services_are_opened_from_a_settings_file_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text('planning_files = ["of-settings.csv"]\n')
    services = open_services(Path("mine.toml"))
    assert services.area.area_id == "ripon"
    assert services.area.sources[-1].path == tmp_path / "of-settings.csv"
    named = open_services(Path("mine.toml"), [Path("named.csv")])
    assert named.area.sources[-1].path == tmp_path / "named.csv"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


def test_the_clock_gives_the_present_time_in_utc() -> None:
    services = open_services()
    before = datetime.now(UTC)  # noqa: TID251 - the clock itself is what is looked at
    assert before <= services.clock() <= datetime.now(UTC)  # noqa: TID251 - as above
    assert services.clock().tzinfo is UTC


def test_an_area_that_is_unknown_is_told_before_anything_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SINKWATCH_AREA", "atlantis")
    with pytest.raises(ConfigError, match="area atlantis: is not there"):
        open_services()
    assert list(tmp_path.iterdir()) == []
