"""The resumable map over many cases: each prepared once, kept by content and settings.

What is computed lies as `<key>.safetensors` in the cache, written in one step, where the key is a hash of the
case's files, its clinical columns and the settings. A second call therefore continues after a crash, a full disk or
Ctrl-C, and a changed mask or setting is computed anew. One broken case is a row with its reason, never the end.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from BreastFusionLib.cohort.disk import disk_words, saying_disk_full
from BreastFusionLib.cohort.table import Cohort, lesion_path, load_case, records
from BreastFusionLib.cohort.tellings import tell_empty_columns, tell_idle_rules, tell_of_exams, tell_stray_levels
from BreastFusionLib.errors import InputError, nearest_known, reason_of
from BreastFusionLib.files import remove_unused
from BreastFusionLib.reading.clinical import absent_columns
from BreastFusionLib.reading.recipe import InputsSpec

__all__ = ["Progress", "compute_inputs", "missing_columns", "refuse_lacking"]

Progress = Callable[[int, int], None]
"""Called as progress(done, total)."""

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class CaseTask:
    """Everything a worker needs to prepare one case; travels to other processes."""

    row: Mapping[str, Any]
    folder: Path
    clinical_columns: tuple[str, ...]
    inputs: InputsSpec
    cache: Path


@dataclasses.dataclass(frozen=True)
class CaseResult:
    """What became of one case: a row of the result, and the traceback for the log."""

    case_id: str
    status: str
    reason: str = ""
    path: str = ""
    seconds: float = 0.0
    trace: str = ""
    disk_full: bool = False


def compute_inputs(
    cohort: Cohort,
    inputs: InputsSpec,
    cache: Path | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
    prepare_to: Callable[[CaseTask], Path] | None = None,
) -> pd.DataFrame:
    """Prepare every case of a cohort, each once.

    Args:
        cohort: the cases.
        inputs: what is prepared.
        cache: folder of the prepared files, which several cohorts and settings may share; None: `cache` beside the
            cohort's table.
        workers: local processes; 1 works in this process, without Dask.
        scheduler: address of a running Dask scheduler whose workers see the same paths, instead of local processes.
        progress: called as progress(done, total).
        prepare_to: prepares one case into the cache and returns its file; the default runs `reading.prepare`.

    Returns:
        One row a case in the cohort's order: case_id, status ('ok' or 'failed'), reason, path, seconds. Tracebacks
        of failed cases are in the log and in `<cache>/failures.log`.

    Raises:
        InputError: the table lacks a clinical column, or has no lesion where lesions are read, or the disk is full.
            KeyboardInterrupt passes through. What is done stays done.
    """
    refuse_lacking(cohort, inputs)
    tell_empty_columns(cohort, inputs)
    tell_stray_levels(cohort, inputs)
    tell_idle_rules(cohort, inputs)
    cache = Path(cohort.folder / "cache" if cache is None else cache).resolve()
    with saying_disk_full(cache):
        cache.mkdir(parents=True, exist_ok=True)
    remove_unused(cache)
    work = Work(prepare_to or prepare_to_cache)
    results = {name: CaseResult(name, "failed", reason) for name, reason in cohort.problems.items()}
    folder, total = cohort.folder.resolve(), len(cohort.table)
    rows = [_seen(row, inputs) for row in records(cohort.usable)]
    tasks = [CaseTask(row, folder, cohort.clinical_columns, inputs, cache) for row in rows]
    for result in _run(work, tasks, workers, scheduler):
        if result.disk_full:
            raise InputError(result.reason)
        results[result.case_id] = result
        if progress is not None:
            progress(len(results), total)
    failed = [result for result in results.values() if result.status == "failed"]
    _log_failures(failed, cache)
    tell_of_exams(cohort, {name: result.path for name, result in results.items() if result.path})
    columns = ["case_id", "status", "reason", "path", "seconds"]
    table = [dataclasses.asdict(results[case_id]) for case_id in cohort.table["case_id"]]
    return pd.DataFrame(table, columns=columns)


def missing_columns(cohort: Cohort, inputs: InputsSpec) -> list[str]:
    """Return the columns that inputs want and a cohort's table lacks altogether."""
    return absent_columns(inputs, {name: cohort.table[name] for name in cohort.clinical_columns})


def refuse_lacking(cohort: Cohort, inputs: InputsSpec) -> None:
    """Refuse a cohort that lacks what inputs want as a whole, before any case is looked at.

    Raises:
        InputError: the table lacks a clinical column, or has no lesion where lesions are read.
    """
    _refuse_missing_columns(cohort, inputs)
    _refuse_without_lesions(cohort, inputs)


def _refuse_missing_columns(cohort: Cohort, inputs: InputsSpec) -> None:
    """Refuse a table that lacks a column altogether: imputed everywhere, it would only look as if it had been used."""
    missing, known = missing_columns(cohort, inputs), cohort.clinical_columns
    if missing:
        has = nearest_known(missing[0], known) if known else "It has no clinical columns."
        raise InputError(
            f"The cohort's table has no column '{missing[0]}', which the model looks at. {has} Add it; a cell stays "
            "empty where the value is not known."
        )


def _refuse_without_lesions(cohort: Cohort, inputs: InputsSpec) -> None:
    if inputs.needs_lesion and len(cohort.table) and cohort.table["lesion"].isna().all():
        raise InputError(
            "The recipe reads lesions, and the cohort has none: add a column 'lesion' with the path of each mask, or "
            "choose a recipe for whole breasts."
        )


def _seen(row: Mapping[str, Any], inputs: InputsSpec) -> Mapping[str, Any]:
    """Return a row without what a preparation does not look at: redrawing an outline changes no whole breast."""
    is_whole_breast = not inputs.needs_lesion and row.get("side") in ("left", "right")
    return {**row, "lesion": None} if is_whole_breast else row


class Work:
    """The function that runs in a worker: prepares a case and never raises, so that one case cannot end the map."""

    def __init__(self, prepare_to: Callable[[CaseTask], Path]) -> None:
        """Take what prepares one case into the cache."""
        self.prepare_to = prepare_to

    def __call__(self, task: CaseTask) -> CaseResult:
        """Prepare one case."""
        case_id, start = str(task.row["case_id"]), time.perf_counter()
        try:
            path = self.prepare_to(task)
        except Exception as error:
            full, trace = disk_words(error, task.cache), traceback.format_exc()
            return CaseResult(case_id, "failed", full or reason_of(error), trace=trace, disk_full=full is not None)
        return CaseResult(case_id, "ok", path=str(path), seconds=time.perf_counter() - start)


def prepare_to_cache(task: CaseTask) -> Path:
    """Prepare one case unless its file is in the cache already; return the file."""
    from BreastFusionLib.reading.cache import inputs_key, save_inputs
    from BreastFusionLib.reading.prepare import prepare

    side = task.row.get("side")
    key = inputs_key(case_files(task.row, task.folder), task.inputs, task.row, side if isinstance(side, str) else None)
    path = task.cache / f"{key}.safetensors"
    if not path.is_file():
        save_inputs(prepare(load_case(task.row, task.folder, task.clinical_columns), task.inputs), path)
    return path


def case_files(row: Mapping[str, Any], folder: Path) -> list[Path]:
    """Return all files that a case is made of, in a fixed order."""
    from BreastFusionLib.exam.exam_folder import exam_files
    from BreastFusionLib.exam.formats import parts_of

    lesion = lesion_path(row, folder)
    # Without the masks of the exam's other lesions: drawing a second one leaves the first as it was.
    return [*exam_files(folder / str(row["exam"])), *([] if lesion is None else parts_of(lesion))]


def _run(work: Work, tasks: list[CaseTask], workers: int, scheduler: str | None) -> Iterator[CaseResult]:
    if scheduler is None and workers <= 1:
        yield from map(work, tasks)
    else:
        yield from _run_on_dask(work, tasks, workers, scheduler)


def _run_on_dask(work: Work, tasks: list[CaseTask], workers: int, scheduler: str | None) -> Iterator[CaseResult]:
    """Map over Dask workers, results as they come; leaving early (an error, Ctrl-C) cancels what has not begun."""
    from distributed import Client, LocalCluster, as_completed

    cluster = None
    if scheduler is None:
        # One thread each: ITK and PyTorch would otherwise start as many threads as cores in every process.
        environment = {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1", "OMP_NUM_THREADS": "1"}
        with _children_ignore_interrupts():
            cluster = LocalCluster(
                n_workers=min(workers, max(len(tasks), 1)),
                threads_per_worker=1,
                processes=True,
                # Any free port: told None, Dask serves its pages at one that two programs would fight over.
                dashboard_address="127.0.0.1:0",
                memory_limit=None,  # an exam may well need more than an equal share; the system decides
                env=environment,
                silence_logs=logging.CRITICAL,  # what happens to a case is said in its row
            )
    try:
        client = Client(cluster if cluster is not None else scheduler)
        try:
            futures = client.map(work, tasks, pure=False)
            waiting = dict(zip((future.key for future in futures), tasks, strict=True))
            for future, result in as_completed(futures, with_results=True, raise_errors=False):
                task = waiting.pop(future.key)
                yield result if isinstance(result, CaseResult) else _died(task, result)
        finally:
            client.close()
    finally:
        if cluster is not None:
            cluster.close()


@contextlib.contextmanager
def _children_ignore_interrupts() -> Iterator[None]:
    """Ctrl-C reaches all processes of a terminal: this one ends the others, they need not each tell of it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _died(task: CaseTask, error: Any) -> CaseResult:
    """Return the row of a case over which the worker process itself ended, each time it was tried."""
    reason = "The process that prepared it ended several times, most often for want of memory. Use fewer workers."
    return CaseResult(str(task.row["case_id"]), "failed", reason, trace=repr(error))


def _log_failures(failed: Sequence[CaseResult], cache: Path) -> None:
    for result in failed:
        logger.warning("%s: %s", result.case_id, result.reason)
    text = "\n".join(f"{result.case_id}: {result.reason}\n{result.trace}" for result in failed)
    if text:
        with saying_disk_full(cache), (cache / "failures.log").open("a", encoding="utf-8") as log:
            log.write(f"-- {time.strftime('%Y-%m-%d %H:%M:%S')}\n{text}\n")
