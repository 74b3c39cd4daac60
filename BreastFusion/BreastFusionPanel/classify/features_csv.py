"""A reading's features for any program: '.' decimals, full precision, versions and settings inside."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from BreastFusionLib.settings import to_mapping

__all__ = ["features_csv"]

COLUMNS = ("source", "name", "value", "reference_low", "reference_high", "training_percentile", "contribution")


def features_csv(reading: Mapping[str, Any], inputs: Any = None) -> str:
    """Return the features of a reading as CSV.

    Args:
        reading: the content of reading.json.
        inputs: the model's `InputsSpec`, the only source of preprocessing; None where the model is not at hand.

    Returns:
        A row each: first the features, undefined values empty; then what they were measured with, in rows whose source
        is 'model', 'version' or 'setting'.
    """
    text = io.StringIO()
    # The dialect of RFC 4180, whatever language the computer speaks.
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(COLUMNS)
    for row in reading["features"]:
        low, high = row.get("reference_range") or (None, None)
        values = (row["value"], low, high, row.get("training_percentile"), row.get("contribution"))
        table.writerow((row["source"], row["name"], *map(_exact, values)))
    for source, name, value in _provenance(reading, inputs):
        table.writerow((source, name, value, *[""] * (len(COLUMNS) - 3)))
    return text.getvalue()


def _provenance(reading: Mapping[str, Any], inputs: Any) -> Iterator[tuple[str, str, str]]:
    for source, content in (
        ("case", {"case_id": reading["case_id"], "lesion": reading["lesion"]["id"], "device": reading["device"]}),
        ("model", reading["bundle"]),
        ("version", reading["versions"]),
        ("setting", to_mapping(inputs) if inputs is not None else {}),
    ):
        yield from ((source, name, _exact(value)) for name, value in _leaves(content))


def _leaves(content: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Return nested settings one by one: {'a': {'b': 1}} -> ('a.b', 1)."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from _leaves(value, f"{name}.{key}" if name else str(key))
    elif isinstance(content, (list, tuple)):
        yield name, " ".join(map(_exact, content))
    else:
        yield name, content


def _exact(value: Any) -> str:
    """Return a value with all its digits; nothing for what is undefined."""
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value)
