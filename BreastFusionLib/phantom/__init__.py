"""Phantoms: synthetic breast MRI exams whose truth is known, so that every experiment has an upper bound.

`make_exam` makes one exam (images, lesion, latents, motion); `write_cohort` a folder of them with its case table.
Nothing in them is taken from a patient.
"""

from BreastFusionLib.phantom.cohort import write_cohort
from BreastFusionLib.phantom.exam import PhantomExam, make_exam
from BreastFusionLib.phantom.truth import Truth, ideal_auc, log_likelihood_ratio

__all__ = ["PhantomExam", "Truth", "ideal_auc", "log_likelihood_ratio", "make_exam", "write_cohort"]
