"""What CMake puts into the extension is what lies in the tree, and the installed extension opens."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE = REPOSITORY / "BreastFusion"
LIBRARY = REPOSITORY / "BreastFusionLib"
INSTALLED = "lib/Slicer-5.12/qt-scripted-modules"

# Stands in for Slicer's CMake package: checks what Slicer's macros check, writes down what they were asked, and copies
# the files to where they would lie in the extension.
SLICER_CONFIG = f"""
set(Slicer_USE_FILE "${{CMAKE_CURRENT_LIST_DIR}}/UseSlicer.cmake")
set(Slicer_EXTENSION_GENERATE_CONFIG "${{CMAKE_CURRENT_LIST_DIR}}/GenerateConfig.cmake")
set(Slicer_EXTENSION_CPACK "${{CMAKE_CURRENT_LIST_DIR}}/CPack.cmake")
set(Slicer_QTSCRIPTEDMODULES_LIB_DIR "{INSTALLED}")
option(BUILD_TESTING "" ON)
"""
USE_SLICER = """
macro(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(MY "WITH_GENERIC_TESTS;WITH_SUBDIR" "NAME" "SCRIPTS;RESOURCES" ${ARGN})
  if(MY_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "unknown: ${MY_UNPARSED_ARGUMENTS}")
  endif()
  set(_subfolder "")
  if(MY_WITH_SUBDIR)
    get_filename_component(_subfolder ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  endif()
  foreach(_file ${MY_SCRIPTS} ${MY_RESOURCES})
    if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${_file})
      message(FATAL_ERROR "${MY_NAME} lists a file that does not exist: ${_file}")
    endif()
    get_filename_component(_folder ${_file} DIRECTORY)
    file(COPY ${CMAKE_CURRENT_SOURCE_DIR}/${_file}
      DESTINATION ${CMAKE_BINARY_DIR}/${Slicer_QTSCRIPTEDMODULES_LIB_DIR}/${_subfolder}/${_folder})
  endforeach()
  file(APPEND ${CMAKE_BINARY_DIR}/modules.txt "${MY_NAME} ${MY_WITH_GENERIC_TESTS} ${MY_WITH_SUBDIR}\\n")
endmacro()
macro(slicer_add_python_unittest)
  cmake_parse_arguments(MY "" "TESTNAME_PREFIX;SCRIPT" "SLICER_ARGS" ${ARGN})
  if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${MY_SCRIPT})
    message(FATAL_ERROR "a test does not exist: ${MY_SCRIPT}")
  endif()
  file(APPEND ${CMAKE_BINARY_DIR}/tests.txt "${MY_SCRIPT}\\n")
endmacro()
"""
GENERATE_CONFIG = """
foreach(_name HOMEPAGE CONTRIBUTORS DESCRIPTION ICONURL SCREENSHOTURLS DEPENDS LICENSE_FILE README_FILE)
  if("${EXTENSION_${_name}}" STREQUAL "")
    message(FATAL_ERROR "EXTENSION_${_name} is empty")
  endif()
  file(APPEND ${CMAKE_BINARY_DIR}/extension.txt "${_name}=${EXTENSION_${_name}}\\n")
endforeach()
"""


def listed(cmake: Path, suffixes: tuple[str, ...]) -> list[str]:
    words = re.sub(r"#.*", "", cmake.read_text(encoding="utf-8")).replace("(", " ").replace(")", " ").split()
    return [word for word in words if word.endswith(suffixes) and "${" not in word]


def in_tree(folder: Path, suffixes: tuple[str, ...]) -> list[str]:
    found = (path for path in folder.rglob("*") if path.suffix in suffixes and "__pycache__" not in path.parts)
    return sorted(path.relative_to(folder).as_posix() for path in found)


@pytest.mark.parametrize("folder", [MODULE, LIBRARY], ids=lambda folder: folder.name)
def test_every_file_is_listed_once_and_every_listed_file_exists(folder):
    # A kind of file that nobody thought of must not vanish from the package either.
    kinds = {path.suffix for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    kinds -= {".pyc"}
    tree = [name for name in in_tree(folder, tuple(kinds)) if Path(name).name != "CMakeLists.txt"]
    names = listed(folder / "CMakeLists.txt", tuple(kinds))
    assert sorted(names) == tree, "`make format` writes the lists anew"


@pytest.fixture(scope="module")
def build(tmp_path_factory) -> Path:
    """The build folder after `cmake`, with the files where the extension would have them."""
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    folder = tmp_path_factory.mktemp("extension")
    package = folder / "slicer"
    package.mkdir()
    for name, text in (
        ("SlicerConfig.cmake", SLICER_CONFIG),
        ("UseSlicer.cmake", USE_SLICER),
        ("GenerateConfig.cmake", GENERATE_CONFIG),
        ("CPack.cmake", 'file(WRITE ${CMAKE_BINARY_DIR}/packed.txt "")'),
    ):
        (package / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["cmake", "-S", str(REPOSITORY), "-B", str(folder / "build"), f"-DSlicer_DIR={package}"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    return folder / "build"


def test_cmake_configures_the_extension(build):
    assert (build / "modules.txt").read_text().split("\n")[:-1] == [
        "BreastFusionLib FALSE TRUE",  # in a folder of its own beside the module
        "BreastFusion TRUE FALSE",  # with Slicer's generic tests
    ]
    assert (build / "tests.txt").read_text().split() == ["BreastFusion.py", "BreastFusionInApplication.py"]
    assert (build / "packed.txt").exists()


def test_the_packaged_files_are_the_trees_files(build):
    for folder, target in ((LIBRARY, build / INSTALLED / "BreastFusionLib"), (MODULE, build / INSTALLED)):
        for name in in_tree(folder, (".py", ".ui", ".png", ".yaml", ".css")):
            assert (target / name).read_bytes() == (folder / name).read_bytes(), name


def test_the_installed_extension_opens(build, tmp_path):
    """The library is found beside the module, its recipes and style sheet with it."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from host import start; start()\n"
        "sys.path = [sys.argv[2]] + [p for p in sys.path if not p.endswith(('/BreastFusion', sys.argv[3]))]\n"
        "from host.opening import open_module, close_module\n"
        "widget = open_module('BreastFusion'); widget.enter()\n"
        "import BreastFusion, BreastFusionLib, BreastFusionPanel\n"
        "from importlib.util import find_spec; recipes = find_spec('BreastFusionLib.recipes').origin\n"
        "print(BreastFusion.__file__, BreastFusionLib.__file__, BreastFusionPanel.__file__, recipes, sep='\\n')\n"
        "widget.exit(); close_module('BreastFusion', widget)\n"
    )
    target = build / INSTALLED
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(target), REPOSITORY.name],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(target)},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    for line in done.stdout.strip().splitlines():
        assert Path(line).is_relative_to(target), line


def test_the_catalogue_entry_is_what_the_index_takes(build):
    """Keys of Slicer's catalogue schema v1.0.1, which allows no others; the same address and needs as in CMake."""
    entry = json.loads((REPOSITORY / "Resources" / "BreastFusion.json").read_text(encoding="utf-8"))
    required = {"$schema", "category", "scm_url"}
    optional = {"scm_revision", "scm_type", "build_dependencies", "build_subdirectory", "enabled", "tier"}
    assert required <= set(entry) <= required | optional
    assert entry["$schema"].endswith("/slicer-extension-catalog-entry-schema-v1.0.1.json#")
    assert entry["tier"] in (1, 3, 5)
    extension = dict(line.split("=", 1) for line in (build / "extension.txt").read_text().splitlines())
    assert extension["HOMEPAGE"].startswith(entry["scm_url"])
    assert extension["DEPENDS"].split() == entry["build_dependencies"]
    # The repository's name starts with Slicer, the extension's own does not.
    assert entry["scm_url"].rsplit("/", 1)[1] == "SlicerBreastFusion"


def test_the_catalogues_pictures_are_in_the_tree(build):
    extension = dict(line.split("=", 1) for line in (build / "extension.txt").read_text().splitlines())
    for url in (extension["ICONURL"], *extension["SCREENSHOTURLS"].split()):
        assert (REPOSITORY / url.split("/raw/main/")[1]).is_file(), url
    for name in ("LICENSE_FILE", "README_FILE"):
        assert Path(extension[name]).is_file()
    of_the_panel = sorted(path.name for path in (REPOSITORY / "Resources" / "Screenshots").glob("panel_*.png"))
    shown = {url.rsplit("/", 1)[1] for url in extension["SCREENSHOTURLS"].split()}
    assert [name for name in of_the_panel if name not in shown] == []


def test_the_icon_has_the_catalogues_size():
    header = (MODULE / "Resources" / "Icons" / "BreastFusion.png").read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", header[16:24]) == (128, 128)


def test_the_readme_names_the_system_libraries_that_the_makefile_installs():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    packages = re.search(r"^SYSTEM_PACKAGES := (.*)$", makefile, re.MULTILINE).group(1).split()
    named = (REPOSITORY / "README.md").read_text(encoding="utf-8").replace("`", " ").split()
    assert len(packages) > 3
    assert [name for name in packages if name not in named and f"{name}," not in named] == []
