"""The verbs of subscribing: subscribe, list, export, erase."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from sinkwatch import gazetteer, intake, survey
from sinkwatch.errors import PlaceError
from sinkwatch.model import Place, Subscription, SubscriptionId
from sinkwatch.notify import addresses
from sinkwatch.store import subscriptions

if TYPE_CHECKING:
    from sinkwatch.services import Services

_ID_BYTES: Final = 16  # 128 bits: a public id that nobody can guess and that says nothing


def subscribe(
    services: Services, email: str, postcode: str, *, radius_m: float, consent: str
) -> Subscription:
    """
    Add a person who has agreed to hear of what changes near a postcode.

    Parameters
    ----------
    services
        Clock, store and area.
    email
        Their address.
    postcode
        Where; it must be in the list held.
    radius_m
        How far round it, metres.
    consent
        How and when they agreed; kept as the record of it.

    Returns
    -------
    subscription
        Confirmed.

    Raises
    ------
    ConfigError
        If the address is not one mailbox.
    PlaceError
        If the postcode is not held or lies outside the area.
    StoreError
        If the address is subscribed there already.
    """
    address = addresses.address(email)
    now = services.clock()
    place = _place(services, postcode)
    added = Subscription(
        subscription_id=SubscriptionId(secrets.token_hex(_ID_BYTES)),
        email=address,
        postcode=place.label,
        radius_m=radius_m,
        easting=float(place.easting or 0.0),
        northing=float(place.northing or 0.0),
        confirmed_at=now,
    )
    record = {"how": consent, "for": f"e-mails about ground stability near {place.label}"}
    digest = addresses.address_hmac(services.secret(), address)
    with services.store() as store, store.begin() as connection:
        subscriptions.lift(connection, digest)
        subscriptions.add(connection, added, record, now)
    return added


def _place(services: Services, postcode: str) -> Place:
    """Find a postcode in the lists held; one that is in none is looked up if that is opted into."""
    try:
        return gazetteer.postcode(_names(services), postcode)
    except PlaceError:
        if not intake.look_up(services, postcode):
            raise
    return gazetteer.postcode(_names(services), postcode)


def _names(services: Services) -> gazetteer.Gazetteer:
    return survey.names(services.area, intake.recall(services))


def listing(services: Services) -> tuple[Subscription, ...]:
    """
    Return the confirmed subscriptions.

    Parameters
    ----------
    services
        With the store.

    Returns
    -------
    subscriptions
        Ordered by id.
    """
    with services.store() as store, store.read() as connection:
        return subscriptions.confirmed(connection)


def export(services: Services, email: str) -> dict[str, Any]:
    """
    Return everything that is held about an address.

    Parameters
    ----------
    services
        With the store.
    email
        The address.

    Returns
    -------
    held
        Plain values.
    """
    address = addresses.address(email)
    with services.store() as store, store.read() as connection:
        return subscriptions.export(connection, address)


def erase(services: Services, email: str) -> int:
    """
    Erase everything that is held about an address, and leave no bytes of it in the database.

    What stays is a keyed hash with the date, so that nobody adds the address again by accident.

    Parameters
    ----------
    services
        Clock and store.
    email
        The address.

    Returns
    -------
    n_erased
        Subscriptions erased.
    """
    address = addresses.address(email)
    digest = addresses.address_hmac(services.secret(), address)
    with services.store() as store:
        with store.begin() as connection:
            n_erased = subscriptions.erase(connection, address, digest, "erased", services.clock())
        store.checkpoint()
    return n_erased
