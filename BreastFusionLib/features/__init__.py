"""Measured numbers of a lesion on one image: radiomic features.

`BreastFusionLib.features.radiomics` measures what PyRadiomics measures, with equal values, many times faster. It needs
a provider of the package `radiomics`, which is imported only when features are asked for.
"""

__all__ = ["radiomics"]
