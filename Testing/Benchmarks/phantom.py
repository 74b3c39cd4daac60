"""How long one phantom exam takes on one core: `python Testing/Benchmarks/phantom.py`.

Target: at most 3 s at the default size and 0.3 s small, without writing files. Seconds of processor time.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import SimpleITK as sitk
from machine import describe_machine
from threadpoolctl import threadpool_limits

from BreastFusionLib.exam import write_exam
from BreastFusionLib.phantom import make_exam


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exams", type=int, default=5, help="exams of which the median counts")
    options = parser.parse_args()
    print(describe_machine("numpy", "SimpleITK"))
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    threadpool_limits(1)
    make_exam(seed=0, number=1, small=True)  # loads what is loaded once
    for words, small, target_s in (("default", False, 3.0), ("small", True, 0.3)):
        making, writing = [], []
        for number in range(1, options.exams + 1):
            start = time.process_time()
            made = make_exam(seed=0, number=number, small=small)
            making.append(time.process_time() - start)
            with tempfile.TemporaryDirectory() as folder:
                start = time.process_time()
                write_exam(made.exam, Path(folder) / "exam", {"lesion": made.lesion.mask})
                writing.append(time.process_time() - start)
        print(
            f"{words}: {statistics.median(making):.2f} s (target {target_s:g} s), "
            f"writing it as compressed NIfTI {statistics.median(writing):.2f} s"
        )


if __name__ == "__main__":
    main()
