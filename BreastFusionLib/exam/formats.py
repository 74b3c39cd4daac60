"""Which format a file has, from its name and its first bytes."""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "IMAGE_SUFFIXES",
    "image_files_in",
    "is_image_file",
    "lesion_id_of",
    "looks_like_dicom",
    "parts_of",
    "stem_of",
]

IMAGE_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")


def is_image_file(path: Path) -> bool:
    """Tell whether a file is NIfTI, NRRD or MetaImage by its name."""
    return path.name.lower().endswith(IMAGE_SUFFIXES)


def stem_of(path: Path) -> str:
    """Return a file's name without the suffix of its format ('x.seg.nrrd' -> 'x.seg')."""
    suffix = next((s for s in IMAGE_SUFFIXES if path.name.lower().endswith(s)), "")
    return path.name[: len(path.name) - len(suffix)]


def parts_of(path: Path) -> list[Path]:
    """Return an image's files: its own, and beside a header (.mhd, .nhdr) the voxels in files of the same name."""
    if path.suffix.lower() not in (".mhd", ".nhdr"):
        return [path]
    return sorted(other for other in path.parent.iterdir() if other.name.startswith(f"{stem_of(path)}."))


def lesion_id_of(path: Path) -> str:
    """Return the name of the lesion in a mask's file: 'L1' for L1.nii.gz, L1.seg.nrrd and L1.dcm."""
    return stem_of(path).removesuffix(".seg").removesuffix(".dcm")


def image_files_in(folder: Path) -> list[Path]:
    """Return the image files of a folder, not of folders below it, by name."""
    return sorted(path for path in folder.iterdir() if path.is_file() and is_image_file(path))


def looks_like_dicom(path: Path) -> bool:
    """Tell from its first bytes whether a file is DICOM: the 'DICM' mark, or a bare data set as old exporters wrote."""
    try:
        with path.open("rb") as stream:
            start = stream.read(132)
    except OSError:
        return False
    # A bare data set starts with group 0008 (little endian) and a low element number.
    return start[128:132] == b"DICM" or (start[:2] == b"\x08\x00" and start[3:4] == b"\x00" and len(start) == 132)
