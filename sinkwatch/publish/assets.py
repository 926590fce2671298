"""Scripts and style sheets of the page: linked by a name that holds their hash, or inside it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markupsafe import Markup

from sinkwatch.errors import ConfigError

HASH_LENGTH: Final = 12
"""Hexadecimal digits of a file's hash in its name: enough that no two versions share one."""

LEAFLET_LICENCE: Final = "assets/leaflet-LICENSE.txt"
PROTOMAPS_LICENCE: Final = "assets/protomaps-leaflet-LICENSE.txt"

SUPERCLUSTER_LICENCE: Final = "assets/supercluster-LICENSE.txt"

_PACKAGE: Final = Path(__file__).parent
_LEAFLET: Final = _PACKAGE / "assets" / "leaflet"
_PROTOMAPS: Final = _PACKAGE / "assets" / "protomaps-leaflet"
_SUPERCLUSTER: Final = _PACKAGE / "assets" / "supercluster"
_PICTURE: Final = re.compile(r"url\((?:\"|')?images/[^)]*\)")
_SOURCE_MAP: Final = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)
_CLOSING: Final = re.compile(r"</(?:script|style)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """
    One script or style sheet.

    Attributes
    ----------
    stem
        Its name without hash and suffix.
    suffix
        ``js`` or ``css``.
    text
        What it says.
    """

    stem: str
    suffix: str
    text: str

    @property
    def path(self) -> str:
        """Return its path inside the site, which changes whenever its text does."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()[:HASH_LENGTH]
        return f"assets/{self.stem}-{digest}.{self.suffix}"

    @property
    def policy_hash(self) -> str:
        """Return the hash by which a page's policy lets it stand in the page itself."""
        digest = hashlib.sha256(self.text.encode()).digest()
        return f"'sha256-{base64.b64encode(digest).decode()}'"

    def link_from(self, root: str) -> Markup:
        """
        Return the tag that links it.

        Parameters
        ----------
        root
            Way from the page to the site's own folder, such as "../../"; empty if it is there.

        Returns
        -------
        tag
            For the page's head, or its end.
        """
        if self.suffix == "css":
            return Markup('<link rel="stylesheet" href="{}{}">').format(root, self.path)
        return Markup('<script src="{}{}" defer></script>').format(root, self.path)

    @property
    def inline(self) -> Markup:
        """Return the tag that holds it."""
        if _CLOSING.search(self.text):
            raise ConfigError(
                f"{self.stem}.{self.suffix}",
                "holds a closing tag, which would end it halfway inside a page",
                "Write the tag in two parts",
            )
        tag = "style" if self.suffix == "css" else "script"
        # Our own text, and data that folium has escaped for a script: not to be escaped again.
        return Markup(f"<{tag}>{self.text}</{tag}>")  # noqa: S704 - see above


def leaflet_script() -> Asset:
    """Return Leaflet, without its pointer to a source map that is not shipped."""
    text = _SOURCE_MAP.sub("", _read(_LEAFLET / "dist" / "leaflet.js")).rstrip() + "\n"
    return Asset(stem="leaflet", suffix="js", text=text)


def leaflet_styles() -> Asset:
    """Return Leaflet's styles without its pictures: our own marks are drawn, none is fetched."""
    text = _PICTURE.sub("none", _read(_LEAFLET / "dist" / "leaflet.css"))
    return Asset(stem="leaflet", suffix="css", text=text)


def leaflet_licence() -> bytes:
    """Return the licence that goes with Leaflet wherever it goes."""
    return _read(_LEAFLET / "LICENSE").encode()


def protomaps_script() -> Asset:
    """Return protomaps-leaflet, which draws vector tiles, without its pointer to a source map."""
    text = _SOURCE_MAP.sub("", _read(_PROTOMAPS / "dist" / "protomaps-leaflet.js")).rstrip() + "\n"
    return Asset(stem="protomaps-leaflet", suffix="js", text=text)


def protomaps_licence() -> bytes:
    """Return the licence that goes with protomaps-leaflet wherever it goes."""
    return _read(_PROTOMAPS / "LICENSE").encode()


def supercluster_script() -> Asset:
    """Return supercluster, which draws marks that lie close together as one."""
    return Asset(
        stem="supercluster",
        suffix="js",
        text=_read(_SUPERCLUSTER / "dist" / "supercluster.min.js").rstrip() + "\n",
    )


def supercluster_licence() -> bytes:
    """Return the licence that goes with supercluster wherever it goes."""
    return _read(_SUPERCLUSTER / "LICENSE").encode()


def own(name: str, *, stem: str) -> Asset:
    """
    Return a script of ours.

    Parameters
    ----------
    name
        File name in ``static``.
    stem
        What it is called in the site.

    Returns
    -------
    asset
        The script.
    """
    return Asset(stem=stem, suffix="js", text=_read(_PACKAGE / "static" / name))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            str(path.relative_to(_PACKAGE)),
            f"is not in the installed package ({error.strerror})",
            "Install sinkwatch again: `pip install .` in a checkout fetches what browsers need",
        ) from error
