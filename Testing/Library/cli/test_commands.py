"""The command line as a user meets it: the whole way from a phantom to an evaluated model, and every kind of error."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

pytestmark = pytest.mark.slow


def test_info_names_devices_and_provider(as_json) -> None:
    found = as_json("info")
    assert set(found) == {"version", "python", "devices", "radiomics"}
    assert {"name": "cpu", "usable": True}.items() <= found["devices"][0].items()
    assert found["radiomics"]["provider"]


def test_every_command_has_help_with_an_example(breastfusion) -> None:
    names = [
        "demo",
        "info",
        "exam",
        "roles",
        "radiomics",
        "phantom",
        "features",
        "train",
        "cross-validate",
        "apply",
        "study",
        "evaluate",
        "importance",
        "predict",
    ]
    for words in [[name] for name in names] + [["lesion", name] for name in ("segment", "map", "kinetics")]:
        assert f"Example:  breastfusion {' '.join(words)}" in breastfusion(*words, "--help").stdout


def test_wrong_use_ends_with_2(breastfusion) -> None:
    breastfusion("exam", code=2)
    breastfusion("lesion", "map", "a", "b", "--to", "t3", "--out", "c", code=2)


def test_exam_tells_series_and_writes_an_exam_folder(as_json, first_exam: Path, tmp_path: Path) -> None:
    found = as_json("exam", first_exam, "--out", tmp_path / "exam")
    roles = {series["role"]: series for series in found["series"]}
    assert set(roles) == {"dce", "t1", "t2"}
    assert set(roles["t1"]) == {"role", "description", "reason", "contrast", "size", "spacing_mm", "phases"}
    times = [phase["time_s"] for phase in roles["dce"]["phases"]]
    assert len(times) == 5
    assert times[0] == 0
    assert times == sorted(times)
    assert as_json("exam", tmp_path / "exam")["series"] == found["series"]


def test_dicom_phantom_is_read_like_its_exam_folder(breastfusion, as_json, tmp_path: Path) -> None:
    breastfusion("phantom", tmp_path / "dicom", "--exams", 1, "--seed", 3, "--small", "--dicom")
    breastfusion("phantom", tmp_path / "files", "--exams", 1, "--seed", 3, "--small")
    rows = [pd.read_csv(tmp_path / kind / "cohort.csv").iloc[0] for kind in ("dicom", "files")]
    dicom, files = (
        as_json("exam", tmp_path / kind / row["exam"]) for kind, row in zip(("dicom", "files"), rows, strict=True)
    )
    for one, other in zip(dicom["series"], files["series"], strict=True):
        assert (one["role"], one["size"]) == (other["role"], other["size"])
        np.testing.assert_allclose(one["spacing_mm"], other["spacing_mm"], rtol=1e-6)
        assert [p["time_s"] for p in one["phases"]] == pytest.approx([p["time_s"] for p in other["phases"]], abs=1)
    assert dicom["synthetic"] is True


def test_lesion_commands(as_json, first_exam: Path, first_lesion: Path, tmp_path: Path) -> None:
    for sequence in ("t1", "t2"):
        mapped = as_json("lesion", "map", first_exam, first_lesion, "--to", sequence, "--out", tmp_path / "m.nii.gz")
        voxels = np.count_nonzero(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "m.nii.gz"))))
        assert voxels == mapped["voxels"]
        assert mapped["coverage"] == 1.0
        assert mapped["volume_mm3"] == pytest.approx(mapped["source_volume_mm3"], rel=0.25)
    measured = as_json("lesion", "kinetics", first_exam, first_lesion)
    assert len(measured["phases"]) == 5
    assert {"initial_percent", "delayed_percent", "curve", "ser"} <= set(measured)


def test_segment_from_a_point(as_json, cohort: Path, tmp_path: Path) -> None:
    row = pd.read_csv(cohort).iloc[0]
    mask = sitk.ReadImage(str(cohort.parent / row["lesion"]))
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(sitk.Cast(mask > 0, sitk.sitkUInt8))
    seed = ",".join(f"{value:.2f}" for value in shape.GetCentroid(1))
    exam, out = cohort.parent / row["exam"], tmp_path / "grown.nii.gz"
    grown = as_json("lesion", "segment", exam, f"--seed={seed}", "--enhancement", 25, "--radius", 15, "--out", out)
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(sitk.Cast(mask > 0, sitk.sitkUInt8), sitk.ReadImage(str(out)))
    assert grown["volume_mm3"] > 0
    assert overlap.GetDiceCoefficient() > 0.6


def test_radiomics_of_a_file(as_json, first_exam: Path, first_lesion: Path) -> None:
    measured = as_json("radiomics", first_exam / "dce_2.nii.gz", first_lesion)
    assert len(measured["features"]) == 107
    assert measured["seconds"] < 5
    assert {"settings", "versions"} <= set(measured)


def test_features_name_the_broken_case_and_do_the_others(breastfusion, cohort: Path, tmp_path: Path) -> None:
    table = pd.read_csv(cohort).head(4)
    for column in ("exam", "lesion"):
        table[column] = [str(cohort.parent / name) for name in table[column]]
    table.loc[2, "lesion"] = str(tmp_path / "absent.nii.gz")
    table.to_csv(tmp_path / "cohort.csv", index=False)
    out = tmp_path / "features.parquet"
    done = breastfusion("features", tmp_path / "cohort.csv", "--recipe", "demo", "--out", out, "--workers", 2)
    told = [line for line in done.stderr.splitlines() if "absent.nii.gz" in line]
    assert len(told) == 1
    assert told[0].startswith("! P0003: The lesion ")
    assert "1 of 4 cases failed; the others are done." in done.stderr
    features = pd.read_parquet(out)
    assert list(features["status"]) == ["ok", "ok", "failed", "ok"]
    assert "absent.nii.gz" in features["reason"][2]
    radiomic = [name for name in features.columns if name.startswith(("dce_", "t1_", "t2_"))]
    assert len(radiomic) == 321
    first_order = [name for name in radiomic if "_firstorder_" in name]
    assert features.loc[[0, 1, 3], first_order].notna().all(axis=None)
    assert features.loc[2, radiomic].isna().all()


def test_train_apply_predict_give_equal_probabilities(
    breastfusion, as_json, run: Path, cohort: Path, first_exam: Path, first_lesion: Path, tmp_path: Path
) -> None:
    breastfusion("apply", "--bundle", run / "bundle", "--cohort", cohort, "--out", tmp_path / "scores.csv")
    applied = pd.read_csv(tmp_path / "scores.csv").set_index("case_id")["score"]
    trained = pd.read_csv(run / "predictions.csv").set_index("case_id")["score"]
    np.testing.assert_allclose(applied[trained.index], trained, atol=1e-6)
    out = tmp_path / "reading"
    row = pd.read_csv(cohort).iloc[0]
    clinical = tmp_path / "row.json"
    clinical.write_text(json.dumps({"age": float(row["age"])}))
    reading = as_json(
        "predict", "--bundle", run / "bundle", "--exam", first_exam, "--lesion", first_lesion,
        "--clinical", clinical, "--out", out,
    )  # fmt: skip
    assert reading["probability"] == pytest.approx(applied[row["case_id"]], abs=1e-6)
    assert {"probability", "class", "parts", "kinetics", "warnings", "seconds"} <= set(reading)
    assert set(reading["parts"]) >= {"dce", "t1", "t2", "radiomics"}
    assert json.loads((out / "reading.json").read_text())["probability"] == reading["probability"]
    page = (out / "report.html").read_text()
    assert "Research use only. Not a medical device." in page
    for item in reading["maps"]:
        assert sitk.ReadImage(str(out / item["file"])).GetDimension() == 3


def test_evaluate_compares_two_models(as_json, run: Path, cohort: Path, tmp_path: Path) -> None:
    table = pd.read_csv(run / "predictions.csv")
    table.to_csv(tmp_path / "model_a.csv", index=False)
    generator = np.random.default_rng(0)
    table.assign(score=generator.random(len(table))).to_csv(tmp_path / "model_b.csv", index=False)
    result = as_json(
        "evaluate", tmp_path / "model_a.csv", tmp_path / "model_b.csv", "--bootstrap", 200, "--out", tmp_path / "report"
    )
    assert set(result["models"]) == {"model_a", "model_b"}
    assert {"value", "low", "high"} == set(result["models"]["model_a"]["auc"])
    assert "0.95" in result["models"]["model_a"]["specificity_at_sensitivity"]
    assert {"a", "b", "delta_auc", "z", "p_delong", "p_bootstrap"} <= set(result["comparisons"][0])
    assert list((tmp_path / "report").glob("*.html"))


def test_evaluate_tells_people_what_it_noted(breastfusion, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("label,score,split\n1,0.9,train\n0,0.1,train\n")
    done = breastfusion("evaluate", tmp_path / "a.csv", "--bootstrap", 10)
    assert "2 of the 2 rows evaluated are training cases" in done.stdout


def test_a_second_train_call_with_other_settings_is_refused(breastfusion, run: Path, cohort: Path) -> None:
    done = breastfusion("train", "demo", "--cohort", cohort, "--out", run, "--set", "training.epochs=4", code=1)
    assert str(run) in done.stderr


BAD_INPUT = [
    (["exam", "{tmp}/nowhere"], "nowhere"),
    (["exam", "{tmp}"], "{tmp}"),
    (["features", "{cohort}", "--recipe", "fusoin", "--out", "{tmp}/f.parquet"], "Did you mean 'fusion'?"),
    (["train", "demo", "--cohort", "{cohort}", "--out", "{tmp}/r", "--set", "training.epoch=3"], "epochs"),
    (["train", "demo", "--cohort", "{tmp}/absent.csv", "--out", "{tmp}/r"], "absent.csv"),
    (["predict", "--bundle", "{tmp}", "--exam", "{exam}", "--out", "{tmp}/o"], "metadata.json"),
    (["evaluate", "{tmp}/absent.csv"], "absent.csv"),
    (
        ["radiomics", "{exam}/t1.nii.gz", "{exam}/lesions/lesion.nii.gz"],
        "lesion.nii.gz on t1.nii.gz: The mask lies on another grid",
    ),
    (["lesion", "kinetics", "{exam}", "{tmp}/absent.nii.gz"], "absent.nii.gz"),
    (["lesion", "segment", "{exam}", "--seed", "1,2", "--out", "{tmp}/m.nii.gz"], "three numbers"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD_INPUT, ids=lambda value: " ".join(value)[:40])
def test_bad_input_gets_a_sentence(
    breastfusion, arguments: list[str], words: str, cohort: Path, first_exam: Path, tmp_path: Path
) -> None:
    places = {"tmp": tmp_path, "cohort": cohort, "exam": first_exam}
    done = breastfusion(*[part.format(**places) for part in arguments], code=1)
    assert words.format(**places) in done.stderr.replace("\n", " ")
    assert done.stdout == ""
