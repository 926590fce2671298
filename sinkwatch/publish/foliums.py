"""Folium's elements by names of our own, and the script that it writes of them without its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from branca.element import Element

if TYPE_CHECKING:
    from collections.abc import Mapping

    import folium
    from branca.element import Figure

ElementT = TypeVar("ElementT", bound=Element)

# Branca offers neither a way to name an element nor one to get what was written of it:
# ruff: noqa: SLF001


def add(parent: Element, child: ElementT, name: str) -> ElementT:
    """
    Hang an element on another.

    Parameters
    ----------
    parent
        A map or a layer.
    child
        What is to be part of it.
    name
        Of the child; the same in every map.

    Returns
    -------
    child
        The same object.
    """
    parent.add_child(named(child, name), name=name)
    return child


def named(element: ElementT, name: str) -> ElementT:
    """
    Replace folium's random name, so that the same findings give the same bytes.

    Parameters
    ----------
    element
        Of folium's.
    name
        What its name ends with from now on.

    Returns
    -------
    element
        The same object.
    """
    element._id = name
    return element


def again(script: str) -> Element:
    """
    Put what folium wrote of an element in its place in another map that has the same names.

    Parameters
    ----------
    script
        As `written` returns it.

    Returns
    -------
    element
        To be added where the other was.
    """
    return _Written(script)


class _Written(Element):
    """An element of which all is written, so that nothing in it is a template."""

    def __init__(self, script: str) -> None:
        super().__init__()
        self.script = script

    def render(self, **_: object) -> str:
        """Put it among the scripts of its map, where it is written as it is."""
        figure = cast("Figure", self.get_root())
        if self._parent is not figure.script:
            figure.script.add_child(_Written(self.script), name=self.get_name())
        return self.script


def written(view: folium.Map, elements: Mapping[str, Element]) -> dict[str, str]:
    """
    Let folium write a map, and return what it wrote of some elements.

    Parameters
    ----------
    view
        The map.
    elements
        Of that map, by any names.

    Returns
    -------
    scripts
        By the same names; each with what folium hangs on the element, such as the line that
        adds it to its layer.
    """
    figure = cast("Figure", view.get_root())
    figure.render()
    scripts = figure.script._children
    return {
        name: "\n".join(
            scripts[each.get_name()].render() for each in (element, *element._children.values())
        )
        for name, element in elements.items()
    }


def script(view: folium.Map) -> str:
    """
    Take folium's script out of its page: the frame, with its links elsewhere, is not used.

    Parameters
    ----------
    view
        The map.

    Returns
    -------
    script
        Without empty lines and indents.
    """
    figure = cast("Figure", view.get_root())
    figure.render()
    lines = (line.strip() for line in figure.script.render().splitlines())
    return "\n".join(line for line in lines if line) + "\n"
