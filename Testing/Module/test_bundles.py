"""Installed models: copied in whole and checked, or refused with a sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from BreastFusionLib.errors import InputError


@pytest.fixture
def installed(scene, tmp_path):
    from BreastFusionPanel.classify.bundles import InstalledBundles

    return InstalledBundles(tmp_path / "äpp" / "bundles")


@pytest.fixture
def source(demo_bundle, tmp_path) -> Path:
    return Path(shutil.copytree(demo_bundle, tmp_path / "from disk"))


def test_nothing_is_installed_at_first(installed):
    assert installed.list() == ()


def test_an_imported_bundle_is_listed_and_is_a_copy_byte_for_byte(installed, source):
    header = installed.import_from(source)
    assert [(one.title, one.folder) for one in installed.list()] == [("tiny 1.0", header.folder)]
    assert header.folder == installed.root / "tiny-1.0"
    assert {path.name: path.read_bytes() for path in header.folder.iterdir()} == {
        path.name: path.read_bytes() for path in source.iterdir()
    }


def test_what_else_lies_in_the_folder_is_left_behind(installed, source):
    (source / "patients.csv").write_text("name\n")
    assert not (installed.import_from(source).folder / "patients.csv").exists()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda folder: (folder / "weights.safetensors").write_bytes(b"other"), "was changed or damaged"),
        (lambda folder: (folder / "scalers.json").unlink(), "scalers.json missing"),
        (lambda folder: _set(folder / "metadata.json", schema="breastfusion.bundle/99"), "Update BreastFusion"),
        (shutil.rmtree, "is no folder"),
    ],
)
def test_a_bundle_that_is_not_as_it_was_made_is_refused_and_leaves_nothing(installed, source, damage, sentence):
    damage(source)
    with pytest.raises(InputError, match=sentence):
        installed.import_from(source)
    assert installed.list() == ()
    assert not installed.root.exists() or list(installed.root.iterdir()) == []


def test_the_same_bundle_twice_is_installed_once(installed, source):
    assert installed.import_from(source).folder == installed.import_from(source).folder
    assert len(installed.list()) == 1


def test_another_model_of_the_same_name_does_not_replace_the_first(installed, source, tmp_path):
    installed.import_from(source)
    before = (installed.root / "tiny-1.0" / "README.md").read_bytes()
    other = _with_other_card(source)
    with pytest.raises(InputError, match=r"Another model is installed as 'tiny-1\.0'"):
        installed.import_from(other)
    assert (installed.root / "tiny-1.0" / "README.md").read_bytes() == before


def test_a_name_that_points_elsewhere_stays_in_the_folder(installed, source):
    _set(source / "metadata.json", name="../../evil")
    _sign(source)
    header = installed.import_from(source)
    assert header.folder.parent == installed.root
    assert not any(part == ".." for part in header.folder.parts)


def test_a_deleted_model_is_gone_from_disk(installed, source):
    folder = installed.import_from(source).folder
    installed.delete(folder)
    assert installed.list() == ()
    assert list(installed.root.iterdir()) == []


def test_only_installed_models_can_be_deleted(installed, source):
    with pytest.raises(InputError, match="nothing was deleted"):
        installed.delete(source)
    assert (source / "metadata.json").is_file()


def test_a_model_whose_metadata_cannot_be_read_is_listed_by_its_folder(installed, source):
    folder = installed.import_from(source).folder
    (folder / "metadata.json").write_text("{")
    assert [one.title for one in installed.list()] == ["tiny-1.0"]


def test_the_card_says_what_the_model_was_trained_on_and_how_well_it_did(installed, source):
    from BreastFusionPanel.classify.bundles import card_of

    card = card_of(installed.import_from(source))
    for words in ("Synthetic phantoms", "40 cases, 20 of them malignant (50%)", "auc: 0.900 [0.800 to 1.000]"):
        assert card.count(words) == 1, words
    assert "Intended use" in card


def test_an_author_s_own_card_is_shown_below_the_facts(installed, source):
    from BreastFusionPanel.classify.bundles import card_of

    card = card_of(installed.import_from(_with_other_card(source)))
    assert card.index("Synthetic phantoms") < card.index("Written by hand.")


def _set(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def _with_other_card(folder: Path) -> Path:
    (folder / "README.md").write_text("Written by hand.\n")
    return _sign(folder)


def _sign(folder: Path) -> Path:
    """Make the checksums those of the files as they are now."""
    from BreastFusionLib.files import sha256_of_file

    names = json.loads((folder / "checksums.json").read_text())
    (folder / "checksums.json").write_text(json.dumps({name: sha256_of_file(folder / name) for name in names}))
    return folder
