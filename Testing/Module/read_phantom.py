"""Has the phantom of the panel's tests read by the library alone: what the panel shows must be the same.

A program of its own, because a process that renders with VTK must not import torch.
"""

from __future__ import annotations

import sys
from pathlib import Path

from BreastFusionLib.phantom import make_exam
from BreastFusionLib.reading import Case, Reader, load_bundle


def main(bundle: Path, out: Path) -> None:
    """Write the reading."""
    phantom = make_exam(2, 1, small=True)
    Reader(load_bundle(bundle)).read(Case(phantom.exam, phantom.lesion)).write(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
