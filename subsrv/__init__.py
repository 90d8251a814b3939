"""subsrv: an HTTP server whose workers are isolates on one listening socket."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from subsrv.apps.native import Request, Response
    from subsrv.config import Config

__version__ = "0.1.0"
__all__ = ["Config", "Request", "Response", "__version__", "serve"]


def __getattr__(name: str) -> Any:
    # On demand, for every isolate imports this package.
    if name == "Config":
        from subsrv.config import Config

        return Config
    if name in ("Request", "Response"):
        from subsrv.apps import native

        return getattr(native, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def serve(app: str | None = None, **settings: Any) -> int:
    """Serve `app` until a signal ends the server; return the command's exit status.

    Args:
      app: "module:attribute" of the application, or None for the built-in hello. It is text,
        never the object, for every isolate imports the application for itself.
      settings: fields of `Config`. Text is read as on the command line: `limit_body="1g"`,
        `bind="127.0.0.1:0,unix:/run/app.sock"`. Neither the environment nor pyproject.toml is
        read: what the call says is the whole configuration.

    Call it from the main thread and under `if __name__ == "__main__":`, for process workers
    import the script again.

    Returns 0 after a drain. A failure to start or to go on is told on standard error, as the
    command tells it, and its status returned: `sys.exit(subsrv.serve("hello:app"))`.

    Raises ConfigError where an argument is bad.
    """
    # Every worker imports this package; only who serves pays for the command line.
    from subsrv import cli

    return cli.serve(app, **settings)
