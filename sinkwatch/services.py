"""Every side effect, opened once: the clock, the store, the mailer, the secret, the lock."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sinkwatch import __version__, config
from sinkwatch.errors import BusyError, ConfigError, StoreError

if TYPE_CHECKING:
    from sinkwatch.config import Settings
    from sinkwatch.model import Area, MessageId
    from sinkwatch.notify.mail import Mailer
    from sinkwatch.notify.render import Sender
    from sinkwatch.sources.outside.download import Downloader
    from sinkwatch.sources.outside.politeness import HostRule
    from sinkwatch.sources.outside.progress import Progress
    from sinkwatch.store import Store
    from sinkwatch.store.outbox import Pace

SECRET_BYTES: Final = 32
"""Length of the key under which links and hashed addresses are signed: 256 bits."""

AREA_FILE: Final = "area"
"""In the state folder and in the folder of the maps: names the area that they are of."""

_MESSAGE_ID_BYTES: Final = 16  # 128 bits, so that no two mails ever share one


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """
    What the verbs of the product work with.

    Attributes
    ----------
    settings
        As read.
    area
        The area watched.
    clock
        Gives the present time, UTC.
    wait
        Waits that many seconds.
    host_rules
        Servers that may be asked, and how; None for those of the area's sources.
    progress
        Shows large files while they come; None where nobody looks on.
    is_stopping
        Tells whether the process was told to end, so that what takes long is left for the next
        time.
    """

    settings: Settings
    area: Area
    clock: Callable[[], datetime]
    wait: Callable[[float], None] = time.sleep
    host_rules: Mapping[str, HostRule] | None = None
    progress: Progress | None = None
    is_stopping: Callable[[], bool] = lambda: False

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """
        Open the store, and close it again.

        Yields
        ------
        store
            Migrated to the present schema.

        Raises
        ------
        ConfigError
            If the state folder is another area's: what is held there would be taken for gone.
        """
        from sinkwatch.store import Store  # noqa: PLC0415 - `check` without a database skips SQLAlchemy

        self._make_state_folder()
        self._claim(self.settings.state_folder, "state_folder")
        opened = Store.open(self.settings.database(), now=self.clock())
        try:
            yield opened
        finally:
            opened.close()

    def has_store(self) -> bool:
        """Tell whether a database was ever made, so that asking need not make one."""
        return bool(self.settings.database_url) or self.database_file().is_file()

    def database_file(self) -> Path:
        """Return where the SQLite database lies unless another database is set."""
        return self.settings.state_folder / "sinkwatch.db"

    def maps(self) -> Path:
        """
        Return where the site is published.

        Returns
        -------
        folder
            The area's own.

        Raises
        ------
        ConfigError
            If another area's site lies there: this one would take its place.
        """
        folder = self.settings.maps_folder
        with contextlib.suppress(OSError):  # whoever writes there says why it cannot be written
            folder.mkdir(parents=True, exist_ok=True)
        self._claim(folder, "maps_folder")
        return folder

    def snapshots(self) -> Path:
        """Return the folder in which copies of sources are kept."""
        return self.settings.state_folder / "snapshots"

    def downloader(self, store: Store) -> Downloader | None:
        """
        Return the way out to the internet.

        Parameters
        ----------
        store
            Open; it remembers when each server was asked.

        Returns
        -------
        downloader
            None if the settings say that nobody is to be asked.
        """
        if not self.settings.is_online():
            return None
        from sinkwatch import sources  # noqa: PLC0415 - only where something is fetched
        from sinkwatch.sources.outside import download, progress  # noqa: PLC0415 - as above
        from sinkwatch.store import hosts  # noqa: PLC0415 - with the store

        rules = self.host_rules
        return download.Downloader(
            rules=sources.host_rules(self.area) if rules is None else rules,
            notes=hosts.StoredNotes(store),
            agent=download.user_agent(__version__, self.settings.public_url, self.settings.contact),
            clock=self.clock,
            wait=self.wait,
            progress=self.progress or progress.QUIET,
        )

    def secret(self) -> bytes:
        """
        Return the key of this installation, made on first use.

        Returns
        -------
        secret
            `SECRET_BYTES` random bytes, kept in the state folder, readable by its owner only.

        Raises
        ------
        StoreError
            If it cannot be kept, or what is kept there is no such key.
        """
        self._make_state_folder()
        path = self.settings.state_folder / "secret"
        try:
            secret = _kept_secret(path)
        except OSError as error:
            raise StoreError(
                str(path), f"cannot be kept ({error.strerror})", "Check the folder's rights"
            ) from error
        if len(secret) != SECRET_BYTES:
            raise StoreError(
                str(path),
                f"holds {len(secret)} bytes, not the {SECRET_BYTES} of a key",
                "Restore it from a backup: with another, links in mails already sent fail",
            )
        return secret

    def sender(self) -> Sender:
        """Return in whose name mail is written."""
        from sinkwatch.notify import render, tokens  # noqa: PLC0415 - only where mail is written

        return render.Sender(
            from_name=f"{self.area.name} Sinkwatch",
            from_address=f"alerts@{self.settings.sender_domain}",
            domain=self.settings.sender_domain,
            public_url=self.settings.public_url,
            contact=self.settings.contact,
            signer=tokens.Signer(self.secret()),
        )

    def mailer(self) -> Mailer:
        """Return the transport that the settings name."""
        from sinkwatch.notify import mail, relay  # noqa: PLC0415 - only where mail is sent

        settings = self.settings
        if settings.mail_transport == "folder":
            return mail.FolderMailer(settings.mails())
        where = relay.Relay(
            host=settings.smtp_host,
            port=settings.smtp_port,
            our_name=settings.sender_domain,
            security=settings.smtp_security,
            user=settings.smtp_user,
            password=settings.relay_password(),
            ca_file=settings.smtp_ca_file,
        )
        return mail.SmtpMailer(where)

    def pace(self) -> Pace:
        """Return how far apart messages go; a folder needs no patience."""
        from sinkwatch.store import outbox  # noqa: PLC0415 - with the store

        settings = self.settings
        if settings.mail_transport == "folder":
            return outbox.NO_PACE
        return outbox.Pace(
            domain_gap=timedelta(seconds=1 / settings.mails_per_second_per_domain),
            gap=timedelta(seconds=1 / settings.mails_per_second),
        )

    def digest_at(self) -> time_of_day:
        """Return from which time of a day, a Monday or a month's first digests may go."""
        return time_of_day.fromisoformat(self.settings.digest_at)

    def new_message_id(self) -> MessageId:
        """Return a Message-ID that was never used before."""
        from sinkwatch.notify import addresses  # noqa: PLC0415 - only where mail is written

        return addresses.message_id(
            secrets.token_hex(_MESSAGE_ID_BYTES), self.settings.sender_domain
        )

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """
        Hold the lock of this installation; the kernel lets go of it if the process dies.

        Raises
        ------
        BusyError
            If another run holds it.
        StoreError
            If the state folder cannot be written.
        """
        self._make_state_folder()
        path = self.settings.state_folder / "lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(
                str(path), f"cannot be written ({error.strerror})", "Check the folder's rights"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise BusyError(
                f"lock {path}",
                "another run is at work in this state folder",
                "Wait until it has ended; nothing was changed",
            ) from error
        except OSError as error:
            os.close(descriptor)
            raise StoreError(
                str(path),
                f"cannot be locked ({error.strerror})",
                "Set state_folder to one on a local disk",
            ) from error
        try:
            yield
        finally:
            os.close(descriptor)

    def _claim(self, folder: Path, setting: str) -> None:
        """Mark a folder as this area's, unless it is marked already; refuse another's."""
        path = folder / AREA_FILE
        own = self.area.area_id
        try:
            found = path.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            with contextlib.suppress(OSError):  # a folder that cannot be written is told elsewhere
                _write_new(path, f"{own}\n".encode())
            return
        if found != own:
            raise ConfigError(
                f"{setting} {folder}",
                f"is that of area {found}, not of {own}",
                f"Set state_folder, maps_folder and database_url to {own}'s own, in a settings "
                "file of its own",
            )

    def _make_state_folder(self) -> None:
        folder = self.settings.state_folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                str(folder),
                f"the state folder cannot be made ({error.strerror})",
                "Set state_folder to one that you may write to",
            ) from error


def open_services(config_path: Path | None = None, planning_files: Sequence[Path] = ()) -> Services:
    """
    Read the settings and the area; nothing else is opened until it is used.

    Parameters
    ----------
    config_path
        The operator's settings file; None for ``sinkwatch.toml`` here, if there is one.
    planning_files
        Files of planning applications for this once, in place of those in the settings.

    Returns
    -------
    services
        With the real clock.

    Raises
    ------
    ConfigError
        If settings or area are wrong.
    """
    settings = config.load_settings(config_path)
    area = config.area_of(settings, planning_files)
    return Services(settings=settings, area=area, clock=_now)


def _now() -> datetime:
    return datetime.now(UTC)


def _kept_secret(path: Path) -> bytes:
    """Read the secret; make it first if there is none, unless another process is quicker."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    with contextlib.suppress(FileExistsError):
        _write_new(path, secrets.token_bytes(SECRET_BYTES))
    return path.read_bytes()


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that must not exist yet, whole or not at all."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)
    finally:
        part.unlink()
