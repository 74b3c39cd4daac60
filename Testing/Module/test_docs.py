"""What the documents say of the panel is what its code has."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_links_and_pictures_lead_somewhere(path):
    targets = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (path.parent / target).exists()] == []


def test_the_reference_lists_every_action_with_its_arguments():
    from BreastFusionLib.service.actions import Actions

    text = (REPOSITORY / "docs" / "reference" / "panel.md").read_text(encoding="utf-8")
    table = text.split("| action | arguments | result |")[1].split("\n\n")[0]
    documented = {
        name.strip(" `"): {argument.strip() for argument in arguments.split(",") if argument.strip()}
        for name, arguments in re.findall(r"^\| (`\w+`) \|([^|]*)\|", table, re.MULTILINE)
    }
    methods = {name.removeprefix("_"): getattr(Actions, name) for name in vars(Actions)}
    known = {
        name: set(inspect.signature(method).parameters) - {"self", "tell"}
        for name, method in methods.items()
        if callable(method) and "tell" in inspect.signature(method).parameters and name != "run"
    }
    assert documented == known


def test_the_reference_names_every_attribute_of_a_series():
    from BreastFusionPanel.bridge import facts

    text = (REPOSITORY / "docs" / "reference" / "panel.md").read_text(encoding="utf-8")
    attributes = [
        value for value in vars(facts).values() if isinstance(value, str) and value.startswith("BreastFusion.")
    ]
    assert len(attributes) > 5
    missing = [name for name in attributes if f"`{name}`" not in text and f"`.{name.split('.')[1]}`" not in text]
    assert not [name for name in missing if not name.startswith("BreastFusionPanel")]


def test_the_help_shows_calls_that_exist(panel):
    import slicer

    from BreastFusion import BreastFusionLogic

    help_text = slicer.modules.breastfusion.helpText
    names = re.findall(r"BreastFusionLogic\(\)\.(\w+)", help_text)
    assert names == ["readExams"]
    for document in ("README.md", "docs/how-to/read-in-slicer.md"):
        names += re.findall(r"BreastFusionLogic\(\)\.(\w+)", (REPOSITORY / document).read_text(encoding="utf-8"))
    assert all(hasattr(BreastFusionLogic, name) for name in names)


def test_the_how_to_uses_the_words_on_the_buttons():
    """A bold word of the how-to is a widget's text in some section."""
    sections = " ".join(
        path.read_text(encoding="utf-8") for path in sorted((REPOSITORY / "BreastFusion/Resources/UI").glob("*.ui"))
    )
    code = " ".join(
        path.read_text(encoding="utf-8")
        for path in sorted((REPOSITORY / "BreastFusion/BreastFusionPanel").rglob("*.py"))
    )
    text = (REPOSITORY / "docs" / "how-to" / "read-in-slicer.md").read_text(encoding="utf-8")
    words = set(re.findall(r"\*\*([^*]+)\*\*", text))
    sentences = {word for word in words if word.endswith(".") or len(word.split()) > 4}
    assert len(words - sentences) > 10
    assert [word for word in sorted(words - sentences) if word not in sections and f'"{word}"' not in code] == []
