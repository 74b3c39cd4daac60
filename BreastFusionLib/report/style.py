"""One look for all plots: Okabe and Ito's colours, quiet axes, text that stays text.

Plots are matplotlib `Figure`s without pyplot, so that nothing global is touched; `inline_svg` puts one into a page,
where its ink and rules follow the page's light or dark colours.

Source of the colours: Okabe and Ito, Color Universal Design, 2008 (distinct for the common colour blindnesses).
"""

from __future__ import annotations

import contextlib
import hashlib
import html
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from BreastFusionLib.files import replacing
from BreastFusionLib.report.page import Html

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ACCENT", "INK", "OUTLINE", "RULE", "SOFT", "colors_of", "inline_svg", "new_figure", "save_figure"]

# Ink, soft ink and rules are replaced by the page's variables, so nothing else may have these very colours.
INK, SOFT, RULE = "#1b2430", "#5b6675", "#d9dee5"
ACCENT = "#0072b2"
OUTLINE = "#f0e442"

# Without black, which is ink, and yellow, which is too faint for a line on white. The last is the one to look at.
_SERIES = ("#56b4e9", "#009e73", "#e69f00", "#cc79a7", "#0072b2", "#d55e00")
_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)))

_RC: dict[Any, Any] = {
    "figure.dpi": 72,
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "breastfusion",
}


@contextlib.contextmanager
def new_figure(width_in: float, height_in: float) -> Iterator[tuple[Figure, Axes]]:
    """Yield a figure with one pair of axes in the house style; draw inside the `with`."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_RC):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        yield figure, axes
        # Laid out once: a figure is saved in several formats, and the layout is half of the work each time.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def colors_of(names: Sequence[str]) -> dict[str, tuple[str, object]]:
    """Return a colour and a line style for each name, the same wherever the same names are shown.

    The last name gets the strongest colour: models are listed from the simple to the complete.
    """
    series = _SERIES[-len(names) :] if len(names) < len(_SERIES) else _SERIES
    return {name: (series[n % len(series)], _DASHES[n // len(series) % len(_DASHES)]) for n, name in enumerate(names)}


def inline_svg(figure: Figure, description: str) -> Html:
    """Return a figure as SVG for a page, described in words for those who cannot see it."""
    import matplotlib

    stream = io.StringIO()
    with matplotlib.rc_context(_RC):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    drawn = stream.getvalue()
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn[drawn.index("<svg") :], flags=re.DOTALL)
    # Ids must be unique in a page that holds several figures.
    prefix = "s" + hashlib.sha256(drawn.encode()).hexdigest()[:8] + "-"
    drawn = drawn.replace("xlink:href", "href")
    drawn = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}", drawn)
    for color, variable in ((INK, "--ink"), (SOFT, "--soft"), (RULE, "--rule")):
        drawn = drawn.replace(color, f"var({variable}, {color})")
    drawn = re.sub(r'<svg[^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" role="img">', drawn, count=1)
    title = f"<title>{html.escape(description)}</title>"
    return Html(drawn.replace('role="img">', f'role="img">{title}', 1))


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Save a figure as .svg or .pdf with its letters inside: it looks alike in every program.

    Args:
        figure: of `new_figure`.
        path: with the suffix of the format.
    """
    import matplotlib

    target = Path(path)
    metadata = {"Date": None} if target.suffix == ".svg" else {"CreationDate": None}
    # Letters as outlines in SVG, as embedded fonts in PDF: journals take both, whatever fonts they have.
    with matplotlib.rc_context({**_RC, "svg.fonttype": "path", "pdf.fonttype": 42}), replacing(target) as temporary:
        figure.savefig(temporary, format=target.suffix[1:], metadata=metadata)
    return target
