from __future__ import annotations

import dataclasses
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sinkwatch.errors import ConfigError, DeliveryError
from sinkwatch.model import Message, MessageId
from sinkwatch.notify import addresses
from sinkwatch.notify.mail import FolderMailer, MemoryMailer
from tests.notify.messages import a_message

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = f"{addresses.local_part(a_message().message_id)}.eml"


@pytest.fixture
def message() -> Message:
    return a_message()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "mail"


@pytest.fixture
def no_umask() -> Iterator[None]:
    """Let every right through that the program does not withhold itself."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_message_is_written_whole_under_its_own_id(folder: Path, message: Message) -> None:
    FolderMailer(folder).send(message)
    assert [path.name for path in folder.iterdir()] == [NAME]
    assert (folder / NAME).read_bytes() == message.mime


@pytest.mark.usefixtures("no_umask")
def test_only_the_owner_may_read_mails(folder: Path, message: Message) -> None:
    FolderMailer(folder).send(message)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / NAME).stat().st_mode) == 0o600


def test_a_message_sent_again_replaces_itself(folder: Path, message: Message) -> None:
    mailer = FolderMailer(folder)
    mailer.send(message)
    mailer.send(message)
    assert [path.read_bytes() for path in folder.iterdir()] == [message.mime]


def test_another_message_gets_a_file_of_its_own(folder: Path, message: Message) -> None:
    mailer = FolderMailer(folder)
    other = dataclasses.replace(
        message, message_id=addresses.message_id("f" * 32, "alerts.example.org")
    )
    mailer.send(message)
    mailer.send(other)
    assert len(list(folder.iterdir())) == 2


CRASHES = """
import os, signal, sys
from pathlib import Path
from sinkwatch.notify.mail import FolderMailer
from tests.notify.messages import a_message

{crash} = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
FolderMailer(Path(sys.argv[1])).send(a_message(mime=Path(sys.argv[2]).read_bytes()))
"""


@pytest.mark.parametrize("crash", ["os.fsync", "Path.replace"])
def test_a_crash_before_the_rename_leaves_no_torn_mail_and_the_next_try_heals(
    folder: Path, message: Message, tmp_path: Path, crash: str
) -> None:
    mime = tmp_path / "mime"
    mime.write_bytes(message.mime)
    died = subprocess.run(
        [sys.executable, "-c", CRASHES.format(crash=crash), folder, mime],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert died.returncode == -signal.SIGKILL
    assert not list(folder.glob("*.eml"))
    FolderMailer(folder).send(message)
    assert [path.name for path in folder.iterdir()] == [NAME]
    assert (folder / NAME).read_bytes() == message.mime


def test_a_crash_while_replacing_leaves_the_earlier_file_as_it_was(
    folder: Path, message: Message, tmp_path: Path
) -> None:
    FolderMailer(folder).send(message)
    mime = tmp_path / "mime"
    mime.write_bytes(b"another")
    program = CRASHES.format(crash="os.fsync")
    died = subprocess.run(
        [sys.executable, "-c", program, folder, mime],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert died.returncode == -signal.SIGKILL
    assert (folder / NAME).read_bytes() == message.mime


def test_a_folder_that_cannot_be_made_is_a_fault_for_now_and_names_no_address(
    tmp_path: Path, message: Message
) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DeliveryError, match="cannot be written to") as caught:
        FolderMailer(tmp_path / "file" / "mail").send(message)
    assert not caught.value.permanent
    assert message.recipient not in str(caught.value)


def test_a_name_that_is_taken_by_a_folder_is_a_fault_for_now(
    folder: Path, message: Message
) -> None:
    (folder / NAME).mkdir(parents=True)
    with pytest.raises(DeliveryError, match="cannot be written to"):
        FolderMailer(folder).send(message)


def test_an_id_that_would_lead_out_of_the_folder_is_refused(folder: Path, message: Message) -> None:
    hostile = dataclasses.replace(message, message_id=MessageId("../../../../tmp/x@example.org"))
    with pytest.raises(ConfigError, match="Message-ID"):
        FolderMailer(folder).send(hostile)
    assert not folder.exists()


def test_the_memory_mailer_keeps_what_it_is_given_in_order(message: Message) -> None:
    mailer = MemoryMailer()
    mailer.send(message)
    mailer.send(message)
    assert mailer.sent == [message, message]


def test_the_memory_mailer_fails_as_often_as_it_is_told(message: Message) -> None:
    mailer = MemoryMailer()
    for_now = DeliveryError("message 1", "busy", "Wait", permanent=False)
    for_good = DeliveryError("message 1", "no such recipient", "Stop", permanent=True)
    mailer.fail_next(for_now, for_good)
    for expected in (for_now, for_good):
        with pytest.raises(DeliveryError) as caught:
            mailer.send(message)
        assert caught.value is expected
    mailer.send(message)
    assert mailer.sent == [message]


def test_what_keeps_nothing_open_may_be_closed_and_used_again(
    folder: Path, message: Message
) -> None:
    memory = MemoryMailer()
    for mailer in (memory, FolderMailer(folder)):
        mailer.close()
        mailer.send(message)
        mailer.close()
    assert memory.sent == [message]
    assert [path.name for path in folder.iterdir()] == [NAME]
