"""Maps of others laid over ours, from a WMS that is asked only once a reader switches one on."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

import folium

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sinkwatch.model import Overlay

MIN_ZOOM: Final = 12
MAX_ZOOM: Final = 15
"""Closest view in which one is shown, about 1:10 000: BGS's 1:50 000 lines resolve about 50 m,
and closer they would seem to tell one house from the next."""

OPACITY: Final = 0.6
"""So that the zones and marks stay readable through it."""


def layer(overlay: Overlay) -> folium.WmsTileLayer:
    """
    Return a map layer that asks nobody until it is switched on.

    Parameters
    ----------
    overlay
        Which.

    Returns
    -------
    layer
        For `folium.Map.add_child`; its name says who will be asked.
    """
    link = f'<a href="{html.escape(overlay.credit_url)}" rel="noopener noreferrer nofollow">'
    return folium.WmsTileLayer(
        url=overlay.url,
        layers=",".join(overlay.layers),
        fmt="image/png",
        transparent=True,
        version="1.3.0",
        attr=f"{link}{html.escape(overlay.credit)}</a>",
        name=html.escape(f"{overlay.title} (asks {overlay.host})"),
        overlay=True,
        show=False,
        opacity=OPACITY,
        min_zoom=MIN_ZOOM,
        max_zoom=MAX_ZOOM,
    )


def origins(overlays: Iterable[Overlay]) -> list[str]:
    """
    Return the servers from which the page must allow pictures.

    Parameters
    ----------
    overlays
        Those configured; none for a page that asks nobody.

    Returns
    -------
    origins
        Each once, in order.
    """
    return sorted({overlay.origin for overlay in overlays})
