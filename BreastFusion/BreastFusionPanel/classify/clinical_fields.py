"""What a model wants to know of a patient: its clinical columns as fields of a form, with the answers' own problems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.reading.bundle import read_clinical_encoder
from BreastFusionLib.reading.clinical import column_value, table_columns, takes_age

if TYPE_CHECKING:
    from BreastFusionLib.reading.bundle import BundleHeader
    from BreastFusionLib.reading.clinical_encoder import ClinicalEncoder, ColumnCode
    from BreastFusionLib.reading.column_settings import RuleSpec

__all__ = ["Answer", "ClinicalField", "clinical_fields"]


@dataclass(frozen=True)
class Answer:
    """What a model makes of a value.

    Attributes:
        is_used: the model gets the value; else its training cases' usual one.
        said: the library's sentence about it; empty where there is nothing to say.
        is_refused: no reading is made with it.
    """

    is_used: bool = False
    said: str = ""
    is_refused: bool = False


@dataclass(frozen=True)
class ClinicalField:
    """One value that is asked for.

    Attributes:
        name: of the column.
        title: words for the screen.
        unit: unit and allowed range, for the screen.
        tooltip: what it is, and what becomes of an empty field.
        levels: words to choose from; none where a number is typed.
        code: how the column becomes inputs; None: only a rule of the recipe asks, and it is no input.
    """

    name: str
    title: str
    unit: str
    tooltip: str
    levels: tuple[str, ...]
    code: ColumnCode | None

    @property
    def takes_age(self) -> bool:
        """Whether the images may tell the value."""
        return self.code is not None and takes_age(self.code.spec)

    def answer(self, given: Any) -> Answer:
        """Return what the model makes of a value; None: not known."""
        if self.code is None or given is None:
            return Answer()
        sentences: list[str] = []
        try:
            value = column_value(self.code.spec, given, sentences)
        except InputError as error:
            return Answer(said=str(error), is_refused=True)
        is_used = self.code.usable(value)
        if value is not None and not is_used:  # a level that no training case had
            sentences.append(self.code.note(value))
        return Answer(is_used, " ".join(sentences))


def clinical_fields(header: BundleHeader) -> tuple[ClinicalField, ...]:
    """Return what is asked for: the columns of the patient's record, then what only rules of the recipe look at.

    Raises:
        InputError: the bundle does not say how its columns become inputs.
    """
    encoder = read_clinical_encoder(header)
    if encoder is None:
        return ()
    inputs = header.recipe.inputs
    own = [_of_column(code, encoder) for code in encoder.codes if code.spec.origin == "table"]
    asked = {field.name for field in own}
    others = [name for name in table_columns(inputs) if name not in asked]
    return (*own, *(_of_rules(name, inputs.clinical_rules) for name in others))


def _of_column(code: ColumnCode, encoder: ClinicalEncoder) -> ClinicalField:
    column = code.spec
    title = _title(column.words)
    what = [title if title == _title(column.name) else f"{title} ({column.name})"]
    if column.kind == "continuous":
        low, high = encoder.reference_range(column.name)
        if np.isfinite([low, high]).all():
            what.append(
                _("95 % of the training cases: {low} to {high} {unit}").format(
                    low=f"{low:.4g}", high=f"{high:.4g}", unit=column.unit
                )
            )
    fill = f"{code.fill:.4g} {column.unit}".strip() if isinstance(code.fill, float) else f"'{code.fill}'"
    not_known = _("Not known: {fill} is taken, as is usual among the training cases, and the reading says so")
    what.append(not_known.format(fill=fill))
    return ClinicalField(column.name, title, _range(code), ".\n".join(what) + ".", code.levels, code)


def _of_rules(name: str, rules: tuple[RuleSpec, ...]) -> ClinicalField:
    """Return a field for what only decides whether a rule applies: the values for which it does."""
    own = [rule for rule in rules if rule.where == name]
    levels = tuple(dict.fromkeys(value for rule in own for value in rule.where_values))
    tooltip = _(
        "{name}: no input of the model. With {values}, its recipe replaces '{value}' of the column '{column}' by "
        "another level, drawn at random. Leave it at 'not known' for all other values."
    ).format(name=name, values=", ".join(levels), value=own[0].value, column=own[0].column)
    return ClinicalField(name, _title(name), "", tooltip, levels, None)


def _title(words: str) -> str:
    """Return a column's words or name as a label: a narrow panel can wrap it.

    >>> _title("breast_density")
    'Breast density'
    """
    return words[:1].upper() + words[1:].replace("_", " ")


def _range(code: ColumnCode) -> str:
    """Return a column's unit and allowed range: 'years, 18 to 100'."""
    column = code.spec
    low, high = column.low, column.high
    if low is not None and high is not None:
        allowed = _("{low} to {high}").format(low=f"{low:g}", high=f"{high:g}")
    elif low is not None:
        allowed = _("from {low}").format(low=f"{low:g}")
    elif high is not None:
        allowed = _("up to {high}").format(high=f"{high:g}")
    else:
        allowed = ""
    return ", ".join(filter(None, (column.unit, allowed)))
