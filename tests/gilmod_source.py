"""An extension module that has never heard of Py_mod_gil, for free-threaded builds."""

import subprocess
import sysconfig
from pathlib import Path


def build(folder: Path) -> None:
    """Compile it there, as the module gilmod."""
    source = folder / "gilmod.c"
    source.write_text(
        "#include <Python.h>\n"
        'static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "gilmod"};\n'
        "PyMODINIT_FUNC PyInit_gilmod(void) { return PyModule_Create(&def); }\n"
    )
    include = sysconfig.get_path("include")
    target = folder / f"gilmod{sysconfig.get_config_var('EXT_SUFFIX')}"
    command = ["cc", "-shared", "-fPIC", "-I", include, str(source), "-o", str(target)]
    subprocess.run(command, check=True)
