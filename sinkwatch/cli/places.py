"""Commands that ask about places: check, assess."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sinkwatch.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sinkwatch import bulk
    from sinkwatch.model import Band, BandStyle
    from sinkwatch.questions import Answer


@click.command()
@click.argument("place")
@options.config
@options.as_json
def check(*, place: str, config_path: Path | None, as_json: bool) -> None:
    """
    Say what is known at PLACE, and why.

    PLACE is a postcode, "easting,northing", "latitude,longitude", a grid reference, a site id
    such as auction-mart, or an application reference.
    """
    from sinkwatch import questions
    from sinkwatch.services import open_services

    services = open_services(config_path)
    answer = questions.check(services, place)
    styles = services.area.parameters.table.styles
    if as_json:
        options.echo_json(_facts(answer, styles))
    else:
        _print(answer, styles)


def _facts(answer: Answer, styles: Mapping[Band, BandStyle]) -> dict[str, object]:
    from sinkwatch import explain, wording

    assessment = answer.assessment
    place = assessment.place
    style = styles[assessment.band]
    return {
        "place": {
            "id": place.place_id,
            "label": place.label,
            "kind": place.kind,
            "easting": _rounded(place.easting),
            "northing": _rounded(place.northing),
            "position_uncertainty_m": _rounded(place.position_uncertainty_m),
            "basis": place.basis,
        },
        "band": assessment.band.key,
        "band_label": style.label,
        "meaning": style.meaning,
        "advice": style.advice,
        "headline": explain.headline(assessment, styles),
        "geology_class": assessment.geology.name,
        "scored_as": assessment.scored_as.name,
        "sinkhole_id": assessment.sinkhole_id,
        "sinkhole_distance_m": _rounded(assessment.distance_m),
        "sinkhole_uncertainty_m": _rounded(assessment.distance_uncertainty_m),
        "n_features": assessment.n_features,
        "check_record": assessment.check_record,
        "shares": {band.key: round(share, 4) for band, share in assessment.shares.items()},
        "reasons": [
            {"code": reason.code, "text": reason.text, "facts": dict(reason.facts)}
            for reason in assessment.reasons
        ],
        "context": list(answer.context),
        "limits": wording.LIMITS,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 2)


def _print(answer: Answer, styles: Mapping[Band, BandStyle]) -> None:
    from sinkwatch import wording

    assessment = answer.assessment
    style = styles[assessment.band]
    click.echo(f"{assessment.place.label}: {style.label}")
    click.echo(f"{style.meaning}\n")
    for reason in assessment.reasons:
        click.echo(_wrapped(reason.text))
    if answer.context:
        click.echo("\nAround it:")
    for remark in answer.context:
        click.echo(_wrapped(remark))
    click.echo(f"\n{_wrapped(style.advice)}")
    click.echo(_wrapped(wording.LIMITS))


def _wrapped(text: str) -> str:
    return click.wrap_text(text, width=96, initial_indent="- ", subsequent_indent="  ")


@click.command()
@click.argument("source", type=click.Path(), metavar="INPUT")
@click.argument("target", type=click.Path(), metavar="OUTPUT")
@options.config
@options.as_json
@click.option(
    "--uncertainty-m",
    type=click.FloatRange(min=0, min_open=True),
    help="How well a position is known where the row does not say, metres; if not given, 10 for "
    "points and 5 for boundaries.",
)
@click.option("--columns", help="Columns of INPUT to write, with commas between; all if not given.")
@click.option("--only-flagged", is_flag=True, help="Leave out rows that are not flagged.")
@click.option("--layer", help="Which layer of a GeoPackage.")
@click.option("--overwrite", is_flag=True, help="Replace OUTPUT if it is there.")
@click.option(
    "--update",
    is_flag=True,
    help="Bring OUTPUT, a complete folder of parts, up to date: only rows that changed zones or"
    " records reach are assessed again.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "dask"]),
    default="local",
    show_default=True,
    help="What does the work: this program, or the workers of a Dask cluster.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Dask scheduler, as tcp://host:8786; without it, workers on this machine.",
)
def assess(  # noqa: PLR0913 - a parameter for each option that is not the request's
    *,
    source: str,
    target: str,
    config_path: Path | None,
    as_json: bool,
    engine: str,
    scheduler: str | None,
    **given: Any,  # noqa: ANN401 - the other options, as `Request` has them
) -> None:
    """
    Assess every row of INPUT and write the same rows, with their bands, to OUTPUT.

    INPUT is CSV, GeoParquet, GeoPackage, FlatGeobuf or the zip of OS Open UPRN, by its ending;
    OUTPUT any of these but the last. A CSV has easting and northing, or longitude and latitude;
    a column position_uncertainty_m is used where there is one. A layer may hold boundaries instead
    of points: these have the highest band that their ground touches, and the share of each. An
    OUTPUT without an ending is a folder of GeoParquet in parts. GeoParquet and such folders may be
    in object storage, by their addresses: s3://bucket/places.parquet.
    """
    from sinkwatch import bulk, intake, survey
    from sinkwatch.cli import progress
    from sinkwatch.services import open_services

    columns, known_m = given.pop("columns"), given.pop("uncertainty_m")
    if known_m is not None:
        given |= {"uncertainty_m": known_m, "boundary_uncertainty_m": known_m}
    request = bulk.Request(
        source=bulk.location(source),
        target=bulk.location(target),
        columns=None if columns is None else tuple(name.strip() for name in columns.split(",")),
        **given,
    )
    in_parts = _engine(request, engine, scheduler)
    services = open_services(config_path)
    knowledge = survey.know(services.area, intake.recall(services))
    basis = bulk.Basis(
        hazard=knowledge.hazard,
        bounds=services.area.bounds,
        flag_within_m=services.area.parameters.flag_within_m,
        editions=knowledge.editions,
    )
    kept = services.settings.state_folder / "prepared"
    options.log_steps()
    with progress.rows(f"assess {request.source.name}") as count:
        report = bulk.assess_file(basis, request, kept=kept, progress=count, in_parts=in_parts)
    if as_json:
        options.echo_json(_counts(report, str(request.target)))
        return
    styles = services.area.parameters.table.styles
    of_all = f" of {report.n_rows:,}" if report.n_written < report.n_rows else ""
    done = "written to" if report.updated is None else "are up to date in"
    click.echo(f"{report.n_written:,}{of_all} rows {done} {request.target}")
    for band, n in report.bands.items():
        click.echo(f"  {styles[band].label:<15} {n:>12,}")
    if report.n_unplaced:
        click.echo(f"  {report.n_unplaced:,} rows have no usable position; kept, not assessed")
    if report.n_misread:
        click.echo(
            f"  {report.n_misread:,} rows would lie in the area if they were read otherwise (axes"
            " exchanged, or degrees for metres); kept, not assessed"
        )
    if report.updated is not None:
        took = report.updated
        click.echo(
            f"  {took.n_looked_at:,} rows were assessed again, {took.n_changed:,} have another"
            f" answer, {took.n_parts:,} parts were written anew"
        )


def _counts(report: bulk.BulkReport, target: str) -> dict[str, object]:
    counts: dict[str, object] = {
        "output": target,
        "rows": report.n_rows,
        "written": report.n_written,
        "unplaced": report.n_unplaced,
        "misread": report.n_misread,
        "bands": {band.key: n for band, n in report.bands.items()},
    }
    if report.updated is not None:
        counts["updated"] = {
            "looked_at": report.updated.n_looked_at,
            "changed": report.updated.n_changed,
            "parts": report.updated.n_parts,
        }
    return counts


def _engine(request: bulk.Request, engine: str, scheduler: str | None) -> bulk.InParts:
    if engine == "dask" and request.update:
        raise click.UsageError("--update goes with --engine local: it takes moments")
    if engine == "dask":
        from sinkwatch.bulk import cluster

        return cluster.engine(request, scheduler)
    if scheduler is not None:
        raise click.UsageError("--scheduler goes with --engine dask")
    from sinkwatch.bulk import parts

    return parts.assess_in_parts
