"""Bundles stay loaded as long as their files are what was read."""

import json
import os
import shutil

import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.files import sha256_of_file, write_json
from BreastFusionLib.service.bundles import LoadedBundles

pytestmark = pytest.mark.fast


@pytest.fixture
def copied(bundle_folder, tmp_path):
    return shutil.copytree(bundle_folder, tmp_path / "bundle")


def rename(folder, name: str) -> None:
    content = json.loads((folder / "metadata.json").read_text())
    write_json(folder / "metadata.json", content | {"name": name})
    sums = json.loads((folder / "checksums.json").read_text())
    write_json(folder / "checksums.json", sums | {"metadata.json": sha256_of_file(folder / "metadata.json")})


def test_a_bundle_is_loaded_once(copied):
    loaded = LoadedBundles()
    assert not loaded.has(copied, "cpu")
    first = loaded.get(copied, "cpu")
    assert loaded.has(copied, "cpu") and not loaded.has(copied, "auto")
    assert loaded.get(copied, "cpu") is first


def test_a_bundle_that_was_replaced_is_loaded_anew(copied):
    loaded = LoadedBundles()
    loaded.get(copied, "cpu")
    rename(copied, "other")
    assert not loaded.has(copied, "cpu")
    assert loaded.get(copied, "cpu").metadata.name == "other"


def test_a_bundle_that_was_damaged_or_removed_is_refused(copied):
    loaded = LoadedBundles()
    loaded.get(copied, "cpu")
    with (copied / "weights.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"!")
    with pytest.raises(InputError, match="was changed or damaged"):
        loaded.get(copied, "cpu")
    shutil.rmtree(copied)
    with pytest.raises(InputError, match="is no folder"):
        loaded.get(copied, "cpu")


def test_two_stay_and_the_one_used_last_is_kept(copied, tmp_path):
    loaded = LoadedBundles()
    second, third = (shutil.copytree(copied, tmp_path / name) for name in ("second", "third"))
    for folder in (copied, second, copied, third):
        loaded.get(folder, "cpu")
    assert [loaded.has(folder, "cpu") for folder in (copied, second, third)] == [True, False, True]
