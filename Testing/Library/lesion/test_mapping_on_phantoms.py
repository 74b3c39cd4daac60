"""Registration on phantoms, whose motion between the sequences is known."""

import numpy as np
import pytest

from BreastFusionLib.lesion import map_lesion, measure
from BreastFusionLib.phantom import make_exam


@pytest.mark.slow
def test_registration_brings_the_lesion_within_a_millimetre_of_the_truth():
    by_headers, registered, mapped = [], [], []
    for number in range(1, 6):
        phantom = make_exam(seed=1, number=number, small=True)
        to = ("t1", "t2")[number % 2]
        drawn, truth = (np.array(phantom.truth.centers_lps[sequence]) for sequence in ("dce", to))
        found = map_lesion(phantom.lesion, phantom.exam, to, registration="rigid")
        carried = drawn if found.transform is None else found.transform.GetInverse().TransformPoint(drawn.tolist())
        moved = np.subtract(measure(found.mask).center_lps, measure(phantom.lesion.mask).center_lps)
        by_headers.append(np.linalg.norm(drawn - truth))
        registered.append(np.linalg.norm(carried - truth))
        mapped.append(np.linalg.norm(moved - (truth - drawn)))
    assert np.median(registered) < 0.5 * np.median(by_headers)
    assert np.median(registered) < 1.0
    assert np.median(mapped) < 1.0
