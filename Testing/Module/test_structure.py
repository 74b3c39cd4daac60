"""What holds for every file of the module, read from the files themselves."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE = REPOSITORY / "BreastFusion"
LIBRARY = REPOSITORY / "BreastFusionLib"
MODULE_FILES = sorted(MODULE.rglob("*.py"))
UI_FILES = sorted((MODULE / "Resources" / "UI").glob("*.ui"))

FROM_SLICER = {"slicer", "vtk", "qt", "ctk", "numpy", "SimpleITK", "scipy"}
# What a first import in the application's process may not cost, or may not be there at all.
HEAVY = {"torch", "torchvision", "radiomics", "pandas", "matplotlib", "pydantic", "monai", "lightning", "sklearn"}
GROUND_FLOOR = {"errors", "files", "settings", "exam", "lesion", "features", "images", "phantom", "reading", "service"}
# Calls that make a constant and touch nothing.
MAKE_CONSTANTS = {"Path", "resolve", "frozenset", "range", "diag", "compile", "MappingProxyType", "getLogger"}


def name_of(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(statement: ast.stmt) -> list[str]:
    """Return the absolute modules that a statement imports."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    if isinstance(statement, ast.ImportFrom) and statement.level == 0:
        return [statement.module or ""]
    return []


def all_imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.stmt):
            yield from ((node.lineno, name) for name in imported(node))


def is_type_checking(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"


@pytest.fixture(params=MODULE_FILES, ids=name_of)
def module_file(request) -> Path:
    return request.param


@pytest.fixture(params=UI_FILES, ids=name_of)
def ui_file(request) -> Path:
    return request.param


def test_file_scope_imports_only_what_slicer_brings_along(module_file):
    allowed = FROM_SLICER | sys.stdlib_module_names
    if module_file.parent != MODULE:
        allowed |= {"BreastFusionLib"}
    strange = [
        name
        for statement in tree_of(module_file).body
        for name in imported(statement)
        if name.split(".")[0] not in allowed
    ]
    assert not strange, f"{name_of(module_file)} imports {strange} at file scope"


def test_nothing_heavy_is_imported_in_the_application(module_file):
    heavy = [(line, name) for line, name in all_imports(module_file) if name.split(".")[0] in HEAVY]
    assert not heavy, f"{name_of(module_file)}: {heavy}; that is work for the child process"


def test_the_module_uses_only_the_librarys_ground_floor(module_file):
    rooms = [
        (line, name)
        for line, name in all_imports(module_file)
        if name.startswith("BreastFusionLib.") and name.split(".")[1] not in GROUND_FLOOR
    ]
    assert not rooms, f"{name_of(module_file)}: {rooms}"


def test_a_file_only_defines_and_runs_nothing(module_file):
    for statement in tree_of(module_file).body:
        where = f"{name_of(module_file)}, line {statement.lineno}"
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            calls = {
                ast.unparse(node.func).split(".")[-1] for node in ast.walk(statement) if isinstance(node, ast.Call)
            }
            assert calls <= MAKE_CONSTANTS, f"{where} calls {calls - MAKE_CONSTANTS} while the file is imported"
        else:
            defines = isinstance(
                statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
            )
            is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            assert defines or is_text or is_type_checking(statement), f"{where} runs code while the file is imported"


def test_a_name_is_public_where_it_is_defined_and_nowhere_else(module_file):
    tree = tree_of(module_file)
    public = {
        name
        for statement in tree.body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__"
        for name in (element.value for element in statement.value.elts)
    }
    foreign = {
        alias.asname or alias.name
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert not foreign & public, f"{name_of(module_file)} hands on what is defined elsewhere"


def test_there_is_no_global_state(module_file):
    found = [node.lineno for node in ast.walk(tree_of(module_file)) if isinstance(node, ast.Global)]
    assert not found, f"{name_of(module_file)}, lines {found}"


@pytest.mark.parametrize(
    ("forbidden", "because"),
    [
        (r"\bQRegExp\b", "Qt 6 has QRegularExpression"),
        (r"\bQDesktopWidget\b|\bQTextCodec\b", "Qt 6 has none"),
        (r"\bstateChanged\b", "toggled is there in Qt 5 and 6"),
        (r"currentIndexChanged\(QString\)", "currentTextChanged is there in Qt 5 and 6"),
        (r"\.connect\(\s*[\"']", "signals are connected as attributes, in PythonQt and PySide6"),
        (r"^\s*import imp$|\bimp\.", "Python 3.12 has importlib"),
        (r"\bpickle\b|\beval\(|\bexec\(", "nothing of a file may be executed"),
        (r"\bmainWindow\(\)\.", "there may be no main window"),
    ],
)
def test_what_does_not_work_everywhere_is_not_used(module_file, forbidden, because):
    lines = module_file.read_text(encoding="utf-8").splitlines()
    found = [number for number, line in enumerate(lines, 1) if re.search(forbidden, line)]
    assert not found, f"{name_of(module_file)}, lines {found}: {because}"


def test_the_modules_own_file_is_thin():
    lines = (MODULE / "BreastFusion.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 150


def test_only_the_modules_own_file_lies_in_its_folder():
    """Slicer takes every other .py there for a module too."""
    assert [path.name for path in MODULE.glob("*.py")] == ["BreastFusion.py"]


def test_the_library_knows_nothing_of_the_application():
    found = {
        name_of(path): names
        for path in sorted(LIBRARY.rglob("*.py"))
        if (names := [name for _, name in all_imports(path) if name.split(".")[0] in {"slicer", "qt", "ctk"}])
    }
    assert not found


# ---- .ui files


def widgets(path: Path) -> Iterator[ElementTree.Element]:
    return ElementTree.parse(path).getroot().iter("widget")


def has(widget: ElementTree.Element, name: str) -> bool:
    return any(entry.get("name") == name and "".join(entry.itertext()).strip() for entry in widget.findall("property"))


def test_there_are_sections():
    assert len(UI_FILES) >= 5


def test_every_node_chooser_hears_of_the_scene_and_says_which_nodes(ui_file):
    root = ElementTree.parse(ui_file).getroot()
    served = {
        link.findtext("receiver")
        for link in root.iter("connection")
        if link.findtext("signal") == "mrmlSceneChanged(vtkMRMLScene*)"
        and link.findtext("slot") == "setMRMLScene(vtkMRMLScene*)"
        and link.findtext("sender") == root.findtext("class")
    }
    choosers = [widget for widget in widgets(ui_file) if widget.get("class", "").endswith("NodeComboBox")]
    assert not [one.get("name") for one in choosers if one.get("name") not in served]
    assert not [one.get("name") for one in choosers if not has(one, "nodeTypes")]


def test_the_root_of_each_section_takes_the_scene(ui_file):
    assert next(widgets(ui_file)).get("class") == "qMRMLWidget"


def test_object_names_are_used_once_in_a_section(ui_file):
    names = [widget.get("name") for widget in widgets(ui_file)]
    assert not {name for name in names if names.count(name) > 1}


def test_bound_widgets_name_a_field_of_the_parameter_node():
    parameters = next(
        node
        for node in tree_of(MODULE / "BreastFusionPanel" / "parameters.py").body
        if isinstance(node, ast.ClassDef) and node.name == "BreastFusionParameterNode"
    )
    fields = {node.target.id for node in parameters.body if isinstance(node, ast.AnnAssign)}
    bound = {
        "".join(entry.itertext()).strip()
        for path in UI_FILES
        for entry in ElementTree.parse(path).getroot().iter("property")
        if entry.get("name") == "SlicerParameterName"
    }
    assert bound, "no widget is bound to the parameter node"
    assert bound <= fields


# ---- the opened module


def test_every_widget_of_the_ui_files_says_what_it_is(panel):
    """In its .ui file, or in code where the words depend on the state."""
    import qt

    only_hold_others = {"qMRMLWidget", "QWidget", "QFrame"}
    silent = {
        widget.get("name")
        for path in UI_FILES
        for widget in widgets(path)
        if widget.get("class") not in only_hold_others and not has(widget, "toolTip")
    }
    assert silent, "some words depend on the state"
    assert not [
        child.objectName
        for child in panel.parent.findChildren(qt.QWidget)
        if child.objectName in silent and not child.toolTip
    ]


def test_every_control_made_in_code_says_what_it_is(panel):
    import qt

    controls = (qt.QAbstractButton, qt.QComboBox, qt.QAbstractSpinBox, qt.QSlider, qt.QAbstractItemView, qt.QLineEdit)
    # What is inside of one of these is a part of it, which its own tooltip explains.
    whole = {widget.get("name") for path in UI_FILES for widget in widgets(path)} - {
        widget.get("name")
        for path in UI_FILES
        for widget in widgets(path)
        if widget.get("class") in {"qMRMLWidget", "QWidget", "QFrame", "QGroupBox", "ctkCollapsibleButton"}
    }
    made = [
        child
        for child in panel.parent.findChildren(qt.QWidget)
        if isinstance(child, controls) and not {one.objectName for one in (child, *holders(child))} & whole
    ]
    assert made, "the message line is made in code"
    assert not [type(child).__name__ for child in made if not child.toolTip]


def holders(widget) -> Iterator:
    while (widget := widget.parent()) is not None:
        yield widget


def test_opening_the_module_imports_nothing_heavy():
    """In a process of its own, because the tests beside this one may have imported anything."""
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "from host import start; start()\n"
        "from host.opening import open_module, close_module\n"
        "widget = open_module('BreastFusion'); widget.enter()\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))\n"
        "widget.exit(); close_module('BreastFusion', widget)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.strip().splitlines()[-1]))
    assert {"slicer", "BreastFusionPanel", "BreastFusionLib"} <= loaded
    assert not loaded & HEAVY
