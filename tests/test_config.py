"""Settings and area files: what is taken, and what is refused in one line that says why."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr, ValidationError

from sinkwatch import config, model
from sinkwatch.config import Settings, load_area, load_bands, load_settings, name_planning_files
from sinkwatch.errors import ConfigError
from sinkwatch.model import ANY_ROCK, ONLINE_KINDS, Band, GeologyClass

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinkwatch.model import Area

SMTP = {
    "mail_transport": "smtp",
    "smtp_host": "mail.council.uk",
    "sender_domain": "alerts.council.uk",
    "public_url": "https://sinkholes.council.uk",
    "contact": "help@council.uk",
}


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run where no settings file lies, with nothing set in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.upper().startswith("SINKWATCH_"):
            monkeypatch.delenv(name)


def written(**entries: object) -> Path:
    """Write a settings file and return its path."""
    path = Path("mine.toml")
    lines = [f"{name} = {_toml(value)}" for name, value in entries.items()]
    path.write_text("\n".join(lines))
    return path


def _toml(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_toml(one) for one in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def refused(**entries: object) -> ConfigError:
    with pytest.raises(ConfigError) as error:
        load_settings(written(**entries))
    assert "\n" not in str(error.value)
    return error.value


# ── Settings: where they come from ───────────────────────────────────────────────────────────


def test_without_a_file_every_setting_has_a_value_that_works_offline() -> None:
    settings = load_settings()
    assert settings.area == "ripon"
    assert settings.mail_transport == "folder"
    assert settings.mails() == Path("var/mail")
    assert settings.database() == "sqlite:///var/sinkwatch.db"
    assert settings.relay_password() == ""


def test_the_file_in_this_folder_is_read_and_another_one_if_it_is_named() -> None:
    Path("sinkwatch.toml").write_text('run_at = "07:15"\n')
    assert load_settings().run_at == "07:15"
    assert load_settings(written(run_at="08:15")).run_at == "08:15"


def test_the_environment_overrides_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINKWATCH_RUN_AT", "09:00")
    monkeypatch.setenv("sinkwatch_smtp_port", "2525")
    settings = load_settings(written(run_at="07:15", contact="a@council.uk"))
    assert (settings.run_at, settings.smtp_port) == ("09:00", 2525)
    assert settings.contact == "a@council.uk"


def test_a_dot_env_file_is_not_read() -> None:
    Path(".env").write_text("SINKWATCH_RUN_AT=09:00\n")
    assert load_settings().run_at == "06:00"


def test_settings_do_not_change_once_read() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError, match="frozen"):
        setattr(settings, "area", "elsewhere")  # noqa: B010 - mypy refuses it as it should


def test_an_unknown_setting_is_refused_without_its_value() -> None:
    error = refused(smtp_pasword="hunter2")  # noqa: S106 - made up
    assert error.rule == "smtp_pasword is not an entry that is known"
    assert error.way_out == "Mend these settings; the README lists them all"
    assert "hunter2" not in str(error)


def test_an_unknown_variable_is_refused_instead_of_being_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SINKWATCH_SMTP_PASWORD", "hunter2")
    with pytest.raises(ConfigError) as error:
        load_settings()
    assert error.value.value == "environment variable SINKWATCH_SMTP_PASWORD"
    assert error.value.rule == "is not a setting"
    assert "hunter2" not in str(error.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    error = refused(smtp_port=0, run_at="noon", colour="red")
    assert len(error.rule.split("; ")) == 3


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"run_at = 06:00:", "is not TOML"),
        (b"run_at = '\xff'", "is not TOML"),
        (b"area = ", "is not TOML"),
    ],
)
def test_a_file_that_is_no_toml_is_refused(content: bytes, rule: str) -> None:
    Path("mine.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=rf"mine\.toml: {rule} .*Mend that line"):
        load_settings(Path("mine.toml"))


def test_a_settings_file_that_is_named_must_be_there() -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: the settings file cannot be read \(No su"):
        load_settings(Path("none.toml"))


def test_a_settings_file_here_that_cannot_be_read_is_not_passed_over() -> None:
    Path("sinkwatch.toml").symlink_to("/not/mounted/sinkwatch.toml")
    with pytest.raises(ConfigError, match=r"sinkwatch\.toml: the settings file cannot be read"):
        load_settings()


# ── Settings: one by one ─────────────────────────────────────────────────────────────────────

GOOD: dict[str, tuple[object, object]] = {
    "area": ("ripon", "ripon"),
    "state_folder": ("/var/lib/sinkwatch", Path("/var/lib/sinkwatch")),
    "maps_folder": ("public", Path("public")),
    "evidence_packs": (False, False),
    "pictures": (False, False),
    "database_url": ("postgresql+psycopg://db/sw", "postgresql+psycopg://db/sw"),
    "online": (True, True),
    "opt_in": (["uprn", "prices"], ("uprn", "prices")),
    "planning_files": (["a.csv", "b.geojson"], (Path("a.csv"), Path("b.geojson"))),
    "inventory_files": (["own.csv"], (Path("own.csv"),)),
    "public_url": ("https://council.uk/sinkholes/", "https://council.uk/sinkholes"),
    "sender_domain": ("Alerts.Council.uk", "alerts.council.uk"),
    "contact": ("https://council.uk/contact", "https://council.uk/contact"),
    "mail_transport": ("folder", "folder"),
    "mail_folder": ("mails", Path("mails")),
    "smtp_host": ("mail.council.uk", "mail.council.uk"),
    "smtp_port": (465, 465),
    "smtp_security": ("tls", "tls"),
    "smtp_user": ("sinkwatch", "sinkwatch"),
    "smtp_password": ("hunter2", SecretStr("hunter2")),
    "smtp_password_file": ("/run/secrets/smtp", Path("/run/secrets/smtp")),
    "smtp_ca_file": ("ca.pem", Path("ca.pem")),
    "run_at": ("5:45", "05:45"),
    "digest_at": ("8:00", "08:00"),
    "mails_per_second": (50, 50),
    "mails_per_second_per_domain": (0.5, 0.5),
    "operator": ("me@holes.org", "me@holes.org"),
    "dkim_selector": ("mail2026", "mail2026"),
    "serve_hosts": (["127.0.0.1", "alerts.lan"], ("127.0.0.1", "alerts.lan")),
    "trusted_proxies": (["10.0.0.0/8", "::1"], ("10.0.0.0/8", "::1")),
}

IMPOSSIBLE: list[tuple[str, object, str]] = [
    ("area", 5, 'area "5": Input should be a valid string'),
    ("state_folder", "", "state_folder: it is empty, which would be the folder where the command"),
    ("maps_folder", "", "maps_folder: it is empty"),
    ("evidence_packs", "some", 'evidence_packs "some": Input should be a valid boolean'),
    ("pictures", "few", 'pictures "few": Input should be a valid boolean'),
    ("database_url", "mysql://me:hunter2@db/sw", "it must begin with sqlite: or postgresql"),
    ("online", "perhaps", 'online "perhaps": Input should be a valid boolean'),
    ("online", True, "online = true needs contact to be set to your own"),
    ("opt_in", 5, 'opt_in "5": Input should be a valid tuple'),
    ("planning_files", 5, 'planning_files "5": Input should be a valid tuple'),
    ("inventory_files", 5, 'inventory_files "5": Input should be a valid tuple'),
    ("public_url", "http://council.uk", "http://council.uk must begin with https://"),
    ("public_url", "https://", "https:// must begin with https://"),
    ("public_url", "https://council.uk/a b", "https://council.uk/a b must begin with https://"),
    ("public_url", "https://council.uk/?p=1", "must be an address alone, without user name, ? or"),
    ("public_url", "https://me@council.uk", "must be an address alone, without user name, ? or"),
    ("sender_domain", "localhost", "localhost must be a domain like alerts.example.org"),
    ("sender_domain", "a.uk\\r\\nBcc: x@y.uk", "must be a domain like alerts.example.org"),
    ("contact", "the town hall", "the town hall must be an e-mail address or begin with https"),
    ("mail_transport", "pigeon", "mail_transport \"pigeon\": Input should be 'folder' or 'smtp'"),
    ("mail_folder", 5, 'mail_folder "5": Input is not a valid path'),
    ("smtp_host", "mail.uk:587", "mail.uk:587 must be the relay's name alone; its port is smtp_p"),
    ("smtp_port", 0, 'smtp_port "0": Input should be greater than or equal to 1'),
    ("smtp_port", 65_536, 'smtp_port "65536": Input should be less than or equal to 65535'),
    ("smtp_security", "none", "smtp_security \"none\": Input should be 'starttls' or 'tls'"),
    ("smtp_user", 5, 'smtp_user "5": Input should be a valid string'),
    ("smtp_password", 5, "smtp_password: Input should be a valid string"),
    ("smtp_password_file", 5, 'smtp_password_file "5": Input is not a valid path'),
    ("smtp_ca_file", 5, 'smtp_ca_file "5": Input is not a valid path'),
    ("run_at", "noon", "noon must be a time like 06:00"),
    ("run_at", "24:00", "24:00 must be a time like 06:00"),
    ("run_at", "6.30", "6.30 must be a time like 06:00"),
    ("run_at", "²:00", "²:00 must be a time like 06:00"),
    ("run_at", "00:30", "00:30 lies between 00:30 and 02:30, when clocks change"),
    ("run_at", "01:15", "01:15 lies between 00:30 and 02:30, when clocks change"),
    ("run_at", "02:30", "02:30 lies between 00:30 and 02:30, when clocks change"),
    ("digest_at", "7", "7 must be a time like 06:00"),
    ("mails_per_second", 0, "mails_per_second: Input should be greater than 0"),
    ("mails_per_second_per_domain", 1001, "Input should be less than or equal to 1000"),
    ("operator", "me", "me must be an e-mail address"),
    ("dkim_selector", "a b", "dkim_selector"),
    ("serve_hosts", 5, 'serve_hosts "5": Input should be a valid tuple'),
    ("trusted_proxies", ["10.0.0.1/8"], "10.0.0.1/8 has host bits set"),
]


NEEDS: dict[str, dict[str, object]] = {
    "online": {"contact": "me@holes.org"},
    "smtp_user": {"smtp_password": "x"},
}
"""What a setting cannot do without."""


def test_every_setting_has_a_good_and_an_impossible_value_here() -> None:
    names = set(Settings.model_fields)
    assert set(GOOD) == names
    assert {name for name, _, _ in IMPOSSIBLE} == names


@pytest.mark.parametrize("name", GOOD)
def test_a_good_value_is_taken_from_the_file(name: str) -> None:
    given, kept = GOOD[name]
    entries = {name: given, **NEEDS.get(name, {})}
    assert getattr(load_settings(written(**entries)), name) == kept


@pytest.mark.parametrize(("name", "value", "rule"), IMPOSSIBLE)
def test_an_impossible_value_is_refused_with_its_name_the_rule_and_the_way_out(
    name: str, value: object, rule: str
) -> None:
    error = refused(**{name: value})
    assert error.value == "mine.toml"
    assert error.rule.startswith(name)
    assert rule in error.rule
    assert error.way_out == "Mend these settings; the README lists them all"


@pytest.mark.parametrize("value", ["00:29", "02:31", "00:00", "23:59"])
def test_a_run_may_start_at_any_other_time(value: str) -> None:
    assert load_settings(written(run_at=value)).run_at == value


def test_planning_files_in_the_environment_are_parted_by_colons(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SINKWATCH_PLANNING_FILES", "a.csv:/data/b c.geojson:")
    assert load_settings().planning_files == (Path("a.csv"), Path("/data/b c.geojson"))
    monkeypatch.setenv("SINKWATCH_PLANNING_FILES", "")
    assert load_settings().planning_files == ()


@pytest.mark.parametrize("name", ["mail_folder", "smtp_password_file", "smtp_ca_file"])
def test_an_optional_path_left_empty_is_none_and_not_this_folder(name: str) -> None:
    assert getattr(load_settings(written(**{name: ""})), name) is None


@pytest.mark.parametrize("host", ["192.0.2.7", "::1", "2001:db8::25"])
def test_a_relay_may_be_an_address(host: str) -> None:
    assert load_settings(written(smtp_host=host)).smtp_host == host


# ── Settings: together ───────────────────────────────────────────────────────────────────────


def test_smtp_with_all_it_needs_is_taken() -> None:
    settings = load_settings(written(**SMTP, smtp_user="me", smtp_password="hunter2"))  # noqa: S106 - made up
    assert settings.mail_transport == "smtp"
    assert settings.relay_password() == "hunter2"


@pytest.mark.parametrize("name", ["smtp_host", "sender_domain", "public_url", "contact"])
def test_smtp_without_one_of_its_own_settings_is_refused(name: str) -> None:
    entries = {key: value for key, value in SMTP.items() if key != name}
    rule = f"mail_transport smtp needs {name} to be set to your own"
    assert refused(**entries).rule == rule


def test_smtp_does_not_go_out_in_the_name_of_an_example() -> None:
    error = refused(**{**SMTP, "sender_domain": "x.example", "contact": "me@town.example"})
    assert error.rule == "mail_transport smtp needs sender_domain, contact to be set to your own"


def test_an_smtp_user_needs_a_password() -> None:
    error = refused(**SMTP, smtp_user="me")
    assert error.rule == "smtp_user me needs smtp_password or smtp_password_file"


def test_passwords_are_never_shown() -> None:
    settings = load_settings(
        written(smtp_password="hunter2", database_url="postgresql://me:hunter3@db/sw")  # noqa: S106 - made up
    )
    for text in (repr(settings), str(settings), settings.model_dump_json(exclude={"database_url"})):
        assert "hunter" not in text
    assert settings.database() == "postgresql://me:hunter3@db/sw"
    error = refused(smtp_password="hunter2", database_url="mysql://me:hunter3@db", run_at="x")  # noqa: S106 - made up
    assert "hunter" not in str(error)
    assert "hunter" not in str(error.__cause__)


def test_a_password_may_lie_in_a_file_of_its_own() -> None:
    Path("secret").write_text("hunter2\n")
    assert load_settings(written(smtp_password_file="secret")).relay_password() == "hunter2"  # noqa: S106 - a path


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
def test_a_password_file_without_a_password_is_refused(content: bytes) -> None:
    Path("secret").write_bytes(content)
    settings = load_settings(written(smtp_password_file="secret"))  # noqa: S106 - a path
    with pytest.raises(ConfigError, match="smtp_password_file secret: holds no password in UTF-8"):
        settings.relay_password()


def test_a_password_file_that_is_gone_is_named() -> None:
    settings = load_settings(written(smtp_password_file="secret"))  # noqa: S106 - a path
    with pytest.raises(ConfigError, match="secret: smtp_password_file cannot be read"):
        settings.relay_password()


# ── Areas ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """Copy the area that ships, change its text and return the path of its file."""

    def change(*changes: tuple[str, str], file: str = "ripon/area.toml") -> Path:
        shutil.copytree(config.data_folder(), tmp_path / "data")
        path = tmp_path / "data" / file
        text = path.read_text()
        for old, new in changes:
            assert len(re.findall(old, text, re.MULTILINE)) >= 1, old
            text = re.sub(old, new, text, count=1, flags=re.MULTILINE)
        path.write_text(text)
        return tmp_path / "data" / "ripon" / "area.toml"

    return change


def area_refused(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as error:
        load_area(str(path))
    assert "\n" not in str(error.value)
    return error.value


def test_the_area_that_ships_is_whole(ripon: Area) -> None:
    assert ripon.area_id == "ripon"
    assert ripon.bounds.holds(*ripon.map_centre)
    assert set(ripon.class_notes) == {GeologyClass.A, GeologyClass.B, GeologyClass.C}
    for spec in ripon.sources:
        assert ripon.parameters.stale_after_days[spec.name] >= 1
        assert spec.path is None or (spec.path.is_absolute() and spec.path.is_file())
    without_a_file = {spec.kind for spec in ripon.sources if spec.path is None}
    assert without_a_file <= ONLINE_KINDS | {"applications"}


def test_what_a_source_needs_beyond_the_rest_goes_with_it(ripon: Area) -> None:
    options = {spec.name: dict(spec.options) for spec in ripon.sources}
    assert options.pop("geology") == {"classes": {"A": "A", "B": "B", "C": "C"}}
    planit = options.pop("planit")
    assert planit.pop("idox")
    assert planit == {
        "base_url": "https://www.planit.org.uk",
        "latitude": 54.138,
        "longitude": -1.524,
        "radius_km": 4,
    }
    assert options.pop("planning") == {}
    with_files = [spec.name for spec in ripon.sources if spec.path is not None]
    assert all(not options.get(name) for name in with_files)


def test_an_area_by_path_is_read_with_its_own_files(changed: Callable[..., Path]) -> None:
    path = changed(('^name = "Ripon"', 'name = "Bedale"'))
    area = load_area(str(path))
    assert area.name == "Bedale"
    assert {spec.path.parent for spec in area.sources if spec.path} == {path.parent}


def test_an_area_needs_no_parameters_of_its_own(changed: Callable[..., Path]) -> None:
    parameters = load_area(
        str(
            changed(
                (r"\[parameters\]\n(.*\n){3}", ""),
                (r"stale_after_days = 2\nred_after_days = 7$", ""),
            )
        )
    ).parameters
    found = (parameters.default_radius_m, parameters.flag_within_m, parameters.recent_days)
    assert found == (7.5, 250.0, 90)
    assert parameters.stale_after_days["planit"] == 400


@pytest.mark.parametrize("name", ["atlantis", "", "../../etc", "none.toml"])
def test_an_unknown_area_is_refused_with_those_that_are_known(name: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_area(name)
    assert error.value.value == f"area {name}"
    assert error.value.way_out == "Use ripon, or the path of an area.toml"


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("^A = .*$", "", "class_notes lacks A"),
        ('^name = "places"', 'name = "sinkholes"', "two sources are named sinkholes"),
        ('^name = "places"', 'name = "Places!"', 'source.2.name "Places!": String should match'),
        ('^area_id = "ripon"', 'area_id = "../x"', 'area_id "../x": String should match'),
        ("^authority = .*$", "", "authority: Field required"),
        ("^ground = ", "grund = ", "grund is not an entry that is known"),
        ("^flag_within_m = 250 ", "flag_within_m = -1 ", 'parameters.flag_within_m "-1": Input'),
        ("^recent_days = 90 ", "recent_days = 0 ", 'parameters.recent_days "0": Input should be'),
        ("^stale_after_days = 2$", "stale_after_days = 0", 'stale_after_days "0": Input'),
        ("^min_easting = ", "least_easting = ", "bounds.min_easting: Field required"),
        ("431500, 471500", "471500, 431500", "map_centre [471500.0, 431500.0] lies outside the b"),
        (r"\[class_notes\]", "[class_notes]\nD = 'x'", "class_notes.D"),
    ],
)
def test_an_area_file_with_a_fault_is_refused_in_one_line(
    changed: Callable[..., Path], old: str, new: str, rule: str
) -> None:
    path = changed((old, new))
    error = area_refused(path)
    assert error.value == str(path)
    assert rule in error.rule
    assert "compare with an area.toml that ships" in error.way_out


def test_bounds_that_are_inside_out_are_refused(changed: Callable[..., Path]) -> None:
    error = area_refused(changed(("^max_northing = .*$", "max_northing = 1")))
    assert error.value.startswith("bounds (424800.0, 463900.0, 438600.0, 1.0)")


def test_an_area_file_that_is_no_toml_is_refused(changed: Callable[..., Path]) -> None:
    assert "is not TOML" in area_refused(changed((r"\[bounds\]", "[bounds"))).rule


# ── Bands ────────────────────────────────────────────────────────────────────────────────────


def test_the_bands_that_ship_are_a_whole_table() -> None:
    table = load_bands(config.data_folder() / "bands.toml")
    assert table.rings_m == (50, 250, 500)
    assert table.bands[GeologyClass.C][0] is Band.VERY_HIGH
    assert set(table.styles) == set(Band)
    looks = {(style.colour, style.hatch) for style in table.styles.values()}
    assert len(looks) == len({style.label for style in table.styles.values()}) == len(Band)


def test_the_meanings_of_bands_name_the_rock_of_the_area(changed: Callable[..., Path]) -> None:
    def meaning(area: Area, band: Band) -> str:
        return area.parameters.table.styles[band].meaning

    ripon = load_area("ripon")
    assert ripon.rock == "gypsum"
    assert meaning(ripon, Band.HIGH) == (
        "Susceptible ground with a recorded event within about 250 m, or ground with gypsum at "
        "depth and one within about 50 m."
    )
    assert (
        meaning(ripon, Band.LOW) == "Gypsum only at depth, or none known, and few records nearby."
    )
    assert meaning(ripon, Band.NONE_IDENTIFIED) == (
        "No gypsum is known beneath and no counted record within about 250 m in the data we hold. "
        "This is the lowest band; it does not mean none can happen."
    )
    other = load_area(str(changed((r'^rock = "gypsum".*\n', ""))))
    assert other.rock == ANY_ROCK
    assert meaning(other, Band.NONE_IDENTIFIED).startswith("No rock that can dissolve is known")
    assert meaning(other, Band.LOW).startswith("Rock that can dissolve only at depth")
    assert "{" not in "".join(style.meaning for style in other.parameters.table.styles.values())


@pytest.mark.parametrize(
    ("rock", "rule"),
    [
        ('""', "must be plain words on one line"),
        ('"{rock}"', "must be plain words on one line"),
        ('"gypsum\\\\nsalt"', "must be plain words on one line"),
        ('"land that is safe"', "holds 'safe', which no page may say"),
        ('"GYPSUM"', "holds 'GYPSUM', which no page may say"),
        ("7", 'rock "7": Input should be a valid string'),
    ],
)
def test_a_rock_that_no_page_may_name_is_refused(
    changed: Callable[..., Path], rock: str, rule: str
) -> None:
    error = area_refused(changed(('^rock = "gypsum"', f"rock = {rock}")))
    assert rule in error.rule
    assert error.way_out


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (
            r'^B = \["high", "moderate", "low", "low"\]',
            'B = ["high", "moderate", "low"]',
            "class B has 3 bands for 3 rings",
        ),
        ('^A = .*"none_identified"]$', "", "class A has 0 bands for 3 rings"),
        (r"^C = \[false.*$", "C = [false]", "class C has 1 check_record for 3 rings"),
        (r"50, 250, 500", "250, 50, 500", "rings [250.0, 50.0, 500.0] must be ascending"),
        (r"50, 250, 500", "50, 50, 500", "must be ascending"),
        (r"50, 250, 500", "-50, 250, 500", "must be positive, finite distances in metres"),
        (r"50, 250, 500", "50, 250, inf", "must be positive, finite distances in metres"),
        ('"very_high", "high"', '"high", "very_high"', "class C has a higher band in a ring furt"),
        ('^B = \\["high"', 'B = ["dreadful"', "is not a band"),
        ('^band = "low"', 'band = "high"', "two styles are for band high"),
        (r'\[\[style\]\]\nband = "low"\n(.*\n){5}', "", "band low has no label"),
        ("#7a1f4d", "purple", 'style.0.colour "purple": String should match'),
        ('hatch = "dense"', 'hatch = "stars"', 'style.0.hatch "stars": Input should be'),
        ("^rings_m", "rings", "rings is not an entry that is known"),
    ],
)
def test_a_band_table_with_a_fault_is_refused_with_its_file(
    changed: Callable[..., Path], old: str, new: str, rule: str
) -> None:
    area_file = changed((old, new), file="bands.toml")
    error = area_refused(area_file)
    assert rule in error.rule
    assert "bands.toml" in error.value
    assert error.way_out


def test_a_band_table_that_is_gone_is_named(changed: Callable[..., Path]) -> None:
    error = area_refused(changed((r"\.\./bands\.toml", "../gone.toml")))
    assert error.value.endswith("gone.toml")
    assert "cannot be read (No such file" in error.rule


# ── Planning documents ───────────────────────────────────────────────────────────────────────


def test_planning_documents_are_read_as_they_stand(ripon: Area) -> None:
    policies = {policy.policy_id: policy for policy in ripon.policies}
    plan = policies["ripon-neighbourhood-plan"]
    assert (plan.valid_from, plan.valid_until) == (date(2019, 4, 10), date(2029, 12, 31))
    assert (plan.is_confirmed, plan.is_superseded, plan.is_open_ended) == (True, False, False)
    assert policies["local-plan-2001"].is_superseded
    assert not policies["local-plan-ne9"].is_confirmed


def test_an_area_may_name_no_planning_documents(changed: Callable[..., Path]) -> None:
    assert load_area(str(changed(("^policies = .*$", "")))).policies == ()


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("^confirmed = true$", "", "policy.0.confirmed: Field required"),
        ("^confirmed = true$", 'confirmed = "perhaps"', "policy.0.confirmed"),
        ("^checked_on = .*$", "", "policy.0.checked_on: Field required"),
        ("^checked_on = .*$", 'checked_on = "lately"', 'policy.0.checked_on "lately": Input sh'),
        ('^id = "local-plan-2001"', 'id = "nppf"', "two documents have the id nppf"),
        ('^id = "nppf"', 'id = "N P"', 'policy.9.id "N P": String should match'),
        ("^title = .*$", 'title = ""', "policy.0.title"),
        ("^valid_until = 2029-12-31", "valid_until = 2018-12-31", "ends on 2018-12-31, before 20"),
        ("^valid_until = ", "open_ended = true\nvalid_until = ", "open_ended and also have ended"),
        ("^superseded = ", "open_ended = true\nsuperseded = ", "open_ended and also have ended"),
        ('^source_url = "https', 'source_url = "javascript', "policy.0.source_url"),
        ("^says = ", "sais = ", "policy.0.sais is not an entry that is known"),
        (r"^\[\[policy\]\]", "[[policy]", "is not TOML"),
    ],
)
def test_planning_documents_with_a_fault_are_refused_with_their_file(
    changed: Callable[..., Path], old: str, new: str, rule: str
) -> None:
    error = area_refused(changed((old, new), file="ripon/policies.toml"))
    assert rule in error.rule
    assert "policies.toml" in error.value
    assert error.way_out


def test_a_file_of_planning_documents_that_is_gone_is_named(changed: Callable[..., Path]) -> None:
    error = area_refused(changed(("^policies = .*$", 'policies = "gone.toml"')))
    assert error.value.endswith("gone.toml")
    assert "cannot be read (No such file" in error.rule


# ── Planning files ───────────────────────────────────────────────────────────────────────────


def why_off(settings: Settings) -> dict[str, str]:
    """Say of every source on the internet why it is not asked."""
    specs = config.area_of(settings).sources
    return {spec.name: spec.switched_off for spec in specs if spec.kind in ONLINE_KINDS}


@pytest.mark.parametrize(
    "settings",
    [{}, {"online": False, "contact": "me@holes.org"}],
    ids=["nobody answers for it", "the operator wants none to be asked"],
)
def test_no_source_on_the_internet_is_asked(settings: dict[str, Any]) -> None:
    assert why_off(Settings(**settings))["planit"] == model.SWITCHED_OFF


@pytest.mark.parametrize("online", [True, None])
def test_sources_on_the_internet_are_asked_once_somebody_answers_for_it(
    *, online: bool | None
) -> None:
    assert why_off(Settings(online=online, contact="me@holes.org"))["planit"] == ""


def opted(tmp_path: Path, *names: str) -> dict[str, str]:
    """Say why each source of a Ripon with PlanIt to be opted into is not asked."""
    text = (config.data_folder() / "ripon" / "area.toml").read_text()
    folder = tmp_path / "data" / "ripon"
    folder.mkdir(parents=True)
    shutil.copy(config.data_folder() / "bands.toml", folder.parent)
    shutil.copy(config.data_folder() / "ripon" / "policies.toml", folder)
    (folder / "area.toml").write_text(
        text.replace('"planit"\ntitle', '"planit"\nopt_in = true\ntitle')
    )
    area = str(folder / "area.toml")
    return why_off(Settings(area=area, contact="me@holes.org", opt_in=names))


def test_a_source_to_be_opted_into_is_left_alone(tmp_path: Path) -> None:
    assert opted(tmp_path)["planit"] == model.NOT_OPTED_IN


def test_a_source_that_is_opted_into_is_asked(tmp_path: Path) -> None:
    assert opted(tmp_path, "planit")["planit"] == ""


def test_opting_into_what_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"opt_in plannit: is no source of area ripon that waits"):
        opted(tmp_path, "plannit")


def test_red_comes_after_amber(changed: Callable[..., Path]) -> None:
    error = area_refused(changed(("red_after_days = 7$", "red_after_days = 2")))
    assert "red_after_days 2 must exceed stale_after_days 2" in error.rule


def test_without_planning_files_the_area_is_the_same(ripon: Area) -> None:
    assert name_planning_files(ripon, ()) is ripon


def test_each_planning_file_is_a_source_of_its_own_like_the_area_s(ripon: Area) -> None:
    area = name_planning_files(ripon, [Path("a.csv"), Path("/data/b.geojson")])
    template = ripon.sources[-1]
    assert area.sources == (
        *ripon.sources[:-1],
        replace(template, path=Path.cwd() / "a.csv"),
        replace(template, name="planning-2", path=Path("/data/b.geojson")),
    )
    days: dict[str, Any] = dict(area.parameters.stale_after_days)
    assert days["planning"] == days["planning-2"] == 2


def test_own_records_come_after_those_that_ship(tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    area = config.area_of(Settings(inventory_files=(own, own)))
    found = [(spec.name, spec.path) for spec in area.sources if spec.kind == "sinkholes"]
    assert found[1:] == [("own-records", own), ("own-records-2", own)]
    assert found[0][0] == "sinkholes"


def test_planning_files_for_an_area_without_planning_are_refused(ripon: Area) -> None:
    bare = replace(ripon, sources=ripon.sources[:-1])
    with pytest.raises(ConfigError, match=r"planning file a\.csv: area ripon names no source of k"):
        name_planning_files(bare, [Path("a.csv")])
