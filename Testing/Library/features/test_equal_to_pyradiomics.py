"""Every feature equals what PyRadiomics' own `execute` gives on the whole image, whatever the settings."""

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.features.radiomics import FEATURE_NAMES, extract, feature_names

pytest.importorskip("radiomics", reason="nothing provides radiomics")
pytestmark = pytest.mark.fast

EQUAL = 1e-9
# PyRadiomics refuses shape2D of a lesion in several slices, so that forced 2-D needs the classes named.
NO_2D_SHAPE = dict.fromkeys(("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"))
FEW = {"firstorder": None, "glcm": ["Contrast", "MCC"]}

SETTINGS = {
    "fixed bin count": {"setting": {"binCount": 32}},
    "narrow bins": {"setting": {"binWidth": 3}},
    "distances": {"setting": {"distances": [1, 3]}},
    "slice by slice": {"setting": {"force2D": True}, "featureClass": NO_2D_SHAPE},
    "coronal slices": {"setting": {"force2D": True, "force2Ddimension": 1}, "featureClass": NO_2D_SHAPE},
    "weighted angles": {"setting": {"weightingNorm": "euclidean"}},
    "asymmetric": {"setting": {"symmetricalGLCM": False, "gldm_a": 1, "voxelArrayShift": 300}},
    "normalised": {"setting": {"normalize": True, "normalizeScale": 100, "binWidth": 5}},
    "outliers": {"setting": {"normalize": True, "normalizeScale": 100, "removeOutliers": 2, "binWidth": 5}},
    "resegmented": {"setting": {"resegmentRange": [450, 650]}},
    "resegmented, relative": {"setting": {"resegmentRange": [0.6], "resegmentMode": "relative"}},
    "resegmented, shape too": {
        "setting": {"resegmentRange": [-1, 1.5], "resegmentMode": "sigma", "resegmentShape": True}
    },
    "resampled": {"setting": {"resampledPixelSpacing": [1, 1, 1]}},
    "resampled, finer": {"setting": {"resampledPixelSpacing": [0.5, 0.5, 0], "padDistance": 2}},
    # Half the spacing and linear: many values lie halfway between two integers.
    "resampled, ties": {"setting": {"resampledPixelSpacing": [0.4, 0.4, 0.75], "interpolator": "sitkLinear"}},
    "resampled, same spacing": {"setting": {"resampledPixelSpacing": [0, 0, 0]}},
    "cropped beforehand": {"setting": {"preCrop": True, "padDistance": 3}, "imageType": {"LoG": {"sigma": [1.5]}}},
    "Laplacian of Gaussian": {"imageType": {"LoG": {"sigma": [0.5, 1.0, 3.0]}, "Original": {}}},
    "wavelets": {"imageType": {"Wavelet": {}}, "featureClass": FEW},
    "long wavelets": {"imageType": {"Wavelet": {"wavelet": "db3", "start_level": 1}}, "featureClass": FEW},
    "wavelets in slices": {"setting": {"force2D": True}, "imageType": {"Wavelet": {}}, "featureClass": FEW},
    "single voxels": {"imageType": {"Square": {}, "SquareRoot": {"binWidth": 5}, "Logarithm": {}, "Exponential": {}}},
    "gradient": {"imageType": {"Gradient": {"binWidth": 10}, "Original": {}}},
    "normalised and filtered": {
        "setting": {"normalize": True, "normalizeScale": 100, "removeOutliers": 3, "binWidth": 10},
        "imageType": {
            "Square": {},
            "Logarithm": {},
            "Gradient": {"gradientUseSpacing": False},
            "LoG": {"sigma": [1.0]},
        },
        "featureClass": FEW,
    },
    "everything": {
        "setting": {
            "resampledPixelSpacing": [1, 1, 1],
            "normalize": True,
            "normalizeScale": 100,
            "binWidth": 10,
            "resegmentRange": [-2, 2],
            "resegmentMode": "sigma",
        },
        "imageType": {"Original": {}, "LoG": {"sigma": [1.5]}, "Wavelet": {}, "Square": {}},
        "featureClass": FEW,
    },
    "deprecated features": {"featureClass": {"firstorder": ["StandardDeviation"], "shape": ["Compactness1"]}},
}


@pytest.mark.parametrize("kind", ["int16", "float32"])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_any_settings(make_case, stock, worst_difference, settings, kind) -> None:
    image, mask = make_case(kind=kind)
    measured = extract(image, mask, settings)
    assert worst_difference(stock(image, mask, settings), measured.features) <= EQUAL
    assert tuple(measured.features) == feature_names(settings)
    assert measured.undefined == ()


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float64"])
def test_default_settings(make_case, stock, worst_difference, kind) -> None:
    image, mask = make_case(kind=kind)
    measured = extract(image, mask)
    assert worst_difference(stock(image, mask), measured.features) <= EQUAL
    assert tuple(measured.features) == FEATURE_NAMES == feature_names({})


@pytest.mark.parametrize("center", [(0, 0, 0), (43, 65, 69), (2, 60, 3)])
def test_lesion_at_the_border(make_case, stock, worst_difference, center) -> None:
    image, mask = make_case(seed=3, center=center)
    settings = {
        "imageType": {"Original": {}, "LoG": {"sigma": [0.6]}, "Wavelet": {}, "Gradient": {}},
        "featureClass": {"shape": None, **FEW},
    }
    assert worst_difference(stock(image, mask, settings), extract(image, mask, settings).features) <= EQUAL


def test_shape_of_one_slice_in_2d(make_case, stock, worst_difference) -> None:
    image, mask = make_case()
    middle = sitk.GetArrayFromImage(mask)
    middle[:22], middle[23:] = 0, 0
    mask = sitk.Image(sitk.GetImageFromArray(middle))
    mask.CopyInformation(image)
    settings = {"setting": {"force2D": True}, "featureClass": {"shape2D": None, "glcm": None}}
    measured = extract(image, mask, settings)
    assert worst_difference(stock(image, mask, settings), measured.features) <= EQUAL
    assert "shape2D_Perimeter" in measured.features


def test_label_and_mask_type(case, stock, worst_difference) -> None:
    image, mask = case
    voxels = sitk.GetArrayFromImage(mask).astype(np.float32) * 3
    voxels[:4, :4, :4] = 1  # another lesion
    both = sitk.GetImageFromArray(voxels)
    both.CopyInformation(image)
    expected = stock(image, mask)
    assert worst_difference(expected, extract(image, both, label=3).features) <= EQUAL
    assert worst_difference(expected, extract(image, both, {"setting": {"label": 3}}).features) <= EQUAL
    assert worst_difference(expected, extract(image, both).features) > 0.1  # label 1 is the other one


def test_different_lesions_differ(make_case) -> None:
    first, second = (extract(*make_case(seed=seed)).features for seed in (0, 1))
    same = {name for name in FEATURE_NAMES if first[name] == second[name]}
    assert same <= {name for name in FEATURE_NAMES if "Diameter" in name}  # distances on one grid may coincide


def test_input_stays_as_it_was(case) -> None:
    image, mask = case
    before = sitk.Hash(image), sitk.Hash(mask), mask.GetOrigin()
    extract(image, mask)
    assert (sitk.Hash(image), sitk.Hash(mask), mask.GetOrigin()) == before
