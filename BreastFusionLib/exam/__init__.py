"""Exams: what a patient's images are, where they come from, and where things lie in them.

`read_exam` turns a DICOM study, an exam folder or image files into an `Exam`; `geometry` is the only place that knows
grids; `registration` and `breast` answer how two series lie to each other and which breast a point is in.
"""

from BreastFusionLib.exam.acquisition import acquisition_columns
from BreastFusionLib.exam.exam_folder import read_lesion_files, write_exam
from BreastFusionLib.exam.model import Contrast, Exam, Phase, Role, Series, Side
from BreastFusionLib.exam.reader import read_exam

__all__ = [
    "Contrast",
    "Exam",
    "Phase",
    "Role",
    "Series",
    "Side",
    "acquisition_columns",
    "read_exam",
    "read_lesion_files",
    "write_exam",
]
