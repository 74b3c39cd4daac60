"""A portion of a case gives the very numbers of the whole case, and is small."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, Grid, bounding_box, crop
from BreastFusionLib.exam.model import Exam, Phase
from BreastFusionLib.images import IntensitySpec, PatchSpec, measure_scale
from BreastFusionLib.lesion import Lesion, map_lesion
from BreastFusionLib.phantom import make_exam as make_phantom
from BreastFusionLib.reading import Case, ColumnSpec, InputsSpec, RadiomicsSpec, prepare
from BreastFusionLib.reading.portion import cut_case

pytestmark = pytest.mark.fast

ROBUST = IntensitySpec("robust")
FEW = {"featureClass": {"shape": [], "firstorder": []}, "setting": {"binWidth": 0.1}}
IN_MM = PatchSpec(size_px=32, size_mm=48.0, slice_step_mm=3.0, intensity=ROBUST)
SPECS = {
    "wang2024": InputsSpec(patch=PatchSpec(), radiomics=RadiomicsSpec({**FEW, "setting": {"binWidth": 25}})),
    "fusion": InputsSpec(
        patch=IN_MM, radiomics=RadiomicsSpec(FEW, ROBUST), kinetics=True, clinical=(ColumnSpec("age"),)
    ),
    "images of one sequence": InputsSpec(sequences=("t1",), patch=IN_MM),
    "kinetics alone": InputsSpec(sequences=("dce",), patch=None, kinetics=True),
    "texture of coarse patches": InputsSpec(patch=replace(IN_MM, size_mm=128.0)),
    "filters": InputsSpec(
        patch=None, radiomics=RadiomicsSpec({**FEW, "imageType": {"LoG": {"sigma": [2.0]}, "Wavelet": {}}}, ROBUST)
    ),
    "resampling": InputsSpec(
        patch=IN_MM, radiomics=RadiomicsSpec({**FEW, "setting": {"resampledPixelSpacing": [2, 2, 2], "binWidth": 9}})
    ),
    "registration": InputsSpec(("dce", "t1"), patch=IN_MM, registration="rigid"),
}


@pytest.fixture(scope="module")
def phantom() -> Case:
    found = make_phantom(seed=4, number=2, small=True)
    return Case(found.exam, found.lesion, "C1", found.clinical)


def on_other_grids(exam: Exam, change) -> Exam:
    """Return the exam with every volume put on another grid: change(role, grid) of the same size."""
    series = []
    for one in exam.series:
        grid = change(one.role, one.grid)
        phases = tuple(Phase(phase.time_s, grid.put_on(sitk.Image(phase.image))) for phase in one.phases)
        series.append(replace(one, phases=phases, grid=grid))
    return replace(exam, series=tuple(series))


def turned(case: Case, angles=(0.4, -0.3, 0.2), shift_mm=(7.0, 5.0, -3.0)) -> Case:
    """Return the case as it lies in a scanner that was turned."""
    turn = sitk.Euler3DTransform((10.0, -20.0, 30.0), *angles, shift_mm)
    rotation = np.reshape(turn.GetMatrix(), (3, 3))

    def change(_, grid: Grid) -> Grid:
        direction = tuple((rotation @ np.reshape(grid.direction, (3, 3))).ravel().tolist())
        return Grid(grid.size, grid.spacing_mm, turn.TransformPoint(grid.origin_lps), direction)

    exam = on_other_grids(case.exam, change)
    return replace(
        case, exam=exam, lesion=replace(case.lesion, mask=exam.dce.grid.put_on(sitk.Image(case.lesion.mask)))
    )


def cut_through(case: Case, role: str) -> Case:
    """Return the case with the volumes of one role ending in the middle of the lesion."""
    middle = np.rint(case.exam.get(role).grid.index(lesion_centre(case))).astype(int).tolist()
    box = Box(tuple(middle), tuple(n - m for n, m in zip(case.exam.get(role).grid.size, middle, strict=True)))
    series = []
    for one in case.exam.series:
        if one.role == role:
            phases = tuple(Phase(phase.time_s, crop(phase.image, box)) for phase in one.phases)
            one = replace(one, phases=phases, grid=Grid.of(phases[0].image))
        series.append(one)
    mask = crop(case.lesion.mask, box) if role == "dce" else case.lesion.mask
    return replace(case, exam=replace(case.exam, series=tuple(series)), lesion=replace(case.lesion, mask=mask))


def lesion_centre(case: Case):
    box = bounding_box(case.lesion.mask)
    return case.exam.dce.grid.physical(np.add(box.start, box.size) // 2)


def without(case: Case, role: str) -> Case:
    series = tuple(one for one in case.exam.series if one.role != role)
    return replace(case, exam=replace(case.exam, series=series))


PLACES = {
    "upright": lambda case: case,
    "oblique": turned,
    "at the border of DCE": lambda case: cut_through(case, "dce"),
    "half outside T1": lambda case: cut_through(case, "t1"),
    "without T2": lambda case: without(case, "t2"),
}


def assert_equal(found, expected) -> None:
    """Compare prepared cases to the last bit."""
    assert found.vectors.keys() == expected.vectors.keys()
    for source, values in expected.vectors.items():
        np.testing.assert_equal(dict(found.vectors[source]), dict(values))
    assert found.patches.keys() == expected.patches.keys()
    for sequence, patch in expected.patches.items():
        np.testing.assert_array_equal(found.patches[sequence].pixels, patch.pixels)
        assert found.patches[sequence].grid == patch.grid
    for sequence, mapped in expected.mapped.items():
        ours = found.mapped[sequence]
        assert Grid.of(ours.mask) == Grid.of(mapped.mask)
        np.testing.assert_array_equal(sitk.GetArrayViewFromImage(ours.mask), sitk.GetArrayViewFromImage(mapped.mask))
        assert ours.to_mapping() == mapped.to_mapping()
    for name in ("case_id", "lesion", "kinetics", "context", "warnings"):
        assert getattr(found, name) == getattr(expected, name), name


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("spec", SPECS)
def test_the_numbers_of_a_portion_are_those_of_the_whole(phantom, spec, place):
    case, inputs = PLACES[place](phantom), SPECS[spec]
    portion = cut_case(case, inputs)
    assert_equal(prepare(portion.case, inputs, portion.scales), prepare(case, inputs))


@settings(max_examples=12, deadline=None)
@given(
    angles=st.tuples(*[st.floats(-1.5, 1.5)] * 3),
    shift_mm=st.tuples(*[st.floats(-50, 50)] * 3),
    size_mm=st.floats(10.0, 120.0),
)
def test_however_the_scanner_stood_and_however_large_the_patch(phantom, angles, shift_mm, size_mm):
    case = turned(phantom, angles, shift_mm)
    inputs = replace(SPECS["fusion"], patch=replace(IN_MM, size_mm=size_mm))
    portion = cut_case(case, inputs)
    assert_equal(prepare(portion.case, inputs, portion.scales), prepare(case, inputs))


@pytest.mark.parametrize("method", ["edited", "rigid registration"])
def test_so_are_those_of_a_lesion_that_its_reader_moved(phantom, method):
    inputs = SPECS["fusion"]
    own = map_lesion(phantom.lesion, phantom.exam, "t1")
    if method == "edited":
        shifted = np.roll(sitk.GetArrayFromImage(own.mask), (2, 9, -7), axis=(0, 1, 2))
        mapped = replace(own, mask=Grid.of(own.mask).put_on(sitk.GetImageFromArray(shifted)), method=method)
    else:
        back = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.02, 0.0, -0.03, (4.0, -6.0, 5.0))
        mapped = replace(own, transform=back, method=method)
    case = replace(phantom, mapped={"t1": mapped}, dce_phase=1)
    portion = cut_case(case, inputs)
    assert_equal(prepare(portion.case, inputs, portion.scales), prepare(case, inputs))


def test_nothing_outside_the_portion_is_looked_at(phantom):
    """Whatever the volumes hold elsewhere, once their scales are known, the numbers stay the same."""
    inputs = SPECS["fusion"]
    portion = cut_case(phantom, inputs)
    rng = np.random.default_rng(0)
    series = []
    for one, cut in zip(phantom.exam.series, portion.case.exam.series, strict=True):
        phases = []
        for phase, part in zip(one.phases, cut.phases, strict=True):
            noise = rng.integers(0, 900, one.grid.size[::-1]).astype(np.int16)
            noise[part.box.slices] = sitk.GetArrayViewFromImage(part.piece)
            phases.append(Phase(phase.time_s, one.grid.put_on(sitk.GetImageFromArray(noise))))
        series.append(replace(one, phases=tuple(phases)))
    other = replace(phantom, exam=replace(phantom.exam, series=tuple(series)))
    assert_equal(prepare(other, inputs, portion.scales), prepare(phantom, inputs))


@pytest.mark.parametrize(("spec", "whole"), [("fusion", False), ("wang2024", False), ("filters", True)])
def test_whole_volumes_go_along_only_where_they_are_looked_at(phantom, spec, whole):
    exam = cut_case(phantom, SPECS[spec]).case.exam
    chosen = (exam.dce.phase(2), exam.t1.only_phase, exam.t2.only_phase)
    assert all((phase.box.size == phase.grid.size) == whole for phase in chosen)
    box = bounding_box(phantom.lesion.mask).grown(2)  # room for an outline that is moved by a voxel
    assert all(exam.dce.phase(number).box == box for number in (0, 1, 3))


def test_registration_needs_the_whole_volumes_unless_it_was_done(phantom):
    inputs = SPECS["registration"]
    exam = cut_case(phantom, inputs).case.exam
    assert all(phase.box.size == phase.grid.size for phase in (exam.dce.phase(0), exam.t1.only_phase))
    mapped = {name: map_lesion(phantom.lesion, phantom.exam, name) for name in ("t1", "t2")}
    exam = cut_case(replace(phantom, mapped=mapped), inputs).case.exam
    assert all(phase.box.size != phase.grid.size for one in exam.series for phase in one.phases)


def test_known_scales_spare_reading_the_volumes(phantom):
    class Unread(Phase):
        @property
        def image(self):
            raise AssertionError("a whole volume was read")

        def part(self, box):
            return crop(self._image, box)

    inputs = SPECS["fusion"]
    scales = cut_case(phantom, inputs).scales
    series = tuple(
        replace(one, phases=tuple(Unread(phase.time_s, phase.image) for phase in one.phases))
        for one in phantom.exam.series
    )
    portion = cut_case(replace(phantom, exam=replace(phantom.exam, series=series)), inputs, scales)
    assert portion.scales == scales
    assert scales["t1", ROBUST] == measure_scale(phantom.exam.t1.image, ROBUST)


def test_asking_for_more_than_is_at_hand_is_an_error_and_not_zeros(phantom):
    phase = cut_case(phantom, SPECS["fusion"]).case.exam.dce.phase(0)
    with pytest.raises(ValueError, match="are at hand"):
        phase.part(phase.box.grown(1))


def test_an_empty_lesion_and_a_lesion_outside_are_refused_in_words(phantom):
    empty = replace(phantom, lesion=Lesion(phantom.lesion.mask * 0))
    with pytest.raises(InputError, match="Draw the lesion first"):
        cut_case(empty, SPECS["fusion"])
    away = on_other_grids(
        phantom.exam,
        lambda role, grid: replace(grid, origin_lps=(900.0, 0.0, 0.0)) if role == "t1" else grid,
    )
    portion = cut_case(replace(phantom, exam=away), SPECS["fusion"])
    with pytest.raises(InputError, match="outside the field of view of the T1 series"):
        prepare(portion.case, portion.inputs, portion.scales)
