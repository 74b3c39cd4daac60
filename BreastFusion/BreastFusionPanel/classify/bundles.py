"""Models installed on this machine: bundle folders, each copied in whole and checked, or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.files import TEMPORARY
from BreastFusionLib.reading.bundle import CARD, CHECKSUMS, FILES, METADATA, BundleHeader, read_bundle_header
from BreastFusionLib.reading.metadata import BundleMetadata
from BreastFusionLib.reading.modelcard import model_card

__all__ = ["InstalledBundle", "InstalledBundles", "bundles_folder", "card_of"]

CARD_CHARACTERS = 50_000  # a card is for a person; one of megabytes would only stall the window


@dataclass(frozen=True)
class InstalledBundle:
    """One model of the list.

    Attributes:
        folder: of the bundle.
        title: name and version; the folder's name where the bundle does not say.
    """

    folder: Path
    title: str


def bundles_folder() -> Path:
    """Return where this machine keeps its models: beside the application's settings."""
    return Path(slicer.app.userSettings().fileName()).parent / "BreastFusion" / "bundles"


class InstalledBundles:
    """The folder of installed models.

    Attributes:
        root: one folder a model in it, named <name>-<version>.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def list(self) -> tuple[InstalledBundle, ...]:
        """Return what is installed, by title; nothing is checked yet, so that even long lists open at once."""
        folders = [path.parent for path in self.root.glob(f"*/{METADATA}") if not path.parent.name.startswith(".")]
        return tuple(sorted((InstalledBundle(folder, _title(folder)) for folder in folders), key=lambda one: one.title))

    def import_from(self, source: str | os.PathLike[str]) -> BundleHeader:
        """Copy a bundle in; every byte is checked before and after.

        Raises:
            InputError: the folder holds no bundle, a damaged one, one of a newer format, or another model of the same
                name and version is installed.
        """
        header = read_bundle_header(source)
        target = self.root / _folder_name(header.metadata)
        if target.exists():
            if _same_content(header.folder, target):
                return read_bundle_header(target)
            raise InputError(
                _(
                    "Another model is installed as '{name}': delete that one first, or export yours again with another "
                    "version."
                ).format(name=target.name)
            )
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=self.root) as temporary:
                copy = Path(temporary) / target.name
                copy.mkdir()
                for name in (*FILES, CHECKSUMS):
                    shutil.copyfile(header.folder / name, copy / name)
                read_bundle_header(copy)
                copy.rename(target)
        except OSError as error:
            raise InputError(
                _(
                    "The model cannot be copied to {folder} ({reason}): free some disk space, or ask who administers "
                    "this computer for the right to write there."
                ).format(folder=self.root, reason=error.strerror)
            ) from error
        return read_bundle_header(target)

    def delete(self, folder: Path) -> None:
        """Remove an installed model from the disk.

        Raises:
            InputError: it is none of the installed ones, or is in use by another program.
        """
        if folder.parent != self.root:
            raise InputError(
                _("{folder} is not one of the models installed in {root}: nothing was deleted.").format(
                    folder=folder, root=self.root
                )
            )
        doomed = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=self.root))
        try:
            # First out of the list in one step: a half deleted model must not be offered.
            folder.rename(doomed / folder.name)
        except OSError as error:
            raise InputError(
                _("{name} cannot be deleted ({reason}): close what uses it.").format(
                    name=folder.name, reason=error.strerror
                )
            ) from error
        finally:
            shutil.rmtree(doomed, ignore_errors=True)


def card_of(header: BundleHeader) -> str:
    """Return a model's card in Markdown: what its metadata says, and the author's own words where there are any."""
    facts = model_card(header.metadata, header.recipe)
    with (header.folder / CARD).open(encoding="utf-8", errors="replace") as file:
        readme = file.read(CARD_CHARACTERS)
    # A card that was written by `model_card` says the same again.
    card = facts if readme.strip() == facts.strip() else f"{facts}\n\n---\n\n{readme}"
    # Headings of a page are too large for a panel.
    return re.sub(r"^#", "###", card, flags=re.MULTILINE)


def _folder_name(metadata: BundleMetadata) -> str:
    """Return <name>-<version> as a folder's name: a name from a file must never lead elsewhere."""
    return re.sub(r"[^\w.+-]+", "_", f"{metadata.name}-{metadata.version}").strip(".") or "model"


def _title(folder: Path) -> str:
    try:
        content = json.loads((folder / METADATA).read_text(encoding="utf-8"))
        return f"{content['name']} {content['version']}"
    except (OSError, ValueError, LookupError, TypeError):
        return folder.name


def _same_content(one: Path, other: Path) -> bool:
    """Tell whether two bundles list the same checksums; neither is trusted before it was verified."""
    try:
        return (one / CHECKSUMS).read_bytes() == (other / CHECKSUMS).read_bytes()
    except OSError:
        return False
