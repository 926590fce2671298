"""Commands for whoever runs an installation: subscribers, doctor."""

from __future__ import annotations

from pathlib import Path

import click

from sinkwatch.cli import DONE, FAILED, options


@click.group()
def subscribers() -> None:
    """Add, list, export and erase subscribers."""


@subscribers.command("add")
@click.argument("email")
@click.argument("postcode")
@click.option(
    "--radius-m",
    type=click.FloatRange(250, 2000),
    default=500.0,
    show_default=True,
    help="How far round the postcode they want to hear of, metres.",
)
@click.option(
    "--consent",
    default="asked the operator to be added",
    show_default=True,
    help="How and when the person agreed; kept as the record of their consent.",
)
@options.config
def add_subscriber(
    *, email: str, postcode: str, radius_m: float, consent: str, config_path: Path | None
) -> None:
    """Add a person who has asked for it: EMAIL hears of what changes near POSTCODE."""
    from sinkwatch import signup
    from sinkwatch.services import open_services

    added = signup.subscribe(
        open_services(config_path), email, postcode, radius_m=radius_m, consent=consent
    )
    click.echo(
        f"Subscribed {added.subscription_id} for {added.postcode}, {added.radius_m:g} m round it"
    )


@subscribers.command("list")
@options.config
@options.as_json
def list_subscribers(*, config_path: Path | None, as_json: bool) -> None:
    """List who is subscribed. This is personal data."""
    from sinkwatch import signup
    from sinkwatch.services import open_services

    held = signup.listing(open_services(config_path))
    if as_json:
        options.echo_json(
            [
                {
                    "id": one.subscription_id,
                    "email": one.email,
                    "postcode": one.postcode,
                    "radius_m": one.radius_m,
                    "confirmed_at": one.confirmed_at.isoformat(),
                }
                for one in held
            ]
        )
        return
    for one in held:
        click.echo(f"{one.subscription_id}  {one.postcode:<8}  {one.radius_m:>5g} m  {one.email}")
    click.echo(f"{len(held)} in all")


@subscribers.command("export")
@click.argument("email")
@options.config
def export_subscriber(*, email: str, config_path: Path | None) -> None:
    """Print everything that is held about EMAIL, as JSON."""
    from sinkwatch import signup
    from sinkwatch.services import open_services

    options.echo_json(signup.export(open_services(config_path), email))


@subscribers.command("erase")
@click.argument("email")
@options.config
def erase_subscriber(*, email: str, config_path: Path | None) -> None:
    """Erase everything that is held about EMAIL, mails that wait included."""
    from sinkwatch import signup
    from sinkwatch.services import open_services

    n_erased = signup.erase(open_services(config_path), email)
    click.echo(f"Erased {n_erased} subscription{'' if n_erased == 1 else 's'}")


@click.command()
@options.config
@options.as_json
def doctor(*, config_path: Path | None, as_json: bool) -> int:
    """Check this installation and say what is wrong."""
    from sinkwatch import doctor as checks
    from sinkwatch.services import open_services

    findings = checks.examine(open_services(config_path))
    if as_json:
        options.echo_json(
            [{"check": found.check, "ok": found.is_ok, "says": found.says} for found in findings]
        )
    else:
        for found in findings:
            click.echo(f"{'ok  ' if found.is_ok else 'LOOK'}  {found.check}: {found.says}")
    return DONE if all(found.is_ok for found in findings) else FAILED
