"""Lesions that are too small or flat, voxels that are no numbers, settings with slips of the pen."""

import json
import logging
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.features import provider as provider_module
from BreastFusionLib.features.radiomics import FEATURE_NAMES, TEXTURE_CLASSES, extract, provider, read_settings

pytestmark = pytest.mark.fast


@pytest.fixture
def image() -> sitk.Image:
    pytest.importorskip("radiomics", reason="nothing provides radiomics")
    return sitk.GetImageFromArray(np.random.default_rng(0).normal(300, 80, (20, 24, 26)).astype(np.float32))


def mask_of(*box) -> sitk.Image:
    voxels = np.zeros((20, 24, 26), np.uint8)
    voxels[box] = 1
    return sitk.GetImageFromArray(voxels)


CUBE = (slice(3, 9),) * 3


def changed(image: sitk.Image, index_kji: tuple[int, int, int], value: float) -> sitk.Image:
    pixels = sitk.GetArrayFromImage(image)
    pixels[index_kji] = value
    return sitk.GetImageFromArray(pixels)


@pytest.mark.parametrize(("box", "why"), [((5, 6, 7), "single voxel"), ((5, 6, slice(3, 9)), "1 of its 3 axes")])
def test_too_small_lesion_keeps_what_needs_no_neighbours(image, box, why) -> None:
    measured = extract(image, mask_of(*box))
    values = sitk.GetArrayFromImage(image)[box]
    assert measured.features["shape_VoxelVolume"] == values.size
    assert measured.features["firstorder_Mean"] == pytest.approx(values.mean())
    assert set(FEATURE_NAMES) == set(measured.features)
    assert {name for name in FEATURE_NAMES if name.startswith(TEXTURE_CLASSES)} <= set(measured.undefined)
    assert {"shape_Sphericity", "firstorder_Skewness", "firstorder_Kurtosis"} <= set(measured.undefined)
    assert all(np.isnan(measured.features[name]) for name in measured.undefined)
    assert why in measured.warnings[0] and "glcm (24 features)" in measured.warnings[0]


def test_smaller_than_the_settings_allow(image) -> None:
    measured = extract(image, mask_of(*CUBE), {"setting": {"minimumROISize": 216}})
    assert "216 voxels" in measured.warnings[0]
    assert np.isnan(measured.features["glcm_Contrast"])
    assert not extract(image, mask_of(*CUBE), {"setting": {"minimumROISize": 215}}).undefined


def test_flat_lesion_is_measured_and_said(image, stock, worst_difference) -> None:
    mask = mask_of(5, slice(3, 9), slice(4, 12))
    measured = extract(image, mask)
    assert worst_difference(stock(image, mask), measured.features) <= 1e-9
    assert measured.features["shape_Flatness"] == pytest.approx(0.0, abs=1e-6)
    assert "flat" in measured.warnings[0] and "Flatness" in measured.warnings[0]


def test_lesion_of_one_intensity_is_said(image, stock, worst_difference) -> None:
    flat, mask = image * 0 + 7.0, mask_of(*CUBE)
    measured = extract(flat, mask)
    assert worst_difference(stock(flat, mask), measured.features) <= 1e-9
    assert "same intensity" in measured.warnings[0] and "skewness" in measured.warnings[0]


def test_filter_without_a_result(image) -> None:
    measured = extract(image, mask_of(*CUBE), {"imageType": {"Original": {}, "LoG": {"sigma": [60.0]}}})
    assert np.isnan(measured.features["log-sigma-60-0-mm-3D_glcm_Contrast"])
    assert not np.isnan(measured.features["glcm_Contrast"])
    assert "log-sigma-60-0-mm-3D_glcm (24 features)" in measured.warnings[0]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_number_inside_the_lesion(image, value) -> None:
    with pytest.raises(InputError, match="1 of the lesion's 216 voxels are NaN or infinite"):
        extract(changed(image, (4, 4, 4), value), mask_of(*CUBE))


def test_no_number_elsewhere_matters_only_where_it_spreads(image, worst_difference) -> None:
    bad, mask = changed(image, (0, 0, 0), np.nan), mask_of(*CUBE)
    assert worst_difference(extract(image, mask).features, extract(bad, mask).features) == 0.0
    with pytest.raises(InputError, match="not finite"):
        extract(bad, mask, {"setting": {"normalize": True}})


def test_empty_mask_and_missing_label(image) -> None:
    with pytest.raises(InputError, match="no voxel with the value 1"):
        extract(image, mask_of(slice(0, 0)))
    with pytest.raises(InputError, match="no voxel with the value 2"):
        extract(image, mask_of(*CUBE), label=2)


def test_mask_on_another_grid(image) -> None:
    with pytest.raises(InputError, match=r"another grid.*26x24x20 against 26x24x19"):
        extract(image, mask_of(*CUBE)[:, :, :19])
    moved = mask_of(*CUBE)
    moved.SetOrigin((0.5, 0.0, 0.0))
    with pytest.raises(InputError, match="another grid"):
        extract(image, moved)


def test_flat_images_and_colours(image) -> None:
    with pytest.raises(InputError, match="2-D image"):
        extract(image[:, :, 3], mask_of(*CUBE)[:, :, 3])
    with pytest.raises(InputError, match="2 values per voxel"):
        extract(sitk.Compose(image, image), mask_of(*CUBE))


def test_too_many_grey_levels(image) -> None:
    with pytest.raises(InputError, match=r"binWidth 0\.001.*larger binWidth"):
        extract(image, mask_of(*CUBE), {"setting": {"binWidth": 0.001}})


def test_nothing_left_after_resegmentation(image) -> None:
    with pytest.raises(InputError, match=r"resegmentRange.*leaves no lesion"):
        extract(image, mask_of(*CUBE), {"setting": {"resegmentRange": [5000, 6000]}})


def test_8_bit_voxels_are_said(image) -> None:
    narrow = sitk.Cast(sitk.Clamp(image, sitk.sitkFloat32, 0, 255), sitk.sitkUInt8)
    assert "8-bit voxels" in extract(narrow, mask_of(*CUBE)).warnings[-1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"settings": {}}, "unknown section 'settings'. Did you mean 'setting'"),
        ({"setting": {"binwidth": 5}}, "unknown setting 'binwidth'. Did you mean 'binWidth'"),
        ({"imageType": {"Wavlet": {}}}, "unknown image type 'Wavlet'. Did you mean 'Wavelet'"),
        ({"imageType": {"LoG": {"sigmas": [1]}}}, "imageType, LoG: unknown setting 'sigmas'. Did you mean 'sigma'"),
        ({"featureClass": {"glcmm": None}}, "unknown feature class 'glcmm'. Did you mean 'glcm'"),
        ({"featureClass": {"glcm": ["Contrst"]}}, "unknown feature 'Contrst'. Did you mean 'Contrast'"),
        ({"setting": {"binWidth": "wide"}}, "'wide' is not of type 'float'"),
        ({"setting": {"binWidth": -1}}, "binWidth"),
        ({"setting": 25}, "setting: expected a mapping"),
        ([25], "expected the sections"),
    ],
)
def test_settings_with_a_mistake(image, settings, message) -> None:
    with pytest.raises(InputError) as caught:
        extract(image, mask_of(*CUBE), settings)
    assert message in str(caught.value)


def test_parameter_file(image, tmp_path: Path, worst_difference) -> None:
    file = tmp_path / "parameters.yaml"
    file.write_text(
        "setting:\n  binWidth: 10\nimageType:\n  Original: {}\nfeatureClass:\n  glcm:\n  firstorder: [Mean]\n"
    )
    settings = read_settings(file)
    assert settings == {
        "setting": {"binWidth": 10},
        "imageType": {"Original": {}},
        "featureClass": {"glcm": None, "firstorder": ["Mean"]},
    }
    measured = extract(image, mask_of(*CUBE), settings)
    assert len(measured.features) == 25
    assert measured.settings["setting"]["binWidth"] == 10
    again = extract(image, mask_of(*CUBE), json.loads(json.dumps(measured.settings)))
    assert worst_difference(measured.features, again.features) == 0.0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.yaml", None, "no such PyRadiomics parameter file"),
        ("slip.yaml", "setting:\n  binwidth: 5\n", "slip.yaml, setting: unknown setting 'binwidth'"),
        ("broken.yaml", "setting: [", "cannot be read"),
        ("parameters.txt", "setting: {}", "cannot be read"),
        ("list.yaml", "- 1\n", "expected the sections"),
    ],
)
def test_parameter_file_with_a_mistake(image, tmp_path: Path, name, content, message) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as caught:
        read_settings(tmp_path / name)
    assert message in str(caught.value) and name in str(caught.value)


def test_provider_is_named_and_silent(image, capfd, caplog) -> None:
    found = provider()
    assert found["provider"] in ("pyradiomics", "pyradiomics-cuda", "SlicerRadiomics") and found["version"][0].isdigit()
    level = logging.getLogger("radiomics").level
    measured = extract(image, mask_of(*CUBE), {"setting": {"binCount": 8, "symmetricalGLCM": True}})
    assert measured.versions["radiomics"] == f"{found['provider']} {found['version']}"
    assert capfd.readouterr() == ("", "") and not caplog.records
    assert logging.getLogger("radiomics").level == level


def test_no_provider(image, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "radiomics", None)
    provider_module.load_provider.cache_clear()
    try:
        with pytest.raises(InputError, match="SlicerRadiomics"):
            extract(image, mask_of(*CUBE))
    finally:
        provider_module.load_provider.cache_clear()


def test_diameters_never_come_from_compiled_code(image, monkeypatch) -> None:
    """Some builds of it use a GPU without being asked."""
    shape = pytest.importorskip("radiomics.shape")
    monkeypatch.setattr(shape, "cShape", None)
    assert extract(image, mask_of(*CUBE)).features["shape_MeshVolume"] > 0
