"""The area watched: its bounds, names, sources and layers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sinkwatch.errors import ConfigError

if TYPE_CHECKING:
    from sinkwatch.model.evidence import Policy
    from sinkwatch.model.ground import Bounds, GeologyClass, Parameters
    from sinkwatch.model.sources import SourceSpec

_WMS_URL: Final = re.compile(r"https://[a-z0-9.-]+(?:/[A-Za-z0-9._~/-]*)?", re.ASCII)

_WMS_LAYER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*", re.ASCII)

ANY_ROCK: Final = "rock that can dissolve"
"""What the rock is called in an area that has no word of its own for it."""

_ROCK: Final = re.compile(r"[A-Za-zÀ-ÖØ-öø-ž]+(?:(?:, |[ '-])[A-Za-zÀ-ÖØ-öø-ž]+)*")
_LONGEST_ROCK: Final = 60

_UNSPEAKABLE: Final = re.compile(r"[<>{}\\]|[^ -\uffff]")
"""What Leaflet would read as HTML, or folium as a template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """
    A map of someone else's that the reader may lay over ours.

    Attributes
    ----------
    title
        Its name in the layer switch.
    url
        Address of the WMS, https, without a question mark.
    layers
        Names of its layers, drawn in this order.
    credit, credit_url
        Who must be named, and where that leads.
    """

    title: str
    url: str
    layers: tuple[str, ...]
    credit: str
    credit_url: str

    def __post_init__(self) -> None:
        """Refuse what the map's script or the page's policy could not bear."""
        for name in ("title", "credit"):
            said = getattr(self, name)
            if not said.strip() or _UNSPEAKABLE.search(said):
                raise _overlay_refusal(f"{name} {said!r}", "it is empty or holds one of < > { } \\")
        for name in ("url", "credit_url"):
            if not _WMS_URL.fullmatch(getattr(self, name)):
                raise _overlay_refusal(
                    f"{name} {getattr(self, name)!r}", "it is no plain https address"
                )
        if not self.layers or not all(map(_WMS_LAYER.fullmatch, self.layers)):
            raise _overlay_refusal(
                f"layers {list(self.layers)}", "none is named, or one is no layer's name"
            )

    @property
    def host(self) -> str:
        """The server that is asked."""
        return urlsplit(self.url).netloc

    @property
    def origin(self) -> str:
        """Scheme and host, for the page's policy."""
        return f"https://{self.host}"


def _overlay_refusal(value: str, rule: str) -> ConfigError:
    return ConfigError(f"overlay: {value}", rule, "Mend its [[overlay]] in the area file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """
    A stretch of country that one installation watches; the code knows none by name.

    Attributes
    ----------
    area_id
        Slug, such as ``ripon``.
    name
        Name for people.
    ground
        What the susceptible ground is called there, such as "gypsum belt".
    authority
        Present local planning authority.
    outcodes
        First halves of the postcodes that the held list covers; empty where it covers all.
    bounds
        Where positions may lie.
    map_centre
        Easting and northing of the first view, metres, EPSG:27700.
    parameters
        Numbers of the assessment.
    sources
        Sources in the order in which they are shown.
    class_notes
        What each class of ground is called, in a sentence.
    districts
        By authority, the codes of its districts in a postcode list: a point of one of its
        applications must lie there. Empty to believe every point.
    overlays
        Maps of others that a reader may lay over ours.
    policies
        Planning documents that concern unstable ground there.
    rock
        What the rock that can dissolve is called there, as it stands within a sentence, such as
        "gypsum".
    """

    area_id: str
    name: str
    ground: str
    authority: str
    outcodes: tuple[str, ...]
    bounds: Bounds
    map_centre: tuple[float, float]
    parameters: Parameters
    sources: tuple[SourceSpec, ...]
    class_notes: Mapping[GeologyClass, str]
    districts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    overlays: tuple[Overlay, ...] = ()
    policies: tuple[Policy, ...] = ()
    rock: str = ANY_ROCK

    def __post_init__(self) -> None:
        """Refuse a word that could not stand in every page, mail and file as it is."""
        if len(self.rock) > _LONGEST_ROCK or not _ROCK.fullmatch(self.rock):
            raise ConfigError(
                f"rock {self.rock[: _LONGEST_ROCK + 1]!r}",
                f"must be plain words on one line, of {_LONGEST_ROCK} characters at most",
                'Write it as it stands within a sentence, such as "gypsum", or leave it out for '
                f'"{ANY_ROCK}"',
            )

    def speaks_for(self, postcode: str) -> bool:
        """
        Tell whether the held list covers a postcode, whether or not it is in it.

        Parameters
        ----------
        postcode
            As it is written, such as "HG4 1HS".

        Returns
        -------
        speaks
            True for every postcode if the area names no outcodes.
        """
        return not self.outcodes or postcode.partition(" ")[0] in self.outcodes
