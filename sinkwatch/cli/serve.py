"""The command of the sign-up service: serve."""

from __future__ import annotations

from pathlib import Path

import click

from sinkwatch.cli import options

_PEM = click.Path(path_type=Path, dir_okay=False)


@click.command()
@options.config
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8025, show_default=True, type=click.IntRange(0, 65535), help="Port."
)
@click.option("--certificate", type=_PEM, help="PEM file, for TLS without a proxy before it.")
@click.option("--key", type=_PEM, help="PEM file that belongs to the certificate.")
def serve(
    *, config_path: Path | None, host: str, port: int, certificate: Path | None, key: Path | None
) -> None:
    """Sign-up pages, signed links and the published site; and the post, until stopped."""
    from sinkwatch.services import open_services
    from sinkwatch.web import server

    options.log_steps()
    place = server.Place(host=host, port=port, certificate=certificate, key=key)
    server.serve(open_services(config_path), place)
