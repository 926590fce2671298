from __future__ import annotations

import contextlib
import io
import logging
import mailbox
import os
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from sinkwatch.errors import ConfigError, StoreError
from sinkwatch.notify import mailboxes
from sinkwatch.notify.mailboxes import MOST_BYTES

if TYPE_CHECKING:
    from pathlib import Path

FROM = b"From MAILER-DAEMON Sun Nov 22 09:31:04 2026\n"
ONE = b"To: a@b.example\n\nOne.\n"
LONG = b"x" * 64 * 1024
TWO = b"To: c@d.example\n\nTwo.\n"


def an_mbox(folder: Path, content: bytes) -> Path:
    path = folder / "mbox"
    path.write_bytes(content)
    return path


def a_maildir(folder: Path, **messages: bytes) -> Path:
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir()
    for name, content in messages.items():
        inside, _, rest = name.partition("_")
        (folder / inside / rest).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        (FROM + ONE + b"\n" + FROM + TWO, [ONE + b"\n", TWO]),
        (FROM + ONE + b"\n" + FROM + b"\n" + FROM + TWO, [ONE + b"\n", b"\n", TWO]),
        (FROM, [b""]),
        # What looks like a beginning and is not one.
        (FROM + ONE + FROM + b"x\n", [ONE + FROM + b"x\n"]),
        (FROM + ONE + b"\nFrom here on\n", [ONE + b"\nFrom here on\n"]),
        (FROM + ONE + b"\n>From A at 10:00\n", [ONE + b"\nFrom A at 10:00\n"]),
        (FROM + ONE + b"\n>>From A at 10:00\n", [ONE + b"\n>From A at 10:00\n"]),
        # Lines longer than are read at once: what follows in one is no line of its own.
        (FROM + LONG + b"\n" + FROM, [LONG + b"\n" + FROM]),
        (FROM + LONG + b">From A at 10:00\n", [LONG + b">From A at 10:00\n"]),
        # Line ends and the end itself.
        (
            (FROM + ONE + b"\n" + FROM + TWO).replace(b"\n", b"\r\n"),
            [(ONE + b"\n").replace(b"\n", b"\r\n"), TWO.replace(b"\n", b"\r\n")],
        ),
        (FROM + ONE[:-1], [ONE[:-1]]),
    ],
)
def test_an_mbox_is_divided_where_a_message_begins(
    tmp_path: Path, content: bytes, messages: list[bytes]
) -> None:
    assert list(mailboxes.messages_in(an_mbox(tmp_path, content))) == messages


def test_an_mbox_of_the_standard_library_reads_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "mbox"
    with contextlib.closing(mailbox.mbox(path)) as box:
        for number in range(3):
            box.add(b"To: a@b.example\n\nFrom the relay\n%d\n" % number)
    messages = list(mailboxes.messages_in(path))
    assert [content.strip()[-1:] for content in messages] == [b"0", b"1", b"2"]
    assert all(b"\nFrom the relay\n" in content for content in messages)


def test_one_message_in_a_file_is_one_message(tmp_path: Path) -> None:
    assert list(mailboxes.messages_in(an_mbox(tmp_path, ONE + b"\n" + FROM))) == [
        ONE + b"\n" + FROM
    ]
    assert list(mailboxes.messages_in(an_mbox(tmp_path, b""))) == []


def test_a_maildir_gives_its_messages_and_nothing_half_delivered(tmp_path: Path) -> None:
    folder = a_maildir(tmp_path, new_2=TWO, cur_1=ONE, tmp_3=b"half")
    (folder / "new" / ".hidden").write_bytes(b"x")
    (folder / "cur" / "folder").mkdir()
    (folder / "cur" / "gone").symlink_to(folder / "nowhere")
    assert list(mailboxes.messages_in(folder)) == [ONE, TWO]


def test_one_message_of_a_maildir_that_cannot_be_read_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = a_maildir(tmp_path, new_1=ONE, new_2=TWO)
    messages = mailboxes.messages_in(folder)
    with caplog.at_level(logging.WARNING):
        assert next(messages) == ONE
        # Root reads whatever its mode: take its place on the disk away instead.
        (folder / "new" / "2").unlink()
        monkeypatch.setattr(type(folder), "is_file", lambda _: True)
        assert list(messages) == []
    assert "message 2: cannot be read" in caplog.text


@pytest.mark.parametrize("kind", ["mbox", "maildir", "single", "stream"])
def test_a_large_message_is_cut_and_said_to_be(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    large = b"To: a@b.example\n\n" + b"x" * 3 * MOST_BYTES + b"\n"
    with caplog.at_level(logging.INFO):
        if kind == "stream":
            stream = io.BytesIO(large)
            messages = [mailboxes.message_in(stream)]
            assert stream.read() == b""  # else the relay would take the pipe for broken
        elif kind == "maildir":
            messages = list(mailboxes.messages_in(a_maildir(tmp_path, new_1=large)))
        else:
            head = FROM if kind == "mbox" else b""
            messages = list(mailboxes.messages_in(an_mbox(tmp_path, head + large)))
    assert messages == [large[: MOST_BYTES + 1]]
    assert "only its first part is read" in caplog.text


def test_what_follows_a_large_message_is_read_whole(tmp_path: Path) -> None:
    large = ONE + b"x" * 2 * MOST_BYTES + b"\n\n"
    path = an_mbox(tmp_path, FROM + large + FROM + TWO)
    assert list(mailboxes.messages_in(path)) == [large[: MOST_BYTES + 1], TWO]


def test_a_mailbox_is_never_held_whole(tmp_path: Path) -> None:
    path = an_mbox(tmp_path, (FROM + ONE + b"x" * 500_000 + b"\n\n") * 20)
    tracemalloc.start()
    assert sum(1 for _ in mailboxes.messages_in(path)) == 20
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most_bytes < 4 * MOST_BYTES


def test_what_is_no_mailbox_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "none", tmp_path / "pipe"):
        with pytest.raises(ConfigError, match="neither a file nor a Maildir"):
            list(mailboxes.messages_in(path))
    (tmp_path / "new").mkdir()
    with pytest.raises(ConfigError, match="without new and cur"):
        list(mailboxes.messages_in(tmp_path))


def test_a_file_that_cannot_be_read_is_a_failure_and_not_an_empty_mailbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(tmp_path), "is_file", lambda _: True)
    with pytest.raises(StoreError, match="cannot be read"):
        list(mailboxes.messages_in(tmp_path / "gone"))
