"""Registration judged by a known motion: where the lesion's centre goes, and where it should."""

from __future__ import annotations

import numpy as np
import pytest

from BreastFusionLib.lesion import map_lesion, measure


@pytest.mark.slow
def test_rigid_registration_brings_the_lesion_centre_within_a_millimetre(phantoms):
    before, after, mapped_mask = [], [], []
    for made in phantoms[:6]:
        centers = made.truth.centers_lps
        for sequence in ("t1", "t2"):
            mapped = map_lesion(made.lesion, made.exam, sequence, registration="rigid")
            point = centers[sequence]
            found = point if mapped.transform is None else mapped.transform.TransformPoint(point)
            before.append(np.linalg.norm(np.subtract(point, centers["dce"])))
            after.append(np.linalg.norm(np.subtract(found, centers["dce"])))
            moved = np.subtract(measure(mapped.mask).center_lps, measure(made.lesion.mask).center_lps)
            mapped_mask.append(np.linalg.norm(moved - np.subtract(point, centers["dce"])))
    assert np.median(before) > 1.5
    assert np.median(after) < min(1.0, 0.5 * np.median(before))
    assert np.median(mapped_mask) < 1.0
