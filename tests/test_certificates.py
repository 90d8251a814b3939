"""Settings of TLS: the context that they make, and what is said of files that are no good."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from pki import PASSWORD, Pki

from subsrv.certificates import Certificates
from subsrv.config import Config
from subsrv.errors import ConfigError


def load(certificates: Pki, **settings: Any) -> Certificates:
    server = certificates.server
    given = {"ssl_certfile": server.certfile, "ssl_keyfile": server.keyfile, **settings}
    given = {name: str(value) for name, value in given.items() if value is not None}
    return Certificates(Config(**given))


def fault(certificates: Pki, **settings: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load(certificates, **settings)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_the_context_is_strict(certificates: Pki) -> None:
    context = load(certificates).context
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.verify_mode is ssl.CERT_NONE


def test_the_context_is_as_the_settings_say(certificates: Pki) -> None:
    context = load(
        certificates,
        ssl_minimum_version="TLSv1.3",
        ssl_ca_certs=certificates.ca.certfile,
        ssl_cert_reqs="required",
        ssl_ciphers="ECDHE+CHACHA20",
    ).context
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1
    old = {cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] == "TLSv1.2"}
    assert old == {"ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"}


def test_certificate_and_key_may_stand_in_one_file(certificates: Pki, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_text(
        certificates.server.keyfile.read_text() + certificates.server.certfile.read_text()
    )
    loaded = load(certificates, ssl_certfile=both, ssl_keyfile=None)
    assert loaded.own == certificates.server.certfile.read_text()


def test_an_encrypted_key_opens_with_its_password(certificates: Pki) -> None:
    load(certificates, ssl_keyfile=certificates.encrypted, ssl_keyfile_password=PASSWORD)


def test_what_is_wrong_is_told_in_one_line(certificates: Pki, tmp_path: Path) -> None:
    empty, missing = tmp_path / "empty", tmp_path / "missing"
    empty.write_text("not PEM")
    certfile, keyfile = certificates.server.certfile, certificates.server.keyfile
    encrypted = certificates.encrypted
    for settings, told in (
        ({"ssl_certfile": missing}, f"--ssl-certfile {missing} cannot be read: No such file"),
        ({"ssl_certfile": tmp_path}, f"--ssl-certfile {tmp_path} cannot be read: Is a directory"),
        ({"ssl_keyfile": missing}, f"--ssl-keyfile {missing} cannot be read: No such file"),
        ({"ssl_ca_certs": missing}, f"--ssl-ca-certs {missing} cannot be read: No such file"),
        ({"ssl_certfile": empty}, f"--ssl-certfile {empty} holds no certificate in PEM"),
        ({"ssl_certfile": keyfile}, f"--ssl-certfile {keyfile} holds no certificate in PEM"),
        ({"ssl_keyfile": empty}, f"--ssl-keyfile {empty} holds no private key in PEM"),
        ({"ssl_keyfile": None}, f"--ssl-certfile {certfile} holds no private key in PEM"),
        ({"ssl_ca_certs": empty}, f"--ssl-ca-certs {empty} holds no certificate in PEM"),
        (
            {"ssl_keyfile": certificates.client.keyfile},
            f"--ssl-keyfile {certificates.client.keyfile} does not belong to the certificate in "
            f"{certfile}",
        ),
        (
            {"ssl_keyfile": encrypted},
            f"--ssl-keyfile {encrypted} is encrypted: it needs --ssl-keyfile-password",
        ),
        (
            {"ssl_keyfile": encrypted, "ssl_keyfile_password": "wrong"},
            f"--ssl-keyfile {encrypted} does not open with --ssl-keyfile-password",
        ),
        (
            {"ssl_keyfile": encrypted, "ssl_keyfile_password": "x" * 5000},
            f"--ssl-keyfile {encrypted} does not open with --ssl-keyfile-password",
        ),
        ({"ssl_ciphers": "no such"}, "--ssl-ciphers names no cipher that this OpenSSL knows"),
    ):
        assert fault(certificates, **settings).startswith(told)


def test_a_failed_reload_changes_nothing(certificates: Pki, tmp_path: Path) -> None:
    certfile = tmp_path / "c.pem"
    certfile.write_bytes(certificates.server.certfile.read_bytes())
    loaded = load(certificates, ssl_certfile=certfile)
    before, own = loaded.context, loaded.own
    certfile.write_bytes(certificates.renewed.certfile.read_bytes())  # whose key has not come yet
    with pytest.raises(ConfigError, match="does not belong"):
        loaded.reload()
    assert loaded.context is before
    assert loaded.own == own
