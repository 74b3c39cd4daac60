"""Bundles that stay loaded, each as long as its files are the ones that were read."""

from __future__ import annotations

from pathlib import Path

from BreastFusionLib.reading.bundle import CHECKSUMS, FILES, Bundle, load_bundle

__all__ = ["LoadedBundles"]

# A reader compares two models, hardly three; each holds up to some hundred megabytes, perhaps of a graphics card.
MOST = 2

_Stamp = tuple[tuple[str, int, int], ...]


class LoadedBundles:
    """Bundles by folder and device; those used last stay."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[Path, str], tuple[_Stamp, Bundle]] = {}

    def has(self, folder: Path, device: str) -> bool:
        """Tell whether a bundle is loaded as its files are now."""
        known = self._loaded.get((folder.resolve(), device))
        return known is not None and known[0] == _stamp(folder)

    def get(self, folder: Path, device: str) -> Bundle:
        """Return a bundle, loaded now unless it is already.

        Raises:
            InputError: see `load_bundle`.
        """
        key = (folder.resolve(), device)
        known = self._loaded.pop(key, None)
        stamp = _stamp(folder)
        if known is None or known[0] != stamp:
            known = None  # its memory may be needed for the new one
            while len(self._loaded) >= MOST:
                del self._loaded[next(iter(self._loaded))]
            known = stamp, load_bundle(folder, device)
        self._loaded[key] = known
        return known[1]


def _stamp(folder: Path) -> _Stamp:
    """Return names, sizes and times of a bundle's files; those that are missing are missing here too."""
    files = [path for name in (*FILES, CHECKSUMS) if (path := folder / name).is_file()]
    return tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files)
