"""The classes that Slicer wants: what they tell of the module, and the panel's life with the scene."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import slicer

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]


def run_in_new_process(code: str) -> list[str]:
    """Run code in which the host has been started; return what it printed, line by line."""
    start = "import sys; sys.path.insert(0, sys.argv[1])\nfrom host import start; start()\n"
    done = subprocess.run(
        [sys.executable, "-c", start + code, str(HERE), str(REPOSITORY)],
        capture_output=True,
        text=True,
        cwd=HERE,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()


def test_the_module_describes_itself(panel):
    module = slicer.modules.breastfusion
    assert module.title == "BreastFusion"
    assert module.categories == ["Quantification"]
    assert not module.icon.isNull()
    assert 'BreastFusionLogic().readExams("EXAMS", "BUNDLE", "READINGS")' in module.helpText
    assert "Research use only. Not a medical device." in module.helpText
    assert module.acknowledgementText


def test_modules_that_it_depends_on_are_there(panel):
    known = slicer.app.moduleManager().loadedModuleNames()
    assert [name for name in slicer.modules.breastfusion.dependencies if name not in known] == []


def test_a_closed_scene_has_a_new_study(panel):
    panel.panel.context.parameters.radiusMm = 17.0
    slicer.mrmlScene.Clear()
    assert panel.panel.context.parameters.radiusMm == 30.0
    assert panel.panel.lesion.ui.radiusSpinBox.value == 30.0


def test_a_message_about_a_study_goes_with_it(panel, messages):
    panel.panel.context.say("Saved in /reports/P-12ab_Lesion-1.")
    slicer.mrmlScene.Clear()
    assert messages(panel) == ""


def test_while_a_scene_is_closed_there_is_no_study(panel):
    seen = []
    scene = slicer.mrmlScene
    # Priority -1: called after the module's own observer.
    tag = scene.AddObserver(scene.StartCloseEvent, lambda *_: seen.append(panel.panel.context.parameters), -1.0)
    scene.Clear()
    scene.RemoveObserver(tag)
    assert seen == [None]


def test_a_module_that_is_not_shown_leaves_a_new_scene_alone(panel):
    node = panel.panel.context.parameters.parameterNode
    panel.exit()
    slicer.mrmlScene.Clear()
    assert panel.panel.context.parameters is None
    assert node.GetAttribute("ModuleName") is None  # nobody has taken the emptied node up
    panel.enter()
    assert node.GetAttribute("ModuleName") == "BreastFusion"
    assert panel.panel.context.parameters.parameterNode is node


def test_a_scene_that_is_opened_is_shown(panel, tmp_path):
    panel.panel.context.parameters.radiusMm = 17.0
    file = str(tmp_path / "study.mrb")
    assert slicer.util.saveScene(file)
    slicer.mrmlScene.Clear()
    slicer.util.loadScene(file)
    assert panel.panel.context.parameters.radiusMm == 17.0
    assert panel.panel.lesion.ui.radiusSpinBox.value == 17.0


def test_taken_down_it_hears_nothing_any_more(scene):
    from host.opening import close_module, open_module

    widget = open_module("BreastFusion")
    widget.enter()
    close_module("BreastFusion", widget)
    slicer.mrmlScene.Clear()
    assert widget.panel.context.parameters is None


def test_from_the_source_tree_the_library_is_found_beside_the_modules_folder():
    printed = run_in_new_process(
        "sys.path = [path for path in sys.path if path != sys.argv[2]]\n"
        "sys.meta_path = [finder for finder in sys.meta_path if 'editable' not in repr(finder).lower()]\n"
        "import importlib.util\n"
        "print(importlib.util.find_spec('BreastFusionLib'))\n"
        "from host.opening import load_module; load_module('BreastFusion')\n"
        "import BreastFusionLib; print(BreastFusionLib.__file__)\n"
    )
    assert printed == ["None", str(REPOSITORY / "BreastFusionLib" / "__init__.py")]


def test_reloading_loads_the_packages_behind_the_module_too():
    printed = run_in_new_process(
        "import slicer\n"
        "from host.opening import open_module\n"
        "from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget\n"
        "widget = open_module('BreastFusion'); old = sys.modules['BreastFusionPanel.panel']\n"
        "def reload(self):\n"
        "    del sys.modules['BreastFusion']; self.cleanup(); open_module('BreastFusion').enter()\n"
        "ScriptedLoadableModuleWidget.onReload = reload  # what Slicer does, in short\n"
        "widget.onReload()\n"
        "print(sys.modules['BreastFusionPanel.panel'] is old, slicer.modules.BreastFusionWidget is widget)\n"
    )
    assert printed[-1] == "False False"


@pytest.mark.parametrize("name", ["readExams", "readLesion"])
def test_the_console_is_told_in_a_sentence_what_is_missing(scene, name, tmp_path):
    from BreastFusion import BreastFusionLogic
    from BreastFusionLib.errors import InputError

    logic = BreastFusionLogic()
    arguments = ([], tmp_path / "none", tmp_path) if name == "readExams" else (tmp_path / "none",)
    with pytest.raises(InputError, match=r"\.$"):
        getattr(logic, name)(*arguments, progress=None)
