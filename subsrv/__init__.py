"""subsrv: an HTTP server whose workers are isolates on one listening socket."""

__version__ = "0.1.0"
