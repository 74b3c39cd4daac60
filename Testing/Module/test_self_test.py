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
    from BreastFusionPanel import dependencies, self_test

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


@pytest.mark.slow
@pytest.mark.installed
def test_a_reading_that_differs_in_its_seventh_digit_is_found(scene, monkeypatch):
    from BreastFusionPanel import self_test

    def a_little_off(*arguments, **options):
        reading = read_lesion(*arguments, **options)
        return {**reading, "probability": reading["probability"] + 2e-6}

    read_lesion = self_test.read_lesion
    monkeypatch.setattr(self_test, "read_lesion", a_little_off)
    assert len(reasons(run_module_test())) == 1
