"""What all mails are written on: their templates, with the one stylesheet already in place."""

from __future__ import annotations

import functools
import re
import textwrap
from typing import TYPE_CHECKING, Final

import css_inline
import jinja2
from markupsafe import Markup

from sinkwatch import style

if TYPE_CHECKING:
    from collections.abc import Callable

FONT: Final = Markup(style.FONT)  # noqa: S704 - our own constant, with quotes that CSS needs
"""System faces, fit for a style sheet in a template."""

_LINE_WIDTH: Final = 72
"""Characters of a line of text: narrow enough to be quoted in a reply."""

_SHEET: Final = "mail.css"
_TAG: Final = re.compile(
    r'<(?P<name>[a-z][a-z0-9]*)(?: class="(?P<classes>[a-z ]+)")?'
    r'(?: style="(?P<own>[^"]+)")?(?=[ >])'
)
_UNSEEN: Final = frozenset({"html", "head", "meta", "title"})


@functools.cache
def templates() -> jinja2.Environment:
    """
    Return the templates of this package, read once.

    Returns
    -------
    environment
        Escapes in .html and nowhere else; a name that is not given is an error.
    """
    environment = jinja2.Environment(
        loader=_Styled("sinkwatch.notify"),
        autoescape=jinja2.select_autoescape(enabled_extensions=["html"], default=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters["wrap"] = _wrap
    environment.globals.update(style=style, font=FONT)
    return environment


class _Styled(jinja2.PackageLoader):
    """
    Puts the stylesheet's rules on the elements of a mail's template, once for all mails.

    Many clients drop style sheets, so styles stand on the elements; a page that is no mail brings
    a sheet of its own and is left alone.
    """

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool] | None]:
        source, filename, uptodate = super().get_source(environment, template)
        if template.endswith(".html") and "<style>" not in source:
            sheet = environment.get_template(_SHEET).render()
            source = _TAG.sub(lambda tag: _opening(tag, sheet), source)
        return source, filename, uptodate


def _opening(tag: re.Match[str], sheet: str) -> str:
    if tag["name"] in _UNSEEN:
        return tag[0]
    declared = _declared(sheet, tag["name"], tag["classes"] or "")
    whole = "; ".join(part for part in (declared, tag["own"] or "") if part)
    return f'<{tag["name"]} style="{whole}"' if whole else f"<{tag['name']}"


@functools.cache
def _declared(sheet: str, name: str, classes: str) -> str:
    """Return what a stylesheet declares for an element, as its style attribute."""
    element = f'<{name} class="{classes}"></{name}>'
    body = element if name == "body" else f"<body>{element}</body>"
    page = css_inline.inline(
        f"<html><head><style>{sheet}</style></head>{body}</html>",
        keep_style_tags=False,
        load_remote_stylesheets=False,
        minify_css=True,
    )
    found = re.search(rf'<{name}[^>]* style="([^"]*)"', page)
    return found[1] if found else ""


def _wrap(text: str, first: str = "", rest: str = "") -> str:
    """Break a paragraph of a text mail at spaces only, so that links stay whole."""
    return textwrap.fill(
        text,
        _LINE_WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
