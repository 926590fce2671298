"""A real Postfix of our own, on loopback: takes mail by STARTTLS and lays it into a Maildir."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.peers.smtp import free_port
from tests.programs import do_without, program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.peers.certificates import Certificates

_PATIENCE_S: Final = 30.0
_STEP_S: Final = 0.02
_OWNER: Final = "nobody"  # of the mailboxes: Postfix never delivers as root
_QUEUES: Final = (
    *("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private"),
    *("saved", "trace"),
)
_HEADERS: Final = (b"Return-Path:", b"Delivered-To:", b"X-Original-To:", b"Received:")

# One listening service, and what it takes to lay a mail into a Maildir; nothing in a chroot.
_MASTER: Final = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Postfix:
    """The server while it runs; every address of its domain has one and the same mailbox."""

    port: int
    folder: Path

    def mails(self, n: int) -> list[bytes]:
        """Return the mails delivered, in order of arrival, as soon as there are so many."""
        end = time.monotonic() + _PATIENCE_S
        while len(found := self._delivered()) < n and time.monotonic() < end:
            time.sleep(_STEP_S)
        assert len(found) == n, f"{len(found)} of {n} mails; the log says:\n{self.log()}"
        return [path.read_bytes() for path in found]

    def log(self) -> str:
        """Return what Postfix has written down."""
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def _delivered(self) -> list[Path]:
        # Postfix's names begin with the time to the second, then the inode and microseconds.
        return sorted(
            (self.folder / "mail" / "all" / "new").glob("*"),
            key=lambda path: path.stat().st_mtime_ns,
        )


def as_sent(delivered: bytes) -> bytes:
    """Return a delivered mail as it was sent: less Postfix's own headers, lines ending in CRLF."""
    lines = delivered.split(b"\n")
    while lines[0].startswith((*_HEADERS, b"\t", b" ")):
        del lines[0]
    return b"\r\n".join(lines)


@contextlib.contextmanager
def running(certificates: Certificates, **settings: str) -> Iterator[Postfix]:
    """
    Run one that takes mail for example.org; more settings as in its main.cf.

    Postfix starts as root and no other way: without it the test is skipped, or fails.
    """
    program = _program()
    # Short, since a socket's path has room for 107 bytes; and open to Postfix's own users.
    folder = Path(tempfile.mkdtemp(prefix="pf-"))
    folder.chmod(0o755)
    port = free_port()
    try:
        _configure(folder, port, {**_main(folder, certificates), **settings})
        # Not by `postfix start`, whose shell scripts take seconds to look over what we have made.
        command = [program, "-c", str(folder / "etc"), "-s"]
        with (
            (folder / "out").open("wb") as out,
            # Its death is that of its whole group: that must not be ours.
            subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True) as master,
        ):
            try:
                _await_greeting(folder, port, master)
                yield Postfix(port=port, folder=folder)
            finally:
                master.terminate()
    finally:
        _remove(folder)


def _program() -> str:
    postconf = program("postconf", "postfix")
    if os.geteuid() != 0:
        do_without("Postfix starts as root only")
    asked = [postconf, "-d", "-h", "daemon_directory"]
    folder = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    return f"{folder}/master"


def _main(folder: Path, certificates: Certificates) -> Mapping[str, str]:
    owner = pwd.getpwnam(_OWNER)
    return {
        "compatibility_level": "3.6",
        "queue_directory": f"{folder}/queue",
        "data_directory": f"{folder}/data",
        "maillog_file": f"{folder}/log",
        "maillog_file_prefixes": str(folder),
        "myhostname": "mx.example.org",
        "mydestination": "",
        "mynetworks": "127.0.0.0/8",
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "default_transport": "error:nothing leaves this machine",
        "alias_maps": "",
        "alias_database": "",
        "local_recipient_maps": "",
        "virtual_transport": "virtual",
        "virtual_mailbox_domains": "example.org",
        "virtual_mailbox_base": f"{folder}/mail",
        "virtual_mailbox_maps": "static:all/",
        "virtual_uid_maps": f"static:{owner.pw_uid}",
        "virtual_gid_maps": f"static:{owner.pw_gid}",
        "smtpd_relay_restrictions": "reject_unauth_destination",
        "smtpd_tls_security_level": "encrypt",
        "smtpd_tls_cert_file": str(certificates.good.certificate),
        "smtpd_tls_key_file": str(certificates.good.key),
        "smtpd_peername_lookup": "no",  # no name server is asked
        "disable_dns_lookups": "yes",
        "in_flow_delay": "0s",
        "biff": "no",
    }


def _configure(folder: Path, port: int, main: Mapping[str, str]) -> None:
    for name in ("etc", "queue", "data", "mail"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix")
    shutil.chown(folder / "mail", _OWNER)
    (folder / "queue" / "pid").mkdir()
    for name in _QUEUES:
        (folder / "queue" / name).mkdir(mode=0o700)
        shutil.chown(folder / "queue" / name, "postfix")
    for name, mode in (("maildrop", 0o730), ("public", 0o710)):
        (folder / "queue" / name).mkdir()
        shutil.chown(folder / "queue" / name, "postfix", "postdrop")
        (folder / "queue" / name).chmod(mode)
    lines = "".join(f"{name} = {value}\n" for name, value in main.items())
    (folder / "etc" / "main.cf").write_text(lines)
    (folder / "etc" / "master.cf").write_text(_MASTER.format(port=port).lstrip())


def _await_greeting(folder: Path, port: int, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end and server.poll() is None:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S) as connection,
        ):
            if connection.recv(4).startswith(b"220"):
                connection.sendall(b"QUIT\r\n")
                return
        time.sleep(_STEP_S)
    log = folder / "log"
    said = (folder / "out").read_text() + (log.read_text() if log.exists() else "")
    pytest.fail(f"Postfix does not start: {said}")


def _remove(folder: Path) -> None:
    """Remove everything; the master does not wait for the last of its group to die."""
    end = time.monotonic() + _PATIENCE_S
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=time.monotonic() < end)
