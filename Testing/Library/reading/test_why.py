import pytest

from BreastFusionLib.reading import TaskSpec
from BreastFusionLib.reading.why import why

pytestmark = pytest.mark.fast

TASK = TaskSpec()


def row(name, value, contribution, benign=50.0, malignant=50.0, **about):
    return {
        **about,
        "name": name,
        "value": value,
        "contribution": contribution,
        "class_percentiles": {"benign": benign, "malignant": malignant},
    }


def test_reasons_have_values_that_can_be_checked():
    rows = [row("washout_share", 0.77, 1.0, benign=96.0), row("dce_shape_Sphericity", 0.6, 0.5, benign=7.0)]
    assert why(rows, TASK, positive=True) == (
        "wash-out in 77 % of the lesion (higher than 96 % of benign training lesions)",
        "sphericity 0.60 (lower than 93 % of benign training lesions)",
    )


def test_a_benign_result_is_compared_with_malignant_lesions():
    rows = [row("washout_share", 0.01, -1.0, malignant=4.0), row("ser", 1.3, 0.7, benign=5.0)]
    assert why(rows, TASK, positive=False) == (
        "wash-out in 1 % of the lesion (lower than 96 % of malignant training lesions)",
    )


def test_what_speaks_against_the_result_or_is_usual_is_no_reason():
    rows = [
        row("washout_share", 0.77, -1.0, benign=96.0),
        row("dce_shape_Sphericity", 0.6, 0.5, benign=40.0),
        row("ser", None, 0.4, benign=99.0),
        row("t1_glcm_Contrast", 3.0, 0.9, benign=99.0),
    ]
    assert why(rows, TASK, positive=True) == ()


def test_at_most_three_and_each_quantity_once():
    names = ("dce_shape_Sphericity", "t1_shape_Sphericity", "ser", "initial_percent", "peak_percent")
    found = why([row(name, 1.0, 1.0 - 0.1 * i, benign=99.0) for i, name in enumerate(names)], TASK, positive=True)
    assert [sentence.split(" (")[0] for sentence in found] == [
        "sphericity 1.00",
        "signal enhancement ratio 1.00",
        "initial rise +1 %",
    ]


def test_a_clinical_column_is_a_reason_in_its_own_words_but_not_how_the_scanner_was_set():
    age = {"title": "age", "unit": "years", "origin": "table"}
    density = {"title": "breast density", "unit": "", "origin": "table"}
    echo = {"title": "echo time", "unit": "ms", "origin": "exam"}
    rows = [
        row("echo_time_ms", 4.2, 1.0, benign=99.0, **echo),
        row("age", 71.0, 0.5, benign=93.0, **age),
        row("breast_density", "extreme", 0.4, benign=88.0, **density),
    ]
    assert why(rows, TASK, positive=True) == (
        "age 71 years (higher than 93 % of benign training lesions)",
        "breast density extreme (higher than 88 % of benign training lesions)",
    )
