"""A model or a disk that cannot be used ends with its sentence in the panel."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from bad_input_parts import draw, empty, in_plain_words

from BreastFusionLib.files import sha256_of_file
from BreastFusionLib.service import transfer

pytestmark = [pytest.mark.slow, pytest.mark.installed]


# Models: 'Import…'


def no_model(bundle: Path) -> None:
    empty(bundle)


def wrong_checksum(bundle: Path) -> None:
    (bundle / "weights.safetensors").write_bytes(b"other weights")


def newer_schema(bundle: Path) -> None:
    change_json(bundle / "metadata.json", lambda content: content.update(schema="breastfusion.bundle/99"))


def unknown_network(bundle: Path) -> None:
    change_recipe(bundle, lambda recipe: recipe["model"]["encoder"].update(name="resnet5O"))


def unknown_key(bundle: Path) -> None:
    change_recipe(bundle, lambda recipe: recipe["inputs"].update(sequense=["dce"]))


def change_json(path: Path, change: Callable[[dict], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def change_recipe(bundle: Path, change: Callable[[dict], None]) -> None:
    """Change the recipe and sign the bundle again, as somebody who edits it by hand."""
    change_json(bundle / "recipe.json", change)
    sums = {path.name: sha256_of_file(path) for path in bundle.iterdir() if path.name != "checksums.json"}
    (bundle / "checksums.json").write_text(json.dumps(sums), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_model, "is no complete bundle: metadata.json"),
        (wrong_checksum, "weights.safetensors was changed or damaged"),
        (newer_schema, "Update BreastFusion"),
        (unknown_key, "Did you mean 'sequences'?"),
    ],
)
def test_a_model_that_cannot_be_used_is_not_installed(person, demo_bundle, models, tmp_path, spoil, words):
    bundle = Path(shutil.copytree(demo_bundle, tmp_path / "Modell ß"))
    spoil(bundle)
    person.import_model(bundle)
    assert words in in_plain_words(person)
    assert person.panel.classify.ui.bundleComboBox.count == 0
    assert not models.exists() or list(models.iterdir()) == []


def test_a_model_whose_network_is_unknown_here_says_so_where_it_is_chosen(person, originals, demo_bundle, tmp_path):
    bundle = Path(shutil.copytree(demo_bundle, tmp_path / "Modell ß"))
    unknown_network(bundle)
    person.open_study(originals / "exam")
    draw(person, originals)
    person.import_model(bundle)
    ui = person.panel.classify.ui
    assert "There is no encoder 'resnet5O'. Did you mean 'resnet50'?" in ui.bundleStatusLabel.text
    assert not ui.classifyButton.isEnabled() and ui.classifyButton.toolTip == ui.bundleStatusLabel.text
    person.panel.classify.classify()  # Ctrl+Enter
    assert in_plain_words(person) == ui.bundleStatusLabel.text


# A full disk


def test_a_full_disk_stops_nothing_but_what_needs_it(reader, originals, monkeypatch):
    draw(reader, originals)

    def full(*_arguments: object, **_options: object) -> None:
        raise OSError("65536 requested and 4096 written")  # NumPy's words for it

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(transfer.np, "save", full)
        reader.begin_to_classify()
        reader.wait(reader.is_idle, "the sentence")
    assert "free some disk space, and try again" in in_plain_words(reader)
    reader.classify()
    assert reader.result is not None


def test_without_a_folder_for_temporary_files_the_next_click_works(newcomer, monkeypatch):
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(tempfile, "tempdir", "/nowhere")
        newcomer.begin_demo_exam()
        assert "Temporary files cannot be written" in in_plain_words(newcomer)
        assert newcomer.panel.exam.ui.loadDemoButton.text == "Load demo exam"
    newcomer.load_demo_exam()
    assert newcomer.parameters.dceSequence is not None
