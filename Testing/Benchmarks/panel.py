"""From the click to the result in the panel, on full-size volumes: `python Testing/Benchmarks/panel.py`.

The whole panel in the test host: nodes of a real MRML scene, the real button 'Classify', a reading in the process that
computes, its result shown. Of every stage it tells how long it took, and the longest gap of a 10 ms timer meanwhile:
for how long the window stood still. On a machine with other work both are longer than the panel's own part; so
processor time of the application is told beside them. Weights are random: the time does not depend on them. Needs the
packages of the extra `test`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from machine import describe_machine

HERE = Path(__file__).resolve().parent
# Seconds on two cores; of 'gap' in each stage.
TARGETS_S = {"opened": 0.5, "stroke measured": 0.05, "mapped to T1 and T2": 0.1, "later readings": 1.5, "gap": 0.1}
CHANGES = 5  # of the outline
# PyTorch stays out of the process that shows the panel, here as in the application.
MAKE_INPUTS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from reading import make_bundle, make_case
from BreastFusionLib.service.transfer import write_exam_arrays, write_mask
folder = Path(sys.argv[2])
case = make_case(float(sys.argv[3]))
make_bundle(case, folder / "bundle")
write_exam_arrays(case.exam, folder / "exam")
write_mask(case.lesion.mask, folder / "lesion.npz")
"""


@dataclass(frozen=True)
class Timing:
    """How long a stage took.

    Attributes:
        seconds: wall clock.
        cpu_s: processor time of the application, without the process that computes.
        gap_s: longest time between two ticks of a 10 ms timer.
        gap_cpu_s: processor time of the window's thread between two ticks, at most.
    """

    seconds: float
    cpu_s: float
    gap_s: float
    gap_cpu_s: float

    @classmethod
    def middle(cls, timings: Iterable[Timing]) -> Timing:
        """Return the median of the times, and the longest gaps."""
        rows = list(timings)
        times = [statistics.median(getattr(row, name) for row in rows) for name in ("seconds", "cpu_s")]
        return cls(*times, max(row.gap_s for row in rows), max(row.gap_cpu_s for row in rows))


class Gaps:
    """The longest time between two ticks of a 10 ms timer, while it is entered."""

    def __init__(self) -> None:
        import qt

        self.longest_s = self.longest_cpu_s = 0.0
        self._last, self._last_cpu = time.perf_counter(), time.thread_time()
        self._timer = qt.QTimer()
        self._timer.setInterval(10)
        self._timer.timeout.connect(self._tick)

    def __enter__(self) -> Gaps:
        self._last, self._last_cpu = time.perf_counter(), time.thread_time()
        self._timer.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        self._timer.stop()
        self._tick()

    def _tick(self) -> None:
        now, cpu = time.perf_counter(), time.thread_time()
        self.longest_s = max(self.longest_s, now - self._last)
        self.longest_cpu_s = max(self.longest_cpu_s, cpu - self._last_cpu)
        self._last, self._last_cpu = now, cpu


def wait(condition: Callable[[], bool], what: str) -> None:
    """Let events run until a condition holds."""
    import slicer

    deadline = time.monotonic() + 300
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited in vain for {what}")
        slicer.app.processEvents()
        time.sleep(0.001)


def timed(start: Callable[[], object], is_done: Callable[[], bool] = lambda: True, what: str = "") -> Timing:
    """Begin something and wait for its end."""
    with Gaps() as gaps:
        began, cpu = time.perf_counter(), time.process_time()
        start()
        wait(is_done, what)
        seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    return Timing(seconds, cpu_s, gaps.longest_s, gaps.longest_cpu_s)


def pause(seconds: float, worker: Any) -> Callable[[], bool]:
    """Return a condition that holds when some time has passed and nothing is computed."""
    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until and not worker.is_busy


def add_study(folder: Path, parameters: Any) -> Timing:
    """Put the exam into the scene as the panel does, and wait until all that follows from it is done."""
    from BreastFusionPanel.bridge.exam_nodes import add_exam
    from BreastFusionPanel.process.steps import Steps

    from BreastFusionLib.service.transfer import read_exam_arrays

    running: list[Steps] = []
    exam = read_exam_arrays(folder / "exam")
    added = timed(
        lambda: running.append(Steps(add_exam(exam, parameters))), lambda: running[0].is_done, "the exam in the scene"
    )
    return added


def change_outline(panel: Any, mask: Any) -> tuple[Timing, Timing]:
    """Give the lesion another outline; return how long it takes to measure it, and to map it to T1 and T2."""
    from BreastFusionPanel.bridge.mapped_segments import mapped_part
    from BreastFusionPanel.bridge.segments import replace_outline

    context, parameters = panel.context, panel.context.parameters
    segment_id = parameters.selectedLesion
    replace_outline(parameters, segment_id, mask)
    # What section 2 does when a stroke has settled.
    measured = timed(lambda: panel.lesion.book.update(parameters))
    mapped = timed(
        lambda: context.lesion_changed.emit(segment_id),
        lambda: all(mapped_part(parameters, segment_id, one) is not None for one in ("t1", "t2")),
        "the mapped lesion",
    )
    wait(pause(0.5, context.worker), "what follows a stroke")
    return measured, mapped


def draw(folder: Path, panel: Any) -> dict[str, Timing]:
    """Outline the lesion, then move its outline to and fro."""
    import SimpleITK as sitk
    from BreastFusionPanel.bridge.segments import add_lesion

    from BreastFusionLib.service.transfer import read_mask

    worker, parameters = panel.context.worker, panel.context.parameters
    drawn = read_mask(folder / "lesion.npz")
    moved = sitk.CyclicShift(drawn, (1, 0, 0))

    def add() -> None:
        parameters.selectedLesion = add_lesion(parameters, drawn)

    # As long as somebody looks at the lesion that he has drawn.
    outlined = timed(add, pause(2.0, worker), "the lesion's measures")
    changes = [change_outline(panel, mask) for mask in [moved, drawn] * CHANGES]
    measured, mapped = (Timing.middle(timings) for timings in zip(*changes, strict=True))
    return {"lesion outlined": outlined, "stroke measured": measured, "mapped to T1 and T2": mapped}


def classify(panel: Any, runs: int) -> dict[str, Timing]:
    """Press the button again and again."""
    section, worker = panel.classify, panel.context.worker
    readings = []
    for _run in range(runs + 1):
        readings.append(timed(section.ui.classifyButton.click, lambda: section.run is None, "the reading"))
        if panel.messages.text:
            raise RuntimeError(panel.messages.text)
        wait(lambda: not worker.is_busy, "what follows a reading")
    return {"first reading": readings[0], "later readings": Timing.middle(readings[1:])}


def measure(folder: Path, runs: int, device: str) -> dict[str, Timing]:
    """Return the stages from opening the module to the last reading."""
    from BreastFusionPanel.classify.bundles import InstalledBundles, bundles_folder
    from BreastFusionPanel.settings import MachineSettings
    from host.opening import close_module, open_module

    settings = MachineSettings()
    settings.bundle_folder = str(InstalledBundles(bundles_folder()).import_from(folder / "bundle").folder)
    settings.device = device
    widgets: list[Any] = []
    found = {"opened": timed(lambda: widgets.append(open_module("BreastFusion")))}
    if "torch" in sys.modules:
        raise RuntimeError("PyTorch was imported into the application's process")
    widget = widgets[0]
    panel = widget.panel
    worker = panel.context.worker
    found["models loaded"] = timed(
        widget.enter, lambda: panel.classify.model.is_ready and not worker.is_busy, "the model"
    )
    found["exam added"] = add_study(folder, panel.context.parameters)
    found["exam looked at"] = timed(lambda: None, pause(1.0, worker), "what follows an exam")
    found |= draw(folder, panel)
    found |= classify(panel, runs)
    widget.cleanup()
    close_module("BreastFusion", widget)
    return found


def row(stage: str, timing: Timing) -> str:
    """Return a line of the table."""
    target_s = TARGETS_S.get(stage)
    target = "" if target_s is None else f"{target_s:.2f}"
    gap_ms, gap_cpu_ms = 1000 * timing.gap_s, 1000 * timing.gap_cpu_s
    return f"{stage:20} {timing.seconds:8.3f} {target:>7} {timing.cpu_s:8.3f} {gap_ms:10.0f} {gap_cpu_ms:8.0f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--radius", type=float, default=14.0, help="of the lesion, in mm")
    parser.add_argument("--runs", type=int, default=7, help="readings after the first one")
    parser.add_argument("--device", default="cpu", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    sys.path.insert(0, str(HERE.parent / "Module"))
    from host import start

    start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-c", MAKE_INPUTS, str(HERE), str(folder), str(options.radius)]
        subprocess.run(command, check=True)
        found = measure(folder, options.runs, options.device)
    machine = describe_machine("slicer-core", "PySide6-Essentials", "torch")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    if options.json:
        stages = {stage: asdict(timing) for stage, timing in found.items()}
        print(json.dumps({"machine": machine, "load": load, "targets_s": TARGETS_S, "stages": stages}))
        return
    print(machine + ("" if load is None else f"; {load:.1f} programs wanted a core in the last minute"))
    print(f"{'':20} {'seconds':>8} {'target':>7} {'cpu':>8} {'gap (ms)':>10} {'cpu (ms)':>8}")
    for stage, timing in found.items():
        print(row(stage, timing))
    longest_ms = 1000 * TARGETS_S["gap"]
    print(f"No gap should be longer than {longest_ms:.0f} ms; of what was done several times: median, longest gap.")


if __name__ == "__main__":
    main()
