"""Builders of small digests, and of what they are read against; each names only what matters."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sinkwatch.model import (
    Alert,
    Assessment,
    Band,
    Digest,
    Event,
    EventKind,
    GeologyClass,
    MailKind,
    Place,
    PlaceKind,
    Reason,
    SinkholeId,
    Snapshot,
    SourceSpec,
    SourceState,
    SourceStatus,
    Subscriber,
    SubscriberId,
    Subscription,
    SubscriptionId,
)
from sinkwatch.notify import addresses
from sinkwatch.notify.items import Item

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SECRET = bytes(range(32))
MESSAGE_ID = addresses.message_id("0123456789abcdef0123456789abcdef", "alerts.example.org")

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style></title></div><svg/onload=alert(1)>",
    "{{ 7 * 7 }} {% raw %} {# x #} ${7*7}",
    "&lt;b&gt; &amp;amp; &#x3C;script&#x3E;",
    "line\r\none\nBcc: victim@example.org\r\n\r\n<b>",
    "gnp.\u202ecod\u2066 \u200bzero\x00\x1b[31m",
    "🕳️ ﷽ Ünïcode",
    "=cmd|'/C calc'!A0",
    "word" * 3_000,
]
"""What a stranger might write into a text that we pass on."""

CONFIRMED_AT = datetime(2026, 5, 3, 8, tzinfo=UTC)

# HG4 1HS, and the old auction mart 127 m to the north-east of it.
EASTING, NORTHING = 431_480.0, 471_750.0


def an_event(**changed: object) -> Event:
    values: dict[str, object] = {
        "kind": EventKind.APPLICATION_NEW,
        "subject": "North Yorkshire/26/00001",
        "version": "1",
        "title": "26/00001: Old Ripon Auction Mart, North Road",
        "happened": "An application has been submitted: 75 homes.",
        "easting": 431_579.0,
        "northing": 471_829.0,
        "position_uncertainty_m": 80.0,
        "is_flagged": True,
        "is_news": True,
        "lines": ("Received on 3 November 2026.", "Within 250 m of a counted record."),
        "url": "https://planning.example.gov.uk/26/00001",
    }
    return Event(**{**values, **changed})  # type: ignore[arg-type]


def an_alert(event: Event, **changed: object) -> Alert:
    mapped = event.easting is not None
    values: dict[str, object] = {
        "subscription": a_subscription(),
        "distance_m": 127.0 if mapped else None,
        "distance_uncertainty_m": 128.0 if mapped else None,
        "direction": "north-east" if mapped else "",
    }
    return Alert(event=event, **{**values, **changed})  # type: ignore[arg-type]


def a_subscription(**changed: object) -> Subscription:
    values: dict[str, object] = {
        "subscription_id": SubscriptionId("5ub5cr1pt10n"),
        "postcode": "HG4 1HS",
        "radius_m": 500.0,
        "easting": EASTING,
        "northing": NORTHING,
        "confirmed_at": CONFIRMED_AT,
    }
    return Subscription(**{**values, **changed})  # type: ignore[arg-type]


def another_subscription(**changed: object) -> Subscription:
    """Return a place 700 m to the south of the usual one."""
    values = {"postcode": "HG4 2AB", "northing": NORTHING - 700, "radius_m": 1_000.0}
    return a_subscription(subscription_id=SubscriptionId("an0th3r"), **{**values, **changed})


def a_subscriber(*places: Subscription, **changed: object) -> Subscriber:
    values: dict[str, object] = {
        "subscriber_id": SubscriberId("5ub5cr1b3r"),
        "email": "resident@example.org",
        "subscriptions": places or (a_subscription(),),
        "confirmed_at": CONFIRMED_AT,
    }
    return Subscriber(**{**values, **changed})  # type: ignore[arg-type]


def a_digest(*told: Event | Alert, **changed: object) -> Digest:
    """Return a digest of events as seen from the usual place, or of alerts as they are."""
    values: dict[str, object] = {
        "subscriber": a_subscriber(),
        "kind": MailKind.DIGEST,
        "alerts": tuple(
            one if isinstance(one, Alert) else an_alert(one) for one in told or (an_event(),)
        ),
    }
    return Digest(**{**values, **changed})  # type: ignore[arg-type]


def an_item(number: int = 1, **changed: object) -> Item:
    """Return an item of one event, which is mapped unless it is said not to be."""
    return Item(number=number, alerts=(an_alert(an_event(**changed)),))


def a_source(
    status: SourceStatus = SourceStatus.GOOD,
    *,
    title: str = "Recorded sinkholes",
    kind: str = "sinkholes",
    checked_at: datetime = datetime(2026, 11, 20, 9, tzinfo=UTC),
    **changed: str,
) -> SourceState:
    spec = SourceSpec(
        name=kind,
        kind=kind,
        title=title,
        path=None,
        licence="CC BY 4.0",
        attribution="The compilers",
    )
    snapshot = Snapshot(
        source=kind,
        path=Path("sinkholes.csv"),
        url="sinkholes.csv",
        sha256="0" * 64,
        n_bytes=1,
        retrieved_at=datetime(2026, 11, 1, 9, tzinfo=UTC),
        checked_at=checked_at,
        edition=changed.get("edition", "2026-11-01"),
        licence="CC BY 4.0",
        attribution=changed.get("attribution", "The compilers"),
    )
    is_held = status is not SourceStatus.NOT_CONFIGURED
    return SourceState(spec=spec, status=status, snapshot=snapshot if is_held else None)


def an_assessment(ground: str = "Class C, the gypsum belt (edge drawn to ± 500 m).") -> Assessment:
    place = Place(
        place_id="HG4 1HS",
        label="HG4 1HS",
        kind=PlaceKind.POSTCODE,
        easting=EASTING,
        northing=NORTHING,
        position_uncertainty_m=100.0,
        basis="postcode unit centre",
    )
    deciding = {
        "decides": True,
        "distance_m": 110.0,
        "name": "Magdalen's Close house collapse",
        "date": "17 February 2014",
        "about": "about 110 m (± 190 m)",
    }
    return Assessment(
        place=place,
        band=Band.HIGH,
        geology=GeologyClass.C,
        scored_as=GeologyClass.C,
        sinkhole_id=SinkholeId("RS009"),
        distance_m=112.5,
        distance_uncertainty_m=180.3,
        n_features=4,
        check_record=False,
        reasons=(
            Reason(code="ground", text=ground),
            Reason(code="sinkhole", text="A record.", facts=deciding),
        ),
    )
