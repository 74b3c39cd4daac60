"""Settings and files: strict reading, atomic writing."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import pytest

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.files import replacing, sha256_of_bytes, sha256_of_file, to_plain, write_json
from BreastFusionLib.settings import from_mapping, to_mapping

pytestmark = pytest.mark.fast


@dataclasses.dataclass(frozen=True)
class Inner:
    size_mm: float | None = None
    method: Literal["one", "two"] = "one"


@dataclasses.dataclass(frozen=True)
class Outer:
    name: str
    widths: tuple[int, ...] = ()
    inner: Inner | None = Inner()
    flag: bool = False
    free: dict[str, object] | None = None
    lines: dict[str, tuple[float, float]] = dataclasses.field(default_factory=dict)
    layers: tuple[int | Literal["drop"], ...] = ()


def test_settings_survive_the_way_to_json_and_back() -> None:
    settings = Outer("a", (3, 4), Inner(2.5, "two"), True, {"binWidth": 5}, {"t1": (1.0, 2.0)}, (8, "drop"))
    assert from_mapping(Outer, to_mapping(settings), "here") == settings
    assert from_mapping(Outer, to_mapping(Outer("a", inner=None)), "here") == Outer("a", inner=None)


def test_whole_numbers_are_taken_as_floats_but_not_booleans_as_numbers() -> None:
    assert from_mapping(Inner, {"size_mm": 64}, "here").size_mm == 64.0
    with pytest.raises(InputError, match="expected float, found True"):
        from_mapping(Inner, {"size_mm": True}, "here")


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"name": "a", "withs": [1]}, r"unknown key 'withs'. Did you mean 'widths'\?"),
        ({}, "the key 'name' is missing"),
        ({"name": 3}, "recipe, name: expected a word, found 3. Write it in quotes"),
        ({"name": "a", "widths": "wide"}, "recipe, widths: expected a list"),
        ({"name": "a", "inner": {"method": "tow"}}, r"recipe, inner, method: 'tow' is not known. Did you mean 'two'\?"),
        ({"name": "a", "inner": 5}, "expected a mapping of settings"),
        ({"name": "a", "lines": {"t1": ["x", 1]}}, "recipe, lines, t1: expected float, found 'x'"),
        ({"name": "a", "layers": [8, "dorp"]}, "recipe, layers: expected int or 'drop', found 'dorp'"),
        ({"name": "a", "layers": [8.5]}, "recipe, layers: expected int or 'drop', found 8.5"),
        ({"name": "a", "lines": {"t1": [1]}}, r"recipe, lines, t1: expected 2 values, found \[1\]"),
    ],
)
def test_wrong_settings_say_where_and_what(mapping: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_mapping(Outer, mapping, "recipe")


def test_nearest_known_names() -> None:
    assert nearest_known("fusoin", ["fusion", "demo"]) == "Did you mean 'fusion'? Known: demo, fusion."
    assert nearest_known("xyz", ["fusion", "demo"]) == "Known: demo, fusion."


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path) -> None:
    target = write_json(tmp_path / "a.json", {"x": 1})
    with pytest.raises(OSError, match="No space") as caught, replacing(target) as temporary:
        temporary.write_text("half")
        raise OSError(28, "No space left on device")
    assert caught.value.unwritten == target
    assert target.read_text() == '{\n  "x": 1\n}\n'
    assert list(tmp_path.iterdir()) == [target]


def test_a_written_file_keeps_all_suffixes_while_it_is_written(tmp_path) -> None:
    with replacing(tmp_path / "é mask.nii.gz") as temporary:
        assert temporary.name.endswith(".nii.gz")
        temporary.write_bytes(b"x")
    assert (tmp_path / "é mask.nii.gz").read_bytes() == b"x"


def test_plain_json_has_no_nan() -> None:
    content = {"a": np.float64(np.nan), "b": np.arange(2), "c": (1.0, float("inf")), 3: np.int64(4)}
    assert to_plain(content) == {"a": None, "b": [0, 1], "c": [1.0, None], "3": 4}


def test_known_hash(tmp_path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert sha256_of_file(tmp_path / "abc") == sha256_of_bytes(b"abc") == known
