"""Write the lists of files in the CMakeLists.txt of module and library, from the tree: part of `make format`.

CMake installs only what is listed by name; a list made by hand is soon a list of yesterday's files.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (ROOT / "BreastFusion", ROOT / "BreastFusionLib")


def list_files(folder: Path) -> None:
    """Replace the two lists of a folder's CMakeLists.txt: scripts, and all other files."""
    cmake = folder / "CMakeLists.txt"
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    names = sorted(path.relative_to(folder).as_posix() for path in found if path != cmake)
    text = cmake.read_text(encoding="utf-8")
    for variable, wanted in (("SCRIPTS", True), ("RESOURCES", False)):
        lines = "".join(f"  {name}\n" for name in names if name.endswith(".py") == wanted)
        text, count = re.subn(rf"(set\(\w+_PYTHON_{variable}\n)[^)]*\)", rf"\g<1>{lines}  )", text)
        if count != 1:
            raise SystemExit(f"{cmake} has {count} lists set(.._PYTHON_{variable} ..): expected one.")
    cmake.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    for one in FOLDERS:
        list_files(one)
