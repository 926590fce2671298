"""Packs that are made in no time, but for what befalls some of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sinkwatch.packs import inputs, recipe, workshop
from sinkwatch.packs.recipe import Order, Recipe
from sinkwatch.packs.workshop import Workshop
from tests.packs import hands


@dataclass(frozen=True, slots=True, kw_only=True)
class Quick(Workshop):
    """A workshop whose packs are three short files with a true manifest, unless one befalls it."""

    befalls: Mapping[str, str] = field(default_factory=dict)

    def __call__(self) -> Callable[[workshop.Task], None]:
        return functools.partial(_make_quickly, self)


def _make_quickly(shared: Quick, task: workshop.Task) -> None:
    place = task.subject.place
    if place.place_id in shared.befalls:
        hands.do((shared.befalls[place.place_id], shared.shelf.folder))
    outputs = {
        name: f"{name} of {place.label} {shared.made_on}".encode()
        for name in ("evidence.pdf", "map.png", "evidence.csv")
    }
    made_of = Recipe(
        basis=shared.basis,
        files=(*shared.area_files, inputs.of_basis(shared.basis)),
        subject=task.subject,
        order=Order(),
        made_on=shared.made_on,
        contact=shared.contact,
        program=recipe.program(),
    )
    listed = made_of.manifest(place.label, (), outputs)
    shared.shelf.put(task.fingerprint, listed.content(), outputs)
