"""The images of many cases in one file a source, which is mapped into memory instead of read.

Opening thousands of small files in every epoch costs more than a step of training; keeping their pixels in memory
holds them twice, in every run anew. A packed file is written once for a set of cases; epochs, runs, seeds and worker
processes then look at the same pages of the system's cache.

Whoever writes a packed file removes those that no process has opened for a month: they hold nothing that the prepared
cases beside them do not, and whether a set of cases will be trained on again, no file can tell. Every opening is
written down as the file's time, since most systems keep no time of reading; a process that has mapped a file keeps its
pages also when it is removed, and processes that are started later open it anew.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from BreastFusionLib.cohort.disk import saying_disk_full
from BreastFusionLib.files import remove_unused, replacing, sha256_of_bytes
from BreastFusionLib.reading.cache import load_inputs
from BreastFusionLib.reading.recipe import ReadingRecipe
from BreastFusionLib.reading.score import image_tensors

__all__ = ["PackedImages", "opened"]

_SCHEMA = "breastfusion.packed/1"
_KEPT_DAYS = 30.0

Tensors = dict[str, torch.Tensor]


class PackedImages:
    """Images of some cases by row, from `<cache>/packed/<key>.npy` of each source.

    The key is a hash of the cases' own keys, which are hashes of what they are made of and how, and of the images'
    shape: other content or another setting is another file. The order of the cases does not count.

    Attributes:
        files: image source -> file.
        places: (n,) which image of a file is that of each row.
    """

    def __init__(self, paths: Sequence[Path], recipe: ReadingRecipe, among: Sequence[Path] | None = None) -> None:
        """Find the packed files, or write those that are not there.

        Args:
            paths: prepared cases in the cache, one a row.
            recipe: names the image sources and their shapes.
            among: all cases that the files hold, `paths` and others, so that runs on some of them share the files;
                None: `paths`.

        Raises:
            InputError: a case is damaged or of another shape, or the disk is full.
        """
        by_key = {path.stem: path for path in among or paths}
        order = sorted(by_key)
        place = {key: number for number, key in enumerate(order)}
        self.places = torch.tensor([place[path.stem] for path in paths])
        self._shapes = {source: (len(order), *shape) for source, shape in recipe.inputs.image_shapes.items()}
        folder = paths[0].parent / "packed"
        self.files = {source: folder / f"{_key(source, shape, order)}.npy" for source, shape in self._shapes.items()}
        missing = {source: path for source, path in self.files.items() if not _complete(path, self._shapes[source])}
        if missing:
            remove_unused(folder)
            remove_unused(folder, "*.npy", _KEPT_DAYS)
            with saying_disk_full(folder.parent):
                self._write([by_key[key] for key in order], recipe, missing)

    def rows(self, rows: Sequence[int]) -> Tensors:
        """Return image source -> (N, C, H, W) float32 of some rows, zeros where a case lacks the source."""
        places = self.places[torch.as_tensor(rows)]
        return {source: _mapped(path)[places] for source, path in self.files.items()}

    def _write(self, paths: Sequence[Path], recipe: ReadingRecipe, files: Mapping[str, Path]) -> None:
        """Write the files of some sources, one case after the other.

        Not through memory maps: a full disk would end the process without a word.
        """
        with contextlib.ExitStack() as stack:
            streams = {}
            for source, path in files.items():
                temporary = stack.enter_context(replacing(path))
                streams[source] = stack.enter_context(temporary.open("wb"))
                header = {"descr": "<f4", "fortran_order": False, "shape": self._shapes[source]}
                np.lib.format.write_array_header_1_0(streams[source], header)
            for path in paths:
                images, _ = image_tensors([load_inputs(path)], recipe)
                for source, stream in streams.items():
                    stream.write(images[source].numpy().astype("<f4", copy=False).tobytes())


def _key(source: str, shape: tuple[int, ...], order: Sequence[str]) -> str:
    return sha256_of_bytes(json.dumps([_SCHEMA, source, shape, order]).encode())


def opened(path: Path, mode: Literal["r", "c"] = "r") -> NDArray[np.float32]:
    """Map a file beside or among the packed ones, and mark it as used.

    Raises:
        OSError, ValueError: it is not there, or is no whole file.
    """
    with contextlib.suppress(OSError):  # absent, or another person's
        os.utime(path)
    pixels: NDArray[np.float32] = np.load(path, mmap_mode=mode, allow_pickle=False)
    return pixels


def _complete(path: Path, shape: tuple[int, ...]) -> bool:
    """Tell whether a packed file is there in full; one cut short by a crash of the whole machine is not."""
    try:
        return opened(path).shape == shape
    except (OSError, ValueError):
        return False


@functools.lru_cache(maxsize=32)
def _mapped(path: Path) -> torch.Tensor:
    """Return a file as a tensor; by process, since a map cannot be sent to another one."""
    # 'c' only because PyTorch knows no arrays that cannot be written to: nothing is ever written.
    return torch.from_numpy(opened(path, "c"))
