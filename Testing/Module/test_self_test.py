"""The test that runs inside the application passes here too, finds what is wrong, and says what it left out."""

from __future__ import annotations

import unittest

import pytest


def run_module_test() -> unittest.TestResult:
    """Run BreastFusionTest as Slicer's `runUnitTest` does."""
    from BreastFusion import BreastFusionTest

    suite = unittest.TestLoader().loadTestsFromTestCase(BreastFusionTest)
    return suite.run(unittest.TestResult())


def reasons(result: unittest.TestResult) -> list[str]:
    return [text for _test, text in (*result.errors, *result.failures)]


@pytest.mark.slow
@pytest.mark.installed
def test_it_passes(scene):
    result = run_module_test()
    assert not reasons(result), "\n".join(reasons(result))
    assert result.testsRun == 1
    assert not result.skipped


def test_without_torch_the_rest_is_checked_and_the_reading_named_as_skipped(scene, monkeypatch):
    from BreastFusionPanel import self_test
    from BreastFusionPanel.setup import dependencies

    torch = next(package for package in dependencies.packages() if package.module == "torch")
    monkeypatch.setattr(self_test, "missing", lambda: (torch,))
    result = run_module_test()
    assert not reasons(result), "\n".join(reasons(result))
    ((_test, reason),) = result.skipped
    assert "torch is missing" in reason


def test_an_outline_that_is_shifted_by_a_voxel_is_found(scene, monkeypatch):
    import numpy as np
    import SimpleITK as sitk
    from BreastFusionPanel import self_test

    def shifted(*arguments):
        mask = mask_of(*arguments)
        moved = sitk.GetImageFromArray(np.roll(sitk.GetArrayFromImage(mask), 1, axis=2))
        moved.CopyInformation(mask)
        return moved

    mask_of = self_test.mask_of
    monkeypatch.setattr(self_test, "mask_of", shifted)
    assert "voxel by voxel" in reasons(run_module_test())[0]


READING = {
    "probability": 0.4,
    "parts": {"dce": 0.5},
    "features": [{"source": "kinetics", "name": "initial_percent", "value": 112.0}],
}


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, ""),
        ({"probability": 0.4000005}, ""),
        ({"probability": 0.400002}, "0.400002"),
        ({"parts": {"dce": 0.500002}}, "dce"),
        ({"parts": {}}, "dict_keys"),
        ({"features": [{"source": "kinetics", "name": "initial_percent", "value": 112.0002}]}, "initial_percent"),
    ],
)
def test_numbers_that_differ_in_the_sixth_digit_are_found(scene, monkeypatch, changed, found):
    from BreastFusionPanel import self_test

    monkeypatch.setattr(self_test, "missing", tuple)
    monkeypatch.setattr(self_test, "second_opinion", lambda *_: READING)
    monkeypatch.setattr(self_test, "read_lesion", lambda *_, **__: {**READING, **changed})
    said = "\n".join(reasons(run_module_test()))
    assert found in said if found else not said
