"""Options of what is written down."""

from dataclasses import dataclass

from subsrv.config.option import Kind, option


@dataclass(frozen=True, kw_only=True)
class Logs:
    """Logging."""

    access_log: bool = option("Logging", Kind.FLAG, False, "a line for each request")
    access_log_format: str = option(
        "Logging",
        Kind.TEXT,
        "combined",
        "common, combined, json, or one's own with atoms as gunicorn has them: %(h)s",
    )
    access_log_file: str = option(
        "Logging", Kind.FILE, "-", "where to append those lines; -: standard output"
    )
    log_level: str = option(
        "Logging",
        Kind.CHOICE,
        "info",
        "the least severe messages to show",
        choices=("debug", "info", "warning", "error", "critical"),
    )
    log_config: str | None = option(
        "Logging",
        Kind.FILE,
        None,
        "configure logging from a .json, .toml or .yaml file (dictConfig) or an .ini (fileConfig)",
    )
