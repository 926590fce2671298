"""The pages behind the links in mails that confirm and that end: a look changes nothing."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.responses import HTMLResponse

from sinkwatch import signup
from sinkwatch.errors import TokenError
from sinkwatch.web import forms
from sinkwatch.web.desk import NOT_ELSEWHERE, AsTyped, AtDesk, answers, page

if TYPE_CHECKING:
    from sinkwatch.web.desk import Desk

ROUTER: Final = APIRouter(default_response_class=HTMLResponse)


@ROUTER.get("/confirm/{token}", responses=answers(200, 404, 503))
def ask(desk: AtDesk, token: str) -> HTMLResponse:
    """Show what a confirmation would do, with the button that does it."""
    try:
        request = signup.pending(desk.services, desk.store, token)
    except TokenError as error:
        return _unknown(desk, error)
    if request is None:
        return page(desk, "confirmed_before")
    return page(desk, "confirm", token=token, request=request)


@ROUTER.post(
    "/confirm/{token}", dependencies=[NOT_ELSEWHERE], responses=answers(200, 403, 404, 503)
)
def confirm(desk: AtDesk, token: str) -> HTMLResponse:
    """Do what the request asked for; a second time changes nothing."""
    try:
        subscriber = signup.confirm(desk.services, desk.store, token)
    except TokenError as error:
        return _unknown(desk, error)
    if subscriber is None:
        return page(desk, "confirmed_before")
    own = signup.manage_token(desk.services, subscriber)
    return page(desk, "confirmed", subscriber=subscriber, own=own)


def _unknown(desk: Desk, error: TokenError) -> HTMLResponse:
    return page(desk, "no_confirmation", status=HTTPStatus.NOT_FOUND, why=error.rule)


@ROUTER.get("/u/{token}", responses=answers(200))
def ask_to_leave(desk: AtDesk, token: str) -> HTMLResponse:
    """Show the button that ends all mail; the page tells nothing of the link."""
    return page(desk, "leave", token=token, faults={})


@ROUTER.post(
    "/u/{token}",
    responses=answers(200, 422, 503),
    openapi_extra=forms.described(forms.OneClickForm, example={"List-Unsubscribe": "One-Click"}),
)
def leave(desk: AtDesk, token: str, typed: AsTyped) -> HTMLResponse:
    """End all mail before answering, as RFC 8058 has it: no cookie, no check of the origin."""
    try:
        forms.checked(forms.OneClickForm, typed)
    except ValidationError:
        fault = {"leave": "Press the button to stop all e-mails"}
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return page(desk, "leave", status=status, token=token, faults=fault)
    signup.leave(desk.services, desk.store, token)
    return page(desk, "left")
