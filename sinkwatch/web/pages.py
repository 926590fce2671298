"""Turns what is found into HTML: the templates, and the words and looks that all pages share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import jinja2

from sinkwatch import style, wording
from sinkwatch.model import Frequency, Topic
from sinkwatch.notify import items
from sinkwatch.web import forms

if TYPE_CHECKING:
    from sinkwatch.config import Settings
    from sinkwatch.model import Area

_DIGITS: Final = 12
"""Of the hash in the address of a file that never changes: 48 bits."""

FREQUENCY_NOTES: Final = {
    Frequency.AT_ONCE: ("As soon as there is news", "a few mails a month at most for most people"),
    Frequency.DAILY: ("Once a day", "at most one mail a day, in the morning"),
    Frequency.WEEKLY: ("Once a week", "on Mondays; a consultation may end sooner"),
    Frequency.MONTHLY: ("Once a month", "on the first; consultations often end sooner"),
}
"""Each frequency as a choice: its name, and what follows from it."""


@dataclass(frozen=True, slots=True)
class Asset:
    """
    A file that pages refer to and that never changes under its address.

    Attributes
    ----------
    path
        On this service, with a hash of its content.
    content
        Its bytes.
    media_type
        What it is.
    """

    path: str
    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Pages:
    """
    The templates of one installation.

    Attributes
    ----------
    environment
        Escapes every value; a name that is not given is an error.
    assets
        Files that pages refer to, by their names.
    """

    environment: jinja2.Environment
    assets: Mapping[str, Asset]

    @classmethod
    def of(cls, settings: Settings, area: Area) -> Pages:
        """
        Read the templates once.

        Parameters
        ----------
        settings
            With the contact and the public address.
        area
            What it is all about.

        Returns
        -------
        pages
            For `render`.
        """
        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("sinkwatch.web"),
            autoescape=jinja2.select_autoescape(["html"]),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        css = environment.get_template("pages.css").render(style=style)
        icon = resources.files("sinkwatch.web").joinpath("static/icon.svg").read_text("utf-8")
        assets = {
            "style": _asset("pages.css", css, "text/css"),
            "icon": _asset("icon.svg", icon, "image/svg+xml"),
        }
        environment.globals.update(_words(settings, area), assets=assets)
        environment.filters["distance"] = wording.distance_text
        environment.filters["date"] = wording.date_text
        environment.filters["shown"] = items.shown
        environment.filters["safe_url"] = items.safe_url
        return cls(environment, assets)

    def render(self, name: str, **facts: Any) -> str:  # noqa: ANN401 - whatever a page shows
        """
        Render a page.

        Parameters
        ----------
        name
            Of its template, without ending.
        **facts
            What it shows.

        Returns
        -------
        html
            The whole page.
        """
        return self.environment.get_template(f"{name}.html").render(**facts)


def _asset(name: str, text: str, media_type: str) -> Asset:
    content = text.encode()
    digest = hashlib.sha256(content).hexdigest()[:_DIGITS]
    return Asset(f"/static-{digest}/{name}", content, f"{media_type}; charset=utf-8")


def _words(settings: Settings, area: Area) -> dict[str, Any]:
    is_page = settings.contact.startswith("https://")
    return {
        "area": area,
        "ground": wording.ground_of(area.rock),
        "public_url": settings.public_url,
        "contact": settings.contact,
        "contact_href": settings.contact if is_page else f"mailto:{settings.contact}",
        "limits": wording.LIMITS,
        "no_records": wording.NO_RECORDS,
        "topics": _topic_notes(area.rock),
        "frequencies": FREQUENCY_NOTES,
        "topic_words": wording.topics(area.rock),
        "frequency_words": wording.FREQUENCIES,
        "event_titles": wording.EVENT_TITLES,
        "about": wording.about,
        "joined": wording.joined,
        "count": wording.count_text,
        "radii_m": forms.RADII_M,
    }


def _topic_notes(rock: str) -> dict[Topic, tuple[str, str]]:
    """Return each topic as a box to tick: its name, and what it brings."""
    return {
        Topic.FLAGGED: (
            "Flagged planning applications",
            "on ground with a higher band, close to a recorded event, or on a watched site",
        ),
        Topic.BELT: (
            f"Every planning application where {rock} is present",
            "many more mails: extensions and loft windows as well",
        ),
        Topic.RECORDS: (
            "Records of ground collapse and subsidence",
            "new ones, corrected ones and any that are taken back",
        ),
        Topic.DECISIONS: (
            "Decisions, withdrawals and appeals",
            "what became of the applications you want to hear of",
        ),
    }
