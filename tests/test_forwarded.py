"""X-Forwarded-For and Forwarded: who is believed, and that nobody else is."""

import ipaddress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subsrv.errors import ConfigError
from subsrv.exchange import Address
from subsrv.forwarded import Forwarding, Origin, Peers, standard, usual
from subsrv.http1 import HeadParser, Limits

PROXY = Origin(("10.0.0.1", 4711), "http")
PEERS = Peers(["10.0.0.0/8", "fd00::/8", "192.0.2.7"])


def fields(name: bytes, *values: str) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"host", b"shop"), *((name, value.encode("latin-1")) for value in values))


def x_for(*values: str, peers: Peers = PEERS) -> Address | None:
    return usual(fields(b"x-forwarded-for", *values), PROXY, peers).client


def forwarded(*values: str, peers: Peers = PEERS) -> Origin:
    return standard(fields(b"forwarded", *values), PROXY, peers)


# Whom to trust.


def test_trust_is_by_address_network_and_unix_socket() -> None:
    assert PEERS.trusts(("10.255.0.1", 1))
    assert PEERS.trusts(("192.0.2.7", 1))
    assert PEERS.trusts(("::ffff:10.1.1.1", 1))  # as a socket of both families says
    assert PEERS.trusts(("fd12::1%eth0", 1))
    assert not PEERS.trusts(("11.0.0.1", 1))
    assert not PEERS.trusts(("192.0.2.8", 1))
    assert not PEERS.trusts(("fe80::1", 1))
    assert not PEERS.trusts(("localhost", 1))
    assert not PEERS.trusts(None)
    assert Peers(["unix:"]).trusts(None)
    assert not Peers(["unix:"]).trusts(("127.0.0.1", 1))
    assert Peers(["*"]).trusts(None)
    assert Peers(["*"]).trusts(("8.8.8.8", 1))
    assert not Peers([]).trusts(("127.0.0.1", 1))


@pytest.mark.parametrize("word", ["localhost", "10.0.0.1/8", "10.0.0.0/33", "", "10.0.0", "unix"])
def test_what_is_neither_address_nor_network_is_told(word: str) -> None:
    with pytest.raises(ConfigError, match=r"^--forwarded-allow-ips: "):
        Peers([word])


def test_what_is_remembered_of_addresses_is_bounded() -> None:
    for number in range(3000):
        assert PEERS.trusts((f"10.0.{number >> 8}.{number & 255}", 0))
    assert len(PEERS._known) <= 1024


# X-Forwarded-For.


def test_without_a_header_the_client_is_who_is_connected() -> None:
    assert usual(fields(b"x-real-ip", "1.2.3.4"), PROXY, PEERS) == PROXY
    assert standard(fields(b"x-forwarded-for", "1.2.3.4"), PROXY, PEERS) == PROXY
    assert usual(fields(b"forwarded", "for=1.2.3.4"), PROXY, PEERS) == PROXY


@pytest.mark.parametrize(
    ("text", "client"),
    [
        ("1.2.3.4", ("1.2.3.4", 0)),
        (" 1.2.3.4\t", ("1.2.3.4", 0)),
        ("1.2.3.4:567", ("1.2.3.4", 567)),
        ("2001:db8::1", ("2001:db8::1", 0)),
        ("2001:DB8:0::1", ("2001:db8::1", 0)),
        ("[2001:db8::1]", ("2001:db8::1", 0)),
        ("[2001:db8::1]:567", ("2001:db8::1", 567)),
        ("::ffff:1.2.3.4", ("1.2.3.4", 0)),
        # Nobody knows: so the application is told, and not that it was the proxy itself.
        ("unknown", None),
        ("1.2.3.4:99999", None),
        ("1.2.3", None),
        ("1.2.3.4.5", None),
        ("localhost", None),
        ("fe80::1%eth0", None),
        ("[1.2.3.4", None),
        ("1.2.3.4 5.6.7.8", None),
        ("1.2.3.\xb2", None),
    ],
)
def test_the_forms_of_an_address(text: str, client: Address | None) -> None:
    assert x_for(text) == client


def test_the_client_is_the_last_that_is_not_trusted() -> None:
    assert x_for("6.6.6.6, 1.2.3.4") == ("1.2.3.4", 0)
    assert x_for("6.6.6.6, 1.2.3.4, 10.0.0.2") == ("1.2.3.4", 0)
    assert x_for("6.6.6.6, 1.2.3.4, 10.0.0.2, fd00::2") == ("1.2.3.4", 0)
    assert x_for("6.6.6.6", "1.2.3.4, 10.0.0.2") == ("1.2.3.4", 0)  # two lines are one list
    assert x_for("10.0.0.3, 10.0.0.2") == ("10.0.0.3", 0)  # from inside
    assert x_for("6.6.6.6, nonsense, 10.0.0.2") is None
    assert x_for("1.2.3.4,, ,") == ("1.2.3.4", 0)
    assert x_for("") == PROXY.client
    assert x_for("6.6.6.6, 10.0.0.2", peers=Peers(["*"])) == ("6.6.6.6", 0)


def test_a_long_chain_is_no_chain() -> None:
    assert x_for(",".join(["1.2.3.4", *["10.0.0.2"] * 31])) == ("1.2.3.4", 0)
    assert x_for(",".join(["1.2.3.4", *["10.0.0.2"] * 32])) is None


@pytest.mark.parametrize(
    ("values", "scheme"),
    [
        (["https"], "https"),
        (["HTTPS "], "https"),
        (["wss"], "https"),
        (["ws"], "http"),
        (["https, http"], "http"),  # the first is the client's own idea
        (["https", "http"], "http"),
        (["http, https"], "https"),
        (["gopher"], "http"),
        ([""], "http"),
    ],
)
def test_the_scheme_is_the_nearest_proxys(values: list[str], scheme: str) -> None:
    assert usual(fields(b"x-forwarded-proto", *values), PROXY, PEERS).scheme == scheme


# Forwarded.


@pytest.mark.parametrize(
    ("text", "client", "scheme"),
    [
        ("for=1.2.3.4", "1.2.3.4", "http"),
        ('For="1.2.3.4:80"', "1.2.3.4", "http"),
        ('for="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17", "http"),
        ("for=1.2.3.4;proto=https;by=203.0.113.43;host=shop", "1.2.3.4", "https"),
        ("proto=HTTPS; for=1.2.3.4", "1.2.3.4", "https"),
        ('for="1.2.3.4:_port"', "1.2.3.4", "http"),
        ("for=unknown;proto=https", None, "https"),
        ("for=_hidden", None, "http"),
        ("proto=https", None, "https"),
        ("for=1.2.3.4;for=5.6.7.8", None, "http"),
        ("for=1.2.3.4;proto", None, "http"),
        ('for="1.2.3.4', None, "http"),
        ('for="1.2.3.4\\""', None, "http"),
        ("for=[::1]", None, "http"),  # it needs the quotes
        ("for =1.2.3.4", None, "http"),
        ("1.2.3.4", None, "http"),
    ],
)
def test_an_element(text: str, client: str | None, scheme: str) -> None:
    found = forwarded(text)
    assert found.scheme == scheme
    assert (found.client and found.client[0]) == client


def test_elements_are_believed_from_the_right() -> None:
    last = "for=10.0.0.2"
    assert forwarded(f"for=6.6.6.6;proto=http, for=1.2.3.4;proto=https, {last}") == Origin(
        ("1.2.3.4", 0), "https"
    )
    assert forwarded("for=6.6.6.6", f"for=1.2.3.4;proto=https, {last};proto=http") == Origin(
        ("1.2.3.4", 0), "https"
    )
    # What an inner proxy says of the scheme stands where the outer says nothing.
    assert forwarded(f"for=1.2.3.4, {last};proto=https") == Origin(("1.2.3.4", 0), "https")


@pytest.mark.parametrize(
    "trick", ['for="', 'for="6.6.6.6, ', 'for="\\', "for=6.6.6.6;", '"', "=,;"]
)
def test_no_client_can_swallow_what_proxies_write(trick: str) -> None:
    for written in (f"{trick}, for=1.2.3.4", f"{trick},for=1.2.3.4, for=10.0.0.2"):
        assert forwarded(written).client == ("1.2.3.4", 0)


# Whatever clients send.

addresses = st.ip_addresses().map(str)
outsiders = addresses.filter(lambda text: not PEERS.trusts((text, 0)))
insiders = st.sampled_from(["10.0.0.2", "10.1.2.3", "fd00::7", "192.0.2.7"])
anything = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"))


def node(text: str) -> str:
    return f'"[{text}]"' if ":" in text else text


@settings(deadline=None)
@given(anything, outsiders, st.lists(insiders, max_size=5))
def test_nothing_that_a_client_sends_is_believed(
    sent: str, client: str, proxies: list[str]
) -> None:
    meant = ipaddress.ip_address(client)
    seen = str(getattr(meant, "ipv4_mapped", None) or meant)
    written = ", ".join([sent, client, *proxies])
    assert x_for(written) == (seen, 0)
    written = ", ".join([sent, *(f"for={node(each)}" for each in (client, *proxies))])
    assert forwarded(written).client == (seen, 0)


@settings(deadline=None)
@given(st.lists(anything, max_size=3), st.lists(anything, max_size=3))
def test_nonsense_is_never_more_than_that(ours: list[str], theirs: list[str]) -> None:
    for find, name in ((usual, b"x-forwarded-for"), (standard, b"forwarded")):
        headers = (*fields(name, *ours), *fields(b"x-forwarded-proto", *theirs))
        client, scheme = find(headers, PROXY, PEERS)
        assert scheme in ("http", "https")
        if client is not None and client != PROXY.client:
            ipaddress.ip_address(client[0])


# The seam.


class Transport:
    def __init__(self, peer: Address | None, *, trusted: bool) -> None:
        self.client = self.peer = peer
        self.trusted = trusted


def ask(transport: Transport, *lines: str) -> None:
    def exchange(_transport: Any, _request: Any) -> Any:
        return None

    forwarding = Forwarding(exchange, peers=PEERS, header="x-forwarded", scheme="http")
    head = "\r\n".join(["GET / HTTP/1.1", "Host: a", *lines]).encode()
    forwarding(transport, HeadParser(Limits()).parse(head + b"\r\n\r\n", len(head)))


def test_each_request_of_a_connection_has_its_own_origin() -> None:
    transport: Any = Transport(("10.0.0.1", 5), trusted=True)
    ask(transport, "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https")
    assert (transport.client, transport.scheme) == (("1.2.3.4", 0), "https")
    ask(transport)
    assert (transport.client, transport.scheme) == (("10.0.0.1", 5), "http")


def test_who_is_not_trusted_stays_who_it_is() -> None:
    transport: Any = Transport(("1.1.1.1", 5), trusted=False)
    ask(transport, "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https")
    assert transport.client == ("1.1.1.1", 5)
    assert not hasattr(transport, "scheme")
