"""All cases, by class. A case's name is unique within its class."""

from experiments.conformance.case import Case
from experiments.conformance.cases import (
    chunk,
    coding,
    connection,
    fields,
    host,
    length,
    published,
    request_line,
    target,
)

CLASSES: dict[str, tuple[Case, ...]] = {
    "request line": request_line.CASES,
    "target": target.CASES,
    "Host": host.CASES,
    "header lines": fields.CASES,
    "Content-Length": length.CASES,
    "Transfer-Encoding": coding.CASES,
    "chunks and trailers": chunk.CASES,
    "connection": connection.CASES,
    "published bugs": published.CASES,
}
