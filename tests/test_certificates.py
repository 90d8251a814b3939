"""Settings of TLS: the context that they make, and what is said of files that are no good."""

import shutil
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pki import PASSWORD, Identity, Pki

from subsrv.certificates import Certificates, Context, absolute
from subsrv.config import Config
from subsrv.errors import ConfigError


def load(certificates: Pki, **settings: Any) -> Certificates:
    server = certificates.server
    given = {"ssl_certfile": server.certfile, "ssl_keyfile": server.keyfile, **settings}
    given = {
        name: value if isinstance(value, tuple) else str(value)
        for name, value in given.items()
        if value is not None
    }
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
    assert loaded.context.own == certificates.server.certfile.read_text()


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
    before, own = loaded.context, loaded.context.own
    certfile.write_bytes(certificates.renewed.certfile.read_bytes())  # whose key has not come yet
    with pytest.raises(ConfigError, match="does not belong"):
        loaded.reload()
    assert loaded.context is before
    assert loaded.context.own == own


# More certificates, by the name that a client asks for.


def shown(certificates: Certificates, name: str | None) -> tuple[bytes | None, Context]:
    """What a client sees that asks for this name, and what the server's side ends with."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    trusting.set_alpn_protocols(["h2", "http/1.1"])
    client = trusting.wrap_bio(to_client, to_server, server_hostname=name)
    server = certificates.context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    assert client.version() == server.version() == "TLSv1.3"
    assert client.selected_alpn_protocol() == "http/1.1"
    context = server.context
    assert isinstance(context, Context)
    return client.getpeercert(binary_form=True), context


def sni(name: str, identity: Identity) -> str:
    return f"{name}={identity.certfile}:{identity.keyfile}"


def test_a_client_is_shown_the_certificate_of_the_name_that_it_asks_for(certificates: Pki) -> None:
    exact, below = certificates.shop, certificates.renewed
    loaded = load(certificates, ssl_sni=(sni("Shop.example", exact), sni("*.shop.example", below)))
    for name, identity in (
        ("shop.example", exact),
        ("SHOP.Example", exact),
        ("a.shop.example", below),
        ("a.b.shop.example", certificates.server),
        ("localhost", certificates.server),
        (None, certificates.server),
    ):
        der, context = shown(loaded, name)
        pem = identity.certfile.read_text()
        assert der == ssl.PEM_cert_to_DER_cert(pem), name
        assert context.own == pem
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_all_certificates_ask_clients_for_theirs_alike(certificates: Pki) -> None:
    loaded = load(
        certificates,
        ssl_sni=(sni("shop.example", certificates.shop),),
        ssl_ca_certs=certificates.ca.certfile,
        ssl_cert_reqs="required",
    )
    with pytest.raises(ssl.SSLError, match="peer did not return a certificate"):
        shown(loaded, "shop.example")


def test_certificates_by_name_are_read_anew_all_or_none(certificates: Pki, tmp_path: Path) -> None:
    certfile, keyfile = tmp_path / "c.pem", tmp_path / "k.pem"
    shutil.copy(certificates.shop.certfile, certfile)
    shutil.copy(certificates.shop.keyfile, keyfile)
    loaded = load(certificates, ssl_sni=(f"shop.example={certfile}:{keyfile}",))
    first, _ = shown(loaded, "shop.example")
    shutil.copy(certificates.renewed.certfile, certfile)
    with pytest.raises(ConfigError, match="does not belong"):
        loaded.reload()
    assert shown(loaded, "shop.example")[0] == first
    shutil.copy(certificates.renewed.keyfile, keyfile)
    loaded.reload()
    renewed = ssl.PEM_cert_to_DER_cert(certificates.renewed.certfile.read_text())
    assert shown(loaded, "shop.example")[0] == renewed


def test_what_is_wrong_with_a_certificate_by_name_is_told(
    certificates: Pki, tmp_path: Path
) -> None:
    shop, missing = certificates.shop, tmp_path / "missing"
    good = sni("shop.example", shop)
    wanted = "--ssl-sni must be NAME=CERTFILE[:KEYFILE], not "
    for texts, told in (
        (("shop.example",), f"{wanted}'shop.example'"),
        (("=c.pem",), f"{wanted}'=c.pem'"),
        (("a.*.b=c.pem",), f"{wanted}'a.*.b=c.pem'"),
        (("a=c.pem:",), f"{wanted}'a=c.pem:'"),
        ((good, sni("SHOP.example", shop)), "--ssl-sni has shop.example twice"),
        ((f"a={missing}",), f"--ssl-sni a={missing} cannot be read: No such file"),
        (
            (f"a={shop.certfile}:{missing}",),
            f"--ssl-sni a=:{missing} cannot be read: No such file",
        ),
        (
            (f"a={shop.certfile}",),
            f"--ssl-sni a={shop.certfile} holds no private key in PEM",
        ),
        (
            (f"a={shop.certfile}:{certificates.client.keyfile}",),
            f"--ssl-sni a=:{certificates.client.keyfile} does not belong to the certificate in "
            f"{shop.certfile}",
        ),
    ):
        assert fault(certificates, ssl_sni=texts).startswith(told)


def test_relative_paths_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("A.example=c.pem:k.pem") == f"a.example={tmp_path}/c.pem:{tmp_path}/k.pem"
    assert absolute("*.a=/c.pem") == "*.a=/c.pem"
