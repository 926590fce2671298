"""A person's own page, behind a signed link: places, times, pause, address, copy and end."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.responses import HTMLResponse

from sinkwatch import reminders, signup, wording
from sinkwatch.errors import ConfigError, PlaceError, TokenError
from sinkwatch.model import SubscriptionId
from sinkwatch.web import forms
from sinkwatch.web.desk import NOT_ELSEWHERE, OUR_PAGE, AsTyped, AtDesk, FromClient, answers, page
from sinkwatch.web.forms import BLANK, Form, Typed
from sinkwatch.web.routes.subscribing import of_address, of_place

if TYPE_CHECKING:
    from sinkwatch.model import Subscriber, Subscription
    from sinkwatch.web.desk import Desk

ROUTER: Final = APIRouter(default_response_class=HTMLResponse)

UNTIL_TOLD: Final = date(9999, 12, 31)
"""The day until which mail rests that is to rest until further notice."""

_ANSWERS: Final = answers(200, 403, 404, 422, 429, 503)


@ROUTER.get("/m/link", responses=answers(200))
def ask_for_link(desk: AtDesk) -> HTMLResponse:
    """Show the form that mails the link to one's own page."""
    return _link_form(desk, "")


@ROUTER.post(
    "/m/link",
    dependencies=[OUR_PAGE],
    responses=answers(200, 403, 422, 429, 503),
    openapi_extra=forms.described(forms.AddressForm, example={"email": "name@example.org"}),
)
def send_link(desk: AtDesk, client: FromClient, typed: AsTyped) -> HTMLResponse:
    """Mail the link, if that address is subscribed; the page is the same if it is not."""
    try:
        asked = forms.checked(forms.AddressForm, typed)
        signup.send_manage_link(desk.services, desk.store, email=asked.email, client=client)
    except ValidationError as error:
        return _link_form(desk, "", typed=typed, faults=forms.faults(error))
    except ConfigError as error:
        return _link_form(desk, "", typed=typed, faults={"email": of_address(error)})
    return page(desk, "link_sent")


def _link_form(
    desk: Desk,
    why: str,
    *,
    status: int = HTTPStatus.OK,
    typed: Typed = BLANK,
    faults: dict[str, str] | None = None,
) -> HTMLResponse:
    shown = HTTPStatus.UNPROCESSABLE_ENTITY if faults else status
    return page(desk, "link", status=shown, why=why, typed=typed, faults=faults or {})


@ROUTER.get("/m/{token}", responses=answers(200, 404, 503))
def own_page(desk: AtDesk, token: str) -> HTMLResponse:
    """Show what one hears of, and the forms that change it."""
    try:
        person = signup.subscriber_of(desk.services, desk.store, token)
    except TokenError as error:
        return _no_page(desk, error)
    return _page(desk, token, person)


@ROUTER.get("/m/{token}/erase", responses=answers(200, 404, 503))
def ask_to_erase(desk: AtDesk, token: str) -> HTMLResponse:
    """Show the button that erases everything."""
    try:
        person = signup.subscriber_of(desk.services, desk.store, token)
    except TokenError as error:
        return _no_page(desk, error)
    return page(desk, "erase", token=token, masked=_masked(person.email))


@dataclass(frozen=True, slots=True)
class _Ask:
    """Who asks for a change, with what they typed."""

    desk: Desk
    person: Subscriber
    typed: Typed
    client: str


def _set_place(ask: _Ask) -> str:
    wish = forms.checked(forms.PlaceForm, ask.typed).wish()
    signup.set_place(ask.desk.services, ask.desk.store, ask.person, wish)
    return "Saved. You will hear of that place as you have chosen."


def _remove_place(ask: _Ask) -> str:
    place = SubscriptionId(forms.checked(forms.RemovalForm, ask.typed).place)
    has_left = signup.remove_place(ask.desk.services, ask.desk.store, ask.person, place)
    return "" if has_left else "Removed. You will hear no more of that place."


def _choose(ask: _Ask) -> str:
    chosen = forms.checked(forms.ChoiceForm, ask.typed)
    signup.choose(
        ask.desk.store,
        ask.person,
        frequency=chosen.frequency,
        is_quiet_at_night=chosen.quiet == "yes",
        paused_until=ask.person.paused_until,
    )
    return "Saved. Mails will come at the times you have chosen."


def _pause(ask: _Ask) -> str:
    chosen = forms.checked(forms.PauseForm, ask.typed).pause
    if chosen == "none":
        signup.resume(ask.desk.services, ask.desk.store, ask.person)
        return "Mails go on. What has come meanwhile is told in the next one."
    signup.choose(
        ask.desk.store,
        ask.person,
        frequency=ask.person.frequency,
        is_quiet_at_night=ask.person.is_quiet_at_night,
        paused_until=_until(chosen, wording.london_date(ask.desk.now())),
    )
    return "Paused. What comes meanwhile is kept, and told in one mail when the pause ends."


def _until(chosen: str, today: date) -> date:
    """Return the day on which a pause ends."""
    if chosen == "told":
        return UNTIL_TOLD
    year, month = divmod(today.year * 12 + today.month - 1 + int(chosen), 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(today.day, last))


def _ask_address(ask: _Ask) -> str:
    email = forms.checked(forms.AddressForm, ask.typed).email
    services, store = ask.desk.services, ask.desk.store
    signup.ask_address(services, store, ask.person, email, client=ask.client)
    return (
        "Look into the inbox of the new address: it has to confirm the change. Until then mails go "
        "to the old one."
    )


def _send_export(ask: _Ask) -> str:
    if signup.send_export(ask.desk.services, ask.desk.store, ask.person):
        return "A copy of everything that we hold about you is on its way to your address."
    return "A copy has been sent a short while ago. You can ask for another later today."


def _renew(ask: _Ask) -> str:
    signup.renew(ask.desk.services, ask.desk.store, ask.person)
    return "Thank you. The mails go on."


def _erase(ask: _Ask) -> str:
    signup.erase(ask.desk.services, ask.desk.store, ask.person)
    return ""


_ACTIONS: Final[Mapping[str, tuple[Callable[[_Ask], str], type[Form]]]] = {
    "place": (_set_place, forms.PlaceForm),
    "remove": (_remove_place, forms.RemovalForm),
    "times": (_choose, forms.ChoiceForm),
    "pause": (_pause, forms.PauseForm),
    "address": (_ask_address, forms.AddressForm),
    "export": (_send_export, Form),
    "renew": (_renew, Form),
    "erase": (_erase, Form),
}
"""What each form of the page does; an empty sentence means that the person has left by it."""


def _route(name: str) -> None:
    """Give a form its address."""
    act, form = _ACTIONS[name]

    def change(desk: AtDesk, token: str, client: FromClient, typed: AsTyped) -> HTMLResponse:
        return _changed(desk, token, client, typed, name)

    ROUTER.add_api_route(
        f"/m/{{token}}/{name}",
        change,
        methods=["POST"],
        name=f"own_page_{name}",
        description=act.__doc__,
        dependencies=[NOT_ELSEWHERE],
        responses=_ANSWERS,
        openapi_extra=None if form is Form else forms.described(form),
    )


for _name in _ACTIONS:
    _route(_name)


def _changed(desk: Desk, token: str, client: str, typed: Typed, name: str) -> HTMLResponse:
    """Do what one form asks for, and show the page as it stands then."""
    act, _ = _ACTIONS[name]
    try:
        person = signup.subscriber_of(desk.services, desk.store, token)
        says = act(_Ask(desk, person, typed, client))
        if not says:
            return page(desk, "left")
        person = signup.subscriber_of(desk.services, desk.store, token)
    except TokenError as error:
        return _no_page(desk, error)
    except ValidationError as error:
        return _page(desk, token, person, fault=_Fault(name, typed, forms.faults(error)))
    except ConfigError as error:
        return _page(desk, token, person, fault=_Fault(name, typed, {"email": of_address(error)}))
    except PlaceError as error:
        return _page(desk, token, person, fault=_Fault(name, typed, {"postcode": of_place(error)}))
    return _page(desk, token, person, says=says)


@dataclass(frozen=True, slots=True)
class _Fault:
    """What is wrong with which form, and what was typed there."""

    form: str = ""
    typed: Typed = BLANK
    faults: Mapping[str, str] = field(default_factory=dict)


def _page(
    desk: Desk, token: str, person: Subscriber, *, says: str = "", fault: _Fault | None = None
) -> HTMLResponse:
    today = wording.london_date(desk.now())
    paused = person.paused_until if person.paused_until and person.paused_until > today else None
    return page(
        desk,
        "manage",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if fault else HTTPStatus.OK,
        token=token,
        person=person,
        masked=_masked(person.email),
        paused=paused,
        is_paused_for_good=paused == UNTIL_TOLD,
        is_asked_again=desk.now() - person.confirmed_at >= reminders.ASK_AGAIN_AFTER,
        most_places=signup.MOST_PLACES,
        says=says,
        fault=fault or _Fault(),
        as_typed=_as_typed,
        blank=BLANK,
    )


def _as_typed(place: Subscription) -> Typed:
    """Return a place as its form would hold it."""
    return Typed({"radius": (f"{place.radius_m:.0f}",), "topic": tuple(place.topics)})


def _no_page(desk: Desk, error: TokenError) -> HTMLResponse:
    return _link_form(desk, error.rule, status=HTTPStatus.NOT_FOUND)


def _masked(email: str) -> str:
    """Return an address as it may stand on a page that a passer-by might see."""
    local, _, domain = email.partition("@")
    return f"{local[0]}…@{domain}"
