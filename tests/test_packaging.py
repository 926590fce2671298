"""What is shipped, and what it is built and installed from."""

from __future__ import annotations

import configparser
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import pikepdf
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
TOP_LEVEL = {
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "data",
    "maps",
    "pyproject.toml",
    "requirements.lock",
    "sinkwatch",
    "tests",
}


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def run_quietly(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - handed to subprocess.run as they are
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        **options,
    )


# ── The wheel ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    fixed = ("--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder)
    done = run_quietly(*pip, "wheel", *fixed, ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("sinkwatch-*.whl"))


@pytest.fixture(scope="session")
def shipped(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def files_under(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_data_folder_byte_for_byte(shipped: dict[str, bytes]) -> None:
    prefix = "sinkwatch/data/"
    inside = {name[len(prefix) :]: sha256(b) for name, b in shipped.items() if prefix in name}
    assert "ripon/sinkholes.csv" in inside
    assert inside == {name: sha256(b) for name, b in files_under(ROOT / "data").items()}


def test_the_wheel_holds_every_file_of_the_package(shipped: dict[str, bytes]) -> None:
    wanted = {f"sinkwatch/{name}" for name in files_under(ROOT / "sinkwatch")}
    inside = {name for name in shipped if name.startswith("sinkwatch/")}
    assert {name for name in inside if "sinkwatch/data/" not in name} == wanted
    assert "sinkwatch/py.typed" in inside


def test_the_wheel_holds_nothing_but_the_package_and_its_metadata(
    shipped: dict[str, bytes],
) -> None:
    version = project()["project"]["version"]
    tops = {PurePosixPath(name).parts[0] for name in shipped}
    assert tops == {"sinkwatch", f"sinkwatch-{version}.dist-info"}


def test_every_browser_asset_ships_with_its_licence(shipped: dict[str, bytes]) -> None:
    table = tomllib.loads((ROOT / ".build/assets.toml").read_text(encoding="utf-8"))["asset"]
    for row in table:
        assert any(Path(member).stem.upper().startswith("LICEN") for member in row["members"])
        for member in row["members"]:
            assert shipped[f"sinkwatch/publish/assets/{row['package']}/{member}"]


def test_the_list_of_assets_states_the_hash_of_each_file(shipped: dict[str, bytes]) -> None:
    folder = "sinkwatch/publish/assets/"
    stated = json.loads(shipped[folder + "assets.json"])["files"]
    inside = {
        name[len(folder) :]: sha256(content)
        for name, content in shipped.items()
        if name.startswith(folder) and not name.endswith("/assets.json")
    }
    assert stated == inside


def test_the_wheel_installs_one_command(shipped: dict[str, bytes]) -> None:
    name = next(name for name in shipped if name.endswith(".dist-info/entry_points.txt"))
    points = configparser.ConfigParser()
    points.read_string(shipped[name].decode())
    assert dict(points["console_scripts"]) == {"sinkwatch": "sinkwatch.cli:main"}


def test_the_wheel_carries_our_licence(shipped: dict[str, bytes]) -> None:
    name = next(name for name in shipped if name.endswith(".dist-info/licenses/LICENSE"))
    assert shipped[name] == (ROOT / "LICENSE").read_bytes()


# ── The installed program ────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel alone; what it depends on is borrowed from the environment of the tests."""
    venv = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    done = run_quietly(*pip, "install", "--no-deps", "--no-index", wheel)
    assert done.returncode == 0, done.stdout + done.stderr
    site = run_quietly(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    # A folder named in a .pth file joins sys.path, but the .pth files inside it are not read: the
    # editable install of this checkout stays out.
    Path(site.stdout.strip(), "borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n")
    return venv


def outside(folder: Path) -> dict[str, Any]:
    """Choose an empty folder, and an environment that does not know of this checkout."""
    ours = ("PYTHON", "SINKWATCH", "COV", "PYTEST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {"cwd": folder, "env": kept | {"HOME": str(folder)}}


def test_the_installed_package_is_the_one_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "import sinkwatch; print(sinkwatch.__file__)"
    done = run_quietly(installed / "bin" / "python", "-c", code, **outside(tmp_path))
    assert Path(done.stdout.strip()).is_relative_to(installed)


def test_the_installed_program_runs_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    command = (installed / "bin" / "sinkwatch", "run", "--offline")
    where = outside(tmp_path)
    where["env"]["SINKWATCH_EVIDENCE_PACKS"] = "false"  # one is made below; all take longest
    done = run_quietly(*command, **where)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "maps" / "current" / "index.html").is_file()


def test_the_installed_program_makes_a_pack_with_its_own_typefaces(
    installed: Path, tmp_path: Path
) -> None:
    command = (installed / "bin" / "sinkwatch", "evidence", "auction-mart", "--output", "pack")
    done = run_quietly(*command, **outside(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "pack" / "manifest.json").is_file()
    with pikepdf.open(tmp_path / "pack" / "evidence.pdf") as document:
        faces = {
            str(each.FontName).partition("+")[2]
            for each in document.objects
            if isinstance(each, pikepdf.Dictionary) and "/FontName" in each
        }
    assert {"SourceSans3-Regular", "SourceSans3-Bold"} <= faces


# ── The lock ─────────────────────────────────────────────────────────────────────────────────


@cache
def lock() -> dict[str, str]:
    """Read the lock as the text of each section."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    parts = re.split(r"^# section: (\w+)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def entries(section: str) -> list[str]:
    """Split a section into its packages, each with its hashes."""
    kept = [line for line in lock()[section].splitlines() if not line.strip().startswith("#")]
    return [" ".join(e.split()) for e in "\n".join(kept).replace("\\\n", " ").split("\n") if e]


def versions(section: str) -> dict[str, set[str]]:
    """Gather the versions locked of each package: several, where Pythons differ."""
    found: dict[str, set[str]] = {}
    for entry in entries(section):
        name, version = entry.split()[0].split("==")
        found.setdefault(name, set()).add(version)
    return found


def requirements(*groups: str) -> list[Requirement]:
    listed = project()["dependency-groups"]
    return [Requirement(r) for group in groups for r in listed[group] if isinstance(r, str)]


def core_requirements() -> list[Requirement]:
    return [Requirement(r) for r in project()["project"]["dependencies"]]


def extra_requirements() -> list[Requirement]:
    extras = project()["project"]["optional-dependencies"]
    return [Requirement(r) for extra in extras.values() for r in extra]


def is_locked(requirement: Requirement, *sections: str) -> bool:
    name = canonicalize_name(requirement.name)
    locked = set().union(*(versions(section).get(name, set()) for section in sections))
    return bool(locked) and all(version in requirement.specifier for version in locked)


def test_the_lock_has_the_sections_that_are_installed() -> None:
    assert list(lock()) == ["run", "node", "test"]


@pytest.mark.parametrize("section", ["run", "node", "test"])
def test_every_locked_package_is_pinned_and_hashed(section: str) -> None:
    pinned = re.compile(r"[a-z0-9-]+==[\w.]+( ; [^-]+?)?( --hash=sha256:[0-9a-f]{64})+")
    assert [entry for entry in entries(section) if not pinned.fullmatch(entry)] == []


def test_no_package_is_locked_in_two_sections() -> None:
    names = [name for section in lock() for name in versions(section)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("requirement", core_requirements() + requirements("build"), ids=str)
def test_a_run_installs_every_core_dependency(requirement: Requirement) -> None:
    assert is_locked(requirement, "run")


@pytest.mark.parametrize("requirement", requirements("dev") + extra_requirements(), ids=str)
def test_the_tests_install_every_tool_and_extra(requirement: Requirement) -> None:
    assert is_locked(requirement, "run", "test")


def test_the_lock_holds_the_wheel_that_carries_npm() -> None:
    (requirement,) = requirements("node")
    assert is_locked(requirement, "node")
    assert f'NODE_WHEEL = "{requirement}"' in (ROOT / ".build/hatch_build.py").read_text("utf-8")


@pytest.mark.parametrize(
    "path",
    [
        "Makefile",
        "pyproject.toml",
        "requirements.lock",
        *sorted(f".build/{path.name}" for path in (ROOT / ".build").iterdir() if path.is_file()),
    ],
)
def test_the_build_names_no_address(path: str) -> None:
    assert "://" not in (ROOT / path).read_text(encoding="utf-8")


def test_a_package_whose_hash_differs_is_not_installed(tmp_path: Path) -> None:
    shutil.copytree(ROOT / ".build", tmp_path / ".build")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with zipfile.ZipFile(tmp_path / "pebble-1-py3-none-any.whl", "w") as archive:
        archive.writestr("pebble.py", "")
        archive.writestr("pebble-1.dist-info/METADATA", "Name: pebble\nVersion: 1\n")
        archive.writestr("pebble-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("pebble-1.dist-info/RECORD", "")
    text = f"# section: run\npebble==1 --hash=sha256:{sha256(b'another')}\n# section: test\n"
    (tmp_path / "requirements.lock").write_text(text, encoding="utf-8")
    here = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    here |= {"PYTHON": sys.executable, "VENV": ".venv"}
    done = run_quietly("sh", ".build/environment", "run", cwd=tmp_path, env={**os.environ, **here})
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not list(tmp_path.rglob("pebble.py"))
    assert not (tmp_path / ".venv" / ".sinkwatch-run").exists()


def test_make_says_plainly_that_python_is_too_old(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.18\n[ "$1" != -c ]\n')
    old.chmod(0o755)
    done = run_quietly("make", "run", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}", cwd=ROOT)
    assert done.returncode != 0
    assert "is Python 3.9.18; Python 3.11 or newer is needed." in done.stderr
    assert not (tmp_path / "venv").exists()


# ── The repository ───────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_nothing_new_stands_at_the_top_level() -> None:
    listed = run_quietly("git", "ls-files", cwd=ROOT).stdout.splitlines()
    tops = {PurePosixPath(path).parts[0] for path in listed}
    assert {top for top in tops if not top.startswith(".")} <= TOP_LEVEL
