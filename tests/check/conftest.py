"""Applications with extension modules that have one fault each, compiled here."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from textwrap import dedent

import pytest

from check.trying import FREE_THREADED, Build, Shop

SOURCE = Path(__file__).with_name("extension.c")


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Puts an extension module of a kind (see extension.c) under a dotted name into a folder."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    headers = Path(sysconfig.get_path("include"))
    if FREE_THREADED and not (headers / "Python.h").exists():
        pytest.skip("no Python.h, and the ABI of free-threaded builds is not stable")
    made = tmp_path_factory.mktemp("extensions")

    def build(kind: str, name: str, folder: Path) -> None:
        last = name.rpartition(".")[2]
        library = made / f"{kind}-{last}.so"
        if not library.exists():
            flags = ("-shared", "-fPIC", f"-I{headers}", f"-DNAME={last}", f"-DKIND_{kind}")
            subprocess.run([compiler, *flags, SOURCE, "-o", library], check=True)
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        path = folder / f"{name.replace('.', '/')}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, path)

    return build


APP = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            startup()
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    else:
        request()
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"ok"})

def startup():
    pass

def request():
    pass

"""


@pytest.fixture
def shop(build: Build, tmp_path: Path) -> Shop:
    """Writes shop.py (an application, then `text`), other modules, and extensions by their kind."""

    def shop(text: str, modules: dict[str, str] | None = None, **kinds: str) -> Path:
        (tmp_path / "shop.py").write_text(APP + dedent(text))
        for name, module in (modules or {}).items():
            path = tmp_path / f"{name.replace('.', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(dedent(module))
        for name, kind in kinds.items():
            build(kind, name.replace("__", "."), tmp_path)
        return tmp_path

    return shop


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs the tests must not set what is tested."""
    for name in [name for name in os.environ if name.startswith("SUBSRV_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("PYTHON_GIL", raising=False)
