"""A small volume with a textured lesion, and PyRadiomics' own values of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage


def textured_case(seed: int = 0, kind: str = "int16", center: tuple[int, int, int] = (22, 34, 38)) -> tuple:
    """Return an image (70 x 66 x 44 voxels, oblique) and a mask with a lobulated lesion of label 1 round `center`."""
    rng = np.random.default_rng(seed)
    shape, spacing = (44, 66, 70), np.array([1.5, 0.8, 0.8])
    noise = ndimage.gaussian_filter(rng.normal(size=shape), 1.2)
    lobes = ndimage.gaussian_filter(rng.normal(size=shape), 3.0)
    offset_mm = (np.stack(np.indices(shape), -1) - center) * spacing
    inside = np.linalg.norm(offset_mm, axis=-1) < 7.0 + 1.5 * lobes / lobes.std()
    pixels = rng.normal(300.0, 30.0, shape) + 60.0 * noise / noise.std() + 250.0 * inside
    image = sitk.GetImageFromArray(pixels.astype(kind))
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    c, s = np.cos(0.3), np.sin(0.3)
    for volume in (image, mask):
        volume.SetSpacing(spacing[::-1].tolist())
        volume.SetOrigin((-31.7, 12.3, 55.1))
        volume.SetDirection((c, -s, 0.0, s, c, 0.0, 0.0, 0.0, 1.0))
    return image, mask


@pytest.fixture(scope="session")
def make_case() -> Callable[..., tuple[sitk.Image, sitk.Image]]:
    return textured_case


@pytest.fixture(scope="session")
def case(make_case) -> tuple[sitk.Image, sitk.Image]:
    return make_case()


@pytest.fixture(scope="session")
def stock() -> Callable[..., dict[str, float]]:
    """PyRadiomics' own extraction on the whole image, by the names used here."""
    extractors = pytest.importorskip("radiomics.featureextractor", reason="nothing provides radiomics")

    def execute(
        image: sitk.Image, mask: sitk.Image, settings: Mapping[str, Any] | None = None, label: int | None = None
    ) -> dict[str, float]:
        from BreastFusionLib.features.provider import quiet

        with quiet():
            extractor = extractors.RadiomicsFeatureExtractor(*([dict(settings)] if settings else []))
            extractor.addProvenance(False)
            found = extractor.execute(image, mask, label=label)
        return {name.removeprefix("original_"): float(value) for name, value in found.items()}

    return execute


@pytest.fixture(scope="session")
def worst_difference() -> Callable[[Mapping[str, float], Mapping[str, float]], float]:
    """The largest difference of two sets of features as a share of the value; infinite for another set of names."""

    def measure(expected: Mapping[str, float], found: Mapping[str, float]) -> float:
        if set(expected) != set(found):
            return np.inf
        worst = 0.0
        for name, value in expected.items():
            if np.isnan(value) and np.isnan(found[name]):
                continue
            difference = abs(found[name] - value)
            worst = max(worst, np.inf if np.isnan(difference) else difference / max(abs(value), 1e-12))
        return worst

    return measure
