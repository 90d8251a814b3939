"""Certificates for tests, made by the command `openssl`: an authority, servers, a client."""

import functools
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

PASSWORD = "sesame"

_CONFIG = """
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[server]
subjectAltName = DNS:localhost,IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[shop]
subjectAltName = DNS:shop.example,DNS:*.shop.example
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[client]
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@dataclass(frozen=True)
class Identity:
    """A certificate and its key."""

    certfile: Path
    keyfile: Path


@dataclass(frozen=True)
class Pki:
    """What there is, all in one folder. Nobody changes the files."""

    folder: Path
    ca: Identity
    server: Identity
    #: Of the same names as the server's, and another key.
    renewed: Identity
    #: Of shop.example and of all names below it.
    shop: Identity
    client: Identity
    #: The server's key, encrypted with PASSWORD.
    encrypted: Path

    def client_context(self, identity: Identity | None = None) -> ssl.SSLContext:
        """What a client trusts that trusts the authority, and shows who it is."""
        context = ssl.create_default_context(cafile=str(self.ca.certfile))
        if identity is not None:
            context.load_cert_chain(identity.certfile, identity.keyfile)
        return context


@functools.cache
def make(folder: Path) -> Pki:
    """All of it, in a folder that is empty."""
    if shutil.which("openssl") is None:
        pytest.skip("the command openssl, which makes the certificates, is not installed")
    (folder / "openssl.cnf").write_text(_CONFIG)
    ca = _issue(folder, "authority", "/CN=authority", "authority")
    server = _issue(folder, "server", "/CN=localhost", "server", ca)
    _openssl(
        *("pkey", "-in", str(server.keyfile), "-aes128", "-passout", f"pass:{PASSWORD}"),
        *("-out", str(folder / "encrypted.key")),
    )
    return Pki(
        folder,
        ca,
        server,
        _issue(folder, "renewed", "/CN=localhost", "server", ca),
        _issue(folder, "shop", "/CN=shop.example", "shop", ca),
        _issue(folder, "client", r"/C=CH/O=A, B\+C <x>/OU=#1/CN=Ada", "client", ca),
        folder / "encrypted.key",
    )


def _issue(
    folder: Path, name: str, subject: str, section: str, ca: Identity | None = None
) -> Identity:
    identity = Identity(folder / f"{name}.pem", folder / f"{name}.key")
    signed = ("-CA", str(ca.certfile), "-CAkey", str(ca.keyfile)) if ca else ()
    _openssl(
        *("req", "-x509", "-config", str(folder / "openssl.cnf"), "-extensions", section),
        *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"),
        *("-keyout", str(identity.keyfile), "-out", str(identity.certfile)),
        *("-subj", subject, *signed),
    )
    return identity


def _openssl(*words: str) -> None:
    subprocess.run(
        ["openssl", *words], check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60
    )
