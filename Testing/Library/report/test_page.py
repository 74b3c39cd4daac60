"""The page's building blocks: everything is escaped, nothing is loaded, the document is well formed."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from BreastFusionLib.report.page import Html, bullets, code, columns, element, join, page, section, table, tiles

HOSTILE = """<script>alert("1 & 2")</script>'"""


def parsed(document: str) -> ElementTree.Element:
    """Parse a page strictly, as XML: an unclosed tag or a bare < would raise."""
    return ElementTree.fromstring(document.removeprefix("<!DOCTYPE html>"))


def test_text_is_escaped_wherever_it_goes_in() -> None:
    document = page(
        HOSTILE,
        section(HOSTILE, bullets([HOSTILE]), code(HOSTILE), lead=HOSTILE),
        tiles([(HOSTILE, HOSTILE)]),
        columns(element("p", HOSTILE, title=HOSTILE)),
        table([HOSTILE], [[HOSTILE]], caption=HOSTILE),
        subtitle=HOSTILE,
        eyebrow=HOSTILE,
    )
    assert "<script" not in document
    root = parsed(document)
    assert root.findtext("head/title") == HOSTILE
    assert root.find(".//p[@title]").attrib["title"] == HOSTILE  # type: ignore[union-attr]
    assert root.findtext(".//td") == HOSTILE


def test_html_is_not_escaped_twice() -> None:
    inner = element("b", "a & b")
    assert inner == "<b>a &amp; b</b>"
    assert element("p", inner, " < c") == "<p><b>a &amp; b</b> &lt; c</p>"
    assert isinstance(join([inner, "&"]), Html)


def test_a_table_sets_numbers_right_and_shows_what_is_missing_as_a_dash() -> None:
    cells = parsed(table(["name", "AUC"], [["a", None]])).findall(".//td")
    assert [(cell.text, cell.get("class")) for cell in cells] == [("a", None), ("–", "number")]


def test_a_page_says_what_it_is_not() -> None:
    assert "Research use only. Not a medical device." in page("Anything")
