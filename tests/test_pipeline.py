"""Whole stories: from files to database rows, messages and maps, with each effect made to fail."""

from __future__ import annotations

import csv
import email
import email.policy
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sinkwatch import config, delivery, mailroom, pipeline, preview, signup
from sinkwatch.errors import BusyError, DeliveryError, PlaceError, SourceError, StoreError
from sinkwatch.model import EventKind, Outcome, SourceStatus
from sinkwatch.notify.mail import MemoryMailer
from sinkwatch.notify.replies import RelayError, Verdict
from sinkwatch.store import alerts, brakes, outbox, runs
from tests.conftest import NOW, Clock, an_installation, move_in, subscribe, subscribers
from tests.mailing import Town, plain_maps, surveyed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import EmailMessage

    from sinkwatch.services import Services

    Installation = Callable[..., Services]

COLUMNS = [
    "reference",
    "description",
    "status",
    "address",
    "postcode",
    "received_on",
    "decided_on",
    "easting",
    "northing",
    "url",
]

ON_THE_MART = {
    "reference": "ZC26/01234/FUL",
    "description": "Erection of 20 dwellings with piled foundations",
    "status": "Awaiting decision",
    "address": "Old Auction Mart, North Road, Ripon",
    "received_on": "2026-11-02",
    "easting": "431579",
    "northing": "471829",
    "url": "https://council.example/applications/1",
}


def written(path: Path, *rows: dict[str, str]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def planning(tmp_path: Path) -> Callable[..., Path]:
    """Write a planning file; each row names only what matters to the case."""
    path = tmp_path / "applications.csv"

    def write(*rows: dict[str, str]) -> Path:
        return written(path, *rows)

    return write


def mails(services: Services) -> list[EmailMessage]:
    found = sorted(services.settings.mails().glob("*.eml"))
    return [
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in found
    ]


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(preferencelist=("plain",))
    assert body is not None
    return " ".join(body.get_content().split())


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class TestFirstRun:
    def test_a_newcomer_gets_map_and_flags_and_no_mail(self, services: Services) -> None:
        report = pipeline.run(services)
        assert (report.published.path / "index.html").is_file()
        assert (report.published.path / "offline.html").is_file()
        assert "auction-mart" in report.findings.flagged
        assert report.events == ()
        assert (report.n_queued, report.n_delivered, report.n_waiting) == (0, 0, 0)
        assert report.troubled == ()
        states = {state.spec.name: state.status for state in report.findings.sources}
        assert states["planning"] is SourceStatus.NOT_CONFIGURED

    def test_a_second_run_queues_nothing_and_publishes_the_same_bytes(
        self,
        services: Services,
        clock: Any,  # noqa: ANN401 - the clock that tests move
    ) -> None:
        first = pipeline.run(services)
        before = files_of(first.published.path)
        clock.move(hours=3)
        second = pipeline.run(services)
        assert second.events == ()
        assert second.n_queued == 0
        assert not second.published.changed
        assert files_of(second.published.path) == before

    @pytest.mark.usefixtures("blank_site")
    def test_offline_does_the_same(self, services: Services) -> None:
        report = pipeline.run(services, offline=True)
        assert "auction-mart" in report.findings.flagged
        assert report.troubled == ()

    def test_only_one_run_is_at_work_at_a_time(self, services: Services) -> None:
        with services.lock(), pytest.raises(BusyError, match="another run is at work"):
            pipeline.run(services)
        assert not services.database_file().exists()


class TestOneApplication:
    @pytest.mark.usefixtures("blank_site")
    def test_is_told_once_then_each_change_once_wherever_it_lies_and_then_no_more(
        self, installation: Installation, planning: Callable[..., Path]
    ) -> None:
        services = installation(planning=[planning(ON_THE_MART)])
        subscribe(services)
        assert pipeline.run(services).n_delivered == 1
        (first,) = mails(services)
        text = text_of(first)
        assert "ZC26/01234/FUL" in text
        assert "Erection of 20 dwellings" in text
        assert "Old Ripon Auction Mart" in text
        assert "HG4 1HS" in first["Subject"]
        assert {part.get_content_type() for part in first.walk()} >= {
            "text/plain",
            "text/html",
            "image/png",
        }
        planning({**ON_THE_MART, "status": "Refused", "decided_on": "2026-11-20"})
        assert pipeline.run(services).n_delivered == 1
        assert len(mails(services)) == 2
        second = next(mail for mail in mails(services) if mail["Message-ID"] != first["Message-ID"])
        assert 'was "Awaiting decision" and is now "Refused"' in text_of(second)
        # Who was told of it here hears too that it has moved away.
        far = {"easting": "430000", "northing": "469000", "status": "Refused"}
        planning({**ON_THE_MART, **far, "decided_on": "2026-11-20"})
        assert pipeline.run(services).n_delivered == 1
        assert pipeline.run(services).n_delivered == 0
        assert len(mails(services)) == 3

    @pytest.mark.usefixtures("blank_site")
    def test_a_subscriber_far_away_hears_nothing(
        self, installation: Installation, planning: Callable[..., Path]
    ) -> None:
        services = installation(planning=[planning(ON_THE_MART)])
        subscribe(services, at="HG4 1TT")
        assert pipeline.run(services).n_queued == 0

    @pytest.mark.usefixtures("blank_site")
    def test_one_without_any_position_is_told_and_says_so(
        self, installation: Installation, planning: Callable[..., Path]
    ) -> None:
        row = {**ON_THE_MART, "easting": "", "northing": ""}
        services = installation(planning=[planning(row)])
        subscribe(services, at="HG4 1TT")
        assert pipeline.run(services).n_delivered == 1
        assert "Not mapped: its place is not known well enough" in text_of(mails(services)[0])

    @pytest.mark.usefixtures("front_page")
    def test_a_file_that_breaks_leaves_the_last_good_copy_in_use(
        self, installation: Installation, planning: Callable[..., Path]
    ) -> None:
        path = planning(ON_THE_MART)
        services = installation(planning=[path])
        subscribe(services)
        pipeline.run(services)
        path.write_text(path.read_text()[:-60])
        report = pipeline.run(services)
        (planning_state,) = report.troubled
        assert planning_state.status is SourceStatus.FAILED
        assert "truncated" in planning_state.problem
        assert report.findings.applications["reference"].tolist() == ["ZC26/01234/FUL"]
        assert report.events == ()
        assert "could not be read" in (report.published.path / "index.html").read_text()

    @pytest.mark.usefixtures("blank_site")
    def test_a_file_that_loses_every_row_is_not_read_as_nothing_near_you(
        self, installation: Installation, planning: Callable[..., Path]
    ) -> None:
        services = installation(planning=[planning(ON_THE_MART)])
        pipeline.run(services)
        planning()
        report = pipeline.run(services)
        assert "0 rows where the last good copy holds 1" in report.troubled[0].problem
        assert len(report.findings.applications) == 1

    def test_a_file_named_by_hand_that_cannot_be_read_stops_everything(
        self, installation: Installation, tmp_path: Path
    ) -> None:
        services = installation(planning=[tmp_path / "gone.csv"])
        with pytest.raises(SourceError, match="Nothing was recorded"):
            pipeline.run(services, must_read=frozenset({"planning"}))
        assert not services.settings.maps_folder.exists()

    @pytest.mark.usefixtures("blank_site")
    def test_two_files_are_read_as_one_list(
        self, installation: Installation, planning: Callable[..., Path], tmp_path: Path
    ) -> None:
        other = tmp_path / "more.csv"
        shutil.copy(planning({**ON_THE_MART, "reference": "ZC26/09999/FUL"}), other)
        services = installation(planning=[planning(ON_THE_MART), other])
        report = pipeline.run(services)
        assert len(report.findings.applications) == 2


class TestDryRun:
    @pytest.mark.usefixtures("front_page")
    def test_writes_the_mails_and_records_and_sends_nothing(
        self, installation: Installation, planning: Callable[..., Path], tmp_path: Path
    ) -> None:
        services = installation(planning=[planning(ON_THE_MART)])
        subscribe(services)
        folder = tmp_path / "dry"
        report = pipeline.dry_run(services, folder)
        assert report.n_queued == 1
        assert report.n_delivered == 0
        assert len(list((folder / "mail").glob("*.eml"))) == 1
        assert (folder / "maps" / "current" / "index.html").is_file()
        assert mails(services) == []
        assert not services.settings.maps_folder.exists()
        # Nothing was recorded, so the real run still finds the application new.
        assert pipeline.run(services).n_delivered == 1


@pytest.fixture(scope="module")
def held_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One message queued, none delivered: the folder for mails is a file."""
    folder = tmp_path_factory.mktemp("held-up")
    file = written(folder / "applications.csv", ON_THE_MART)
    services = an_installation(folder, Clock(NOW), planning=[file])
    subscribe(services)
    services.settings.mails().write_text("in the way")
    report = pipeline.run(services)
    assert (report.n_queued, report.n_delivered, report.n_waiting) == (1, 0, 1)
    return folder


@pytest.mark.usefixtures("blank_site", "plain_pictures")
class TestDelivery:
    @pytest.fixture
    def waiting(self, held_up: Path, installation: Installation, tmp_path: Path) -> Services:
        """Return a copy of it."""
        move_in(held_up, tmp_path)
        return installation(planning=[tmp_path / "applications.csv"])

    def test_a_message_that_could_not_be_handed_over_waits_and_goes_later(
        self,
        waiting: Services,
        clock: Any,  # noqa: ANN401 - the clock that tests move
    ) -> None:
        waiting.settings.mails().unlink()
        assert pipeline.run(waiting).n_delivered == 0  # its time has not come yet
        clock.move(minutes=10)
        assert pipeline.run(waiting).n_delivered == 1
        assert len(mails(waiting)) == 1

    def test_it_is_given_up_after_three_days(
        self,
        waiting: Services,
        clock: Any,  # noqa: ANN401 - the clock that tests move
    ) -> None:
        waiting.settings.mails().unlink()
        clock.move(hours=73)
        assert pipeline.run(waiting).n_delivered == 0
        with waiting.store() as store, store.read() as connection:
            assert outbox.counts(connection)[Outcome.EXPIRED] == 1

    def test_a_crash_after_sending_sends_the_same_bytes_again(
        self,
        waiting: Services,
        clock: Any,  # noqa: ANN401 - the clock that tests move
    ) -> None:
        class Crash(BaseException):
            """Stands for a power cut: nothing catches it."""

        class CrashesAfterSending(MemoryMailer):
            def send(self, message: Any) -> None:  # noqa: ANN401 - as in MemoryMailer
                super().send(message)
                raise Crash

        clock.move(minutes=10)
        first, second = CrashesAfterSending(), MemoryMailer()
        with waiting.store() as store:
            with pytest.raises(Crash):
                delivery.deliver(waiting, store, first)
            assert delivery.deliver(waiting, store, second) == 0  # still leased
            clock.move(minutes=16)
            assert delivery.deliver(waiting, store, second) == 1
        assert [message.mime for message in first.sent] == [message.mime for message in second.sent]

    def test_a_permanent_refusal_is_not_tried_again(
        self,
        waiting: Services,
        clock: Any,  # noqa: ANN401 - the clock that tests move
    ) -> None:
        class Refuses(MemoryMailer):
            def send(self, message: Any) -> None:  # noqa: ANN401 - as in MemoryMailer
                raise DeliveryError(message.message_id, "no such user", "Ask", permanent=True)

        clock.move(minutes=10)
        with waiting.store() as store:
            assert delivery.deliver(waiting, store, Refuses()) == 0
            clock.move(hours=5)
            assert delivery.deliver(waiting, store, MemoryMailer()) == 0
            with store.read() as connection:
                (row,) = outbox.listing(connection, None)
        assert row.state is Outcome.PERMANENT_FAILURE
        assert "no such user" in row.last_problem

    @pytest.mark.parametrize(
        ("verdict", "state", "is_subscribed"),
        [
            (Verdict.RETRY, Outcome.TEMPORARY_FAILURE, True),
            (Verdict.UNKNOWN, Outcome.TEMPORARY_FAILURE, True),
            (Verdict.OURS, Outcome.TEMPORARY_FAILURE, True),
            (Verdict.SLOW_DOWN, Outcome.TEMPORARY_FAILURE, True),
            (Verdict.REFUSED, Outcome.PERMANENT_FAILURE, True),
            (Verdict.BAD_MESSAGE, Outcome.PARKED, True),
            (Verdict.NO_SUCH_RECIPIENT, None, False),
        ],
        ids=lambda value: getattr(value, "name", str(value)),
    )
    def test_what_a_relay_answers_decides_what_becomes_of_message_and_subscription(
        self,
        waiting: Services,
        clock: Any,  # noqa: ANN401 - the clock that tests move
        verdict: Verdict,
        state: Outcome | None,
        *,
        is_subscribed: bool,
    ) -> None:
        mailer = MemoryMailer()
        mailer.fail_next(RelayError("abc", verdict, "code"))
        clock.move(minutes=10)
        with waiting.store() as store:
            assert delivery.deliver(waiting, store, mailer) == 0
            with store.read() as connection:
                rows = outbox.listing(connection, None)
        assert [row.state for row in rows] == ([state] if state else [])
        assert bool(subscribers(waiting)) is is_subscribed

    @pytest.mark.parametrize(
        ("verdict", "attempts"),
        [(Verdict.OURS, [1, 2]), (Verdict.SLOW_DOWN, [1, 2]), (Verdict.RETRY, [2, 2])],
        ids=lambda value: getattr(value, "name", None),
    )
    def test_a_fault_of_ours_stops_the_queue_and_any_other_does_not(
        self,
        installation: Installation,
        planning: Callable[..., Path],
        clock: Any,  # noqa: ANN401 - the clock that tests move
        verdict: Verdict,
        attempts: list[int],
    ) -> None:
        services = installation(planning=[planning(ON_THE_MART)])
        subscribe(services, "first@example.org")
        subscribe(services, "second@example.org")
        services.settings.mails().write_text("in the way")
        assert pipeline.run(services).n_waiting == 2
        clock.move(minutes=10)
        mailer = MemoryMailer()
        mailer.fail_next(*[RelayError("abc", verdict, "code")] * 2)
        with services.store() as store:
            delivery.deliver(services, store, mailer)
            with store.read() as connection:
                rows = outbox.listing(connection, None)
        assert sorted(row.attempts for row in rows) == attempts

    def test_an_erased_subscriber_gets_nothing_and_leaves_no_bytes(
        self,
        waiting: Services,
        clock: Any,  # noqa: ANN401 - the clock that tests move
    ) -> None:
        waiting.settings.mails().unlink()
        with waiting.store() as store:
            assert signup.suppress(waiting, store, "resident@example.org", "erased") == 1
        clock.move(minutes=10)
        assert pipeline.run(waiting).n_delivered == 0
        for path in waiting.settings.state_folder.glob("sinkwatch.db*"):
            assert b"resident@example.org" not in path.read_bytes()


@pytest.mark.usefixtures("blank_site")
class TestCutOff:
    @pytest.mark.parametrize(
        "step",
        [(runs, "finish"), (alerts, "mark_told")],
        ids=["recording", "marking"],
    )
    def test_the_next_run_tells_it_once_whatever_was_cut_off(
        self,
        installation: Installation,
        planning: Callable[..., Path],
        monkeypatch: pytest.MonkeyPatch,
        step: tuple[Any, str],
    ) -> None:
        services = installation(planning=[planning(ON_THE_MART)])
        plain_maps(monkeypatch)
        subscribe(services)

        def cut(*_: object) -> int:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(*step, cut)
            with pytest.raises(KeyboardInterrupt):
                pipeline.run(services)
        assert pipeline.run(services).n_delivered == 1
        assert len(mails(services)) == 1


@pytest.mark.usefixtures("blank_site")
class TestBrake:
    @pytest.fixture
    def street(
        self, installation: Installation, planning: Callable[..., Path], clock: Clock
    ) -> Iterator[Callable[[int], Town]]:
        """An installation with an application about to appear, and so many people near it."""
        services = installation(planning=[planning(ON_THE_MART)])
        with services.store() as store:
            town = Town(services, store, clock)

            def fill(number: int) -> Town:
                for index in range(number):
                    town.resident(f"r{index}@example.org")
                return town

            yield fill

    @pytest.fixture(autouse=True)
    def _plain_maps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        plain_maps(monkeypatch)

    def test_twenty_hear_at_once(self, street: Callable[[int], Town]) -> None:
        report = pipeline.run(street(20).services)
        assert (report.waits_for_approval, report.n_delivered) == ("", 20)

    def test_twenty_one_of_twenty_one_wait_until_a_person_has_looked(
        self, street: Callable[[int], Town]
    ) -> None:
        town = street(21)
        report = pipeline.run(town.services)
        assert report.waits_for_approval == "more than 10% of 21 subscribers"
        assert (report.n_queued, report.n_delivered) == (0, 0)
        with town.store.read() as connection:
            (held,) = brakes.waiting(connection)
        assert held.n_concerned == 21
        with town.store.begin() as connection:
            brakes.end(connection, held.run_id, "approved", town.clock())
        assert mailroom.work(town.services, town.store, surveyed=surveyed) == 21

    def test_what_is_discarded_is_told_to_nobody_and_a_later_change_of_it_is_no_follow_up(
        self, street: Callable[[int], Town], planning: Callable[..., Path]
    ) -> None:
        town = street(21)
        pipeline.run(town.services)
        with town.store.begin() as connection:
            (held,) = brakes.waiting(connection)
            brakes.end(connection, held.run_id, "discarded", town.clock())
            alerts.discard(connection, held.run_id)
        assert mailroom.work(town.services, town.store, surveyed=surveyed) == 0
        planning({**ON_THE_MART, "status": "Refused", "decided_on": "2026-11-20"})
        report = pipeline.run(town.services)
        assert [event.kind for event in report.events] == [EventKind.APPLICATION_DECIDED]
        assert report.waits_for_approval  # the rule looks at each run anew


@pytest.mark.usefixtures("blank_site", "plain_pictures")
class TestCorrections:
    @pytest.fixture
    def own_area(self, tmp_path: Path) -> Path:
        """Copy Ripon's data, so that a test may correct it."""
        source = config.data_folder()
        shutil.copytree(source / "ripon", tmp_path / "area" / "ripon")
        shutil.copy(source / "bands.toml", tmp_path / "area")
        (tmp_path / "area" / "ripon" / "datapackage.json").unlink()
        return tmp_path / "area" / "ripon"

    def edit(self, own_area: Path, old: str, new: str) -> None:
        path = own_area / "sinkholes.csv"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def test_a_corrected_record_is_told_to_those_near_it(
        self, installation: Installation, own_area: Path
    ) -> None:
        services = installation(area=str(own_area / "area.toml"))
        subscribe(services)
        subscribe(services, "elsewhere@example.org", "HG4 1TT")
        assert pipeline.run(services).events == ()
        self.edit(own_area, "Magdalen's Close house collapse", "Magdalen's Close collapse")
        report = pipeline.run(services)
        assert [event.kind for event in report.events] == [EventKind.SINKHOLE_CORRECTED]
        assert report.n_delivered == 1
        assert "its name" in text_of(mails(services)[0])

    def test_a_new_record_changes_bands_and_says_why(
        self, installation: Installation, own_area: Path
    ) -> None:
        services = installation(area=str(own_area / "area.toml"))
        subscribe(services)
        pipeline.run(services)
        path = own_area / "sinkholes.csv"
        rows = list(csv.DictReader(path.read_text().splitlines()))
        close = {
            **next(row for row in rows if row["sinkhole_id"] == "RS009"),
            "sinkhole_id": "RS900",
            "feature_id": "new-hole",
            "name": "A new hole",
            "easting": "431480",
            "northing": "471750",
            "position_uncertainty_m": "10",
        }
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows([*rows, close])
        report = pipeline.run(services)
        kinds = {event.kind for event in report.events}
        assert EventKind.SINKHOLE_NEW in kinds
        text = text_of(mails(services)[0])
        assert "A new hole" in text

    def test_a_record_is_gone_only_after_three_runs_without_it(
        self, installation: Installation, own_area: Path
    ) -> None:
        services = installation(area=str(own_area / "area.toml"))
        pipeline.run(services)
        path = own_area / "sinkholes.csv"
        lines = [line for line in path.read_text().splitlines() if not line.startswith("RS009,")]
        path.write_text("\n".join(lines) + "\n")
        removed = [
            [
                e.subject
                for e in pipeline.run(services).events
                if e.kind is EventKind.SINKHOLE_REMOVED
            ]
            for _ in range(4)
        ]
        assert removed == [[], [], ["RS009"], []]


class TestPreview:
    def test_needs_no_subscriber_and_no_database(self, services: Services) -> None:
        message = preview.message(services, "hg41hs")
        mail = email.message_from_bytes(message.mime, policy=email.policy.default)
        assert "HG4 1HS" in mail["Subject"]
        assert "An example" in text_of(mail)
        assert not services.database_file().exists()

    def test_shows_the_applications_that_are_flagged_there(
        self, installation: Installation, planning: Callable[..., Path]
    ) -> None:
        message = preview.message(installation(planning=[planning(ON_THE_MART)]), "HG4 1HS")
        mail = email.message_from_bytes(message.mime, policy=email.policy.default)
        assert "ZC26/01234/FUL" in text_of(mail)

    @pytest.mark.parametrize("words", ["auction-mart", "YO1 7HH", "HG4 9ZZ"])
    def test_is_refused_for_anything_but_a_postcode_held(
        self, services: Services, words: str
    ) -> None:
        with pytest.raises(PlaceError):
            preview.message(services, words)


class TestFoldersThatCannotBeWritten:
    def test_a_state_folder_in_the_way_of_a_file_is_one_clear_error(
        self, installation: Installation, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("")
        services = installation(state_folder=tmp_path / "file" / "var")
        with pytest.raises(StoreError, match="state_folder"):
            pipeline.run(services)

    def test_a_maps_folder_in_the_way_of_a_file_keeps_what_was_recorded(
        self, services: Services, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("")
        settings = services.settings.model_copy(update={"maps_folder": tmp_path / "file" / "maps"})
        with pytest.raises(StoreError, match="maps"):
            pipeline.run(replace(services, settings=settings))
        assert pipeline.run(services).published.path.is_dir()
