"""What `breastfusion evaluate` can be asked: one name an option, in the order in which `--help` shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = [
    "AtSensitivity",
    "AtSpecificity",
    "Bootstrap",
    "Calibration",
    "Cohort",
    "DecisionRange",
    "DropMissing",
    "Ensemble",
    "Importance",
    "Independent",
    "Intersect",
    "LabelColumn",
    "Level",
    "Margin",
    "Name",
    "Out",
    "PartialAuc",
    "Positive",
    "Predictions",
    "Prevalence",
    "Readings",
    "Recalibrate",
    "ScoreColumn",
    "Seed",
    "Subgroup",
    "Threshold",
]

_TABLES, _NUMBERS, _REPORT = "Tables and cases", "What is measured", "Report"

Predictions = Annotated[list[Path], typer.Argument(help="Predictions tables, one a model.")]
LabelColumn = Annotated[str, typer.Option(help="Column with the truth, 0 or 1.", rich_help_panel=_TABLES)]
ScoreColumn = Annotated[str, typer.Option(help="Column with the score of the positive class.", rich_help_panel=_TABLES)]
Name = Annotated[
    list[str] | None,
    typer.Option(help="Name of a model, in the order of the tables; default: their files.", rich_help_panel=_TABLES),
]
Positive = Annotated[
    list[str] | None,
    typer.Option(
        help="Class that counts as positive, in tables with columns score_<class>; may be given several times.",
        rich_help_panel=_TABLES,
    ),
]
Cohort = Annotated[
    Path | None,
    typer.Option(
        help="Table with case_id whose further columns describe the cases (age, site, ..), e.g. cohort.csv.",
        rich_help_panel=_TABLES,
    ),
]
Intersect = Annotated[
    bool,
    typer.Option(
        "--intersect", help="Evaluate the cases that all tables have, and list the others.", rich_help_panel=_TABLES
    ),
]
DropMissing = Annotated[
    bool,
    typer.Option(
        "--drop-missing", help="Leave out rows without label or score, and count them.", rich_help_panel=_TABLES
    ),
]
Independent = Annotated[
    bool,
    typer.Option(
        "--independent",
        help="Count all cases as independent, even where patients (patient_id) have several.",
        rich_help_panel=_TABLES,
    ),
]
Bootstrap = Annotated[int, typer.Option(min=0, help="Bootstrap replicates.", rich_help_panel=_NUMBERS)]
Seed = Annotated[int, typer.Option(help="Seed of the bootstrap.", rich_help_panel=_NUMBERS)]
Level = Annotated[float, typer.Option(help="Confidence of intervals.", rich_help_panel=_NUMBERS)]
Threshold = Annotated[
    list[str] | None,
    typer.Option(
        help="Score from which a case is called positive: 0.3, or MODEL=0.3 for each model. Default: 0.5.",
        rich_help_panel=_NUMBERS,
    ),
]
AtSensitivity = Annotated[
    list[float] | None,
    typer.Option(help="Sensitivity to read the specificity at; .95 and .9.", rich_help_panel=_NUMBERS),
]
AtSpecificity = Annotated[
    list[float] | None,
    typer.Option(help="Specificity to read the sensitivity at; .95 and .9.", rich_help_panel=_NUMBERS),
]
PartialAuc = Annotated[str, typer.Option(help="Range of specificity of the partial AUC.", rich_help_panel=_NUMBERS)]
Margin = Annotated[
    float | None,
    typer.Option(help="Test non-inferiority: the largest loss of AUC that is none.", rich_help_panel=_NUMBERS),
]
Calibration = Annotated[
    bool | None,
    typer.Option(
        "--calibration/--no-calibration",
        help="Demand calibration, or leave it out; default: where scores lie in [0, 1].",
        rich_help_panel=_NUMBERS,
    ),
]
Recalibrate = Annotated[
    Literal["platt", "temperature", "isotonic"] | None,
    typer.Option(
        help="First make calibrated probabilities of scores or logits, fitted on the rows of split 'validation'.",
        rich_help_panel=_NUMBERS,
    ),
]
Ensemble = Annotated[
    Literal["mean", "greedy"] | None,
    typer.Option(
        help="Add the models' ensemble: mean of probabilities, or chosen on the rows of split 'validation'.",
        rich_help_panel=_NUMBERS,
    ),
]
Prevalence = Annotated[
    float | None,
    typer.Option(help="Share of positives for decision curves; default: the cases'.", rich_help_panel=_NUMBERS),
]
DecisionRange = Annotated[
    str, typer.Option(help="Thresholds that decision curves are drawn for.", rich_help_panel=_NUMBERS)
]
Subgroup = Annotated[
    list[str] | None,
    typer.Option(
        help="Column whose subgroups are evaluated too (site, scanner, density, age); may be given several times.",
        rich_help_panel=_NUMBERS,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(help="Folder for the report: HTML, JSON, CSV, figures.", rich_help_panel=_REPORT),
]
Importance = Annotated[
    list[str] | None,
    typer.Option(
        help="File of feature importances: FILE, or MODEL=FILE; default: what lies beside the tables.",
        rich_help_panel=_REPORT,
    ),
]
Readings = Annotated[
    Path | None,
    typer.Option(help="Folder of readings, whose maps the example cases show.", rich_help_panel=_REPORT),
]
