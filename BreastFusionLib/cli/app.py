"""The Typer application: which commands there are, and how a command ends."""

from __future__ import annotations

import errno
import logging
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from BreastFusionLib import DISCLAIMER, __version__
from BreastFusionLib.cli import (
    crossvalidate_command,
    data_commands,
    evaluate_command,
    importance_command,
    lesion_commands,
    phantom_commands,
    reading_commands,
    study_commands,
    whole_study_command,
)
from BreastFusionLib.cli.output import example, messages
from BreastFusionLib.errors import InputError
from BreastFusionLib.files import TEMPORARY

__all__ = ["app", "run"]

_STOPPED = "Stopped. What is done is kept: call the same command again to continue."


class _Commands(TyperGroup):
    """The commands; Ctrl-C ends them with 1 and a sentence, where Typer would end with 130 and none."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _fail(_STOPPED)


app = typer.Typer(
    name="breastfusion",
    cls=_Commands,
    help=f"Read breast MRI with radiomics and deep features of several sequences.\n\n{DISCLAIMER}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
lesion = typer.Typer(no_args_is_help=True, help="Outline a lesion, map it to other sequences, measure its kinetics.")
app.add_typer(lesion, name="lesion")


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the log, and tracebacks of errors.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit()
    level = logging.INFO if verbose else logging.WARNING
    shown = logging.StreamHandler(sys.stderr)
    shown.setLevel(level)  # on the handler too: libraries that set their own loggers' levels are as talkative
    if not verbose:
        shown.setFormatter(logging.Formatter("! %(message)s"))  # a warning reads like those that come with a result
    logging.basicConfig(handlers=[shown], level=level)


app.command("demo", epilog=example("breastfusion demo --out demo"))(phantom_commands.demo)
app.command("info", epilog=example("breastfusion info --json"))(data_commands.info)
app.command("exam", epilog=example("breastfusion exam study/ --out exam/ --json"))(data_commands.exam)
app.command("roles", epilog=example("breastfusion roles series.csv --out roles.csv"))(data_commands.roles)
app.command("radiomics", epilog=example("breastfusion radiomics dce_2.nii.gz lesion.nii.gz --json"))(
    data_commands.radiomics
)
lesion.command("segment", epilog=example("breastfusion lesion segment exam/ --seed 62,-31,14 --out lesion.nii.gz"))(
    lesion_commands.segment
)
lesion.command("map", epilog=example("breastfusion lesion map exam/ lesion.nii.gz --to t1 --out lesion_t1.nii.gz"))(
    lesion_commands.map_
)
lesion.command("kinetics", epilog=example("breastfusion lesion kinetics exam/ lesion.nii.gz --json"))(
    lesion_commands.kinetics
)
app.command("phantom", epilog=example("breastfusion phantom phantoms/ --exams 200 --seed 1 --small"))(
    phantom_commands.phantom
)
app.command(
    "features", epilog=example("breastfusion features phantoms/cohort.csv --recipe fusion --out features.parquet")
)(study_commands.features)
app.command("train", epilog=example("breastfusion train demo --cohort phantoms/cohort.csv --out run/"))(
    study_commands.train
)
app.command(
    "cross-validate",
    epilog=example("breastfusion cross-validate demo --cohort phantoms/cohort.csv --out cv/ --folds 5"),
)(crossvalidate_command.cross_validate)
app.command("apply", epilog=example("breastfusion apply --bundle run/bundle --cohort cohort.csv --out scores.csv"))(
    study_commands.apply
)
app.command("study", epilog=whole_study_command.EXAMPLES)(whole_study_command.study)
app.command("evaluate", epilog=evaluate_command.EXAMPLES)(evaluate_command.evaluate)
app.command(
    "importance",
    epilog=example("breastfusion importance --bundle run/bundle --cohort cohort.csv --out run/importance.csv"),
)(importance_command.importance)
app.command(
    "predict", epilog=example("breastfusion predict --bundle run/bundle --exam exam/ --lesion lesion.nii.gz --out out/")
)(reading_commands.predict)


def run() -> None:
    """Run the application and end the process: 0 done, 1 failed, 2 wrong use."""
    try:
        app()
    except InputError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _fail(_STOPPED)
    except OSError as error:
        _fail(_in_words(error))


def _in_words(error: OSError) -> str:
    """Say what a system's error means for the user: a full disk, no permission, a network drive that is gone."""
    from BreastFusionLib.cohort.disk import disk_words

    place = Path(error.filename2 or error.filename or "the output")
    if place.name.startswith(TEMPORARY):
        place = place.parent
    if (words := disk_words(error, place)) is not None:
        return words
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{place} cannot be a folder: it, or a folder that should hold it, is a file. Choose another place."
    if isinstance(error, IsADirectoryError):
        return f"{place} is a folder, but a file is needed there. Give the name of a file."
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return f"{place} may not be read or written. Choose a place where you may, or ask for the permission."
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}. What is done is kept: call the same command again to continue."


def _fail(message: str) -> NoReturn:
    if "--verbose" in sys.argv:
        logging.getLogger(__name__).exception("failed")
    messages.print(message, style="bold red")
    sys.exit(1)
