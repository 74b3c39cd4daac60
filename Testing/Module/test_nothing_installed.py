"""The whole panel where packages are absent, or are there and cannot be imported."""

from __future__ import annotations

import importlib.util
import inspect

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.installed]


class Absent:
    """Has the import of packages fail, as where they are not installed."""

    NAMES = ("torch", "torchvision", "safetensors", "radiomics", "matplotlib")

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.NAMES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.fixture
def broken_packages(monkeypatch, tmp_path) -> None:
    """The process that computes finds none of them; looking for them in the application still does."""
    code = f"import sys\n{inspect.getsource(Absent)}\nsys.meta_path.insert(0, Absent())\n"
    (tmp_path / "sitecustomize.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.fixture
def without_packages(broken_packages, monkeypatch) -> None:
    """Nobody finds any of them."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in Absent.NAMES else find(name))


def test_with_nothing_installed_all_but_classifying_works(without_packages, newcomer, demo_bundle):
    person, panel = newcomer, newcomer.panel
    assert not panel.setup.ui.setupCollapsibleButton.collapsed
    assert panel.setup.ui.setupSummaryLabel.text.startswith("Missing: PyTorch, torchvision, safetensors, matplotlib")
    person.load_demo_exam()
    person.outline_by_click()
    assert "delayed phase" in panel.lesion.ui.kineticsLabel.text
    assert "by geometry" in panel.map.ui.t2SummaryLabel.text
    person.press(panel.map.ui.t2RefineButton)
    person.wait(person.is_idle, "the registration")
    assert "covered" in panel.map.ui.t2SummaryLabel.text

    person.import_model(demo_bundle)
    lacking = "PyTorch, torchvision, safetensors, radiomics must be installed first: open 'Batch and set-up' below."
    assert panel.classify.ui.bundleStatusLabel.text == lacking
    assert not panel.classify.ui.classifyButton.isEnabled() and panel.classify.ui.classifyButton.toolTip == lacking
    panel.classify.classify()  # Ctrl+Enter, where nobody sees a tooltip
    assert person.message == lacking
    person.press(panel.setup.ui.checkButton)
    person.wait(person.is_idle, "the devices")
    assert "CPU: cannot be used (PyTorch is not installed" in panel.setup.ui.deviceLabel.text
    assert panel.setup.ui.installButton.isEnabled() and "Install PyTorch" in panel.setup.ui.installButton.toolTip


def test_packages_that_are_there_and_cannot_be_imported_are_a_sentence(broken_packages, newcomer, demo_bundle):
    newcomer.load_demo_exam()
    newcomer.outline_by_click()
    newcomer.import_model(demo_bundle)
    problem = newcomer.panel.classify.ui.bundleStatusLabel.text
    assert problem.startswith("The Python package 'safetensors' cannot be imported (No module named 'safetensors').")
    assert "Install it, or install it again" in problem
    assert not newcomer.panel.classify.ui.classifyButton.isEnabled()
    assert newcomer.panel.classify.ui.classifyButton.toolTip == problem
