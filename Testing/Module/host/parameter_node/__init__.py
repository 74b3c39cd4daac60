"""Stand-in for `slicer.parameterNodeWrapper`: typed attributes kept as the strings and references of one MRML node.

Written anew after the behaviour of Slicer's package, with the same names of parameters in the node, so that a scene
saved with one opens with the other. As there, only certain pairs of type and widget can be bound, `connectGui` gives no
tag (only `connectParametersToGui` does), and a value of a wrong type or out of range is refused when it is set.
Not in it: creating widgets from types, ranges (`FloatRange`), own serializers and connectors.
"""

from .annotations import (
    Choice,
    Decimals,
    Default,
    Exclude,
    IsInstance,
    Maximum,
    Minimum,
    NotNone,
    SingleStep,
    Validator,
    WithinRange,
)
from .pack import isParameterPack, parameterPack
from .wrapper import findChildWidgetForParameter, isParameterNodeWrapper, parameterNodeWrapper

SlicerParameterNamePropertyName = "SlicerParameterName"

__all__ = [
    "Choice",
    "Decimals",
    "Default",
    "Exclude",
    "IsInstance",
    "Maximum",
    "Minimum",
    "NotNone",
    "SingleStep",
    "SlicerParameterNamePropertyName",
    "Validator",
    "WithinRange",
    "findChildWidgetForParameter",
    "isParameterNodeWrapper",
    "isParameterPack",
    "parameterNodeWrapper",
    "parameterPack",
]
