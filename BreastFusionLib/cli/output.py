"""What every command shares: results on stdout, progress and messages on stderr, bad input in a sentence."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from BreastFusionLib.files import to_plain

__all__ = [
    "DeviceOption",
    "JsonOption",
    "emit",
    "example",
    "messages",
    "progress_bar",
    "progress_bars",
    "result_only_on_stdout",
    "warn",
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]
DeviceOption = Annotated[Literal["auto", "cpu", "cuda"], typer.Option("--device", help="Where the network runs.")]
ProgressCallback = Callable[[int, int], None]

# Paths and series' names hold brackets: nothing that is printed is ever taken for markup.
messages = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


def example(line: str) -> str:
    """Return the example that a command's help ends with."""
    return f"Example:  {line}"


@contextlib.contextmanager
def result_only_on_stdout() -> Iterator[None]:
    """Send whatever libraries print to stderr, so that stdout holds a command's result and nothing else."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def emit(result: dict[str, Any], as_json: bool, words: Callable[[], None] | None = None) -> None:
    """Print a command's result: as one JSON object, or in words for people.

    Args:
        result: the whole result, machine-readable.
        as_json: whether `--json` was given.
        words: prints the same for people; None prints indented JSON.
    """
    if as_json:
        sys.__stdout__.write(json.dumps(to_plain(result), allow_nan=False, ensure_ascii=False) + "\n")  # type: ignore[union-attr]
        sys.__stdout__.flush()  # type: ignore[union-attr]
    elif words is not None:
        words()
    else:
        Console(highlight=False).print_json(json.dumps(to_plain(result), allow_nan=False))
    for warning in result.get("warnings", ()):
        if not as_json:
            warn(warning)


def warn(sentence: str) -> None:
    """Print a sentence that a user should not overlook."""
    messages.print(Text.assemble(("!", "yellow"), " ", sentence))


@contextlib.contextmanager
def progress_bars(*words: str) -> Iterator[tuple[ProgressCallback, ...]]:
    """Show bars with an estimate on stderr, each from its first move on.

    Yields:
        For each of `words` the callback (done, total) that moves its bar.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=messages, disable=not messages.is_terminal) as shown:
        tasks = [shown.add_task(name, total=None, start=False, visible=False) for name in words]

        def mover(task: TaskID) -> ProgressCallback:
            def move(done: int, total: int) -> None:
                shown.start_task(task)
                shown.update(task, completed=done, total=total, visible=True)

            return move

        yield tuple(mover(task) for task in tasks)


@contextlib.contextmanager
def progress_bar(words: str) -> Iterator[ProgressCallback]:
    """Show one bar; yields the callback (done, total) that moves it."""
    with progress_bars(words) as (move,):
        yield move
