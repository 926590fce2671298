"""The pages of signing up: the form, its preview, and what is said once it was sent."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final, Literal

from fastapi import APIRouter, Query
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from sinkwatch import signup, wording
from sinkwatch.errors import ConfigError, LimitError, PlaceError
from sinkwatch.model import Topic  # noqa: TC001 - FastAPI reads the annotation
from sinkwatch.signup import Wish
from sinkwatch.web import forms, stamp
from sinkwatch.web.desk import OUR_PAGE, AsTyped, AtDesk, FromClient, answers, page
from sinkwatch.web.forms import BLANK, AddressForm, PlaceForm, SubscribeForm, Typed

if TYPE_CHECKING:
    from sinkwatch.web.desk import Desk
    from sinkwatch.web.outlook import View

ROUTER: Final = APIRouter(default_response_class=HTMLResponse)

TRAP: Final = "homepage"
"""A field that no person sees; whoever fills it in is a program."""

CONSENT: Final = wording.consent_text(["the postcode above"])
"""What is ticked on the form; what is kept names the postcode."""

_TIMES: Final = {
    stamp.Verdict.TOO_SOON: (
        "That was quicker than a person types. Please look over the form and send it again"
    ),
    stamp.Verdict.TOO_LATE: (
        "This page had been open for more than a day. Please look over the form and send it again"
    ),
}

_EXAMPLE: Final = {
    "postcode": "HG4 1HS",
    "radius": "500",
    "topic": ["flagged", "records"],
    "frequency": "daily",
    "email": "name@example.org",
    "consent": "yes",
}


@ROUTER.get("/subscribe", responses=answers(200))
def form(desk: AtDesk) -> HTMLResponse:
    """Hand out the form."""
    return _form(desk, BLANK)


@ROUTER.post(
    "/subscribe/preview",
    dependencies=[OUR_PAGE],
    responses=answers(200, 403, 422, 429, 503),
    openapi_extra=forms.described(PlaceForm, example=_EXAMPLE),
)
def preview(desk: AtDesk, client: FromClient, typed: AsTyped) -> HTMLResponse:
    """Show what they would have been told; nothing is kept."""
    try:
        asked = forms.checked(PlaceForm, typed)
    except ValidationError as error:
        return _form(desk, typed, faults=forms.faults(error))
    _look(desk, client)
    try:
        view = desk.outlook.view(asked.wish())
    except PlaceError as error:
        return _form(desk, typed, faults={"postcode": of_place(error)})
    return _form(desk, typed, view=view)


@ROUTER.get(
    "/subscribe/map.png",
    response_class=Response,
    responses={
        **answers(422, 429, 503),
        200: {"description": "The map", "content": {"image/png": {"schema": {"type": "string"}}}},
    },
)
def picture(
    desk: AtDesk,
    client: FromClient,
    postcode: Annotated[str, Query(max_length=16, pattern=forms.POSTCODE)],
    radius: Annotated[Literal["250", "500", "1000", "2000"], Query()],
    topic: Annotated[list[Topic], Query(min_length=1, max_length=4)],
) -> Response:
    """Draw the area of a preview."""
    _look(desk, client)
    wish = Wish(postcode=postcode, radius_m=float(radius), topics=frozenset(topic))
    try:
        view = desk.outlook.view(wish)
    except PlaceError as error:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY) from error
    return Response(view.picture.png, media_type="image/png")


@ROUTER.post(
    "/subscribe",
    dependencies=[OUR_PAGE],
    responses=answers(200, 403, 422, 429, 503),
    openapi_extra=forms.described(SubscribeForm, example=_EXAMPLE),
)
def subscribe(desk: AtDesk, client: FromClient, typed: AsTyped) -> HTMLResponse:
    """Keep the request; the page is the same whatever is known of the address."""
    if typed.one(TRAP):
        return _inbox(desk)
    try:
        asked = forms.checked(SubscribeForm, typed)
    except ValidationError as error:
        return _form(desk, typed, faults=forms.faults(error))
    verdict = desk.verdict(typed.one("stamp"))
    if verdict in _TIMES:
        return _form(desk, typed, faults={"": _TIMES[verdict]})
    return _asked(desk, client, typed, asked)


def _asked(desk: Desk, client: str, typed: Typed, asked: SubscribeForm) -> HTMLResponse:
    # To find a postcode is work too, and one that is not held is refused before it is counted.
    _look(desk, client)
    try:
        signup.ask(
            desk.services,
            desk.store,
            email=asked.email,
            wish=asked.wish(),
            frequency=asked.frequency,
            is_quiet_at_night=asked.quiet == "yes",
            client=client,
        )
    except ConfigError as error:
        return _form(desk, typed, faults={"email": of_address(error)})
    except PlaceError as error:
        return _form(desk, typed, faults={"postcode": of_place(error)})
    return _inbox(desk)


@ROUTER.post(
    "/subscribe/resend",
    dependencies=[OUR_PAGE],
    responses=answers(200, 403, 422, 429, 503),
    openapi_extra=forms.described(AddressForm, example={"email": "name@example.org"}),
)
def resend(desk: AtDesk, client: FromClient, typed: AsTyped) -> HTMLResponse:
    """Ask for the confirmation once more; the page is the same whatever is known."""
    try:
        asked = forms.checked(AddressForm, typed)
        signup.resend(desk.services, desk.store, email=asked.email, client=client)
    except ValidationError as error:
        return _inbox(desk, typed=typed, faults=forms.faults(error))
    except ConfigError as error:
        return _inbox(desk, typed=typed, faults={"email": of_address(error)})
    return _inbox(desk)


def _form(
    desk: Desk, typed: Typed, *, faults: dict[str, str] | None = None, view: View | None = None
) -> HTMLResponse:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if faults else HTTPStatus.OK
    return page(
        desk,
        "subscribe",
        status=status,
        typed=typed,
        faults=faults or {},
        view=view,
        stamp=desk.stamp(),
        consent=CONSENT,
    )


def _inbox(
    desk: Desk, *, typed: Typed = BLANK, faults: dict[str, str] | None = None
) -> HTMLResponse:
    """Return the page that follows every request; it repeats nothing that was typed but a fault."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY if faults else HTTPStatus.OK
    return page(desk, "inbox", status=status, typed=typed, faults=faults or {})


def of_address(error: ConfigError) -> str:
    """
    Put a refused address to the one who typed it.

    Parameters
    ----------
    error
        Of `addresses.address`.

    Returns
    -------
    fault
        One sentence, without its full stop.
    """
    return f"{forms.FAULTS['email']}: {error.rule}"


def of_place(error: PlaceError) -> str:
    """
    Put a refused place to the one who typed it.

    Parameters
    ----------
    error
        Of `signup`.

    Returns
    -------
    fault
        One sentence, without its full stop; the error's own way out speaks of more than a form
        takes.
    """
    said = f"{error.value} {error.rule}"
    return said[:1].upper() + said[1:]


def _look(desk: Desk, client: str) -> None:
    """Count a look that costs us work, or refuse it."""
    wait_s = desk.looks.wait_s(client)
    if wait_s:
        raise LimitError(
            "this request",
            "requests from here are as many as may be for now",
            "Try again later",
            retry_after_s=wait_s,
            is_closed=False,
        )
