"""The TLS context that a configuration asks for, or one clear line why there can be none."""

import re
import ssl
from typing import TYPE_CHECKING

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


class _PasswordWantedError(Exception):
    """The private key is encrypted, and nobody said how to read it."""


class Certificates:
    """What one worker shakes hands with, by settings of which `ssl_certfile` is one.

    ConfigError, here and in `reload`, names the setting that is wrong.
    """

    def __init__(self, config: "Config") -> None:
        self._config = config
        self.reload()

    def reload(self) -> None:
        """Read the files anew, for handshakes from now on. After an error all is as before."""
        own, context = _certificate(self._config), _context(self._config)
        #: The server's own certificate in PEM.
        self.own = own
        self.context = context


def _context(config: "Config") -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
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
    _load_chain(made, config)
    if config.ssl_ca_certs is not None:
        _read("--ssl-ca-certs", config.ssl_ca_certs)
        try:
            made.load_verify_locations(config.ssl_ca_certs)
        except ssl.SSLError:
            raise ConfigError(
                f"--ssl-ca-certs {config.ssl_ca_certs} holds no certificate in PEM"
            ) from None
    made.verify_mode = _VERIFY[config.ssl_cert_reqs]
    return made


def _certificate(config: "Config") -> str | None:
    """The first of its file."""
    assert config.ssl_certfile is not None
    found = _PEM.search(_read("--ssl-certfile", config.ssl_certfile))
    return f"{found[0]}\n" if found else None


def _load_chain(made: ssl.SSLContext, config: "Config") -> None:
    certfile, keyfile = config.ssl_certfile, config.ssl_keyfile
    assert certfile is not None
    chain = _read("--ssl-certfile", certfile)
    where = f"--ssl-certfile {certfile}" if keyfile is None else f"--ssl-keyfile {keyfile}"
    key = chain if keyfile is None else _read("--ssl-keyfile", keyfile)
    password = config.ssl_keyfile_password

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
        elif not _PEM.search(chain):
            fault = f"--ssl-certfile {certfile} holds no certificate in PEM"
        elif "PRIVATE KEY-----" not in key:
            fault = f"{where} holds no private key in PEM"
        elif "ENCRYPTED" in key and password is not None:
            fault = f"{where} does not open with --ssl-keyfile-password"
        else:
            reason = getattr(error, "reason", None) or error
            fault = f"--ssl-certfile {certfile}, or its key, cannot be used: {reason}"
        raise ConfigError(fault) from None


def _read(flag: str, path: str) -> str:
    try:
        with open(path, encoding="latin-1") as file:
            return file.read()
    except OSError as error:
        raise ConfigError(f"{flag} {path} cannot be read: {error.strerror}") from None
