"""Pages that explain, files that pages refer to, and answers for the programs that watch us."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response

from sinkwatch import metrics, timetable
from sinkwatch.errors import StoreError
from sinkwatch.store import jobs
from sinkwatch.web.desk import AtDesk, answers, page

ROUTER: Final = APIRouter(default_response_class=HTMLResponse)

RUN_WITHIN: Final = timedelta(hours=26)
"""Age of the last whole run from which on the service counts as ill (sinkwatch job rules)."""

_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}

_HEALTH: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["status", "database", "last_run_age_s"],
    "additionalProperties": False,
    "properties": {
        "status": {"enum": ["ok", "failing"]},
        "database": {"type": "boolean"},
        "last_run_age_s": {"type": ["integer", "null"], "minimum": 0},
    },
}


@ROUTER.get("/why", responses=answers(200))
def why(desk: AtDesk) -> HTMLResponse:
    """Say why somebody gets a mail."""
    return page(desk, "why")


@ROUTER.get("/privacy", responses=answers(200))
def privacy(desk: AtDesk) -> HTMLResponse:
    """Say what is kept about whom, for how long, and what they can ask for."""
    return page(desk, "privacy")


@ROUTER.get(
    "/static-{digest}/{name}",
    response_class=Response,
    responses={
        **answers(404),
        200: {
            "description": "A file that never changes",
            "content": {
                kind: {"schema": {"type": "string"}} for kind in ("text/css", "image/svg+xml")
            },
        },
    },
)
def static(desk: AtDesk, digest: str, name: str) -> Response:
    """Hand out a style sheet or a symbol."""
    for asset in desk.pages.assets.values():
        if asset.path == f"/static-{digest}/{name}":
            return Response(asset.content, media_type=asset.media_type, headers=_FOR_EVER)
    raise HTTPException(HTTPStatus.NOT_FOUND)


@ROUTER.get(
    "/health",
    response_class=JSONResponse,
    responses={
        **answers(),
        **{
            status: {"description": said, "content": {"application/json": {"schema": _HEALTH}}}
            for status, said in ((200, "All is well"), (503, "Something is not"))
        },
    },
)
def health(desk: AtDesk) -> JSONResponse:
    """Tell whether the database answers and the last whole run is recent; nothing of anybody."""
    try:
        with desk.store.read() as connection:
            last = jobs.last_success(connection, timetable.DAILY_RUN)
    except StoreError:
        return _health(is_there=False, age_s=None)
    # A clock that was set back makes it no fresher than now.
    age = None if last is None else max(timedelta(), desk.now() - last)
    return _health(is_there=True, age_s=None if age is None else int(age.total_seconds()))


def _health(*, is_there: bool, age_s: int | None) -> JSONResponse:
    is_well = age_s is not None and age_s <= RUN_WITHIN.total_seconds()
    status = HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE
    facts = {
        "status": "ok" if is_well else "failing",
        "database": is_there,
        "last_run_age_s": age_s,
    }
    return JSONResponse(facts, status)


@ROUTER.get(
    "/metrics",
    response_class=Response,
    responses={
        **answers(503),
        200: {"description": "Figures", "content": {"text/plain": {"schema": {"type": "string"}}}},
    },
)
def figures(desk: AtDesk) -> Response:
    """Give the figures that a monitor gathers; nothing of anybody."""
    exposition = metrics.exposition(desk.services, desk.store)
    return Response(exposition, media_type="text/plain; version=0.0.4; charset=utf-8")
