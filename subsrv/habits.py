"""Options of other servers: what to use here instead. docs/migrating.md has them all in tables.

Where ours has the same name, nothing is needed, and a few spellings are taken as they are (cli.py).
"""

#: By their spelling: what stands behind "unknown option '--uds': ".
HINTS: dict[str, str] = {
    # uvicorn, and granian where it has the same.
    "--uds": "use --bind unix:PATH",
    "--fd": "use --bind fd://N",
    "--loop": "not needed, each worker has asyncio's own loop on a selector of ours",
    "--http": "not needed, there is one parser",
    "--http2": "HTTP/2 is not spoken: put a proxy before it",
    "--lifespan": "not needed, an application without lifespan is served without",
    "--use-colors": "not needed, a terminal gets colours; NO_COLOR=1 turns them off",
    "--no-use-colors": "set NO_COLOR=1",
    "--limit-max-requests": "use --max-requests",
    "--limit-max-requests-jitter": "use --max-requests-jitter",
    "--timeout-graceful-shutdown": "use --graceful-timeout",
    "--timeout-worker-healthcheck": "use --hang-timeout",
    "--h11-max-incomplete-event-size": "use --limit-header-size",
    "--reset-contextvars": "not needed, each request has a context of its own",
    # gunicorn, and hypercorn where it has the same.
    "-c": "use [tool.subsrv] in pyproject.toml, or SUBSRV_* variables",
    "--config": "use [tool.subsrv] in pyproject.toml, or SUBSRV_* variables",
    "-k": "use --mode and --threads; --interface where it cannot be told",
    "--worker-class": "use --mode and --threads; --interface where it cannot be told",
    "--worker-connections": "use --limit-connections",
    "-t": "use --hang-timeout, and --timeout-header, --timeout-body and --timeout-write",
    "--timeout": "use --hang-timeout, and --timeout-header, --timeout-body and --timeout-write",
    "--keep-alive": "use --timeout-keep-alive",
    "--limit-request-fields": "use --limit-header-count",
    "--limit-request-field-size": "use --limit-header-size, which bounds all of them together",
    "--preload": "not needed, threads share what is imported; --start-method fork where it pays",
    "--reuse-port": "not needed, all workers accept from one socket, fairly",
    "--chdir": "use --app-dir, or cd before",
    "-D": "not needed, a service manager does it better",
    "--daemon": "not needed, a service manager does it better",
    "-e": "use --env-file, or the environment",
    "--env": "use --env-file, or the environment",
    "-p": "use --pid-file",
    "--pid": "use --pid-file",
    "-u": "not needed, a service manager does it better",
    "--user": "not needed, a service manager does it better",
    "-g": "not needed, a service manager does it better",
    "--group": "not needed, a service manager does it better",
    "-m": "not needed, a service manager does it better",
    "--umask": "not needed, a service manager does it better",
    "--access-logfile": "use --access-log, and --access-log-file for another than standard output",
    "--access-logformat": "use --access-log-format",
    "--error-logfile": "redirect standard error, or use --log-config",
    "--log-file": "redirect standard error, or use --log-config",
    "--error-log": "redirect standard error, or use --log-config",
    "--log-config-json": "use --log-config",
    "--log-syslog": "use --log-config",
    "--pythonpath": "use --app-dir, or PYTHONPATH",
    "--no-sendfile": "not needed",
    "--worker-tmp-dir": "not needed, workers have no heartbeat files",
    "--certfile": "TLS: see docs/migrating.md",
    "--keyfile": "TLS: see docs/migrating.md",
    "--statsd-host": "not sent from here; the access log has durations",
    "--http-protocols": "HTTP/1.1 and 1.0 are spoken",
    "--quic-bind": "HTTP/3 is not spoken: put a proxy before it",
    "--read-timeout": "use --timeout-header and --timeout-body",
    # granian.
    "--blocking-threads": "use --threads",
    "--runtime-threads": "not needed, each worker is one loop",
    "--runtime-mode": "not needed, each worker is one loop",
    "--task-impl": "not needed, tasks are asyncio's",
    "--backpressure": "use --limit-concurrency",
    "--http1-buffer-size": "use --limit-header-size",
    "--http1-header-read-timeout": "use --timeout-header, in seconds",
    "--http1-keep-alive": "not needed",
    "--no-http1-keep-alive": "not possible; a short --timeout-keep-alive comes near",
    "--http1-pipeline-flush": "not needed, pipelined responses leave together",
    "--access-log-fmt": "use --access-log-format",
    "--working-dir": "use --app-dir, or cd before",
    "--env-files": "use --env-file",
    "--respawn-failed-workers": "not needed, workers that die are replaced",
    "--workers-kill-timeout": "use --graceful-timeout",
    "--static-path-mount": "not served from here: a proxy or the application does that",
    "--process-name": "not needed, a service manager names it",
}


def hint(option: str) -> str | None:
    """What to use here instead of another server's option; None for one that is not known."""
    found = HINTS.get(option)
    return f": {found}" if found else None
