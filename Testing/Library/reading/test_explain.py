import itertools
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from BreastFusionLib.exam.geometry import Box, Grid, same_grid
from BreastFusionLib.images.patches import Patch
from BreastFusionLib.reading import Case, load_bundle, prepare
from BreastFusionLib.reading.explain import cell_size_mm, explain, map_on_patient
from BreastFusionLib.reading.score import batch_tensors
from BreastFusionLib.reading.vectors import source_values

pytestmark = pytest.mark.fast

OBLIQUE = Grid(
    (40, 36, 12),
    (0.7, 0.9, 2.5),
    (112.5, -80.25, 33.0),
    tuple(np.array([[0.6, 0.0, 0.8], [0.0, -1.0, 0.0], [0.8, 0.0, -0.6]]).ravel()),
)


@pytest.fixture(scope="module")
def bundle(bundle_folder):
    return load_bundle(bundle_folder)


@pytest.fixture(scope="module")
def evidence(inputs, bundle):
    return explain(inputs, bundle, target=1)


def test_a_map_of_own_pixels_lies_on_the_patients_voxels_cell_by_cell():
    patch = OBLIQUE.cropped(Box((5, 4, 3), (28, 28, 3)))
    cells = np.arange(49.0).reshape(7, 7) / 48
    image = map_on_patient(cells, patch, OBLIQUE, first_cell_px=1.5, cell_px=4)
    assert same_grid(image, patch)
    # 28 pixels and 7 cells: every cell is 4 x 4 voxels, on all three slices.
    expected = np.broadcast_to(np.kron(cells, np.ones((4, 4))), (3, 28, 28))
    np.testing.assert_allclose(sitk.GetArrayViewFromImage(image), expected, rtol=1e-6)


def test_a_map_that_reaches_outside_is_clipped_to_the_volume():
    patch = OBLIQUE.cropped(Box((-8, 20, -1), (28, 28, 3)))
    cells = np.arange(49.0).reshape(7, 7) / 48
    image = map_on_patient(cells, patch, OBLIQUE, first_cell_px=1.5, cell_px=4)
    assert image.GetSize() == (20, 16, 2)
    assert same_grid(image, OBLIQUE.cropped(Box((0, 20, 0), (20, 16, 2))))
    # The first two columns of cells lie outside, and so do the last three rows.
    np.testing.assert_allclose(sitk.GetArrayViewFromImage(image)[0], np.kron(cells[:4, 2:], np.ones((4, 4))), rtol=1e-6)


def test_a_resampled_patch_gives_each_voxel_the_cell_it_lies_in():
    patient = Grid((50, 50, 10), (0.76, 0.76, 3.0), (-19.1, -19.1, -15.0))
    patch = Grid((32, 32, 3), (1.0, 1.0, 4.0), (-15.5, -15.5, -4.0))  # reaches from -16 to 16 mm, -6 to 6 mm
    cells = np.random.default_rng(0).random((8, 8)).astype(np.float32)  # of 4 mm
    image = map_on_patient(cells, patch, patient, first_cell_px=1.5, cell_px=4)
    grid = Grid.of(image)
    values = sitk.GetArrayViewFromImage(image)
    for i, j, k in itertools.product(*(range(n) for n in grid.size)):
        x, y, z = grid.physical((i, j, k))
        assert max(abs(x), abs(y)) < 16 and abs(z) < 6
        assert values[k, j, i] == cells[int((y + 16) // 4), int((x + 16) // 4)]
    # No voxel inside is left out: 32 / 0.76 mm is 42 columns; of the slices at -6, -3, 0, 3, 6 mm two lie on a face.
    assert grid.size == (42, 42, 3)


def test_cells_lie_where_the_encoder_looks_and_the_last_ones_reach_the_patchs_edge():
    patch = OBLIQUE.cropped(Box((2, 0, 3), (35, 35, 3)))
    cells = np.arange(49.0).reshape(7, 7) / 48
    image = map_on_patient(cells, patch, OBLIQUE, first_cell_px=0.0, cell_px=5)
    # Centres at pixels 0, 5, .., 30, as a ResNet's padding puts them: 3 pixels see the first cell, 7 the last.
    of_pixel = np.repeat(np.arange(7), [3, 5, 5, 5, 5, 5, 7])
    np.testing.assert_allclose(sitk.GetArrayViewFromImage(image)[1], cells[np.ix_(of_pixel, of_pixel)], rtol=1e-6)


def test_cells_keep_their_size_on_a_patch_that_is_no_multiple_of_it():
    # 26 pixels are 4 cells of 8 to an encoder that starts a cell at every eighth pixel, not of 6.5.
    patch = OBLIQUE.cropped(Box((2, 1, 3), (26, 26, 3)))
    cells = np.arange(16.0).reshape(4, 4) / 15
    image = map_on_patient(cells, patch, OBLIQUE, first_cell_px=0.0, cell_px=8)
    of_pixel = np.rint((np.arange(26) + 1e-3) / 8).astype(int)  # centres at pixels 0, 8, 16, 24
    found = sitk.GetArrayViewFromImage(image)[1]
    between = np.arange(26) % 8 == 4  # lies as near to one cell as to the next
    np.testing.assert_allclose(
        found[~between][:, ~between], cells[np.ix_(of_pixel, of_pixel)][~between][:, ~between], rtol=1e-6
    )


def test_seven_cells_over_224_pixels_of_duke_are_24_mm():
    assert cell_size_mm(32, Grid((224, 224, 3), (0.759, 0.759, 1.1))) == pytest.approx((24.288, 24.288))
    assert cell_size_mm(16, Grid((224, 224, 3), (0.759, 1.518, 1.1))) == pytest.approx((12.144, 24.288))


def test_maps_of_every_sequence_lie_on_its_own_grid(evidence, case, inputs):
    assert set(evidence.maps) == {(s, m) for s in ("dce", "t1", "t2") for m in ("gradcam", "gradcam++")}
    for (sequence, _), image in evidence.maps.items():
        grid, own = Grid.of(image), case.exam.get(sequence).grid
        np.testing.assert_allclose(grid.spacing_mm, own.spacing_mm)
        np.testing.assert_allclose(own.index(grid.origin_lps), np.rint(own.index(grid.origin_lps)), atol=1e-6)
        values = sitk.GetArrayViewFromImage(image)
        assert 0 <= values.min() <= values.max() <= 1
        assert len(np.unique(values)) <= 17  # 4 x 4 cells of the small encoder on 32 pixels, and outside
        assert evidence.cell_size_mm[sequence] == pytest.approx((10.0, 10.0))


def test_a_map_reaches_one_where_something_speaks_for_the_class(inputs, bundle):
    peaks = [
        sitk.GetArrayViewFromImage(image).max()
        for target in (0, 1)
        for image in explain(inputs, bundle, target).maps.values()
    ]
    assert max(peaks) == pytest.approx(1.0)


def test_contributions_add_up_to_the_margin_of_a_linear_head(evidence, inputs, bundle):
    images, vectors, present = batch_tensors([inputs], bundle.scalers, bundle.recipe)
    with torch.no_grad():
        full = bundle.network(images, vectors, present).logits[0]
        zero = bundle.network(images, {s: torch.zeros_like(v) for s, v in vectors.items()}, present).logits[0]
    total = sum(row["contribution"] for row in evidence.features)
    assert total == pytest.approx(float((full[1] - full[0]) - (zero[1] - zero[0])), abs=1e-4)


def test_rows_are_sorted_and_can_be_checked_against_the_scaler(evidence, inputs, bundle):
    sizes = [abs(row["contribution"]) for row in evidence.features]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) == sum(len(values) for values in inputs.vectors.values()) + len(inputs.columns)
    for row in evidence.features[:20]:
        scaler, value = bundle.scalers[row["source"]].measured, source_values(inputs, row["source"])[row["name"]]
        at = scaler.names.index(row["name"])
        assert row["value"] == value
        assert row["standardised"] == pytest.approx((value - scaler.mean[at]) / scaler.std[at], rel=1e-5, abs=1e-6)
        assert row["training_percentile"] == scaler.percentile(row["name"], value)
        assert row["reference_range"] == scaler.reference_range(row["name"])
        assert row["class_percentiles"] == {
            "benign": scaler.percentile(row["name"], value, 0),
            "malignant": scaler.percentile(row["name"], value, 1),
        }


def test_an_undefined_feature_has_no_value_and_no_say(make_exam, lesion, recipe, bundle):
    found = explain(prepare(Case(make_exam(("dce", "t1")), lesion), recipe.inputs), bundle, 1)
    missing = [row for row in found.features if row["name"].startswith("t2_") or row["name"] == "age"]
    assert missing
    assert all(row["value"] is None and row["standardised"] is None for row in missing)
    assert all(row["contribution"] == 0.0 and row["training_percentile"] is None for row in missing)
    assert ("t2", "gradcam") not in found.maps


def test_no_map_where_the_patch_ends_outside_the_patient(inputs, bundle):
    patch = inputs.patches["dce"]
    far = replace(patch.grid, origin_lps=tuple(np.add(patch.grid.origin_lps, (30.0, 0.0, 0.0)).tolist()))
    found = explain(replace(inputs, patches={**inputs.patches, "dce": Patch(patch.pixels, far)}), bundle, 1)
    own = Grid.of(inputs.mapped["dce"].mask)
    image = Grid.of(found.maps["dce", "gradcam"])
    assert np.all(own.contains([image.physical((0, 0, 0)), image.physical(np.array(image.size) - 1)]))
