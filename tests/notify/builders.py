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
    Place,
    PlaceKind,
    Reason,
    SinkholeId,
    Snapshot,
    SourceSpec,
    SourceState,
    SourceStatus,
    Subscription,
    SubscriptionId,
)
from sinkwatch.notify import addresses

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SECRET = bytes(range(32))
MESSAGE_ID = addresses.message_id("0123456789abcdef0123456789abcdef", "alerts.example.org")

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
        "distance_m": 127.0 if mapped else None,
        "distance_uncertainty_m": 128.0 if mapped else None,
        "direction": "north-east" if mapped else "",
    }
    return Alert(event=event, **{**values, **changed})  # type: ignore[arg-type]


def a_subscription(**changed: object) -> Subscription:
    values: dict[str, object] = {
        "subscription_id": SubscriptionId("5ub5cr1pt10n"),
        "email": "resident@example.org",
        "postcode": "HG4 1HS",
        "radius_m": 500.0,
        "easting": EASTING,
        "northing": NORTHING,
        "confirmed_at": datetime(2026, 5, 3, 8, tzinfo=UTC),
    }
    return Subscription(**{**values, **changed})  # type: ignore[arg-type]


def a_digest(*events: Event, **changed: object) -> Digest:
    alerts = tuple(an_alert(event) for event in events or (an_event(),))
    return Digest(subscription=a_subscription(**changed), alerts=alerts)


def a_source(
    status: SourceStatus = SourceStatus.GOOD, *, title: str = "Recorded sinkholes", **changed: str
) -> SourceState:
    spec = SourceSpec(
        name="sinkholes",
        kind="sinkholes",
        title=title,
        path=None,
        licence="CC BY 4.0",
        attribution="The compilers",
    )
    snapshot = Snapshot(
        source="sinkholes",
        path=Path("sinkholes.csv"),
        url="sinkholes.csv",
        sha256="0" * 64,
        n_bytes=1,
        retrieved_at=datetime(2026, 11, 1, 9, tzinfo=UTC),
        checked_at=datetime(2026, 11, 20, 9, tzinfo=UTC),
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
