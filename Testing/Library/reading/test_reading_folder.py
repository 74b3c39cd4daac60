import json

import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.reading.reading_folder import discard_reading, named_files

READING = {"maps": [{"file": "map_t1_gradcam.nii.gz"}], "mapping": {"t1": {"file": "lesion_t1.nii.gz"}}}
FILES = ("reading.json", "report.html", "map_t1_gradcam.nii.gz", "lesion_t1.nii.gz")


def fill(folder, reading) -> None:
    for name in (*FILES, "notes.txt", "map_t2_gradcam.nii.gz"):
        (folder / name).write_text("x")
    (folder / "reading.json").write_text(reading if isinstance(reading, str) else json.dumps(reading))


def left(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_reading_goes_with_all_that_it_names_and_nothing_else(tmp_path):
    fill(tmp_path, READING)
    discard_reading(tmp_path)
    assert left(tmp_path) == {"notes.txt", "map_t2_gradcam.nii.gz"}
    discard_reading(tmp_path)
    discard_reading(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "content", ["{", "[]", "null", {}, {"maps": [1], "mapping": {}}, {"maps": [{"file": "../mine.nii.gz"}]}]
)
def test_of_a_damaged_reading_only_what_is_surely_its_own_goes(tmp_path, content):
    folder = tmp_path / "reading"
    folder.mkdir()
    (tmp_path / "mine.nii.gz").write_text("x")
    fill(folder, content)
    discard_reading(folder)
    assert left(folder) == {*FILES[2:], "notes.txt", "map_t2_gradcam.nii.gz"}
    assert (tmp_path / "mine.nii.gz").exists()


@pytest.mark.parametrize(
    "name", ["../a.nii.gz", "/a.nii.gz", "a\\b.nii.gz", "C:a.nii.gz", ".nii.gz", "a.exe", None, ""]
)
def test_a_reading_names_files_beside_itself_only(name):
    with pytest.raises(InputError, match=r"none of a reading\. Classify again"):
        list(named_files({"maps": [{"file": name}], "mapping": {}}))
    assert list(named_files(READING)) == ["map_t1_gradcam.nii.gz", "lesion_t1.nii.gz"]
