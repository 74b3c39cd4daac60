"""The evaluation's page in a real browser: fits a phone and a desktop, prints, and draws what it should."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from BreastFusionLib.report import evaluation_html

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
pytestmark = [pytest.mark.skipif(not BROWSER, reason="no Chromium or Chrome is installed"), pytest.mark.slow]

# What overflows tells how far; the page itself has no script, so that the copy under test gets one.
MEASURE = """<script>
const wide = [...document.querySelectorAll('body *')].filter(
  one => !one.closest('.scroll') && !one.closest('svg') && one.getBoundingClientRect().right > innerWidth + 1);
parent.document.title = 'measured ' + document.documentElement.scrollWidth + ' of ' + innerWidth + ' ' +
  wide.map(one => one.tagName + '.' + one.className).join(' ');
</script></body>"""


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run the browser on a page without window and network."""
    profile = tmp_path_factory.mktemp("profile")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync", f"--user-data-dir={profile}"]

    def run(page: Path, *more: str) -> str:
        command = [BROWSER, *flags, *more, page.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

    return run


@pytest.fixture
def page(evaluation: dict[str, Any], tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(evaluation_html(evaluation), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [390, 820, 1200])
def test_nothing_is_wider_than_the_window(browse: Any, page: Path, width: int) -> None:
    # A window is never narrower than 500, a frame in it is as narrow as a phone.
    measured = html.escape(page.read_text(encoding="utf-8").replace("</body>", MEASURE))
    frame = f'<iframe width="{width}" height="900" srcdoc="{measured}"></iframe>'
    page.write_text(f"<!DOCTYPE html><html><head><title></title></head><body>{frame}</body></html>", encoding="utf-8")
    shown = browse(page, "--window-size=1400,1000", "--dump-dom")
    title = re.search(r"<title>measured (\d+) of (\d+) (.*?)</title>", shown)
    assert title is not None and int(title[2]) == width
    assert int(title[1]) <= width and title[3] == "", title[0]


def test_the_page_is_drawn_in_the_models_colours(browse: Any, page: Path, tmp_path: Path) -> None:
    from PIL import Image

    browse(page, "--window-size=1200,3200", f"--screenshot={tmp_path / 'page.png'}")
    pixels = np.asarray(Image.open(tmp_path / "page.png").convert("RGB")).reshape(-1, 3)
    for color in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)):  # the lines of the two models
        assert np.count_nonzero((np.abs(pixels.astype(int) - color) < 3).all(axis=1)) > 200


def test_the_page_prints_on_a_few_sheets(browse: Any, page: Path, tmp_path: Path) -> None:
    browse(page, "--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'page.pdf'}")
    printed = (tmp_path / "page.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 12
