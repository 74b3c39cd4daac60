"""What the program can do. An action takes its arguments by name and returns a mapping of JSON's own types."""

from __future__ import annotations

import inspect
import json
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.files import to_plain
from BreastFusionLib.reading.bundle import Bundle
from BreastFusionLib.reading.portion import Portion
from BreastFusionLib.reading.reader import NO_MEANING, Reader
from BreastFusionLib.reading.reading_folder import READING
from BreastFusionLib.service.bundles import LoadedBundles
from BreastFusionLib.service.transfer import read_case, write_exam_arrays, write_mapped
from BreastFusionLib.settings import to_mapping

__all__ = ["Actions", "Tell"]

Tell = Callable[[str, float | None, str], None]
"""Called as tell(stage, fraction of the request that is done or None, words for the screen)."""

# Stages of a reading: how far it then is, on a full-size exam and two cores, and what a person is told.
READING_STAGES = {
    "loading": (0.0, "Taking the images over"),
    "lesion": (0.1, "Measuring the lesion"),
    "mapping": (0.15, "Carrying the lesion over to T1 and T2"),
    "kinetics": (0.3, "Measuring the time-intensity curve"),
    "patches": (0.35, "Cutting out the images round the lesion"),
    "radiomics": (0.4, "Measuring radiomic features"),
    "projection": (0.65, "Projecting the breast"),
    "score": (0.7, "Asking the model"),
    "explain": (0.8, "Computing activation maps"),
}
WRITING = ("writing", 0.9, "Writing the reading")


class Actions:
    """The actions, and the bundles that they keep loaded."""

    def __init__(self, folder: Path) -> None:
        """Take the private folder; paths in requests may be relative to it."""
        self._folder = folder
        self._bundles = LoadedBundles()
        self._actions: dict[str, Callable[..., dict[str, Any]]] = {
            "info": self._info,
            "load": self._load,
            "read": self._read,
            "stability": self._stability,
            "map": self._map,
            "study": self._study,
            "phantom": self._phantom,
            "report": self._report,
            "exams": self._exams,
        }

    def run(self, name: str, arguments: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
        """Do what a request asks for.

        Args:
            name: of the action.
            arguments: by name.
            tell: called as the action goes on.

        Raises:
            InputError: no such action, missing or unknown arguments, or input that cannot be used.
        """
        if name not in self._actions:
            raise InputError(f"There is no action '{name}'. {nearest_known(name, self._actions)}")
        action = self._actions[name]
        try:
            bound = inspect.signature(action).bind(tell, **arguments)
        except TypeError as error:
            wanted = [parameter for parameter in inspect.signature(action).parameters if parameter != "tell"]
            raise InputError(f"The action '{name}' takes {', '.join(wanted) or 'nothing'}: {error}.") from error
        return to_plain(action(*bound.args, **bound.kwargs))

    def _info(self, tell: Tell) -> dict[str, Any]:
        from BreastFusionLib.features.radiomics import provider
        from BreastFusionLib.reading.devices import list_devices
        from BreastFusionLib.reading.versions import versions

        tell("devices", None, "Trying out the devices")
        try:
            radiomics = provider()
        except InputError:
            radiomics = None
        return {"versions": versions(radiomics=False), "devices": list_devices(), "radiomics": radiomics}

    def _load(self, tell: Tell, bundle: str, device: str = "auto") -> dict[str, Any]:
        started = time.perf_counter()
        is_warm = self._bundles.has(self._path(bundle), device)
        tell("load", 0.0, "Loading the model")
        loaded = self._bundle(bundle, device)
        if not is_warm:
            tell("warm-up", 0.5, "Warming up the model")
            _warm_up(loaded)
        return {
            "name": loaded.metadata.name,
            "version": loaded.metadata.version,
            "device": loaded.device,
            "device_reason": loaded.device_reason,
            "seconds": time.perf_counter() - started,
        }

    def _read(self, tell: Tell, case: str, bundle: str, out: str, device: str = "auto") -> dict[str, Any]:
        started = time.perf_counter()
        loaded, target = self._bundle(bundle, device), self._path(out)
        portion = self._portion(case, loaded)

        def stage(name: str) -> None:
            fraction, words = READING_STAGES.get(name, (None, name))
            tell(name, fraction, words)

        reading = Reader(loaded).read(portion.case, portion.scales, stage)
        tell(*WRITING)
        reading.write(target)
        return {"reading": reading.to_mapping(), "folder": str(target), "seconds": time.perf_counter() - started}

    def _stability(self, tell: Tell, case: str, bundle: str, device: str = "auto") -> dict[str, Any]:
        from BreastFusionLib.reading.stability import outline_range, outline_step_mm

        loaded = self._bundle(bundle, device)
        portion = self._portion(case, loaded)
        found = outline_range(portion.case, loaded, portion.scales, lambda words: tell("stability", None, words))
        if found is None:
            raise InputError(f"{NO_MEANING}.")
        return {"low": found[0], "high": found[1], "step_mm": outline_step_mm(portion.case.exam.dce.grid)}

    def _map(self, tell: Tell, case: str, to: str, out: str, registration: str = "none") -> dict[str, Any]:
        from BreastFusionLib.lesion import map_lesion

        portion, target = read_case(self._path(case)), self._path(out)
        if registration != "none" and portion.inputs.registration != registration:
            raise InputError("The exam was sent without the whole volumes that registration needs. Send it again.")
        if portion.case.lesion is None:
            raise InputError("The case is a whole breast: there is no lesion to carry over. Outline one first.")
        tell("mapping", None, "Registering the images" if registration != "none" else "Carrying the lesion over")
        mapped = map_lesion(portion.case.lesion, portion.case.exam, to, registration)
        target.mkdir(parents=True, exist_ok=True)
        return write_mapped(mapped, target)

    def _study(self, tell: Tell, folder: str, out: str) -> dict[str, Any]:
        from BreastFusionLib.exam import read_exam

        tell("headers", None, "Looking what the folder holds")
        exam = read_exam(self._path(folder))
        return {"exam": str(write_exam_arrays(exam, self._path(out), _volumes(tell, "Reading")))}

    def _phantom(self, tell: Tell, seed: int, number: int, out: str, small: bool = False) -> dict[str, Any]:
        from BreastFusionLib.lesion import measure
        from BreastFusionLib.phantom import make_exam

        tell("phantom", None, "Making a synthetic exam")
        made = make_exam(seed, number, small)
        return {
            "exam": str(write_exam_arrays(made.exam, self._path(out), _volumes(tell, "Writing"))),
            "lesion_center_lps": measure(made.lesion.mask).center_lps,
            "label": made.label,
            "side": made.lesion.side,
            "clinical": made.clinical,
        }

    def _report(self, tell: Tell, case: str, reading: Any, out: str) -> dict[str, Any]:
        tell("report", None, "Making the page")
        portion, target = read_case(self._path(case)), self._path(out)
        folder, content = (target, reading) if isinstance(reading, Mapping) else _reading_in(self._path(reading))
        try:
            from BreastFusionLib.report import write_reading_page

            page = write_reading_page(content, portion.case.exam, portion.case.lesion, folder)
        except ImportError as error:
            raise InputError(
                f"The page needs the Python package '{error.name}', which is not installed. Install it, or save the "
                "reading without its page."
            ) from error
        if target.resolve() != folder.resolve():
            target.mkdir(parents=True, exist_ok=True)
            page = Path(shutil.copy(page, target))
        return {"page": str(page)}

    def _exams(
        self,
        tell: Tell,
        exams: Any,
        bundle: str,
        out: str,
        device: str = "auto",
        clinical: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        from BreastFusionLib.reading.batch import TABLE, read_many

        tell("load", None, "Loading the model")
        loaded, target = self._bundle(bundle, device), self._path(out)

        def progress(done: int, total: int, words: str) -> None:
            tell("exams", done / total, f"Reading {words}" if done < total else "All exams are read")

        given = [exams] if isinstance(exams, str) else exams
        rows = read_many([self._path(exam) for exam in given], loaded, target, progress, clinical)
        return {"rows": rows, "table": str(target / TABLE)}

    def _path(self, path: str) -> Path:
        return self._folder / path

    def _bundle(self, folder: str, device: str) -> Bundle:
        return self._bundles.get(self._path(folder), device)

    def _portion(self, folder: str, bundle: Bundle) -> Portion:
        """Read a case that was cut for this bundle: for another one, what it needs may not be there."""
        portion = read_case(self._path(folder))
        if to_mapping(portion.inputs) != to_mapping(bundle.recipe.inputs):
            raise InputError("The case was prepared for another model, or the model was replaced. Classify again.")
        return portion


def _warm_up(bundle: Bundle) -> None:
    """Read a small phantom, so that everything is imported and has run once before somebody waits for it."""
    from BreastFusionLib.phantom import make_exam
    from BreastFusionLib.reading.model import Case

    phantom = make_exam(seed=0, number=1, small=True)
    Reader(bundle).read(Case(phantom.exam, phantom.lesion, clinical=phantom.clinical))


def _volumes(tell: Tell, verb: str) -> Callable[[int, int], None]:
    return lambda done, total: tell("volumes", done / total, f"{verb} volume {done} of {total}")


def _reading_in(path: Path) -> tuple[Path, Any]:
    """Return the folder of a reading and its content, from the folder or from its reading.json."""
    file = path if path.is_file() else path / READING
    try:
        return file.parent, json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} holds no reading ({error}). Classify the lesion, and save again.") from error
