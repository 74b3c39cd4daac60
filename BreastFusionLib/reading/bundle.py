"""The portable model folder: written whole or not at all, read only when every byte is as written.

    metadata.json  recipe.json  weights.safetensors  scalers.json  README.md  checksums.json

Nothing in it is unpickled or executed: the network is built from the recipe by a fixed table of names.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from BreastFusionLib.errors import InputError
from BreastFusionLib.files import sha256_of_file, to_plain, write_json, write_text
from BreastFusionLib.reading.clinical_encoder import ClinicalEncoder
from BreastFusionLib.reading.devices import choose_device
from BreastFusionLib.reading.metadata import BundleMetadata, check_schema
from BreastFusionLib.reading.modelcard import model_card
from BreastFusionLib.reading.recipe import CLINICAL, ReadingRecipe
from BreastFusionLib.reading.scalers import Scalers, scalers_from_json, scalers_to_json
from BreastFusionLib.reading.vectors import vector_names
from BreastFusionLib.settings import to_mapping

if TYPE_CHECKING:
    import torch

    from BreastFusionLib.models import FusionNetwork

__all__ = [
    "Bundle",
    "BundleHeader",
    "header_steps",
    "load_bundle",
    "read_bundle_header",
    "read_clinical_encoder",
    "recipe_network",
    "write_bundle",
]

METADATA, RECIPE, WEIGHTS, SCALERS, CARD = (
    "metadata.json",
    "recipe.json",
    "weights.safetensors",
    "scalers.json",
    "README.md",
)
CHECKSUMS = "checksums.json"
FILES = (METADATA, RECIPE, WEIGHTS, SCALERS, CARD)
_PIECE_BYTES = 8 << 20  # of a file whose checksum is computed in steps


@dataclass(frozen=True)
class BundleHeader:
    """What a bundle says, without its network: enough to choose it and to prepare cases for it.

    Attributes:
        folder: where it was read from.
        metadata: what it says about itself.
        recipe: the only source of preprocessing.
    """

    folder: Path
    metadata: BundleMetadata
    recipe: ReadingRecipe


@dataclass(frozen=True, eq=False)
class Bundle:
    """A model ready to read cases.

    Attributes:
        folder: where it was read from.
        metadata: what it says about itself.
        recipe: the only source of preprocessing.
        network: in eval mode on `device`, without gradients of its weights.
        scalers: vector source -> scaler or encoder.
        device: where the network runs, as PyTorch names it.
        device_reason: the same in a sentence for the screen.
    """

    folder: Path
    metadata: BundleMetadata
    recipe: ReadingRecipe
    network: FusionNetwork
    scalers: Scalers
    device: str = "cpu"
    device_reason: str = ""


def write_bundle(
    folder: str | os.PathLike[str],
    metadata: BundleMetadata,
    recipe: Mapping[str, Any],
    network: torch.nn.Module,
    scalers: Scalers,
    readme: str | None = None,
) -> Path:
    """Write a bundle; a bundle that was there before is replaced in one step.

    Args:
        folder: the bundle's folder.
        metadata: what it says about itself.
        recipe: the whole resolved recipe as a mapping, the sections of the upper floor included.
        network: whose `state_dict` is saved.
        scalers: vector source -> scaler.
        readme: the model card; None generates it from the metadata.

    Raises:
        InputError: the folder holds something else than a bundle, or a weight is not finite.
    """
    from BreastFusionLib.models.weights import write_weights

    target = Path(folder)
    if target.exists() and any(target.iterdir()) and not (target / METADATA).is_file():
        raise InputError(f"{target} holds files that are no bundle: choose another folder, or empty this one.")
    reading_recipe = ReadingRecipe.from_mapping(recipe, "recipe")
    weights = network.state_dict()
    broken = [name for name, tensor in weights.items() if not bool(tensor.isfinite().all())]
    if broken:
        raise InputError(f"The network's '{broken[0]}' is not finite: training diverged. Train with a smaller step.")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        fresh = temporary / "new"
        write_json(fresh / METADATA, to_mapping(metadata))
        write_json(fresh / RECIPE, recipe)
        write_text(fresh / SCALERS, json.dumps(to_plain(scalers_to_json(scalers)), allow_nan=False) + "\n")
        write_text(fresh / CARD, model_card(metadata, reading_recipe) if readme is None else readme)
        write_weights(weights, fresh / WEIGHTS)
        write_json(fresh / CHECKSUMS, {name: sha256_of_file(fresh / name) for name in FILES})
        if target.exists():
            target.rename(temporary / "old")
        fresh.rename(target)
    finally:
        shutil.rmtree(temporary)
    return target


def recipe_network(recipe: ReadingRecipe, scalers: Scalers, load_weights: bool) -> FusionNetwork:
    """Build the network of a recipe, the same for training as for reading.

    Args:
        recipe: its inputs say which sources there are, its task how many classes.
        scalers: vector source -> scaler or encoder; they know how many inputs each has.
        load_weights: see `models.build_network`.

    Raises:
        InputError: unknown names, or weights that cannot be had.
    """
    from BreastFusionLib.models import build_network

    inputs = recipe.inputs
    return build_network(
        recipe.model,
        inputs.channels,
        {source: len(scalers[source].names) for source in inputs.vector_sources},
        classes=len(recipe.task.classes),
        load_weights=load_weights,
    )


def read_bundle_header(folder: str | os.PathLike[str]) -> BundleHeader:
    """Read what a bundle says, and verify that every file is as it was written; PyTorch is not needed.

    Raises:
        InputError: a file is missing, changed or of a newer format, or holds unknown names.
    """
    steps = header_steps(folder)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def header_steps(folder: str | os.PathLike[str]) -> Generator[None, None, BundleHeader]:
    """As `read_bundle_header`, for who has other things to do: every step takes some hundredths of a second."""
    source = Path(folder)
    _check_present(source)
    raw = _read_json(source / METADATA)
    # A newer format may have other files and other checksums: say 'update' before 'damaged'.
    check_schema(raw, str(source / METADATA))
    yield from _check_checksums(source)
    metadata = BundleMetadata.from_mapping(raw, str(source / METADATA))
    recipe = ReadingRecipe.from_mapping(_read_json(source / RECIPE), str(source / RECIPE))
    if recipe.task != metadata.task:
        raise InputError(f"{source}: metadata.json and recipe.json name different tasks. Export the model again.")
    return BundleHeader(source, metadata, recipe)


def read_clinical_encoder(header: BundleHeader) -> ClinicalEncoder | None:
    """Return how a bundle's clinical columns become inputs, for a form that asks for them; None where it has none.

    Raises:
        InputError: the encoder is missing, or does not fit the recipe.
    """
    if not header.recipe.inputs.clinical:
        return None
    where = header.folder / SCALERS
    entries = {source: entry for source, entry in _read_json(where).items() if source == CLINICAL}
    return _clinical_encoder(scalers_from_json(entries, str(where)), header.recipe, where)


def load_bundle(folder: str | os.PathLike[str], device: str = "cpu") -> Bundle:
    """Read a bundle and build its network.

    Args:
        folder: the bundle's folder.
        device: 'auto', 'cpu' or 'cuda'.

    Raises:
        InputError: a file is missing, changed or of a newer format; unknown names; weights that do not fit.
    """
    from BreastFusionLib.models.weights import load_state, read_weights

    header = read_bundle_header(folder)
    source, recipe = header.folder, header.recipe
    scalers = scalers_from_json(_read_json(source / SCALERS), str(source / SCALERS))
    _check_scalers(scalers, recipe, source / SCALERS)
    name, reason = choose_device(device)
    try:
        network = recipe_network(recipe, scalers, load_weights=False)
    except InputError as error:
        raise InputError(f"{source / RECIPE}: {error}") from error
    load_state(network, read_weights(source / WEIGHTS), str(source / WEIGHTS))
    # A reading trains nothing: without this, activation maps would keep a graph through the whole encoder.
    network = network.to(name).eval().requires_grad_(False)
    return Bundle(source, header.metadata, recipe, network, scalers, name, reason)


def _check_present(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: expected a bundle, the folder 'bundle' that a training run leaves.")
    missing = [name for name in (*FILES, CHECKSUMS) if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"{folder} is no complete bundle: {', '.join(missing)} missing. Point to the folder 'bundle' that a "
            "training run leaves, or copy it again."
        )


def _check_checksums(folder: Path) -> Iterator[None]:
    listed = _read_json(folder / CHECKSUMS)
    if set(listed) != set(FILES):
        raise InputError(f"{folder / CHECKSUMS}: expected checksums of {', '.join(FILES)}. Copy the bundle again.")
    for name in FILES:
        digest = hashlib.sha256()
        with (folder / name).open("rb") as stream:
            while piece := stream.read(_PIECE_BYTES):
                digest.update(piece)
                yield
        if digest.hexdigest() != listed[name]:
            raise InputError(
                f"{folder / name} was changed or damaged: its checksum is not the one in {CHECKSUMS}. "
                "Copy the bundle again from where it was made."
            )


def _check_scalers(scalers: Scalers, recipe: ReadingRecipe, where: Path) -> None:
    expected = recipe.inputs.vector_sources
    if set(scalers) != set(expected):
        raise InputError(f"{where}: has scalers for {sorted(scalers)}, the recipe needs {sorted(expected)}.")
    if CLINICAL in scalers:
        _clinical_encoder(scalers, recipe, where)
    for source, names in vector_names(recipe.inputs).items():
        if scalers[source].names != names:
            odd = sorted(set(scalers[source].names) ^ set(names))[:3] or ["their order"]
            raise InputError(
                f"{where}, {source}: the features differ from those that this BreastFusion measures "
                f"({', '.join(odd)}). Train the model again with this version."
            )


def _clinical_encoder(scalers: Scalers, recipe: ReadingRecipe, where: Path) -> ClinicalEncoder:
    encoder = scalers.get(CLINICAL)
    columns = [code.spec for code in encoder.codes] if isinstance(encoder, ClinicalEncoder) else []
    if not isinstance(encoder, ClinicalEncoder) or columns != list(recipe.inputs.clinical):
        raise InputError(f"{where}, {CLINICAL}: its columns are not those of the recipe. Export the bundle again.")
    return encoder


def _read_json(path: Path) -> Any:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # not UTF-8, or not JSON
        raise InputError(f"{path} cannot be read as JSON ({error}). Copy the bundle again.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds {type(content).__name__}: expected a JSON object. Copy the bundle again.")
    return content
