"""Cohort folders: continued where they stopped, refused when they are something else."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam import read_exam
from BreastFusionLib.phantom import write_cohort
from BreastFusionLib.phantom.truth import LATENTS


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Path:
    return write_cohort(tmp_path_factory.mktemp("cohort"), 3, seed=5, small=True)


def test_tables_have_a_row_an_exam_and_files_where_they_say(cohort):
    table = rows(cohort)
    known = ["case_id", "patient_id", "exam", "lesion", "side", "label", "site"]
    clinical = ["age", "indication", "lifetime_risk_percent", "breast_density", "parenchymal_enhancement", "exam_day"]
    assert list(table[0]) == known + clinical
    assert [row["case_id"] for row in table] == ["P0001", "P0002", "P0003"]
    for row in table:
        assert (cohort.parent / row["exam"] / "exam.json").is_file()
        assert (cohort.parent / row["lesion"]).is_file()
    assert sorted(row["label"] for row in table[:2]) == ["0", "1"]


def test_each_exam_has_two_breasts_and_the_label_is_that_of_the_lesions_breast(cohort):
    lesions, breasts = rows(cohort), rows(cohort.with_name("breasts.csv"))
    assert [row["case_id"] for row in breasts[:2]] == ["P0001_left", "P0001_right"] and len(breasts) == 6
    for lesion in lesions:
        own = {row["side"]: row for row in breasts if row["exam"] == lesion["exam"]}
        other = "left" if lesion["side"] == "right" else "right"
        assert (own[lesion["side"]]["label"], own[other]["label"]) == (lesion["label"], "0")
        assert "lesion" not in own["left"] and own["left"]["age"] == own["right"]["age"] == lesion["age"]


def test_two_processes_make_the_same_cohort(cohort, tmp_path):
    write_cohort(tmp_path, 3, seed=5, small=True, workers=2)
    for name in (
        "cohort.csv",
        "breasts.csv",
        "truth.csv",
        "exams/P0002/t2.nii.gz",
        "exams/P0003/lesions/lesion.nii.gz",
    ):
        assert (tmp_path / name).read_bytes() == (cohort.parent / name).read_bytes()


def test_truth_holds_latents_and_ratios_that_add_up(cohort):
    for row, case in zip(rows(cohort.with_name("truth.csv")), rows(cohort), strict=True):
        assert (row["case_id"], row["label"]) == (case["case_id"], case["label"])
        assert all(f"latent_{latent.name}" in row for latent in LATENTS)
        parts = sum(float(row[f"llr_{source}"]) for source in ("shape_texture", "kinetics", "t2", "clinical"))
        assert float(row["llr_all"]) == pytest.approx(parts)


def test_an_exam_reads_back_as_synthetic(cohort):
    exam = read_exam(cohort.parent / "exams" / "P0001")
    assert exam.synthetic and len(exam.dce.phases) == 5 and exam.t1 and exam.t2


def test_an_interrupted_cohort_is_continued_to_the_same_files(cohort, tmp_path):
    def stop_after_one(done: int, total: int) -> None:
        assert total == 3
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_cohort(tmp_path, 3, seed=5, small=True, progress=stop_after_one)
    assert [row["case_id"] for row in rows(tmp_path / "cohort.csv")] == ["P0001"]
    first = (tmp_path / "exams" / "P0001" / "dce_0.nii.gz").stat().st_mtime_ns
    steps: list[tuple[int, int]] = []
    write_cohort(tmp_path, 3, seed=5, small=True, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert (tmp_path / "exams" / "P0001" / "dce_0.nii.gz").stat().st_mtime_ns == first
    for name in ("cohort.csv", "truth.csv"):
        assert (tmp_path / name).read_bytes() == cohort.with_name(name).read_bytes()


def test_an_exam_whose_files_were_lost_is_made_again(tmp_path):
    path = write_cohort(tmp_path, 1, seed=5, small=True)
    lesion = tmp_path / rows(path)[0]["lesion"]
    lesion.unlink()
    write_cohort(tmp_path, 1, seed=5, small=True)
    assert lesion.is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"exams": 3, "seed": 6, "small": True}, "seed 5; asked for were seed 6"),
        ({"exams": 3, "seed": 5, "small": False}, "small True; asked for were small False"),
        ({"exams": 3, "seed": 5, "small": True, "dicom": True}, "dicom False; asked for were dicom True"),
        ({"exams": 2, "seed": 5, "small": True}, "already holds 3 exams, 2 were asked for: ask for at least 3"),
        ({"exams": 0, "seed": 5}, "at least one exam"),
        ({"exams": 1, "seed": -1}, "a seed of 0 or more"),
    ],
)
def test_another_cohort_is_not_mixed_into_the_folder(cohort, arguments, message):
    with pytest.raises(InputError, match=message):
        write_cohort(cohort.parent, **arguments)


def test_a_folder_with_a_real_cohort_is_left_alone(tmp_path):
    (tmp_path / "cohort.csv").write_text("case_id,label\nA,1\n")
    with pytest.raises(InputError, match="no phantom cohort"):
        write_cohort(tmp_path, 1, seed=0, small=True)
    assert (tmp_path / "cohort.csv").read_text() == "case_id,label\nA,1\n"


def drop_column(path: Path, name: str) -> None:
    table = [{key: value for key, value in row.items() if key != name} for row in rows(path)]
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("truth.csv", "density", r"truth\.csv was written by another version .*different columns: density\)"),
        ("cohort.csv", "case_id", r"cohort\.csv has no column 'case_id'.*choose another folder"),
    ],
)
def test_a_cohort_of_another_version_is_not_continued(tmp_path, name, column, message):
    write_cohort(tmp_path, 1, seed=5, small=True)
    drop_column(tmp_path / name, column)
    before = (tmp_path / name).read_bytes()
    with pytest.raises(InputError, match=message):
        write_cohort(tmp_path, 2, seed=5, small=True)
    assert (tmp_path / name).read_bytes() == before
