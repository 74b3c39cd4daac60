"""One real patient, read with a model of phantoms."""

import pytest

from BreastFusionLib.reading import Case, Reader, load_bundle


@pytest.mark.slow
def test_duke_153_is_read_without_a_number(duke_folder, synthetic_bundle_folder):
    from BreastFusionLib.exam import read_exam
    from BreastFusionLib.lesion.masks import make_lesion, read_mask

    exam = read_exam(duke_folder / "dicom")
    mask = read_mask(duke_folder / "nii" / "lesion_threshold_mask_rightbreast.nii.gz")
    # The mask was drawn on a part of the breast; the DICOM folder holds another part.
    lesion = make_lesion(mask, exam, resample=True)
    found = Reader(load_bundle(synthetic_bundle_folder)).read(Case(exam, lesion))
    assert found.probability is None
    assert found.statement == "Demo model: its score has no meaning for this patient"
    assert any(warning.startswith("T2 missing") for warning in found.warnings)
    assert "T1 was taken after contrast." in found.warnings
    assert found.inputs.kinetics.curve == "wash-out"
    assert found.inputs.mapped["t1"].volume_mm3 == pytest.approx(3800, abs=100)
    assert set(found.evidence.maps) == {(s, m) for s in ("dce", "t1") for m in ("gradcam", "gradcam++")}
