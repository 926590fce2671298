"""The verbs of subscribing: ask, confirm, change, leave; every one bounded, none telling tales."""

from __future__ import annotations

from sinkwatch.signup.asking import ask, ask_address, handle, resend, send_manage_link
from sinkwatch.signup.confirming import add, confirm, pending
from sinkwatch.signup.identity import CONFIRM_WITHIN, MANAGE_WITHIN
from sinkwatch.signup.leaving import WIPE, erase, give_up, leave, leave_by_id, soft_bounce, suppress
from sinkwatch.signup.own_page import (
    choose,
    export,
    listing,
    manage_token,
    remove_place,
    renew,
    resume,
    send_export,
    set_place,
    subscriber_of,
)
from sinkwatch.signup.wishes import (
    LEAST_RADIUS_M,
    MOST_PLACES,
    MOST_RADIUS_M,
    Wish,
    consent_record,
    subscription,
)

__all__ = [
    "CONFIRM_WITHIN",
    "LEAST_RADIUS_M",
    "MANAGE_WITHIN",
    "MOST_PLACES",
    "MOST_RADIUS_M",
    "WIPE",
    "Wish",
    "add",
    "ask",
    "ask_address",
    "choose",
    "confirm",
    "consent_record",
    "erase",
    "export",
    "give_up",
    "handle",
    "leave",
    "leave_by_id",
    "listing",
    "manage_token",
    "pending",
    "remove_place",
    "renew",
    "resend",
    "resume",
    "send_export",
    "send_manage_link",
    "set_place",
    "soft_bounce",
    "subscriber_of",
    "subscription",
    "suppress",
]
