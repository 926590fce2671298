"""
The objector's whole story: a run, the map in a browser, a pack from it, GDAL, `verify`, changes.

All is as an operator has it, but for a clock that can be moved and a list with fewer sites.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import shapely

from sinkwatch import cli, config, pipeline
from sinkwatch.packs import inputs, manifest
from sinkwatch.publish import locations
from tests.conftest import NOW, Clock
from tests.packs import installed
from tests.programs import program
from tests.web.conftest import SETTINGS
from tests.web.service import ENDING, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from sinkwatch.packs.publishing import Report
    from sinkwatch.services import Services

pytestmark = pytest.mark.browser

MOST_TABS: Final = 10

# One lies on the old auction mart, the other 1.4 km to the south of it:
# neither pack has anything of the other's.
LISTED: Final = """\
reference,description,status,received_on,easting,northing,position_uncertainty_m,address
26/00417,Demolition and 12 dwellings,Undecided,2026-11-10,431600,471850,20,The Old Auction Mart
26/00500,A hall,Undecided,2026-11-10,431890,470490,20,Leisure Centre
"""
NEAR: Final = "applications/north-yorkshire-26-00417"
FAR: Final = "applications/north-yorkshire-26-00500"
LINK: Final = "Evidence pack (PDF): 26/00417"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a command printed, and its exit code."""

    code: int
    out: str


class Town:
    """Ripon with two applications and no watched site, and a clock that can be moved."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listed = folder / "applications.csv"
        self.listed.write_text(LISTED)
        self.clock = Clock(NOW)
        shutil.copytree(config.data_folder(), folder / "data")
        self._leave_no_site(folder / "data" / "ripon")
        services = installed.services_in(
            folder,
            self.clock,
            area=str(folder / "data" / "ripon" / "area.toml"),
            planning_files=[self.listed],
            online=False,
            **SETTINGS,
        )
        self.services: Services = services

    @staticmethod
    def _leave_no_site(area: Path) -> None:
        """Each site that is flagged would have a pack, and each pack takes a second."""
        path = area / "places.csv"
        before = hashlib.sha256(path.read_bytes()).hexdigest()
        rows = path.read_text().splitlines(keepends=True)
        left = [row for row in rows if ",site," not in row]
        path.write_text("".join(left))
        after = hashlib.sha256(path.read_bytes()).hexdigest()
        installed.replaced(area / "datapackage.json", before, after)

    @property
    def site(self) -> Path:
        return self.services.settings.maps_folder / "current"

    def run(self) -> Report:
        report = pipeline.run(self.services).packs
        assert report is not None
        assert report.failed == ()
        return report

    def folder_of(self, start: str) -> Path:
        """Return the folder of a published pack, whose name ends as nobody can guess."""
        (found,) = self.site.glob(f"{start}*")
        return found

    def days(self) -> dict[str, date]:
        """Return the day on which each published pack was made."""
        return {start: manifest.in_folder(self.folder_of(start)).made_on for start in (NEAR, FAR)}


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


Sinkwatch = Callable[..., Told]


@pytest.fixture
def sinkwatch(
    town: Town, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Sinkwatch:
    """Run a command in this process, with the clock of the town."""
    monkeypatch.setattr("sinkwatch.services.open_services", lambda _: town.services)

    def run(*words: object) -> Told:
        monkeypatch.setattr("sys.argv", ["sinkwatch", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return Told(code=int(ended.value.code or 0), out=capsys.readouterr().out)

    return run


def test_from_the_map_to_a_pack_that_can_be_checked_for_years(
    town: Town, sinkwatch: Sinkwatch, chromium: Browser, tmp_path: Path
) -> None:
    assert (town.run().n_made, town.run().n_kept) == (2, 2)
    downloaded = _downloaded(chromium, town, tmp_path / "downloaded.pdf")
    assert downloaded.read_bytes() == (town.folder_of(NEAR) / "evidence.pdf").read_bytes()
    _gdal_places_it(downloaded, (431_600, 471_850))
    asked_for = _the_published_pack_is_what_the_command_makes(town, sinkwatch)

    town.clock.move(days=3)
    installed.replaced(town.listed, "12 dwellings,Undecided", "14 dwellings,Refused")
    report = town.run()
    assert (report.n_made, report.n_kept) == (1, 1)
    assert town.days() == {
        NEAR: date(2026, 11, 25),
        FAR: date(2026, 11, 22),
    }
    _it_says_what_has_changed_and_which_copy_is_damaged(town, sinkwatch, asked_for)
    _a_forged_pack_is_found_out(town, sinkwatch, tmp_path)


def _downloaded(browser: Browser, town: Town, path: Path) -> Path:
    """Reach the pack of the application from the top of the map's page, by keyboard alone."""
    with running(town.services) as service:
        context = browser.new_context(base_url=service.address)
        page = context.new_page()
        broken: list[str] = []
        page.on("console", lambda said: broken.append(said.text) if "Policy" in said.text else None)
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.goto("/")
        page.locator(".mark").first.wait_for()
        _tab_to(page, "Skip the map: go to the tables")
        page.keyboard.press("Enter")
        _tab_to(page, LINK)
        page.keyboard.press("Enter")
        page.wait_for_url("**/evidence.pdf", wait_until="commit")  # in the browser's own viewer
        answer = context.request.get(page.url)
        assert (answer.status, answer.headers["content-type"]) == (200, "application/pdf")
        path.write_bytes(answer.body())
        assert broken == []
        context.close()
    ENDING.pop().join()
    return path


def _tab_to(page: Page, name: str) -> None:
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    pytest.fail(f"{name} is not within {MOST_TABS} tabs")


def _gdal_places_it(pdf: Path, place: tuple[float, float]) -> None:
    command = [program("gdalinfo", "gdal-bin"), "-json", f"PDF:1:{pdf}"]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert 'ID["EPSG",27700]' in told["coordinateSystem"]["wkt"]
    neat = shapely.from_wkt(told["metadata"][""]["NEATLINE"])
    assert neat.contains(shapely.Point(place))


def _the_published_pack_is_what_the_command_makes(town: Town, sinkwatch: Sinkwatch) -> Path:
    published = town.folder_of(NEAR)
    answer = sinkwatch("verify", published)
    assert "\nSame: made again from the same data, every file is the same" in answer.out
    assert answer.code == 0
    made = sinkwatch("evidence", "26/00417", "--json")
    assert made.code in (0, 3)
    folder = Path(json.loads(made.out)["folder"])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes()
        for path in published.iterdir()
        if path.name != locations.INDEX  # the page that offers it
    }
    return folder


def _it_says_what_has_changed_and_which_copy_is_damaged(
    town: Town, sinkwatch: Sinkwatch, pack: Path
) -> None:
    (sha256,) = (
        each.sha256 for each in manifest.in_folder(pack).sources if each.name == "sinkholes"
    )
    installed.damaged(inputs.Cellar.of(town.services).place_of(sha256, "sinkholes.csv"))
    answer = sinkwatch("verify", pack)
    assert answer.code == 3
    assert "since then data has changed" in answer.out
    assert "  applications, in the whole area: 0 of 2 rows new, 0 gone, 1 different" in answer.out
    assert "  the application: its description is another now" in answer.out
    assert "  sinkholes: the copy kept of it has sha256 " in answer.out
    assert f"the pack was made from {sha256[:12]}…" in answer.out


def _a_forged_pack_is_found_out(town: Town, sinkwatch: Sinkwatch, tmp_path: Path) -> None:
    copy = tmp_path / "from a mail"
    shutil.copytree(town.folder_of(FAR), copy)
    installed.damaged(copy / "evidence.pdf")
    answer = sinkwatch("verify", copy)
    assert answer.code == 1
    assert "  evidence.pdf: has sha256 " in answer.out
