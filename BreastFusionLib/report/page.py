"""Building blocks of a self-contained HTML page: elements, tables, figures, sections, and the page round them.

Text is escaped wherever it goes in; only what these functions return (`Html`) passes as it is. A page loads nothing:
its style sheet, figures and pictures are inside, so that it opens from a mail or a memory stick and prints well.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from BreastFusionLib import DISCLAIMER, __version__

__all__ = [
    "Html",
    "bullets",
    "code",
    "columns",
    "details",
    "disclaimer",
    "element",
    "figure",
    "join",
    "page",
    "paragraph",
    "picture",
    "png_uri",
    "section",
    "table",
    "tiles",
    "warnings",
]

_VOID = {"br", "hr", "img", "image", "meta"}


class Html(str):
    """Text that is HTML already, and so is not escaped again."""

    __slots__ = ()


def element(tag: str, *children: object, **attributes: str | float | None) -> Html:
    """Return an element; children that are not `Html` are escaped.

    Args:
        tag: its name.
        children: its content, one after the other; None is left out.
        attributes: `class_` becomes class, other underscores hyphens; None is left out.
    """
    named = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    opening = "".join(f' {key}="{html.escape(str(value))}"' for key, value in named.items())
    if tag in _VOID:
        return Html(f"<{tag}{opening}/>")
    return Html(f"<{tag}{opening}>{join(children)}</{tag}>")


def join(children: Iterable[object]) -> Html:
    """Return children one after the other, escaping what is not `Html`; None is left out."""
    return Html("".join(child if isinstance(child, Html) else _text(child) for child in children if child is not None))


def _text(words: object) -> str:
    # A per-cent sign never begins a line.
    return html.escape(str(words)).replace(" %", "\u00a0%")


def paragraph(*children: object, class_: str | None = None) -> Html:
    """Return a paragraph."""
    return element("p", *children, class_=class_)


def bullets(items: Iterable[object]) -> Html:
    """Return a bulleted list."""
    return element("ul", *(element("li", item) for item in items))


def code(text: str) -> Html:
    """Return lines of commands or code as they are."""
    return element("pre", element("code", text))


def details(summary: str, *children: object) -> Html:
    """Return a part that opens on a click (and is closed at first)."""
    return element("details", element("summary", summary), *children)


def columns(*items: object, at_least_px: int = 300) -> Html:
    """Return items side by side, as many as fit, each at least so wide; on a phone one below the other."""
    return element("div", *items, class_="columns", style=f"--least:{at_least_px}px")


def tiles(facts: Sequence[tuple[str, str]]) -> Html:
    """Return large figures with small words: pairs of (value, what it is)."""
    return element(
        "div",
        *(element("div", element("b", value), element("span", words), class_="tile") for value, words in facts),
        class_="tiles",
    )


def warnings(sentences: Sequence[str], heading: str = "Worth knowing") -> Html:
    """Return sentences that must not be overlooked; nothing when there are none."""
    if not sentences:
        return Html("")
    return element("aside", element("b", heading), bullets(sentences), class_="warning")


def disclaimer() -> Html:
    """Return the disclaimer, to stand where results are shown."""
    return element("p", DISCLAIMER, class_="disclaimer")


def table(
    header: Sequence[object],
    rows: Sequence[Sequence[object]],
    text_columns: int = 1,
    caption: object = None,
    stacked: bool = False,
) -> Html:
    """Return a table that scrolls sideways by itself where the screen is narrow.

    Args:
        header: one cell a column.
        rows: cells; None shows as a dash.
        text_columns: so many first columns hold text; the others hold numbers and are set right.
        caption: words above it.
        stacked: intervals stand below their values, so that more columns fit.
    """

    def line(cells: Sequence[object], tag: str) -> Html:
        return element(
            "tr",
            *(
                element(tag, "–" if cell is None else cell, class_=None if column < text_columns else "number")
                for column, cell in enumerate(cells)
            ),
        )

    body = element(
        "table",
        element("caption", caption) if caption is not None else None,
        element("thead", line(header, "th")),
        element("tbody", *(line(row, "td") for row in rows)),
        class_="stacked" if stacked else None,
    )
    return element("div", body, class_="scroll")


def figure(content: Html, caption: object = None, class_: str | None = None) -> Html:
    """Return a figure (an inline SVG or a picture) with its caption."""
    return element("figure", content, element("figcaption", caption) if caption is not None else None, class_=class_)


def png_uri(png: bytes) -> str:
    """Return a PNG file's bytes as a data URI."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def picture(png: bytes, description: str) -> Html:
    """Return a PNG as an image inside the page.

    Args:
        png: the file's bytes.
        description: what is seen, for those who cannot see it.
    """
    return element("img", src=png_uri(png), alt=description)


def section(title: str, *blocks: object, lead: object = None) -> Html:
    """Return a section: heading, a sentence that says what is to be seen (`lead`), and its blocks."""
    return element(
        "section",
        element("h2", title),
        element("p", lead, class_="lead") if lead is not None else None,
        *blocks,
        id=re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-"),
    )


def page(title: str, *blocks: object, subtitle: object = None, eyebrow: str = "BreastFusion") -> str:
    """Return the whole HTML document.

    Args:
        title: on top and in the browser's tab.
        blocks: sections and other parts.
        subtitle: a sentence below the title.
        eyebrow: small words over the title.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        # A style sheet is no text: escaping would break its selectors.
        element("style", Html(Path(__file__).with_name("page.css").read_text(encoding="utf-8"))),
    )
    top = element(
        "header",
        element("p", eyebrow, class_="eyebrow"),
        element("h1", title),
        element("p", subtitle, class_="subtitle") if subtitle is not None else None,
    )
    footer = element("footer", element("p", f"BreastFusion {__version__}"), disclaimer())
    return f'<!DOCTYPE html>\n<html lang="en">{head}<body>{top}{element("main", *blocks)}{footer}</body></html>\n'
