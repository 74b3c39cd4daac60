"""The radiomic features of PyRadiomics' default settings, by name and in the order of every table and vector here."""

from __future__ import annotations

__all__ = ["FEATURE_CLASSES", "FEATURE_NAMES", "MESH_FREE_FEATURES", "TEXTURE_CLASSES", "short_name"]

# Everything that PyRadiomics enables by default, i.e. all of its features but the deprecated ones.
_DEFAULT_FEATURES: dict[str, str] = {
    "shape": """
        Elongation Flatness LeastAxisLength MajorAxisLength Maximum2DDiameterColumn Maximum2DDiameterRow
        Maximum2DDiameterSlice Maximum3DDiameter MeshVolume MinorAxisLength Sphericity SurfaceArea SurfaceVolumeRatio
        VoxelVolume""",
    "firstorder": """
        10Percentile 90Percentile Energy Entropy InterquartileRange Kurtosis Maximum MeanAbsoluteDeviation Mean Median
        Minimum Range RobustMeanAbsoluteDeviation RootMeanSquared Skewness TotalEnergy Uniformity Variance""",
    "glcm": """
        Autocorrelation ClusterProminence ClusterShade ClusterTendency Contrast Correlation DifferenceAverage
        DifferenceEntropy DifferenceVariance Id Idm Idmn Idn Imc1 Imc2 InverseVariance JointAverage JointEnergy
        JointEntropy MCC MaximumProbability SumAverage SumEntropy SumSquares""",
    "glrlm": """
        GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance HighGrayLevelRunEmphasis
        LongRunEmphasis LongRunHighGrayLevelEmphasis LongRunLowGrayLevelEmphasis LowGrayLevelRunEmphasis RunEntropy
        RunLengthNonUniformity RunLengthNonUniformityNormalized RunPercentage RunVariance ShortRunEmphasis
        ShortRunHighGrayLevelEmphasis ShortRunLowGrayLevelEmphasis""",
    "glszm": """
        GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance HighGrayLevelZoneEmphasis
        LargeAreaEmphasis LargeAreaHighGrayLevelEmphasis LargeAreaLowGrayLevelEmphasis LowGrayLevelZoneEmphasis
        SizeZoneNonUniformity SizeZoneNonUniformityNormalized SmallAreaEmphasis SmallAreaHighGrayLevelEmphasis
        SmallAreaLowGrayLevelEmphasis ZoneEntropy ZonePercentage ZoneVariance""",
    "gldm": """
        DependenceEntropy DependenceNonUniformity DependenceNonUniformityNormalized DependenceVariance
        GrayLevelNonUniformity GrayLevelVariance HighGrayLevelEmphasis LargeDependenceEmphasis
        LargeDependenceHighGrayLevelEmphasis LargeDependenceLowGrayLevelEmphasis LowGrayLevelEmphasis
        SmallDependenceEmphasis SmallDependenceHighGrayLevelEmphasis SmallDependenceLowGrayLevelEmphasis""",
    "ngtdm": "Busyness Coarseness Complexity Contrast Strength",
}

FEATURE_CLASSES: tuple[str, ...] = ("shape", "shape2D", *(name for name in _DEFAULT_FEATURES if name != "shape"))
"""All feature classes of PyRadiomics in the order used here."""

TEXTURE_CLASSES: tuple[str, ...] = ("glcm", "glrlm", "glszm", "gldm", "ngtdm")
"""The classes that describe how neighbouring voxels relate."""

FEATURE_NAMES: tuple[str, ...] = tuple(
    f"{group}_{feature}" for group, features in _DEFAULT_FEATURES.items() for feature in features.split()
)
"""The 107 features of the default settings, e.g. 'shape_Sphericity', 'firstorder_Mean', 'glcm_Contrast'."""

MESH_FREE_FEATURES: frozenset[str] = frozenset({"shape_VoxelVolume"}) | frozenset(
    name for name in FEATURE_NAMES if name.startswith("firstorder_") and not name.endswith(("Skewness", "Kurtosis"))
)
"""What is still defined for a lesion too small for a surface or a texture: it needs no neighbours and no spread."""


def short_name(image_type: str, feature_class: str, feature: str) -> str:
    """Return the name of a feature: that of the unfiltered image has no prefix.

    >>> short_name("original", "glcm", "Contrast"), short_name("wavelet-LLH", "glcm", "Contrast")
    ('glcm_Contrast', 'wavelet-LLH_glcm_Contrast')
    """
    prefix = "" if image_type == "original" else f"{image_type}_"
    return f"{prefix}{feature_class}_{feature}"
