"""What may stand in `Annotated[...]`: a default, rules that a value must keep, hints for widgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, get_args


class Default:
    """The value of a parameter that was never set; `generator` makes it anew each time."""

    def __init__(self, value: Any = None, *, generator=None) -> None:
        self._value = value
        self._generator = generator

    @property
    def value(self) -> Any:
        return self._generator() if self._generator else self._value


@dataclass
class Decimals:
    """Decimals of a spin box or slider."""

    value: int


@dataclass
class SingleStep:
    """Step of a spin box or slider."""

    value: float


class Validator:
    """A rule that raises when a value breaks it."""

    def validate(self, value: Any) -> None:
        raise NotImplementedError


class NotNone(Validator):
    def validate(self, value: Any) -> None:
        if value is None:
            raise ValueError("Value must not be None")


class IsInstance(Validator):
    def __init__(self, kind) -> None:
        self.kind = kind

    def validate(self, value: Any) -> None:
        if value is not None and not isinstance(value, self.kind):
            raise TypeError(f"Value must be of type '{self.kind}', is {value!r}")


class WithinRange(Validator):
    def __init__(self, minimum, maximum) -> None:
        self.minimum, self.maximum = minimum, maximum

    def validate(self, value: Any) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be within range [{self.minimum}, {self.maximum}], is {value}")


class Minimum(Validator):
    def __init__(self, minimum) -> None:
        self.minimum = minimum

    def validate(self, value: Any) -> None:
        if value < self.minimum:
            raise ValueError(f"Value must not be less than {self.minimum}, is {value}")


class Maximum(Validator):
    def __init__(self, maximum) -> None:
        self.maximum = maximum

    def validate(self, value: Any) -> None:
        if value > self.maximum:
            raise ValueError(f"Value must not be greater than {self.maximum}, is {value}")


class Choice(Validator):
    def __init__(self, choices) -> None:
        self.choices = choices

    def validate(self, value: Any) -> None:
        if value not in self.choices:
            raise ValueError(f"Value must be one of {self.choices}, is {value!r}")


class Exclude(Validator):
    def __init__(self, excluded) -> None:
        self.excluded = excluded

    def validate(self, value: Any) -> None:
        if value in self.excluded:
            raise ValueError(f"Value must be none of {self.excluded}, is {value!r}")


def split_annotated(annotated: Any) -> tuple[Any, tuple]:
    """A type and its annotations, whether or not it has any."""
    kind, *annotations = get_args(Annotated[annotated, None])
    return kind, tuple(annotations[:-1])


def first_annotation(annotated: Any, kind: type) -> Any:
    """The first annotation of a kind, or None."""
    return next((found for found in split_annotated(annotated)[1] if isinstance(found, kind)), None)
