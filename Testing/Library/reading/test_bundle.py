import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from BreastFusionLib.errors import InputError
from BreastFusionLib.files import sha256_of_file, write_json
from BreastFusionLib.images.settings import ProjectionSpec
from BreastFusionLib.reading import bundle as bundle_module
from BreastFusionLib.reading import load_bundle, read_bundle_header, write_bundle
from BreastFusionLib.reading.modelcard import model_card
from BreastFusionLib.reading.score import score

pytestmark = pytest.mark.fast


@pytest.fixture
def copied(bundle_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle_folder, tmp_path / "Modèle ß"))


def edit(folder: Path, name: str, change) -> None:
    """Change a JSON file of a bundle and its checksum, as a careful forger would."""
    content = json.loads((folder / name).read_text())
    change(content)
    write_json(folder / name, content)
    sign(folder, name)


def sign(folder: Path, name: str) -> None:
    sums = json.loads((folder / "checksums.json").read_text())
    write_json(folder / "checksums.json", sums | {name: sha256_of_file(folder / name)})


def test_a_bundle_reads_as_it_was_written(bundle_folder, metadata, network, scalers, recipe, inputs):
    bundle = load_bundle(bundle_folder)
    assert bundle.metadata == metadata
    assert bundle.recipe == recipe
    assert not bundle.network.training
    written = network.state_dict()
    assert all(torch.equal(tensor, written[name]) for name, tensor in bundle.network.state_dict().items())
    np.testing.assert_array_equal(bundle.scalers["radiomics"].mean, scalers["radiomics"].mean)
    assert json.loads((bundle_folder / "recipe.json").read_text())["training"] == {"epochs": 3}


def test_nothing_is_pickled(bundle_folder):
    names = {path.name for path in bundle_folder.iterdir()}
    assert names == {
        "metadata.json",
        "recipe.json",
        "weights.safetensors",
        "scalers.json",
        "README.md",
        "checksums.json",
    }


def test_metadata_has_the_promised_keys(bundle_folder):
    content = json.loads((bundle_folder / "metadata.json").read_text())
    assert content["schema"] == "breastfusion.bundle/1"
    assert content["task"]["title"] == "Probability of malignancy"
    assert content["calibration"] == {
        "method": "platt",
        "slope": 0.8,
        "intercept": -0.1,
        "parts": {"kinetics": [2.0, 0.5]},
    }
    assert content["training"]["context"]["contrast"] == {"dce": ["post"], "t1": ["pre"], "t2": ["pre"]}
    assert content["training"]["context"]["spacing_mm"]["t1"] == {"low": [0.8, 0.8, 3.0], "high": [0.8, 0.8, 3.0]}
    assert content["training"]["context"]["field_strength_t"] == [1.5]


@pytest.mark.parametrize("name", ["metadata.json", "recipe.json", "weights.safetensors", "scalers.json", "README.md"])
def test_one_changed_byte_is_refused(copied, name):
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 3] ^= 1
    (copied / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name} .*(changed or damaged|cannot be read)"):
        load_bundle(copied)


@pytest.mark.parametrize("name", ["weights.safetensors", "checksums.json"])
def test_a_missing_file_is_named(copied, name):
    (copied / name).unlink()
    with pytest.raises(InputError, match=f"no complete bundle: {name} missing"):
        load_bundle(copied)


def test_no_folder_is_said(tmp_path):
    with pytest.raises(InputError, match="is no folder: expected a bundle"):
        load_bundle(tmp_path / "nowhere")


def test_a_file_left_out_of_the_checksums_is_refused(copied):
    sums = json.loads((copied / "checksums.json").read_text())
    del sums["weights.safetensors"]
    write_json(copied / "checksums.json", sums)
    with pytest.raises(InputError, match=r"expected checksums of metadata.json, recipe.json, weights"):
        load_bundle(copied)


def test_a_newer_format_asks_for_an_update_even_when_checksums_differ(copied):
    content = json.loads((copied / "metadata.json").read_text())
    write_json(copied / "metadata.json", content | {"schema": "breastfusion.bundle/2", "new": 1})
    with pytest.raises(InputError, match=r"has format 2; BreastFusion .* reads format 1. Update BreastFusion"):
        load_bundle(copied)


def test_another_schema_is_refused(copied):
    edit(copied, "metadata.json", lambda content: content.update(schema="monai"))
    with pytest.raises(InputError, match=r"expected a bundle of schema 'breastfusion.bundle/1', found 'monai'"):
        load_bundle(copied)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("metadata.json", lambda c: c.update(treshold=1), "unknown key 'treshold'. Did you mean 'thresholds'"),
        ("metadata.json", lambda c: c.pop("training"), "the key 'training' is missing"),
        ("metadata.json", lambda c: c["thresholds"].clear(), "operating point 'sensitivity_0.95' is missing"),
        ("metadata.json", lambda c: c["thresholds"].update(youden=1.5), "a probability between 0 and 1, found 1.5"),
        ("metadata.json", lambda c: c["calibration"]["parts"].update(t1=[1.0]), "parts, t1: expected 2 values"),
        ("metadata.json", lambda c: c["task"].update(positive="cancer"), "at least two classes"),
        ("metadata.json", lambda c: c["task"].update(title="Other"), "name different tasks"),
        ("recipe.json", lambda c: c["model"]["encoder"].update(name="smal"), "no encoder 'smal'. Did you mean 'small'"),
        ("recipe.json", lambda c: c["inputs"].update(phase=1), "unknown key 'phase'. Did you mean 'dce_phase'"),
        ("scalers.json", lambda c: c.pop("kinetics"), "the recipe needs .*kinetics"),
        ("scalers.json", lambda c: c["kinetics"]["names"].reverse(), r"features differ .* \(their order\)"),
    ],
)
def test_content_that_makes_no_sense_is_refused(copied, name, change, message):
    edit(copied, name, change)
    with pytest.raises(InputError, match=message):
        load_bundle(copied)


def test_weights_must_fit_name_by_name_and_shape_by_shape(copied):
    path = copied / "weights.safetensors"
    weights = load_file(path)
    name = next(iter(weights))
    del weights[name]
    weights["extra.weight"] = torch.zeros(1)
    other = next(iter(weights))
    weights[other] = torch.zeros(7, 7)
    save_file(weights, path)
    sign(copied, "weights.safetensors")
    with pytest.raises(InputError) as error:
        load_bundle(copied)
    assert f"1 missing ({name})" in str(error.value)
    assert "1 unexpected (extra.weight)" in str(error.value)
    assert f"1 of another shape ({other} is 7x7, not " in str(error.value)


def test_no_safetensors_file_is_refused(copied):
    (copied / "weights.safetensors").write_bytes(b"\x80\x04pickled")
    sign(copied, "weights.safetensors")
    with pytest.raises(InputError, match=r"weights.safetensors cannot be read as weights: it is damaged"):
        load_bundle(copied)


def test_a_failed_write_leaves_the_bundle_that_was_there(
    copied, metadata, recipe_mapping, network, scalers, monkeypatch
):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle_module, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        write_bundle(copied, metadata, recipe_mapping, network, scalers)
    assert load_bundle(copied).metadata == metadata
    assert [path.name for path in copied.parent.iterdir()] == ["Modèle ß"]


def test_a_bundle_is_replaced_but_other_folders_are_not(copied, metadata, recipe_mapping, network, scalers, tmp_path):
    write_bundle(copied, metadata, recipe_mapping, network, scalers, readme="# Card\n")
    assert (copied / "README.md").read_text() == "# Card\n"
    load_bundle(copied)
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter1.tex").write_text("...")
    with pytest.raises(InputError, match="files that are no bundle"):
        write_bundle(other, metadata, recipe_mapping, network, scalers)
    assert (other / "chapter1.tex").exists()


def test_weights_that_are_not_finite_are_not_written(metadata, recipe_mapping, scalers, network, tmp_path):
    broken = type("Broken", (), {"state_dict": lambda self: {"head.weight": torch.tensor([float("nan")])}})()
    with pytest.raises(InputError, match=r"'head.weight' is not finite: training diverged"):
        write_bundle(tmp_path / "bundle", metadata, recipe_mapping, broken, scalers)
    assert not (tmp_path / "bundle").exists()


def test_a_copied_bundle_scores_the_same(bundle_folder, copied, inputs):
    assert score(inputs, load_bundle(copied)) == score(inputs, load_bundle(bundle_folder))


def test_the_model_card_says_what_a_reader_must_know(bundle_folder, synthetic_bundle_folder):
    card = (bundle_folder / "README.md").read_text()
    assert "Research use only. Not a medical device." in card
    assert "auc: 0.900 [0.800 to 1.000]" in card
    assert "40 cases, 20 of them malignant (50%)" in card
    assert "Exams of patients" in card
    assert "no meaning for a patient" in (synthetic_bundle_folder / "README.md").read_text()


def test_the_model_card_of_a_whole_breast_names_its_projection(bundle_folder):
    header = read_bundle_header(bundle_folder)
    inputs = replace(header.recipe.inputs, projection=ProjectionSpec(phase=None, size_px=224))
    card = model_card(header.metadata, replace(header.recipe, inputs=inputs))
    assert (
        "- axial projection (MIP) of one breast, the phase of peak enhancement minus the one before contrast: "
        "224 x 224 pixels\n" in card
    )


def test_a_bundles_header_needs_no_pytorch(bundle_folder):
    """The application's own process reads it, where PyTorch must never be loaded."""
    program = (
        "import sys; from BreastFusionLib.reading import read_bundle_header; "
        f"found = read_bundle_header({str(bundle_folder)!r}); "
        "print(found.metadata.name, found.recipe.inputs.dce_phase, {'torch', 'radiomics'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "tiny 2 set()"


def test_a_header_is_that_of_the_loaded_bundle(bundle_folder):
    header, bundle = read_bundle_header(bundle_folder), load_bundle(bundle_folder)
    assert (header.folder, header.metadata, header.recipe) == (bundle.folder, bundle.metadata, bundle.recipe)


def test_a_header_is_refused_where_the_bundle_is(copied):
    with (copied / "weights.safetensors").open("ab") as file:
        file.write(b"!")
    with pytest.raises(InputError, match=r"weights.safetensors was changed or damaged"):
        read_bundle_header(copied)


def test_a_header_is_read_in_steps_that_are_short_whatever_the_weights_weigh(bundle_folder, monkeypatch):
    monkeypatch.setattr(bundle_module, "_PIECE_BYTES", 1 << 10)
    weight_kib = (bundle_folder / "weights.safetensors").stat().st_size / 1024
    assert len(list(bundle_module.header_steps(bundle_folder))) >= weight_kib
