"""Roles of series by their names, judged on descriptions that real scanners wrote."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from pathlib import Path

import pytest

from BreastFusionLib.exam.roles import classify_series, classify_table

pytestmark = pytest.mark.fast

# What a radiologist would call these series (names from public collections and from vendors' default protocols).
NAMED = {
    "dce": [
        "ax dyn pre",
        "ax dyn 1st pass",
        "2nd ax dyn",
        "Ph1/ax 3d dyn",
        "ax 3d dyn mp",
        "ax vibrant multiphase",
        "AX Sen Vibrant MultiPhase",
        "AX Sen Vibrant MASK",
        "ISPY2: T1 FL3D DYN FS PRE+5POST",
        "ISPY2: AX VIBRANT PRE/POST",
        "ISPY2: Dyn_eTHRIVE_8minPost",
        "ISPY2: RES_T1_DYNAMIC_ BIL_FS_7",
        "t1_fl3d_tra_dynaVIEWS_spair_2nd pass",
        "twist_20s_dyn_TRA (h20 ex B17)_TT=49.6s",
        "Dynamic-3dfgre",
        "lt ir-spgr sag",
        "T1W_DCE",
        "DISCO 40 phases",
    ],
    "t1": ["ax t1", "ax t1 tse +c", "ax 3d t1 non fs", "T1 VIBE axial no FS", "AX Sen Vibrant+F +C", "axial t1"],
    "t2": [
        "Ax T2 FSE",
        "Sag T2 FS Left+C",
        "ISPY2: STIR AXIAL",
        "ISPY2: AXIAL TIRM",
        "WATER:T2FSEIDEALARC_BP",
        "ISPY2: AXL IR",
        "ACRIN_6657/FSE_T2_SAG_FS_C",
        "#6657 BreasTSET2FSSag1b",
        "t2_tse_tra_",
        "ISPY2: T2W_SPAIR ACRIN",
    ],
    "dwi": ["DWSSFSE DIFFUSION", "ep2d_diff_b50_800_tra", "AX DWI b=800", "Breast DTI HD MOD"],
    "adc": ["ep2d_diff_b50_800_tra_ADC", "Apparent Diffusion Coefficient (mm2/s)", "dADC"],
    "derived": [
        "Registered AX Sen Vibrant MultiPhase",
        "TRAM",
        "PJN",
        "Dynamic-3dfgre: SER",
        "ISPY2: VOLSER: uni-lateral cropped: PE2",
        "FAT:T2FSEIDEALARC_BP",
        "InPhase: PRODUCT:(IDEAL) T2FSE+ASSET no np",
        "(15410/3/1)+(15410/3/1)",
        "2nd subtraction",
        "fl3d_sag_uni_r_sub",
        "<MPR collection>",
        "CAD~ sagittal_post1",
    ],
    "localizer": ["3 PLANE LOC SSFSE", "3-PL T2* FGRE", "SCOUT ISPY2 post meno", "T1-axial-locator", "Survey"],
    "other": ["GREAST (label)", "post needle_R", "FIESTA3D2", "VSS MRSI", "#6657 BreasB0map axi", ""],
}  # fmt: skip


@pytest.mark.parametrize(("role", "description"), [(role, name) for role, names in NAMED.items() for name in names])
def test_a_name_tells_the_role(role: str, description: str) -> None:
    found = classify_series({"SeriesDescription": description})
    assert found.role == role
    assert found.reason.endswith(".") and (description == "") == (found.confidence == 0)


def test_tags_of_the_scanner_are_believed_before_names() -> None:
    name = {"SeriesDescription": "ax dyn"}
    assert classify_series({**name, "ImageType": "DERIVED\\PRIMARY\\M\\SUBTRACT"}).role == "derived"
    assert classify_series({**name, "ImageType": ["DERIVED", "PRIMARY", "PROJECTION IMAGE"]}).role == "derived"
    assert classify_series({**name, "ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]}).role == "adc"
    assert classify_series({**name, "SamplesPerPixel": 3}).role == "derived"
    assert classify_series({**name, "Modality": "CT"}).role == "other"
    assert classify_series({**name, "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"]}).role == "dce"


def test_numbers_decide_where_the_name_does_not() -> None:
    assert classify_series({"SeriesDescription": "series 5", "RepetitionTime": 4500, "EchoTime": 90}).role == "t2"
    assert classify_series({"SeriesDescription": "series 5", "RepetitionTime": 600, "EchoTime": 12}).role == "t1"
    assert (
        classify_series({"SeriesDescription": "ax ideal breast", "RepetitionTime": "4500", "EchoTime": "90"}).role
        == "t2"
    )
    assert classify_series({"SeriesDescription": "ax fse", "RepetitionTime": 500, "EchoTime": 10}).role == "t1"
    # An explicit name stands, whatever the numbers.
    assert classify_series({"SeriesDescription": "ax t2 fse", "RepetitionTime": 600, "EchoTime": 12}).role == "t2"


def test_the_protocol_name_stands_in_for_a_missing_description() -> None:
    assert classify_series({"SeriesDescription": None, "ProtocolName": "t2_tse_tra"}).role == "t2"
    assert classify_series({"SeriesDescription": float("nan"), "ProtocolName": "AX DYN"}).role == "dce"


def _study(*names: tuple[str, int]) -> list[dict[str, object]]:
    return [{"SeriesDescription": name, "instanceCount": count, "StudyInstanceUID": "1.2"} for name, count in names]


def test_repeated_volumes_of_one_name_are_the_phases_of_a_dynamic_series() -> None:
    names = [("ax vibe pre fat sat", 72)] + [("ax vibe post fat sat", 72)] * 7 + [("ax vibe delayed fat sat", 72)]
    roles = classify_table(_study(*names))
    assert [found.role for found in roles] == ["dce"] * 8 + ["t1"]
    assert all(found.confidence > 0.8 for found in roles[:8])


def test_a_lone_volume_beside_an_explicit_dynamic_series_is_t1() -> None:
    roles = classify_table(_study(("ax vibrant multiphase", 580), ("ax vibrant mask", 116), ("ax vibrant post", 90)))
    assert [found.role for found in roles] == ["dce", "dce", "t1"]
    assert classify_series({"SeriesDescription": "ax vibrant post"}).role == "dce"  # nothing beside it says otherwise


def test_a_plain_name_belongs_to_its_numbered_phases() -> None:
    roles = classify_table(
        _study(("axial t1 spgr gad", 248), *[(f"Ph{n}/axial t1 spgr gad", 248) for n in range(1, 6)])
    )
    assert {found.role for found in roles} == {"dce"}


def test_studies_do_not_influence_each_other() -> None:
    rows = [
        {"SeriesDescription": "t1_fl3d_tra_spair", "instanceCount": 96, "StudyInstanceUID": str(n)} for n in range(9)
    ]
    assert {found.role for found in classify_table(rows)} == {"t1"}


@pytest.fixture(scope="module")
def real_headers(shared_data: Path) -> list[dict[str, str]]:
    with gzip.open(shared_data / "idc_breast_series" / "series.csv.gz", "rt", encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_fifty_thousand_real_series(real_headers: list[dict[str, str]]) -> None:
    roles = classify_table(real_headers)
    assert len(roles) == 50_411
    counts = Counter(found.role for found in roles)
    unsure = sum(found.confidence < 0.5 for found in roles)
    assert unsure / len(roles) < 0.002
    assert counts["other"] / len(roles) < 0.01
    by_name: dict[str, Counter[str]] = {}
    for header, found in zip(real_headers, roles, strict=True):
        by_name.setdefault(header["SeriesDescription"].lower(), Counter())[found.role] += 1
    expected = {
        "ax dyn pre": "dce",
        "ax dyn 4th pass": "dce",
        "ax 3d dyn": "dce",
        "ph2/ax dynamic": "dce",
        "ax 3d pre": "dce",
        "ax sen vibrant multiphase": "dce",
        "ax sen vibrant mask": "dce",
        "ispy2: ax vibe post fat sat": "dce",
        "ispy2: t1_fl3d_tra_spair_post": "dce",
        "ispy2: dynaviews 90s post": "dce",
        "ispy2: ax vibrant-series": "dce",
        "ispy2: post2": "dce",
        "fl3d_sag_uni_r": "dce",
        "bilat t1 spgr post": "dce",
        "sagittal-ir_3dfgre": "dce",
        "ax t1": "t1",
        "ax t1 tse +c": "t1",
        "ax 3d t1 non fs": "t1",
        "ax sen vibrant+f +c": "t1",
        "ispy2: ax vibe delayed fat sat": "t1",
        "ax t2 fse": "t2",
        "ispy2: sag ir": "t2",
        "ispy2: res_ir_ax_bilateral": "t2",
        "ispy2: water:ideal": "t2",
        "ispy2: fat:ideal": "derived",
        "registered ax t2 fse": "derived",
        "tram": "derived",
        "pjn": "derived",
        "ispy2: volser: uni-lateral cropped: ser": "derived",
        "dwssfse diffusion": "dwi",
        "localizer": "localizer",
        "ispy2: 3 plane loc ssfse": "localizer",
        "greast": "other",
    }
    wrong = {name: dict(by_name[name]) for name, role in expected.items() if set(by_name[name]) != {role}}
    assert wrong == {}


def test_every_real_patient_of_the_dynamic_collections_has_a_dynamic_series(real_headers: list[dict[str, str]]) -> None:
    roles = classify_table(real_headers)
    patients: dict[str, set[str]] = {}
    for header, found in zip(real_headers, roles, strict=True):
        patients.setdefault(f"{header['collection_id']}/{header['PatientID']}", set()).add(found.role)
    without = [patient for patient, found in patients.items() if "dce" not in found]
    assert len(without) <= 0.01 * len(patients), without[:20]
    # Duke's release holds one T1 series beside the dynamic one for almost everybody.
    duke = [found for patient, found in patients.items() if patient.startswith("duke")]
    assert sum("t1" in found for found in duke) >= 0.98 * len(duke)
    ambl = [found for patient, found in patients.items() if patient.startswith("advanced")]
    assert sum({"dce", "t2"} <= found for found in ambl) >= 0.98 * len(ambl)
