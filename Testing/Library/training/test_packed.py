"""Packed images: the very pixels of the cache, one file for all who look at them, never a stale or a half one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from BreastFusionLib.errors import InputError
from BreastFusionLib.files import TEMPORARY
from BreastFusionLib.reading.cache import load_inputs, save_inputs
from BreastFusionLib.training.packed import PackedImages

NAMES = [f"c{number:02d}" for number in range(1, 9)]


@pytest.fixture
def paths(tmp_path, draw_inputs):
    """Eight prepared cases; c07 has no T1."""
    return [save_inputs(draw_inputs(name, 50.0), tmp_path / "cache" / f"{name}.safetensors") for name in NAMES]


@pytest.fixture
def reading(tiny_recipe):
    return tiny_recipe().reading


def test_rows_are_the_cached_pixels_bit_for_bit_and_zeros_where_a_source_is_missing(paths, reading):
    rows = [5, 0, 6, 5]
    found = PackedImages(paths, reading).rows(rows)
    assert list(found) == ["dce", "t1"]
    for source, pixels in found.items():
        for image, row in zip(pixels, rows, strict=True):
            patches = load_inputs(paths[row]).patches
            expected = patches[source].pixels if source in patches else np.zeros((3, 16, 16), np.float32)
            assert image.numpy().tobytes() == expected.tobytes()
    assert "t1" not in load_inputs(paths[6]).patches


def test_a_batch_is_the_callers_own(paths, reading):
    packed = PackedImages(paths, reading)
    before = packed.rows([3])["dce"].clone()
    packed.rows([3])["dce"].zero_()
    assert torch.equal(packed.rows([3])["dce"], before)


def test_the_second_run_writes_nothing_and_neither_does_one_of_fewer_sources_or_another_order(
    paths, reading, tiny_recipe
):
    first = PackedImages(paths, reading)
    written = {path: path.stat().st_ino for path in first.files.values()}
    for path in paths:
        path.write_bytes(b"")  # who opens a case now fails
    turned = PackedImages(paths[::-1], reading)
    assert turned.files == first.files
    assert torch.equal(turned.rows([0, 1])["dce"], first.rows([7, 6])["dce"])
    mapping = {**tiny_recipe().resolved()}
    mapping["inputs"] = {**mapping["inputs"], "sequences": ["t1"]}
    alone = PackedImages(paths, type(reading).from_mapping(mapping, "t1 alone"))
    assert alone.files == {"t1": first.files["t1"]}
    assert {path: path.stat().st_ino for path in first.files.values()} == written


def test_other_content_or_another_shape_is_another_file(paths, reading, draw_inputs, tmp_path, tiny_recipe):
    first = PackedImages(paths, reading)
    changed = save_inputs(draw_inputs("c09", 50.0), tmp_path / "cache" / "another.safetensors")
    other = PackedImages([changed, *paths[1:]], reading)
    assert not set(other.files.values()) & set(first.files.values())
    assert not torch.equal(other.rows([0])["dce"], first.rows([0])["dce"])
    mapping = tiny_recipe().resolved()
    mapping["inputs"]["patch"]["size_px"] = 8
    with pytest.raises(InputError, match=r"the patch has shape \(3, 16, 16\), the model expects \(3, 8, 8\)"):
        PackedImages(paths, type(reading).from_mapping(mapping, "smaller"))
    assert len(list((tmp_path / "cache" / "packed").iterdir())) == 4


def test_a_case_that_cannot_be_read_leaves_no_packed_file(paths, reading):
    paths[4].write_bytes(b"broken")
    with pytest.raises(InputError, match=r"c05\.safetensors is no prepared case"):
        PackedImages(paths, reading)
    assert list((paths[0].parent / "packed").iterdir()) == []


def test_a_file_cut_short_is_written_anew(paths, reading):
    path = PackedImages(paths[:5], reading).files["dce"]
    whole = path.read_bytes()
    os.truncate(path, 2000)
    PackedImages(paths[:5], reading)
    assert path.read_bytes() == whole


def aged(path: Path, days: float) -> Path:
    path.touch()
    os.utime(path, (time.time() - 86400 * days,) * 2)
    return path


def test_who_writes_removes_what_nobody_opened_for_a_month_and_what_a_killed_writer_left(paths, reading):
    used, unused = (set(PackedImages(some, reading).files.values()) for some in (paths[:4], paths[:5]))
    folder = paths[0].parent / "packed"
    for path in used | unused:
        aged(path, 31)
    left_over, being_written = aged(folder / f"{TEMPORARY}a.npy", 1.1), aged(folder / f"{TEMPORARY}b.npy", 0.1)
    PackedImages(paths[:4], reading).rows([0])  # writes nothing, so that nothing is removed
    assert left_over.exists() and all(path.exists() for path in unused)
    new = set(PackedImages(paths, reading).files.values())
    assert set(folder.iterdir()) == used | new | {being_written}


def test_what_another_process_has_mapped_goes_on_when_it_is_removed(paths, reading):
    mine = PackedImages(paths[:4], reading)
    before = mine.rows(range(4))["dce"]
    for path in mine.files.values():
        aged(path, 31)
    PackedImages(paths, reading)
    assert not any(path.exists() for path in mine.files.values())
    assert torch.equal(mine.rows(range(4))["dce"], before)
    again = PackedImages(paths[:4], reading)
    assert again.files == mine.files and all(path.exists() for path in mine.files.values())


SLOW_WRITER = """
import sys, time
from pathlib import Path
from BreastFusionLib.training import load_recipe, packed
given = packed.load_inputs
def slowly(path):
    print(path.stem, flush=True)
    time.sleep(0.2)
    return given(path)
packed.load_inputs = slowly
packed.PackedImages([Path(p) for p in sys.argv[2:]], load_recipe(sys.argv[1]).reading)
"""


@pytest.mark.slow
def test_a_killed_writer_leaves_nothing_that_is_used(paths, reading, tiny_recipe, tmp_path):
    import yaml

    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny_recipe().resolved()))
    command = [sys.executable, "-c", SLOW_WRITER, str(tmp_path / "tiny.yaml"), *map(str, paths)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        for line in writer.stdout:
            if line.strip() == "c04":
                writer.send_signal(signal.SIGKILL)
                break
    left = list((tmp_path / "cache" / "packed").iterdir())
    assert left
    assert all(path.name.startswith(TEMPORARY) for path in left)
    found = PackedImages(paths, reading)
    assert np.array_equal(found.rows([7])["dce"][0], load_inputs(paths[7]).patches["dce"].pixels)


@pytest.mark.slow
def test_two_processes_look_at_the_same_file_also_when_both_write_it(paths, reading, tiny_recipe, tmp_path):
    import yaml

    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny_recipe().resolved()))
    command = [sys.executable, "-c", SLOW_WRITER, str(tmp_path / "tiny.yaml"), *map(str, paths)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        other.stdout.readline()  # it writes
        mine = PackedImages(paths, reading)
        before = mine.rows(range(8))
        assert other.wait(timeout=60) == 0
    after = PackedImages(paths, reading)
    assert after.files == mine.files
    for found in (mine.rows(range(8)), after.rows(range(8))):
        assert all(torch.equal(found[source], before[source]) for source in before)
    assert len(list((tmp_path / "cache" / "packed").iterdir())) == 2


def test_a_full_disk_is_said_in_a_sentence(paths, reading, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    with pytest.raises(InputError, match="disk"):
        PackedImages(paths, reading)
    assert list((paths[0].parent / "packed").iterdir()) == []
