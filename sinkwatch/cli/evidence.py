"""Commands on evidence packs: evidence, verify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sinkwatch.cli import DONE, FAILED, TROUBLED, options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sinkwatch.packs.making import Made
    from sinkwatch.packs.verifying import Verdict

_SCALES: Final = ("1250", "2500", "5000", "10000", "25000")
_PAPERS: Final = ("a4", "a3")
_DRAFT_LIMIT: Final = 2_000  # as `dossier.DRAFT_LIMIT`, which is not imported for a list of options

_CODES: Final = {
    "same": DONE,
    "different": FAILED,
    "cannot be made again": TROUBLED,
    "data changed since": TROUBLED,
}
"""Exit code of each outcome of `verify`; what is no pack at all is wrong use."""


@click.command()
@click.argument("site")
@options.config
@click.option(
    "--scale",
    type=click.Choice(_SCALES),
    metavar="|".join(_SCALES),
    help="Of the sheet of the site; without it, the finest at which site and first ring fit.",
)
@click.option("--paper", type=click.Choice(_PAPERS), default="a4", show_default=True)
@click.option("--sheets", is_flag=True, help="Let a large site take several numbered sheets.")
@click.option(
    "--boundary",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Ground of the site: GeoJSON, GeoPackage, shapefile (or .zip) or KML with its CRS.",
)
@click.option("--title", default="", metavar="TEXT", help="Of the pack; else the place's name.")
@click.option(
    "--characters",
    type=click.IntRange(min=1),
    default=_DRAFT_LIMIT,
    show_default=True,
    help="Longest draft text for a comment form.",
)
@click.option("--archive", is_flag=True, help="PDF/A-2a besides PDF/UA-1.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to; else evidence/SITE in the folder of maps. An earlier pack is replaced.",
)
@options.as_json
def evidence(  # noqa: PLR0913 - one parameter for each option
    *,
    site: str,
    config_path: Path | None,
    scale: str | None,
    paper: str,
    sheets: bool,
    boundary: Path | None,
    title: str,
    characters: int,
    archive: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """
    Make an evidence pack for SITE: maps true to scale, records, and what weakens them.

    SITE is a site id such as auction-mart, an application reference, or a boundary file.
    """
    from sinkwatch.model import Paper
    from sinkwatch.packs import making
    from sinkwatch.packs.recipe import Order
    from sinkwatch.publish.evidence.paper import Format
    from sinkwatch.services import open_services

    options.log_steps()
    drawn = Format(scale=int(scale) if scale else None, paper=Paper(paper), is_tiled=sheets)
    order = Order(format=drawn, title=title, draft_limit=characters, is_archive=archive)
    made = making.make(open_services(config_path), site, order, boundary=boundary, output=output)
    facts = _facts(made)
    if as_json:
        options.echo_json(facts)
    else:
        _print(made)


def _facts(made: Made) -> dict[str, object]:
    pack = made.pack
    return {
        "folder": str(made.folder),
        "pdf": str(made.folder / "evidence.pdf"),
        "map_id": pack.recipe.map_id,
        "made_on": pack.dossier.made_on.isoformat(),
        "place_id": pack.dossier.place.place_id,
        "title": pack.dossier.title,
        "band": pack.dossier.assessment.band.key,
        "headline": pack.dossier.headline,
        "n_records": len(pack.dossier.records),
        "sheets": [
            {"number": sheet.number, "kind": sheet.kind, "ratio": sheet.ratio}
            for sheet in pack.sheets
        ],
        "files": {name: len(content) for name, content in sorted(pack.files.items())},
        "troubled": _troubled(made),
    }


def _troubled(made: Made) -> list[str]:
    """Name the sources in trouble: the pack says so, and whoever made it is to know."""
    from sinkwatch import intake, wording

    states = wording.bearing(made.pack.recipe.basis.states)
    return [
        f"{state.spec.name}: {wording.source_text(state)}"
        for state in states
        if intake.is_troubled(state)
    ]


def _print(made: Made) -> None:
    from sinkwatch import wording

    pack = made.pack
    told = pack.dossier
    within = wording.distance_text(told.records_within_m)
    click.echo(f"{told.title}: {told.style.label}")
    click.echo(told.headline)
    click.echo(f"{wording.count_text(len(told.records), 'record')} within {within}")
    for sheet in pack.sheets:
        click.echo(f"Sheet {sheet.number} of {sheet.n_sheets}: the {sheet.kind}, {sheet.ratio}")
    click.echo(f"Map id: {pack.recipe.map_id}")
    for name, content in sorted(pack.files.items()):
        click.echo(f"  {name:<18} {len(content):>10,} bytes")
    for line in _troubled(made):
        click.echo(f"Source {line}")
    click.echo(f"Pack:   {made.folder / 'evidence.pdf'}")
    click.echo(f"Folder: {made.folder}")


@click.command()
@click.argument("pack", type=click.Path(path_type=Path))
@options.config
@options.as_json
def verify(*, pack: Path, config_path: Path | None, as_json: bool) -> int:
    """
    Make the pack in the folder PACK again from the very data it was made of, and compare.

    Says same (exit code 0), different and where (1), or that data has changed since or the pack
    cannot be made again (3); what is no pack is wrong use (2). Nothing is written.
    """
    from sinkwatch.packs import verifying
    from sinkwatch.services import open_services

    options.log_steps()
    verdict = verifying.verify(open_services(config_path), pack)
    if as_json:
        options.echo_json(_verdict_facts(verdict))
    else:
        _print_verdict(verdict)
    return _CODES[verdict.outcome]


def _verdict_facts(verdict: Verdict) -> dict[str, object]:
    return {
        "outcome": verdict.outcome,
        "folder": str(verdict.folder),
        "title": verdict.title,
        "map_id": verdict.map_id,
        "made_on": verdict.made_on.isoformat(),
        "program": list(verdict.program),
        "outputs": list(verdict.outputs),
        "inputs": list(verdict.inputs),
        "made_again": not verdict.problem,
        "problem": verdict.problem,
        "differences": list(verdict.differences),
        "since": list(verdict.since),
    }


def _print_verdict(verdict: Verdict) -> None:
    from sinkwatch import wording

    made_on = wording.date_text(verdict.made_on)
    _print_lines("It was made by other versions, so bytes may differ:", verdict.program)
    click.echo(f"{wording.clean(verdict.title)}, map id {verdict.map_id}, made on {made_on}")
    click.echo(_SENTENCES[verdict.outcome])
    _print_lines("Files of the pack:", verdict.outputs)
    _print_lines("What it was made from:", verdict.inputs)
    _print_lines("Made again:", verdict.differences)
    if verdict.problem:
        click.echo(f"Not made again: {verdict.problem}")
    _print_lines("Changed since:", verdict.since)


_SENTENCES: Final = {
    "same": "Same: made again from the same data, every file is the same, byte for byte.",
    "different": "Different: it is not what the data it names gives.",
    "cannot be made again": "It cannot be told whether it is the same.",
    "data changed since": (
        "Same, byte for byte, when made again from the data it names; since then data has changed, "
        "or a copy of it was damaged."
    ),
}


def _print_lines(title: str, lines: Iterable[str]) -> None:
    from sinkwatch import wording

    shown = [wording.clean(line) for line in lines]
    if shown:
        click.echo(title)
    for line in shown:
        click.echo(f"  {line}")
