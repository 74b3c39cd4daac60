"""The table of features: for any program, in any country, with all that the numbers depend on."""

from __future__ import annotations

import csv
import io

READING = {
    "case_id": "L1",
    "lesion": {"id": "Lesion 1, upper"},
    "device": "cpu",
    "bundle": {"name": "fusion", "version": "1.2", "synthetic": False, "prevalence": 0.5},
    "versions": {"torch": "2.5", "radiomics": {"provider": "pyradiomics", "version": "3.0.1"}},
    "features": [
        {
            "source": "radiomics",
            "name": "dce_shape_Sphericity",
            "value": 0.6123456789012345,
            "reference_range": [0.4, 0.9],
            "training_percentile": 7.5,
            "contribution": -1e-17,
        },
        {"source": "kinetics", "name": "ser", "value": None},
    ],
}


def rows_of(text: str) -> list[dict]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_numbers_keep_every_digit_and_the_point_as_decimal_sign(scene):
    from BreastFusionPanel.classify.features_csv import features_csv

    first, second, *_rest = rows_of(features_csv(READING))
    assert float(first["value"]) == 0.6123456789012345
    assert (float(first["reference_low"]), float(first["reference_high"])) == (0.4, 0.9)
    assert float(first["contribution"]) == -1e-17
    assert second["value"] == second["reference_low"] == second["contribution"] == ""


def test_what_the_numbers_depend_on_is_in_the_same_table(scene):
    from BreastFusionPanel.classify.features_csv import features_csv

    from BreastFusionLib.images.settings import IntensitySpec
    from BreastFusionLib.reading.recipe import InputsSpec, RadiomicsSpec

    inputs = InputsSpec(radiomics=RadiomicsSpec({"setting": {"binWidth": 0.1}}, IntensitySpec()), dce_phase=3)
    rows = rows_of(features_csv(READING, inputs))
    values = {(row["source"], row["name"]): row["value"] for row in rows}
    assert values["model", "version"] == "1.2"
    assert values["version", "radiomics.provider"] == "pyradiomics"
    assert values["setting", "radiomics.settings.setting.binWidth"] == "0.1"
    assert values["setting", "dce_phase"] == "3"
    assert values["setting", "sequences"] == "dce t1 t2"
    assert values["case", "lesion"] == "Lesion 1, upper"
    assert all(len(row) == 7 for row in rows)
