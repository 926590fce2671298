"""The build's fetching of browser assets, with a small program in npm's place."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
FILES = {"LICENSE": b"do as you like\n", "dist/pebble.js": b"let pebble;\n"}


def load_hook() -> Any:  # noqa: ANN401 - a script of the build, known only when loaded
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / ".build/hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hook = load_hook()


def a_tarball(*links: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in FILES.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name in links:
            info = tarfile.TarInfo(f"package/{name}")
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/hostname"
            archive.addfile(info)
    return file.getvalue()


def an_asset(tarball: bytes, *members: str) -> Any:  # noqa: ANN401 - of a class of the hook
    return hook.Asset(
        package="pebble",
        version="1.0.0",
        licence="0BSD",
        sha256=hashlib.sha256(tarball).hexdigest(),
        members=members or tuple(FILES),
    )


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Put a program in npm's place that hands out one tarball and notes each call."""

    def put(tarball: bytes) -> None:
        (tmp_path / "tarball").write_bytes(tarball)
        npm = tmp_path / "bin" / "npm"
        npm.parent.mkdir(exist_ok=True)
        npm.write_text(
            f"#!/bin/sh\necho $1 $2 >>{tmp_path}/calls\ncp {tmp_path}/tarball pebble-1.0.0.tgz\n"
        )
        npm.chmod(0o755)
        monkeypatch.setenv("PATH", f"{npm.parent}:/usr/bin:/bin")

    return put


def calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text().splitlines()


def test_the_members_and_a_list_of_their_hashes_are_put_in_place(
    serve: Callable[[bytes], None], tmp_path: Path
) -> None:
    tarball = a_tarball()
    serve(tarball)
    folder = tmp_path / "publish" / "assets"
    hook.provide(folder, (an_asset(tarball),))
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    manifest = json.loads(found.pop("assets.json").read_text())
    assert {name: path.read_bytes() for name, path in found.items()} == {
        "pebble/LICENSE": FILES["LICENSE"],
        "pebble/dist/pebble.js": FILES["dist/pebble.js"],
    }
    assert manifest["files"] == {
        f"pebble/{name}": hashlib.sha256(content).hexdigest() for name, content in FILES.items()
    }
    assert calls(tmp_path) == ["pack pebble@1.0.0"]
    assert [path.name for path in folder.parent.iterdir()] == ["assets"]


def test_complete_assets_are_not_fetched_again(
    serve: Callable[[bytes], None], tmp_path: Path
) -> None:
    tarball = a_tarball()
    serve(tarball)
    for _ in range(2):
        hook.provide(tmp_path / "assets", (an_asset(tarball),))
    assert calls(tmp_path) == ["pack pebble@1.0.0"]


@pytest.mark.parametrize("damage", ["changed", "lost", "added", "listed"])
def test_a_folder_that_differs_from_its_list_is_replaced(
    serve: Callable[[bytes], None], tmp_path: Path, damage: str
) -> None:
    tarball = a_tarball()
    serve(tarball)
    folder, assets = tmp_path / "assets", (an_asset(tarball),)
    hook.provide(folder, assets)
    script = folder / "pebble/dist/pebble.js"
    {
        "changed": lambda: script.write_text("alert(1)"),
        "lost": script.unlink,
        "added": lambda: script.with_name("more.js").write_text("alert(1)"),
        "listed": lambda: (folder / "assets.json").write_text("{}"),
    }[damage]()
    assert not hook.is_complete(folder, assets)
    hook.provide(folder, assets)
    assert hook.is_complete(folder, assets)
    assert [path.name for path in script.parent.iterdir()] == ["pebble.js"]
    assert script.read_bytes() == FILES["dist/pebble.js"]


def test_a_tarball_with_another_hash_leaves_the_old_assets_alone(
    serve: Callable[[bytes], None], tmp_path: Path
) -> None:
    tarball = a_tarball()
    serve(tarball)
    folder = tmp_path / "assets"
    hook.provide(folder, (an_asset(tarball),))
    changed = an_asset(tarball)._replace(sha256="0" * 64)
    with pytest.raises(hook.AssetError, match=f"must have {'0' * 64}. Nothing was unpacked"):
        hook.provide(folder, (changed,))
    assert hook.is_complete(folder, (an_asset(tarball),))


@pytest.mark.parametrize(
    "member", ["../evil.js", "dist/../../evil.js", "/evil.js", "..\\evil.js", "C:evil.js"]
)
def test_a_member_that_could_leave_its_folder_is_refused(
    serve: Callable[[bytes], None], tmp_path: Path, member: str
) -> None:
    tarball = a_tarball()
    serve(tarball)
    with pytest.raises(hook.AssetError, match="must be a plain path inside the tarball"):
        hook.provide(tmp_path / "assets", (an_asset(tarball, member),))
    assert not (tmp_path / "assets").exists()


def test_a_link_in_the_tarball_is_not_followed(
    serve: Callable[[bytes], None], tmp_path: Path
) -> None:
    tarball = a_tarball("dist/link.js")
    serve(tarball)
    with pytest.raises(hook.AssetError, match="must be a regular file"):
        hook.provide(tmp_path / "assets", (an_asset(tarball, "dist/link.js"),))


def test_a_member_that_the_tarball_lacks_is_named(
    serve: Callable[[bytes], None], tmp_path: Path
) -> None:
    tarball = a_tarball()
    serve(tarball)
    with pytest.raises(hook.AssetError, match="member 'LICENCE': must be in the tarball"):
        hook.provide(tmp_path / "assets", (an_asset(tarball, "LICENCE"),))


def test_what_npm_said_is_passed_on(serve: Callable[[bytes], None], tmp_path: Path) -> None:
    serve(b"")
    (tmp_path / "bin" / "npm").write_text("#!/bin/sh\necho no such\necho version >&2\nexit 7\n")
    with pytest.raises(hook.AssetError, match=r"wrote 0 with 7\..* npm said: version"):
        hook.provide(tmp_path / "assets", (an_asset(b""),))


def the_hook(root: Path) -> Any:  # noqa: ANN401 - of a class of the hook
    (root / ".build").mkdir(parents=True)
    (root / ".build/assets.toml").write_bytes((ROOT / ".build/assets.toml").read_bytes())
    return hook.AssetsHook(str(root), {}, None, None, str(root), "wheel")


def test_a_machine_without_npm_is_given_a_wheel_that_carries_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert the_hook(tmp_path / "root").dependencies() == [hook.NODE_WHEEL]


def test_a_machine_with_npm_needs_no_such_wheel(
    serve: Callable[[bytes], None], tmp_path: Path
) -> None:
    serve(b"")
    assert the_hook(tmp_path / "root").dependencies() == []


def test_without_npm_and_without_that_wheel_the_way_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(hook.AssetError, match=r"^npm: must be on PATH .* Install Node\.js, or"):
        hook.provide(tmp_path / "assets", (an_asset(a_tarball()),))
