"""The Python in which the child process runs, and what its environment has beyond the application's own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import sysconfig
from pathlib import Path

import slicer

__all__ = ["find_python", "service_environment"]


def find_python() -> str:
    """Return the interpreter of the application: PythonSlicer, or outside of Slicer the one that runs now."""
    name = "PythonSlicer.exe" if os.name == "nt" else "PythonSlicer"
    beside = Path(str(getattr(slicer.app, "slicerHome", ""))) / "bin" / name
    return shutil.which("PythonSlicer") or (str(beside) if beside.is_file() else sys.executable)


def service_environment(library_folder: Path) -> dict[str, str | None]:
    """Return what the process's environment has beyond the application's own; None removes a variable.

    Args:
        library_folder: holds BreastFusionLib.
    """
    paths = [str(library_folder), *_radiomics_folder(), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "MPLBACKEND": "Agg",
        # Threads that have nothing to do sleep. Spinning they take the cores from those that have, from the
        # application and from other programs: with two busy cores a reading took 5 to 16 s instead of 2.
        "OMP_WAIT_POLICY": "PASSIVE",
        # Matrices here are small: sharing one out takes longer than multiplying it.
        "OPENBLAS_NUM_THREADS": "1",
        # Slicer's own image readers do not work outside the application, and say so at each file.
        "ITK_AUTOLOAD_PATH": None,
    }


def _radiomics_folder() -> list[str]:
    """Return where an extension put `radiomics`: the application knows such folders, its bare interpreter may not."""
    spec = importlib.util.find_spec("radiomics")
    if spec is None or spec.origin is None:
        return []
    folder = Path(spec.origin).resolve().parents[1]
    own = {Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")}
    return [] if folder in own else [str(folder)]
