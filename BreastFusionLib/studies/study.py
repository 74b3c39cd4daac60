"""What a study is: experiments, and the tables that a paper makes of them, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from BreastFusionLib.errors import InputError, nearest_known

__all__ = ["BEST", "ENSEMBLE", "VIEWS", "Experiment", "Metric", "Published", "ResultTable", "Size", "Study"]

Size = Literal["full", "small"]

BEST, ENSEMBLE = "best_run", "ensemble"
VIEWS = {BEST: "best run", ENSEMBLE: "ensemble"}
"""How the runs of an experiment become one model: the best by validation, or the mean of all."""

Published = Mapping[str, Mapping[str, tuple[float, ...]]]
"""View -> metric -> what the paper printed: (value, lower end, upper end), or the value alone."""


@dataclass(frozen=True)
class Experiment:
    """One model of a study.

    Attributes:
        key: what `--models` calls it, and its folder.
        name: on the page.
        recipe: it is trained by.
        small_recipe: the same at the small size; empty: `recipe` with the study's small settings.
        sees: latent values of a phantom that its inputs show.
        published: what the paper printed of it.
    """

    key: str
    name: str
    recipe: str
    small_recipe: str = ""
    sees: tuple[str, ...] = ()
    published: Published = field(default_factory=dict)


@dataclass(frozen=True)
class Metric:
    """A figure of an evaluation.

    Attributes:
        key: in `evaluate_predictions`' result for a model, steps separated by '/'.
        name: over its column.
        percent: whether it is given in per cent.
    """

    key: str
    name: str
    percent: bool = False


@dataclass(frozen=True)
class ResultTable:
    """A table of experiments by figures.

    Attributes:
        file: name of its file, without suffix.
        title: over it; the paper's number where it stands in for a table of the paper.
        experiments: keys, in the order of its rows.
        metrics: its columns.
    """

    file: str
    title: str
    experiments: tuple[str, ...]
    metrics: tuple[Metric, ...]


@dataclass(frozen=True)
class Study:
    """A paper's whole set of experiments.

    Attributes:
        name: of the study, as the command line calls it.
        title: on the page.
        source: the paper.
        unit: what a case is.
        experiments: from the simple to the complete.
        seeds: number of runs of each, unless the caller wants others.
        tables: what is made of them.
        compared: pairs of keys whose difference is tested, the first against the second.
        test: by which test the paper compares: the paired 'bootstrap' or 'delong'.
        importance: keys of the models whose clinical columns are shuffled.
        importance_table: file and title of that table.
        published_importance: model -> column -> (median per cent of the AUC lost, rank).
        decisions: whether the paper shows confusion matrices.
        maps: keys of the models whose class activation maps of example cases are drawn; the last model that was
            trained where none of them was.
        small: settings of the recipes at the small size, 'section.key=value'; those of parts that a recipe does not
            have (encoder, augmentation) are left out there.
        small_width: what share of the paper's widths dense layers have at the small size.
        small_words: what the small size is, in a sentence that holds whatever the caller sets in its place.
        differs: what our recipes do in another way than the paper, or where its text is silent.
    """

    name: str
    title: str
    source: str
    unit: str
    experiments: tuple[Experiment, ...]
    seeds: int
    tables: tuple[ResultTable, ...]
    compared: tuple[tuple[str, str], ...]
    test: Literal["bootstrap", "delong"]
    importance: tuple[str, ...] = ()
    importance_table: tuple[str, str] = ("", "")
    published_importance: Mapping[str, Mapping[str, tuple[float, int]]] = field(default_factory=dict)
    decisions: bool = False
    maps: tuple[str, ...] = ()
    small: tuple[str, ...] = ()
    small_width: float = 1.0
    small_words: str = ""
    differs: tuple[str, ...] = ()

    @property
    def area(self) -> str:
        """Where an evaluation holds the AUC with its interval as the paper computes it."""
        return "auc_delong" if self.test == "delong" else "auc"

    def chosen(self, keys: tuple[str, ...]) -> tuple[Experiment, ...]:
        """Return some experiments in the study's order; all of them without keys.

        Raises:
            InputError: there is no such experiment.
        """
        known = [one.key for one in self.experiments]
        for key in keys:
            if key not in known:
                raise InputError(f"The study {self.name} has no model '{key}'. {nearest_known(key, known)}")
        return tuple(one for one in self.experiments if not keys or one.key in keys)
