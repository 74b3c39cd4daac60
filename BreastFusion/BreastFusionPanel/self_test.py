# ruff: noqa: PT009 - inside the application nothing but unittest tells both values of an assertion that fails.
"""The module's own test, inside the application: a phantom's lesion from the click to the reading, number by number."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk

from BreastFusionLib.exam import write_exam
from BreastFusionLib.lesion import map_lesion, segment_from_seed
from BreastFusionLib.phantom import PhantomExam, make_exam

from .bridge.exam_nodes import add_exam, dce_grid, exam_of
from .bridge.labelmaps import mask_of
from .bridge.mapped_segments import mapped_of, show_mapped
from .bridge.segments import add_lesion, lesion_of
from .console import read_lesion
from .process.interpreter import find_python
from .setup.dependencies import missing

if TYPE_CHECKING:
    from .parameters import BreastFusionParameterNode

__all__ = ["run"]

EXAM = {"seed": 7, "number": 5, "small": True}
# What stands in the library's tests for 'the same number by two ways on a CPU'.
TOLERANCE = 1e-6


def run(test: unittest.TestCase) -> None:
    """Check all that is installed here; what is not is named in the reason for which the test counts as skipped.

    Args:
        test: takes the assertions.
    """
    from BreastFusion import BreastFusionLogic

    parameters = BreastFusionLogic().getParameterNode()
    made = make_exam(**EXAM)
    segment_id = check_outline(test, made, parameters)
    check_mapping(test, segment_id, parameters)
    absent = {package.module for package in missing()}
    needed = absent & {"torch", "torchvision", "safetensors"}
    if needed:
        test.skipTest(
            f"Exam, outline and mapping are right; no reading, because {', '.join(sorted(needed))} is missing."
        )
    check_reading(test, made, segment_id, parameters, radiomics="radiomics" not in absent)
    if "radiomics" in absent:
        test.skipTest("All but radiomics is right; nothing provides radiomics here.")


def check_outline(test: unittest.TestCase, made: PhantomExam, parameters: BreastFusionParameterNode) -> str:
    """Put the exam into the scene, outline its lesion from a point, and return the segment's ID."""
    for _share in add_exam(made.exam, parameters):
        pass
    exam = exam_of(parameters)
    test.assertEqual(len(exam.dce.phases), len(made.exam.dce.phases))
    for ours, theirs in zip(exam.dce.phases, made.exam.dce.phases, strict=True):
        test.assertEqual(ours.time_s, theirs.time_s)
        test.assertTrue(np.array_equal(pixels(ours.read()), pixels(theirs.read())))
    outline = segment_from_seed(exam, made.truth.centers_lps["dce"])
    test.assertGreater(overlap(outline, made.lesion.mask), 0.7)
    segment_id = add_lesion(parameters, outline)
    kept = mask_of(parameters.segmentation, segment_id, dce_grid(parameters))
    test.assertTrue(np.array_equal(pixels(kept), pixels(outline)), "the segment is not the outline, voxel by voxel")
    test.assertEqual(lesion_of(parameters, segment_id, exam).side, made.lesion.side)
    return segment_id


def check_mapping(test: unittest.TestCase, segment_id: str, parameters: BreastFusionParameterNode) -> None:
    """Carry the lesion to T1 and T2, and take it from the scene again."""
    exam = exam_of(parameters)
    lesion = lesion_of(parameters, segment_id, exam)
    for sequence in ("t1", "t2"):
        mapped = map_lesion(lesion, exam, sequence)
        show_mapped(parameters, segment_id, mapped)
        shown = mapped_of(parameters, segment_id, sequence)
        test.assertIsNotNone(shown)
        test.assertTrue(np.array_equal(pixels(shown.mask), pixels(mapped.mask)))
        test.assertEqual(mapped.coverage, 1.0)
        test.assertAlmostEqual(mapped.volume_mm3 / mapped.source_volume_mm3, 1.0, delta=0.05)


def check_reading(
    test: unittest.TestCase,
    made: PhantomExam,
    segment_id: str,
    parameters: BreastFusionParameterNode,
    radiomics: bool,
) -> None:
    """Read the lesion from the scene as the button does, and from files with the library alone: equal numbers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_exam(made.exam, folder / "exam")
        sitk.WriteImage(
            mask_of(parameters.segmentation, segment_id, dce_grid(parameters)), str(folder / "lesion.nii.gz")
        )
        expected = second_opinion(folder, radiomics)
        found = read_lesion(parameters, folder / "bundle", segment_id, progress=None, device="cpu")
    test.assertAlmostEqual(found["probability"], expected["probability"], delta=TOLERANCE)
    test.assertEqual(found["parts"].keys(), expected["parts"].keys())
    for source, probability in expected["parts"].items():
        test.assertAlmostEqual(found["parts"][source], probability, delta=TOLERANCE, msg=source)
    ours, theirs = features(found), features(expected)
    test.assertEqual(ours.keys(), theirs.keys())
    for feature, value in theirs.items():
        same = math.isclose(ours[feature], value, rel_tol=TOLERANCE, abs_tol=1e-12)
        test.assertTrue(same, f"{feature}: {ours[feature]} in the panel, {value} in the library")


def second_opinion(folder: Path, radiomics: bool) -> dict[str, Any]:
    """Have the library read `exam` and `lesion.nii.gz` in a process of its own, past panel and worker.

    Args:
        folder: holds both; receives `bundle`, an untrained model, and `reading`.
        radiomics: whether the model uses radiomics.
    """
    arguments = [str(folder / "exam"), str(folder / "lesion.nii.gz"), str(folder)]
    done = subprocess.run(
        [
            *(find_python(), "-m", "BreastFusionLib.service.second_opinion", *arguments),
            *([] if radiomics else ["--without-radiomics"]),
        ],
        # Extensions' packages are known to the application, not to its bare interpreter.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads((folder / "reading" / "reading.json").read_text(encoding="utf-8"))


def features(reading: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """Return what was measured: (source, name) -> value; what is missing counts as 0."""
    return {(row["source"], row["name"]): row["value"] or 0.0 for row in reading["features"]}


def overlap(one: sitk.Image, other: sitk.Image) -> float:
    """Return Dice's coefficient of two masks."""
    a, b = pixels(one) != 0, pixels(other) != 0
    return float(2.0 * (a & b).sum() / (a.sum() + b.sum()))


def pixels(image: sitk.Image) -> np.ndarray:
    """Return an image's values, [slice, row, column]."""
    return sitk.GetArrayFromImage(image)
