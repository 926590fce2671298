"""A private authority of the tests, and certificates of servers, good and bad, made by openssl."""

from __future__ import annotations

import dataclasses
import ssl
import subprocess
from pathlib import Path
from typing import Final

from tests.programs import program

_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
# Only `openssl ca` sets both ends of a certificate's time in every version.
_CA: Final = """
[ca]
default_ca = here
[here]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = anything
[anything]
commonName = supplied
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair:
    """A certificate and its private key."""

    certificate: Path
    key: Path

    def served(self) -> ssl.SSLContext:
        """Return what a server with this certificate speaks TLS by."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


@dataclasses.dataclass(frozen=True, kw_only=True)
class Certificates:
    """All of them; the good one is for "localhost"."""

    authority: Path
    good: Pair
    wrong_name: Pair
    expired: Pair
    self_signed: Pair


def made_in(folder: Path) -> Certificates:
    """Make an authority and all certificates; without openssl the test is skipped, or fails."""
    authority = _self_signed(folder, "authority", "keyUsage=critical,keyCertSign,cRLSign")
    (folder / "index").touch()
    (folder / "serial").write_text("01\n")
    (folder / "ca.conf").write_text(_CA.format(folder=folder))
    return Certificates(
        authority=authority.certificate,
        good=_signed(folder, authority, "localhost"),
        wrong_name=_signed(folder, authority, "relay.example.org"),
        expired=_signed(folder, authority, "localhost", "20140217000000Z", "20140218000000Z"),
        self_signed=_self_signed(folder, "lonely", "subjectAltName=DNS:localhost"),
    )


def _self_signed(folder: Path, name: str, extension: str) -> Pair:
    pair = Pair(certificate=folder / f"{name}.pem", key=folder / f"{name}.key")
    _openssl(
        "req", "-x509", *_KEY, "-keyout", pair.key, "-out", pair.certificate, "-days", 2,
        "-subj", f"/CN={name}", "-addext", extension,
    )  # fmt: skip
    return pair


def _signed(folder: Path, authority: Pair, host: str, *times: str) -> Pair:
    name = f"{host}-{len(list(folder.iterdir()))}"
    pair = Pair(certificate=folder / f"{name}.pem", key=folder / f"{name}.key")
    request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
    extensions.write_text(
        f"subjectAltName=DNS:{host}\nbasicConstraints=CA:FALSE\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    _openssl("req", *_KEY, "-keyout", pair.key, "-out", request, "-subj", f"/CN={host}")
    validity = ("-startdate", times[0], "-enddate", times[1]) if times else ("-days", 2)
    _openssl(
        "ca", "-batch", "-notext", "-config", folder / "ca.conf", "-cert", authority.certificate,
        "-keyfile", authority.key, "-in", request, "-out", pair.certificate,
        "-extfile", extensions, *validity,
    )  # fmt: skip
    # A second certificate for the same name is no fault here.
    (folder / "index").write_text("")
    return pair


def _openssl(*arguments: object) -> None:
    subprocess.run(
        [program("openssl", "openssl"), *map(str, arguments)], check=True, capture_output=True
    )
