"""What a TLS connection has agreed on with its client, in the words of ASGI and of WSGI."""

import ssl
from functools import cached_property
from typing import Any

# RFC 4514 section 3; what is not in its table goes by the name that OpenSSL has for it.
_ATTRIBUTES = {
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
}


class Session:
    """What a TLS connection has agreed on; a transport's `tls`."""

    def __init__(self, ssl_object: ssl.SSLObject, certificate: str | None) -> None:
        self._ssl = ssl_object
        self._certificate = certificate
        #: Something is missing, or was wrong: the end must not look like one that was meant.
        self.silent = False

    @cached_property
    def extension(self) -> dict[str, Any]:
        """ASGI's extension "tls". To be copied."""
        version, cipher = self._ssl.version(), self._ssl.cipher()
        chain = self._ssl.get_verified_chain()
        return {
            "server_cert": self._certificate,
            "client_cert_chain": [ssl.DER_cert_to_PEM_cert(der) for der in chain],
            "client_cert_name": self._client_name(),
            "client_cert_error": None,  # such a client does not get so far
            "tls_version": ssl.TLSVersion[version.replace(".", "_")].value if version else None,
            "cipher_suite": _number(self._ssl, cipher[0]) if cipher else None,
        }

    @cached_property
    def variables(self) -> dict[str, str]:
        """The variables of Apache's mod_ssl that PEP 3333 asks for, as far as they are known."""
        cipher = self._ssl.cipher()
        found = {
            "HTTPS": "on",
            "SSL_PROTOCOL": self._ssl.version() or "",
            "SSL_CIPHER": cipher[0] if cipher else "",
            "SSL_CLIENT_VERIFY": "NONE",
        }
        if name := self._client_name():
            der = self._ssl.getpeercert(binary_form=True)
            assert der is not None
            found["SSL_CLIENT_VERIFY"] = "SUCCESS"
            found["SSL_CLIENT_S_DN"] = name
            found["SSL_CLIENT_CERT"] = ssl.DER_cert_to_PEM_cert(der)
        return found

    def _client_name(self) -> str | None:
        subject: Any = (self._ssl.getpeercert() or {}).get("subject")
        return _distinguished_name(subject) if subject else None


def _number(ssl_object: ssl.SSLObject, name: str) -> int | None:
    """The 16 bits by which a cipher suite goes on the wire."""
    for cipher in ssl_object.context.get_ciphers():
        if cipher["name"] == name:
            return int(cipher["id"]) & 0xFFFF
    return None


def _distinguished_name(subject: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """A subject as RFC 4514 writes it: the most particular first."""
    return ",".join(
        "+".join(f"{_ATTRIBUTES.get(name, name)}={_escape(value)}" for name, value in names)
        for names in reversed(subject)
    )


def _escape(value: str) -> str:
    """RFC 4514 section 2.4."""
    escaped = "".join(f"\\{each}" if each in '"+,;<>\\' else each for each in value)
    escaped = escaped.replace("\0", "\\00")
    if escaped[:1] in ("#", " "):
        escaped = f"\\{escaped}"
    if escaped[-1:] == " " and len(value) > 1:
        escaped = f"{escaped[:-1]}\\ "
    return escaped
