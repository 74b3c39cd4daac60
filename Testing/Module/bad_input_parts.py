"""What the tests of bad input do: spoil a study, draw a lesion, read the sentence.

The list is that of the library's own tests of bad input, as far as it can reach the panel: each kind ends with its
sentence in the panel, and never with a traceback.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from BreastFusionPanel.bridge.segments import replace_outline


@pytest.fixture(scope="session")
def originals(tmp_path_factory) -> Path:
    """A phantom as the DICOM study `dicom` and as the exam folder `exam`, and another patient's study `other`."""
    from BreastFusionLib.exam import write_exam
    from BreastFusionLib.phantom import make_exam
    from BreastFusionLib.phantom.dicom import write_dicom_study

    folder = tmp_path_factory.mktemp("originals")
    made = make_exam(5, 1, small=True)
    write_dicom_study(made, folder / "dicom")
    write_dicom_study(make_exam(5, 2, small=True), folder / "other")
    write_exam(made.exam, folder / "exam", {"L1": made.lesion.mask})
    return folder


@pytest.fixture
def reader(person, originals, demo_bundle):
    """The person, with the exam opened and a model imported."""
    person.open_study(originals / "exam")
    person.import_model(demo_bundle)
    return person


def in_plain_words(person) -> str:
    """The sentence in the message line, which must be one that the user can act on."""
    assert person.message.endswith(".")
    assert "Traceback" not in person.message and "unexpected" not in person.message
    assert person.panel.messages.details == ""
    return person.message


def draw(person, originals: Path, change: Callable[[np.ndarray], None] = lambda _mask: None) -> None:
    """Press 'Draw' and paint the phantom's lesion, or what `change` leaves of it."""
    truth = sitk.ReadImage(str(originals / "exam" / "lesions" / "L1.nii.gz"))
    pixels = sitk.GetArrayFromImage(truth)
    change(pixels)
    mask = sitk.GetImageFromArray(pixels)
    mask.CopyInformation(truth)
    person.press(person.panel.lesion.ui.drawButton)
    if pixels.any():
        replace_outline(person.parameters, person.parameters.selectedLesion, mask)
        person.panel.lesion.watch.settle()


def empty(study: Path) -> None:
    shutil.rmtree(study)
    study.mkdir()


def no_image(study: Path) -> None:
    empty(study)
    (study / "letter.txt").write_text("Dear colleague", encoding="utf-8")


def truncated(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])


def truncated_nifti(study: Path) -> None:
    truncated(study / "dce_2.nii.gz", 5000)
