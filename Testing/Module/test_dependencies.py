"""What is installed is found without importing it; what is missing is installed without touching Slicer's own."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import tomllib

REPOSITORY = Path(__file__).resolve().parents[2]
REQUIREMENTS = REPOSITORY / "BreastFusion" / "Resources" / "requirements.txt"


@pytest.fixture
def dependencies(scene):
    from BreastFusionPanel.setup import dependencies

    return dependencies


@pytest.fixture
def installation(scene):
    from BreastFusionPanel.setup import installation

    return installation


@pytest.fixture
def without(dependencies, monkeypatch):
    """Hides modules, as on a machine where they are not installed."""
    find = dependencies._home

    def hide(*modules: str) -> None:
        monkeypatch.setattr(dependencies, "_home", lambda name: None if name in modules else find(name))

    return hide


@pytest.fixture
def torch_extension(monkeypatch):
    """The extension PyTorch, as far as it is called; records with which arguments."""
    calls = []

    class Logic:
        def installTorch(
            self,
            askConfirmation=True,
            forceComputationBackend=None,
            torchVersionRequirement=None,
            torchvisionVersionRequirement=None,
        ):
            calls.append(
                {
                    "askConfirmation": askConfirmation,
                    "torch": torchVersionRequirement,
                    "torchvision": torchvisionVersionRequirement,
                    "constraints": os.environ.get("PIP_CONSTRAINT", ""),
                }
            )

    monkeypatch.setitem(sys.modules, "PyTorchUtils", SimpleNamespace(PyTorchUtilsLogic=Logic))
    return calls


def yes(_question: str) -> bool:
    return True


@pytest.mark.installed
def test_versions_are_those_of_the_installed_distributions(dependencies):
    found = {status.package.name: status for status in dependencies.statuses()}
    for name, distribution in (("PyTorch", "torch"), ("safetensors", "safetensors"), ("Pillow", "pillow")):
        assert found[name].version == importlib.metadata.version(distribution)
        assert found[name].usable


@pytest.mark.installed
def test_the_provider_of_radiomics_is_named(dependencies):
    found = next(status for status in dependencies.statuses() if status.package.name == "radiomics")
    assert found.words == f"{found.provider} {found.version}"
    assert importlib.metadata.version(found.provider) == found.version


@pytest.mark.installed
def test_looking_imports_nothing(tmp_path):
    script = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from host import start; start()\n"
        "from BreastFusionPanel.setup import dependencies\n"
        "assert all(status.usable for status in dependencies.statuses())\n"
        "print(sorted({'torch', 'torchvision', 'radiomics', 'matplotlib', 'PIL', 'safetensors'} & set(sys.modules)))\n"
    )
    paths = [str(Path(__file__).parent), str(REPOSITORY / "BreastFusion")]
    done = subprocess.run([sys.executable, "-c", script, *paths], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.installed
def test_a_package_that_is_too_old_counts_as_missing_and_says_what_is_needed(dependencies, monkeypatch):
    monkeypatch.setattr(dependencies, "_release", lambda version: (2, 1) if version != "2.2" else (2, 2))
    torch = dependencies.packages()[0]
    status = dependencies.status(torch)
    assert not status.usable
    assert status.words == f"{importlib.metadata.version('torch')}, needs 2.2"


@pytest.mark.parametrize(
    ("version", "release"), [("2.1.0+cu118", (2, 1, 0)), ("0.4", (0, 4)), ("1.0rc1", (1, 0)), ("", ())]
)
def test_versions_are_compared_by_their_leading_numbers(dependencies, version, release):
    assert dependencies._release(version) == release


def test_nothing_installed_is_seven_missing_packages(dependencies, without):
    without("torch", "torchvision", "safetensors", "matplotlib", "contourpy", "PIL", "radiomics")
    assert [package.module for package in dependencies.missing()] == [
        "torch",
        "torchvision",
        "safetensors",
        "matplotlib",
        "contourpy",
        "PIL",
        "radiomics",
    ]
    assert {status.words for status in dependencies.statuses()} == {"missing"}


def test_least_versions_are_those_of_the_library(dependencies):
    """One truth: what pyproject.toml declares is what the panel asks for."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = dict(line.split(">=") for line in (*extras["reading"], *extras["study"]) if ">=" in line)
    for package in dependencies.packages():
        if package.least:
            assert declared[package.distributions[0]] == package.least
    required = dict(re.findall(r"(?m)^([\w-]+)>=([\d.]+)$", REQUIREMENTS.read_text(encoding="utf-8")))
    assert required == {p.distributions[0]: p.least for p in dependencies.packages() if p.way == "pip"}


def test_what_slicer_runs_on_is_never_asked_for(installation):
    lines = [line.split("#")[0].strip() for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines()]
    names = {re.split(r"[<>=~! ]", line)[0].lower() for line in lines if line}
    assert names and not names & {name.lower() for name in installation.PROTECTED}
    assert not [line for line in lines if "==" in line]


def test_every_pip_is_held_to_the_present_versions_meanwhile(installation):
    with installation.held_back() as path:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert f"numpy=={importlib.metadata.version('numpy')}" in lines
        assert {re.split("==|<", line)[0] for line in lines} == set(installation.PROTECTED)
        assert os.environ["PIP_CONSTRAINT"] == path.as_uri()
    assert "PIP_CONSTRAINT" not in os.environ and not path.exists()


def test_constraints_of_others_stay(installation, monkeypatch):
    monkeypatch.setenv("PIP_CONSTRAINT", "mine.txt")
    with installation.held_back() as path:
        assert os.environ["PIP_CONSTRAINT"] == f"mine.txt {path.as_uri()}"
    assert os.environ["PIP_CONSTRAINT"] == "mine.txt"


def test_pip_itself_obeys_where_the_folder_has_blanks(installation, tmp_path, monkeypatch):
    """A package that wants another NumPy is refused, though nobody passed pip a constraint."""
    import tempfile

    folder = tmp_path / "Jane Doe"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "numpy>=99"]
    with installation.held_back():
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert f"constraint) numpy=={importlib.metadata.version('numpy')}" in done.stdout + done.stderr


@pytest.mark.installed
def test_refusing_installs_nothing(installation, without, slicer_app, torch_extension):
    without("torch", "safetensors")
    asked = []
    outcome = installation.install_missing(lambda question: asked.append(question) or False)
    assert outcome.refused
    assert "PyTorch, safetensors" in asked[0] and "numpy" in asked[0]
    assert slicer_app.installs.requested == [] and torch_extension == []


@pytest.mark.installed
def test_nothing_is_asked_when_all_is_there(installation):
    outcome = installation.install_missing(lambda question: pytest.fail(question))
    assert outcome == installation.Outcome()


def test_consent_is_asked_once_and_each_package_goes_its_way(installation, without, slicer_app, torch_extension):
    without("torch", "torchvision", "safetensors", "radiomics")
    slicer_app.app.extensionsManagerModel().available.add("SlicerRadiomics")
    asked = []
    outcome = installation.install_missing(lambda question: asked.append(question) or True)

    assert len(asked) == 1
    assert slicer_app.installs.requested == [["safetensors>=0.4", "contourpy>=1.2", "matplotlib>=3.8", "pillow>=10"]]
    (call,) = torch_extension
    assert (call["askConfirmation"], call["torch"], call["torchvision"]) == (False, ">=2.2", ">=0.17")
    assert call["constraints"].startswith("file:")
    assert slicer_app.app.extensionsManagerModel().installed == {"SlicerRadiomics"}
    assert "Restart Slicer" in outcome.sentences[0]


@pytest.mark.installed
def test_an_older_extension_pytorch_gets_only_arguments_that_it_knows(installation, without, monkeypatch):
    without("torch")
    calls = []
    logic = type("Logic", (), {"installTorch": lambda self, askConfirmation=True: calls.append(askConfirmation)})
    monkeypatch.setitem(sys.modules, "PyTorchUtils", SimpleNamespace(PyTorchUtilsLogic=logic))
    assert installation.install_missing(yes).sentences == ()
    assert calls == [False]


@pytest.mark.installed
def test_without_the_extension_pytorch_it_is_installed_first(installation, without, slicer_app):
    without("torch")
    slicer_app.app.extensionsManagerModel().available.add("PyTorch")
    outcome = installation.install_missing(yes)
    assert outcome.sentences == ("PyTorch: the extension PyTorch is installed. Restart Slicer, then look here again.",)


def test_without_internet_each_failure_is_a_sentence_and_the_rest_goes_on(
    installation, without, slicer_app, torch_extension
):
    without("torch", "safetensors", "radiomics")
    slicer_app.installs.error = "no route to host"
    outcome = installation.install_missing(yes)
    pip, radiomics = outcome.sentences
    assert "safetensors could not be installed (no route to host)" in pip
    assert "SlicerRadiomics could not be installed" in radiomics and "Kinetics" in radiomics
    assert len(torch_extension) == 1 and "Restart" not in " ".join(outcome.sentences)


@pytest.mark.installed
def test_an_application_without_extensions_manager_says_what_to_do(installation, without, slicer_app, monkeypatch):
    without("radiomics")
    monkeypatch.setattr(type(slicer_app.app), "extensionsManagerModel", lambda self: None)
    assert "install the extension SlicerRadiomics" in installation.install_missing(yes).sentences[0]


def test_slicer_before_5_12_uses_its_older_installer_with_the_constraints(installation, without, monkeypatch):
    import slicer

    without("safetensors")
    commands = []
    monkeypatch.setattr(installation, "_packaging", lambda: None)
    monkeypatch.setattr(slicer.util, "pip_install", commands.append, raising=False)
    installation.install_missing(yes)
    (command,) = commands
    assert command[:-2] == ["safetensors>=0.4", "contourpy>=1.2", "matplotlib>=3.8", "pillow>=10"]
    assert command[-2] == "-c" and command[-1].endswith("constraints.txt")


@pytest.mark.installed
def test_details_are_lines_to_paste(dependencies, without):
    without("radiomics")
    text = dependencies.describe(dependencies.statuses())
    assert f"PyTorch: {importlib.metadata.version('torch')} (any reading)" in text.splitlines()
    assert "radiomics: missing (models with radiomics)" in text.splitlines()
