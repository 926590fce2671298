"""What every request passes: names, methods, sizes and patience; the headers; and the log."""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from sinkwatch.errors import DataError, StoreError
from sinkwatch.store import Store
from sinkwatch.web import gate, headers, server
from tests.web.service import HOST, a_form

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.web.service import Service

STRICT = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def assert_strict(
    answer: httpx.Response, *, referrer: str = "strict-origin-when-cross-origin"
) -> None:
    expected = STRICT | {"Referrer-Policy": referrer}
    assert {name: answer.headers.get_list(name) for name in STRICT} == {
        name: [value] for name, value in expected.items()
    }
    assert "set-cookie" not in answer.headers
    assert "server" not in answer.headers


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/subscribe", 200),
        ("/why", 200),
        ("/privacy", 200),
        ("/m/link", 200),
        ("/openapi.json", 200),
        ("/metrics", 200),
        ("/health", 503),
        ("/", 503),
        ("/static-0/none.css", 404),
        ("/subscribe/map.png", 422),
    ],
)
def test_every_answer_bears_the_headers(shown: Service, path: str, status: int) -> None:
    answer = shown.get(path)
    assert answer.status_code == status
    assert_strict(
        answer, referrer="no-referrer" if path == "/m/link" else STRICT["Referrer-Policy"]
    )
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/confirm/x", "/u/x", "/m/x", "/m/x/erase", "/m/x/nowhere"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
def test_an_address_with_a_token_is_told_to_nobody(shown: Service, path: str, method: str) -> None:
    with shown.client() as client:
        answer = client.request(method, path)
    assert_strict(answer, referrer="no-referrer")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["TRACE", "PUT", "PATCH", "DELETE", "OPTIONS", "MADE-UP"])
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/subscribe", "GET, HEAD, POST"),
        ("/subscribe/resend", "POST"),
        ("/u/x", "GET, HEAD, POST"),
        ("/nowhere", "GET, HEAD"),
    ],
)
def test_other_methods_are_refused_with_those_that_are_not(
    shown: Service, method: str, path: str, allowed: str
) -> None:
    with shown.client() as client:
        answer = client.request(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert_strict(answer, referrer="no-referrer" if path == "/u/x" else STRICT["Referrer-Policy"])


def test_a_head_is_a_get_without_its_body(shown: Service) -> None:
    with shown.client() as client:
        for path in ("/subscribe", "/u/x", "/m/x", "/confirm/x", "/"):
            got, head = client.get(path), client.head(path)
            assert (head.status_code, head.content) == (got.status_code, b"")
            if path != "/subscribe":  # whose stamp is of another second, if as long
                assert head.headers["content-length"] == str(len(got.content))


@pytest.mark.parametrize(
    "host",
    [
        "sinkwatch.example",
        "SINKWATCH.example",
        "sinkwatch.example:443",
        "sinkwatch.example.",
        "127.0.0.1:8025",
    ],
)
def test_a_name_of_ours_is_answered(shown: Service, host: str) -> None:
    assert shown.get("/why", Host=host).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "sinkwatch.example.evil.example",
        "sinkwatch.example@evil.example",
        "sinkwatch.example:443:1",
        "[::1]",
        "[::1]:8025",
        "sinkwatch.example/x",
        "",
    ],
)
def test_another_name_is_refused_and_stands_in_no_answer(shown: Service, host: str) -> None:
    answer = shown.get("/subscribe", Host=host)
    assert answer.status_code == 400
    assert "evil" not in answer.text
    assert_strict(answer)


# ── Bodies ───────────────────────────────────────────────────────────────────────────────────


def test_a_form_of_eight_kibibytes_is_read_and_one_byte_more_is_not(shown: Service) -> None:
    filled = "postcode=" + "x" * (gate.MOST_BODY_BYTES - len("postcode="))
    for body, status in ((filled, 422), (filled + "x", 413)):
        with shown.client(**{"Content-Type": "application/x-www-form-urlencoded"}) as client:
            answer = client.post("/subscribe", content=body)
        assert answer.status_code == status
        assert_strict(answer)


def test_a_body_of_unknown_length_is_cut_off_as_soon_as_it_is_too_much(shown: Service) -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        while True:
            sent.append(1024)
            yield b"x" * 1024

    with shown.client() as client, contextlib.suppress(httpx.TransportError):
        # Either the answer comes first, or the end of the connection that is still written to.
        assert client.post("/subscribe", content=endless()).status_code == 413
    assert sum(sent) < 64 * 1024 * 1024


def test_a_body_that_does_not_come_is_not_waited_for(
    shown: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "BODY_WITHIN_S", 0.2)
    answer = raw(
        shown, f"POST /subscribe HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100\r\n\r\nhalf"
    )
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer.lower()


def test_a_client_that_says_nothing_is_hung_up_on(
    shown: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_HEAD_WITHIN_S", 0.2)
    assert raw(shown, "GET /why HTTP/1.1\r\nHost: ") == b""


@pytest.mark.parametrize(
    "request_",
    [
        "GARBAGE\r\n\r\n",
        f"GET /why HTTP/1.1\r\nHost: {HOST}\r\nHost: {HOST}\r\n\r\n",
        "GET /why HTTP/1.1\r\n\r\n",
        f"GET /why HTTP/1.1\r\nHost: {HOST}\r\nX: a\rb\r\n\r\n",
        f"GET /why\x00 HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
        f"POST /subscribe HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: -1\r\n\r\n",
        f"POST /subscribe HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: x\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_with_the_same_headers(shown: Service, request_: str) -> None:
    answer = raw(shown, request_)
    assert answer.split(b" ")[1] in {b"400", b"501"}
    if answer.split(b" ")[1] == b"400":
        for name, value in headers.EVERYWHERE.items():
            assert f"{name}: {value}".encode().lower() in answer.lower()


def test_what_is_no_http_is_not_answered_into_the_page_before_it(watched: Service) -> None:
    asked = f"GET /offline.html HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
    with socket.create_connection(_at(watched), timeout=10) as connection:
        connection.sendall(f"{asked}GARBAGE\r\n\r\n".encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
    page = answer.partition(b"\r\n\r\n")[2].partition(b"HTTP/1.1 400")[0]
    assert watched.get("/offline.html").content.startswith(page)


def test_a_client_that_hangs_up_half_way_leaves_no_trace(
    shown: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sinkwatch")
    with socket.create_connection(_at(shown)) as connection:
        connection.sendall(
            f"POST /subscribe HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 99\r\n\r\n".encode()
        )
    _until(lambda: "POST (no page) 0 " in caplog.text)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def raw(service: Service, request: str) -> bytes:
    """Send bytes that no client would, and return all that comes back."""
    with socket.create_connection(_at(service), timeout=10) as connection:
        connection.sendall(request.encode("latin-1"))
        answer = b""
        while part := connection.recv(65536):
            answer += part
            if b"</html>" in answer:
                break
    return answer


def _at(service: Service) -> tuple[str, int]:
    host, _, port = service.address.removeprefix("http://").partition(":")
    return host, int(port)


def _until(met: Callable[[], bool]) -> None:
    for _ in range(500):
        if met():
            return
        time.sleep(0.01)
    pytest.fail("not met")


# ── Faults of ours ───────────────────────────────────────────────────────────────────────────


def test_a_fault_of_ours_is_a_page_and_its_words_are_not_logged(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        message = "ann@example.org at HG4 1HS"
        raise KeyError(message)

    monkeypatch.setattr("sinkwatch.signup.ask", fail)
    answer = service.subscribe("ann@example.org")
    assert answer.status_code == 500
    assert "Something went wrong with us" in answer.text
    assert_strict(answer)
    assert "KeyError, a fault in sinkwatch" in caplog.text
    assert "example.org" not in caplog.text


def test_what_our_own_data_is_not_fit_for_is_our_fault(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DataError("the inventory", "is not what its schema promises", "Mend it")

    monkeypatch.setattr("sinkwatch.signup.ask", refuse)
    answer = service.subscribe("ann@example.org")
    assert (answer.status_code, "the inventory" in answer.text) == (500, False)
    assert_strict(answer)
    assert "the inventory: is not what its schema promises" in caplog.text


def test_a_database_that_is_busy_is_said_to_be(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_: Store) -> None:
        raise StoreError("the database", "is busy", "Try again")

    monkeypatch.setattr(Store, "begin", busy)
    answer = service.subscribe("ann@example.org")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert_strict(answer)


# ── The log ──────────────────────────────────────────────────────────────────────────────────


def test_the_log_says_what_was_asked_and_never_by_whom_or_with_which_token(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sinkwatch")  # a command before may have set another
    own = service.subscribed("ann@example.org")
    token = own.removeprefix("/m/")
    for path in (
        own,
        f"{own}/erase",
        f"{own}/nowhere",
        f"/u/{token}",
        f"/confirm/{token}",
        f"//u/{token}",
        f"/U/{token}",
        f"/u/{token}/",
        "/subscribe/map.png?postcode=HG4+1HS&radius=500&topic=flagged",
        "/ann@example.org",
    ):
        service.get(path)
    service.post(f"{own}/times", {"frequency": "weekly"})
    _until(lambda: "POST /m/{token}/times 200 " in caplog.text)  # said once the answer is out
    ours = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("sinkwatch"))
    for secret in (token, token.split(".")[2], "ann@", "HG4", "HG4+1HS", "10.0.0.", "127.0.0.1"):
        assert secret not in ours
    lines = [r.getMessage() for r in caplog.records if r.name == "sinkwatch.web.gate"]
    assert lines
    assert all(re.fullmatch(r"(GET|POST) \S+( page\))? \d{3} \d+ ms", line) for line in lines)
    assert any(line.startswith("GET /m/{token} 200 ") for line in lines)
    assert any(line.startswith("POST /m/{token}/times 200 ") for line in lines)
    assert any(line.startswith("GET (no page) ") for line in lines)


def test_a_method_that_a_stranger_made_up_is_not_written_down(
    shown: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sinkwatch")
    with shown.client() as client:
        client.request("EVIL", "/why")
    assert "EVIL" not in "".join(r.getMessage() for r in caplog.records if "gate" in r.name)


# ── Whose form it is ─────────────────────────────────────────────────────────────────────────

ELSEWHERE = [
    {"Origin": "https://evil.example"},
    {"Origin": "http://sinkwatch.example.evil.example"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("sent", [*ELSEWHERE, {"Origin": "null"}])
@pytest.mark.parametrize(
    "path", ["/subscribe", "/subscribe/preview", "/subscribe/resend", "/m/link"]
)
def test_a_form_of_another_site_is_refused(shown: Service, path: str, sent: dict[str, str]) -> None:
    with shown.client(**sent) as client:
        answer = client.post(path, data=a_form())
    assert answer.status_code == 403
    assert_strict(
        answer, referrer="no-referrer" if path == "/m/link" else STRICT["Referrer-Policy"]
    )


def test_a_form_that_says_nothing_of_where_it_is_from_is_refused(shown: Service) -> None:
    with shown.client() as client:
        del client.headers["Origin"]
        assert client.post("/subscribe", data=a_form()).status_code == 403


def test_a_browser_that_says_it_in_its_own_header_alone_is_believed(shown: Service) -> None:
    with shown.client(**{"Sec-Fetch-Site": "same-origin"}) as client:
        del client.headers["Origin"]
        assert client.post("/subscribe", data={}).status_code == 422


@pytest.mark.parametrize("sent", ELSEWHERE)
@pytest.mark.parametrize("path", ["/confirm/x", "/m/x/times", "/m/x/erase"])
def test_a_form_of_another_site_does_not_reach_a_token_either(
    shown: Service, path: str, sent: dict[str, str]
) -> None:
    assert shown.post(path, headers=sent).status_code == 403


def test_a_page_that_sends_no_referrer_gives_no_origin_and_may_still_act(shown: Service) -> None:
    sent = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    assert shown.post("/confirm/x", headers=sent).status_code == 404
