"""What programs find in the site: site map, robots, plain index, page not found, headers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from sinkwatch import wording
from sinkwatch.publish import frame, hosting, locations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sinkwatch.publish.publication import Publication


def pages(publication: Publication, pages: Mapping[str, bytes]) -> dict[str, bytes]:
    """
    Make them.

    Parameters
    ----------
    publication
        The edition.
    pages
        All that it has besides, by path.

    Returns
    -------
    pages
        By path inside the site; the site map only where the site has an address.
    """
    site = publication.imprint.public_url
    made = {
        ".nojekyll": b"",
        locations.NOT_FOUND: _not_found(publication),
        "llms.txt": _plain_index(publication, pages),
        "robots.txt": b"User-agent: *\nAllow: /\n",
    }
    if site:
        made["robots.txt"] += f"Sitemap: {site}/sitemap.xml\n".encode()
        made["sitemap.xml"] = _site_map(publication, pages)
    return made | {locations.HEADERS: hosting.headers_file({*pages, *made})}


def _site_map(publication: Publication, pages: Mapping[str, bytes]) -> bytes:
    root = ET.Element("urlset", {"xmlns": "http://www.sitemaps.org/schemas/sitemap/0.9"})
    for folder in _folders(pages):
        address = publication.address(quote(folder))
        ET.SubElement(ET.SubElement(root, "url"), "loc").text = address
    ET.indent(root, "")
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()


def _folders(pages: Mapping[str, bytes]) -> list[str]:
    """Return those of the pages; what is made to be framed elsewhere is no page to be found."""
    ends, framed = f"/{locations.INDEX}", f"{locations.EMBED}/"
    found = {path.removesuffix(ends) for path in pages if path.endswith(ends)}
    own = {folder for folder in found if not folder.startswith(framed)}
    return sorted(own | ({locations.HOME} if locations.INDEX in pages else set()))


def _plain_index(publication: Publication, pages: Mapping[str, bytes]) -> bytes:
    site = publication.imprint.public_url
    base = f"{site}/" if site else ""
    listed = [
        (title, locations.page_in(folder)) for title, folder in (*frame.NAVIGATION, *frame.FOOTING)
    ]
    named = [f"- [{title}]({base}{path})" for title, path in listed if path in pages]
    files = [path for path in sorted(pages) if path.startswith(("data/", "feeds/all."))]
    kept = [f"- [{path}]({base}{path})" for path in files if not path.endswith(".html")]
    area = publication.findings.area
    parts = [
        f"# {wording.clean(area.name)} Sinkwatch",
        f"> Recorded ground collapse and the {area.ground} around {area.name}.",
        wording.disclaimer(area.rock),
        wording.LIMITS,
        "## Pages",
        "\n".join(named),
        "## Data",
        "\n".join(kept),
    ]
    return ("\n\n".join(part for part in parts if part) + "\n").encode()


def _not_found(publication: Publication) -> bytes:
    # It is shown at any address, however deep: its links begin at the root of the site.
    base = f"{urlsplit(publication.imprint.public_url).path}/"
    said = {
        "base": base,
        "policy": frame.policy({"default-src": ("'none'",), "style-src": ("'self'",)}),
        "style_tag": frame.styles().link_from(base),
        "menu": [(title, base + locations.page_in(folder)) for title, folder in frame.NAVIGATION],
    }
    page = frame.environment().get_template(locations.NOT_FOUND)
    return page.render(**frame.common(publication), **said).encode()
