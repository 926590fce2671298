"""A reader of finished PDFs: lines as they lie on paper, and what a screen reader hears."""

from __future__ import annotations

import io
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pikepdf

from tests.programs import program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MM_PER_PT: Final = 25.4 / 72
WORD: Final = re.compile(
    r'<word xMin="(-?[\d.]+)" yMin="(-?[\d.]+)" xMax="(-?[\d.]+)" yMax="(-?[\d.]+)">(.*?)</word>'
)


@dataclass(frozen=True)
class Line:
    """A straight line, millimetres from the upper left corner of its page."""

    start: tuple[float, float]
    end: tuple[float, float]

    @property
    def length_mm(self) -> float:
        return float(np.hypot(self.end[0] - self.start[0], self.end[1] - self.start[1]))

    @property
    def is_level(self) -> bool:
        return abs(self.end[1] - self.start[1]) < 0.01

    @property
    def is_upright(self) -> bool:
        return abs(self.end[0] - self.start[0]) < 0.01


@dataclass(frozen=True)
class Heard:
    """One element of a PDF's structure."""

    kind: str
    alt: str
    depth: int


def opened(pdf: bytes) -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(pdf))


def lines(pdf: bytes, page_number: int = 1) -> list[Line]:
    """Follow the content stream as a viewer does, into every form that it draws."""
    document = opened(pdf)
    page = document.pages[page_number - 1]
    height_pt = float(page.mediabox[3])

    def on_paper(point: NDArray[np.float64]) -> tuple[float, float]:
        return (float(point[0]) * MM_PER_PT, (height_pt - float(point[1])) * MM_PER_PT)

    return [
        Line(on_paper(start), on_paper(end))
        for start, end in _walk(page.obj, np.eye(3), page.obj.get("/Resources"))
    ]


def _walk(
    stream: pikepdf.Object, matrix: NDArray[np.float64], resources: pikepdf.Object
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    kept: list[NDArray[np.float64]] = []
    first = at = np.zeros(3)
    for operands, operator in pikepdf.parse_content_stream(stream):
        match str(operator):
            case "q":
                kept.append(matrix)
            case "Q":
                matrix = kept.pop()
            case "cm":
                matrix = _matrix(operands) @ matrix
            case "m":
                first = at = _point(operands, matrix)
            case "l":
                end = _point(operands, matrix)
                yield at, end
                at = end
            case "c":
                at = _point(operands[-2:], matrix)
            case "h":
                yield at, first
                at = first
            case "Do":
                yield from _walk_form(resources.XObject[operands[0]], matrix, resources)


def _walk_form(
    form: pikepdf.Object, matrix: NDArray[np.float64], resources: pikepdf.Object
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    if form.Subtype == pikepdf.Name.Form:
        inner = _matrix(form.get("/Matrix", [1, 0, 0, 1, 0, 0])) @ matrix
        yield from _walk(form, inner, form.get("/Resources", resources))


def _matrix(numbers: object) -> NDArray[np.float64]:
    a, b, c, d, e, f = (float(number) for number in numbers)  # type: ignore[attr-defined]
    return np.array([[a, b, 0], [c, d, 0], [e, f, 1]])


def _point(numbers: object, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = (float(number) for number in numbers)  # type: ignore[attr-defined]
    return np.array([x, y, 1.0]) @ matrix


def letter_sizes_pt(page: pikepdf.Page) -> set[float]:
    return {
        float(operands[1])
        for operands, operator in pikepdf.parse_content_stream(page)
        if str(operator) == "Tf"
    }


def heard(document: pikepdf.Pdf) -> list[Heard]:
    """Return the elements of the structure in the order in which they are read."""
    return list(_heard(document.Root.StructTreeRoot.K, 0))


def _heard(element: pikepdf.Object, depth: int) -> Iterator[Heard]:
    if isinstance(element, pikepdf.Array):
        for each in element:
            yield from _heard(each, depth)
    elif isinstance(element, pikepdf.Dictionary) and "/S" in element:
        yield Heard(str(element.S)[1:], str(element.get("/Alt", "")), depth)
        yield from _heard(element.get("/K", pikepdf.Array()), depth + 1)


def said(name: str, *arguments: str, pdf: bytes) -> str:
    """Return what a program of poppler-utils says of a PDF."""
    command = [program(name, "poppler-utils"), *arguments, "-"]
    run = subprocess.run(command, input=pdf, capture_output=True, check=True)
    return run.stdout.decode()
