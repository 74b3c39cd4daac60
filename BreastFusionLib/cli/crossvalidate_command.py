"""The command that cross-validates a recipe, tuned within each fold where asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from BreastFusionLib.cli.output import DeviceOption, JsonOption, emit, messages, result_only_on_stdout
from BreastFusionLib.cli.study_commands import (
    CacheOption,
    CohortOption,
    DevicesOption,
    NodesOption,
    SchedulerOption,
    WorkersOption,
    training_bars,
)
from BreastFusionLib.errors import InputError

if TYPE_CHECKING:
    from BreastFusionLib.cohort import Cohort
    from BreastFusionLib.training import CrossValidation, Recipe
    from BreastFusionLib.training.design import Design

__all__ = ["cross_validate"]


def cross_validate(
    recipe: Annotated[str, typer.Argument(help="Name or file of a recipe.")],
    cohort: CohortOption,
    out: Annotated[Path, typer.Option(help="Folder of all runs; called again, it continues.")],
    folds: Annotated[int, typer.Option(help="Folds, stratified by patient.")] = 5,
    repeats: Annotated[int, typer.Option(help="How often folds are drawn anew.")] = 1,
    leave_site_out: Annotated[bool, typer.Option("--leave-site-out", help="The sites are the folds.")] = False,
    validation_share: Annotated[
        float | None, typer.Option(help="Share of the patients not tested; default: as in the recipe.")
    ] = None,
    tune: Annotated[
        list[str] | None,
        typer.Option(help="Values to choose from within each fold, e.g. training.learning_rate=0.001,0.0001."),
    ] = None,
    inner_folds: Annotated[int, typer.Option(help="Folds that compare those, of the patients not tested.")] = 3,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override, e.g. training.epochs=20.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be trained, and end.")] = False,
    device: DeviceOption = "auto",
    devices: DevicesOption = 1,
    nodes: NodesOption = 1,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    cache: CacheOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cross-validate a recipe on a cohort; leaves a run for each fold, and predictions that `evaluate` takes."""
    from BreastFusionLib.cohort import read_cohort
    from BreastFusionLib.training import load_recipe
    from BreastFusionLib.training.design import Design

    wanted, tuned = load_recipe(recipe, set_ or ()), _tuned(tune or ())
    cases = read_cohort(cohort, wanted.task.classes)
    if dry_run:
        design = Design(folds, repeats, leave_site_out, validation_share, tuned, inner_folds)
        plan = _plan(wanted, cases, design)
        emit(plan, as_json, lambda: _tell_plan(plan))
        return

    from BreastFusionLib.training import cross_validate as cross_validate_recipe

    with result_only_on_stdout(), training_bars(device, devices, nodes, workers, scheduler, cache) as (how, runs):
        found = cross_validate_recipe(
            wanted,
            cases,
            out,
            folds=folds,
            repeats=repeats,
            leave_site_out=leave_site_out,
            validation_share=validation_share,
            tune=tuned,
            inner_folds=inner_folds,
            run_progress=runs,
            **how,
        )
    emit(found.summary, as_json, lambda: _tell(found))


def _tuned(options: Sequence[str]) -> dict[str, list[Any]]:
    """Understand 'section.key=value,value', the values in YAML."""
    found: dict[str, list[Any]] = {}
    for option in options:
        key, equals, values = (part.strip() for part in option.partition("="))
        if not equals or not key or key in found:
            raise InputError(
                f"--tune '{option}': expected each key once, with its values: training.learning_rate=0.001,0.0001."
            )
        try:
            found[key] = yaml.safe_load(f"[{values}]")
        except yaml.YAMLError as error:
            raise InputError(f"--tune '{option}': the values are not readable as YAML.") from error
    return found


def _plan(recipe: Recipe, cohort: Cohort, design: Design) -> dict[str, Any]:
    """Return what a cross-validation would train."""
    from BreastFusionLib.training.design import outer_folds

    design.recipes(recipe)
    positive = recipe.task.classes.index(recipe.task.positive)
    folds = []
    for fold in outer_folds(cohort, recipe, design):
        parts = {split: fold.table[fold.table["split"] == split] for split in ("train", "validation", "test")}
        told = {
            split: {"cases": len(part), "positive": int((part["label"] == positive).sum())}
            for split, part in parts.items()
        }
        folds.append({"run": f"repeat_{fold.repeat}", "fold": fold.name, **told})
    return {
        "recipe": recipe.name,
        "runs": len(folds) * design.runs_a_fold,
        "epochs_at_most": len(folds) * design.runs_a_fold * recipe.training.epochs,
        "candidates": design.candidates if design.tune else [],
        "inner_folds": design.inner_folds if design.tune else 0,
        "folds": folds,
    }


def _tell_plan(plan: dict[str, Any]) -> None:
    for fold in plan["folds"]:
        parts = [
            f"{fold[split]['cases']} {word} ({fold[split]['positive']} positive)"
            for split, word in (("train", "training"), ("validation", "validation"), ("test", "test"))
        ]
        typer.echo(f"{fold['run']}, fold {fold['fold']}: {', '.join(parts)} cases")
    for number, candidate in enumerate(plan["candidates"], start=1):
        typer.echo(f"candidate {number}: {', '.join(f'{key}={value}' for key, value in candidate.items())}")
    inner = f" on {plan['inner_folds']} inner folds of each fold's training patients" if plan["candidates"] else ""
    compared = f", {len(plan['candidates'])} candidates compared{inner}" if plan["candidates"] else ""
    typer.echo(f"{plan['runs']} runs of {plan['recipe']}, at most {plan['epochs_at_most']} epochs in all{compared}.")


def _tell(found: CrossValidation) -> None:
    if found.mean_auc is not None:
        mean = found.mean_auc.mean
        interval = f" [{mean.low:.3f}, {mean.high:.3f}]" if math.isfinite(mean.low) else ""
        messages.print(f"Mean AUC of the folds: {mean.value:.3f}{interval}")
    if found.folds_of_one_class:
        messages.print(f"{found.folds_of_one_class} folds hold one class only and have no AUC.")
    messages.print(f"AUC of all cases in one ranking: {found.pooled_auc:.3f}")
    messages.print(f"Runs: {found.table}\nPredictions: {found.predictions}")
