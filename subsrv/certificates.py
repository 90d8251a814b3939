"""The TLS contexts that a configuration asks for, or one clear line why there can be none."""

import os
import re
import ssl
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from subsrv.errors import ConfigError

if TYPE_CHECKING:
    from subsrv.config import Config

_VERIFY = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}
_VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}

_PEM = re.compile(
    r"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----", re.ASCII | re.DOTALL
)


# What a client may ask for (RFC 6066 section 3), or all names that have one label more.
_HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.ASCII | re.IGNORECASE)


class _PasswordWantedError(Exception):
    """The private key is encrypted, and nobody said how to read it."""


class Context(ssl.SSLContext):
    """What shows one certificate."""

    #: That certificate in PEM.
    own: str | None = None


class _Files(NamedTuple):
    """A certificate and its key, and how each is called in messages."""

    certfile: str
    keyfile: str | None
    certificate: str
    key: str


class Certificates:
    """What one worker shakes hands with, by settings of which `ssl_certfile` is one.

    ConfigError, here and in `reload`, names the setting that is wrong.
    """

    def __init__(self, config: "Config") -> None:
        self._config = config
        self.reload()

    def reload(self) -> None:
        """Read the files anew, for handshakes from now on. After an error all is as before."""
        config = self._config
        made = _context(config, _default(config))
        named: dict[str, Context] = {}
        for text in config.ssl_sni:
            name, files = _named(text)
            if name in named:
                raise ConfigError(f"--ssl-sni has {name} twice")
            named[name] = _context(config, files)
        if named:
            made.sni_callback = partial(_choose, named)
        #: What a handshake begins with; it goes on with that of the name that it asks for.
        self.context = made


def _choose(
    named: Mapping[str, Context], session: ssl.SSLObject, name: str | None, _: ssl.SSLContext
) -> None:
    """OpenSSL's question, within a handshake: by name, by wildcard, or else it stays as it is."""
    if name is not None:
        name = name.lower()
        found = named.get(name) or named.get(f"*.{name.partition('.')[2]}")
        if found is not None:
            session.context = found


def absolute(text: str) -> str:
    """One of `ssl_sni` with absolute paths. ConfigError if it is none."""
    name, files = _named(text)
    paths = (files.certfile, files.keyfile)
    return f"{name}={':'.join(os.path.abspath(path) for path in paths if path)}"


def _default(config: "Config") -> _Files:
    certfile, keyfile = config.ssl_certfile, config.ssl_keyfile
    assert certfile is not None
    certificate = f"--ssl-certfile {certfile}"
    return _Files(
        certfile, keyfile, certificate, f"--ssl-keyfile {keyfile}" if keyfile else certificate
    )


def _named(text: str) -> tuple[str, _Files]:
    name, _, paths = text.partition("=")
    certfile, colon, keyfile = paths.partition(":")
    if not _HOST.fullmatch(name) or not certfile or (colon and not keyfile):
        raise ConfigError(f"--ssl-sni must be NAME=CERTFILE[:KEYFILE], not {text!r}")
    certificate = f"--ssl-sni {name}={certfile}"
    key = f"--ssl-sni {name}=:{keyfile}" if keyfile else certificate
    return name.lower(), _Files(certfile, keyfile or None, certificate, key)


def _context(config: "Config", files: _Files) -> Context:
    made = Context(ssl.PROTOCOL_TLS_SERVER)
    # Renegotiation lets a client have the server do the costly half of a handshake again and
    # again, and compression tells the length of secrets (CRIME). Both are off in what OpenSSL 3
    # makes; here it is said.
    made.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    made.minimum_version = _VERSIONS[config.ssl_minimum_version]
    made.set_alpn_protocols(["http/1.1"])
    if config.ssl_ciphers is not None:
        try:
            made.set_ciphers(config.ssl_ciphers)
        except ssl.SSLError:
            raise ConfigError(
                f"--ssl-ciphers names no cipher that this OpenSSL knows: {config.ssl_ciphers!r}"
            ) from None
    _load_chain(made, files, config.ssl_keyfile_password)
    if config.ssl_ca_certs is not None:
        _read(f"--ssl-ca-certs {config.ssl_ca_certs}", config.ssl_ca_certs)
        try:
            made.load_verify_locations(config.ssl_ca_certs)
        except ssl.SSLError:
            raise ConfigError(
                f"--ssl-ca-certs {config.ssl_ca_certs} holds no certificate in PEM"
            ) from None
    made.verify_mode = _VERIFY[config.ssl_cert_reqs]
    return made


def _load_chain(made: Context, files: _Files, password: str | None) -> None:
    certfile, keyfile, certificate, where = files
    chain = _read(certificate, certfile)
    key = chain if keyfile is None else _read(where, keyfile)
    first = _PEM.search(chain)

    def tell() -> str:
        # Without a callback, OpenSSL would ask at the terminal.
        if password is None:
            raise _PasswordWantedError
        return password

    try:
        made.load_cert_chain(certfile, keyfile, tell)
    except _PasswordWantedError:
        raise ConfigError(f"{where} is encrypted: it needs --ssl-keyfile-password") from None
    except (ssl.SSLError, ValueError) as error:  # ValueError: a password that is too long
        # OpenSSL says "PEM lib" of nearly everything.
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            fault = f"{where} does not belong to the certificate in {certfile}"
        elif not first:
            fault = f"{certificate} holds no certificate in PEM"
        elif "PRIVATE KEY-----" not in key:
            fault = f"{where} holds no private key in PEM"
        elif "ENCRYPTED" in key and password is not None:
            fault = f"{where} does not open with --ssl-keyfile-password"
        else:
            reason = getattr(error, "reason", None) or error
            fault = f"{certificate}, or its key, cannot be used: {reason}"
        raise ConfigError(fault) from None
    made.own = f"{first[0]}\n" if first else None


def _read(what: str, path: str) -> str:
    try:
        with open(path, encoding="latin-1") as file:
            return file.read()
    except OSError as error:
        raise ConfigError(f"{what} cannot be read: {error.strerror}") from None
