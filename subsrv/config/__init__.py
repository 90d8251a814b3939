"""The configuration: one frozen dataclass, each default written here and nowhere else.

Each field carries an `Option`, which says what the setting is. The rule that its value must keep
is written there once, and serves every source of settings (settings.py) and `--help` (cli.py).
The fields stand by subject in the modules of this package; what is said of several at once, here.
"""

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from subsrv.config.limits import Limits
from subsrv.config.logs import Logs
from subsrv.config.operating import Operating
from subsrv.config.option import Kind, Option, did_you_mean, flag
from subsrv.config.protocols import Protocols
from subsrv.config.serving import AUTO, MODES, Serving
from subsrv.config.ways_in import WaysIn
from subsrv.errors import ConfigError

__all__ = ["AUTO", "MODES", "OPTIONS", "Config", "Kind", "Option", "did_you_mean", "flag"]

# What the server says of the connection and of this response, nobody else can.
_OWN_HEADERS = frozenset(
    ("connection", "content-length", "date", "keep-alive", "transfer-encoding", "upgrade")
)


# The last one first: that is the order of the fields, and so of `--help`.
@dataclass(frozen=True, kw_only=True)
class Config(Logs, Protocols, Operating, Limits, WaysIn, Serving):
    """Every setting of the server, checked when it is made.

    Sizes are in bytes, times in seconds; 0 turns a limit or a timeout off, but a
    `graceful_timeout` of 0 waits for nothing. Raises ConfigError, whose text holds every fault.
    """

    def __post_init__(self) -> None:
        faults = [
            f"{name} {fault}"
            for name, option in OPTIONS.items()
            if (fault := option.fault(getattr(self, name)))
        ]
        if not OPTIONS["header"].fault(self.header):
            names = [line.partition(":")[0] for line in self.header]
            own = [name for name in names if name.lower() in _OWN_HEADERS]
            faults += [f"header {name!r} is the server's own to send" for name in own]
        if self.factory is True and self.app is None:
            faults.append("--factory is set, but there is no APP for it to make")
        of_it = ("ssl_keyfile", "ssl_keyfile_password", "ssl_sni", "ssl_ca_certs", "ssl_ciphers")
        for name in of_it:
            if getattr(self, name) not in (None, ()) and self.ssl_certfile is None:
                faults.append(f"{flag(name)} is set, but there is no --ssl-certfile")
        if self.ssl_cert_reqs != "none" and self.ssl_ca_certs is None:
            asked = self.ssl_cert_reqs
            faults.append(f"--ssl-cert-reqs is {asked!r}, but there are no --ssl-ca-certs")
        if self.proxy_protocol is True and not self.forwarded_allow_ips:
            faults.append("--proxy-protocol is set, but --forwarded-allow-ips trusts nobody")
        root = self.root_path
        if isinstance(root, str) and not re.fullmatch(r"(/[\w.~!$&'()*+,;=:@-]+)+", root, re.ASCII):
            faults.append(f"--root-path must be a path such as /shop, not {root!r}")
        if faults:
            raise ConfigError("; ".join(faults))

    def dumps(self) -> str:
        """The whole configuration as one JSON string, the form in which it reaches workers."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def loads(cls, text: str) -> Self:
        """The inverse of `dumps`."""
        fields = json.loads(text)
        for name, option in OPTIONS.items():
            if isinstance(option.default, tuple):
                fields[name] = tuple(fields[name])
        return cls(**fields)


OPTIONS: Mapping[str, Option] = {
    field.name: field.metadata["option"] for field in dataclasses.fields(Config)
}
