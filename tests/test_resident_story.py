"""
The resident's whole story: a real browser, `serve` and `run` as processes, a Postfix over STARTTLS.

The clock is the machine's own. Where the story leaps (a quarter of an hour between two requests of
one address), what was counted is moved back in the database instead. With `SINKWATCH_DATABASE_URL`
set to an empty PostgreSQL database, it plays there.
"""

from __future__ import annotations

import contextlib
import email
import io
import json
import re
import smtplib
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import date, timedelta
from email import policy
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import requests
from PIL import Image
from sqlalchemy import select, update

from sinkwatch import pipeline, signup, wording
from sinkwatch.cli import DONE, TROUBLED
from sinkwatch.model import DEFAULT_TOPICS, Frequency, Outcome
from sinkwatch.services import Services, open_services
from sinkwatch.store import tables
from sinkwatch.web.stamp import SOONEST
from tests.peers import certificates, postfix
from tests.peers.smtp import free_port
from tests.programs import program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page, ViewportSize

    from sinkwatch.model import Subscriber

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("blank_site")]

HOST: Final = "alerts.holes.test"
ANN: Final = "ann.resident@example.org"
BOB: Final = "bob@example.org"
PHONE: Final[ViewportSize] = {"width": 360, "height": 740}
PATIENCE_S: Final = 60

# The Old Auction Mart lies at (431579, 471829). From HG4 1HS, at (431480, 471750), that is 99 m to
# the east and 79 m to the north: 127 m. Each is known to ± 100 m: ± 141 m, told as ± 150 m.
COLUMNS: Final = "reference,description,status,received_on,decided_on,easting,northing,address,url"
COUNCIL: Final = "https://council.holes.test/planning/26-00417"
FACTS: Final = (
    "26/00417, The Old Auction Mart",
    'A planning application has been submitted. Its status is "Undecided".',
    "About 130 m (± 150 m) to the north-east of HG4 1HS.",
    "Proposal, as published: Demolition and 12 dwellings",
    "Authority: North Yorkshire.",
    "Class C, the gypsum belt, where gypsum is present and can dissolve (edge drawn to ± 500 m).",
    "Magdalen's Close house collapse (17 February 2014)",
    "On or near the watched site Old Ripon Auction Mart, North Road.",
    "You hear of it because it is within 500 m of HG4 1HS, as you asked.",
    "It is flagged, for the reasons above.",
    f"The council's record: {COUNCIL}",
    "Map round HG4 1HS",
    "1: 26/00417, The Old Auction Mart, 130 m north-east.",
    "- Planning applications: up to date. Data of",
    "This is general information from public records, not a survey or advice about a property",
    "call 999 if anyone is at risk",
    "ground stability within 500 m of HG4 1HS",
    "Stop these e-mails (a page with one button): https://",
    "Corrections are answered within 5 working days: corrections@holes.test",
)
"""What the text of the first mail says, with the lines joined."""


@dataclass(frozen=True, kw_only=True)
class Installation:
    """One installation as an operator has it: a folder with settings, and commands run there."""

    folder: Path
    public_url: str
    authority: Path
    relay: postfix.Postfix
    received_on: date

    def services(self) -> Services:
        """Return its services, for what a test does in the place of operator or time."""
        return open_services(self.folder / "sinkwatch.toml")

    def applies(self, status: str, decided_on: date | str = "") -> None:
        """Let the council list the application with that status."""
        row = (
            "26/00417,Demolition and 12 dwellings,"
            f"{status},{self.received_on},{decided_on},431579,471829,"
            f"The Old Auction Mart,{COUNCIL}"
        )
        (self.folder / "applications.csv").write_text(f"{COLUMNS}\n{row}\n")

    def sinkwatch(self, *words: str, given: tuple[int, ...] = (DONE,)) -> str:
        """Run a command as a process of its own and return what it printed."""
        command = [sys.executable, "-m", "sinkwatch", *words]
        done = subprocess.run(
            command,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode in given, done.stderr
        assert "resident@" not in done.stdout + done.stderr
        return done.stdout

    def run(self) -> list[str]:
        """Do one whole run here, in a fifth of the time that a process takes; return its news."""
        return [str(event.kind) for event in pipeline.run(self.services()).events]

    def run_as_a_process(self) -> list[str]:
        """Do one whole run and return its news; that our data grows old is no fault of it."""
        said = json.loads(self.sinkwatch("run", "--json", given=(DONE, TROUBLED)))
        return [event["kind"] for event in said["events"]]

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row of every table."""
        with self.services().store() as store, store.read() as connection:
            return {
                table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
                for table in tables.metadata.sorted_tables
            }

    def settled(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row once each mail handed to the relay is marked as sent."""
        until(lambda: {row["state"] for row in self.messages()} <= {Outcome.SENT})
        return self.rows()

    def messages(self) -> list[dict[str, Any]]:
        """Return what the outbox holds."""
        with self.services().store() as store, store.read() as connection:
            found = connection.execute(select(tables.messages.c.kind, tables.messages.c.state))
            return [dict(row) for row in found.mappings()]

    def mail(self, n: int) -> Mail:
        """Return the n-th mail to Ann, which is the last one so far."""
        return Mail(self.relay.mails(n)[-1])

    def mailbox(self, name: str) -> Path:
        """Return a Maildir: all that Ann gets lies in "all"."""
        return self.relay.folder / "mail" / name

    def delivered(self, name: str) -> list[bytes]:
        return [path.read_bytes() for path in (self.mailbox(name) / "new").glob("*")]

    def people(self) -> tuple[Subscriber, ...]:
        with self.services().store() as store:
            return signup.listing(store)

    def holding(self, words: str) -> list[str]:
        """Name where words stand: tables, files in the state folder and others, the log too."""
        found = [table for table, rows in self.rows().items() if words in repr(rows)]
        for path in self.folder.rglob("*"):
            # The files of a database beside its own come and go.
            with contextlib.suppress(FileNotFoundError):
                if path.is_file() and words.encode() in path.read_bytes():
                    found.append(str(path.relative_to(self.folder)))
        return found


class Mail:
    """A mail as it lay in the mailbox, less what Postfix added."""

    def __init__(self, delivered: bytes) -> None:
        self.parsed = email.message_from_bytes(postfix.as_sent(delivered), policy=policy.default)
        self.text = self._body("plain")
        self.html = self._body("html")
        self.envelope_sender = re.match(rb"Return-Path: <(\S+)>", delivered)[1].decode()  # type: ignore[index]

    def _body(self, kind: str) -> str:
        part = self.parsed.get_body((kind,))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")

    def said(self) -> str:
        """Return the text on one line."""
        return " ".join(self.text.split())

    def link(self, what: str) -> str:
        found = re.search(rf"https://{HOST}:\d+/{what}/\S+", self.text)
        assert found is not None, self.text
        return found[0]

    def links(self) -> set[str]:
        """Return every address that a program might open, without the part after #."""
        shown = re.findall(r"https?://[^\s<>]+", self.text)
        hidden = re.findall(r'(?:href|src)="(https?://[^"]+)"', self.html)
        header = re.findall(r"<(https[^>]+)>", self.parsed["List-Unsubscribe"] or "")
        return {unescape(url).split("#")[0] for url in (*shown, *hidden, *header)}

    def tokens(self) -> set[str]:
        """Return the parts of its links that only its reader may know."""
        found = [re.search("/(?:confirm|m|u)/(.+)", url) for url in self.links()]
        return {match[1] for match in found if match}


def until(met: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < end, f"not met within {PATIENCE_S} s"
        time.sleep(0.05)


# ── What the story needs ─────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def chromium(launched: Callable[..., Browser]) -> Iterator[Browser]:
    # Our name leads to this machine, and any other name nowhere.
    browser = launched(f"--host-resolver-rules=MAP {HOST} 127.0.0.1, MAP * ~NOTFOUND")
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.made_in(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def own(certs: certificates.Certificates) -> certificates.Pair:
    """A certificate for the name in our links, signed by the same authority."""
    folder = certs.authority.parent
    pair = certificates.Pair(certificate=folder / "own.pem", key=folder / "own.key")
    words = (
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-CA", certs.authority, "-CAkey", certs.authority.with_suffix(".key"), "-days", 2,
        "-keyout", pair.key, "-out", pair.certificate, "-subj", f"/CN={HOST}",
        "-addext", f"subjectAltName=DNS:{HOST}", "-addext", "basicConstraints=critical,CA:FALSE",
    )  # fmt: skip
    subprocess.run(
        [program("openssl", "openssl"), *map(str, words)], check=True, capture_output=True
    )
    return pair


@pytest.fixture(scope="module")
def relay(certs: certificates.Certificates) -> Iterator[postfix.Postfix]:
    boxes = f"{ANN}=all/, {BOB}=bob/, unsubscribe@{HOST}=returns/"
    with postfix.running(
        certs,
        virtual_mailbox_domains=f"example.org {HOST}",
        virtual_mailbox_maps=f"inline:{{ {boxes} }}",
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let our name lead to this machine here too, so that links are opened just as they stand."""
    asked = socket.getaddrinfo

    def answered(host: Any, *rest: Any, **named: Any) -> Any:  # noqa: ANN401 - as the original
        return asked("127.0.0.1" if host == HOST else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", answered)


@pytest.fixture
def installation(
    tmp_path: Path, certs: certificates.Certificates, relay: postfix.Postfix
) -> Installation:
    port = free_port()
    settings = {
        "public_url": f"https://{HOST}:{port}",
        "sender_domain": HOST,
        "contact": "corrections@holes.test",
        "online": False,
        "state_folder": str(tmp_path / "var"),
        "maps_folder": str(tmp_path / "maps"),
        "evidence_packs": False,
        "pictures": False,
        "planning_files": [str(tmp_path / "applications.csv")],
        "mail_transport": "smtp",
        "smtp_host": "localhost",
        "smtp_port": relay.port,
        "smtp_ca_file": str(certs.authority),
        "mails_per_second_per_domain": 10,
    }
    lines = (f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    path = tmp_path / "sinkwatch.toml"
    path.write_text("".join(lines))
    (tmp_path / "applications.csv").write_text(f"{COLUMNS}\n")
    return Installation(
        folder=tmp_path,
        public_url=str(settings["public_url"]),
        authority=certs.authority,
        relay=relay,
        received_on=wording.london_date(open_services(path).clock()) - timedelta(days=10),
    )


@pytest.fixture
def mail_program(installation: Installation) -> Iterator[requests.Session]:
    """What opens links without a browser: no cookie, no origin, and our authority trusted."""
    with requests.Session() as session:
        session.verify = str(installation.authority)
        session.trust_env = False
        session.headers["Connection"] = "close"  # else `serve` waits for it as it stops
        yield session
        assert not session.cookies


@contextlib.contextmanager
def serving(
    installation: Installation, own: certificates.Pair, client: requests.Session
) -> Iterator[Path]:
    """Run `serve` until the block ends, however it ends; what it says goes to the file given."""
    port = installation.public_url.rpartition(":")[2]
    words = ("--port", port, "--certificate", own.certificate, "--key", own.key)
    command = [sys.executable, "-m", "sinkwatch", "serve", *map(str, words)]
    path = installation.folder / "serve.log"
    with (
        path.open("wb") as log,
        subprocess.Popen(command, cwd=installation.folder, stdout=log, stderr=log) as process,
    ):
        try:
            assert installation.run() == []  # the first of all, while the other one starts
            until(lambda: process.poll() is not None or _answers(installation, client))
            assert process.poll() is None, path.read_text()
            yield path
            process.terminate()
            assert process.wait(timeout=PATIENCE_S) == 0
        finally:
            process.kill()


def _answers(installation: Installation, client: requests.Session) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return client.get(f"{installation.public_url}/why").status_code == 200
    return False


@contextlib.contextmanager
def phone(browser: Browser) -> Iterator[Page]:
    """Open a tab that fails the test if a page breaks its own policy or asks elsewhere."""
    broken: list[str] = []
    # The browser alone cannot be told of our authority; that it signed for us is checked by all
    # that `mail_program` opens.
    context = browser.new_context(viewport=PHONE, ignore_https_errors=True)
    page = context.new_page()
    page.on("console", lambda said: broken.append(said.text) if "Policy" in said.text else None)
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("requestfailed", lambda asked: broken.append(asked.url))
    yield page
    assert (broken, context.cookies()) == ([], [])
    context.close()


# ── The story ────────────────────────────────────────────────────────────────────────────────


def test_from_sign_up_to_the_last_mail_and_back_again(
    installation: Installation,
    own: certificates.Pair,
    chromium: Browser,
    mail_program: requests.Session,
) -> None:
    _add_a_neighbour(installation)
    with serving(installation, own, mail_program) as log, phone(chromium) as page:
        form = mail_program.get(f"{installation.public_url}/subscribe").text
        confirmation = _subscribe(page, installation, mail_program)
        digest = _hear_of_it(installation)
        _scan([confirmation, digest], mail_program, installation)
        _leave_in_one_click(digest, mail_program, installation)
        again = _come_back(form, mail_program, installation)
        assert again.parsed["Subject"] == confirmation.parsed["Subject"]
        last = _hear_of_what_became_of_it(installation)
        _leave_by_mail(last, installation)
    said = log.read_text()
    assert " 200 " in said
    assert not [token for token in confirmation.tokens() | digest.tokens() if token in said]
    assert said.rstrip().endswith("serve: stopped")


def _subscribe(page: Page, installation: Installation, client: requests.Session) -> Mail:
    _sign_up(page, installation)
    confirmation = installation.mail(1)
    _check_confirmation(confirmation)
    _scan([confirmation], client, installation)
    before = installation.settled()
    page.goto(confirmation.link("confirm"))
    assert installation.rows() == before
    page.get_by_role("button", name="Yes, send me these e-mails").click()
    page.get_by_role("heading", name="You are subscribed").wait_for()
    return confirmation


def _hear_of_it(installation: Installation) -> Mail:
    installation.applies("Undecided")
    assert installation.run_as_a_process() == ["application_new"]
    digest = installation.mail(2)
    _check_digest(digest, installation)
    return digest


def _leave_in_one_click(digest: Mail, client: requests.Session, installation: Installation) -> None:
    assert installation.holding(ANN)
    answer = _one_click(digest, client)
    assert (answer.status_code, answer.history) == (200, [])
    assert [person.email for person in installation.people()] == [BOB]
    installation.applies("Refused", installation.received_on + timedelta(days=9))
    assert installation.run() == ["application_decided"]
    until(lambda: len(installation.delivered("bob")) == 2)
    assert len(installation.relay.mails(2)) == 2
    # `serve` or that run has wiped; had something been wiped half a minute before, it waits.
    until(lambda: not installation.holding(ANN))
    assert installation.holding(BOB)


def _come_back(form: str, client: requests.Session, installation: Installation) -> Mail:
    _let_a_quarter_of_an_hour_pass(installation)
    _sign_up_again(form, client, installation)
    confirmation = installation.mail(3)
    assert client.post(confirmation.link("confirm")).status_code == 200
    return confirmation


def _hear_of_what_became_of_it(installation: Installation) -> Mail:
    installation.applies("Withdrawn")
    assert installation.run() == ["application_withdrawn"]
    return installation.mail(4)


def _leave_by_mail(last: Mail, installation: Installation) -> None:
    _write_to_leave(last, installation)
    said = installation.sinkwatch("outbox", "receive", str(installation.mailbox("returns")))
    assert said.split() == ["1", "unsubscribed"]
    assert [person.email for person in installation.people()] == [BOB]


# ── Its steps ────────────────────────────────────────────────────────────────────────────────


def _add_a_neighbour(installation: Installation) -> None:
    """Add somebody who stays, and so shows what would have been told to those who left."""
    services = installation.services()
    wish = signup.Wish(postcode="HG4 1HS", radius_m=500.0, topics=DEFAULT_TOPICS)
    with services.store() as store:
        signup.add(
            services, store, BOB, wish, frequency=Frequency.AT_ONCE, consent="asked on paper"
        )


def _sign_up(page: Page, installation: Installation) -> None:
    page.goto(f"{installation.public_url}/subscribe")
    page.get_by_label("Postcode", exact=True).fill("hg4 1hs")
    page.get_by_role("button", name="Show what I would get").click()
    page.get_by_role("heading", name="Near HG4 1HS, within 500 m").wait_for()
    page.wait_for_load_state()  # what is left half loaded counts as failed
    handed_out = time.monotonic()
    page.get_by_label("Your e-mail address").fill(ANN)
    page.get_by_label("I agree to be sent").check()
    # As long as a person takes: what comes back sooner is taken for a program's.
    left_s = handed_out + SOONEST.total_seconds() - time.monotonic()
    page.wait_for_timeout(1000 * max(0.0, left_s))
    page.get_by_role("button", name="Subscribe").click()
    page.get_by_role("heading", name="Look into your inbox").wait_for()
    page.wait_for_load_state()


def _scan(mails: list[Mail], client: requests.Session, installation: Installation) -> None:
    """Open every link as a scanner of mail does, to no effect; only those to us, here."""
    before = installation.settled()
    ours = sorted(
        url for mail in mails for url in mail.links() if url.startswith(installation.public_url)
    )
    for _ in range(3):
        for url in ours:
            for method in ("GET", "HEAD"):
                assert client.request(method, url).status_code == 200, url
    assert installation.rows() == before


def _check_confirmation(mail: Mail) -> None:
    assert mail.parsed["To"] == ANN
    assert mail.parsed["Subject"] == "Please confirm: e-mails about HG4 1HS"
    assert mail.parsed["List-Unsubscribe"] is None  # there is nothing to leave yet
    assert not [part for part in mail.parsed.walk() if part.get_content_maintype() == "image"]


def _check_digest(mail: Mail, installation: Installation) -> None:
    own = "[0-9a-f]{32}"
    signed = r"[\w.-]+"
    leave = f"{re.escape(installation.public_url)}/u/{signed}"
    rules = {
        "From": f"Ripon Sinkwatch <alerts@{HOST}>",
        "To": ANN,
        "Date": r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000",
        "Message-ID": f"<{own}@{HOST}>",
        "MIME-Version": r"1\.0",
        "Subject": ".{1,78}",
        "List-Id": f"Ripon sinkhole alerts <alerts.{HOST}>",
        "List-Unsubscribe": rf"<{leave}>, <mailto:unsubscribe@{HOST}\?subject={signed}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Auto-Submitted": "auto-generated",
        "Precedence": "bulk",
        "X-Auto-Response-Suppress": "OOF, AutoReply",
    }
    for name, rule in rules.items():
        (value,) = mail.parsed.get_all(name, [])
        assert re.fullmatch(rule, str(value)), (name, value)
    assert {"Content-Type"} == set(mail.parsed.keys()) - set(rules)
    assert re.fullmatch(rf"bounces\+{own}\.\w+@{HOST}", mail.envelope_sender)
    assert mail.parsed["Subject"] == "HG4 1HS: 1 planning application near you"
    for fact in (*FACTS, f"Received {wording.date_text(installation.received_on)}."):
        assert fact in mail.said(), fact
    _check_picture(mail)


def _check_picture(mail: Mail) -> None:
    """The one picture came with the mail, is whole, and is what the HTML shows and describes."""
    (part,) = [part for part in mail.parsed.walk() if part.get_content_type() == "image/png"]
    name = str(part["Content-ID"]).strip("<>")
    assert re.findall(r'<img[^>]* src="([^"]+)"', mail.html) == [f"cid:{name}"]
    assert not part.is_attachment()
    with Image.open(io.BytesIO(part.get_content())) as picture:
        picture.load()
        assert min(picture.size) >= 400
        assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 4


def _one_click(mail: Mail, client: requests.Session) -> requests.Response:
    """Do what a mail program does when its own button is pressed (RFC 8058)."""
    url = re.match("<(https[^>]+)>", mail.parsed["List-Unsubscribe"])
    assert url is not None
    return client.post(url[1], data={"List-Unsubscribe": "One-Click"})


def _let_a_quarter_of_an_hour_pass(installation: Installation) -> None:
    """Move what was counted back, for one address is sent no second confirmation any sooner."""
    tallies = tables.tallies
    with installation.services().store() as store, store.begin() as connection:
        for row in connection.execute(select(tallies)).all():
            earlier = row.at - timedelta(minutes=15)
            connection.execute(
                update(tallies).where(tallies.c.tally_id == row.tally_id).values(at=earlier)
            )


def _sign_up_again(form: str, client: requests.Session, installation: Installation) -> None:
    """Send the form that was opened before, by what is no browser but comes from our page."""
    stamp = re.search(r'name="stamp" value="([^"]+)"', form)
    assert stamp is not None
    filled_in = {
        "postcode": "HG4 1HS",
        "radius": "500",
        "topic": ["flagged", "decisions"],
        "frequency": "at_once",
        "email": ANN,
        "consent": "yes",
        "stamp": stamp[1],
    }
    answer = client.post(
        f"{installation.public_url}/subscribe",
        data=filled_in,
        headers={"Origin": installation.public_url},
    )
    assert answer.status_code == 200, answer.text


def _write_to_leave(mail: Mail, installation: Installation) -> None:
    """Write to the address that the mail's own header names, through the same Postfix."""
    named = re.search("<mailto:([^?]+)[?]subject=([^>]+)>", mail.parsed["List-Unsubscribe"])
    assert named is not None
    wish = EmailMessage()
    wish["From"], wish["To"], wish["Subject"] = ANN, *named.groups()
    trusting = ssl.create_default_context(cafile=str(installation.authority))
    with smtplib.SMTP("localhost", installation.relay.port) as relay:
        relay.starttls(context=trusting)
        relay.send_message(wish)
    until(lambda: installation.delivered("returns"))
