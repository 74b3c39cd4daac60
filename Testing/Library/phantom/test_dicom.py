"""DICOM studies of phantoms: taken by pydicom, SimpleITK, dcm2niix and our own reader, for every vendor's way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from BreastFusionLib.exam import read_exam
from BreastFusionLib.exam.geometry import same_grid
from BreastFusionLib.phantom import PhantomExam, write_cohort
from BreastFusionLib.phantom.dicom import write_dicom_study
from BreastFusionLib.phantom.scanner import DIALECTS


@pytest.fixture(scope="module", params=DIALECTS, ids=lambda dialect: dialect.site)
def study(request, phantoms, tmp_path_factory) -> tuple[PhantomExam, Path]:
    made = next(made for made in phantoms if made.dialect == request.param)
    return made, write_dicom_study(made, tmp_path_factory.mktemp(request.param.site) / "study")


def test_our_reader_finds_the_exam_that_was_written(study):
    made, folder = study
    exam = read_exam(folder)
    assert exam.synthetic and not exam.warnings
    assert sorted(series.role for series in exam.series) == ["dce", "t1", "t2"]
    assert [p.time_s for p in exam.dce.phases] == pytest.approx([p.time_s for p in made.exam.dce.phases], abs=0.01)
    for role in ("dce", "t1", "t2"):
        written, found = made.exam.get(role), exam.get(role)
        assert found.contrast == written.contrast
        assert same_grid(found.grid, written.grid)
        assert found.acquisition["RepetitionTime"] == written.acquisition["RepetitionTime"]
        for a, b in zip(written.phases, found.phases, strict=True):
            difference = sitk.GetArrayFromImage(a.image) - sitk.GetArrayFromImage(b.image).astype(float)
            assert np.abs(difference).max() <= made.dialect.rescale_slope / 2 + 1e-6


def test_every_file_says_that_it_is_a_phantom(study):
    _, folder = study
    files = sorted(folder.rglob("*.dcm"))
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in files[:: len(files) // 20]]
    for header in headers:
        assert header.QualityControlImage == "YES"
        assert "BreastFusion phantom" in header.Manufacturer
        assert str(header.PatientName).startswith("PHANTOM^") and header.PatientBirthDate == ""
        assert header.SOPInstanceUID.startswith(pydicom.uid.PYDICOM_ROOT_UID)
    assert len({header.SOPInstanceUID for header in headers}) == len(headers)
    assert len({header.StudyInstanceUID for header in headers}) == 1


def test_simpleitk_reads_t2_at_the_same_place(study):
    made, folder = study
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder / "02_t2"))
    image = sitk.ReadImage(names)
    assert same_grid(image, made.exam.t2.grid)
    written = sitk.GetArrayFromImage(made.exam.t2.image)
    assert np.abs(sitk.GetArrayFromImage(image) - written).max() <= made.dialect.rescale_slope / 2 + 1e-3


def test_dcm2niix_finds_all_volumes(study, tmp_path):
    tool = shutil.which("dcm2niix", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if tool is None:
        pytest.skip("dcm2niix is not installed")
    _, folder = study
    subprocess.run([tool, "-z", "n", "-o", tmp_path, folder], check=True, capture_output=True)
    volumes = [sitk.ReadImage(str(path)).GetSize()[3:] for path in tmp_path.glob("*.nii")]
    assert sum(size[0] if size else 1 for size in volumes) == 7


def test_writing_again_gives_the_same_bytes(study, tmp_path):
    made, folder = study
    again = write_dicom_study(replace(made), tmp_path / "again")
    name = "03_t1/IM00007.dcm"
    assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_a_dicom_cohort_keeps_the_masks_beside_the_studies(tmp_path):
    path = write_cohort(tmp_path, 1, seed=5, small=True, dicom=True)
    exam = read_exam(tmp_path / "exams" / "P0001")
    mask = sitk.ReadImage(str(tmp_path / "lesions" / "P0001.nii.gz"))
    assert path.is_file() and exam.synthetic
    assert same_grid(mask, exam.dce.grid)
