"""Which distribution an extension module comes from."""

from importlib import metadata
from pathlib import Path


def find(module: str, file: str | None) -> tuple[str | None, str | None]:
    """The name and version of the distribution that installed a module; None where none did."""
    top = module.partition(".")[0]
    names = metadata.packages_distributions().get(top, [])
    for name in dict.fromkeys(names):
        found = metadata.distribution(name)
        # Several share a top-level package, as "google" is shared.
        if len(set(names)) == 1 or _installed(found, file):
            return found.metadata["Name"], found.version
    # Without a list of its top-level names, as some build tools leave it.
    if not names and file is not None:
        for found in metadata.distributions():
            if _installed(found, file):
                return found.metadata["Name"], found.version
    return None, None


def _installed(distribution: metadata.Distribution, file: str | None) -> bool:
    name = Path(file or "").name
    return any(
        each.name == name and str(each.locate()) == file for each in distribution.files or ()
    )
