"""Rules draw alike for one exam and side whatever they are called; a cohort's cases draw from their names."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam import read_exam, write_exam
from BreastFusionLib.exam.model import Exam, Phase
from BreastFusionLib.reading import Case, ColumnSpec, InputsSpec, RuleSpec, clinical_columns, cut_case, prepare
from BreastFusionLib.reading.draws import drawn_from
from BreastFusionLib.service.transfer import read_case, write_case

pytestmark = pytest.mark.fast

LEVELS = ("other", "screening", "diagnostic", "extent")
INDICATION = ColumnSpec("indication", "categorical", levels=LEVELS)
RULE = RuleSpec("replace_at_random", "indication", "extent", where="birads", where_values=("6",))
RULED = InputsSpec(("dce",), patch=None, kinetics=True, clinical=(INDICATION,), clinical_rules=(RULE,))
ROW = {"indication": "extent", "birads": 6}


def test_names_and_outlines_do_not_count(case):
    grown = replace(case.lesion, mask=sitk.BinaryDilate(case.lesion.mask, (2, 2, 1)), lesion_id="Lesion 1")
    other = Case(replace(case.exam, pseudonym="P-2", folder="elsewhere"), grown, "Lesion 1", ROW)
    assert drawn_from(other, RULED) == drawn_from(case, RULED)
    assert drawn_from(Case(case.exam, None, side="left"), RULED) == drawn_from(case, RULED)  # the lesion is there
    assert drawn_from(replace(case, side="right"), RULED) != drawn_from(case, RULED)


@pytest.mark.parametrize(
    "change", [lambda image: image[::-1, :, ::-1], lambda image: sitk.Cast(image, sitk.sitkFloat64)]
)
def test_nor_does_how_a_program_keeps_the_voxels(case, change):
    before, *after = case.exam.dce.phases
    other = replace(case.exam, series=(replace(case.exam.dce, phases=(Phase(0.0, change(before.image)), *after)),))
    assert drawn_from(replace(case, exam=other), RULED) == drawn_from(case, RULED)


def test_a_cut_case_draws_as_the_whole_one_wherever_it_was_sent(case, tmp_path):
    whole = replace(case, clinical=ROW)
    folder = write_exam(case.exam, tmp_path / "renamed")
    of_files = Case(read_exam(folder), case.lesion, "P-7/L1", ROW)
    sent = read_case(write_case(cut_case(replace(whole, case_id="Lesion 1"), RULED), tmp_path / "sent"))
    found = [prepare(one, RULED).columns["indication"] for one in (whole, of_files, sent.case)]
    assert found[0] in LEVELS[:3] and found == [found[0]] * 3
    # Its voxels are cut by now, and what they would tell is another thing.
    assert drawn_from(sent.case, RULED) != drawn_from(replace(sent.case, drawn_from=None), RULED)


def test_exams_are_drawn_for_independently_and_evenly(case):
    counts: Counter[tuple[object, ...]] = Counter()
    for pixels in np.random.default_rng(0).integers(0, 900, (300, 4, 5, 6)).astype(np.int16):
        series = replace(case.exam.dce, phases=(Phase(0.0, sitk.GetImageFromArray(pixels)),))
        breasts = (Case(replace(case.exam, series=(series,)), None, side=side) for side in ("left", "right"))
        counts[tuple(clinical_columns(ROW, {}, RULED, drawn_from(one, RULED))[0]["indication"] for one in breasts)] += 1
    # Nine pairs, evenly: 33 each, give or take 5.4, within four deviations.
    assert len(counts) == 9 and all(12 <= count <= 55 for count in counts.values())


def test_without_rules_no_voxel_is_looked_at(case):
    def refuse() -> sitk.Image:
        raise InputError("read")

    unread = replace(case.exam, series=(replace(case.exam.dce, phases=(Phase(0.0, refuse),)),))
    assert drawn_from(replace(case, exam=unread), replace(RULED, clinical_rules=())) == ""
    with pytest.raises(InputError, match="read"):
        drawn_from(replace(case, exam=unread), RULED)
    assert drawn_from(Case(Exam((), "P"), None, side="left"), RULED) == "/left"


def test_a_cohorts_cases_draw_from_their_names_as_they_always_did(case, tmp_path):
    pd = pytest.importorskip("pandas")  # of the upper floor, as cohorts are
    from BreastFusionLib.cohort import read_cohort

    write_exam(case.exam, tmp_path / "E1", {"L1": case.lesion.mask})
    names = [f"C{number}" for number in range(8)]
    row = {"patient_id": "P1", "exam": "E1", "lesion": "L1", "label": 1, **ROW}
    pd.DataFrame([{"case_id": name, **row} for name in names]).to_csv(tmp_path / "cohort.csv", index=False)
    cohort = read_cohort(tmp_path / "cohort.csv")
    found = [prepare(cohort.case(name), RULED).columns["indication"] for name in names]
    # As they were drawn when everything drew from names: prepared cases and runs of then stay what they are.
    assert found == ["other", "other", "screening", "diagnostic", *["screening"] * 4]
