"""Web servers of other people, run on loopback with the very configuration that we print."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Final

import pytest

from sinkwatch.publish import hosting
from tests.peers.smtp import free_port
from tests.programs import program, where

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.peers.certificates import Pair

_PATIENCE_S: Final = 30.0
_STEP_S: Final = 0.01

# What stands round the printed file on a real machine; Debian's own says `gzip on` for all.
_NGINX: Final = """
daemon off;
pid {folder}/pid;
error_log {folder}/log;
{user}
events {{}}
http {{
    access_log off;
    gzip on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/sinkwatch.conf;
}}
"""

_CADDY: Final = """
{{
    admin off
    skip_install_trust
    auto_https disable_redirects
    storage file_system {folder}/storage
    log {{
        level ERROR
    }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, printed: str, pair: Pair, *, service: int) -> Iterator[int]:
    """Run nginx; gives the port at which it answers plain HTTP."""
    needed = program("nginx", "nginx-light")
    plain = free_port()
    text = re.sub(r"\n    listen \[::\]:[^\n]+", "", printed)  # some machines have no IPv6
    text = _replaced(text, "listen 80;", f"listen 127.0.0.1:{plain};")
    text = _replaced(text, "/etc/letsencrypt/live/localhost/fullchain.pem", str(pair.certificate))
    text = _replaced(text, "/etc/letsencrypt/live/localhost/privkey.pem", str(pair.key))
    text = _replaced(text, "127.0.0.1:8025", f"127.0.0.1:{service}")
    (folder / "sinkwatch.conf").write_text(text)
    # Started by root it would read as somebody else, whom a test's own folder is closed to.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, user=user))
    with _running(folder, plain, needed, "-e", folder / "log", "-c", folder / "nginx.conf"):
        yield plain


@contextlib.contextmanager
def caddy(folder: Path, printed: str, pair: Pair, *, service: int) -> Iterator[None]:
    """Run Caddy."""
    found_at = where("caddy")
    if found_at is None:
        pytest.skip("caddy is not installed (Debian: caddy; not every system has it)")
    found = re.search(r"^https://localhost:(\d+) \{$", printed, re.MULTILINE)
    assert found is not None
    tls = f"{found[0]}\n\ttls {pair.certificate} {pair.key}"
    text = _replaced(_replaced(printed, found[0], tls), "127.0.0.1:8025", f"127.0.0.1:{service}")
    (folder / "Caddyfile").write_text(_CADDY.format(folder=folder) + text)
    asked = ("run", "--adapter", "caddyfile", "--config", folder / "Caddyfile")
    with _running(folder, int(found[1]), found_at, *asked):
        yield


@contextlib.contextmanager
def _running(folder: Path, port: int, *command: str | Path) -> Iterator[None]:
    environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with (
        (folder / "out").open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=out, env=environment) as server,
    ):
        try:
            _await(folder, port, server)
            yield
        finally:
            server.terminate()


def _await(folder: Path, port: int, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end and server.poll() is None:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S),
        ):
            return
        time.sleep(_STEP_S)
    said = [path.read_text() for path in (folder / "out", folder / "log") if path.exists()]
    pytest.fail(f"{server.args!r} does not start: {said}")


def _replaced(text: str, old: str, new: str) -> str:
    assert old in text, old
    return text.replace(old, new)


STARTED: Final = {hosting.Host.NGINX: nginx, hosting.Host.CADDY: caddy}
"""What runs each kind of host."""
