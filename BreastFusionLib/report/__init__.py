"""Reports: pages that open anywhere and load nothing, with plots in one colour-blind safe style.

Functions take plain data (dictionaries as `evaluate_predictions` and `Reading.to_mapping` give them, images) and
return HTML or matplotlib figures; the `write_..` functions put a page where it belongs.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "DemoStory": "demo_page",
    "ExamplePictures": "example_cases",
    "LesionPictures": "pictures",
    "SurfaceError": "surface",
    "SurfacePicture": "surface",
    "auc_figure": "discrimination_figures",
    "confusion_figure": "discrimination_figures",
    "demo_html": "demo_page",
    "evaluation_figures": "evaluation_figures",
    "evaluation_html": "evaluation_page",
    "find_pictures": "example_cases",
    "inline_svg": "style",
    "methods_text": "evaluation_methods",
    "probability_scale": "probability_figure",
    "reading_html": "reading_page",
    "render_surfaces": "surface",
    "roc_figure": "discrimination_figures",
    "slice_panel": "slices",
    "time_intensity_figure": "course_figures",
    "training_figure": "course_figures",
    "write_demo_page": "demo_page",
    "write_evaluation_page": "evaluation_page",
    "write_reading_page": "reading_page",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import a public name's module when it is first asked for, so that the door itself costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
