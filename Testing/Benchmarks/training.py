"""How fast holste2021's network learns: `python Testing/Benchmarks/training.py` (minutes on a CPU).

Learned Feature Fusion [L,L]: a ResNet50 on MIPs of 224 x 224 pixels and 33 columns, random weights, made cases. The
library's step is measured alone and with everything round it (packed images, loader, augmentation), and the usual loop
of training_usual.py beside it, in turns, so that all see the same load of the machine. Targets: loading costs under
10 %; on a graphics card, 3 times as fast as the usual loop; half a batch keeps half the activations.

Where others use the machine, processor times compare better than the clock.
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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from machine import describe_machine
from training_library import Seconds, Stopwatch, Work, make_work
from training_usual import usual_epoch

from BreastFusionLib.reading.devices import choose_device
from BreastFusionLib.training.recipe import load_recipe
from BreastFusionLib.training.trainer import Devices

# Python puts a script's folder first on its path, where `coverage` and `radiomics` are other benchmarks.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]

TARGET_LOADED, TARGET_USUAL, TARGET_HALF = 0.9, 3.0, 0.5
TOLERANCE_HALF = 0.02
STEP, LOADED, USUAL = "library, random tensors on the device", "library, loading and augmentation", "usual loop"
QUICK = ["model.encoder.name=resnet18", "inputs.projection.size_px=64"]
CASES = {"cpu": 128, "cuda": 2048}

Times = Mapping[str, Sequence[Seconds]]


def compare(work: Work, workers: int, warm_up: int, repeats: int) -> Times:
    """Run all rows in turns; return the times of each."""

    def library(loaded: bool) -> Seconds:
        watch = Stopwatch(warm_up, work.device)
        work.train(watch, loaded)
        return watch.seconds

    rows: dict[str, Callable[[], Seconds]] = {
        STEP: lambda: library(loaded=False),
        LOADED: lambda: library(loaded=True),
        f"{USUAL}, loading in the process": lambda: usual_epoch(work, 0, warm_up),
        f"{USUAL}, {workers} worker processes": lambda: usual_epoch(work, workers, warm_up),
    }
    times: dict[str, list[Seconds]] = {name: [] for name in rows}
    for repeat in range(repeats):
        for name, run in rows.items():
            times[name].append(run())
            print(f"{repeat + 1} of {repeats}, {name}: {times[name][-1].clock:.1f} s", file=sys.stderr)
    return times


def print_speeds(times: Times, images: int) -> None:
    """Print images per second."""
    print("| training step | images/s, median | best | processor time an image |\n|---|---|---|---|")
    for name, found in times.items():
        median, best = (images / of([one.clock for one in found]) for of in (statistics.median, min))
        processor = 1000 * statistics.median([one.processor for one in found]) / images
        # That of worker processes is not known here.
        print(f"| {name} | {median:.2f} | {best:.2f} | {'' if 'worker' in name else f'{processor:.1f} ms'} |")


def ratio(times: Times, slow: str, fast: str, measure: str = "clock") -> float:
    """Return how many times as long one row takes as another: the median of neighbouring runs."""
    pairs = zip(times[slow], times[fast], strict=True)
    return statistics.median(getattr(one, measure) / getattr(other, measure) for one, other in pairs)


def print_shares(times: Times, cuda: bool) -> list[bool]:
    """Print what loading costs and what the usual loop takes; tell which targets are met."""
    loaded, processor = ratio(times, STEP, LOADED), ratio(times, STEP, LOADED, "processor")
    print(f"Loading and augmentation leave {loaded:.1%} of the speed (target {TARGET_LOADED:.0%})", end="")
    print("" if cuda else f"; in processor time {processor:.1%}")
    faster = min(ratio(times, name, LOADED) for name in times if name.startswith(USUAL))
    target = f"target {TARGET_USUAL:g}" if cuda else f"target {TARGET_USUAL:g} on a graphics card"
    print(f"The library is {faster:.2f} times as fast as the faster usual loop ({target})")
    return [loaded >= TARGET_LOADED, *([faster >= TARGET_USUAL] if cuda else [])]


def matrix_rate(device: str, precision: str) -> tuple[float, str]:
    """Return floating-point operations per second of a matrix product in the precision of a trainer, and its name."""
    kind = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision, torch.float32)
    size = 2048 if device == "cpu" else 8192
    first, second = torch.rand(2, size, size, device=device).to(kind)
    seconds = []
    for _ in range(12):
        if device != "cpu":
            torch.cuda.synchronize()
        started = time.perf_counter()
        first @ second
        if device != "cpu":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / min(seconds), str(kind).removeprefix("torch.")


def print_arithmetic(work: Work, times: Times, images: int) -> None:
    """Print which share of the machine's matrix rate the step reaches."""
    flop = work.flop_per_image()
    rate, kind = matrix_rate(work.device, str(Devices(work.device).precision(work.recipe.training)))
    reached = flop * images / min(one.clock for one in times[STEP])
    print(
        f"An image is {flop / 1e9:.1f} GFLOP: at best the step does {reached / 1e12:.3g} TFLOP/s, "
        f"{reached / rate:.0%} of the {rate / 1e12:.3g} TFLOP/s that products of {kind} matrices reached here"
    )


def print_memory(device: str, batch: int, settings: Sequence[str]) -> bool:
    """Print how much memory a batch, the same in two portions, and half of it take; tell whether that halves."""
    whole = "process" if device == "cpu" else "card"
    print(f"\n| memory | activations | {whole} at most |\n|---|---|---|")
    activations = []
    for name, size, portion in (
        (f"batch of {batch}", batch, batch),
        (f"batch of {batch} in portions of {batch // 2}", batch, batch // 2),
        (f"batch of {batch // 2}", batch // 2, batch // 2),
    ):
        program = Path(__file__).with_name("training_memory.py")
        arguments = ["--device", device, "--batch", str(size), "--portion", str(portion), "--set", *settings]
        done = subprocess.run([sys.executable, program, *arguments], stdout=subprocess.PIPE, check=True)
        found = json.loads(done.stdout)
        activations.append(found["activations_mb"])
        print(f"| {name} | {activations[-1]:,.1f} MB | {found['peak_mb']:,.0f} MB |", flush=True)
    return all(abs(half / activations[0] - TARGET_HALF) <= TOLERANCE_HALF for half in activations[1:])


def main() -> int:
    """Run the benchmark; return 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--batch", type=int, help="images in a step (16 on a CPU, else 256)")
    parser.add_argument("--steps", type=int, help="that are measured, each time (4 on a CPU, else 20)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each kind")
    parser.add_argument("--threads", type=int, help="of the processor")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes of the usual loop")
    parser.add_argument("--set", nargs="*", default=[], metavar="section.key=value", help="of the recipe")
    parser.add_argument("--quick", action="store_true", help="tiny images: whether it runs, not how fast")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
        os.environ["OMP_NUM_THREADS"] = str(options.threads)
    device = choose_device(options.device)[0]
    cuda = device != "cpu"
    batch, steps = options.batch or (256 if cuda else 16), options.steps or (20 if cuda else 4)
    batch, steps, repeats = (4, 2, 1) if options.quick else (batch, steps, options.repeats)
    warm_up = 5 if cuda else 1
    settings = [*(QUICK if options.quick else []), *options.set]
    recipe = load_recipe("holste2021-learned", [*settings, f"training.batch_size={batch}", "training.epochs=1"])
    print(describe_machine("torch", "torchvision", "lightning", "scipy"))
    name = torch.cuda.get_device_name(device) if cuda else f"CPU, {torch.get_num_threads()} threads"
    load = f", load before {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{recipe.name} on {name}{load}; batch {batch}, {repeats} x {steps} steps\n")
    with tempfile.TemporaryDirectory() as folder:
        work = make_work(recipe, device, Path(folder), CASES["cuda" if cuda else "cpu"], warm_up + steps)
        times = compare(work, options.workers, warm_up, repeats)
        print_speeds(times, steps * batch)
        met = print_shares(times, cuda)
        print_arithmetic(work, times, steps * batch)
    if not cuda:
        print("On a graphics card: not measured, no card here")
    met.append(print_memory(device, batch, settings))
    if options.quick:
        return 0
    print("Targets met." if all(met) else "A target is MISSED.")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
