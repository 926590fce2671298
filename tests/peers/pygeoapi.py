"""A real pygeoapi in this process, on loopback: the server that BGS itself runs."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

from tests.programs import do_without

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from wsgiref.types import WSGIApplication

MOST: Final = 2
"""Features at a time, whatever is asked for: few enough for paging to be real."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request."""

    path: str
    query: Mapping[str, list[str]]
    agent: str


@dataclass(kw_only=True)
class PyGeoApi:
    """The server while it runs; `page` stands for every answer, unless it is empty."""

    host: str
    asked: list[Asked] = field(default_factory=list)
    page: bytes = b""

    @property
    def url(self) -> str:
        return f"http://{self.host}"


@contextmanager
def running(folder: Path, collections: Mapping[str, tuple[Path, str]]) -> Iterator[PyGeoApi]:
    """Serve GeoJSON files; each collection's id has its file and the property with the ids."""
    if importlib.util.find_spec("pygeoapi") is None:
        do_without("pygeoapi is not installed: pip install pygeoapi")
    from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: PLC0415 - as above

    class Silent(WSGIRequestHandler):
        def log(self, *given: object) -> None:
            """Say nothing."""

    service = PyGeoApi(host="")
    application = _recording(_application(folder, collections), service)
    server = make_server("127.0.0.1", 0, application, request_handler=Silent)
    service.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _application(folder: Path, collections: Mapping[str, tuple[Path, str]]) -> WSGIApplication:
    config, openapi = folder / "config.yml", folder / "openapi.yml"
    # JSON is YAML.
    config.write_text(json.dumps(_config(collections)), encoding="utf-8")
    openapi.write_text(json.dumps({"openapi": "3.0.2"}), encoding="utf-8")
    settings = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(openapi)}
    os.environ |= settings
    with _logging_as_before(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs to mend
        # It reads its settings on import: for others it has to be imported anew.
        sys.modules.pop("pygeoapi.flask_app", None)
        try:
            from pygeoapi.flask_app import APP  # noqa: PLC0415 - as above
        finally:
            for name in settings:
                del os.environ[name]
    application: WSGIApplication = APP.wsgi_app
    return application


@contextmanager
def _logging_as_before() -> Iterator[None]:
    """Undo what pygeoapi does to everybody's log when it is imported."""
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.getLogger("pygeoapi").setLevel(logging.CRITICAL)


def _recording(application: WSGIApplication, service: PyGeoApi) -> WSGIApplication:
    def answer(environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        query = parse_qs(environment["QUERY_STRING"], keep_blank_values=True)
        agent = str(environment.get("HTTP_USER_AGENT"))
        service.asked.append(Asked(path=environment["PATH_INFO"], query=query, agent=agent))
        if service.page:
            start("200 OK", [("Content-Type", "text/html")])
            return [service.page]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return application(environment, start)

    return answer


def _config(collections: Mapping[str, tuple[Path, str]]) -> dict[str, Any]:
    words = dict.fromkeys(
        [
            *("name", "position", "role", "instructions", "hours", "url", "email", "phone", "fax"),
            *("address", "city", "stateorprovince", "postalcode", "country"),
        ],
        "-",
    )
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": 0},
            "url": "http://127.0.0.1",
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "languages": ["en-GB"],
            "limits": {"default_items": 1, "max_items": MOST, "on_exceed": "throttle"},
            "map": {"url": "https://tiles.example", "attribution": "-"},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": "peer",
                "description": "-",
                "keywords": ["k"],
                "keywords_type": "theme",
                "terms_of_service": "https://example.org",
                "url": "https://example.org",
            },
            "license": {"name": "OGL", "url": "https://example.org"},
            "provider": {"name": "-", "url": "https://example.org"},
            "contact": words,
        },
        "resources": {
            name: _resource(name, path, id_field) for name, (path, id_field) in collections.items()
        },
    }


def _resource(name: str, path: Path, id_field: str) -> dict[str, Any]:
    crs84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
    provider = {"type": "feature", "name": "GeoJSON", "data": str(path), "id_field": id_field}
    return {
        "type": "collection",
        "title": name,
        "description": "-",
        "keywords": ["geology"],
        "extents": {"spatial": {"bbox": [-8.7, 49.8, 1.8, 60.9], "crs": crs84}},
        "providers": [provider],
    }
