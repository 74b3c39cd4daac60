"""BreastFusion: reading breast MRI with radiomics and deep features of several sequences.

The ground floor (`exam`, `lesion`, `features`, `images`, `phantom`, `models`, `reading`) makes one reading
and runs inside 3D Slicer; the upper floor (`evaluation`, `cohort`, `training`, `report`, `recipes`, `cli`)
makes a study. Importing this package loads nothing heavy: each room imports what it needs when it is used.

Research use only. Not a medical device.
"""

__version__ = "0.1.0"

DISCLAIMER = "Research use only. Not a medical device."

__all__ = ["DISCLAIMER", "__version__"]
