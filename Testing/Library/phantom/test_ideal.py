"""The ideal observer of a folder of phantoms, from its truth alone."""

import csv

import numpy as np
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import auc
from BreastFusionLib.phantom import ideal_auc, make_exam
from BreastFusionLib.phantom.cohort import truth_row
from BreastFusionLib.phantom.ideal import CERTAINLY_BENIGN, PhantomCase, ideal_scores
from BreastFusionLib.phantom.truth import LATENTS, draw_latents


def write_truth(path, rows):
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def row(case_id, x_mm, **latents):
    values = {latent.name: 0.0 for latent in LATENTS} | latents
    return {"case_id": case_id, "dce_center_x_mm": x_mm, **{f"latent_{name}": v for name, v in values.items()}}


def test_latents_that_are_seen_add_up_and_others_do_not_count(tmp_path):
    truth = write_truth(tmp_path / "truth.csv", [row("P0001", 60.0, age=1.0, suspicion=2.0, size=9.0)])
    # d z - d^2 / 2 with d = .8 for the age and .47 for the suspicion.
    expected = 0.8 * 1.0 - 0.8**2 / 2 + 0.47 * 2.0 - 0.47**2 / 2
    assert ideal_scores(truth, [PhantomCase("exams/P0001")], ("age", "suspicion")) == [pytest.approx(expected)]


def test_a_breast_without_the_lesion_is_certainly_benign(tmp_path):
    truth = write_truth(tmp_path / "truth.csv", [row("P0001", 60.0, age=1.0), row("P0002", -60.0, age=1.0)])
    breasts = [PhantomCase(f"exams/{name}", side) for name in ("P0001", "P0002") for side in ("left", "right")]
    seen = ideal_scores(truth, breasts, ("age",))
    assert [score == CERTAINLY_BENIGN for score in seen] == [False, True, True, False]


def test_its_auc_over_many_lesions_is_the_closed_form(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(4000) % 2
    rows = [row(f"P{number:04d}", 1.0, **draw_latents(rng, int(label))) for number, label in enumerate(labels)]
    truth = write_truth(tmp_path / "truth.csv", rows)
    cases = [PhantomCase(one["case_id"]) for one in rows]
    clinical = [latent.name for latent in LATENTS if latent.source == "clinical"]
    assert auc(labels, ideal_scores(truth, cases, clinical)) == pytest.approx(ideal_auc(("clinical",)), abs=0.015)


def test_the_lesions_side_follows_from_a_made_exams_own_truth(tmp_path):
    made = make_exam(7, 3, small=True)
    truth = write_truth(tmp_path / "truth.csv", [truth_row("P0003", made)])
    other = {"left": "right", "right": "left"}[made.lesion.side]
    cases = [PhantomCase("P0003", made.lesion.side), PhantomCase("P0003", other)]
    assert [score > CERTAINLY_BENIGN for score in ideal_scores(truth, cases, ("size",))] == [True, False]


def test_what_is_no_truth_of_these_phantoms_is_refused(tmp_path):
    truth = write_truth(tmp_path / "truth.csv", [row("P0001", 60.0)])
    with pytest.raises(InputError, match="tells nothing of the phantom 'P0009'"):
        ideal_scores(truth, [PhantomCase("P0009")], ("age",))
    with pytest.raises(InputError, match=r"no latent value 'wash-out'\. Did you mean 'wash_out'"):
        ideal_scores(truth, [PhantomCase("P0001")], ("age", "wash-out"))
    (tmp_path / "other.csv").write_text("case_id,label\nP0001,1\n")
    with pytest.raises(InputError, match="no column 'dce_center_x_mm'"):
        ideal_scores(tmp_path / "other.csv", [PhantomCase("P0001")], ("age",))
