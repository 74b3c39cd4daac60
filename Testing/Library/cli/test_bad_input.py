"""A careless user at the command line: each mistake ends with 1 and a sentence that says what to do."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

pytestmark = pytest.mark.slow


@pytest.fixture
def refuse(breastfusion):
    """Run a command that must end with 1, words on stderr and nothing on stdout."""

    def run(*arguments: object, words: str) -> None:
        done = breastfusion(*arguments, code=1)
        assert words in done.stderr.replace("\n", " ")
        assert done.stdout == ""

    return run


@pytest.fixture(scope="session")
def study(breastfusion, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    breastfusion("phantom", folder, "--exams", 2, "--seed", 5, "--small", "--dicom")
    return folder / "exams"


@pytest.fixture
def exam(first_exam: Path, tmp_path: Path) -> Path:
    """An exam folder to spoil."""
    return shutil.copytree(first_exam, tmp_path / "Exäm 乳房 1")


def change(source: Path, target: Path, edit, pixel_type: int = sitk.sitkUnknown) -> Path:
    """Write an image with other pixels on the same grid."""
    image = sitk.ReadImage(str(source), pixel_type)
    changed = sitk.GetImageFromArray(edit(sitk.GetArrayFromImage(image)))
    changed.CopyInformation(image)
    sitk.WriteImage(changed, str(target))
    return target


def one_voxel(mask: np.ndarray) -> np.ndarray:
    inside = np.argwhere(mask)
    left = np.zeros_like(mask)
    left[tuple(inside[len(inside) // 2])] = 1
    return left


def with_rows(cohort: Path, target: Path, **columns: list) -> Path:
    """Write the cohort's first rows with other columns; paths stay good from anywhere."""
    table = pd.read_csv(cohort).head(4)
    for name in ("exam", "lesion"):
        table[name] = [str(cohort.parent / path) for path in table[name]]
    table.assign(**columns).to_csv(target, index=False)
    return target


def test_dicom_studies_that_cannot_be_read(refuse, study: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refuse("exam", tmp_path / "empty", "--json", words="empty: no file in it or below it. Give the folder")

    missing = shutil.copytree(study / "P0001", tmp_path / "missing")
    (missing / "05_dce" / "IM00011.dcm").unlink()
    refuse("exam", missing, "--json", words="misses 1 slice: 5 mm between IM00010.dcm at")

    cut = shutil.copytree(study / "P0001", tmp_path / "cut") / "04_dce" / "IM00011.dcm"
    cut.write_bytes(cut.read_bytes()[:3000])
    refuse("exam", cut.parents[1], "--json", words="IM00011.dcm is truncated")

    refuse("exam", study, "--json", words="holds images of 2 patients")


def test_an_exam_without_dce_or_with_one_phase(refuse, as_json, study: Path, tmp_path: Path) -> None:
    mask = study.parent / "lesions" / "P0001.nii.gz"
    one = shutil.copytree(study / "P0001", tmp_path / "one")
    for folder in sorted(one.glob("*_dce"))[1:]:
        shutil.rmtree(folder)
    refuse("lesion", "kinetics", one, mask, "--json", words="has 1 phase: kinetics need one before contrast and")
    shutil.rmtree(one / "04_dce")
    refuse("lesion", "kinetics", one, mask, "--json", words="holds no DCE series")
    assert "No DCE series was recognised" in as_json("exam", one)["warnings"][0]


def test_a_cut_volume_is_no_volume_of_zeros(refuse, exam: Path) -> None:
    path = exam / "t1.nii.gz"
    path.write_bytes(path.read_bytes()[:5000])
    mask = exam / "lesions" / "lesion.nii.gz"
    refuse("radiomics", path, mask, "--json", words="t1.nii.gz is damaged or truncated")
    path = exam / "dce_2.nii.gz"
    path.write_bytes(path.read_bytes()[:5000])
    refuse("lesion", "kinetics", exam, mask, "--json", words="dce_2.nii.gz is damaged or truncated")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_voxels_that_are_no_numbers(refuse, exam: Path, value: float) -> None:
    def spoil(pixels: np.ndarray) -> np.ndarray:
        pixels[10, 20, 30] = value
        return pixels

    change(exam / "dce_1.nii.gz", exam / "dce_1.nii.gz", spoil, sitk.sitkFloat32)
    mask = exam / "lesions" / "lesion.nii.gz"
    refuse("lesion", "kinetics", exam, mask, "--json", words="dce_1.nii.gz has 1 voxels that are NaN or infinite")


def test_masks_that_are_no_lesions(refuse, exam: Path, tmp_path: Path) -> None:
    mask = exam / "lesions" / "lesion.nii.gz"
    empty = change(mask, tmp_path / "empty.nii.gz", np.zeros_like)
    refuse("lesion", "kinetics", exam, empty, "--json", words="empty.nii.gz is empty: no voxel is marked. Draw the")

    image = sitk.ReadImage(str(mask))
    sitk.WriteImage(image[2:-2, 2:-2, 2:-2], str(tmp_path / "other.nii.gz"))
    refuse(
        "lesion", "kinetics", exam, tmp_path / "other.nii.gz", "--json", words="on the DCE series or pass --resample"
    )

    two = change(mask, tmp_path / "two.nii.gz", lambda pixels: pixels + 2 * one_voxel(pixels))
    refuse("radiomics", exam / "dce_2.nii.gz", two, "--json", words="two.nii.gz holds 2 segments")

    sitk.WriteImage(image[:, :, 20], str(tmp_path / "flat.nii.gz"))
    refuse("lesion", "kinetics", exam, tmp_path / "flat.nii.gz", "--json", words="a volume with three dimensions")


def test_a_lesion_outside_t1(refuse, exam: Path, tmp_path: Path) -> None:
    (exam / "exam.json").unlink()
    t1 = sitk.ReadImage(str(exam / "t1.nii.gz"))
    t1.SetOrigin([value + 500 for value in t1.GetOrigin()])
    sitk.WriteImage(t1, str(exam / "t1.nii.gz"))
    mask, out = exam / "lesions" / "lesion.nii.gz", tmp_path / "mapped.nii.gz"
    words = "The lesion lies outside the field of view of the T1 series"
    refuse("lesion", "map", exam, mask, "--to", "t1", "--out", out, "--json", words=words)
    assert not out.exists()


def test_a_lesion_of_one_voxel_names_what_is_undefined(as_json, run: Path, exam: Path, tmp_path: Path) -> None:
    mask = change(exam / "lesions" / "lesion.nii.gz", tmp_path / "one.nii.gz", one_voxel)
    words = "it is a single voxel. Undefined: shape (13 features), firstorder (2 features), glcm (24 features)"
    measured = as_json("radiomics", exam / "dce_2.nii.gz", mask)
    assert words in measured["warnings"][0]
    assert {name for name, value in measured["features"].items() if value is None} == set(measured["undefined"])
    reading = as_json("predict", "--bundle", run / "bundle", "--exam", exam, "--lesion", mask, "--out", tmp_path / "o")
    for sequence in ("DCE", "T1", "T2"):
        assert any(text.startswith(f"{sequence}: ") and words in text for text in reading["warnings"])


def test_cohorts_that_teach_nothing(refuse, cohort: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    table = with_rows(cohort, tmp_path / "one.csv", label=[1] * 4)
    refuse("train", "demo", "--cohort", table, "--out", out, words="only label 1: at least one case of each class")
    splits = ["train", "test", "train", "validation"]
    table = with_rows(cohort, tmp_path / "two.csv", patient_id=["A", "A", "B", "C"], split=splits)
    refuse("train", "demo", "--cohort", table, "--out", out, words="two.csv: a patient is in several splits")
    assert not out.exists()


def test_bundles_that_cannot_be_trusted(refuse, run: Path, exam: Path, tmp_path: Path) -> None:
    bundle = shutil.copytree(run / "bundle", tmp_path / "büNdle 1")
    arguments = ["predict", "--bundle", bundle, "--exam", exam, "--out", tmp_path / "o", "--json"]
    weights = (bundle / "weights.safetensors").read_bytes()
    (bundle / "weights.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    refuse(*arguments, words="weights.safetensors was changed or damaged: its checksum")
    metadata = json.loads((bundle / "metadata.json").read_text(encoding="utf-8"))
    (bundle / "metadata.json").write_text(json.dumps({**metadata, "schema": "breastfusion.bundle/2"}))
    refuse(*arguments, words="the bundle has format 2")


TABLES = {
    "latin.csv": "SeriesDescription\nmämma t1\n".encode("latin-1"),
    "empty.csv": b"",
    "ragged.csv": b"SeriesDescription,b\n1,2\n1,2,3,4\n",
    "packed.csv.gz": b"not packed",
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_that_are_none(refuse, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(TABLES[name])
    refuse("roles", tmp_path / name, "--out", tmp_path / "out.csv", words=f"{name} cannot be read as a table")


def test_roles_of_a_packed_table(breastfusion, tmp_path: Path) -> None:
    table = pd.DataFrame({"SeriesDescription": ["t1_fl3d_tra_nonfs", "ax dyn é"], "code": ["001", ""]})
    table.to_csv(tmp_path / "series 1.csv.gz", index=False)
    breastfusion("roles", tmp_path / "series 1.csv.gz", "--out", tmp_path / "rôles.csv.gz")
    found = pd.read_csv(tmp_path / "rôles.csv.gz", dtype=str, keep_default_na=False)
    assert list(found["role"]) == ["t1", "dce"]
    assert found[["SeriesDescription", "code"]].equals(table)


def test_places_where_nothing_can_be_written(refuse, exam: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    refuse("exam", exam, "--out", file, "--json", words=f"{file} cannot be a folder")
    refuse("phantom", file / "below", "--exams", 1, "--small", words="below cannot be a folder")
    mask = exam / "lesions" / "lesion.nii.gz"
    for out in (tmp_path, tmp_path / "mask.txt"):
        refuse("lesion", "map", exam, mask, "--to", "t1", "--out", out, "--json", words=f"{out} cannot name an image")
    assert file.read_text() == "kept"
    if getattr(os, "geteuid", lambda: 0)() != 0:  # no folder is read-only for root, nor so easily on Windows
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o555)
        refuse("exam", exam, "--out", closed / "e", "--json", words=f"{closed} may not be read or written")


def interrupt(*arguments: object, when: Path) -> subprocess.CompletedProcess[str]:
    """Run a command and press Ctrl-C as soon as something lies in a folder."""
    # What runs in the background of a shell has no Ctrl-C to hand down.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    call = f"{heard}; from BreastFusionLib.cli import main; main()"
    program = [sys.executable, "-c", call, *map(str, arguments)]
    running = subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    patience = time.monotonic() + 120
    while running.poll() is None and not (when.is_dir() and any(when.iterdir())):
        assert time.monotonic() < patience
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=120)
    return subprocess.CompletedProcess(program, running.returncode, out, err)


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent to a process group")
def test_ctrl_c_keeps_what_is_done_and_a_second_call_continues(breastfusion, cohort: Path, tmp_path: Path) -> None:
    out, cache = tmp_path / "features.csv", tmp_path / "cache"
    arguments = ["features", cohort, "--recipe", "demo", "--out", out, "--cache", cache]
    stopped = interrupt(*arguments, when=cache)
    assert stopped.returncode == 1, stopped.stderr
    assert "Stopped. What is done is kept: call the same command again to continue." in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert not out.exists()
    before = {path.name: path.stat().st_mtime_ns for path in cache.glob("*.safetensors")}
    assert len(before) < 24
    breastfusion(*arguments)
    assert len(pd.read_csv(out)) == 24
    assert before.items() <= {path.name: path.stat().st_mtime_ns for path in cache.glob("*.safetensors")}.items()
