"""Pictures that are set as pages are: typst, the two typefaces of the packs, text that is data."""

from __future__ import annotations

import hashlib
import html
import io
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import typst
from PIL import Image

from sinkwatch import style
from sinkwatch.errors import DataError
from sinkwatch.publish.evidence import finishing
from sinkwatch.publish.evidence.settable import settable
from sinkwatch.publish.evidence.typesetting import Typesetter
from sinkwatch.publish.kept import Kept

N_COLOURS: Final = 256
"""Of a picture: a third of the bytes of all of them, and no eye tells the two apart."""

_PACKAGE: Final = Path(__file__).parent
_GLYPH: Final = re.compile(r'(id="|href="#)g([0-9A-F]{32})"')
_DEFINED: Final = re.compile(r'\bid="([^"]+)"')
_USED: Final = re.compile(r'<use\b[^>]*?href="#([^"]+)"[^>]*/>')
_NEEDLESS: Final = re.compile(r' (?:fill-rule="nonzero"|[xy]="0")(?=[ />])')
"""What SVG takes for granted, and typst says of every letter."""

_KEPT: Final = Kept(most=256)
"""Most cards are those of the day before."""

_COLOURS: Final = {
    "ink": style.INK,
    "muted": style.MUTED,
    "line": style.LINE,
    "accent": style.ACCENT,
    "paper": style.PAPER,
    "sheet": style.SCREEN["sheet"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """
    What is to be set, by one template.

    Attributes
    ----------
    template
        Name of its file in ``templates``.
    said
        Texts, numbers, lists and mappings, by the names that the template has for them.
    art
        Drawings as SVG, by the names under which `said` speaks of them.
    """

    template: str
    said: Mapping[str, object]
    art: Mapping[str, bytes] = field(default_factory=dict)

    def painted(self, *, ppi: float, is_shaded: bool = False) -> list[bytes]:
        """
        Paint every page.

        Parameters
        ----------
        ppi
            Pixels per inch.
        is_shaded
            Whether colours run into one another, which costs five times as long to keep smooth.

        Returns
        -------
        pages
            One PNG a page, in `N_COLOURS` colours; the same bytes for the same setting.

        Raises
        ------
        ConfigError
            If the typefaces are not in the installed package.
        DataError
            If typst refuses; no text can bring that about, so it is a fault of ours.
        """
        return [_in_a_palette(page, is_shaded=is_shaded) for page in self._set("png", ppi)]

    def drawn(self, *, title: str, alt: str) -> list[bytes]:
        """
        Draw every page.

        Parameters
        ----------
        title, alt
            What it is called, and what it shows in words.

        Returns
        -------
        pages
            One SVG a page, in one piece, letters as outlines.

        Raises
        ------
        ConfigError
            If the typefaces are not in the installed package.
        DataError
            If typst refuses; a fault of ours.
        """
        pages = self._set("svg", None)
        return [_named(_shorter(finishing.svg(page).decode()), title, alt) for page in pages]

    def _set(self, form: Literal["png", "svg"], ppi: float | None) -> list[bytes]:
        data = json.dumps({**_said(self.said), "colours": _COLOURS}, ensure_ascii=False)
        compiler = typst.Compiler(
            _PACKAGE / "templates" / self.template,
            root=_PACKAGE,
            font_paths=Typesetter.of_package().fonts,
            sys_inputs={"data": data, **{name: svg.decode() for name, svg in self.art.items()}},
        )
        try:
            pages = compiler.compile(format=form, ppi=ppi)
        except typst.TypstError as error:
            raise DataError(
                f"picture, {self.template}",
                f"could not be set: {error.message}",
                "This is a fault of sinkwatch, not of the data: report it with the edition",
            ) from error
        return pages if isinstance(pages, list) else [pages or b""]


def _said(values: Mapping[str, object]) -> dict[str, object]:
    """Return what can be set: no character without a shape, no word without an end."""
    return {name: settable(value) for name, value in values.items()}


def _shorter(svg: str) -> str:
    """Call letters by short names: typst's are as long as what it says of a letter."""
    numbers = itertools.count()
    names: dict[str, str] = {}

    def renamed(found: re.Match[str]) -> str:
        if found[2] not in names:
            names[found[2]] = f"g{next(numbers)}"
        return f'{found[1]}{names[found[2]]}"'

    return _without_blanks(_NEEDLESS.sub("", _GLYPH.sub(renamed, svg)))


def _without_blanks(svg: str) -> str:
    """Leave out letters that have no outline and so were never defined, such as the blank."""
    defined = set(_DEFINED.findall(svg))
    return _USED.sub(lambda found: found[0] if found[1] in defined else "", svg)


def _named(svg: str, title: str, alt: str) -> bytes:
    opening, rest = svg.split(">", 1)
    said = f"<title>{html.escape(title)}</title><desc>{html.escape(alt)}</desc>"
    return f'{opening} role="img">{said}{rest}'.encode()


def _in_a_palette(page: bytes, *, is_shaded: bool) -> bytes:
    what = (hashlib.sha256(page).hexdigest(), is_shaded)
    return _KEPT.of((), what, lambda: _reduced(page, is_shaded=is_shaded))


def _reduced(page: bytes, *, is_shaded: bool) -> bytes:
    method = Image.Quantize.MEDIANCUT if is_shaded else Image.Quantize.FASTOCTREE
    out = io.BytesIO()
    with Image.open(io.BytesIO(page)) as picture:
        # No dithering: it would freckle plain surfaces.
        reduced = picture.convert("RGB").quantize(
            N_COLOURS, method=method, dither=Image.Dither.NONE
        )
    reduced.save(out, format="PNG")
    return out.getvalue()


def joined(texts: Sequence[str]) -> str:
    """
    Join credits, each once.

    Parameters
    ----------
    texts
        Such as "© UKRI 2021".

    Returns
    -------
    text
        In the order given; empty ones left out.
    """
    return " ".join(dict.fromkeys(text for text in texts if text))
