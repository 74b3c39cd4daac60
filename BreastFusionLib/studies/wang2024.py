"""Wang et al. 2024: five models of a lesion, from one sequence to three sequences and radiomics."""

from __future__ import annotations

from BreastFusionLib.studies.study import BEST, Experiment, Metric, Published, ResultTable, Study

__all__ = ["WANG2024"]

AUC = "auc_delong"

# What a sequence shows of a phantom's lesion. DCE enters as one phase, which shows less of the kinetics than their
# latent values: the ideal observer of these is an upper bound.
_SHAPE = ("irregularity", "heterogeneity", "size")
_KINETICS = ("wash_in", "wash_out")


def _printed(value: float, low: float, high: float) -> Published:
    """Return section 3.3.2: the AUC with its interval on 61 patients."""
    return {BEST: {AUC: (value, low, high)}}


WANG2024 = Study(
    name="wang2024",
    title="Fusion of three sequences and radiomics",
    source="Wang W, Li J, Wang Z, Liu Y, Yang F, Cui S. Study on the classification of benign and malignant breast "
    "lesions using a multi-sequence breast MRI fusion radiomics and deep learning model. Eur J Radiol Open 2024.",
    unit="lesion",
    experiments=(
        Experiment("t1", "T1", "wang2024-t1", "demo-t1", _SHAPE, published=_printed(0.53, 0.39, 0.68)),
        Experiment(
            "t2", "T2", "wang2024-t2", "demo-t2", (*_SHAPE, "t2_brightness"), published=_printed(0.62, 0.48, 0.76)
        ),
        Experiment(
            "dce", "DCE", "wang2024-dce", "demo-dce", (*_SHAPE, *_KINETICS), published=_printed(0.79, 0.67, 0.90)
        ),
        Experiment(
            "dce-t1-t2",
            "DCE_T1_T2",
            "wang2024-dce-t1-t2",
            "demo-dce-t1-t2",
            (*_SHAPE, *_KINETICS, "t2_brightness"),
            published=_printed(0.94, 0.87, 1.00),
        ),
        Experiment(
            "dce-t1-t2-rad",
            "DCE_T1_T2_rad",
            "wang2024-dce-t1-t2-rad",
            "demo-dce-t1-t2-rad",
            (*_SHAPE, *_KINETICS, "t2_brightness"),
            published=_printed(0.98, 0.95, 1.00),
        ),
    ),
    seeds=1,
    tables=(
        ResultTable(
            "table2",
            "Table 2. What each model is worth",
            ("t1", "t2", "dce", "dce-t1-t2", "dce-t1-t2-rad"),
            (
                Metric(AUC, "AUC"),
                Metric("accuracy", "Accuracy", percent=True),
                Metric("sensitivity", "Sensitivity", percent=True),
                Metric("specificity", "Specificity", percent=True),
                Metric("ppv", "PPV", percent=True),
                Metric("npv", "NPV", percent=True),
            ),
        ),
    ),
    compared=tuple(("dce-t1-t2-rad", other) for other in ("t1", "t2", "dce", "dce-t1-t2")),
    test="delong",
    decisions=True,
    maps=("dce-t1-t2-rad",),
    small_words="The small size has the demonstration's recipes in place of the paper's: patches of 32 pixels, and "
    "for the ResNet50 with ImageNet weights, which cannot be fetched everywhere, a small network from random weights.",
    differs=(
        "Probabilities are calibrated on the validation cases (Platt), and cases count as malignant from .5 on; the "
        "paper does not say how it decides.",
    ),
)
