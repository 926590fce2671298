"""Settings and area files, read once and then frozen."""

from __future__ import annotations

import importlib.resources
import ipaddress
import os
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from sinkwatch import lint, wording
from sinkwatch.errors import ConfigError
from sinkwatch.model import (
    ANY_ROCK,
    NOT_OPTED_IN,
    ONLINE_KINDS,
    SWITCHED_OFF,
    Area,
    Band,
    BandStyle,
    BandTable,
    Bounds,
    GeologyClass,
    Overlay,
    Parameters,
    Policy,
    SourceSpec,
)

SETTINGS_FILE = "sinkwatch.toml"
"""Read from the folder where the command runs, unless ``--config`` names another."""

_PREFIX: Final = "SINKWATCH_"
_SECRET: Final = frozenset({"smtp_password", "database_url"})  # never shown, not even when wrong
_DATABASES: Final = ("sqlite:", "postgresql")
_DOMAIN: Final = re.compile(
    r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,62}",
    re.ASCII | re.IGNORECASE,
)
_SELECTOR: Final = re.compile(
    r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,5}", re.ASCII | re.IGNORECASE
)
_ADDRESS: Final = re.compile(r"[!-?A-~]+@[!-?A-~]+")  # something, one @, something; no space
# A name or an IPv6 address, but neither name:port nor a URL.
_HOST: Final = re.compile(r"[!-.0-9;-~]*|[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*", re.ASCII)
_TIME_OF_DAY: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_CLOCKS_CHANGE: Final = range(30, 151)  # minutes after midnight: 00:30 to 02:30


class Settings(BaseSettings):
    """
    What the operator may set, in `sinkwatch.toml` or as ``SINKWATCH_…`` in the environment.

    Attributes
    ----------
    area
        Name of an area that ships with sinkwatch, or the path of an ``area.toml``.
    state_folder
        Database, snapshots and mails.
    maps_folder
        Where the published site is written.
    evidence_packs
        Whether publishing makes an evidence pack for every flagged place.
    pictures
        Whether publishing draws the map and the cards of its pages as pictures.
    database_url
        SQLAlchemy URL; empty for SQLite in the state folder.
    planning_files
        Files of planning applications, CSV or GeoJSON; in the environment parted by colons.
    inventory_files
        The operator's own records of sinkholes, CSV or GeoJSON; in the environment parted by
        colons. They correct and add to those that ship, and remove none.
    online
        Whether sources on the internet are asked, under the name of ``contact``; unset, they are
        once ``contact`` is the operator's own.
    opt_in
        Names of sources to ask as well that are left alone otherwise; in the environment parted
        by commas.
    public_url
        Where the published site and the unsubscribe links answer; https.
    sender_domain
        Domain of the sender, of Message-IDs and of bounces.
    dkim_selector
        Name under which the relay publishes the key that it signs mail with, such as ``mail``;
        empty, the key is not looked at.
    contact
        Where corrections and questions go: an e-mail address, or a page that begins with https.
    mail_transport
        ``folder`` writes messages as files, ``smtp`` sends them.
    mail_folder
        Where ``folder`` writes; empty for ``mail`` in the state folder.
    smtp_host, smtp_port, smtp_security, smtp_user, smtp_password, smtp_password_file, smtp_ca_file
        The relay; TLS is always verified. ``smtp_security`` is ``starttls`` or ``tls``.
    run_at
        Time of the daily run, Europe/London, HH:MM.
    digest_at
        From which time of a day, a Monday or the first of a month digests may go, HH:MM.
    mails_per_second, mails_per_second_per_domain
        How fast messages are handed to the relay, in all and to one recipient domain.
    operator
        Address that is told when mail stands still or waits for approval; empty for none.
    serve_hosts
        Names under which the sign-up service answers besides that of ``public_url``.
    trusted_proxies
        Addresses of proxies whose ``X-Forwarded-For`` is believed.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        toml_file=SETTINGS_FILE,
    )

    area: str = "ripon"
    state_folder: Path = Path("var")
    maps_folder: Path = Path("maps")
    evidence_packs: bool = True
    pictures: bool = True
    database_url: str = Field(default="", repr=False)  # may hold a password
    planning_files: Annotated[tuple[Path, ...], NoDecode] = ()
    inventory_files: Annotated[tuple[Path, ...], NoDecode] = ()
    online: bool | None = None
    opt_in: Annotated[tuple[str, ...], NoDecode] = ()
    public_url: str = "https://sinkwatch.example"
    sender_domain: str = "sinkwatch.example"
    dkim_selector: str = ""
    contact: str = "corrections@sinkwatch.example"
    mail_transport: Literal["folder", "smtp"] = "folder"
    mail_folder: Path | None = None
    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls"] = "starttls"
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_password_file: Path | None = None
    smtp_ca_file: Path | None = None
    run_at: str = "06:00"
    digest_at: str = "07:00"
    mails_per_second: float = Field(default=10, gt=0, le=1000)
    mails_per_second_per_domain: float = Field(default=1, gt=0, le=1000)
    operator: str = ""
    serve_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()

    @field_validator("planning_files", "inventory_files", mode="before")
    @classmethod
    def _split_paths(cls, value: object) -> object:
        return [part for part in value.split(":") if part] if isinstance(value, str) else value

    @field_validator("opt_in", "serve_hosts", "trusted_proxies", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return [part for part in value.split(",") if part] if isinstance(value, str) else value

    @field_validator("state_folder", "maps_folder", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if value == "":
            message = "it is empty, which would be the folder where the command runs"
            raise ValueError(message)
        return value

    @field_validator("mail_folder", "smtp_password_file", "smtp_ca_file", mode="before")
    @classmethod
    def _none_if_empty(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value and not value.startswith(_DATABASES):
            message = "it must begin with sqlite: or postgresql"
            raise ValueError(message)
        return value

    @field_validator("public_url")
    @classmethod
    def _https(cls, value: str) -> str:
        # A letter outside ASCII, a space or a line end would break the header that holds the link.
        parts = urlsplit(value) if re.fullmatch("[!-~]+", value) else urlsplit("")
        if parts.scheme != "https" or not parts.hostname:
            message = f"{value} must begin with https:// (one-click unsubscribe needs it)"
            raise ValueError(message)
        if parts.query or parts.fragment or parts.username is not None:
            message = f"{value} must be an address alone, without user name, ? or #"
            raise ValueError(message)
        return value.rstrip("/")

    @field_validator("sender_domain")
    @classmethod
    def _domain(cls, value: str) -> str:
        if not _DOMAIN.fullmatch(value):
            message = f"{value} must be a domain like alerts.example.org"
            raise ValueError(message)
        return value.lower()

    @field_validator("dkim_selector")
    @classmethod
    def _labels(cls, value: str) -> str:
        if value and not _SELECTOR.fullmatch(value):
            message = f"{value} must be letters, digits, hyphens and dots, such as mail or s1.relay"
            raise ValueError(message)
        return value.lower()

    @field_validator("contact")
    @classmethod
    def _reachable(cls, value: str) -> str:
        if not (_ADDRESS.fullmatch(value) or re.fullmatch("https://[!-~]+", value)):
            message = f"{value} must be an e-mail address or begin with https://"
            raise ValueError(message)
        return value

    @field_validator("smtp_host")
    @classmethod
    def _host_alone(cls, value: str) -> str:
        if not _HOST.fullmatch(value):
            message = f"{value} must be the relay's name alone; its port is smtp_port"
            raise ValueError(message)
        return value

    @field_validator("operator")
    @classmethod
    def _one_mailbox(cls, value: str) -> str:
        if value and not _ADDRESS.fullmatch(value):
            message = f"{value} must be an e-mail address"
            raise ValueError(message)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in value:
            ipaddress.ip_network(proxy)  # its own words say what is wrong
        return value

    @field_validator("run_at", "digest_at")
    @classmethod
    def _time_of_day(cls, value: str) -> str:
        found = _TIME_OF_DAY.fullmatch(value)
        if found is None:
            message = f"{value} must be a time like 06:00"
            raise ValueError(message)
        hour, minute = int(found[1]), int(found[2])
        if hour * 60 + minute in _CLOCKS_CHANGE:
            message = f"{value} lies between 00:30 and 02:30, when clocks change"
            raise ValueError(message)
        return f"{hour:02d}:{minute:02d}"

    @model_validator(mode="after")
    def _smtp_is_complete(self) -> Self:
        if self.mail_transport != "smtp":
            return self
        missing = [
            name
            for name in ("smtp_host", "sender_domain", "public_url", "contact")
            if not getattr(self, name) or ".example" in str(getattr(self, name))
        ]
        if missing:
            message = f"mail_transport smtp needs {', '.join(missing)} to be set to your own"
            raise ValueError(message)
        has_password = self.smtp_password_file is not None or bool(self.smtp_password)
        if self.smtp_user and not has_password:
            message = f"smtp_user {self.smtp_user} needs smtp_password or smtp_password_file"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _who_asks_is_known(self) -> Self:
        # A service that has to stop us must be able to write to someone first.
        if self.online and ".example" in self.contact:
            message = "online = true needs contact to be set to your own"
            raise ValueError(message)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment override the file; nothing else is read."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    def is_online(self) -> bool:
        """Tell whether sources on the internet are asked; only if someone answers for it."""
        return ".example" not in self.contact if self.online is None else self.online

    def site_url(self) -> str:
        """Return the address of the published site; empty while ``public_url`` is nobody's own."""
        return "" if ".example" in self.public_url else self.public_url

    def signup_url(self) -> str:
        """Return where a reader subscribes; empty while ``public_url`` is nobody's own."""
        return f"{self.site_url()}/subscribe" if self.site_url() else ""

    def database(self) -> str:
        """Return the URL of the database: the one set, or SQLite in the state folder."""
        return self.database_url or f"sqlite:///{self.state_folder / 'sinkwatch.db'}"

    def mails(self) -> Path:
        """Return the folder for messages when they are written and not sent."""
        return self.mail_folder or self.state_folder / "mail"

    def relay_password(self) -> str:
        """
        Return the relay's password, from its file if one is named.

        Returns
        -------
        password
            Empty if none is set.

        Raises
        ------
        ConfigError
            If the file cannot be read, is not UTF-8 or is empty.
        """
        path = self.smtp_password_file
        if path is None:
            return self.smtp_password.get_secret_value()
        password = _read(path, "smtp_password_file").decode(errors="replace").strip()
        if not password or "\ufffd" in password:
            raise ConfigError(
                f"smtp_password_file {path}", "holds no password in UTF-8", "Write it there anew"
            )
        return password


def load_settings(path: Path | None = None) -> Settings:
    """
    Read the settings.

    Parameters
    ----------
    path
        The operator's file; None for ``sinkwatch.toml`` here, if there is one.

    Returns
    -------
    settings
        Frozen.

    Raises
    ------
    ConfigError
        If the file cannot be read or a value is impossible; it names all of them.
    """
    file = path or Path(SETTINGS_FILE)
    name = str(file)
    # Even a link that leads nowhere was meant: it is not passed over.
    if path is not None or os.path.lexists(file):
        _read(file, "the settings file")
    _refuse_unknown(os.environ)

    class _SettingsOfFile(Settings):
        model_config = SettingsConfigDict(**{**Settings.model_config, "toml_file": file})

    try:
        return _SettingsOfFile()
    except ValidationError as error:
        way_out = "Mend these settings; the README lists them all"
        raise _config_error(name, error, way_out) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(name, f"is not TOML ({error})", "Mend that line") from error


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    """Refuse a misspelt variable, which would otherwise be passed over without a word."""
    known = {f"{_PREFIX}{name}".upper() for name in Settings.model_fields}
    unknown = sorted(
        name
        for name in environment
        if name.upper().startswith(_PREFIX) and name.upper() not in known
    )
    if unknown:
        raise ConfigError(
            f"environment variable {', '.join(unknown)}",
            "is not a setting",
            "Mend its name or unset it; the README lists all settings",
        )


def data_folder() -> Path:
    """
    Return the folder of the data that ships with sinkwatch.

    Returns
    -------
    folder
        Inside the installed package, or beside it in a checkout.
    """
    package = Path(str(importlib.resources.files("sinkwatch")))
    installed = package / "data"
    return installed if installed.is_dir() else package.parent / "data"


def area_file(name: str) -> Path:
    """
    Return where the file of an area lies.

    Parameters
    ----------
    name
        Name of a folder that ships with sinkwatch, or the path of an ``area.toml``.

    Returns
    -------
    path
        Perhaps of no file.
    """
    return Path(name) if name.endswith(".toml") else data_folder() / name / "area.toml"


def load_area(name: str) -> Area:
    """
    Read an area.

    Parameters
    ----------
    name
        Name of a folder that ships with sinkwatch, or the path of an ``area.toml``.

    Returns
    -------
    area
        Frozen, with absolute paths.

    Raises
    ------
    ConfigError
        If there is no such area, or its file, band table or planning documents are wrong.
    """
    path = area_file(name)
    if not path.is_file():
        known = ", ".join(sorted(found.parent.name for found in data_folder().glob("*/area.toml")))
        raise ConfigError(
            f"area {name}", "is not there", f"Use {known}, or the path of an area.toml"
        )
    try:
        parsed = _AreaFile.model_validate(_toml(path))
    except ValidationError as error:
        way_out = "Mend these entries; compare with an area.toml that ships with sinkwatch"
        raise _config_error(str(path), error, way_out) from error
    return parsed.area(path.parent.resolve())


def area_of(settings: Settings, planning_files: Sequence[Path] = ()) -> Area:
    """
    Return the area that the settings name, with its sources as they set them up.

    Parameters
    ----------
    settings
        As read.
    planning_files
        Files of planning applications for this once, in place of those in the settings.

    Returns
    -------
    area
        Sources on the internet are switched off in it unless the settings say ``online``, and
        some of them unless they are named under ``opt_in`` too.

    Raises
    ------
    ConfigError
        If there is no such area, its file is wrong, or files or sources are named that it has no
        use for.
    """
    area = name_planning_files(load_area(settings.area), planning_files or settings.planning_files)
    area = add_inventory_files(area, settings.inventory_files)
    left_alone = {spec.name for spec in area.sources if spec.switched_off == NOT_OPTED_IN}
    unknown = sorted(set(settings.opt_in) - left_alone)
    if unknown:
        raise ConfigError(
            f"opt_in {', '.join(unknown)}",
            f"is no source of area {area.area_id} that waits to be opted into",
            f"Use any of {', '.join(sorted(left_alone)) or 'none'}",
        )
    return switch_on(area, settings.opt_in) if settings.is_online() else area


def switch_on(area: Area, opt_in: Collection[str] = ()) -> Area:
    """
    Let the sources on the internet be asked.

    Parameters
    ----------
    area
        As `load_area` returns it.
    opt_in
        Names of sources to ask that are left alone otherwise.

    Returns
    -------
    area
        New area.
    """
    return replace(
        area,
        sources=tuple(
            replace(spec, switched_off="")
            if spec.switched_off == SWITCHED_OFF or spec.name in opt_in
            else spec
            for spec in area.sources
        ),
    )


def name_planning_files(area: Area, files: Sequence[Path]) -> Area:
    """
    Give the area's planning source the operator's files, one source for each.

    Parameters
    ----------
    area
        With one source of kind ``applications``.
    files
        CSV or GeoJSON files; empty to leave the area as it is.

    Returns
    -------
    area
        New area.

    Raises
    ------
    ConfigError
        If files are given and the area has no such source.
    """
    if not files:
        return area
    template = next((spec for spec in area.sources if spec.kind == "applications"), None)
    if template is None:
        raise ConfigError(
            f"planning file {files[0]}",
            f"area {area.area_id} names no source of kind applications",
            "Add one without a path to its area.toml",
        )
    others = tuple(spec for spec in area.sources if spec.kind != "applications")
    named = tuple(
        replace(template, name=_numbered(template.name, number), path=Path(path).absolute())
        for number, path in enumerate(files, start=1)
    )
    return replace(area, sources=(*others, *named), parameters=_aged_alike(area, template, named))


def add_inventory_files(area: Area, files: Sequence[Path]) -> Area:
    """
    Give the area the operator's own records beside those that it has.

    Parameters
    ----------
    area
        The area.
    files
        CSV or GeoJSON files with the columns of the inventory that ships.

    Returns
    -------
    area
        New area.
    """
    own = tuple(
        SourceSpec(
            name=_numbered("own-records", number),
            kind="sinkholes",
            title="The operator's own records of sinkholes",
            path=Path(path).absolute(),
            licence="As the operator says",
            attribution="",
        )
        for number, path in enumerate(files, start=1)
    )
    return replace(area, sources=(*area.sources, *own)) if own else area


def _aged_alike(area: Area, template: SourceSpec, named: Sequence[SourceSpec]) -> Parameters:
    """Let every file grow old at the pace of the source that it stands for."""
    parameters = area.parameters

    def for_all(days: Mapping[str, int]) -> dict[str, int]:
        mine = days.get(template.name)
        return {**days, **({spec.name: mine for spec in named} if mine else {})}

    return replace(
        parameters,
        stale_after_days=for_all(parameters.stale_after_days),
        red_after_days=for_all(parameters.red_after_days),
    )


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def load_bands(path: Path, *, rock: str = ANY_ROCK) -> BandTable:
    """
    Read a band table.

    Parameters
    ----------
    path
        A file like ``data/bands.toml``.
    rock
        What an area calls its rock: it stands in the meanings where they say "{rock}".

    Returns
    -------
    table
        Checked: no class, ring or label is missing.

    Raises
    ------
    ConfigError
        If it has a hole or cannot be read.
    """
    try:
        parsed = _BandFile.model_validate(_toml(path))
    except ValidationError as error:
        way_out = "Mend these entries; compare with the bands.toml that ships with sinkwatch"
        raise _config_error(str(path), error, way_out) from error
    try:
        return parsed.table(rock)
    except ConfigError as error:
        raise ConfigError(f"{error.value} {path}", error.rule, error.way_out) from error


def load_policies(path: Path) -> tuple[Policy, ...]:
    """
    Read the planning documents of an area.

    Parameters
    ----------
    path
        A file like ``data/ripon/policies.toml``.

    Returns
    -------
    policies
        In the order of the file.

    Raises
    ------
    ConfigError
        If it cannot be read, or an entry is incomplete or contradicts itself.
    """
    try:
        parsed = _PolicyFile.model_validate(_toml(path))
    except ValidationError as error:
        way_out = "Mend these entries; compare with the policies.toml that ships with sinkwatch"
        raise _config_error(str(path), error, way_out) from error
    return tuple(entry.made() for entry in parsed.policy)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _StyleEntry(_Strict):
    band: str
    label: str
    meaning: str
    advice: str
    colour: str = Field(pattern=r"^#[0-9a-f]{6}$")
    hatch: Literal["none", "dots", "lines", "cross", "dense"]


class _BandFile(_Strict):
    rings_m: tuple[float, ...]
    bands: dict[Literal["A", "B", "C"], tuple[str, ...]]
    check_record: dict[Literal["A", "B", "C"], tuple[bool, ...]]
    style: tuple[_StyleEntry, ...]

    @model_validator(mode="after")
    def _one_style_each(self) -> Self:
        _refuse_repeated("styles are for band", [entry.band for entry in self.style])
        return self

    def table(self, rock: str) -> BandTable:
        styles = {
            Band.from_key(entry.band): BandStyle(
                **{
                    **entry.model_dump(),
                    "band": Band.from_key(entry.band),
                    "meaning": wording.of_rock(entry.meaning, rock),
                }
            )
            for entry in self.style
        }
        return BandTable(
            rings_m=self.rings_m,
            bands={
                GeologyClass[row]: tuple(Band.from_key(key) for key in keys)
                for row, keys in self.bands.items()
            },
            check_record={GeologyClass[row]: checks for row, checks in self.check_record.items()},
            styles=styles,
        )


class _PolicyEntry(_Strict):
    id: str = Field(pattern=r"^[a-z0-9-]{1,64}$")
    title: str = Field(min_length=1)
    says: str = Field(min_length=1)
    confirmed: bool
    valid_from: date | None = None
    valid_until: date | None = None
    open_ended: bool = False
    superseded: bool = False
    checked_on: date
    note: str = ""
    source_title: str = Field(min_length=1)
    source_url: str = Field(default="", pattern=r"^(https?://[!-~]+)?$")

    @model_validator(mode="after")
    def _days_agree(self) -> Self:
        if self.open_ended and (self.valid_until is not None or self.superseded):
            message = f"{self.id} cannot be open_ended and also have ended"
            raise ValueError(message)
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            message = f"{self.id} ends on {self.valid_until}, before {self.valid_from}"
            raise ValueError(message)
        return self

    def made(self) -> Policy:
        return Policy(
            policy_id=self.id,
            title=self.title,
            says=self.says,
            is_confirmed=self.confirmed,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            is_open_ended=self.open_ended,
            is_superseded=self.superseded,
            checked_on=self.checked_on,
            note=self.note,
            source_title=self.source_title,
            source_url=self.source_url,
        )


class _PolicyFile(_Strict):
    policy: tuple[_PolicyEntry, ...]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        _refuse_repeated("documents have the id", [entry.id for entry in self.policy])
        return self


class _SourceEntry(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9-]{1,64}$")
    kind: str
    title: str
    path: str = ""
    licence: str = ""
    attribution: str = ""
    edition: str = ""
    stale_after_days: int = Field(default=400, ge=1)
    red_after_days: int | None = Field(default=None, ge=1)
    every_days: float = Field(default=0.0, ge=0)
    restricted: bool = False
    opt_in: bool = False

    @model_validator(mode="after")
    def _red_comes_later(self) -> Self:
        if self.red_after_days is not None and self.red_after_days <= self.stale_after_days:
            message = f"red_after_days {self.red_after_days} must exceed stale_after_days"
            raise ValueError(f"{message} {self.stale_after_days}")
        return self

    def spec(self, folder: Path) -> SourceSpec:
        return SourceSpec(
            name=self.name,
            kind=self.kind,
            title=self.title,
            path=folder / self.path if self.path else None,
            licence=self.licence,
            attribution=self.attribution,
            edition=self.edition,
            options=dict(self.model_extra or {}),
            switched_off=self._switched_off(),
            every_days=self.every_days,
            is_restricted=self.restricted,
        )

    def _switched_off(self) -> str:
        if self.opt_in:
            return NOT_OPTED_IN
        return SWITCHED_OFF if self.kind in ONLINE_KINDS else ""


class _BoundsEntry(_Strict):
    min_easting: float
    min_northing: float
    max_easting: float
    max_northing: float

    def made(self) -> Bounds:
        return Bounds(**self.model_dump())


class _ParametersEntry(_Strict):
    default_radius_m: float = Field(default=7.5, gt=0, le=500)
    flag_within_m: float = Field(default=250.0, gt=0, le=5_000)
    recent_days: int = Field(default=90, ge=1)


class _OverlayEntry(_Strict):
    title: str
    url: str
    layers: tuple[str, ...]
    credit: str
    credit_url: str

    def made(self) -> Overlay:
        return Overlay(**self.model_dump())


class _AreaFile(_Strict):
    area_id: str = Field(pattern=r"^[a-z0-9-]{1,64}$")
    name: str
    ground: str
    authority: str
    rock: str = ANY_ROCK
    outcodes: tuple[str, ...] = ()
    map_centre: tuple[float, float]
    bands: str = ""
    policies: str = ""
    bounds: _BoundsEntry
    parameters: _ParametersEntry = _ParametersEntry()
    class_notes: dict[Literal["A", "B", "C"], str]
    districts: dict[str, tuple[str, ...]] = {}
    source: tuple[_SourceEntry, ...]
    overlay: tuple[_OverlayEntry, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        _refuse_repeated("sources are named", [entry.name for entry in self.source])
        missing = sorted({"A", "B", "C"} - set(self.class_notes))
        if missing:
            message = f"class_notes lacks {', '.join(missing)}"
            raise ValueError(message)
        return self

    @field_validator("rock")
    @classmethod
    def _rock_may_be_said(cls, rock: str) -> str:
        # It stands in every page, mail and pack.
        if found := lint.faults(rock):
            message = f"holds {found[0]!r}, which no page may say"
            raise ValueError(message)
        return rock

    @model_validator(mode="after")
    def _map_shows_the_area(self) -> Self:
        # Axes exchanged here would show another county, and nothing else would notice.
        if not self.bounds.made().holds(*self.map_centre):
            message = f"map_centre {list(self.map_centre)} lies outside the bounds"
            raise ValueError(message)
        return self

    def area(self, folder: Path) -> Area:
        return Area(
            area_id=self.area_id,
            name=self.name,
            ground=self.ground,
            authority=self.authority,
            outcodes=self.outcodes,
            bounds=self.bounds.made(),
            map_centre=self.map_centre,
            parameters=Parameters(
                table=load_bands(
                    folder / self.bands if self.bands else data_folder() / "bands.toml",
                    rock=self.rock,
                ),
                stale_after_days={e.name: e.stale_after_days for e in self.source},
                red_after_days={
                    e.name: e.red_after_days for e in self.source if e.red_after_days is not None
                },
                **self.parameters.model_dump(),
            ),
            sources=tuple(entry.spec(folder) for entry in self.source),
            class_notes={GeologyClass[row]: note for row, note in self.class_notes.items()},
            rock=self.rock,
            districts=self.districts,
            overlays=tuple(entry.made() for entry in self.overlay),
            policies=load_policies(folder / self.policies) if self.policies else (),
        )


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_read(path, "the file").decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"is not TOML ({error})", "Mend that line") from error


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            str(path), f"{what} cannot be read ({error.strerror})", "Check its name and rights"
        ) from error


def _refuse_repeated(what: str, names: Sequence[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        message = f"two {what} {', '.join(repeated)}"
        raise ValueError(message)


def _config_error(name: str, error: ValidationError, way_out: str) -> ConfigError:
    faults = [
        _fault(
            ".".join(str(part) for part in fault["loc"]),
            fault["type"],
            fault["msg"],
            fault["input"],
        )
        for fault in error.errors()
    ]
    return ConfigError(name, "; ".join(faults), way_out)


def _fault(entry: str, kind: str, message: str, value: object) -> str:
    """Name the entry, its value if that is not secret, and the rule."""
    if kind == "extra_forbidden":  # perhaps a misspelt secret: its value stays unsaid
        return f"{entry} is not an entry that is known"
    rule = message.removeprefix("Value error, ")
    is_shown = isinstance(value, str | int | float) and entry not in _SECRET
    shown = f'{entry} "{value}"' if is_shown and str(value) not in rule else entry
    return f"{shown}: {rule}" if entry else rule
