"""Requests to answer, and answers taken apart."""

from http1.reading import get
from subsrv.http1 import HeadParser, Limits, Request

TEXT = [("content-type", "text/plain")]


def request(method: str = "GET", version: str = "1.1", *lines: str) -> Request:
    head = get(*lines, start=f"{method} / HTTP/{version}")
    return HeadParser(Limits()).parse(head, len(head.removesuffix(b"\r\n\r\n")))


GET = request()


def lines(data: bytes) -> list[bytes]:
    """The lines of a head, of which there must be one only."""
    head, end, body = data.partition(b"\r\n\r\n")
    assert (end, body) == (b"\r\n\r\n", b"")
    return head.split(b"\r\n")
