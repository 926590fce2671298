"""The process: TLS, a clean end by a signal, and a post that nothing keeps from its next round."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from sinkwatch import mailroom
from sinkwatch.errors import ConfigError, StoreError
from sinkwatch.web import post, server
from tests.peers import certificates
from tests.web.conftest import SETTINGS
from tests.web.service import HOST, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sinkwatch.services import Services
    from sinkwatch.store import Store
    from sinkwatch.web.desk import Desk

PATIENCE_S = 30


def until(met: Callable[[], object]) -> None:
    for _ in range(PATIENCE_S * 50):
        if met():
            return
        time.sleep(0.02)
    pytest.fail(f"not met within {PATIENCE_S} s")


def test_half_of_what_tls_needs_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.pem"
    file.touch()
    with pytest.raises(ConfigError, match="needs both --certificate and --key"):
        server.Place(host="127.0.0.1", port=0, certificate=file)
    with pytest.raises(ConfigError, match="is not there"):
        server.Place(host="127.0.0.1", port=0, certificate=file, key=tmp_path / "none.pem")


# ── The post ─────────────────────────────────────────────────────────────────────────────────


def test_the_post_goes_on_whatever_a_round_meets_and_ends_with_the_service(
    installation: Callable[..., Services],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rounds: list[str] = []

    def work(_: Services, __: Store, *, surveyed: object) -> int:
        assert callable(surveyed)
        rounds.append(threading.current_thread().name)
        if len(rounds) == 1:
            raise StoreError("the database", "is busy", "Wait")
        if len(rounds) == 2:
            message = "ann@example.org"
            raise KeyError(message)
        return 0

    monkeypatch.setattr(mailroom, "work", work)
    with running(installation(**SETTINGS), beside=lambda desk: post.Post(desk, every_s=0.01)):
        until(lambda: len(rounds) > 3)
    until(lambda: not any(thread.name == "post" for thread in threading.enumerate()))
    assert set(rounds) == {"post"}
    assert "the database: is busy. Wait." in caplog.text
    assert "KeyError, a fault in sinkwatch" in caplog.text
    assert "ann@" not in caplog.text


def test_the_post_sends_what_a_form_has_asked_for(installation: Callable[..., Services]) -> None:
    def beside(desk: Desk) -> post.Post:
        return post.Post(desk, every_s=0.05)

    with running(installation(**SETTINGS), beside=beside) as service:
        service.subscribe("ann@example.org")
        folder = service.services.settings.mails()
        until(lambda: list(folder.glob("*.eml")))


# ── The process ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_serve_answers_over_tls_and_ends_cleanly_by_sigterm(tmp_path: Path, port: int) -> None:
    made = certificates.made_in(tmp_path)
    pair = ["--certificate", str(made.good.certificate), "--key", str(made.good.key)]
    words = ["serve", "--port", str(port), *pair]
    process = subprocess.Popen(
        [sys.executable, "-m", "sinkwatch", *words], cwd=tmp_path, stderr=subprocess.PIPE
    )
    try:
        trusting = ssl.create_default_context(cafile=str(made.authority))
        with httpx.Client(verify=trusting, base_url=f"https://localhost:{port}") as client:
            until(lambda: _status(client) == 200)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=PATIENCE_S)[1].decode()
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert f"serve: listening on 127.0.0.1 port {port}" in said
    assert "GET /why 200" in said
    assert said.rstrip().endswith("serve: stopped")
    assert "Traceback" not in said


def _status(client: httpx.Client) -> int:
    try:
        return client.get("/why", headers={"Host": HOST}).status_code
    except httpx.TransportError:
        return 0
