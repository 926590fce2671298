"""An Idox register's summary pages as documented, on loopback, in both of its templates."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

from tests.peers.server import Answer

if TYPE_CHECKING:
    from tests.peers.server import Asked

FOLDER: Final = "/online-applications/"
KEY: Final = "ABCDEFGHIJK00"
BLOCK: Final = (
    "<!DOCTYPE html><html><head><title>Just a moment...</title></head>"
    "<body><div class='cf-chl'>Checking that you are human</div></body></html>"
)
"""With status 200, as some shields answer."""
GONE: Final = (
    "<html><body><div class='messagebox errors'><ul><li>This application is no longer available "
    "for viewing. It may have been removed or restricted from public viewing.</li></ul></div>"
    "</body></html>"
)


def the_rows(reference: str = "ZC26/01234/FUL", **changes: str) -> dict[str, str]:
    """The rows of a summary; name only what matters, an underscore for each space."""
    given = {
        "Reference": reference,
        "Alternative Reference": "PP-09999999",
        "Application Received": "Fri 30 Oct 2026",
        "Application Validated": "Mon 02 Nov 2026",
        "Address": "Old Auction Mart North Road Ripon",
        "Proposal": "Erection of 20 dwellings with piled foundations",
        "Status": "Awaiting decision",
        "Decision": "Not Available",
        "Decision Issued Date": "Not Available",
        "Appeal Status": "Unknown",
        "Appeal Decision": "Not Available",
    }
    return given | {name.replace("_", " "): value for name, value in changes.items()}


def older(rows: dict[str, str]) -> str:
    """Return the page in the older template."""
    cells = "".join(
        f'<tr class="odd"><th scope="row">{html.escape(name)}</th>'
        f"<td>{html.escape(value)}</td></tr>\n"
        for name, value in rows.items()
    )
    return (
        "<!DOCTYPE html><html><head><title>Simple Details</title></head><body>"
        '<ul class="tabs"><li><a id="subtab_summary" class="active">Summary</a></li></ul>'
        f'<table id="simpleDetailsTable" summary="Case Details"><tbody>{cells}</tbody></table>'
        '<script>var captcha = "<tr><th>Status</th><td>x</td></tr>";</script></body></html>'
    )


def newer(rows: dict[str, str]) -> str:
    """Return the page in the newer template: spans, colons, line breaks, no end of rows."""
    cells = "".join(
        f"<tr>\n<th scope='row'>\n  {html.escape(name)}:\n</th>\n<td>\n"
        f'  <span class="caseDetails{name.replace(" ", "")}">{html.escape(value)}</span>\n</td>'
        for name, value in rows.items()
    )
    return (
        '<html lang="en"><head><meta charset="utf-8"></head><body><main>'
        f'<div class="tabcontainer"><table id="simpleDetailsTable">{cells}</table></div>'
        "</main></body></html>"
    )


class Idox:
    """The register; `pages` is what it shows, by key."""

    def __init__(self) -> None:
        self.pages: dict[str, str | Answer] = {KEY: older(the_rows())}

    def __call__(self, asked: Asked) -> Answer:
        if asked.path != f"{FOLDER}applicationDetails.do":
            return Answer(status=404, body=b"<html>HTTP Status 404</html>")
        shown = self.pages.get(asked.query["keyVal"][0], GONE)
        return shown if isinstance(shown, Answer) else as_html(shown)


def as_html(page: str, *, charset: str = "UTF-8", encoding: str = "utf-8") -> Answer:
    headers = {"Content-Type": f"text/html;charset={charset}"}
    return Answer(headers=headers, body=page.encode(encoding))
