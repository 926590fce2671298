"""What is right and wrong with an installation, each check one sentence."""

from __future__ import annotations

import platform
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyogrio

from sinkwatch import __version__, geo, intake, wording
from sinkwatch.errors import SinkwatchError
from sinkwatch.notify import records
from sinkwatch.notify.mail import SmtpMailer
from sinkwatch.publish import assets

if TYPE_CHECKING:
    from pathlib import Path

    from dns.resolver import Resolver

    from sinkwatch.services import Services

# OSTN15 test point TP31 (Ordnance Survey, test data of the transformation): St Kilda, where a
# plain datum shift is furthest off. Easting and northing, metres; longitude and latitude, degrees.
_TEST_POINT_BNG: Final = (9587.909, 899448.996)
_TEST_POINT_WGS84: Final = (-8.57854461, 57.81351838)
_MOST_OFF_M: Final = 0.05

_IS_OK: Final = {
    records.Standing.RIGHT: True,
    records.Standing.WRONG: False,
    records.Standing.UNKNOWN: None,
}
_MODE_OPEN_TO_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    One check.

    Attributes
    ----------
    check
        What was looked at.
    is_ok
        Whether it is as it should be; None if nobody could tell, which is neither right nor wrong.
    says
        What was seen, and what to do if it is not right.
    """

    check: str
    is_ok: bool | None
    says: str


def examine(
    services: Services, resolver: Callable[[], Resolver] = records.system_resolver
) -> tuple[Finding, ...]:
    """
    Look at everything that can be wrong, and go on after each fault.

    The relay and the DNS are asked only where mail is sent by SMTP; the relay gets no mail.

    Parameters
    ----------
    services
        The installation.
    resolver
        Returns whom to ask for the records of the sender's domain.

    Returns
    -------
    findings
        In the order of the checks.
    """
    checks: tuple[tuple[str, Callable[[Services], Iterator[Finding]]], ...] = (
        ("program", _program),
        ("coordinates", _coordinates),
        ("state folder", _state_folder),
        ("database", _database),
        ("sources", _sources),
        ("browser assets", _assets),
        ("mail", _mail),
        ("relay", _relay),
        ("DNS", lambda services: _names(services, resolver)),
    )
    return tuple(finding for name, look in checks for finding in _looked(name, look, services))


def _looked(
    name: str, look: Callable[[Services], Iterator[Finding]], services: Services
) -> list[Finding]:
    try:
        return list(look(services))
    except (SinkwatchError, OSError) as error:
        return [Finding(check=name, is_ok=False, says=str(error))]


def _program(services: Services) -> Iterator[Finding]:
    says = (
        f"sinkwatch {__version__}, Python {platform.python_version()}, "
        f"GDAL {pyogrio.__gdal_version_string__}, area {services.area.name}"
    )
    yield Finding(check="program", is_ok=True, says=says)


def _coordinates(services: Services) -> Iterator[Finding]:
    del services
    easting, northing = geo.to_bng(*_TEST_POINT_WGS84)
    off_m = max(
        abs(float(easting[0]) - _TEST_POINT_BNG[0]), abs(float(northing[0]) - _TEST_POINT_BNG[1])
    )
    yield Finding(
        check="coordinates",
        is_ok=off_m <= _MOST_OFF_M,
        says=f"OSTN15 test point TP31 is met to {off_m * 1000:.0f} mm",
    )


def _state_folder(services: Services) -> Iterator[Finding]:
    folder = services.settings.state_folder
    if not folder.is_dir():
        says = f"{folder.absolute()} will be made by the first run"
        yield Finding(check="state folder", is_ok=True, says=says)
        return
    for path in (folder, *(found for found in _private_files(folder) if found.is_file())):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & _MODE_OPEN_TO_OTHERS:
            says = f"{path} has mode {mode:o}, so others on this machine can read it; chmod go= it"
            yield Finding(check="state folder", is_ok=False, says=says)
            return
    yield Finding(check="state folder", is_ok=True, says=f"{folder.absolute()}, private")


def _private_files(folder: Path) -> tuple[Path, ...]:
    return (folder / "sinkwatch.db", folder / "secret", folder / "erasures.jsonl")


def _database(services: Services) -> Iterator[Finding]:
    if not services.has_store():
        yield Finding(check="database", is_ok=True, says="will be made by the first run")
        return
    with services.store() as store:
        described = store.describe()
    says = "; ".join(f"{name} {value}" for name, value in described.items())
    yield Finding(check="database", is_ok=True, says=says)


def _sources(services: Services) -> Iterator[Finding]:
    for state in intake.recall(services).states:
        status = wording.source_text(state)
        rows = wording.count_text(state.n_rows, "row")
        says = f"{status}, {rows}. {state.problem}".strip()
        yield Finding(
            check=f"source {state.spec.name}", is_ok=not intake.is_troubled(state), says=says
        )


def _assets(services: Services) -> Iterator[Finding]:
    del services
    n_characters = len(assets.leaflet_script().text) + len(assets.leaflet_styles().text)
    yield Finding(
        check="browser assets", is_ok=True, says=f"Leaflet is there, {n_characters:,} characters"
    )


def _mail(services: Services) -> Iterator[Finding]:
    settings = services.settings
    if settings.mail_transport == "folder":
        says = f"messages are written to {settings.mails().absolute()} and not sent"
        yield Finding(check="mail", is_ok=True, says=says)
        return
    says = f"{settings.smtp_host}:{settings.smtp_port}, {settings.smtp_security}, verified"
    yield Finding(check="mail", is_ok=True, says=says)


def _relay(services: Services) -> Iterator[Finding]:
    mailer = services.mailer()
    if isinstance(mailer, SmtpMailer):
        # One that is out of reach for now is still said: until it answers, no mail goes.
        yield Finding(check="relay", is_ok=True, says=mailer.probe().says)


def _names(services: Services, resolver: Callable[[], Resolver]) -> Iterator[Finding]:
    settings = services.settings
    if settings.mail_transport != "smtp":
        return
    found = records.examine(resolver, settings.sender_domain, dkim_selector=settings.dkim_selector)
    for remark in found:
        yield Finding(check=remark.check, is_ok=_IS_OK[remark.standing], says=remark.says)
