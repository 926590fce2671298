"""Commands for whoever looks after the people: subscribers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sinkwatch.cli import options
from sinkwatch.model import DEFAULT_TOPICS, Frequency, Topic

if TYPE_CHECKING:
    from sinkwatch.model import Subscriber


@click.group()
def subscribers() -> None:
    """Add, list, export, erase and suppress subscribers."""


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
    "--topic",
    "topics",
    multiple=True,
    type=click.Choice([topic.value for topic in Topic]),
    default=sorted(topic.value for topic in DEFAULT_TOPICS),
    show_default=True,
    help="What they want to hear of; may be given more than once.",
)
@click.option(
    "--frequency",
    type=click.Choice([frequency.value for frequency in Frequency]),
    default=Frequency.AT_ONCE.value,
    show_default=True,
    help="How often they want mail.",
)
@click.option(
    "--consent",
    default="asked the operator to be added",
    show_default=True,
    help="How and when the person agreed; kept as the record of their consent.",
)
@options.config
def add_subscriber(  # noqa: PLR0913 - the options of the command
    *,
    email: str,
    postcode: str,
    radius_m: float,
    topics: tuple[str, ...],
    frequency: str,
    consent: str,
    config_path: Path | None,
) -> None:
    """Add a person who has asked for it: EMAIL hears of what changes near POSTCODE."""
    from sinkwatch import signup
    from sinkwatch.services import open_services

    services = open_services(config_path)
    wish = signup.Wish(
        postcode=postcode, radius_m=radius_m, topics=frozenset(Topic(name) for name in topics)
    )
    with services.store() as store:
        added = signup.add(
            services, store, email, wish, frequency=Frequency(frequency), consent=consent
        )
    places = ", ".join(f"{one.postcode}, {one.radius_m:g} m" for one in added.subscriptions)
    click.echo(f"Subscribed {added.subscriber_id} for {places} round it")


@subscribers.command("list")
@options.config
@options.as_json
def list_subscribers(*, config_path: Path | None, as_json: bool) -> None:
    """List who is subscribed. This is personal data."""
    from sinkwatch import signup
    from sinkwatch.services import open_services

    with open_services(config_path).store() as store:
        held = signup.listing(store)
    if as_json:
        options.echo_json([_subscriber(one) for one in held])
        return
    for one in held:
        places = ", ".join(f"{place.postcode} {place.radius_m:g} m" for place in one.subscriptions)
        click.echo(f"{one.subscriber_id}  {one.frequency:<8}  {places}  {one.email}")
    click.echo(f"{len(held)} in all")


def _subscriber(one: Subscriber) -> dict[str, object]:
    return {
        "id": one.subscriber_id,
        "email": one.email,
        "frequency": one.frequency,
        "quiet_at_night": one.is_quiet_at_night,
        "paused_until": one.paused_until.isoformat() if one.paused_until else None,
        "confirmed_at": one.confirmed_at.isoformat(),
        "places": [
            {
                "postcode": place.postcode,
                "radius_m": place.radius_m,
                "topics": sorted(place.topics),
            }
            for place in one.subscriptions
        ],
    }


@subscribers.command("export")
@click.argument("email")
@options.config
def export_subscriber(*, email: str, config_path: Path | None) -> None:
    """Print everything that is held about EMAIL, as JSON."""
    from sinkwatch import signup
    from sinkwatch.services import open_services

    with open_services(config_path).store() as store:
        options.echo_json(signup.export(store, email))


@subscribers.command("erase")
@click.argument("email")
@options.config
def erase_subscriber(*, email: str, config_path: Path | None) -> None:
    """Erase everything that is held about EMAIL, mails that wait included."""
    _suppress(email, config_path, "erased")


@subscribers.command("suppress")
@click.argument("email")
@options.config
def suppress_subscriber(*, email: str, config_path: Path | None) -> None:
    """Erase what is held about EMAIL, and never write there again, whoever asks."""
    _suppress(email, config_path, "operator")


def _suppress(email: str, config_path: Path | None, reason: str) -> None:
    from sinkwatch import signup
    from sinkwatch.services import open_services

    services = open_services(config_path)
    with services.store() as store:
        n_erased = signup.suppress(services, store, email, reason)
    click.echo(f"Erased {n_erased} subscriber{'' if n_erased == 1 else 's'}")
