"""Every page in every state, each with its name: what checkers of pages are shown."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.programs import do_without
from tests.web.service import a_form

if TYPE_CHECKING:
    from tests.web.service import Service

TOOLS = Path(sys.prefix, "test-tools")
"""Where `.build/test_tools.py` puts what pip cannot bring."""

PLAIN = {
    "form": "/subscribe",
    "why": "/why",
    "privacy": "/privacy",
    "link": "/m/link",
    "no-own-page": "/m/forged",
    "leave": "/u/forged",
    "no-confirmation": "/confirm/forged",
    "not-there": "/nowhere",
}
"""Pages that anybody can open."""


def tool(path: str) -> Path:
    """Return a tool of the test environment, or skip."""
    found = TOOLS / path
    if not found.is_file():
        do_without(f"{found} is not there: run .build/test_tools.py")
    return found


def everything(service: Service, watched: Service) -> dict[str, str]:
    """Return the HTML of every page in every state."""
    pages = {name: watched.get(path).text for name, path in PLAIN.items()}
    place = a_form()
    pages["unpublished"] = service.get("/").text
    pages["faults"] = service.post("/subscribe", {"postcode": "HG4"}).text
    pages["preview"] = watched.post("/subscribe/preview", place).text
    pages["preview-unknown"] = service.post("/subscribe/preview", place).text
    pages["inbox"] = service.subscribe("ann@example.org").text
    pages["inbox-fault"] = service.post("/subscribe/resend", {"email": "ann"}).text
    pages["link-fault"] = service.post("/m/link", {"email": "ann"}).text
    pages["link-sent"] = service.post("/m/link", {"email": "bob@example.org"}).text
    pages["refused"] = service.post("/subscribe", place, {"Origin": "https://evil.example"}).text
    path = service.confirmation("cat@example.org")
    pages["confirm"] = service.get(path).text
    pages["confirmed"] = service.post(path).text
    pages["confirmed-before"] = service.get(path).text
    service.services.clock.move(minutes=20)  # type: ignore[attr-defined]
    own = service.subscribed("dan@example.org")
    pages["own-page"] = service.get(own).text
    pages["own-page-added"] = service.post(f"{own}/place", {**place, "postcode": "HG4 2QE"}).text
    pages["own-page-fault"] = service.post(f"{own}/place", {"postcode": "HG4"}).text
    pages["own-page-paused"] = service.post(f"{own}/pause", {"pause": "3"}).text
    pages["erase"] = service.get(f"{own}/erase").text
    pages["left"] = service.post(f"{own}/erase").text
    pages["fault-in-leaving"] = service.post("/u/forged", {}).text
    return pages
