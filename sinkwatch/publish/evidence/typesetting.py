"""How a manuscript becomes pages: typst, two typefaces, and nothing from outside its own data."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import typst

from sinkwatch.errors import DataError
from sinkwatch.publish.evidence import typeface

if TYPE_CHECKING:
    from sinkwatch.publish.evidence.manuscript import Manuscript

PNG_PPI: Final = 300.0
"""Pixels per inch of a sheet as a picture: what printers ask for (issue 5)."""

_TEMPLATES: Final = Path(__file__).parent / "templates"


class Template(enum.StrEnum):
    """What is set."""

    PACK = "pack.typ"
    MAP = "map.typ"


class Standard(enum.Enum):
    """Which standards a PDF keeps to."""

    ACCESSIBLE = ("ua-1",)
    ARCHIVE = ("ua-1", "a-2a")


@dataclass(frozen=True, slots=True, kw_only=True)
class Typesetter:
    """
    A typesetter who knows the two typefaces, made once for many packs.

    Attributes
    ----------
    fonts
        The faces, and no others: what is set does not depend on the machine.
    """

    fonts: typst.Fonts

    @classmethod
    def of_package(cls) -> Self:
        """
        Take the typefaces of the package.

        Returns
        -------
        typesetter
            Ready to set.

        Raises
        ------
        ConfigError
            If a face is not in the installed package.
        """
        # typst takes folders only; which of the faces in them is used stands in the templates.
        folders = dict.fromkeys(path.parent for path in typeface.paths())
        fonts = typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=list(folders)
        )
        return cls(fonts=fonts)

    def set(self, words: Manuscript) -> Setting:
        """
        Take a manuscript.

        Parameters
        ----------
        words
            What is to be set.

        Returns
        -------
        setting
            Its pages, set when they are asked for.
        """
        compiler = typst.Compiler(
            _TEMPLATES / Template.MAP,
            root=_TEMPLATES,
            font_paths=self.fonts,
            sys_inputs={"data": words.data, **words.art},
        )
        return Setting(compiler=compiler)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """
    One manuscript at the typesetter's: what was set for one form serves the next.

    Attributes
    ----------
    compiler
        typst with the manuscript.
    """

    compiler: typst.Compiler

    def pdf(self, template: Template, *, made_on: date, standard: Standard) -> bytes:
        """
        Set a tagged PDF.

        Parameters
        ----------
        template
            What to set.
        made_on
            Day of the pack, which the PDF bears in place of a time.
        standard
            What to keep to.

        Returns
        -------
        pdf
            The same bytes for the same manuscript and day.

        Raises
        ------
        DataError
            If typst refuses; no text can bring that about, so it is a fault of ours.
        """
        made_at = datetime.combine(made_on, time(), tzinfo=UTC)
        with _refused(template):
            pages = self.compiler.compile(
                _TEMPLATES / template,
                format="pdf",
                pdf_standards=list(standard.value),
                timestamp=made_at,
            )
        return b"".join(_listed(pages))

    def pictures(self, template: Template) -> list[bytes]:
        """
        Set each page as a PNG of `PNG_PPI`.

        Parameters
        ----------
        template
            What to set.

        Returns
        -------
        pages
            One PNG a page.

        Raises
        ------
        DataError
            If typst refuses; a fault of ours.
        """
        with _refused(template):
            pages = self.compiler.compile(_TEMPLATES / template, format="png", ppi=PNG_PPI)
        return _listed(pages)

    def drawings(self, template: Template) -> list[bytes]:
        """
        Set each page as SVG.

        Parameters
        ----------
        template
            What to set.

        Returns
        -------
        pages
            One SVG a page.

        Raises
        ------
        DataError
            If typst refuses; a fault of ours.
        """
        with _refused(template):
            pages = self.compiler.compile(_TEMPLATES / template, format="svg")
        return _listed(pages)


@contextmanager
def _refused(template: Template) -> Iterator[None]:
    try:
        yield
    except typst.TypstError as error:
        raise DataError(
            f"evidence pack, {template}",
            f"could not be set: {error.message}",
            "This is a fault of sinkwatch, not of what was asked for: report it with the name of "
            "the place",
        ) from error


def _listed(pages: bytes | list[bytes] | None) -> list[bytes]:
    """Return typst's pages, which are no list where there is but one."""
    return pages if isinstance(pages, list) else [pages or b""]
