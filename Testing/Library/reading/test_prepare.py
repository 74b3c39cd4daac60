from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid, crop
from BreastFusionLib.exam.model import Exam, Phase
from BreastFusionLib.images import extract_patch, measure_scale
from BreastFusionLib.images.settings import IntensitySpec
from BreastFusionLib.reading import Case, ColumnSpec, InputsSpec, RadiomicsSpec, prepare, vector_names
from BreastFusionLib.reading import prepare as door

pytestmark = pytest.mark.fast


def test_every_source_has_all_its_names_in_their_order(inputs, recipe):
    names = vector_names(recipe.inputs)
    assert list(names) == ["radiomics", "kinetics"]
    assert {source: tuple(values) for source, values in inputs.vectors.items()} == names
    assert names["radiomics"][0].startswith("dce_shape_")
    assert names["radiomics"][-1].startswith("t2_glcm_")
    assert inputs.columns == {"age": 52.0}


def test_wang2024_has_321_radiomic_features():
    names = vector_names(InputsSpec(radiomics=RadiomicsSpec()))["radiomics"]
    assert len(names) == len(set(names)) == 321
    assert {"dce_shape_Sphericity", "t1_glcm_Contrast", "t2_firstorder_Mean"} <= set(names)


def test_patch_is_that_of_the_wanted_phase_scaled_by_its_own_volume(case, recipe, inputs):
    spec = recipe.inputs.patch
    phase = case.exam.dce.phase(2).image
    expected = extract_patch(phase, case.lesion.mask, spec, measure_scale(phase, spec.intensity))
    np.testing.assert_array_equal(inputs.patches["dce"].pixels, expected.pixels)
    assert set(inputs.patches) == {"dce", "t1", "t2"}


def test_radiomics_of_the_lesions_crop_equal_those_of_the_whole_volume(case, recipe, inputs):
    from BreastFusionLib.features.radiomics import extract

    spec = recipe.inputs.radiomics
    image = case.exam.t1.image
    scaled = measure_scale(image, spec.intensity).apply_image(image)
    whole = extract(scaled, inputs.mapped["t1"].mask, spec.settings).features
    ours = inputs.vectors["radiomics"]
    assert len(whole) == sum(name.startswith("t1_") for name in ours)
    np.testing.assert_allclose([ours[f"t1_{name}"] for name in whole], list(whole.values()), rtol=1e-9)


@pytest.mark.parametrize(
    ("settings", "cropped"),
    [
        (None, True),
        ({"setting": {"binWidth": 10}}, True),
        ({"setting": {"normalize": True}}, False),
        ({"setting": {"resampledPixelSpacing": [1, 1, 1]}}, False),
        ({"imageType": {"Original": {}, "LoG": {"sigma": [2.0]}}}, False),
    ],
)
def test_a_crop_is_measured_only_where_the_rest_of_the_volume_cannot_matter(settings, cropped):
    from BreastFusionLib.reading.measured_lesion import only_the_lesion_counts

    assert only_the_lesion_counts(settings) is cropped


def test_kinetics_are_those_that_were_built_in(inputs):
    assert inputs.kinetics is not None
    assert inputs.kinetics.initial_percent == pytest.approx(200.0, abs=2.0)
    assert inputs.kinetics.curve == "wash-out"
    assert inputs.vectors["kinetics"]["delayed_percent"] == pytest.approx(-20.0, abs=1.0)


def test_a_missing_t2_is_said_and_its_features_are_undefined(make_exam, lesion, recipe, inputs):
    found = prepare(Case(make_exam(("dce", "t1")), lesion, clinical={"age": 52}), recipe.inputs)
    assert "T2 missing: its radiomics count as the training cases' mean." in found.warnings
    assert set(found.patches) == set(found.mapped) == {"dce", "t1"}
    radiomics = found.vectors["radiomics"]
    assert tuple(radiomics) == tuple(inputs.vectors["radiomics"])
    assert all(np.isnan(value) == name.startswith("t2_") for name, value in radiomics.items())
    own = [name for name in radiomics if not name.startswith("t2_")]
    assert [radiomics[name] for name in own] == [inputs.vectors["radiomics"][name] for name in own]


def test_fewer_phases_than_the_recipe_wants_takes_the_last_and_says_so(make_exam, lesion, recipe):
    found = prepare(Case(make_exam(phases=2), lesion), recipe.inputs)
    assert any("too few phases (2)" in w and "phase 1, the last one, was used" in w for w in found.warnings)
    assert found.columns == {"age": None}


def test_one_phase_only_is_refused_with_what_to_do(make_exam, lesion, recipe):
    with pytest.raises(InputError, match=r"'ax dce' has one phase only.*Load the folder of the whole study"):
        prepare(Case(make_exam(phases=1), lesion), recipe.inputs)


def test_a_model_without_dce_goes_on_without_a_curve(make_exam, lesion):
    found = prepare(
        Case(make_exam(phases=1), lesion), InputsSpec(sequences=("t1",), patch=None, clinical=(ColumnSpec("age"),))
    )
    assert found.kinetics is None
    assert any(warning.startswith("No kinetics: ") for warning in found.warnings)


def test_no_dce_is_refused(make_exam, lesion, recipe):
    with pytest.raises(InputError, match=r"holds no DCE series"):
        prepare(Case(make_exam(("t1", "t2")), lesion), recipe.inputs)


def test_t1_after_contrast_is_said(make_exam, lesion, recipe):
    found = prepare(Case(make_exam(t1="post"), lesion, clinical={"age": 52}), recipe.inputs)
    assert "T1 was taken after contrast." in found.warnings
    assert found.context["contrast"] == {"dce": "post", "t1": "post", "t2": "pre"}


def moved(exam: Exam, role: str, step_mm: float) -> Exam:
    series = exam.get(role)
    x, y, z = series.grid.origin_lps
    grid = replace(series.grid, origin_lps=(x + step_mm, y, z))
    image = grid.put_on(sitk.Image(series.image))
    series = [replace(s, phases=(Phase(None, image),), grid=grid) if s.role == role else s for s in exam.series]
    return replace(exam, series=tuple(series))


def test_a_lesion_outside_t1_is_refused(case, recipe):
    with pytest.raises(InputError, match="outside the field of view of the T1 series"):
        prepare(replace(case, exam=moved(case.exam, "t1", 200.0)), recipe.inputs)


def test_a_lesion_half_outside_t1_is_said(case, recipe):
    # T1 now begins at 4 mm, in the middle of the lesion.
    found = prepare(replace(case, exam=moved(case.exam, "t1", 29.4)), recipe.inputs)
    assert found.mapped["t1"].coverage == pytest.approx(0.5, abs=0.06)
    assert any("of the lesion lies inside the field of view of T1" in warning for warning in found.warnings)


def test_an_empty_lesion_is_refused(case, recipe):
    with pytest.raises(InputError, match=r"mask is empty.*Draw the lesion first"):
        prepare(replace(case, lesion=replace(case.lesion, mask=case.lesion.mask * 0)), recipe.inputs)


def test_texture_of_a_small_lesion_counts_as_missing(case, recipe):
    pixels = np.zeros(Grid.of(case.lesion.mask).size[::-1], np.uint8)
    pixels[14:17, 29:32, 31:34] = 1  # 27 voxels
    mask = Grid.of(case.lesion.mask).put_on(sitk.GetImageFromArray(pixels))
    found = prepare(replace(case, lesion=replace(case.lesion, mask=mask)), recipe.inputs)
    radiomics = found.vectors["radiomics"]
    assert all(np.isnan(value) for name, value in radiomics.items() if "_glcm_" in name)
    assert np.isfinite(radiomics["dce_shape_VoxelVolume"])
    assert np.isfinite(radiomics["dce_firstorder_Mean"])
    assert any("texture" in warning for warning in found.warnings)


def test_a_lesion_of_one_intensity_says_which_features_mean_nothing(case, recipe):
    flat = sitk.Image(case.exam.t2.image.GetSize(), sitk.sitkInt16) + 100
    flat.CopyInformation(case.exam.t2.image)
    found = prepare(replace(case, exam=with_image(case.exam, "t2", flat)), recipe.inputs)
    (sentence,) = [warning for warning in found.warnings if warning.startswith("T2: ")]
    assert "same intensity" in sentence and "skewness" in sentence


def test_a_lesion_of_one_voxel_names_what_is_undefined(case, recipe):
    mask = sitk.Image(case.lesion.mask) * 0
    mask[32, 30, 15] = 1
    found = prepare(replace(case, lesion=replace(case.lesion, mask=mask)), recipe.inputs)
    radiomics = found.vectors["radiomics"]
    assert np.isnan(radiomics["dce_shape_Sphericity"])
    assert radiomics["dce_shape_VoxelVolume"] == pytest.approx(2.0)
    assert any(w.startswith("DCE: ") and "single voxel" in w and "Undefined: shape" in w for w in found.warnings)


def test_voxels_that_are_no_numbers_are_refused(case, recipe):
    pixels = sitk.GetArrayFromImage(case.exam.t1.image).astype(np.float32)
    pixels[lesion_centre(case)] = np.nan
    broken = sitk.GetImageFromArray(pixels)
    broken.CopyInformation(case.exam.t1.image)
    with pytest.raises(InputError, match=r"^T1: .*NaN or infinite"):
        prepare(replace(case, exam=with_image(case.exam, "t1", broken)), recipe.inputs)


def with_image(exam: Exam, role: str, image: sitk.Image) -> Exam:
    series = [replace(s, phases=(Phase(None, image),)) if s.role == role else s for s in exam.series]
    return replace(exam, series=tuple(series))


def lesion_centre(case) -> tuple[int, int, int]:
    i, j, k = np.rint(Grid.of(case.exam.t1.image).index((4.0, -6.0, 10.0))).astype(int)
    return k, j, i


@pytest.mark.parametrize(("value", "expected"), [("61", 61.0), (True, 1.0), (None, None), ("", None)])
def test_clinical_values_become_numbers(case, recipe, value, expected):
    found = prepare(
        replace(case, clinical={"age": value}), InputsSpec(sequences=("t1",), patch=None, clinical=(ColumnSpec("age"),))
    )
    assert found.columns["age"] == expected


def test_a_clinical_word_is_refused(case):
    spec = InputsSpec(sequences=("t1",), patch=None, clinical=(ColumnSpec("density"),))
    with pytest.raises(InputError, match="clinical column 'density' holds 'dense': a number was expected"):
        prepare(replace(case, clinical={"density": "dense"}), spec)


def test_one_intensity_spec_is_measured_once_a_volume(case, recipe, monkeypatch):
    import sys

    module = sys.modules["BreastFusionLib.reading.measured_lesion"]
    measured = []
    monkeypatch.setattr(
        module, "measure_scale", lambda image, spec: measured.append(spec) or measure_scale(image, spec)
    )
    prepare(case, recipe.inputs)
    assert measured == [IntensitySpec("robust")] * 3


def test_stages_are_timed(inputs):
    assert {"loading", "lesion", "mapping", "kinetics", "patches", "radiomics"} <= set(inputs.seconds)
    assert all(seconds >= 0 for seconds in inputs.seconds.values())


def test_the_rooms_door_gives_the_function():
    assert callable(door)


def test_a_phase_that_the_reader_chose_is_used_and_said(case, recipe):
    found = prepare(replace(case, dce_phase=3), recipe.inputs)
    phase = case.exam.dce.phase(3).image
    spec = recipe.inputs.patch
    expected = extract_patch(phase, case.lesion.mask, spec, measure_scale(phase, spec.intensity))
    np.testing.assert_array_equal(found.patches["dce"].pixels, expected.pixels)
    assert "DCE phase 3 was chosen; the model was trained with phase 2 (0 = before contrast)." in found.warnings


def test_choosing_the_recipes_own_phase_changes_nothing(case, recipe, inputs):
    assert prepare(replace(case, dce_phase=2), recipe.inputs).warnings == inputs.warnings


def test_a_chosen_phase_that_does_not_exist_is_refused(case, recipe):
    with pytest.raises(InputError, match=r"has 5 phases, numbered 0 .* phase 7 does not exist"):
        prepare(replace(case, dce_phase=7), recipe.inputs)


@pytest.mark.parametrize(
    ("method", "registration", "said"),
    [
        ("geometry", "none", None),
        ("rigid registration", "none", "refined by registration; the model was trained with lesions placed by"),
        ("geometry", "rigid", "placed by the images' positions alone; the model was trained with places refined"),
        ("rigid registration", "rigid", None),
        ("edited", "none", "the outline was edited by hand; the model was trained with outlines carried over"),
    ],
)
def test_a_lesion_mapped_by_the_reader_is_used_and_said(case, recipe, inputs, method, registration, said):
    spec = replace(recipe.inputs, sequences=("dce", "t1"), registration=registration, radiomics=None)
    own = inputs.mapped["t1"]
    mask = Grid.of(own.mask).put_on(sitk.GetImageFromArray(np.roll(sitk.GetArrayFromImage(own.mask), 3, axis=2)))
    found = prepare(replace(case, mapped={"t1": replace(own, mask=mask, method=method)}), spec)
    assert found.mapped["t1"].mask is mask
    moved_mm = np.subtract(found.patches["t1"].grid.origin_lps, inputs.patches["t1"].grid.origin_lps)
    np.testing.assert_allclose(moved_mm, (3 * 0.8, 0, 0), atol=1e-9)
    told = [sentence for sentence in found.warnings if sentence.startswith("T1: ")]
    assert len(told) == (said is not None) and (said is None or said in told[0])


def test_known_scales_are_not_measured_again(case, recipe, inputs, monkeypatch):
    import sys

    spec = recipe.inputs.patch.intensity
    images = {"dce": case.exam.dce.phase(2).image, "t1": case.exam.t1.image, "t2": case.exam.t2.image}
    scales = {(sequence, spec): measure_scale(image, spec) for sequence, image in images.items()}
    monkeypatch.setattr(sys.modules["BreastFusionLib.reading.measured_lesion"], "measure_scale", None)
    found = prepare(case, recipe.inputs, scales)
    assert found.vectors == inputs.vectors


def test_stages_are_told_as_they_begin(case, recipe):
    told = []
    found = prepare(case, recipe.inputs, progress=told.append)
    assert list(dict.fromkeys(told)) == list(found.seconds)


def test_kinetics_read_no_more_of_a_phase_than_the_lesion(case, recipe):
    class Guarded(Phase):
        @property
        def image(self):
            raise AssertionError("the whole volume was read")

        def part(self, box):
            return crop(self._image, box)

    phases = tuple(Guarded(phase.time_s, phase.image) for phase in case.exam.dce.phases)
    series = [replace(s, phases=phases) if s.role == "dce" else s for s in case.exam.series]
    spec = InputsSpec(sequences=("t1",), patch=None, kinetics=True)
    found = prepare(replace(case, exam=replace(case.exam, series=tuple(series))), spec)
    assert found.kinetics.curve == "wash-out"
