"""Options of what stands between a client and a connection: TLS, and proxies."""

from dataclasses import dataclass

from subsrv.config.option import Kind, option


@dataclass(frozen=True, kw_only=True)
class WaysIn:
    """TLS, Proxies."""

    ssl_certfile: str | None = option(
        "TLS", Kind.FILE, None, "certificate and its chain, in PEM; with it all addresses speak TLS"
    )
    ssl_keyfile: str | None = option(
        "TLS", Kind.FILE, None, "its private key, in PEM (default: in the certificate's file)"
    )
    ssl_keyfile_password: str | None = option(
        "TLS",
        Kind.TEXT,
        None,
        "of that key; others cannot see it in $SUBSRV_SSL_KEYFILE_PASSWORD",
    )
    ssl_sni: tuple[str, ...] = option(
        "TLS",
        Kind.PATTERNS,
        (),
        "NAME=CERTFILE[:KEYFILE], another certificate for clients that ask for this host, or "
        "*.host; repeatable",
    )
    ssl_ca_certs: str | None = option(
        "TLS", Kind.FILE, None, "who may sign the certificates of clients, in PEM"
    )
    ssl_cert_reqs: str = option(
        "TLS",
        Kind.CHOICE,
        "none",
        "whether clients show a certificate",
        choices=("none", "optional", "required"),
    )
    ssl_minimum_version: str = option(
        "TLS",
        Kind.CHOICE,
        "TLSv1.2",
        "the oldest that is spoken",
        choices=("TLSv1.2", "TLSv1.3"),
    )
    ssl_ciphers: str | None = option(
        "TLS", Kind.TEXT, None, "for TLSv1.2, as OpenSSL writes them (default: Python's choice)"
    )

    # Nobody is trusted unless told so: whoever is on this machine could else be anybody (uvicorn
    # and gunicorn trust 127.0.0.1).
    forwarded_allow_ips: tuple[str, ...] = option(
        "Proxies",
        Kind.PEERS,
        (),
        "proxies that say who a client is: addresses, networks, unix:, or * for all; repeatable",
    )
    forwarded_header: str = option(
        "Proxies",
        Kind.CHOICE,
        "x-forwarded",
        "how they say it: X-Forwarded-For and -Proto, or Forwarded (RFC 7239)",
        choices=("x-forwarded", "forwarded"),
    )
    proxy_protocol: bool = option(
        "Proxies", Kind.FLAG, False, "each connection begins with the PROXY protocol, 1 or 2"
    )
    root_path: str | None = option(
        "Proxies", Kind.TEXT, None, "where they publish the application, as /shop: not at /"
    )
