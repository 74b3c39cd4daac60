"""The map over cases: resumable, one broken case is a row, a full disk and Ctrl-C keep what is done."""

import dataclasses
import errno
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from BreastFusionLib.cohort import compute_inputs, covering, features_table, read_cohort, write_features
from BreastFusionLib.cohort.inputs import CaseTask, case_files
from BreastFusionLib.cohort.shared_inputs import covers
from BreastFusionLib.errors import InputError
from BreastFusionLib.exam import Phase, Series
from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.exam.phase_choice import choose_phase
from BreastFusionLib.files import TEMPORARY
from BreastFusionLib.images.settings import PatchSpec
from BreastFusionLib.lesion import Lesion
from BreastFusionLib.reading.cache import SavedInputs, save_inputs
from BreastFusionLib.reading.recipe import ColumnSpec, InputsSpec, RadiomicsSpec, RuleSpec

INPUTS = InputsSpec(sequences=("dce",), patch=PatchSpec(size_px=16), kinetics=True, clinical=(ColumnSpec("age"),))


@pytest.fixture
def cohort(tmp_path):
    """Three cases whose exam files hold their own name."""
    for name in "abc":
        (tmp_path / f"{name}.nii.gz").write_text(name)
        (tmp_path / f"{name}_mask.nii.gz").write_text("mask")
    table = pd.DataFrame(
        {
            "case_id": list("abc"),
            "patient_id": list("abc"),
            "exam": [f"{name}.nii.gz" for name in "abc"],
            "lesion": [f"{name}_mask.nii.gz" for name in "abc"],
            "label": [0, 1, 0],
            "age": [40, 50, 60],
        }
    )
    table.to_csv(tmp_path / "cohort.csv", index=False)
    return read_cohort(tmp_path / "cohort.csv")


class Preparing:
    """Stands in for `prepare_to_cache`: writes a file for each case, counts, and fails where told to."""

    def __init__(self, failures: dict[str, BaseException] | None = None):
        self.failures, self.calls = failures or {}, []

    def __call__(self, task: CaseTask) -> Path:
        case_id = task.row["case_id"]
        path = task.cache / f"{case_id}.safetensors"
        if not path.is_file():
            self.calls.append(case_id)
            if case_id in self.failures:
                raise self.failures[case_id]
            path.write_text("prepared")
        return path


def test_one_row_a_case_in_the_cohorts_order_with_progress(cohort, tmp_path):
    told = []
    table = compute_inputs(
        cohort, INPUTS, tmp_path / "cache", progress=lambda *now: told.append(now), prepare_to=Preparing()
    )
    assert table["case_id"].tolist() == list("abc")
    assert (table["status"] == "ok").all()
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert all(Path(path).is_file() for path in table["path"])


def test_a_broken_case_is_a_row_and_its_traceback_is_in_the_log(cohort, tmp_path):
    preparing = Preparing({"a": InputError("The mask is empty."), "b": ZeroDivisionError("oops")})
    table = compute_inputs(cohort, INPUTS, tmp_path / "cache", prepare_to=preparing).set_index("case_id")
    assert table["status"].to_dict() == {"a": "failed", "b": "failed", "c": "ok"}
    assert table.loc["a", "reason"] == "The mask is empty."
    assert table.loc["b", "reason"].startswith("Unexpected ZeroDivisionError: oops (test_inputs.py, line ")
    log = (tmp_path / "cache" / "failures.log").read_text()
    assert "raise self.failures[case_id]" in log
    assert "ZeroDivisionError: oops" in log


def test_a_missing_file_is_a_failed_row_and_the_rest_goes_on(cohort, tmp_path):
    (tmp_path / "b.nii.gz").unlink()
    table = compute_inputs(read_cohort(tmp_path / "cohort.csv"), INPUTS, tmp_path / "cache", prepare_to=Preparing())
    assert table["status"].tolist() == ["ok", "failed", "ok"]
    assert "b.nii.gz does not exist" in table["reason"][1]


def test_ctrl_c_keeps_what_is_done_and_a_second_call_does_the_rest(cohort, tmp_path):
    stopped = Preparing({"b": KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        compute_inputs(cohort, INPUTS, tmp_path / "cache", prepare_to=stopped)
    again = Preparing()
    assert (compute_inputs(cohort, INPUTS, tmp_path / "cache", prepare_to=again)["status"] == "ok").all()
    assert again.calls == ["b", "c"]


def test_what_a_killed_writer_left_is_removed_and_what_is_being_written_is_not(cohort, tmp_path):
    (tmp_path / "cache").mkdir()
    left_over, being_written = (tmp_path / "cache" / f"{TEMPORARY}{name}.safetensors" for name in "ab")
    for path in (left_over, being_written):
        path.touch()
    os.utime(left_over, (0, 0))
    compute_inputs(cohort, INPUTS, tmp_path / "cache", prepare_to=Preparing())
    assert being_written.exists() and not left_over.exists()


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        RuntimeError("I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_ends_the_map_with_a_sentence_and_a_second_call_continues(cohort, tmp_path, error):
    with pytest.raises(InputError, match=r"is full \(\d+ MB free\).*continues where it stopped"):
        compute_inputs(cohort, INPUTS, tmp_path / "cache", prepare_to=Preparing({"b": error}))
    again = Preparing()
    compute_inputs(cohort, INPUTS, tmp_path / "cache", prepare_to=again)
    assert again.calls == ["b", "c"]


@pytest.mark.slow
def test_a_case_that_ends_its_process_is_a_row_and_the_rest_goes_on(cohort, tmp_path):
    def prepare_to(task):  # travels to the worker as it is
        import os

        if task.row["case_id"] == "b":
            os._exit(9)
        return task.cache / "file"

    table = compute_inputs(cohort, INPUTS, tmp_path / "cache", workers=2, prepare_to=prepare_to)
    assert table["status"].tolist() == ["ok", "failed", "ok"]
    assert "ended several times" in table["reason"][1]


def test_masks_of_other_lesions_do_not_belong_to_a_case(tmp_path):
    exam = tmp_path / "exam"
    (exam / "lesions").mkdir(parents=True)
    for name in ("exam.json", "dce_0.nii.gz", "lesions/L1.nii.gz", "lesions/L2.nii.gz"):
        (exam / name).touch()
    found = case_files({"exam": "exam", "lesion": "L1"}, tmp_path)
    assert [path.relative_to(exam).as_posix() for path in found] == ["dce_0.nii.gz", "exam.json", "lesions/L1.nii.gz"]


def test_the_voxels_beside_a_masks_header_belong_to_a_case(tmp_path):
    # The header stays the same, byte for byte, when the outline is drawn anew.
    (tmp_path / "exam").mkdir()
    sitk.WriteImage(sitk.Image([4, 4, 4], sitk.sitkUInt8), str(tmp_path / "L1.mhd"))
    (tmp_path / "L10.raw").touch()
    found = case_files({"exam": "exam", "lesion": "L1.mhd"}, tmp_path)
    assert [path.name for path in found] == ["L1.mhd", "L1.raw"]


def test_one_preparation_covers_recipes_that_want_parts_of_it():
    whole = InputsSpec(radiomics=RadiomicsSpec(), kinetics=True)
    t1, images = InputsSpec(sequences=("t1",)), InputsSpec()
    assert covering([t1, images, whole]) == whole
    assert covers(whole, t1)
    assert not covers(t1, whole)
    # A vector of one sequence's radiomics is not the vector of three.
    assert not covers(whole, InputsSpec(sequences=("t1",), radiomics=RadiomicsSpec()))
    with pytest.raises(InputError, match="cannot share one preparation"):
        covering([images, InputsSpec(patch=PatchSpec(size_px=64))])
    with pytest.raises(InputError, match="cannot share one preparation"):
        covering([images, dataclasses.replace(images, dce_phase=1)])


def test_clinical_columns_are_shared_by_name_with_the_rules_that_concern_them():
    age, indication = ColumnSpec("age"), ColumnSpec("indication", "categorical", levels=("screening", "extent"))
    rule = RuleSpec("replace_at_random", "indication", "extent")
    some = InputsSpec(patch=None, clinical=(age,))
    ruled = InputsSpec(patch=None, clinical=(indication,), clinical_rules=(rule,))
    both = covering([some, ruled])
    assert both.clinical == (age, indication) and both.clinical_rules == (rule,)
    assert covers(both, some) and covers(both, ruled)
    assert not covers(both, dataclasses.replace(ruled, clinical_rules=()))
    with pytest.raises(InputError, match="cannot share one preparation"):
        covering([some, InputsSpec(patch=None, clinical=(ColumnSpec("age", low=18.0),))])
    imputed = InputsSpec(patch=None, clinical=(ColumnSpec("age", title="Age", impute="indicator"),))
    assert covers(covering([some, imputed]), some)  # the raw values are the same


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    from BreastFusionLib.phantom import write_cohort

    return write_cohort(tmp_path_factory.mktemp("phantoms"), exams=3, seed=1, small=True)


@pytest.mark.slow
def test_phantoms_over_two_processes_give_the_same_features_as_one_process(phantoms, tmp_path):
    mask = sitk.ReadImage(str(phantoms.parent / read_cohort(phantoms).table["lesion"][0]))
    table = pd.read_csv(phantoms)
    table.loc[1, "lesion"] = "empty.nii.gz"
    sitk.WriteImage(mask * 0, str(phantoms.parent / "empty.nii.gz"))
    table.to_csv(phantoms.parent / "with_empty.csv", index=False)
    cohort = read_cohort(phantoms.parent / "with_empty.csv")

    here = write_features(cohort, INPUTS, tmp_path / "here.parquet", cache=tmp_path / "cache")
    there = write_features(cohort, INPUTS, tmp_path / "there.csv", cache=tmp_path / "other", workers=2)
    pd.testing.assert_frame_equal(here, there)
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "here.parquet")[["case_id", "status"]], here[["case_id", "status"]]
    )
    assert here["status"].tolist() == ["ok", "failed", "ok"]
    assert "empty" in here["reason"][1]
    columns = [name for name in here.columns if name.startswith("kinetics_")]
    assert here.loc[1, columns].isna().all()
    assert np.isfinite(here.loc[[0, 2], columns].to_numpy(dtype=float)).mean() > 0.9
    assert here.loc[0, "clinical_age"] == table.loc[0, "age"]


def test_a_table_without_a_column_of_the_recipe_is_refused_before_any_work(phantoms, tmp_path):
    inputs = InputsSpec(sequences=("dce",), patch=None, clinical=(ColumnSpec("agee"),))
    with pytest.raises(InputError, match=r"no column 'agee', which the model looks at\. Did you mean 'age'"):
        compute_inputs(read_cohort(phantoms), inputs, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_where_a_rule_applies_must_be_told_only_if_a_row_holds_what_it_replaces(cohort, tmp_path):
    indication = ColumnSpec("indication", "categorical", levels=("screening", "other", "extent"))
    rule = RuleSpec("replace_at_random", "indication", "extent", where="bi_rads", where_values=("6",))
    inputs = InputsSpec(clinical=(indication,), clinical_rules=(rule,))
    words = ["screening", "other", "screening"]
    idle = dataclasses.replace(cohort, table=cohort.table.assign(indication=words))
    assert (compute_inputs(idle, inputs, tmp_path / "cache", prepare_to=Preparing())["status"] == "ok").all()
    for word in ("extent", " extent"):
        acting = dataclasses.replace(cohort, table=cohort.table.assign(indication=[*words[:2], word]))
        with pytest.raises(InputError, match="no column 'bi_rads'"):
            compute_inputs(acting, inputs, tmp_path / "cache", prepare_to=Preparing())


def test_a_rule_that_changes_no_case_because_the_table_writes_another_word_is_told(cohort, tmp_path, caplog):
    indication = ColumnSpec("indication", "categorical", levels=("screening", "other", "extent"))
    rule = RuleSpec("replace_at_random", "indication", "extent", where="bi_rads", where_values=("6",))
    inputs = InputsSpec(clinical=(indication,), clinical_rules=(rule,))
    for birads, told in (("BI-RADS 6", True), (6.0, False)):
        caplog.clear()
        table = cohort.table.assign(indication=["extent", "extent", "other"], bi_rads=[birads, birads, None])
        compute_inputs(dataclasses.replace(cohort, table=table), inputs, tmp_path / "cache", prepare_to=Preparing())
        said = [record.getMessage() for record in caplog.records]
        assert len(said) == told
    caplog.clear()
    table = table.assign(bi_rads=["BI-RADS 6", "BI-RADS 5", "6"])
    compute_inputs(dataclasses.replace(cohort, table=table), inputs, tmp_path / "cache", prepare_to=Preparing())
    (said,) = [record.getMessage() for record in caplog.records]
    assert "where 'bi_rads' holds 6, which none of the 2 cases with it does: it holds BI-RADS 6, BI-RADS 5" in said


def test_a_rule_for_a_column_of_the_exams_own_is_no_matter_of_the_table(cohort, tmp_path, caplog):
    scanner = ColumnSpec("scanner_model", "categorical", origin="exam", levels=("A", "B"))
    rule = RuleSpec("replace_at_random", "scanner_model", "A", where="bi_rads", where_values=("6",))
    ruled = dataclasses.replace(cohort, table=cohort.table.assign(bi_rads="BI-RADS 6"))
    inputs = InputsSpec(clinical=(scanner,), clinical_rules=(rule,))
    assert (compute_inputs(ruled, inputs, tmp_path, prepare_to=Preparing())["status"] == "ok").all()
    assert not caplog.records


def test_a_word_that_the_schema_does_not_know_is_told_once_before_the_work(cohort, tmp_path, caplog):
    density = ColumnSpec("density", "categorical", levels=("a", "b"), missing=("9",))
    table = cohort.table.assign(density=["A", "9", "A"])
    compute_inputs(
        dataclasses.replace(cohort, table=table), InputsSpec(clinical=(density,)), tmp_path, prepare_to=Preparing()
    )
    (said,) = [record.getMessage() for record in caplog.records]
    assert "'density' holds 'A' in 2 of 3 cases, which is none of its levels (a, b)" in said


def test_a_column_without_any_value_is_told_once(cohort, tmp_path, caplog):
    age = ColumnSpec("age", "continuous")
    table = cohort.table.assign(age=[float("nan")] * 3)
    compute_inputs(
        dataclasses.replace(cohort, table=table), InputsSpec(clinical=(age,)), tmp_path, prepare_to=Preparing()
    )
    (said,) = [record.getMessage() for record in caplog.records]
    assert "'age' is empty in all 3 cases" in said


def test_exams_without_the_wanted_phase_are_told_once(cohort, tmp_path, caplog):
    table = cohort.table.assign(exam=["a.nii.gz", "b.nii.gz", "b.nii.gz"])  # two lesions of one exam

    def prepare_to(task: CaseTask) -> Path:
        _, said = choose_phase(series(3 if task.row["exam"] == "b.nii.gz" else 5), 4)
        saved = SavedInputs(task.row["case_id"], {}, {}, {}, ("Something else.", *said))
        return save_inputs(saved, task.cache / f"{saved.case_id}.safetensors")

    for _ in range(2):  # also when all is prepared already
        caplog.clear()
        compute_inputs(dataclasses.replace(cohort, table=table), INPUTS, tmp_path / "cache", prepare_to=prepare_to)
        (said,) = [record.getMessage() for record in caplog.records]
        assert "too few phases (3): the model wants phase 4 (0 = before contrast), and phase 2, the last" in said
        assert said.endswith("This holds for 1 of 2 exams, first in case 'b'.")


def test_lesions_that_lie_in_the_other_breast_than_the_table_says_are_told_once(cohort, tmp_path, caplog):
    def prepare_to(task: CaseTask) -> Path:
        drawn = Lesion(Grid((2, 2, 2), (1.0, 1.0, 1.0)).empty_image(), side="right")
        side = {"a": "right", "b": "left", "c": "left"}[task.row["case_id"]]
        saved = SavedInputs(task.row["case_id"], {}, {}, {}, drawn.on_side(side).warnings)
        return save_inputs(saved, task.cache / f"{saved.case_id}.safetensors")

    compute_inputs(cohort, INPUTS, tmp_path / "cache", prepare_to=prepare_to)
    (said,) = [record.getMessage() for record in caplog.records]
    assert "lies in the right breast by the images, and is said to lie in the left one" in said
    assert said.endswith("This holds for 2 of 3 exams, first in case 'b'.")


def series(phases: int) -> Series:
    grid = Grid((2, 2, 2), (1.0, 1.0, 1.0))
    return Series("dce", "", "", "post", tuple(Phase(60.0 * n, grid.empty_image()) for n in range(phases)), grid)


@pytest.mark.slow
def test_a_second_call_prepares_nothing_and_a_changed_mask_is_prepared_anew(phantoms, tmp_path):
    cohort = read_cohort(phantoms)
    first = compute_inputs(cohort, INPUTS, tmp_path)
    written = {path: Path(path).stat().st_mtime_ns for path in first["path"]}
    second = compute_inputs(cohort, INPUTS, tmp_path)
    assert second["path"].tolist() == first["path"].tolist()
    assert {path: Path(path).stat().st_mtime_ns for path in second["path"]} == written

    lesion = phantoms.parent / cohort.table["lesion"][0]
    before = lesion.read_bytes()
    sitk.WriteImage(sitk.BinaryErode(sitk.ReadImage(str(lesion)), (1, 1, 0)), str(lesion))
    third = compute_inputs(cohort, INPUTS, tmp_path)
    lesion.write_bytes(before)
    assert (third["path"] != first["path"]).tolist() == [True, False, False]
    table = features_table(cohort, third)
    assert table["case_id"].tolist() == cohort.table["case_id"].tolist()


def test_a_table_is_parquet_or_csv(cohort, tmp_path):
    with pytest.raises(InputError, match=r"\.parquet or \.csv, not '\.xlsx'"):
        write_features(cohort, INPUTS, tmp_path / "features.xlsx")
