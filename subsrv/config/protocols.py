"""Options of what is spoken on a connection."""

from dataclasses import dataclass

from subsrv.config.option import Kind, option


@dataclass(frozen=True, kw_only=True)
class Protocols:
    """HTTP, WebSockets."""

    date_header: bool = option("HTTP", Kind.FLAG, True, "send a Date header")
    server_header: bool = option("HTTP", Kind.FLAG, True, "send a Server header")
    header: tuple[str, ...] = option(
        "HTTP",
        Kind.HEADERS,
        (),
        "header of every response, unless the application sends its own; repeatable",
    )
    header_cache: int = option(
        "HTTP",
        Kind.COUNT,
        1024,
        "header lines that each worker remembers parsed; 0 parses each anew",
    )

    # Defaults and names are uvicorn's.
    ws_max_size: int = option(
        "WebSockets", Kind.SIZE, 16 << 20, "of a message, inflated; else it closes with 1009"
    )
    ws_max_queue: int = option(
        "WebSockets", Kind.COUNT, 32, "messages read ahead of the application"
    )
    ws_ping_interval: float = option(
        "WebSockets", Kind.SECONDS, 20.0, "between two pings to a client; 0: none"
    )
    ws_ping_timeout: float = option(
        "WebSockets", Kind.SECONDS, 20.0, "for a sign of life after one; else it closes with 1011"
    )
    ws_per_message_deflate: bool = option(
        "WebSockets", Kind.FLAG, True, "compress messages where the client can"
    )
