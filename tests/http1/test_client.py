"""h11's client as an oracle: it reads what the encoder writes, one response after the other."""

from typing import NamedTuple

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from http1.messages import names, values
from http1.responding import request
from subsrv.http1 import LAST_CHUNK, Encoder, Framing, Request, chunk

# Those that the encoder judges, or that are its own to send; tried one by one elsewhere.
_OURS = {b"date", b"server", b"connection", b"keep-alive", b"content-length", b"transfer-encoding"}


class Answer(NamedTuple):
    """A response that an application gives to a request."""

    method: str
    version: str
    asks_to_close: bool
    status: int
    fields: list[tuple[bytes, bytes]]
    pieces: list[bytes]
    declares: bool
    """Content-Length"""
    closes: bool
    whole: bool
    """given at once, and not piece by piece"""

    @property
    def asked(self) -> Request:
        option = "close" if self.asks_to_close else "keep-alive"
        return request(self.method, self.version, f"Connection: {option}")

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def send(self, encoder: Encoder) -> tuple[bytes, bool]:
        """The bytes on the wire, and whether the connection lives on."""
        headers = list(self.fields)
        if self.declares:
            headers.append((b"Content-Length", b"%d" % len(self.body)))
        if self.closes:
            headers.append((b"Connection", b"close"))
        if self.whole:
            return encoder.complete(self.status, headers, self.body, self.asked, False)
        head = encoder.start(self.status, headers, self.asked, length=None, close=False)
        data = head.data
        if head.framing is Framing.CHUNKED:
            data += b"".join(map(chunk, self.pieces)) + LAST_CHUNK
        elif head.framing is not Framing.NONE:
            data += self.body
        return data, head.keep_alive


answers = st.builds(
    Answer,
    st.sampled_from(["GET", "GET", "POST", "HEAD", "OPTIONS"]),
    st.sampled_from(["1.1", "1.1", "1.0"]),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([200, 200, 200, 201, 206, 304, 204, 404, 500, 599, 799]),
    st.lists(st.tuples(names.filter(lambda name: name.lower() not in _OURS), values), max_size=4),
    st.lists(st.binary(min_size=1, max_size=40), max_size=4),
    st.booleans(),
    st.sampled_from([False, False, False, True]),
    st.booleans(),
)


def _check(answer: Answer, encoder: Encoder, client: h11.Connection) -> bool:
    """Whether the connection lives on, on which both sides must agree."""
    client.send(h11.Request(method=answer.method, target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    data, keep_alive = answer.send(encoder)
    client.receive_data(data)
    if not keep_alive:
        client.receive_data(b"")
    response = client.next_event()
    assert isinstance(response, h11.Response)
    assert response.status_code == answer.status
    found = [(name, value) for name, value in response.headers if name not in _OURS]
    assert found == [(name.lower(), value) for name, value in answer.fields]
    seen = [name for name, _ in response.headers]
    assert seen.count(b"date") == seen.count(b"server") == 1
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert event.headers == []
    bodiless = answer.method == "HEAD" or answer.status in (204, 304)
    assert body == (b"" if bodiless else answer.body)
    assert client.trailing_data == (b"", not keep_alive)
    assert keep_alive is (client.their_state is h11.DONE)
    return keep_alive


@given(st.lists(answers, min_size=1, max_size=5), st.sampled_from([0, 2, 4096]))
def test_a_client_reads_what_was_answered(sequence: list[Answer], cache: int) -> None:
    encoder, client = Encoder(cache=cache), h11.Connection(h11.CLIENT)
    for answer in sequence:
        if _check(answer, encoder, client):
            client.start_next_cycle()
        else:
            client = h11.Connection(h11.CLIENT)


@pytest.mark.parametrize("status", [400, 408, 413, 414, 417, 431, 501, 503, 505])
def test_a_client_reads_a_refusal(status: int) -> None:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(Encoder().error(status, "because"))
    response = client.next_event()
    assert isinstance(response, h11.Response)
    assert response.status_code == status
    data = client.next_event()
    assert isinstance(data, h11.Data)
    assert data.data.endswith(b": because\n")
    assert isinstance(client.next_event(), h11.EndOfMessage)
    assert client.their_state is h11.MUST_CLOSE
