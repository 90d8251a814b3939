"""What the tables of every study say about where the figures come from."""

from collections.abc import Mapping
from typing import Any


def sharing_remark(about: Mapping[str, Any]) -> str:
    """The remark without which figures from one machine mislead."""
    return (
        f"Client and server shared {about['cpus']} CPUs of one machine ({about['cpu_model']}): "
        "this shows what the server costs, not how far it scales."
    )


def environment(raw: Mapping[str, Any]) -> str:
    """The metadata as a list: machine, code, client and interpreters."""
    about = raw["environment"]
    lines = [
        f"taken {about['date']} from commit {about['commit']}, on host {about['host']}",
        f"{about['cpus']} CPUs, {about['cpu_model']}, kernel {about['kernel']} {about['machine']}",
        f"load average before {about['load_average'][0]:.2f}, after "
        f"{raw['load_average_after'][0]:.2f}",
        f"client: {about['client']}",
    ]
    builds = {facts["name"]: facts for facts in raw["interpreters"].values()}
    for name, facts in builds.items():
        configured = " ".join(facts["configure"]) or "not recorded"
        lines.append(
            f"CPython {name}: {facts['compiler']}, configured with {configured}, "
            f"JIT {'on' if facts['jit'] else 'off'}; "
            + ", ".join(f"{package} {version}" for package, version in facts["packages"].items())
        )
    return "\n".join(f"- {line}" for line in lines)
